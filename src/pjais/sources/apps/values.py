"""What every kind needs: the JSON of a container as items, identities, instants, attachments.

Instants are integer milliseconds inside messages, and ISO-8601 in the fields of documents (`iso`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, BinaryIO, Literal, NamedTuple, TypeVar

from pjais import canonical, instants
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container, ContainerDamaged
from pjais.formats.json_stream import Broken, Cut, JsonStream, Malformed, Value

T = TypeVar("T")

NAMESPACE = "0b7a3c52-51f2-5d0e-8a6e-6f2f6a1c9d47"
"""The namespace of ids made of a native id that is not unique in the world."""

_RAW_LIMIT = 8 << 20
_LARGEST_ATTACHMENT = 900 << 20
"""SQLite holds no more than 1 GB in one value."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_RANDOM = re.compile(r"(?=.*[A-Z])(?=.*[a-z])(?=.*\d)[A-Za-z0-9_-]{16,64}", re.ASCII)


# -- JSON


_SCALARS = re.compile(r'(?:(?:null|true|false|-?[0-9][0-9.eE+-]*|"(?:[^"\\]|\\.)*")\s*,\s*)+', re.ASCII)
"""Elements of a list before its first object that are none."""


class Head(NamedTuple):
    """What a member's JSON begins with.

    `form`: `object`, `list`, `lines` (several objects, one after the other), or None for what is not JSON.  `keys`:
    those of the object, or of the first object of a list or of the lines.  `text`: the beginning, without a BOM.
    """

    form: Literal["object", "list", "lines"] | None
    keys: frozenset[str]
    text: str


def json_head(container: Container, name: str) -> Head:
    """Return what a member's JSON begins with, from its first 64 KiB."""
    found: Head = container.looked("json", name, lambda: _json_head(container, name))
    return found


def _json_head(container: Container, name: str) -> Head:
    text = container.head(name).decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("["):
        inside = text[1:].lstrip()
        if (skipped := _SCALARS.match(inside)) is not None:
            inside = inside[skipped.end() :]
        return Head("list", frozenset(canonical.top_keys(inside)) if inside.startswith("{") else frozenset(), text)
    if not text.startswith("{"):
        return Head(None, frozenset(), text)
    keys = frozenset(canonical.top_keys(text))
    several = re.search(r"\}[ \t]*\r?\n[ \t\r\n]*\{", text) is not None and _first_line_is_whole(text)
    return Head("lines" if several else "object", keys, text)


def _first_line_is_whole(text: str) -> bool:
    try:
        return isinstance(canonical.loads_plain(text.partition("\n")[0]), dict)
    except (ValueError, RecursionError):
        return False


def items(container: Container, name: str, collection: str) -> Iterator[Value | Unreadable]:
    """Yield the items of a member's JSON: elements of a list, objects one after the other, or one object.

    Memory holds one of them.  A broken one becomes an `Unreadable`, and the others follow; where the member itself
    breaks off, what was not read is an `Unreadable`, too.
    """

    def each(stream: JsonStream) -> Iterator[Value | Unreadable]:
        while True:
            for item in stream.items() if stream.peek() == "[" else [stream.value()]:
                yield unreadable(collection, name, item) if isinstance(item, Broken) else item
            if not stream.another():
                break

    return streamed(container.open(name), name, collection, each)


def streamed(
    opening: AbstractContextManager[BinaryIO],
    name: str,
    collection: str,
    each: Callable[[JsonStream], Iterator[T]],
    broken: Callable[[str, str, Broken], Unreadable] | None = None,
) -> Iterator[T | Unreadable]:
    """Yield what `each` makes of a member's JSON, then what could not be read of it: the end, text after the end.

    `opening` opens the member, `broken` replaces `unreadable` where its bytes may hold credentials.
    """
    of = broken or unreadable
    try:
        with opening as file, JsonStream(file) as stream:
            try:
                yield from each(stream)
                rest = stream.rest("text after the end of the JSON value")
            except Cut:
                return
            except Malformed as error:
                rest = stream.rest(str(error)) or Broken(b"", stream.place, str(error))
            if rest is not None:
                yield of(collection, name, rest)
    except ContainerDamaged as error:
        yield Unreadable(collection, name, b"", f"cannot be read on: {error}")


