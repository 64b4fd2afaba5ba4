"""Browse the document tables of a store: columns, rows that pass filters, references, bytes.

What an app's table has for a person to look at: pages of rows in any order, filtered by any column, with the rows that
a value refers to.  References are those that the table declares, and what the name of a column says where the value is
the key of a row (`workflows.personaId` and the persona with this id); a guess without such a row is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pjais import sqlite
from pjais.core.model import Model
from pjais.core.table import Table
from pjais.errors import UsageError
from pjais.models.documents import catalogue
from pjais.sql_text import quoted
from pjais.store import documents
from pjais.store.as_of import row_now

Operator = Literal["is", "is-not", "contains", "at-least", "at-most", "empty", "not-empty"]

_SQL: Mapping[str, str] = {
    "is": "{0} = ?",
    "is-not": "{0} IS NOT ?",
    "contains": "instr(lower({0}), lower(?)) > 0",
    "at-least": "{0} >= ?",
    "at-most": "{0} <= ?",
    "empty": "({0} IS NULL OR {0} = '')",
    "not-empty": "({0} IS NOT NULL AND {0} <> '')",
}
OPERATORS: Mapping[str, str] = {
    "is": "is",
    "is-not": "is not",
    "contains": "contains",
    "at-least": "≥",
    "at-most": "≤",
    "empty": "is empty",
    "not-empty": "is not empty",
}
"""The operators of a filter, with what a person reads."""
WITHOUT_VALUE = frozenset({"empty", "not-empty"})
_WHOLE = "_document"
_LABELS = ("name", "title", "label", "subject", "displayName", "username", "email", "url", "path")
_LOOKED_THROUGH = 200
"""Number of tables that are searched for what refers to a row: a profile may have thousands."""
_WIDEST = 100_000
"""Characters of a value that a list needs: the rest is on the page of its row."""


class Filter(NamedTuple):
    """A condition on a column; `value` is what was typed (a number where it is one)."""

    column: str
    operator: str
    value: str


class Reference(NamedTuple):
    """A column whose values are keys of another table's rows; `declared` by its schema, or said by its name."""

    column: str
    table: str
    to: str
    declared: bool


class Column(NamedTuple):
    """A column: its name, the property that it holds, its declared type and the kinds of its values."""

    name: str
    path: str
    type: str
    kinds: tuple[str, ...]
    key: bool


class About(NamedTuple):
    """A document table, and where its documents are from."""

    name: str
    rows: int
    origin: str | None
    database: str | None
    collection: str
    version: int | None
    source: str
    made_by: str | None


class Rows(NamedTuple):
    """A page of rows: how many pass the filters, of how many, and the rows with all columns but the whole document.

    A long text is cut.  `keys` has each row's key as the history writes it (`Table.row_key`).
    """

    total: int
    every: int
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    keys: list[str]


def tables(db: sqlite.Connection, model: Model) -> list[About]:
    """Return the document tables of a store, by origin and database."""
    found = []
    held = _held(db)
    for name in documents.names(model):
        one = held.get(name)
        rows = int(sqlite.value(db, f"SELECT count(*) FROM {model.by_name[name].sql}"))
        found.append(About(name, rows, *one) if one else About(name, rows, None, None, name, None, "", None))
    return sorted(found, key=lambda one: (one.origin or "", one.database or "", one.name))


def _held(db: sqlite.Connection) -> dict[str, tuple[Any, ...]]:
    if not sqlite.column_names(db, "_collections"):
        return {}
    sql = "SELECT tbl, origin, database, collection, version, source, made_by FROM _collections ORDER BY number DESC"
    return {row[0]: row[1:] for row in sqlite.each(db, sql)}


def columns(db: sqlite.Connection, table: Table) -> list[Column]:
    """Return the columns of a document table; the whole document, which every row has, is none of them."""
    told = {
        name: (path, kinds)
        for name, path, kinds in sqlite.each(
            db,
            "SELECT col, path, (SELECT group_concat(value, ', ') FROM json_each(types)) FROM _columns WHERE tbl = ?",
            (table.name,),
        )
    }
    declared = dict(sqlite.fetch(db, "SELECT name, type FROM pragma_table_info(?)", (table.name,)))
    return [
        Column(
            name,
            told.get(name, (name, None))[0],
            declared.get(name, ""),
            tuple((told.get(name, (name, None))[1] or "").split(", ")) if told.get(name, ("", None))[1] else (),
            name in table.key,
        )
        for name in _shown(table)
    ]


def _shown(table: Table) -> tuple[str, ...]:
    return tuple(name for name in table.column_names if name != _WHOLE)


