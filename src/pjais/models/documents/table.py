"""The table of one collection: made at run time from the catalogue; a record is its row."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pjais import canonical, sql_text, tagged
from pjais.core import table as core
from pjais.core.table import Column, Record, Row, Table
from pjais.models.documents import kinds
from pjais.models.documents.catalogue import DOCUMENT, TEXT, VALUE, WHOLE, Collection
from pjais.models.documents.references import Link


class DocumentRow(tuple[Any, ...]):
    """A record of a document table: the values of its columns, in order."""

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]] = ()
    is_row: ClassVar[bool] = True
    """Any value fits: what is checked of a document is its key, when it is read."""

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))


@dataclass(frozen=True, eq=False)
class DocumentTable(Table):
    """The table of one collection."""

    holds: Collection | None = None
    links: tuple[Link, ...] = ()
    real: tuple[bool, ...] = field(init=False, repr=False)
    """Of each column, whether its numbers are REAL."""

    def to_row(self, record: Record) -> Row:
        """Return the record's row."""
        return tuple(record)

    def to_record(self, row: Row) -> Record:
        """Return the record that a row is."""
        return self.record(row)

    def key_of(self, record: Record) -> tuple[Any, ...]:
        """Return the values of a record's key."""
        return tuple(record[: len(self.key)])

    def record_key(self, record: Record) -> str:
        """Return the key of a record as `row_key` gives it."""
        return self.row_key(record)

    def digest(self, row: Row) -> bytes:
        """Return the digest of a row: of its columns that are not NULL, by name.

        So a row keeps its digest when a later run adds a column, or lets a column hold fractions, too.
        """
        held: list[Any] = []
        for name, value in zip(self.column_names, row, strict=True):
            if value is not None:
                held += (name, int(value) if type(value) is float and _is_whole(value) else value)
        return canonical.digest(tuple(held))

    def age(self, record: Record) -> int:  # noqa: ARG002 - of the contract
        """Return the oldest age: nobody knows what a date in a document means."""
        return core.OLDEST

    def document_key(self, record: Record) -> Any:
        """Return a document's key in tagged JSON."""
        assert self.holds is not None
        if self.holds.is_shared:
            return tagged.tag(record[2]) if not record[3] else [tagged.tag(record[2]), tagged.tag(record[3])]
        parts = [
            canonical.loads_plain(value)
            if column.types == (kinds.TAGGED,)
            else kinds.of_stored(value, None, column.types)
            for column, value in zip(self.holds.columns[: self.holds.key], record, strict=False)
        ]
        return parts[0] if len(parts) == 1 else parts

    def rebuild(self, record: Record) -> Any:
        """Return the current document in tagged JSON: what was migrated, with edited columns applied."""
        assert self.holds is not None
        document = canonical.loads_plain(record[[one.path for one in self.holds.columns].index(DOCUMENT)])
        has_parts = kinds.is_object(document) and not self.holds.is_shared
        for column, real, held in zip(self.holds.columns, self.real, record, strict=True):
            if is_special(column.path) if has_parts else column.path not in (VALUE, WHOLE):
                continue
            original = document.get(column.path) if has_parts else document
            if canonical.same(held, kinds.as_stored(original, real=real, types=column.types)):
                continue
            edited = kinds.of_stored(held, original, ("string",) if column.path == WHOLE else column.types)
            if not has_parts:
                return edited
            if held is None:
                document.pop(column.path, None)
            else:
                document[column.path] = edited
        return document


def _is_whole(value: float) -> bool:
    return value.is_integer() and abs(value) < 1 << 53


def is_special(path: str) -> bool:
    """Return whether a column's path is no property; the name of a property that begins with `$` has one more."""
    return path[:1] == "$" and path[:2] != "$$"


_FORMS: dict[tuple[str, ...], str] = {
    ("json",): "json",
    ("boolean",): "bool",
    ("string",): "text",
    ("date",): "text",
    ("bytes",): "text",
}