def hidden(collection: str, name: str, item: Broken) -> Unreadable:
    """Return a broken piece of JSON without its bytes: it may have run into credentials."""
    left_out = f"its {len(item.raw)} bytes are only in the raw backup, as they may hold credentials"
    reason = f"not JSON: {item.reason}; {left_out}"
    return Unreadable(collection, place(name, item.place), b"", reason)


def lines(container: Container, name: str, collection: str) -> Iterator[Value | Unreadable]:
    r"""Yield the objects of JSON lines; a broken line costs that line.  Lines end at `\n` alone, a `\r` before is cut.

    `Value.place` is the byte where the line begins.
    """
    try:
        with container.open(name) as file:
            place, pending = 0, b""
            while True:
                chunk = file.read(1 << 18)
                *whole, pending = (pending + chunk).split(b"\n")
                for line in whole if chunk else [pending]:
                    item = _line(line, place)
                    place += len(line) + 1
                    if item is not None:
                        yield unreadable(collection, name, item) if isinstance(item, Broken) else item
                if not chunk:
                    return
    except ContainerDamaged as error:
        yield Unreadable(collection, name, b"", f"cannot be read on: {error}")


def _line(line: bytes, place: int) -> Value | Broken | None:
    bare = line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r") if place == 0 else line.strip(b" \t\r")
    if not bare:
        return None
    doubled = False

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal doubled
        made = dict(pairs)
        doubled = doubled or len(made) != len(pairs)
        return made

    import json

    text = bare.decode("utf-8", "surrogateescape")
    try:
        value = json.loads(text, object_pairs_hook=members)
    except (ValueError, RecursionError) as error:
        return Broken(line, place, str(error) if isinstance(error, ValueError) else "nested too deeply")
    if canonical.deeper_than(text):
        return Broken(line, place, "nested too deeply")
    return Value(value, place, text if doubled else None, not canonical.encodable(text))


def json_text(value: Any) -> str:
    """Return the JSON of an app's object; a number that JSON lacks, such as NaN, is tagged (`canonical`)."""
    try:
        return canonical.dumps_plain(value)
    except ValueError:
        return canonical.dumps(value)


def json_list(found: Iterable[Any]) -> Iterator[bytes]:
    """Yield the JSON of a list, piece by piece."""
    before = "[\n"
    for one in found:
        yield f"{before}{json_text(one)}".encode()
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def unreadable(collection: str, name: str, item: Broken) -> Unreadable:
    """Return a broken piece of JSON as a reader yields it."""
    raw, reason = item.raw, f"not JSON: {item.reason}"
    if len(raw) > _RAW_LIMIT:
        raw, reason = raw[:_RAW_LIMIT], f"{reason}; {len(item.raw)} bytes, of which the first 8 MiB are kept here"
    return Unreadable(collection, place(name, item.place), raw, reason)


def unexpected(collection: str, name: str, item: Value, reason: str) -> Unreadable:
    """Return an item that is JSON, but not what belongs there."""
    raw = canonical.dumps(item.value).encode("utf-8", "replace")[:_RAW_LIMIT]
    return Unreadable(collection, place(name, item.place), raw, reason)


def place(name: str, byte: int) -> str:
    """Return the place of an item in a member."""
    return f"{name} byte {byte}"


def document(collection: str, native_id: str | None, name: str, item: Value, value: dict[str, Any]) -> Document:
    """Return the document that was made of an item; `native_id`: its id in the app."""
    notes = ("invalid-utf8",) if item.bad_bytes else ()
    return Document(collection, native_id, place(name, item.place), value, item.text, notes)


# -- identity


