"""Our own files: rows of our stores, rows of our LiveStore schema, and documents of our export.

Derived from a model's tables alone.  Their `extra` already is the record's.  Rows have the tables' columns; exports
have the same names in camelCase, with JSON values in place of JSON text; LiveStore's rows have them in camelCase too,
with JSON as text and instants in milliseconds.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from pjais import canonical
from pjais.core import blobs
from pjais.core.declare import rule_of
from pjais.core.document import Document
from pjais.core.mapping import Carried, Change, Draft, Field, Fields, Mapping, Value
from pjais.core.problems import Problem
from pjais.core.rules import NO_JSON, Changed, Content, Items, Object, Refused, Rule, Texts, Vector
from pjais.core.table import Column, Record, Table, camel


class Extra(Rule):
    """A record's `extra`; in rows an empty one is NULL."""

    default: dict[str, Any] = {}  # noqa: RUF012 - a default, never changed

    def __init__(self, *, json_text: bool) -> None:
        self._object = Object(json_text=json_text)
        self._json_text = json_text

    def read(self, raw: Any) -> Any:
        """`$pjais` is ours to write, so an `extra` that brings one is kept as original."""
        if raw is None and self._json_text:
            return {}
        value = self._read(raw)
        bare = value.value if isinstance(value, Changed) else value
        if bare is None:
            return Changed({})
        if "$pjais" in bare or (not bare and self._json_text):
            return Changed({key: item for key, item in bare.items() if key != "$pjais"})
        return value

    def _read(self, raw: Any) -> Any:
        """Tagged values (NaN, bytes) in our own text are what they stand for."""
        if self._json_text and type(raw) is str:
            try:
                value = canonical.loads(raw)
            except (ValueError, RecursionError):
                value = NO_JSON
            if type(value) is dict:
                return value if canonical.dumps(value) == raw else Changed(value)
        return self._object.read(raw)

    def emit(self, value: Any) -> Any:
        """The object, or its JSON text, or NULL."""
        if not self._json_text:
            return value
        return canonical.dumps(value) if value else None


def whole_extra(text: Any) -> dict[str, Any] | None:
    """An `extra` that a run wrote with its record's residue: it goes back whole, and not into a residue again."""
    if type(text) is not str or '"$pjais"' not in text:
        return None
    try:
        extra = canonical.loads(text)
    except (ValueError, RecursionError):
        return None
    return extra if type(extra) is dict and canonical.dumps(extra) == text else None


class _OwnJson(Rule):
    """A rule for JSON text that we wrote: tagged values (NaN, bytes) in it are what they stand for."""

    def __init__(self, make: type[Object] | type[Texts] | type[Vector] | type[Content]) -> None:
        self._text = make(json_text=True)
        self._value = make(json_text=False)
        self.default = self._text.default

    def read(self, raw: Any) -> Any:
        """Text that holds no tag of ours is read as anybody's."""
        if type(raw) is str and '"$' in raw:
            value = _own_json(raw)
            if value is not NO_JSON and type(value) is not str:
                found = self._value.read(value)
                if type(found) not in (Changed, Refused):
                    return found
        return self._text.read(raw)

    def emit(self, value: Any) -> Any:
        """The JSON text."""
        return self._text.emit(value)


class _ContentRows(Fields):
    """Rows with a content: `content` and `content_format` together are the value."""

    def normalise(
        self,
        document: Value,
        native_id: str | None = None,
        text: str | None = None,
        seconds: frozenset[str] = frozenset(),
    ) -> Draft:
        """JSON content becomes its value first; a row whose two columns do not fit is marked `$unfolded`."""
        content, form = document.get("content"), document.get("content_format")
        value: Any = NO_JSON
        if type(content) is str:
            value = content if form == "text" else _own_json(content) if form == "json" else NO_JSON
        if value is not NO_JSON and (form == "text" or type(value) is not str):
            folded = {key: item for key, item in document.items() if key != "content_format"}
            return super().normalise({**folded, "content": value}, native_id, text, seconds)
        draft = super().normalise(document, native_id, text, seconds)
        record = draft.record
        if record is not None:
            residue = {**record.extra.get("$pjais", {}), "$unfolded": True}
            record = record._replace(extra={**record.extra, "$pjais": residue})
        return draft._replace(record=record)

    def rebuild(self, record: Record) -> Value:
        """The row with its two columns."""
        document = super().rebuild(record)
        if not record.extra.get("$pjais", {}).get("$unfolded"):
            is_text = type(document["content"]) is str
            document["content"] = document["content"] if is_text else canonical.dumps(document["content"])
            document["content_format"] = "text" if is_text else "json"
        return document


