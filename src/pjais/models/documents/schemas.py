"""Read what a source tells of a collection's properties: a JSON schema (RxDB), or the DDL of a SQL table."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any, Protocol

from pjais import canonical, sqlite
from pjais.models.documents.catalogue import Index
from pjais.models.documents.survey import Known

_KINDS: dict[str, tuple[str, ...]] = {
    "string": ("string",),
    "integer": ("integer",),
    "number": ("number",),
    "boolean": ("boolean",),
    "object": ("json",),
    "array": ("json",),
}


class ToldIndex(Protocol):
    """An index, as a source tells it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def key_path(self) -> str | tuple[str, ...]: ...  # noqa: D102
    @property
    def unique(self) -> bool: ...  # noqa: D102
    @property
    def multi_entry(self) -> bool: ...  # noqa: D102


class Told(Protocol):
    """A collection, as a source tells it (`pjais.sources.contract.Collection`)."""

    @property
    def key_path(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def schema(self) -> Any: ...  # noqa: D102
    @property
    def made_by(self) -> str | None: ...  # noqa: D102
    @property
    def auto_increment(self) -> bool: ...  # noqa: D102
    @property
    def indexes(self) -> Sequence[ToldIndex]: ...  # noqa: D102


def known(told: Told) -> Known:
    """Return what a source tells of a collection; a schema that cannot be read declares no types."""
    indexes = tuple(
        Index(one.name, (one.key_path,) if isinstance(one.key_path, str) else one.key_path, one.unique, one.multi_entry)
        for one in told.indexes
    )
    base = Known(told.key_path, told.auto_increment, told.made_by, indexes=indexes)
    schema = told.schema
    if isinstance(schema, dict):
        text = canonical.dumps_plain(schema)
        listed = (*indexes, *_indexes_of_json(schema))
        return base._replace(
            types=_of_json(schema), version=_version(schema), schema=("json-schema", text), indexes=listed
        )
    if isinstance(schema, str):
        return base._replace(declared=_of_sql(schema), schema=("sql", schema))
    return base


def _indexes_of_json(schema: dict[str, Any]) -> tuple[Index, ...]:
    """Return the indexes of an RxDB schema."""
    listed = schema.get("indexes")
    found = []
    for one in listed if isinstance(listed, list) else ():
        paths = tuple(one if isinstance(one, list) else [one])
        if paths and all(isinstance(path, str) for path in paths):
            found.append(Index(",".join(paths), paths, unique=False, multi_entry=False))
    return tuple(dict.fromkeys(found))


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
