"""JSON sources: one file of collections, RxDB's dump of a database, or a folder with one file per record.

Formats: `data.json`, the guide's export, RxDB's `exportJSON()`, our own export, and the app's persona, memory and
plugin files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pjais import canonical, delta
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.core.snapshot import Snapshot
from pjais.formats.json_stream import Broken, Cut, JsonStream, Malformed, Value

ENVELOPE = frozenset(
    {"version", "exportedAt", "metadata", "name", "instanceToken", "schemaHash", "passwordHash", "format"}
)
"""Top-level members that describe the export itself and are not documents."""

KNOWN = frozenset({"personas", "memories", "memoryEntities", "memory_entities", "conversations", "plugins"})
"""Collections that must be arrays; any other value under these names is invalid."""

_OF_A_PERSONA = frozenset(
    {
        "personality",
        "personalityProfile",
        "memoryConfiguration",
        "privacySettings",
        "memory_configuration",
        "privacy_settings",
        "personality_traits",
    }
)

LOOSE = "$loose"
"""The collection of top-level members that are neither an array nor part of the envelope."""

_RAW_LIMIT = 8 << 20
_NOT_UTF8 = ("invalid-utf8",)
_NO_BYTES: dict[str, bytes] = {}
_made = Document._make  # less work than calling the class


class Ahead:
    """Lets the caller of `read_export` pass by documents that follow the one it was just given in the same list."""

    def __init__(self) -> None:
        self.is_possible = False
        """False in lists of personas, which are looked into, and where each document has a collection of its own."""
        self.count = 0
        """Number of documents that the caller wants to pass by."""
        self.comma = 0
        """The byte of the comma after the last of them."""


def read_export(
    snapshot: Snapshot, *, raw: bool = False, own: bool = False, ahead: Ahead | None = None
) -> Iterator[Piece]:
    """Read named arrays (`personas`, `memories`, ...), plain arrays of records, or records, one after the other.

    The export of guide A (docs/guides.md) is two plain arrays in one file.  In our own export tagged values (NaN,
    bytes) are decoded.  `own`: it is ours.  `raw`: documents in lists of the file's first value have their text.
    `ahead`: after each of these the caller may pass by the next ones.
    """
    for piece in _whole(snapshot, partial(_export, ahead=ahead), raw=raw):
        yield piece._replace(value=canonical.untag(piece.value)) if own and isinstance(piece, Document) else piece


def read_dump(snapshot: Snapshot) -> Iterator[Piece]:
    """Read RxDB's exportJSON of a database (`collections: [{name, docs}]`) or of one collection (`name, docs`)."""
    return _whole(snapshot, _dump_object)


def _whole(snapshot: Snapshot, body: Callable[[JsonStream], Iterator[Piece]], *, raw: bool = False) -> Iterator[Piece]:
    """Yield the pieces that `body` finds in each value of a file, and the rest of the file if it breaks off."""
    with JsonStream(snapshot.open(), raw=raw) as stream:
        reason = "text after the end of the JSON value"
        try:
            yield from body(stream)
            stream.raw = False
            while stream.another():
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


def _export(stream: JsonStream, ahead: Ahead | None = None) -> Iterator[Piece]:
    if stream.peek() == "[":
        return _documents(stream, None)
    return _record(stream) if _is_record(frozenset(stream.keys_ahead())) else _members(stream, ahead or Ahead())


def _is_record(keys: frozenset[str]) -> bool:
    """Return whether an object is one record, not an envelope of lists; a persona may have a list of `memories`."""
    kind = _kind_of(keys)
    if "id" in keys:
        return kind != "records" or not keys & KNOWN
    return kind in ("personas", "memories") and not keys & KNOWN


def _record(stream: JsonStream) -> Iterator[Document | Unreadable]:
    item = stream.value()
    yield _unreadable("$file", item) if isinstance(item, Broken) else _document(collection_of(item.value), item)


