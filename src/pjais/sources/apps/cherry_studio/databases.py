"""Read the SQLite files of Cherry Studio into the scratch: its memories, and everything of version 7.

Only copies are opened.  A file that SQLite refuses (the app's own build has functions that others lack) is read page by
page.  Version 7 still changes: its columns are taken as they are there, `parent_id` or `parentId`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from pjais import canonical, sqlite
from pjais.core.document import Document, Remark, Unreadable
from pjais.errors import SourceDamaged
from pjais.formats import sqlite_pages
from pjais.formats.container import Container, ContainerDamaged
from pjais.sources.apps import values
from pjais.sources.apps.cherry_studio.content import Content, collection
from pjais.sources.sqlite_tables.reader import data_tables
from pjais.sql_text import quoted

Row = dict[str, Any]

_REFUSED = (sqlite.Error, SourceDamaged, UnicodeDecodeError, OSError)
_SHADOWS = ("_fts", "_shadow", "__drizzle")
"""Parts of the names of tables that are made from others."""


def gathered(
    container: Container, member: str, under: str, content: Content, only: frozenset[str] | None = None
) -> Iterator[Unreadable | Remark]:
    """Put the rows of a member into the scratch, its tables as `<under>/<table>`; yield what cannot be read.

    The rows of `message` are found by their topic, all others by their id.  `only`: these tables alone.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="pjais-cherry-") as folder:
            path = Path(folder, "copy.sqlite")
            for suffix in ("", "-wal"):
                if f"{member}{suffix}" in container.names:
                    with container.open(f"{member}{suffix}") as file, Path(f"{path}{suffix}").open("wb") as copy:
                        shutil.copyfileobj(file, copy, 1 << 20)
            yield from _of_copy(path, member, under, content, only)
    except ContainerDamaged as error:
        yield Unreadable("$file", member, b"", f"cannot be read: {error}")


def _of_copy(
    path: Path, member: str, under: str, content: Content, only: frozenset[str] | None
) -> Iterator[Unreadable | Remark]:
    done: set[str] = set()
    vectors = 0
    try:
        whole = path.with_name("whole.sqlite")
        sqlite.copy_source(path, whole)
        with closing(sqlite.open_frozen(whole)) as db:
            for name in data_tables(db):
                if _is_wanted(name, only):
                    content.forget(f"{under}/{name}")
                    columns = sqlite.column_names(db, name)
                    for number, row in enumerate(sqlite.each(db, f"SELECT * FROM {quoted(name)}")):
                        place = f"{member} {name} row {number}"
                        vectors += _put(content, under, name, place, dict(zip(columns, row, strict=True)))
                    done.add(name)
    except _REFUSED:
        for piece in sqlite_pages.salvage(path):
            if isinstance(piece, Unreadable):
                reason = f"{piece.reason}; its bytes are only in the raw backup, as they may hold credentials"
                yield Unreadable(collection(piece.collection), f"{member} {piece.place}", b"", reason)
            elif _is_wanted(piece.collection, only) and piece.collection not in done:
                vectors += _put(content, under, piece.collection, f"{member} {piece.place}", piece.value)
    if vectors:
        message = f"{vectors} vectors, which can be recomputed from the texts"
        yield Remark("vectors-left", collection(under), member, message)


def _is_wanted(name: str, only: frozenset[str] | None) -> bool:
    return (only is None or name in only) and not any(one in name for one in _SHADOWS)


def _put(content: Content, under: str, table: str, place: str, row: Row) -> int:
    """Put a row into the scratch without its bytes, and return how many values were bytes."""
    kept = {key: value for key, value in row.items() if not isinstance(value, bytes)}
    name = column(kept, "topicId") if table == "message" else column(kept, "id")
    content.put(f"{under}/{table}", name, place, kept)
    return len(row) - len(kept)


def column(row: Row, name: str) -> Any:
    """Return the value of a column, however its name is written; None if there is none."""
    return row.get(key_of(row, name))


def key_of(row: Row, name: str) -> str:
    """Return the name that a column has in a row; `name` itself if it has none."""
    if name in row:
        return name
    return next((key for key in row if key.replace("_", "").lower() == name.lower()), name)


def json_of(value: Any) -> Any:
    """Return the value of a column that is JSON; the value itself if it is none."""
    if not isinstance(value, str) or canonical.deeper_than(value):
        return value
    try:
        return canonical.loads_plain(value)
    except (ValueError, RecursionError):
        return value


def instant(value: Any) -> int | None:
    """Return the milliseconds of a column: a number of them, or a text."""
    return values.ms_of_text(value) if isinstance(value, str) else values.ms_of_ms(value)


# -- memories


def memory(row: Row, kind: str, personas: frozenset[str]) -> Document | None:
    """Return a memory of the app's own memory database; None for a row without id or text."""
    name, text = column(row, "id"), column(row, "memory")
    if not isinstance(name, str) or not name or not isinstance(text, str):
        return None
    agent = column(row, "agentId")
    persona = values.identity(kind, agent) if isinstance(agent, str) and agent else None
    created, updated = (values.iso(instant(column(row, f"{one}At"))) for one in ("created", "updated"))
    value: dict[str, Any] = {
        "id": values.identity(kind, name),
        "personaId": persona if persona in personas else None,
        "type": "fact",
        "content": text,
        "createdAt": created,
        "updatedAt": updated,
        "deletedAt": (updated or created) if column(row, "isDeleted") else None,
        "extra": {kind: row},
    }
    return Document("memories", name, name, value)