def _own_json(text: str) -> Any:
    try:
        value = canonical.loads(text)
    except (ValueError, RecursionError):
        return NO_JSON
    return value if canonical.dumps(value) == text else NO_JSON


_OWN_JSON: dict[str, type[Object] | type[Texts] | type[Vector]] = {
    "object": Object,
    "texts": Texts,
    "items": Items,
    "vector": Vector,
}


def _rule(column: Column, *, rows: bool, live: bool = False) -> Rule:
    """Return the rule of a column: as anybody's, but JSON text that we wrote may hold tagged values."""
    if column.kind == "extra":
        return Extra(json_text=rows)
    if rows and column.kind in _OWN_JSON:
        return _OwnJson(_OWN_JSON[column.kind])
    if live and column.kind == "content":
        return _OwnJson(Content)
    return rule_of(column, json_text=rows)


def _fields(table: Table, *, rows: bool, live: bool = False) -> tuple[Field, ...]:
    return tuple(
        Field(
            column.name,
            (column.name if rows and not live else camel(column.name),),
            _rule(column, rows=rows, live=live),
            column.later and not rows,
        )
        for column in table.columns
        if column.kind != "format"
    )


class Others(Carried):
    """Documents of unknown collections in our export: `{collection, id, document}`."""

    def read(self, document: Document) -> Draft:
        """Return the document that was carried."""
        value = document.value
        carried = value.get("document") if isinstance(value, dict) else None
        if isinstance(carried, str):
            try:
                carried = canonical.loads(carried)
            except (ValueError, RecursionError):
                carried = None
        name = value.get("id", value.get("recordId")) if isinstance(value, dict) else None
        if not isinstance(carried, dict) or not isinstance(name, str):
            return Draft(None, (("error", "not-an-object", "document", "not a document that was kept whole"),))
        record = self.table.record(str(value.get("collection")), name, carried)
        return Draft(record, (), removed=value.get("_deleted") is True)

    def rebuild(self, record: Record) -> Any:
        """Return the document of the export."""
        return {"collection": record.collection, "id": record.id, "document": record.document}


class OthersRows(Others):
    """The same as rows of `other_records`."""

    def rebuild(self, record: Record) -> Any:
        """Return the row, its document as JSON text."""
        return {**super().rebuild(record), "document": canonical.dumps(record.document)}


class LiveOthers(Others):
    """The same as rows of our LiveStore schema."""

    def rebuild(self, record: Record) -> Any:
        """Return the row, its document as JSON text."""
        document = canonical.dumps(record.document)
        key = self.table.record_key(record)
        return {"key": key, "collection": record.collection, "recordId": record.id, "document": document}


class OfBytes(Fields):
    """Records about bytes: the bytes come with the document, under their SHA-256, which is its id."""

    has_bytes = True

    def read(self, document: Document) -> Draft:
        """Return the record; a document without its bytes is invalid."""
        piece = with_bytes(document)
        draft = super().read(piece)
        if draft.record is None or draft.removed:
            return draft
        data = piece.blobs.get(draft.record.id)
        if data is None:
            return draft._replace(problems=(*draft.problems, _BYTES_MISSING))
        return draft if draft.record.size == len(data) else draft._replace(problems=(*draft.problems, _SIZE_DIFFERS))

    def with_ids(self, record: Record, value: Any, change: Change) -> Record:  # noqa: ARG002
        """Return the record as it is: its id follows from its bytes."""
        return record


_BYTES_MISSING: Problem = ("error", "bytes-missing", "id", "no bytes come with it that have this SHA-256")
_SIZE_DIFFERS: Problem = ("error", "size-differs", "size", "its bytes have another size")

_CARRIED = "pjais:"
"""Prefix of the collection under which records about bytes are kept by a store with one table for all documents; no
app has it."""


class CarriedBytes(Carried):
    """The same for a store that keeps such documents whole: as our export has them, with their bytes."""

    has_bytes = True

    def __init__(self, table: Table, read: OfBytes, exported: OfBytes) -> None:
        super().__init__(table)
        self._read, self._exported = read, exported

    def read(self, document: Document) -> Draft:
        """Return the record that carries the document and its bytes."""
        draft = self._read.read(document)
        record = draft.record
        if record is None:
            return draft
        value = {**self._exported.rebuild(record), "extra": record.extra}
        held = {name: data for name, data in with_bytes(document).blobs.items() if name == record.id}
        whole = inline_bytes(Document("", record.id, "", value, blobs=held)).value
        name = _CARRIED + self._read.table.title
        return draft._replace(record=self.table.record(name, canonical.replace_surrogates(record.id), whole))

    def rebuild(self, record: Record) -> Any:
        """Return the document that is carried; of a record about bytes, which another store has, that of an export."""
        return super().rebuild(record) if isinstance(record, self.table.record) else self._exported.rebuild(record)