def is_unique(native: object) -> bool:
    """Return whether an id is random enough to be unique in the world: a UUID, a nanoid of 16 characters or more."""
    return isinstance(native, str) and (_UUID.fullmatch(native) or _RANDOM.fullmatch(native)) is not None


def identity(kind: str, native: object, account: str = "") -> str:
    """Return the id of a record: the native one if it is unique in the world, else one derived from it.

    `account`: that of the file, if it names one.  The file's name and date are never part of it.
    """
    return str(native) if is_unique(native) else derived(kind, account, native)


def derived(kind: str, *parts: object) -> str:
    """Return an id derived from what tells a record from all others: the same parts give the same id."""
    import uuid

    return str(uuid.uuid5(uuid.UUID(NAMESPACE), canonical.dumps([kind, *parts])))


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of a JSON value in canonical form."""
    import hashlib

    return hashlib.sha256(canonical.dumps(value, sort=True).encode("utf-8", "surrogatepass")).hexdigest()


# -- instants


def ms_of_seconds(raw: object) -> int | None:
    """Return the milliseconds of Unix seconds, fractions of a millisecond cut off, computed in decimals."""
    if type(raw) not in (int, float) or raw != raw or abs(raw) > instants.LIMIT_MS:  # type: ignore[arg-type]
        return None
    found = int((Decimal(repr(raw)) * 1000).to_integral_value("ROUND_FLOOR"))
    return found if abs(found) <= instants.LIMIT_MS else None


def ms_of_ms(raw: object) -> int | None:
    """Return a number of milliseconds, a fraction cut off; None for what is not a number or no date."""
    if type(raw) not in (int, float) or raw != raw or abs(raw) > instants.LIMIT_MS:  # type: ignore[arg-type]
        return None
    return int(raw // 1)  # type: ignore[operator]


def ms_of_text(raw: object) -> int | None:
    """Return the milliseconds of an ISO-8601 text; no zone means UTC.  None for what is not a date."""
    return instants.from_text(raw) if isinstance(raw, str) else None


def unreadable_dates(where: str, dates: Sequence[object]) -> Iterator[Remark]:
    """Yield the finding that dates of a conversation cannot be read; nothing where there are none."""
    if dates:
        message = f"{len(dates)} dates that cannot be read, such as {str(dates[0])[:40]!r}; unknown, texts are kept"
        yield Remark("date-unreadable", "conversations", where, message)


def iso(ms: int | None) -> str | None:
    """Return milliseconds as the fields of documents have them."""
    return None if ms is None else instants.to_text(ms)


def ms_of_iso(text: object) -> int | None:
    """Return the milliseconds of such a field; the inverse of `iso`."""
    return instants.from_text(text) if isinstance(text, str) else ms_of_ms(text)


# -- texts


def text_or_none(raw: object) -> str | None:
    """Return a text; None for anything else."""
    return raw if isinstance(raw, str) else None


def first_text(*raws: object) -> str | None:
    """Return the first text that is not empty; None if there is none."""
    return next((one for one in raws if isinstance(one, str) and one), None)


def is_texts(raw: object) -> bool:
    """Return whether a value is a list of texts."""
    return isinstance(raw, list) and all(isinstance(one, str) for one in raw)


def as_dict(raw: object) -> dict[str, Any]:
    """Return an object; an empty one for anything else."""
    return raw if isinstance(raw, dict) else {}


def as_list(raw: object) -> list[Any]:
    """Return a list; an empty one for anything else."""
    return raw if isinstance(raw, list) else []


# -- documents of a store


def without_residue(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document of our export without the account of how it was read (`extra.$pjais`), which is regenerated."""
    extra = document.get("extra")
    if not isinstance(extra, dict) or "$pjais" not in extra:
        return document
    left = {key: one for key, one in extra.items() if key != "$pjais"}
    bare = {key: one for key, one in document.items() if key != "extra"}
    lacked = "extra" in as_list(as_dict(extra["$pjais"]).get("$absent"))
    return bare if lacked and not left else {**bare, "extra": left}