def rows(
    db: sqlite.Connection,
    table: Table,
    filters: Sequence[Filter] = (),
    *,
    words: str = "",
    order: str | None = None,
    descending: bool = False,
    limit: int = 50,
    offset: int = 0,
) -> Rows:
    """Return a page of a table's rows.

    `words`: a text that one of the columns contains, upper and lower case ASCII letters alike.  `order`: a column; the
    key decides among equals.  Raises UsageError for an unknown column or operator.
    """
    shown = _shown(table)
    conditions, values = _where(shown, filters, words)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    every = int(sqlite.value(db, f"SELECT count(*) FROM {table.sql}"))
    total = int(sqlite.value(db, f"SELECT count(*) FROM {table.sql} AS t{where}", values)) if where else every
    by = table.key_list
    if order is not None:
        _known(shown, order)
        by = f"t.{quoted(order)}{' DESC' if descending else ''}, {table.key_list}"
    listed = ", ".join(_cut(f"t.{quoted(name)}") for name in shown)
    keys = ", ".join(f"t.{quoted(name)}" for name in table.key)
    found = sqlite.fetch(
        db,
        f"SELECT {keys}, {listed} FROM {table.sql} AS t{where} ORDER BY {by} LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    width = len(table.key)
    return Rows(total, every, shown, [row[width:] for row in found], [table.row_key(row[:width]) for row in found])


def _cut(column: str) -> str:
    return f"CASE WHEN typeof({column}) = 'text' THEN substr({column}, 1, {_WIDEST}) ELSE {column} END"


def _where(shown: Sequence[str], filters: Iterable[Filter], words: str) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    for one in filters:
        _known(shown, one.column)
        if one.operator not in _SQL:
            raise UsageError("unknown operator", where=[one.operator, f"one of: {', '.join(_SQL)}"])
        conditions.append(_SQL[one.operator].format(f"t.{quoted(one.column)}"))
        if one.operator not in WITHOUT_VALUE:
            values.append(one.value if one.operator == "contains" else _typed(one.value))
    if words:
        conditions.append("(" + " OR ".join(f"instr(lower(t.{quoted(name)}), lower(?)) > 0" for name in shown) + ")")
        values += [words] * len(shown)
    return conditions, values


def _known(shown: Sequence[str], name: str) -> None:
    if name not in shown:
        raise UsageError("unknown column", where=[name, f"one of: {', '.join(shown)}"])


def _typed(text: str) -> Any:
    """Return a number for what is written like one: SQLite compares it with texts by the column's affinity."""
    if re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    if re.fullmatch(r"-?\d+\.\d+(e-?\d+)?", text, re.IGNORECASE):
        return float(text)
    return text


def row(db: sqlite.Connection, table: Table, key: str) -> dict[str, Any] | None:
    """Return the row with this key, as the history writes it, by column; None if there is none."""
    return row_now(db, table, key)


def references(db: sqlite.Connection, model: Model, table: Table) -> list[Reference]:
    """Return the columns of a table that may refer to rows of another: declared ones first."""
    found = {}
    for name, other, to in sqlite.each(
        db, 'SELECT "from", "table", "to" FROM pragma_foreign_key_list(?)', (table.name,)
    ):
        there = model.by_name.get(other)
        if there is not None and len(there.key) == 1:
            found[name] = Reference(name, other, to or there.key[0], declared=True)
    for name in _shown(table):
        if name not in found and (other := _meant(model, table, name)) is not None:
            found[name] = Reference(name, other.name, other.key[0], declared=False)
    return list(found.values())


def _meant(model: Model, table: Table, column: str) -> Table | None:
    """Return the table that a column's name speaks of: `hikeId`, `hike_id` and `hike` of `hikes`."""
    stem = re.sub(r"(_ids?|Ids?|_keys?|Keys?)$", "", column)
    if stem == column and column in table.key:
        return None
    wanted = {_plain(stem), _plain(stem) + "s", _plain(stem) + "es", re.sub("y$", "ies", _plain(stem))}
    for other in model.tables:
        if other is not table and len(other.key) == 1 and _plain(other.name) in wanted:
            return other
    return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


class Target(NamedTuple):
    """A row that a value refers to: its key as the history writes it, and what to call it."""

    key: str
    name: str


def targets(db: sqlite.Connection, model: Model, one: Reference, values: Iterable[Any]) -> dict[Any, Target]:
    """Return the rows that these values refer to, by value; a value without such a row is left out."""
    there = model.by_name[one.table]
    wanted = [value for value in dict.fromkeys(values) if isinstance(value, str | int | float)]
    if not wanted:
        return {}
    called = _label(there)
    marks = ", ".join("?" * len(wanted))
    sql = f"SELECT {quoted(one.to)}, {called} FROM {there.sql} WHERE {quoted(one.to)} IN ({marks})"
    return {
        key: Target(there.row_key((key,)), str(key if name in (None, "") else name)[:200])
        for key, name in sqlite.each(db, sql, wanted)
    }


def _label(table: Table) -> str:
    names = [name for name in _LABELS if name in table.column_names]
    return quoted(names[0]) if names else quoted(table.key[0])


def called(row_: Mapping[str, Any]) -> str | None:
    """Return what a row is called: its name, title or the like; None if it has none."""
    found = (row_[name] for name in _LABELS if isinstance(row_.get(name), str) and row_[name].strip())
    return next(found, None)


def referring(
    db: sqlite.Connection, model: Model, table: Table, value: Any, limit: int = 50
) -> list[tuple[Table, Reference, int]]:
    """Return the document tables with rows that refer to a key of this table, and the number of those rows."""
    found = []
    for name in documents.names(model)[:_LOOKED_THROUGH]:
        for one in references(db, model, model.by_name[name]):
            if one.table == table.name:
                sql = f"SELECT count(*) FROM {model.by_name[name].sql} WHERE {quoted(one.column)} = ?"
                if count := int(sqlite.value(db, sql, (value,))):
                    found.append((model.by_name[name], one, count))
    return found[:limit]


class Blob(NamedTuple):
    """Bytes of a document: their SHA-256 (hex), media type, name, and size in bytes."""

    sha256: str
    media_type: str | None
    name: str | None
    size: int


def blob(db: sqlite.Connection, sha256: str) -> tuple[Blob, bytes] | None:
    """Return the bytes with this SHA-256 and what is known of them; None if the store has none."""
    if not sqlite.column_names(db, catalogue.BLOBS):
        return None
    found = sqlite.first(
        db, f"SELECT sha256, media_type, name, size, data FROM {catalogue.BLOBS} WHERE sha256 = ?", (sha256,)
    )
    return None if found is None else (Blob(*found[:4]), found[4])
