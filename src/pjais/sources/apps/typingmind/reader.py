"""Read TypingMind's export, one chat at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pjais.core.document import Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import entries, parts, redaction, values
from pjais.sources.apps.typingmind.chat import CHARACTER, KIND, SHAPE, turns, undated

OTHERS = "typingmind_settings"
"""The collection of members of the file that are not lists."""

_CHATS = re.compile(r'"chats"\s*:\s*\[\s*\{')


def exports(container: Container) -> tuple[str, ...]:
    """Return the members that are exports of TypingMind."""
    names = container.names if container.form == "file" else container.called("*.json")
    return tuple(name for name in names if _is_export(container, name))


def _is_export(container: Container, name: str) -> bool:
    head = values.json_head(container, name)
    if head.form != "object" or not head.keys & {"data", "chats"}:
        return False
    if _CHATS.search(head.text) is not None:
        return '"chatID"' in head.text
    return all(f'"{key}"' in head.text for key in ("chats", "userPrompts", "userCharacters"))


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in the exports of a container."""
    found = exports(container)
    met: set[str] = set()
    for name in found:
        read = entries.entries(
            container, name, lambda _: "conversations", objects=frozenset({("data",)}), lists=lambda _: True
        )
        for keys, item, is_element in read:
            if isinstance(item, Unreadable):
                yield item
            elif item.value == [] and not is_element:
                continue
            elif keys[-1] == "chats":
                yield from _chat(name, item, met)
            else:
                yield from _other(name, keys[-1], item, is_element)
    for name in container.names if container.form != "file" else ():
        if name not in found:
            message = "not a known part of TypingMind's export; not read, it is only in the raw backup"
            yield Remark("not-typingmind", "$file", name, message)


def _chat(name: str, item: Value, met: set[str]) -> Iterator[Piece]:
    native, where = item.value, values.place(name, item.place)
    found = native.get("chatID") if isinstance(native, dict) else None
    if not isinstance(found, str) or not found:
        yield values.unexpected("conversations", name, item, "a chat without a chatID")
        return
    about, hidden = redaction.redacted_settings({key: one for key, one in native.items() if key != "messages"})
    if hidden:
        native = {key: about.get(key, one) for key, one in native.items()}
        item = item._replace(text=None)  # the text has them, too
        yield from redaction.remarks("conversations", where, hidden)
    everything = turns(native)
    messages = native.get("messages")
    if not isinstance(messages, list):
        yield Remark("empty-conversation", "conversations", where, "its messages are not a list; kept as it is")
    elif len(everything) < len(messages):
        yield Remark("odd-message", "conversations", where, "messages that are not objects; kept as they are")
    for turn in everything:
        attached = yield from parts.attached(native["messages"][turn.path[1]].get("content"), where, met)
        if attached:
            turn.metadata["attachments"] = attached
    yield from values.unreadable_dates(where, undated(native))
    value = SHAPE.document(native, {"id": values.identity(KIND, found)}, turns=everything)
    yield values.document("conversations", found, name, item, value)


def _other(name: str, key: str, item: Value, is_element: bool) -> Iterator[Piece]:
    """Yield a character as a persona, another element for a table of its list, a setting; without credentials."""
    if not is_element:
        yield from redaction.entry(OTHERS, key, name, item)
        return
    value, hidden = redaction.redacted_settings(item.value)
    item = item._replace(text=None) if hidden else item
    table = f"{KIND}_{re.sub(r'(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+', '_', key).lower()}"
    yield from redaction.remarks(table, values.place(name, item.place), hidden)
    value = value if isinstance(value, dict) else {"value": value}
    native_id = next((value[each] for each in ("id", "uuid") if isinstance(value.get(each), str) and value[each]), None)
    if key == "userCharacters" and native_id is not None:
        persona = CHARACTER.document(value, {"id": values.identity(KIND, native_id)})
        yield values.document("personas", native_id, name, item, persona)
    else:
        yield values.document(table, native_id or values.fingerprint(value), name, item, value)
