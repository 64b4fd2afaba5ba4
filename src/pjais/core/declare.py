"""Declare a table by its record: the annotation of each field says what kind of value it holds, once.

    from pjais.core import declare as a

    class Memory(NamedTuple):
        id: Annotated[str, a.key()]
        tags: Annotated[list[str], a.texts()]
        ...
        mood: Annotated[str | None, a.text()] = None

From this the columns, their defaults, the rules of every dialect, LiveStore's columns, the JSON's types and the edit
form are derived.  A field with a default was added after the first release: documents and rows of before lack it, and
that says nothing.
"""

from __future__ import annotations

from typing import Any, get_type_hints

from pjais.core.mapping import Field, Instant
from pjais.core.rules import (
    Content,
    Id,
    Items,
    Number,
    Object,
    Reference,
    RequiredText,
    Rule,
    Text,
    Texts,
    Tier,
    Truth,
    Vector,
)
from pjais.core.table import Column, Table


def key(*keys: str) -> Column:
    """Declare the id of a record.  `keys`, here and below: its names in documents where they are not the usual ones."""
    return Column("", "TEXT PRIMARY KEY", kind="key", keys=keys)


def text(*keys: str, default: Any = None) -> Column:
    """Declare a text that may be missing."""
    return Column("", "TEXT", default=default, keys=keys)


def required(*keys: str, default: str = "") -> Column:
    """Declare a text that is never missing; `default`: of a new record."""
    return Column("", "TEXT NOT NULL", default=default, kind="required", keys=keys)


def tier(*keys: str, live: str) -> Column:
    """Declare a memory's tier; `live`: the tier of a memory without one in LiveStore."""
    return Column("", "TEXT DEFAULT 'active'", default="active", kind="tier", keys=keys, live=live)


def reference(table: str, *keys: str) -> Column:
    """Declare the id of a record of another table, or none."""
    return Column("", f"TEXT REFERENCES {table}(id)", kind="reference", keys=keys, references=(table,))


def link(*tables: str, keys: tuple[str, ...] = ()) -> Column:
    """Declare the id of a record of one of several tables."""
    return Column("", "TEXT NOT NULL", kind="link", keys=keys, references=tables)


def count(*keys: str, default: int = 0) -> Column:
    """Declare a whole number."""
    return Column("", f"INTEGER DEFAULT {default}", "number", default, kind="count", keys=keys)


def number(*keys: str) -> Column:
    """Declare a number that may be missing."""
    return Column("", "NUMERIC", "number", kind="number", keys=keys)


def score(default: int, low: int, high: int) -> Column:
    """Declare a number between two limits."""
    return Column("", f"INTEGER DEFAULT {default}", "number", default, kind="number", limits=(low, high))


def truth(*keys: str, default: bool = False) -> Column:
    """Declare what is true or false."""
    return Column("", f"INTEGER DEFAULT {int(default)}", "bool", default, kind="truth", keys=keys)


def instant(*keys: str, now: bool = False) -> Column:
    """Declare a point in time; `now`: what another program inserts without one gets its own."""
    return Column("", "TEXT DEFAULT CURRENT_TIMESTAMP" if now else "TEXT", "instant", kind="instant", keys=keys)


def json(*keys: str) -> Column:
    """Declare a JSON object that may be missing."""
    return Column("", "JSON", "json", kind="object", keys=keys)


def texts(*keys: str) -> Column:
    """Declare a list of texts."""
    return Column("", "JSON", "json", [], kind="texts", keys=keys)


def items(*keys: str) -> Column:
    """Declare a list of any JSON values."""
    return Column("", "JSON", "json", [], kind="items", keys=keys)


def vector(*keys: str) -> Column:
    """Declare a list of numbers that may be missing."""
    return Column("", "JSON", "json", kind="vector", keys=keys)


def content(*keys: str) -> Column:
    """Declare text or any JSON value; a second column says which."""
    return Column("", "TEXT NOT NULL", "content", "", kind="content", keys=keys)


def extra() -> Column:
    """Declare the place of what a document has beyond the fields."""
    return Column("", "JSON", "json", {}, kind="extra")


_FORMAT = Column("content_format", "TEXT DEFAULT 'text'", "content_format", kind="format")


def columns_of(record: type[Any], *, last: tuple[str, ...] = ()) -> tuple[Column, ...]:
    """Return the columns of a record type, in the order of its fields; those named in `last` follow the others.

    The second column of a content, then `extra`, then the fields added later come at the end.
    """
    hints = get_type_hints(record, include_extras=True)
    declared = [
        next(one for one in hints[name].__metadata__ if isinstance(one, Column))._replace(
            name=name, later=name in record._field_defaults
        )
        for name in record._fields
    ]
    formats = [_FORMAT] if any(one.kind == "content" for one in declared) else []
    ends = [one for one in declared if one.kind == "extra" or one.later]
    moved = [one for one in declared if one.name in last]
    return (*(one for one in declared if one not in moved and one not in ends), *moved, *formats, *ends)


def references_of(columns: tuple[Column, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the (column, tables) pairs that must resolve."""
    return tuple((column.name, column.references) for column in columns if column.references)


def table(record: type[Any], name: str, *, last: tuple[str, ...] = (), **more: Any) -> Table:
    """Return the table of a record type; `more`: what `Table` says beyond its columns."""
    columns = columns_of(record, last=last)
    return Table(name, record, ("id",), columns, references=references_of(columns), **more)


def later_fields(table: Table, *, json_text: bool) -> tuple[Field, ...]:
    """Return the fields added after the first release, for a mapping that lists its fields by hand."""
    return tuple(
        Field(column.name, column.names, rule_of(column, json_text=json_text), omit=True) for column in table.later
    )


def rule_of(column: Column, *, json_text: bool, tier: str = "active", content_json: bool = False) -> Rule:
    """Return the rule that reads a column's values.

    `json_text`: from SQLite rows, which hold JSON as text and 1 or 0 for true or false.  `tier`: of a memory without
    one.  `content_json`: the content is always JSON text.
    """
    simple: dict[str, type[Rule]] = {
        "key": Id,
        "link": Id,
        "reference": Reference,
        "text": Text,
        "required": RequiredText,
        "instant": Instant,
    }
    lists: dict[str, type[Object] | type[Texts] | type[Vector]] = {
        "object": Object,
        "texts": Texts,
        "items": Items,
        "vector": Vector,
    }
    if column.kind in simple:
        return simple[column.kind]()
    if column.kind in lists:
        return lists[column.kind](json_text=json_text)
    if column.kind == "tier":
        return Tier(tier)
    if column.kind == "truth":
        return Truth(numeric=json_text, default=bool(column.default))
    if column.kind == "content":
        return Content(json_text=content_json)
    return Number(column.default, whole=column.kind == "count", limits=column.limits)
