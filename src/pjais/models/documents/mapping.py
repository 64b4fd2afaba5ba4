"""Map documents to rows of their collection's table: any value, lossless, by the catalogue."""

from __future__ import annotations

import sys
from copy import copy
from functools import lru_cache
from typing import Any

from pjais import canonical, tagged
from pjais.core.document import Document
from pjais.core.mapping import Draft
from pjais.core.model import DocumentMapping
from pjais.core.problems import Problem, noted
from pjais.core.table import Record, Table
from pjais.models.documents import kinds
from pjais.models.documents.catalogue import DATABASE, DOCUMENT, NAME, ORIGIN, VALUE, WHOLE, Place
from pjais.models.documents.table import DocumentTable, is_special

PLAIN_KEYS = frozenset({"integer", "long", "string"})
"""The kinds of keys that a column holds as they are.  Fractions are not: versions of SQLite write them differently."""

_DEEP = 10_000
_ANOTHER_KEY = "its key is of another kind than those of its table, which cannot keep both apart"


class Documents(DocumentMapping):
    """The mapping of all document tables of a store, for the documents of one source."""

    def __init__(self, tables: dict[Place, DocumentTable], source: str = "") -> None:  # it has no table of its own
        self._tables = tables
        self._of_record = {table.record: table for table in tables.values()}
        self._source = source

    def within(self, source: str) -> Documents:
        """Return the mapping of the documents of a source, by its name in the store."""
        found = copy(self)
        found._source = source
        return found

    def read(self, document: Document) -> Draft:
        """Return the row that a document becomes; of a collection without a table an error."""
        table = self._table(place_of(document, self._source))
        if table is None or table.holds is None:
            return Draft(None, (("error", "no-table", None, "its collection was not there when the run began"),))
        value = value_of(document)
        problems: list[Problem] = list(noted(document))
        row: list[Any] = []
        key = table.holds.key
        for number in range(key):
            held, fits = _key_part(document, value, table, number)
            if not fits:
                return Draft(None, (*problems, ("error", "another-key", None, _ANOTHER_KEY)))
            row.append(held)
        is_object = kinds.is_object(value)
        for column, real in zip(table.holds.columns[key:], table.real[key:], strict=True):
            path = column.path
            if not is_special(path):
                held = kinds.as_stored(value.get(path), real=real) if is_object else None
            elif path == DOCUMENT:
                held = kinds.json_text(value)
            elif path == WHOLE:
                held = kinds.as_stored(value, real=real)
            elif path == VALUE:
                held = None if is_object else kinds.as_stored(value, real=real)
            else:
                held = None if document.text is None else canonical.replace_surrogates(document.text)
            row.append(held)
        return Draft(table.record(row), tuple(problems), document.is_removed)

    def _table(self, place: Place) -> DocumentTable | None:
        """Return a collection's table; of a copy of a source that has none of its own, that of the other copy."""
        found = self._tables.get(place)
        if found is None and (twins := [one for held, one in self._tables.items() if held[1:] == place[1:]]):
            found = twins[0]
        return found

    def rebuild(self, record: Record) -> Any:
        """Return the document in tagged JSON."""
        return self.table_of(record).rebuild(record)

    def exported(self, record: Record) -> dict[str, Any]:
        """Return a document as our export has it."""
        table = self.table_of(record)
        assert table.holds is not None
        place = table.holds.place
        if table.holds.is_shared:
            place = Place("", record[0] or None, record[1], record[1])
        return {
            "table": table.name,
            "origin": place.origin,
            "database": place.database,
            "collection": place.collection,
            "id": table.record_key(record),
            "key": table.document_key(record),
            "document": table.rebuild(record),
        }

    def stored_key(self, table: Table, key: Any) -> tuple[Any, ...] | None:
        """Return the values of the key's columns for a key in tagged JSON; None for one that the table cannot hold."""
        assert isinstance(table, DocumentTable) and table.holds is not None
        parts = key if table.holds.key > 1 and type(key) is list else [key]
        if len(parts) != table.holds.key:
            return None
        held = [_held(part, table, number) for number, part in enumerate(parts)]
        return tuple(value for value, _ in held) if all(fits for _, fits in held) else None

    def table_of(self, record: Record) -> DocumentTable:
        """Return the table of a record."""
        return self._of_record[type(record)]


def place_of(document: Document, source: str) -> Place:
    """Return the identity of a document's collection."""
    return _place(source, document.origin, document.database, document.collection)


@lru_cache(maxsize=256)
def _place(source: str, origin: str | None, database: str | None, collection: str) -> Place:
    origin, database = (None if one is None else canonical.replace_surrogates(one) for one in (origin, database))
    return Place(source, origin, database, canonical.replace_surrogates(collection))


def value_of(document: Document) -> Any:
    """Return a document's value in tagged JSON."""
    if document.is_tagged:
        return document.value
    try:
        return tagged.tag(document.value)
    except RecursionError:  # a reader takes deeper JSON than fits below the callers of the moment
        usual = sys.getrecursionlimit()
        sys.setrecursionlimit(_DEEP)
        try:
            return tagged.tag(document.value)
        finally:
            sys.setrecursionlimit(usual)


def key_of(document: Document) -> Any:
    """Return the key that is beside a document's value, in tagged JSON; without one its content is its key."""
    if document.key is not None:
        return document.key
    if document.native_id:
        return tagged.tag(document.native_id)
    import hashlib  # loaded on demand: opening a store computes no digest

    text = canonical.dumps(document.value, sort=True)
    return "#" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def key_kinds(part: Any) -> set[str]:
    """Return the kind of one part of a key."""
    return {kinds.kind_of(part) or "json"}


def key_types(found: set[str]) -> tuple[str, ...]:
    """Return the types of a key column for the kinds of its values."""
    if found <= PLAIN_KEYS or found in ({"date"}, {"bigint"}):
        return kinds.ordered(found)
    return (kinds.TAGGED,)


def _key_part(document: Document, value: Any, table: DocumentTable, number: int) -> tuple[Any, bool]:
    """Return the value of one column of the key, and whether the column can hold it."""
    assert table.holds is not None
    path = table.holds.key_path
    if table.holds.is_shared:
        return _shared_part(document, table.holds.columns[number].path), True
    if path is not None:
        part = value.get(path[number]) if kinds.is_object(value) else None
    else:
        part = key_of(document)
        if table.holds.key > 1:
            whole = type(part) is list and len(part) == table.holds.key
            part = part[number] if whole else None
    return _held(part, table, number)


def _shared_part(document: Document, path: str) -> str:
    """Return one of the four parts of the key of a document in a shared table."""
    if path in (ORIGIN, DATABASE):
        return canonical.replace_surrogates((document.origin if path == ORIGIN else document.database) or "")
    key = document.native_id if document.key is None else document.key
    parts = key if type(key) is list else [key, ""]
    part = parts[0] if path == NAME else parts[1] if len(parts) > 1 else ""
    return kinds.as_stored(part) if kinds.kind_of(part) == "string" else kinds.json_text(part)


def _held(part: Any, table: DocumentTable, number: int) -> tuple[Any, bool]:
    """Return a part of a key as its column holds it, and whether it can."""
    assert table.holds is not None
    column = table.holds.columns[number]
    if column.types == (kinds.TAGGED,):
        return kinds.as_stored(part, types=column.types), part is not None
    found = kinds.kind_of(part)
    of_sql = bool(column.types) and column.types[0].startswith(kinds.SQL)
    fits = found is not None and (of_sql or found in column.types) and (found == "string" or not table.plain_key)
    return kinds.as_stored(part, real=table.real[number]), fits