def table_of(one: Collection, taken: Set[str] = frozenset(), links: tuple[Link, ...] = ()) -> DocumentTable:
    """Return the table of a collection.

    No index or view of it has one of the names that are `taken`, in lower case.  `links`: its references.
    """
    targets = {
        column: f" REFERENCES {sql_text.identifier(table)} ({sql_text.identifier(to)})" for column, table, to in links
    }
    key = tuple(column.name for column in one.columns[: one.key])
    plain = one.key == 1 and kinds.is_text(one.columns[0].types)
    columns = []
    for number, column in enumerate(one.columns):
        declared = kinds.declared(column.types)
        if number < one.key:
            alias = one.key == 1 and declared == "INTEGER"
            declared += " PRIMARY KEY" if alias else " NOT NULL PRIMARY KEY" if one.key == 1 else " NOT NULL"
        elif column.path == DOCUMENT:
            declared = "TEXT NOT NULL"
        form = "json" if column.path == DOCUMENT else _FORMS.get(column.types, "number")
        declared = (declared + targets.get(column.name, "")).strip()
        columns.append(Column(column.name, declared, "text" if column.path == TEXT else form, kind="any"))
    record = type("DocumentRow", (DocumentRow,), {"__slots__": (), "_fields": tuple(each.name for each in columns)})
    generated, indexes = _indexes(one)
    indexes = tuple((name, columns) for name, columns in indexes if name.lower() not in taken)
    made = DocumentTable(
        one.table,
        record,
        key,
        tuple(columns),
        indexes,
        views=tuple((name, select) for name, select in _views(one, key) if name.lower() not in taken),
        generated=generated,
        plain_key=plain,
        is_of_documents=True,
        holds=one,
        links=links,
    )
    object.__setattr__(made, "real", tuple(kinds.declared(column.types) == "REAL" for column in one.columns))
    return made


def _indexes(one: Collection) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """Return (generated columns, indexes) for the indexes that the app declared, where their paths have columns.

    A path into an object becomes a generated column.  None of them is unique: what an app's index leaves out (null,
    booleans) would not be left out here.
    """
    held = {column.path: column.name for column in one.columns}
    taken = {column.name.lower() for column in one.columns}
    generated: dict[str, str] = {}
    found: dict[str, str] = {}
    for index in one.indexes:
        names = []
        for path in () if index.multi_entry else index.paths:
            first, _, rest = path.partition(".")
            if path in held:
                names.append(held[path])
            elif rest and first in held and (path in generated or path.lower() not in taken):
                steps = "".join(f'."{step}"' for step in rest.split("."))
                inside = f"{sql_text.identifier(held[first])} ->> {sql_text.text_literal('$' + steps)}"
                valid = f"json_valid({sql_text.identifier(held[first])})"
                generated[path] = f"CASE WHEN {valid} THEN {inside} END"
                taken.add(path.lower())
                names.append(path)
        if names and len(names) == len(index.paths) and canonical.encodable(index.name + "".join(names)):
            found[f"index_{one.table}_{index.name}"] = ", ".join(map(sql_text.identifier, names))
    return tuple(generated.items()), tuple(found.items())


def _views(one: Collection, key: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield a view for each index over the items of an array: one row for each item, with the record's key."""
    held = {column.path: column for column in one.columns}
    for index in one.indexes:
        column = held.get(index.paths[0]) if index.multi_entry and len(index.paths) == 1 else None
        if column is None or column.name in key:
            continue
        name = f"t.{sql_text.identifier(column.name)}"
        items = f"json_each(CASE WHEN json_valid({name}) THEN {name} ELSE json_array({name}) END) AS item"
        keys = ", ".join(f"t.{sql_text.identifier(part)}" for part in key)
        source = f"{sql_text.identifier(one.table)} AS t, {items}"
        yield f"{one.table}_{column.name}", f"SELECT {keys}, item.value FROM {source} WHERE {name} IS NOT NULL"
