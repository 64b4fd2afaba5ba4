"""Run SQL that a person typed, so that it can neither change nor hold up anything.

The connection is read-only, and an authorizer lets pass what reads tables of this file; a query ends after its time,
and its answer after so many rows.  It sees one consistent state, and never blocks a writer.
"""

from __future__ import annotations

import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from pjais import sqlite
from pjais.errors import UsageError

SECONDS = 2.0
ROWS = 1000
_LONGEST = 20_000_000
"""Bytes of one value or of the query, at most."""
_STEPS = 2_000
"""SQLite's steps between two looks at the clock: well below a millisecond."""
_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list"})
_BARRED = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "zeroblob"})
_READING = (apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_RECURSIVE)


class Answer(NamedTuple):
    """The rows of a query: the names of its columns, the rows, whether there are more, and how long it took (ms)."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    more: bool
    milliseconds: float


def run(path: Path, sql: str, *, seconds: float = SECONDS, limit: int = ROWS) -> Answer:
    """Return the rows of one query of a store.

    Raises UsageError for anything that is no single query, that takes longer than `seconds`, or that fails.
    """
    began = time.monotonic()
    with closing(sqlite.open_reader(path)) as db:
        db.limit(apsw.SQLITE_LIMIT_LENGTH, _LONGEST)
        db.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
        db.set_authorizer(_authorize)
        db.set_progress_handler(lambda: time.monotonic() - began > seconds, _STEPS)
        statements = 0

        def once(_: Any, __: str, ___: Any) -> bool:
            nonlocal statements
            statements += 1
            if statements > 1:
                raise UsageError("give one query", where=["a second one follows the first"])
            return True

        cursor = db.cursor()
        cursor.exec_trace = once
        rows: list[tuple[Any, ...]] = []
        columns: list[str] = []
        try:
            for row in cursor.execute(sql):
                columns = columns or [one[0] for one in cursor.get_description()]
                if len(rows) == limit:
                    return Answer(columns, rows, more=True, milliseconds=_since(began))
                rows.append(row)
        except apsw.InterruptError as error:
            raise UsageError(
                f"the query took longer than {seconds:g} seconds and was stopped",
                advice="filter by an indexed column, or add a limit",
            ) from error
        except apsw.AuthError as error:
            raise UsageError("a query can only read", where=[str(error)]) from error
        except (apsw.Error, ValueError, UnicodeError, OverflowError) as error:
            raise UsageError(f"the query failed: {error}") from error
        columns = columns or _columns(db, sql)
        if not columns:
            raise UsageError("give a query, such as: select * from memory_entities limit 10")
        return Answer(columns, rows, more=False, milliseconds=_since(began))


def _columns(db: apsw.Connection, sql: str) -> list[str]:
    """Return the names of a query's columns, which SQLite tells without a row only before it runs."""
    names: list[str] = []

    def look(cursor: apsw.Cursor, _: str, __: Any) -> bool:
        names.extend(one[0] for one in cursor.get_description())
        return False

    cursor = db.cursor()
    cursor.exec_trace = look
    with suppress(apsw.ExecTraceAbort):
        cursor.execute(sql)
    return names


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action in _READING:
        return apsw.SQLITE_OK
    if action == apsw.SQLITE_FUNCTION:
        return apsw.SQLITE_DENY if (second or "").lower() in _BARRED else apsw.SQLITE_OK
    if action == apsw.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS:
        return apsw.SQLITE_OK
    return apsw.SQLITE_DENY
