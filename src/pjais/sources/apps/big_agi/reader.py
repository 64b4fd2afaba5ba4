"""Recognise big-AGI's exports, and read them conversation by conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pjais.core.document import Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import entries, redaction, values
from pjais.sources.apps.big_agi.conversation import (
    ENTRIES,
    KIND,
    document,
    documents_in,
    pictures_in,
    turns_of,
    undated,
)

FOLDERS = "big_agi_folders"
_SECRETS = ("models", "sources")
"""Where the keys of services are, under many names."""

_ONE = frozenset({"id", "messages", "systemPurposeId"})
_ALL = frozenset({"conversations", "models", "folders"})


def form(container: Container) -> Literal["all", "one"] | None:
    """Return whether a file holds all conversations or one; None for any other file."""
    if container.form != "file":
        return None
    head = values.json_head(container, container.names[0])
    if head.form != "object" or "mapping" in head.keys:
        return None
    if "conversations" in head.keys:
        if head.keys >= _ALL and ('"sources"' in head.text or '"enableFolders"' in head.text):
            return "all"
        ends = entries.tail(container)
        told = '"systemPurposeId"' in head.text or '"systemPurposeId"' in ends or '"enableFolders"' in ends
        return "all" if told and _has_messages(head.text) and head.keys <= _ALL else None
    if head.keys >= _ONE:
        return "one"
    is_large = {"id", "messages"} <= head.keys and '"systemPurposeId"' in entries.tail(container)
    return "one" if is_large and _has_messages(head.text) else None


def _has_messages(text: str) -> bool:
    return ('"fragments"' in text and '"fId"' in text) or ('"text"' in text and '"sender"' in text)


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in an export."""
    name = container.names[0]
    if form(container) == "one":
        for item in values.items(container, name, "conversations"):
            yield from [item] if isinstance(item, Unreadable) else _conversation(name, item)
        return

    def collection(keys: entries.Keys) -> str:
        return {("conversations",): "conversations", ("folders", "folders"): FOLDERS}.get(keys, ENTRIES)

    found = entries.entries(
        container, name, collection, objects=frozenset({("folders",)}), lists=lambda keys: collection(keys) != ENTRIES
    )
    for keys, item, is_element in found:
        if isinstance(item, Unreadable):
            yield item
        elif not is_element:
            yield from redaction.entry(ENTRIES, ".".join(keys), name, item, _SECRETS)
        elif keys == ("conversations",):
            yield from _conversation(name, item)
        elif isinstance(item.value, dict):
            held = values.text_or_none(item.value.get("id")) or values.fingerprint(item.value)
            yield values.document(FOLDERS, held, name, item, item.value)
        else:
            yield values.unexpected(FOLDERS, name, item, "not a folder: not an object")


def _conversation(name: str, item: Value) -> Iterator[Piece]:
    native = item.value
    found = native.get("id") if isinstance(native, dict) else None
    if not isinstance(native, dict) or not isinstance(found, str) or not found:
        yield Unreadable("conversations", values.place(name, item.place), b"", "not a conversation with an id")
        return
    where = values.place(name, item.place)
    native, secrets = redaction.redacted(native, _SECRETS)  # a broken one may have run into them
    if secrets:
        item = item._replace(text=None)
        yield from redaction.remarks("conversations", where, secrets)
    turns = turns_of(native)
    yield from values.unreadable_dates(where, undated(native))
    if len(turns) < len(values.as_list(native.get("messages"))):
        yield Remark("odd-message", "conversations", where, "messages that are not objects; kept as they are")
    for turn in turns:
        message = native["messages"][turn.path[1]]
        attached: list[dict[str, Any]] = []
        for called, media, text in documents_in(message):
            kept = values.attachment_of(text.encode("utf-8", "surrogatepass"), where, called, media)
            yield kept
            attached.append(values.reference(kept))
        attached += pictures_in(message)
        if attached:
            turn.metadata["attachments"] = attached
    yield values.document("conversations", found, name, item, document(native, values.identity(KIND, found), turns))
