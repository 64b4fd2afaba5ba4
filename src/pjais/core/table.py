"""Tables of records as values: what DDL, triggers, bound rows, digests and the columns of lists are derived from.

A record is a named tuple; its table says how each field is stored.  `to_row(record)` is what a writer binds and what a
digest covers, `to_record(row)` its inverse: the stored form of every value, in one place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pjais import canonical, instants, sql_text, sqlite

Record = Any
"""A record: a named tuple of one of a model's record types."""

Row = tuple[Any, ...]

OLDEST = -(1 << 62)
"""The age of a record that does not say when it was last changed."""

_WHEN = ("updated_at", "created_at", "installed_at")


class Column(NamedTuple):
    """One column: its declaration in SQL, and in which form the model's value is stored.

    `form`: text, number, bool (0/1), json (text), instant (ISO-8601 text), content (text or JSON text) or
    content_format (`text` | `json`, derived from content).  `default`: what a record has where nothing is said.

    The rest is what mappings, LiveStore and the page derive theirs from: `kind` (see `pjais.core.declare`), the `keys`
    of documents where they are not the usual two, a `live` default of LiveStore that differs, `limits` of a number, the
    tables that it references, and `later`: the column was added after the first release.
    """

    name: str
    declaration: str
    form: str = "text"
    default: Any = None
    kind: str = "text"
    keys: tuple[str, ...] = ()
    live: Any = None
    limits: tuple[int, int] | None = None
    references: tuple[str, ...] = ()
    later: bool = False

    @property
    def sql(self) -> str:
        """Return its name as SQL writes it."""
        return sql_text.identifier(self.name)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the keys under which documents have it: camelCase first, then snake_case."""
        return self.keys or tuple(dict.fromkeys((camel(self.name), self.name)))


class Search(NamedTuple):
    """A full-text index over some columns of a table, with the weight of each in the ranking."""

    name: str
    columns: tuple[str, ...]
    weights: tuple[float, ...]


class Parts(NamedTuple):
    """A derived table: one row for each item of a JSON list in a table's records, and a full-text index over the rows.

    `items`: the column that holds the list.  `link`: the column of a row with the record's id, which is followed by
    `position`, the item's place in the list.  `columns`: (name, declaration, value) - the SQL of the value, in which
    `item` is a row of SQLite's `json_each`.  `takes`: the condition for an item that gets a row.
    """

    name: str
    items: str
    link: str
    columns: tuple[tuple[str, str, str], ...]
    takes: str
    search: Search


def _json(value: Any) -> str | None:
    return None if value is None else canonical.dumps(value)


def _extra(value: dict[str, Any]) -> str | None:
    """An empty `extra` is NULL, so that ordinary records look ordinary."""
    return canonical.dumps(value) if value else None


def _instant(value: int | None) -> str | None:
    return None if value is None else instants.to_text(value)


def _content(value: Any) -> str:
    return value if type(value) is str else canonical.dumps(value)


def _content_format(value: Any) -> str:
    return "text" if type(value) is str else "json"


Encode = Callable[[Any], Any] | None

_ENCODERS: dict[str, Encode] = {
    "text": None,
    "number": None,
    "bool": int,
    "json": _json,
    "instant": _instant,
    "content": _content,
    "content_format": _content_format,
}


class Keeps(NamedTuple):
    """What of another copy of a record stays, though the live copy lacks it.

    `add` returns the record with it, and the number of parts; None if the record lacks nothing of the other copy.
    `bare` returns a record without what was added: as its source has it.  `rule` and `told` say it in the report.
    `lets_go`: whether the live copy may lack it because it was deleted, so that it goes when deletions are accepted.
    """

    add: Callable[[Record, Record], tuple[Record, int] | None]
    bare: Callable[[Record], Record]
    rule: str
    told: Callable[[int], str]
    lets_go: bool = True


@dataclass(frozen=True, eq=False)
class Table:
    """One table of records; there is one value for each, compared by identity.

    `key` are its first columns.  `references`: (column, tables) pairs that must resolve in one of the tables.  `title`:
    the name of its records in the library, exports and commands, where it is not the table's.  `owner`: the column
    that names the record which a record belongs to.  `sole`: a flag that is set for one record at most when it is set
    through us.
    `dated`: people look for its records by date of creation.  `carries`: the table takes documents that no mapping
    claims, whole.  `is_of_documents`: it holds one such collection, and its record is its row.  `packed`:
    columns that an app may have written in a compressed form, with the function that expands it.  `keeps`: what
    of its records an export of an app never removes.  `parts`: a table derived from a list in its records, which SQLite
    keeps.
    `of_bytes`: each record is about bytes, which the store holds once in `_blobs`: its id is their SHA-256.
    """

    name: str
    record: type[Any]
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    indexes: tuple[tuple[str, str], ...] = ()
    references: tuple[tuple[str, tuple[str, ...]], ...] = ()
    search: Search | None = None
    parts: Parts | None = None
    title: str = ""
    owner: str | None = None
    sole: str | None = None
    dated: bool = False
    carries: bool = False
    packed: tuple[tuple[str, Callable[[str], Any | None]], ...] = ()
    is_of_documents: bool = False
    keeps: Keeps | None = None
    of_bytes: bool = False
    generated: tuple[tuple[str, str], ...] = ()
    """Further columns that SQLite computes: (name, SQL of the value); they are not part of the record."""
    views: tuple[tuple[str, str], ...] = ()
    """Views of the table: (name, SQL of the SELECT)."""
    plain_key: bool = True
    """True if its key is one text, which is the record's key as it is; else that is a JSON array of the key's parts."""
    sql: str = field(init=False, repr=False)
    """Its name as SQL writes it."""
    column_names: tuple[str, ...] = field(init=False)
    column_list: str = field(init=False, repr=False)
    """The names of its columns as SQL writes them, in order."""
    fields: tuple[Column, ...] = field(init=False)
    """The columns in the order of the record's fields, without those that are derived from others."""
    later: tuple[Column, ...] = field(init=False)
    stored: tuple[tuple[int, Encode], ...] = field(init=False, repr=False)
    """For each column, the position of its field in a record, and how the value is encoded; None: as it is."""
    wide: tuple[int, ...] = field(init=False, repr=False)
    """The positions of the columns that may hold much: content and JSON."""
    _when: tuple[int, ...] = field(init=False, repr=False)
    _first: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        fields = self.record._fields
        held = {column.name: column for column in self.columns}
        made: dict[str, Any] = {
            "fields": tuple(held[name] for name in fields),
            "title": self.title or self.name,
            "sql": sql_text.identifier(self.name),
            "plain_key": self.plain_key and len(self.key) == 1,
            "column_names": tuple(column.name for column in self.columns),
            "column_list": ", ".join(column.sql for column in self.columns),
            "later": tuple(column for column in self.columns if column.later),
            "stored": tuple(
                (
                    fields.index("content" if column.form == "content_format" else column.name),
                    _extra if column.name == "extra" else _ENCODERS[column.form],
                )
                for column in self.columns
            ),
            "wide": tuple(
                at
                for at, column in enumerate(self.columns)
                if column.form in ("content", "json") or self.is_of_documents
            ),
            "_first": sum(not column.later for column in self.columns),
            "_when": tuple(fields.index(name) for name in _WHEN if name in fields),
        }
        if not made["later"] and not self.is_of_documents:
            made["counted"] = tuple  # without a look at each row
            made["digest"] = canonical.digest
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def bare(self, record: Record) -> Record:
        """Return a record without what was kept of another copy of it."""
        return record if self.keeps is None else self.keeps.bare(record)

    def bare_row(self, row: Row) -> Row | None:
        """Return a row as its source has it; None if nothing was kept, or if it holds what no record can be."""
        record = None if self.keeps is None else self.record_of(row)
        if record is None or self.keeps is None:
            return None
        found = self.keeps.bare(record)
        return None if found is record else self.to_row(found)

    def record_of(self, row: Row) -> Record | None:
        """Return the record that a row holds; None where another program left what no record can be."""
        try:
            return self.to_record(row)
        except (ValueError, TypeError, RecursionError):
            return None

    def to_row(self, record: Record) -> Row:
        """Return the record as the values that the table's columns hold, in order."""
        return tuple([record[index] if encode is None else encode(record[index]) for index, encode in self.stored])

    def to_record(self, row: Row) -> Record:
        """Return the record that a row holds.  Raises ValueError where another writer left what no record can be."""
        stored = dict(zip(self.column_names, row, strict=True))
        values: dict[str, Any] = {}
        for column in self.columns:
            value = stored[column.name]
            if column.form == "json":
                value = {} if value is None and column.name == "extra" else value
                value = canonical.loads(value) if isinstance(value, str) else value
            elif column.form == "instant" and value is not None:
                value = instants.from_text(value)
            elif column.form == "bool":
                value = bool(value)
            elif column.form == "content" and stored["content_format"] == "json":
                value = canonical.loads(value)
            if column.form != "content_format":
                values[column.name] = value
        return self.record(**values)

    def counted(self, row: Row) -> Row:
        """Return what of a row its digest covers.

        Columns that were added later and are NULL do not count, so that a record without them keeps its digest.
        """
        end = len(row)
        while end > self._first and row[end - 1] is None:
            end -= 1
        return row if end == len(row) else row[:end]

    def digest(self, row: Row) -> bytes:
        """Return the digest of a record in its stored form."""
        return canonical.digest(self.counted(row))

    def columns_of(self, alias: str) -> str:
        """Return the names of its columns as SQL writes them, each of the row `alias`."""
        return ", ".join(f"{alias}.{column.sql}" for column in self.columns)

    def matching(self, alias: str = "", operator: str = "=") -> str:
        """Return the condition that selects a record by the values of its key."""
        row = f"{alias}." if alias else ""
        return " AND ".join(f"{row}{sql_text.identifier(name)} {operator} ?" for name in self.key)

    @property
    def assignments(self) -> str:
        """Return `column = ?` for each column."""
        return ", ".join(f"{column.sql} = ?" for column in self.columns)

    @property
    def key_list(self) -> str:
        """Return the names of its key's columns as SQL writes them."""
        return ", ".join(map(sql_text.identifier, self.key))

    def row_key(self, row: Sequence[Any]) -> str:
        """Return the key of the record in a row, as `changes` and `migration_records` write it."""
        return str(row[0]) if self.plain_key else _key_text(row[: len(self.key)])

    def record_key(self, record: Record) -> str:
        """Return the key of a record as `row_key` gives it."""
        return str(record.id) if self.plain_key else _key_text(self.key_of(record))

    def key_of(self, record: Record) -> tuple[Any, ...]:
        """Return the values of a record's key."""
        return tuple(getattr(record, name) for name in self.key)

    def possible_keys(self, text: str) -> tuple[str, ...]:
        """Return the keys that somebody who writes a text may mean: as `row_key` does, a text, or a number."""
        if self.plain_key:
            return (text,)
        found = [_key_text([text])] if len(self.key) == 1 else []
        for one in (text, f"[{text}]"):
            try:
                parts = json.loads(one)
            except (ValueError, RecursionError):
                continue
            scalars = isinstance(parts, list) and not any(isinstance(part, list | dict) for part in parts)
            if scalars and len(parts) == len(self.key):
                found.append(_key_text(parts))
        return tuple(dict.fromkeys(found))

    def key_values(self, key: str) -> tuple[Any, ...]:
        """Return the values of a key that is written as `row_key` does.  Raises ValueError for one that is not."""
        return (key,) if self.plain_key else tuple(json.loads(key))

    def age(self, record: Record) -> int:
        """Return when a record was last changed (ms), as far as it says; unknown counts as oldest."""
        return next((int(record[index]) for index in self._when if record[index] is not None), OLDEST)


def _key_text(parts: Sequence[Any]) -> str:
    if any(type(part) is float for part in parts):  # as SQLite's triggers write it
        with closing(sqlite.scratch()) as db:
            return str(sqlite.value(db, f"SELECT json_array({', '.join('?' * len(parts))})", tuple(parts)))
    return json.dumps(list(parts), ensure_ascii=False, separators=(",", ":"))


def camel(name: str) -> str:
    """Return a column's name as documents, exports and LiveStore have it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
