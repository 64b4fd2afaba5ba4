"""JSON sources: one file of collections, RxDB's dump of a database, or a folder with one file per record.

Formats: data.json and the guide's export (formats/pjais.md §1.3, §1.9), exportJSON (formats/rxdb.md §7), our
own export, and the app's persona, memory and plugin files (formats/pjais.md §1.7).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pjais import canonical
from pjais.model import Document, Snapshot, Unreadable
from pjais.read.jsonstream import Broken, Cut, JsonStream, Malformed, Value

ENVELOPE = frozenset(
    {"version", "exportedAt", "metadata", "name", "instanceToken", "schemaHash", "passwordHash", "format"}
)
"""Top-level members that describe the export itself and are no document of anybody's."""

KNOWN = frozenset({"personas", "memories", "memoryEntities", "memory_entities", "conversations", "plugins"})
"""Collections that must be arrays; anything else under these names is broken."""

LOOSE = "$loose"
"""The collection of top-level members that are neither an array nor part of the envelope."""

_RAW_LIMIT = 8 << 20
_NOT_UTF8 = ("invalid-utf8",)


def read_export(snapshot: Snapshot) -> Iterator[Document | Unreadable]:
    """A file of named arrays (`personas`, `memories`, ...) or one plain array of records.

    In our own export tagged values (NaN, bytes) are what they stand for.
    """
    own = snapshot.dialect == "pjais-export"
    for piece in _whole(snapshot.path, _export):
        yield piece._replace(value=canonical.untag(piece.value)) if own and isinstance(piece, Document) else piece


def read_dump(snapshot: Snapshot) -> Iterator[Document | Unreadable]:
    """RxDB's exportJSON of a database (`collections: [{name, docs}]`) or of one collection (`name, docs`)."""
    return _whole(snapshot.path, _dump_object)


def _whole(
    path: Path, body: Callable[[JsonStream], Iterator[Document | Unreadable]]
) -> Iterator[Document | Unreadable]:
    """What `body` finds in a file, and what is left of the file where it breaks off."""
    with JsonStream(path) as stream:
        reason = "text after the end of the JSON value"
        try:
            yield from body(stream)
        except Cut:
            return
        except Malformed as error:
            reason = str(error)
        rest = stream.rest(reason)
        if rest is not None:
            yield _unreadable("$file", rest)
        elif not reason.startswith("text after"):
            yield Unreadable("$file", f"byte {stream.place}", b"", f"not JSON: {reason}")


def _export(stream: JsonStream) -> Iterator[Document | Unreadable]:
    return _documents(stream, None) if stream.peek() == "[" else _members(stream)


def read_folder(snapshot: Snapshot) -> Iterator[Document | Unreadable]:
    """The app's own folders: `personas/*.json`, `memory/*.json`, `plugins/*/*.json`, one record a file."""
    for file in snapshot.files:
        relative = Path(file.original)
        collection = {"personas": "personas", "memory": "memories"}.get(relative.parts[-2])
        if collection is None:
            collection = "plugins" if relative.name == "plugin.json" else "plugin_manifests"
        native_id = relative.stem if collection in ("personas", "memories") else relative.parent.name
        with JsonStream(snapshot.folder / file.stored) as stream:
            item = stream.value()
            tail = None if isinstance(item, Broken) else stream.rest("text after the end of the JSON value")
        if isinstance(item, Value) and tail is None:
            yield _document(collection, item, native_id)._replace(place=file.original)
        else:
            raw = (snapshot.folder / file.stored).read_bytes()[:_RAW_LIMIT]
            reason = item.reason if isinstance(item, Broken) else "text after the end of the JSON value"
            yield Unreadable(collection, file.original, raw, f"not JSON: {reason}")


def read_damaged(snapshot: Snapshot) -> Iterator[Document | Unreadable]:
    """A file whose content is not what its name says: one unreadable piece."""
    with snapshot.path.open("rb") as file:
        raw = file.read(_RAW_LIMIT)
        whole = not file.read(1)
    reason = snapshot.damage or "not readable"
    yield Unreadable("$file", "byte 0", raw, reason if whole else f"{reason}; its first 8 MiB are kept here")


def _members(stream: JsonStream) -> Iterator[Document | Unreadable]:
    met: Counter[str] = Counter()
    for key in stream.members():
        if stream.peek() == "[":
            yield from _documents(stream, key)
        else:
            yield from _loose(stream, key, met, KNOWN)


def _loose(stream: JsonStream, key: str, met: Counter[str], lists: frozenset[str]) -> Iterator[Document | Unreadable]:
    """A top-level member that is no list: part of the envelope, or carried whole; a known list's name is an error."""
    item = stream.value()
    if isinstance(item, Broken):
        yield _unreadable(key, item)
    elif key in lists:
        raw = canonical.dumps(item.value).encode("utf-8", "replace")[:_RAW_LIMIT]
        yield Unreadable(key, f"byte {item.place}", raw, "not a list of records")
    elif key not in ENVELOPE:
        met[key] += 1
        name = key if met[key] == 1 else f"{key}#{met[key]}"
        yield Document(LOOSE, name, f"byte {item.place}", {"$value": item.value})


def _documents(stream: JsonStream, key: str | None) -> Iterator[Document | Unreadable]:
    for item in stream.items():
        if isinstance(item, Broken):
            yield _unreadable(key or "$file", item)
        else:
            yield _document(key or collection_of(item.value), item)


def _dump_object(stream: JsonStream, depth: int = 0) -> Iterator[Document | Unreadable]:
    name: str | None = None
    waiting: list[Document | Unreadable] = []
    met: Counter[str] = Counter()
    for key in stream.members():
        if key == "name":
            item = stream.value()
            name = str(item.value) if isinstance(item, Value) else None
        elif key == "collections" and stream.peek() == "[":
            for _ in stream.elements():
                if stream.peek() == "{" and depth < 2:
                    yield from _dump_object(stream, depth + 1)
                else:
                    yield from _loose(stream, key, met, frozenset({key}))
        elif key == "docs" and stream.peek() == "[":
            documents = _documents(stream, name or "$unnamed")
            if name is None:
                waiting.extend(documents)
            else:
                yield from documents
        else:
            yield from _loose(stream, key, met, frozenset({"docs", "collections"}))
    for document in waiting:
        yield document._replace(collection=name or "$unnamed")


def collection_of(value: Any) -> str:
    """What a record of an unnamed list is, by the keys that only one kind of record has."""
    keys = value.keys() if isinstance(value, dict) else {}.keys()
    if "messages" in keys:
        return "conversations"
    if "personaId" in keys or "persona_id" in keys:
        return "memories"
    if keys & {"personality", "personalityProfile", "memoryConfiguration", "privacySettings"}:
        return "personas"
    return "records"


def _document(collection: str, item: Value, native_id: str | None = None) -> Document:
    value, place, text, bad_bytes = item
    found = value.get("id") if isinstance(value, dict) else None
    if isinstance(found, str) or type(found) is int:
        native_id = str(found)
    return Document._make((collection, native_id, f"byte {place}", value, text, _NOT_UTF8 if bad_bytes else ()))


def _unreadable(collection: str, item: Broken) -> Unreadable:
    raw, reason = item.raw, f"not JSON: {item.reason}"
    if len(raw) > _RAW_LIMIT:
        raw, reason = (
            raw[:_RAW_LIMIT],
            f"{reason}; {len(item.raw)} bytes, of which the first 8 MiB are kept here",
        )
    return Unreadable(collection, f"byte {item.place}", raw, reason)
