"""A topic of Cherry Studio, put together of where the app keeps its parts.

Its messages are a row of `topics`, its name, dates and owner are in the state, the texts are blocks in a table of their
own (until version 3 in the messages).  The document keeps `{"topic": row, "meta": entry of the state}`, in which each
message stands with its blocks: `{"message": ..., "blocks": [...]}`.

Answers to one question (`askId`) are siblings: the one that is marked (`foldSelected`), else the first, is shown, the
others are branches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pjais.sources.apps import shape, values
from pjais.sources.apps.shape import Held, Path, Shape, Turn

KIND = "cherry-studio"

Blocks = Callable[[Any], Any]
"""Returns the block of an id; None if there is none."""


def joined(row: dict[str, Any] | None, meta: dict[str, Any] | None, block: Blocks) -> dict[str, Any]:
    """Return the parts of a topic as one object, each message with its blocks."""
    whole: dict[str, Any] = {}
    if row is not None:
        whole["topic"] = row
    if meta is not None:
        whole["meta"] = meta
    base = _base(whole)
    messages = whole.get(base, {}).get("messages")
    if isinstance(messages, list):
        whole[base] = {**whole[base], "messages": [_with_blocks(one, block) for one in messages]}
    return whole


def _base(whole: dict[str, Any]) -> str:
    """Return the part whose messages count: those in the state are empty, but for a topic without a row."""
    return "topic" if "topic" in whole else "meta"


def _with_blocks(message: Any, block: Blocks) -> dict[str, Any]:
    ids = values.as_list(values.as_dict(message).get("blocks"))
    found = [block(one) for one in ids if isinstance(one, str)]
    return {"message": message, "blocks": [one for one in found if one is not None]}


def parted(whole: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a topic as the app has them: `topic` and `meta` as far as they are there, and `blocks`."""
    blocks: list[Any] = []
    base = _base(whole)
    messages = values.as_dict(whole.get(base)).get("messages")
    if isinstance(messages, list):
        met: set[str] = set()
        for one in messages:
            for block in values.as_list(values.as_dict(one).get("blocks")):
                name = str(values.as_dict(block).get("id"))
                if name not in met:
                    met.add(name)
                    blocks.append(block)
        whole = {**whole, base: {**whole[base], "messages": [values.as_dict(one).get("message") for one in messages]}}
    return {**whole, "blocks": blocks}


def _shape(whole: dict[str, Any]) -> Shape:
    """Return the shape of a topic: each field is where it can be read, in the state first."""
    return Shape(
        KIND,
        Held("title", _where(whole, "name", _name), _name),
        _dated("createdAt", whole),
        *([_dated("updatedAt", whole)] if _when(whole, "updatedAt") is not None else ()),
    )


def _dated(field: str, whole: dict[str, Any]) -> Held:
    return shape.dated(field, *_where(whole, field, values.ms_of_text))


def _name(raw: Any) -> str | None:
    return raw if isinstance(raw, str) and raw else None


def _where(whole: dict[str, Any], key: str, read: Callable[[Any], Any]) -> Path:
    parts = [part for part in ("meta", "topic") if read(values.as_dict(whole.get(part)).get(key)) is not None]
    return (*(parts or ["meta"])[:1], key)


def _when(whole: dict[str, Any], key: str) -> int | None:
    part, _ = _where(whole, key, values.ms_of_text)
    return values.ms_of_text(values.as_dict(whole.get(str(part))).get(key))