def read_folder(snapshot: Snapshot) -> Iterator[Document | Unreadable]:
    """Read the app's own folders: `personas/*.json`, `memory/*.json`, `plugins/*/*.json`, one record per file."""
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
    """Read a file whose content is not what its name says, as one unreadable piece."""
    with snapshot.open() as file:
        raw = delta.read_at(file, 0, _RAW_LIMIT)
        whole = not file.read(1)
    reason = snapshot.damage or "not readable"
    yield Unreadable("$file", "byte 0", raw, reason if whole else f"{reason}; its first 8 MiB are kept here")


def _members(stream: JsonStream, ahead: Ahead) -> Iterator[Piece]:
    met: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    told: list[Value] = []
    for key in stream.members():
        if stream.peek() == "[":
            ahead.is_possible = stream.raw and key not in ("", "personas")
            for piece in _documents(stream, key):
                counts[key] += 1
                counts["active"] += key == "personas" and _is_active(piece)
                yield piece
                if ahead.count:
                    counts[key] += ahead.count
                    stream.move(ahead.comma)
                    ahead.count = 0
            ahead.is_possible = False
        elif key == "metadata":
            item = stream.value()
            if isinstance(item, Broken):
                yield _unreadable(key, item)
            else:
                told.append(item)
        else:
            yield from _loose(stream, key, met, KNOWN)
    for item in told:
        yield from _contradictions(item, counts)


_TOTALS: dict[str, tuple[str, ...]] = {
    "totalPersonas": ("personas",),
    "totalMemories": ("memories", "memoryEntities", "memory_entities"),
    "totalConversations": ("conversations",),
    "activePersonas": ("active",),
}
"""The counts in the metadata of guide B's export, and the lists that each is about."""


def _contradictions(metadata: Value, counts: Counter[str]) -> Iterator[Remark]:
    """Yield the contradictions between an export's metadata and its content."""
    if not isinstance(metadata.value, dict):
        return
    for name, lists in _TOTALS.items():
        told, found = metadata.value.get(name), sum(counts[one] for one in lists)
        if told is not None and (type(told) not in (int, float) or told != found):
            what = told if type(told) in (int, float) else "no number"
            message = f"metadata.{name} is {what}, the file has {found}"
            yield Remark("export-total", "metadata", f"byte {metadata.place}", message)
    if metadata.value.get("integrityCheck") is False:
        message = "metadata.integrityCheck is false: the export failed the check of the program that wrote it"
        yield Remark("export-total", "metadata", f"byte {metadata.place}", message)


def _is_active(piece: Document | Unreadable) -> bool:
    value = piece.value if isinstance(piece, Document) else None
    return isinstance(value, dict) and value.get("isActive") in (True, 1)


def _loose(stream: JsonStream, key: str, met: Counter[str], lists: frozenset[str]) -> Iterator[Document | Unreadable]:
    """Read a top-level member that is no list: part of the envelope, or kept whole, or an error for a known list."""
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
        elif key == "":  # each record of such a list has its own kind
            yield _document(collection_of(item.value), item._replace(raw=None))
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
    """Return the collection of a record in an unnamed list, by keys that only one kind of record has."""
    return _kind_of(frozenset(value) if isinstance(value, dict) else frozenset())


def _kind_of(keys: frozenset[str]) -> str:
    if "messages" in keys:
        return "conversations"
    if "personaId" in keys or "persona_id" in keys:
        return "memories"
    if keys & _OF_A_PERSONA:
        return "personas"
    return "records"


def _document(collection: str, item: Value, native_id: str | None = None) -> Document:
    value, place, text, bad_bytes, raw = item
    found = value.get("id") if isinstance(value, dict) else None
    key = found if type(found) is int else None  # 7 and "7" are two keys
    if key is not None or isinstance(found, str):
        native_id = str(found)
    notes = _NOT_UTF8 if bad_bytes else ()
    return _made((collection, native_id, f"byte {place}", value, text, notes, None, None, raw, key, _NO_BYTES, False))


def _unreadable(collection: str, item: Broken) -> Unreadable:
    raw, reason = item.raw, f"not JSON: {item.reason}"
    if len(raw) > _RAW_LIMIT:
        raw, reason = (raw[:_RAW_LIMIT], f"{reason}; {len(item.raw)} bytes, of which the first 8 MiB are kept here")
    return Unreadable(collection, f"byte {item.place}", raw, reason)