def with_bytes(piece: Document) -> Document:
    """Return a document about bytes with those beside it that our export has in it."""
    value = piece.value
    if not isinstance(value, dict) or "blobs" not in value:
        return piece
    rest = {name: one for name, one in value.items() if name != "blobs"}
    return piece._replace(value=rest, blobs={**piece.blobs, **dict(_blobs(value["blobs"]))})


def inline_bytes(piece: Document) -> Document:
    """Return a document about bytes with those in it, as our export has them; the inverse of `with_bytes`."""
    if not piece.blobs or not isinstance(piece.value, dict):
        return piece
    held = {name: base64.b64encode(data).decode("ascii") for name, data in piece.blobs.items()}
    return piece._replace(value={**piece.value, "blobs": held}, blobs={})


def title_of_carried(collection: str) -> str | None:
    """Return the list of our export that a document belongs to which `CarriedBytes` kept; None for any other."""
    return collection.removeprefix(_CARRIED) if collection.startswith(_CARRIED) else None


class Removed(Carried):
    """Documents of our export that name records which were deleted."""

    removes = True

    def read(self, document: Document) -> Draft:
        """Return the document as a tombstone."""
        return Draft(self.carried(document), (), removed=True)


STORE = "pjais"
"""The dialect of a store of ours."""

EXPORT = "pjais-export"
"""The dialect of our own export."""

APP = "pjais-app"
"""The dialect of documents that our readers make of an AI app's files: our export's, but absence says nothing."""

DIALECTS = frozenset({STORE, EXPORT})

DOCUMENTS = "others"
"""The list of our export with the documents of all collections that no model claims."""

REMOVED = "removed"
"""The collection of our export that names records which were deleted (`rollback --keep-later`)."""


def unwrapped(piece: Document) -> Document:
    """Return the document that an entry of the list `others` of our export holds; before 0.2 only under its name."""
    value = piece.value
    if not isinstance(value, dict) or not isinstance(value.get("collection"), str) or "document" not in value:
        return piece
    held, name = value["document"], value.get("id")
    is_tagged = "key" in value
    if not is_tagged and isinstance(held, dict) and "$value" in held and held.keys() <= {"$value", "$text"}:
        held = held["$value"]
    places = [value.get(one) if isinstance(value.get(one), str) else None for one in ("database", "origin")]
    return piece._replace(
        collection=value["collection"],
        native_id=name if isinstance(name, str) else piece.native_id,
        value=held,
        database=places[0],
        origin=places[1],
        key=value.get("key"),
        blobs=dict(_blobs(value.get("blobs"))),
        is_tagged=is_tagged,
    )


def _blobs(value: Any) -> Iterator[tuple[str, bytes]]:
    for digest, text in value.items() if isinstance(value, dict) else ():
        data = blobs.decoded(digest, text)
        if data is not None:
            yield digest, data


def mappings_of(tables: Iterable[Table]) -> dict[tuple[str, str], Mapping]:
    """Return the mapping of each collection of our own stores and exports: (dialect, collection) -> mapping."""
    found: dict[tuple[str, str], Mapping] = {}
    tables = tuple(tables)
    carrying = next((table for table in tables if table.carries), None)
    for table in tables:
        if table.of_bytes:
            stored, exports = (OfBytes(table, _fields(table, rows=rows), own=True) for rows in (True, False))
            loose = OfBytes(table, _fields(table, rows=False), own=True, loose=True)
            ways = (
                *((STORE, table.name, stored), (APP, table.title, loose)),
                *((EXPORT, name, exports) for name in {table.name, table.title}),
            )
            for dialect, name, read in ways:
                found[dialect, name] = read if carrying is None else CarriedBytes(carrying, read, exports)
            continue
        if table.carries:
            found[STORE, table.name] = OthersRows(table)
            found[EXPORT, DOCUMENTS] = Others(table)
            found[EXPORT, REMOVED] = Removed(table)
            continue
        has_content = any(column.kind == "content" for column in table.columns)
        found[STORE, table.name] = (_ContentRows if has_content else Fields)(table, _fields(table, rows=True), own=True)
        exported = Fields(table, _fields(table, rows=False), own=True)
        found |= {(EXPORT, name): exported for name in (table.name, table.title)}
        found[APP, table.title] = Fields(table, _fields(table, rows=False), own=True, loose=True)
    return found


def live(table: Table) -> Mapping:
    """Return the mapping of the rows of our LiveStore schema for a table."""
    if table.carries:
        return LiveOthers(table)
    return Fields(table, _fields(table, rows=True, live=True), own=True, dates="ms")
