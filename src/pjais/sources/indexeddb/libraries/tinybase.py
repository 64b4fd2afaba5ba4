"""TinyBase: the rows of tables and the values of a Store, also of a MergeableStore with its stamps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from typing import Any

from pjais.formats.indexeddb import BadRow, Record
from pjais.js_values import UNDEFINED
from pjais.sources.indexeddb.libraries import javascript_json
from pjais.sources.indexeddb.libraries.contract import Library, Meaning, Rows, Strange, member, refused

VALUES = "tinybase/values"
_JSON = "\ufffd"
"""The first character of a text that is an object or array as JSON."""
_GONE = "\ufffc"
"""The text that stands for undefined where a MergeableStore was JSON on its way: a cell that is deleted."""


class TinyBase(Library):
    """A Store (tables in `t`, values in `v`), or since version 8 a MergeableStore in `m`."""

    name = "TinyBase"
    decodes = True

    def recognises(self, database: str, version: int, stores: Set[str]) -> bool:
        """Return whether the stores are those of its persister, which have no other names."""
        return stores in ({"t", "v"}, {"t", "v", "m"})

    def read(self, rows: Rows, stores: Set[str]) -> Iterator[Meaning | BadRow]:
        """Yield each row of each table, then each value; a table at a time is held, of a MergeableStore all."""
        yield from _each(rows("t"), _table)
        yield from _each(rows("v"), _value)
        yield from _each(rows("m") if "m" in stores else iter(()), _merged)


def _each(
    rows: Iterator[Record | BadRow], read: Callable[[Record, str, Any], Iterator[Meaning]]
) -> Iterator[Meaning | BadRow]:
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        try:
            name = member(row.value, "k", str)
            if "v" not in row.value:
                raise Strange("its member 'v' is missing")
            yield from list(read(row, name, row.value["v"]))
        except ValueError as error:  # Strange, or no JSON
            yield refused(row, error)


def _table(row: Record, table: str, rows: Any) -> Iterator[Meaning]:
    for name, cells in _object(rows).items():
        value = {cell: _cell(one) for cell, one in _object(cells).items()}
        yield Meaning(f"tinybase/tables/{table}", name, value, row.place, {})


def _value(row: Record, name: str, value: Any) -> Iterator[Meaning]:
    yield Meaning(VALUES, name, _cell(value), row.place, {})


def _merged(row: Record, name: str, content: Any) -> Iterator[Meaning]:
    """Yield what is alive: each thing is in an array with the stamp of its last change and a hash."""
    inside = _object(_stamped(content))
    if name == "v":
        for key, value in _alive(inside):
            yield Meaning(VALUES, key, value, row.place, {})
    elif name == "t":
        for table, rows in inside.items():
            for key, cells in _object(_stamped(rows)).items():
                if value := dict(_alive(_object(_stamped(cells)))):
                    yield Meaning(f"tinybase/tables/{table}", key, value, row.place, {})
    else:
        raise Strange(f"{name!r} is neither tables nor values")


def _alive(stamped: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, one in stamped.items():
        value = _stamped(one)
        if value is not UNDEFINED and value != _GONE:
            yield key, _cell(value)


def _stamped(value: Any) -> Any:
    if type(value) is not list or not 2 <= len(value) <= 3:
        raise Strange("what should have a stamp has none")
    return value[0]


def _object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise Strange("it is no object")
    return value


def _cell(value: Any) -> Any:
    if type(value) is str and value.startswith(_JSON):
        return javascript_json.parse(value[1:])
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise Strange("a cell or value is no text, number, boolean or null")