DEFAULTS: dict[str, Any] = {
    "importance": 50,
    "memoryTier": "active",
    "tags": [],
    "topics": [],
    "messages": [],
    "accessCount": 0,
    "connectionCount": 0,
    "usageCount": 0,
    "isActive": False,
    "isArchived": False,
    "extra": {},
}
"""What a record has that says nothing else; a document of ours may say so, or leave it out: that is the same."""


def bare(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document of our export with only what it says: no residue, nothing that is null or as it always is."""
    return {
        key: one
        for key, one in without_residue(document).items()
        if (one is not None or key == "content") and not (key in DEFAULTS and canonical.same(one, DEFAULTS[key]))
    }


# -- attachments


def attachment(
    container: Container, name: str, called: str | None = None, media_type: str | None = None
) -> Document | Remark:
    """Return the document of a member's bytes, known by their hash; `called`: its name in the app.

    A `Remark` if it cannot be read, or is larger than a store can hold.
    """
    if container.size(name) > _LARGEST_ATTACHMENT:
        return Remark("attachment-too-large", "attachments", name, "larger than a store can hold; it is in the backup")
    try:
        data = container.read(name)
    except ContainerDamaged as error:
        return Remark("attachment-unreadable", "attachments", name, f"cannot be read: {error}")
    return attachment_of(data, name, called or name.rpartition("/")[2], media_type)


def attachment_of(data: bytes, place: str, called: str | None, media_type: str | None) -> Document:
    """Return the document of an attachment's bytes."""
    import hashlib

    digest = hashlib.sha256(data).hexdigest()
    value = {"id": digest, "name": called, "mediaType": media_type, "size": len(data)}
    return Document("attachments", digest, place, value, blobs={digest: data})


def reference(document: Document) -> dict[str, Any]:
    """Return what a message says of an attachment whose bytes are there."""
    value = document.value
    return {"sha256": value["id"], "name": value["name"], "mediaType": value["mediaType"], "size": value["size"]}


def attached(
    document: Document | Remark | None,
    met: set[str],
    called: str | None,
    media_type: str | None = None,
    size: Any = None,
) -> Generator[Piece, None, dict[str, Any]]:
    """Yield an attachment unless its hash is in `met`, or why it cannot be read; return what a message says of it."""
    if not isinstance(document, Document):
        if document is not None:
            yield document
        return missing(called, media_type, size)
    if document.value["id"] not in met:
        met.add(document.value["id"])
        yield document
    return reference(document)


def missing(called: str | None, media_type: str | None = None, size: object = None) -> dict[str, Any]:
    """Return what a message says of an attachment whose bytes are not there."""
    told = {"name": called, "mediaType": media_type, "size": size if type(size) is int else None, "missing": True}
    return {key: one for key, one in told.items() if one is not None}


# -- other members


def kept_whole(collection: str, container: Container, name: str) -> Iterator[Document | Unreadable]:
    """Yield a member that no model knows, as one document: `{"name", "value"}`, or `{"name", "text"}`."""
    try:
        data = container.read(name)
    except ContainerDamaged as error:
        yield Unreadable(collection, name, b"", f"cannot be read: {error}")
        return
    item = _line(data, 0)
    if isinstance(item, Value):
        value = {"name": name, "value": item.value}
        notes = ("invalid-utf8",) if item.bad_bytes else ()
        yield Document(collection, name, name, value, wrapped(name, item.text), notes)
        return
    try:
        yield Document(collection, name, name, {"name": name, "text": data.decode("utf-8-sig")})
    except UnicodeDecodeError:
        yield Unreadable(collection, name, data[:_RAW_LIMIT], "not UTF-8")


def wrapped(name: str, text: str | None) -> str | None:
    """Return the JSON text of a document `{"name", "value"}`, of the text of its value; None if that is not needed."""
    return None if text is None else f'{{"name": {canonical.dumps(name)}, "value": {text}}}'
