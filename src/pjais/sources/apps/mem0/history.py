"""Read mem0's `history.db`: the versions of each memory, in the order in which they were written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pjais.core.document import Document, Unreadable
from pjais.formats.container import Container, ContainerDamaged
from pjais.sources.apps import values
from pjais.sources.apps.mem0.item import HISTORY, KIND
from pjais.sqlite_files import MAGIC

_SIDES = ("-wal", "-journal")
_MARKS = (b"old_memory", b"new_memory", b"memory_id")


class History(NamedTuple):
    """The rows of `history` by the memory's id, in order; everything else in the database; and what cannot be read."""

    by_memory: dict[str, list[dict[str, Any]]]
    others: list[Document]
    broken: list[Unreadable]


def is_history(container: Container, name: str) -> bool:
    """Return whether a member is a database with a table of versions: its schema stands at its beginning."""
    head = container.head(name)
    if not head.startswith(MAGIC) or not all(mark in head for mark in _MARKS):
        return False
    if container.form == "file":  # of one file nothing else is copied: with a WAL it is read as any SQLite file
        return not any(_size(Path(f"{container.path}{side}")) for side in _SIDES)
    return True


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def sides(name: str) -> tuple[str, ...]:
    """Return the names of the files that belong to a database."""
    return tuple(f"{name}{side}" for side in (*_SIDES, "-shm"))


def read(container: Container, name: str) -> History:
    """Return everything in a `history.db`."""
    from pjais import sqlite

    found = History({}, [], [])
    try:
        with _whole(container, name) as path, closing(sqlite.open_frozen(path)) as db:
            tables = [one for (one,) in sqlite.fetch(db, "SELECT name FROM sqlite_schema WHERE type = 'table'")]
            for table in tables:
                if not table.startswith("sqlite_"):
                    try:
                        for number, row in _rows(db, table):
                            _add(found, name, table, number, row)
                    except (sqlite.Error, UnicodeDecodeError) as error:
                        found.broken.append(Unreadable(f"{KIND}_{table}", name, b"", f"cannot be read on: {error}"))
    except (sqlite.Error, OSError, ContainerDamaged) as error:
        found.broken.append(Unreadable("$file", name, b"", f"cannot be read: {error}"))
    return found


def _rows(db: Any, table: str) -> Iterator[tuple[int, dict[str, Any]]]:
    from pjais import sqlite

    quoted = table.replace('"', '""')
    columns = sqlite.column_names(db, table)
    for row in sqlite.each(db, f'SELECT rowid, * FROM "{quoted}" ORDER BY rowid'):
        yield row[0], dict(zip(columns, row[1:], strict=True))


def _add(found: History, name: str, table: str, number: int, row: dict[str, Any]) -> None:
    if table == "history" and isinstance(row.get("memory_id"), str) and row["memory_id"]:
        found.by_memory.setdefault(row["memory_id"], []).append(row)
        return
    found.others.append(_kept(name, table, number, row))


def _kept(name: str, table: str, number: int, row: dict[str, Any]) -> Document:
    key = row["id"] if isinstance(row.get("id"), str) and row["id"] else str(number)
    return Document(f"{KIND}_{table}", key, f"{name} {table} row {number}", row)


def kept(name: str, rows: list[dict[str, Any]]) -> Iterator[Document]:
    """Yield rows of `history` as they are."""
    for number, row in enumerate(rows, 1):
        yield _kept(name, "history", number, row)


@contextmanager
def _whole(container: Container, name: str) -> Iterator[Path]:
    """Give a database as one file, with its WAL or journal applied."""
    import shutil
    import tempfile

    from pjais import sqlite

    there = [side for side in _SIDES if f"{name}{side}" in container.names and container.size(f"{name}{side}")]
    with tempfile.TemporaryDirectory(prefix="pjais-member-") as folder:
        raw = Path(folder) / "member"
        for side in ("", *there):
            with container.open(f"{name}{side}") as file, Path(f"{raw}{side}").open("wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
        if there:
            sqlite.copy_source(raw, Path(folder) / "whole")
        yield Path(folder) / "whole" if there else raw


# -- what the rows say


def text_of(rows: list[dict[str, Any]]) -> str | None:
    """Return the last text that a memory had."""
    for row in reversed(rows):
        for key in ("new_memory", "old_memory"):
            if isinstance(row.get(key), str):
                return str(row[key])
    return None


def is_deleted(rows: list[dict[str, Any]]) -> bool:
    """Return whether a memory was deleted in the end."""
    return rows[-1].get("event") == "DELETE" or rows[-1].get("is_deleted") in (1, True)


def last_date(rows: list[dict[str, Any]]) -> str | None:
    """Return when a memory was changed for the last time, as far as any of its rows knows."""
    dates = (_date(row, key) for row in reversed(rows) for key in ("updated_at", "created_at"))
    return next((one for one in dates if one is not None), None)


def document(key: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the memory that only its history has."""
    made = {
        "id": values.identity(KIND, key),
        "type": "fact",
        "content": text_of(rows) or "",
        "createdAt": _date(rows[0], "created_at"),
        "updatedAt": last_date(rows),
        "extra": {HISTORY: rows},
    }
    return {**made, "deletedAt": made["updatedAt"]} if is_deleted(rows) else made


def _date(row: dict[str, Any], key: str) -> str | None:
    return values.iso(values.ms_of_text(row.get(key)))
