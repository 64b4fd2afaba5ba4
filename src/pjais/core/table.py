"""Tables of records as values: what DDL, triggers, bound rows, digests and the columns of lists are derived from.

A record is a named tuple; its table says how each field is stored.  `to_row(record)` is what a writer binds and what a
digest covers, `to_record(row)` its inverse: the stored form of every value, in one place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pjais import canonical, instants

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
    def names(self) -> tuple[str, ...]:
        """Return the keys under which documents have it: camelCase first, then snake_case."""
        return self.keys or tuple(dict.fromkeys((camel(self.name), self.name)))


class Search(NamedTuple):
    """A full-text index over some columns of a table, with the weight of each in the ranking."""

    name: str
    columns: tuple[str, ...]
    weights: tuple[float, ...]


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


_Encode = Callable[[Any], Any] | None

_ENCODERS: dict[str, _Encode] = {
    "text": None,
    "number": None,
    "bool": int,
    "json": _json,
    "instant": _instant,
    "content": _content,
    "content_format": _content_format,
}


@dataclass(frozen=True, eq=False)
class Table:
    """One table of records; there is one value for each, compared by identity.

    `key` are its first columns.  `references`: (column, tables) pairs that must resolve in one of the tables.  `title`:
    the name of its records in the library, exports and commands, where it is not the table's.  `owner`: the column
    that names the record which a record belongs to.  `sole`: a flag that is set for one record at most when it is set
    through us.
    `dated`: people look for its records by date of creation.  `carries`: the table takes documents that no mapping
    claims, whole.  `packed`: columns that an app may have written in a compressed form, with the function that expands
    it.
    """

    name: str
    record: type[Any]
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    indexes: tuple[tuple[str, str], ...] = ()
    references: tuple[tuple[str, tuple[str, ...]], ...] = ()
    search: Search | None = None
    title: str = ""
    owner: str | None = None
    sole: str | None = None
    dated: bool = False
    carries: bool = False
    packed: tuple[tuple[str, Callable[[str], Any | None]], ...] = ()
    column_names: tuple[str, ...] = field(init=False)
    fields: tuple[Column, ...] = field(init=False)
    """The columns in the order of the record's fields, without those that are derived from others."""
    later: tuple[Column, ...] = field(init=False)
    _steps: tuple[tuple[int, _Encode], ...] = field(init=False, repr=False)
    _when: tuple[int, ...] = field(init=False, repr=False)
    _first: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        fields = self.record._fields
        held = {column.name: column for column in self.columns}
        made: dict[str, Any] = {
            "fields": tuple(held[name] for name in fields),
            "title": self.title or self.name,
            "column_names": tuple(column.name for column in self.columns),
            "later": tuple(column for column in self.columns if column.later),
            "_steps": tuple(
                (
                    fields.index("content" if column.form == "content_format" else column.name),
                    _extra if column.name == "extra" else _ENCODERS[column.form],
                )
                for column in self.columns
            ),
            "_first": sum(not column.later for column in self.columns),
            "_when": tuple(fields.index(name) for name in _WHEN if name in fields),
        }
        if not made["later"]:
            made["digest"] = canonical.digest  # without a look at each row
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def to_row(self, record: Record) -> Row:
        """Return the record as the values that the table's columns hold, in order."""
        return tuple([record[index] if encode is None else encode(record[index]) for index, encode in self._steps])

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

    def digest(self, row: Row) -> bytes:
        """Return the digest of a record in its stored form.

        Columns that were added later and are NULL do not count, so that a record without them keeps its digest.
        """
        end = len(row)
        while end > self._first and row[end - 1] is None:
            end -= 1
        return canonical.digest(row if end == len(row) else row[:end])

    def row_key(self, row: Sequence[Any]) -> str:
        """Return the key of the record in a row, as `changes` and `migration_records` write it."""
        return str(row[0]) if len(self.key) == 1 else _key_text(row[: len(self.key)])

    def record_key(self, record: Record) -> str:
        """Return the key of a record as `row_key` gives it."""
        if len(self.key) == 1:
            return str(record.id)
        return _key_text([getattr(record, name) for name in self.key])

    def age(self, record: Record) -> int:
        """Return when a record was last changed (ms), as far as it says; unknown counts as oldest."""
        return next((int(record[index]) for index in self._when if record[index] is not None), OLDEST)


def _key_text(parts: Sequence[Any]) -> str:
    return json.dumps(list(parts), ensure_ascii=False, separators=(",", ":"))


def camel(name: str) -> str:
    """Return a column's name as documents, exports and LiveStore have it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