def document(whole: dict[str, Any], more: dict[str, Any], attached: dict[int, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the document of a topic; `attached`: what messages say of their attachments, by their number."""
    everything, shown = turns(whole)
    for turn in everything:
        if found := attached.get(_number(turn)):
            turn.metadata["attachments"] = found
    if _when(whole, "updatedAt") is None:
        more = {**more, "updatedAt": values.iso(max(_instants(whole), default=None))}
    return _shape(whole).document(whole, more, turns=everything, shown=shown)


def native(value: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of the topic that a document was made of, with what was edited since."""
    kept = values.as_dict(values.as_dict(value.get("extra")).get(KIND))
    return parted(_shape(kept).native(value))


def _number(turn: Turn) -> int:
    last = turn.path[-1]
    return last if isinstance(last, int) else -1


def _instants(whole: dict[str, Any]) -> Iterator[int]:
    """Yield when the messages were written: the newest tells when a topic was changed, if the state does not."""
    for one in values.as_list(values.as_dict(whole.get(_base(whole))).get("messages")):
        message = values.as_dict(values.as_dict(one).get("message"))
        for key in ("createdAt", "updatedAt"):
            at = values.ms_of_text(message.get(key))
            if at is not None:
                yield at


# -- messages


def messages_of(whole: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any], list[dict[str, Any]]]]:
    """Yield (number, message, blocks) of each message of a topic that is an object."""
    base = _base(whole)
    for number, one in enumerate(values.as_list(values.as_dict(whole.get(base)).get("messages"))):
        message = values.as_dict(one).get("message")
        if isinstance(message, dict):
            yield number, message, [each for each in values.as_list(one.get("blocks")) if isinstance(each, dict)]


def turns(whole: dict[str, Any]) -> tuple[list[Turn], list[Turn]]:
    """Return all messages of a topic, and those that were shown."""
    base = _base(whole)
    groups = _groups(whole)
    siblings = {number: question for question, numbers in groups.items() if len(numbers) > 1 for number in numbers}
    known = {name for _, message, _ in messages_of(whole) if isinstance(name := message.get("id"), str)}
    asked: dict[str, str | None] = {}
    """What a group whose question is gone follows."""
    everything: list[Turn] = []
    shown: list[Turn] = []
    previous: str | None = None
    for number, message, blocks in messages_of(whole):
        question = siblings.get(number)
        above = previous
        if question is not None:
            above = question if question in known else asked.setdefault(question, previous)
        turn = _turn((base, "messages", number), message, blocks, above)
        everything.append(turn)
        if question is None or groups[question][0] == number:
            shown.append(turn)
            previous = turn.id
    return everything, shown


def _groups(whole: dict[str, Any]) -> dict[str, list[int]]:
    """Return the numbers of the answers to each question, by its id; the one that is shown comes first."""
    found: dict[str, list[int]] = {}
    marked: dict[str, int] = {}
    for number, message, _ in messages_of(whole):
        question = message.get("askId")
        if isinstance(question, str) and question and message.get("role") != "user":
            found.setdefault(question, []).append(number)
            if message.get("foldSelected") is True:
                marked.setdefault(question, number)
    return {
        question: sorted(numbers, key=lambda one: one != marked.get(question)) for question, numbers in found.items()
    }


def _turn(path: Path, message: dict[str, Any], blocks: list[dict[str, Any]], parent: str | None) -> Turn:
    text, text_at = _text(message, blocks)
    kinds = [one["type"] if isinstance(one.get("type"), str) else "unknown" for one in blocks]
    metadata: dict[str, Any] = {}
    role = message.get("role")
    role = values.first_text(role) or "unknown"
    if message.get("type") == "clear":
        role = "system"
        metadata["kind"] = "clear"
    elif kinds and set(kinds) <= {"error"}:
        metadata["kind"] = "error"
    if role not in ("user", "assistant"):
        metadata["hidden"] = True
    model = message.get("modelId") or values.as_dict(message.get("model")).get("id")
    if isinstance(model, str) and model:
        metadata["model"] = model
    if kinds:
        metadata["blocks"] = kinds
    name = message.get("id")
    native_id = name if isinstance(name, str) and name else None
    return Turn(path, role, text, values.ms_of_text(message.get("createdAt")), native_id, parent, text_at, metadata)


def _text(message: dict[str, Any], blocks: list[dict[str, Any]]) -> tuple[str, Path | None]:
    """Return the text of a message, and where in its node it stands if it is one piece."""
    for kind in ("main_text", "code"):
        found = [
            (number, one["content"])
            for number, one in enumerate(blocks)
            if one.get("type") == kind and isinstance(one.get("content"), str)
        ]
        if len(found) == 1:
            return found[0][1], ("blocks", found[0][0], "content")
        if found:
            return "\n\n".join(text for _, text in found if text), None
    content = message.get("content")  # until version 3
    return (content, ("message", "content")) if isinstance(content, str) else ("", None)
