"""Another program at a store: the standard library's SQLite in a process of its own.

In this process it would not do: two SQLite libraries in one process take each other's locks away (POSIX).
"""

from __future__ import annotations

import atexit
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

_PROGRAM = """
import pickle, sqlite3, sys
while True:
    try:
        path, sql, values = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    db = sqlite3.connect(path, isolation_level=None, timeout=120)
    try:
        db.execute("PRAGMA foreign_keys = ON")
        answer = db.execute(sql, values).fetchall()
    except sqlite3.Error as error:
        answer = (type(error).__name__, str(error))
    db.close()
    pickle.dump(answer, sys.stdout.buffer)
    sys.stdout.buffer.flush()
"""
_running: list[subprocess.Popen[bytes]] = []


class Refused(Exception):
    """The other program's SQLite refused a statement."""


def sql(path: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """One statement of another program, in a connection and a transaction of its own.  Raises Refused."""
    if not _running:
        _running.append(subprocess.Popen([sys.executable, "-c", _PROGRAM], stdin=-1, stdout=-1))
        atexit.register(_end)
    process = _running[0]
    assert process.stdin is not None and process.stdout is not None
    pickle.dump((str(path), statement, values), process.stdin)
    process.stdin.flush()
    answer = pickle.load(process.stdout)
    if isinstance(answer, tuple):
        raise Refused(": ".join(answer))
    return list(answer)


def _end() -> None:
    process = _running.pop()
    process.communicate(timeout=120)
