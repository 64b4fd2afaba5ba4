"""References between the collections of a database, as its schema declares them: `ref` of RxDB, REFERENCES of SQL.

They are declared in the tables, too, wherever the other collection has a table with one key.  A document that refers to
one that is not there is never refused: the check of foreign keys names it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import cache

from pjais import sqlite
from pjais.models.documents.catalogue import Collection, Place

Reference = tuple[str, str, str | None]
"""(property, collection that it refers to, property there; None: its key)."""

Link = tuple[str, str, str]
"""(column, table that it refers to, column there)."""


def links(one: Collection, there: Mapping[Place, Collection]) -> tuple[Link, ...]:
    """Return the references of a table to other tables of its database."""
    found = []
    held = {column.path: column.name for column in one.columns}
    for path, name, to in () if one.schema is None else _declared(*one.schema):
        other = there.get(one.place._replace(collection=name))
        if other is None or path not in held or other.key != 1 or other.key_path is None:
            continue
        if to in (None, other.key_path[0]):
            found.append((held[path], other.table, other.columns[0].name))
    return tuple(found)


@cache
def _declared(form: str, text: str) -> tuple[Reference, ...]:
    return tuple(_of_json(text) if form == "json-schema" else _of_sql(text))


def _of_json(text: str) -> Iterator[Reference]:
    schema = json.loads(text)
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name, one in properties.items() if isinstance(properties, dict) else ():
        told = one.get("type") if isinstance(one, dict) else None
        types = set(told if isinstance(told, list) else [told])
        if isinstance(one, dict) and isinstance(one.get("ref"), str) and types <= {"string", "null"}:
            yield (f"${name}" if name[:1] == "$" else name), one["ref"], None


def _of_sql(ddl: str) -> Iterator[Reference]:
    with closing(sqlite.scratch()) as db:
        try:
            db.execute(ddl)
            (name,) = sqlite.fetch(db, "SELECT name FROM sqlite_schema WHERE type = 'table' LIMIT 1")
            rows = sqlite.fetch(db, 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?)', name)
        except (sqlite.Error, ValueError):
            return
    single = [row for row in rows if sum(row[0] == other[0] for other in rows) == 1]
    for _, table, column, to in single:
        yield column, table, to
