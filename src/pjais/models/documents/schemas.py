"""Read what a source tells of a collection's properties: a JSON schema (RxDB), or the DDL of a SQL table."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from pjais import canonical, sqlite
from pjais.models.documents.survey import Known

_KINDS: dict[str, tuple[str, ...]] = {
    "string": ("string",),
    "integer": ("integer",),
    "number": ("number",),
    "boolean": ("boolean",),
    "object": ("json",),
    "array": ("json",),
}


def known(key_path: tuple[str, ...], schema: Any, made_by: str | None) -> Known:
    """Return the types that a schema declares; one that cannot be read declares none."""
    if isinstance(schema, dict):
        auto = Known(key_path, False, made_by, types=_of_json(schema), version=_version(schema))
        return auto._replace(schema=("json-schema", canonical.dumps_plain(schema)))
    if isinstance(schema, str):
        return Known(key_path, False, made_by, _of_sql(schema), schema=("sql", schema))
    return Known(key_path, False, made_by)


def _version(schema: dict[str, Any]) -> int | None:
    version = schema.get("version")
    return version if type(version) is int else None


def _of_json(schema: dict[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return ()
    found = []
    for name, one in properties.items():
        told = one.get("type") if isinstance(one, dict) else None
        types = [each for each in (told if isinstance(told, list) else [told]) if each != "null"]
        wanted = _KINDS.get(str(types[0])) if len(types) == 1 else None
        if wanted is not None and not name.startswith("_"):  # RxDB's own: _meta, _rev, _attachments, _deleted
            found.append((f"${name}" if name[:1] == "$" else name, wanted))
    return tuple(found)


def _of_sql(ddl: str) -> tuple[tuple[str, str], ...]:
    """Return (column, declared type) of a CREATE TABLE, as SQLite reads it."""
    with closing(sqlite.scratch()) as db:
        try:
            db.execute(ddl)
            (name,) = sqlite.fetch(db, "SELECT name FROM sqlite_schema WHERE type = 'table' LIMIT 1")
            found = sqlite.fetch(db, "SELECT name, type FROM pragma_table_xinfo(?) ORDER BY cid", name)
        except (sqlite.Error, ValueError):
            return ()
    return tuple((f"${name}" if name[:1] == "$" else name, kind) for name, kind in found)
