"""The only module that opens SQLite.

A live source is never opened: callers pass copies, or name a file that needs no recovery and is opened
immutable (no lock taken, nothing written beside it).  Our own files are private (0600).
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import apsw

from pjais import files, sqlite_files
from pjais.errors import FileFailed, SourceDamaged

if TYPE_CHECKING:
    from pjais import sqlite_wal

MAGIC = sqlite_files.MAGIC
SIDE_FILES = sqlite_files.SIDE_FILES
_CONTENT = ("-wal", "-journal")
"""Suffixes of the side files without which a database is incomplete."""

Connection = apsw.Connection
Session = apsw.Session
KEYWORDS = frozenset(apsw.keywords)
Error = apsw.Error
ConstraintError = apsw.ConstraintError
NotADatabase = apsw.NotADBError
Corrupt = (apsw.CorruptError, apsw.NotADBError)
Busy = (apsw.BusyError, apsw.LockedError)
Full = apsw.FullError
IOFault = apsw.IOError
CannotOpen = apsw.CantOpenError
ReadOnly = apsw.ReadOnlyError
SqlError = apsw.SQLError

_WRITING = frozenset(
    getattr(apsw, f"SQLITE_IOERR_{name}")
    for name in ("WRITE", "FSYNC", "DIR_FSYNC", "TRUNCATE", "DELETE", "CLOSE", "SHMOPEN", "SHMSIZE")
)


def is_fault_of_disk(error: Error) -> bool:
    """Return whether the disk was full or failed while a file of ours was written; the data read is not at fault."""
    return isinstance(error, apsw.FullError | apsw.CantOpenError) or getattr(error, "extendedresult", 0) in _WRITING


def open_frozen(path: Path) -> Connection:
    """Open a file that nobody writes to: no lock, no side files, no recovery.  Only for copies and closed files."""
    uri = f"file:{quote(str(path))}?mode=ro&immutable=1"
    connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    any_collation(connection)
    return connection


def any_collation(connection: Connection) -> None:
    """Allow reading tables with an unknown collation of an app: the order may differ, the rows do not."""
    connection.collation_needed(lambda db, name: db.create_collation(name, lambda a, b: (a > b) - (a < b)))


def open_reader(path: Path, *, wait_ms: int = 5000) -> Connection:
    """Open one of our own stores for reading, beside other readers and a writer.

    A store that this user, or nobody, can write to is read without writing: on a read-only medium in place, if its
    WAL is empty, and otherwise from a scratch copy.  Raises FileFailed if it cannot be read.
    """
    if (refused := files.refusal(path)) is not None:
        raise refused
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(wait_ms)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except (apsw.ReadOnlyError, apsw.CantOpenError):
        # A hot journal after a crash, or a WAL without its index: only a writer can recover them.
        connection.close()
        if files.refusal(path, writing=True) is not None:
            in_place = files.on_read_only_medium(path) and not needs_recovery(path)
            return open_frozen(path) if in_place else open_scratch(path)
        with closing(open_writer(path, wait_ms=wait_ms)) as writer:
            writer.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(wait_ms)
    return connection


def open_writer(path: Path, *, wait_ms: int = 5000) -> Connection:
    """Open one of our own stores for reading and writing; foreign keys are enforced.

    Raises FileFailed if this user cannot write to it.
    """
    if (refused := files.refusal(path, writing=True)) is not None:
        raise refused
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(wait_ms)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def open_checked(path: Path) -> Connection:
    """Open one of our own stores for checks that need a writer; a scratch copy if it is not writable."""
    try:
        return open_writer(path)
    except FileFailed:
        return open_scratch(path)


def open_scratch(path: Path) -> Connection:
    """Open a private copy of a store, including its WAL or journal; it is removed with its connection."""
    if (refused := files.refusal(path)) is not None:
        raise refused
    import tempfile  # loaded on demand, like all that only copies need: opening a store does without it

    folder = Path(tempfile.mkdtemp(prefix="pjais-copy-"))
    try:
        copy_files(path, folder / "copy.sqlite")
        return _Scratch(folder)
    except BaseException:
        with suppress(OSError):
            files.remove_folder(folder)
        raise


class _Scratch(apsw.Connection):
    """A connection to a private copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(str(folder / "copy.sqlite"), flags=apsw.SQLITE_OPEN_READWRITE)

    def close(self, force: bool = False) -> None:
        super().close(force)
        with suppress(OSError):
            files.remove_folder(self.folder)


def wait_in_earnest(connection: Connection, wait_ms: int) -> None:
    """Poll for a lock every millisecond or so, up to a timeout.

    SQLite's own busy handler backs off to 100 ms: beside busy writers of other processes, which retry at once, it
    hardly ever gets the lock.
    """
    until = 0.0

    def again(tries: int) -> bool:
        import random  # only who waits needs it

        nonlocal until
        if tries == 0:
            until = time.monotonic() + wait_ms / 1000
        time.sleep(random.uniform(0.0003, 0.0015) if tries < 1000 else 0.01)
        return time.monotonic() < until

    connection.set_busy_handler(again)


def abandon(connection: Connection) -> None:
    """Close a connection whose WAL is no longer the store's, without a checkpoint into the file."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()


def whereabouts(path: Path) -> tuple[int, int, int]:
    """Return the identity of the file at a path, and of its WAL (0: none).  Raises OSError if there is no file.

    While a connection is open its WAL stays.  A different WAL shows that this process lost its locks, which happens
    if another copy of SQLite in the process (the module sqlite3) opened and closed the file.
    """
    there = path.stat()
    try:
        wal = Path(f"{path}-wal").stat().st_ino
    except OSError:
        wal = 0
    return there.st_dev, there.st_ino, wal


def create(path: Path) -> Connection:
    """Create a new, private file for a bulk load; it must not exist yet.

    Journal in memory and no sync: until the cutover nobody uses the file, and it is synced as a whole then.
    """
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = apsw.Connection(str(path))
    bulk(connection)
    return connection


def bulk(connection: Connection) -> None:
    """Configure a connection for a bulk load into a file that is not in place yet."""
    for pragma in (
        "journal_mode = MEMORY",
        "synchronous = OFF",
        "locking_mode = EXCLUSIVE",
        "cache_size = -32768",
        "temp_store = MEMORY",
        "foreign_keys = OFF",
        "secure_delete = FAST",
    ):
        fetch(connection, f"PRAGMA {pragma}")  # a statement that returns a row runs only when the row is fetched


def is_sqlite(path: Path) -> bool:
    """Return whether a file begins like a SQLite file."""
    with path.open("rb") as file:
        return file.read(16) == MAGIC


def needs_recovery(path: Path) -> bool:
    """Return whether the file is incomplete without its WAL or its rollback journal."""
    return any((side := Path(f"{path}{suffix}")).exists() and side.stat().st_size > 0 for suffix in _CONTENT)


def remove(path: Path) -> None:
    """Remove a file of ours with its side files, if they exist."""
    for suffix in ("", *SIDE_FILES):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def copy_files(source: Path, destination: Path) -> None:
    """Copy a database file byte by byte, with its WAL and its rollback journal; what is not there is left out.

    The `-shm` file stays: it holds locks of the live database, and SQLite makes a new one from the WAL.
    """
    for suffix in ("", *_CONTENT):
        if files.is_plain_file(side := Path(f"{source}{suffix}")):
            files.copy_hashed(side, Path(f"{destination}{suffix}"))


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a database that is complete in one file: itself, or a private copy with its WAL or journal applied.

    The database is never written to, so it may be somebody else's; the copy is removed afterwards.
    """
    if not needs_recovery(path):
        yield path
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="pjais-copy-") as folder:
        copy = Path(folder) / "copy.sqlite"
        copy_files(path, copy)
        copy_source(copy, Path(folder) / "whole.sqlite")
        yield Path(folder) / "whole.sqlite"


def copy_database(source: Path, destination: Path) -> None:
    """Make a consistent copy with SQLite's backup API, as one plain file without side files.

    `source` is opened for writing, since recovering a WAL or a journal writes: it must be ours.
    """
    with closing(apsw.Connection(str(source))) as origin:
        _copy_out(origin, destination)


def copy_source(source: Path, destination: Path) -> sqlite_wal.State:
    """Do the same for a private copy of a foreign database; return which part of its WAL or journal is not applied."""
    from pjais import sqlite_wal

    wal, journal = Path(f"{source}-wal"), Path(f"{source}-journal")
    empty = not source.stat().st_size and wal.is_file() and wal.stat().st_size > 0
    rolled_back = _journal_state(source, journal)
    with closing(apsw.Connection(str(source))) as origin:
        origin.execute("PRAGMA synchronous = OFF")  # it is thrown away
        fetch(origin, "SELECT count(*) FROM sqlite_schema")
        applied = fetch(origin, "PRAGMA wal_checkpoint(PASSIVE)")[0][1] if wal.is_file() else 0
        state = sqlite_wal.state(wal, max(int(applied or 0), 0))
        _copy_out(origin, destination)
    if empty:
        state = sqlite_wal.State("the database file is empty beside a WAL, which cannot be applied to it")
    lost = [one for one in (rolled_back.lost, state.lost) if one]
    return sqlite_wal.State(f"{NOT_APPLIED}{'; '.join(lost)}" if lost else None, state.torn)


def _journal_state(source: Path, journal: Path) -> sqlite_wal.State:
    """Check a rollback journal, and make sure that SQLite plays it back in this copy or not at all.

    A transaction over several files is committed once its super-journal is deleted.  SQLite looks for that, and
    deletes it, next to the live source; so the copy of the journal must not name it.
    """
    from pjais import sqlite_journal, sqlite_wal

    if not journal.is_file():
        return sqlite_wal.State()
    named = sqlite_journal.super_journal(journal)
    state = sqlite_journal.state(source, journal)
    if named is None:
        return state
    name, length = Path(named[0]), named[1]
    if name.exists():
        os.truncate(journal, length)
        return state
    journal.unlink()
    if name.parent.is_dir():
        return sqlite_wal.State()
    return sqlite_wal.State(
        f"the rollback journal is part of a transaction over several files; {name.name}, which tells whether it was "
        "committed, is not here"
    )


def _copy_out(origin: Connection, destination: Path) -> None:
    os.close(os.open(destination, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with closing(apsw.Connection(str(destination))) as copy:
        copy.execute("PRAGMA synchronous = OFF")  # whoever keeps it syncs it as a whole
        copy_into(origin, copy)
        copy.execute("PRAGMA journal_mode = DELETE")


NOT_APPLIED = "not applied: "
"""Prefix of a line about commits in a WAL or journal that SQLite could not apply."""


def copy_into(origin: Connection, copy: Connection) -> None:
    """Copy every page of one open database into another, in one step."""
    with copy.backup("main", origin, "main") as backup:
        while not backup.done:
            backup.step(-1)


def problems(connection: Connection, limit: int = 20) -> list[str]:
    """Return the findings of `PRAGMA integrity_check`; empty for a valid file."""
    try:
        found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({limit})")]
    except (*Corrupt, apsw.IOError) as error:
        return [str(error)]
    except apsw.SQLError:
        return []  # an index over a function or collation of the app's: it cannot be checked, the rows can be read
    return [] if found == ["ok"] else found


def without_modules(connection: Connection) -> Connection:
    """Let a connection see ordinary tables only.

    `integrity_check` makes FTS5 check its index too (SQLite 3.44), which would be done twice by a caller that checks
    it separately, against the table.
    """
    connection.drop_modules(None)
    return connection


def pragma_int(connection: Connection, name: str) -> int:
    """Return the value of an integer pragma."""
    return int(value(connection, f"PRAGMA {name}") or 0)


def fetch(db: Connection, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    return list(each(db, sql, values))


def each(db: Connection, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query."""
    try:
        yield from db.execute(sql, tuple(values))
    except UnicodeDecodeError as error:
        raise SourceDamaged(
            "the store holds text that is not UTF-8; some other program wrote it",
            where=[str(db.filename)],
            next_command="pjais verify",
        ) from error


def first(db: Connection, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """Return the first row of a query, if there is one, and finish the statement."""
    found = fetch(db, sql, values)
    return found[0] if found else None


def value(db: Connection, sql: str, values: Sequence[Any] = ()) -> Any:
    """Return the first column of the first row, or None."""
    row = first(db, sql, values)
    return None if row is None else row[0]


def pairs(db: Connection, sql: str, values: Sequence[Any] = ()) -> dict[Any, Any]:
    """Return a query of two columns as a dict."""
    return dict(fetch(db, sql, values))


def words(db: Connection, text: str) -> list[str]:
    """Return the words of a text as `memory_fts` sees them (its tokenizer: `pjais.targets.sqlite.ddl`)."""
    tokenizer = db.fts5_tokenizer("unicode61", ["remove_diacritics", "2"])
    found = tokenizer(text.encode("utf-8"), apsw.FTS5_TOKENIZE_QUERY, None, include_offsets=False)
    return [str(one[0]) for one in found]


def column_names(db: Connection, table: str) -> tuple[str, ...]:
    """Return the columns of a table, in order."""
    return tuple(str(name) for (name,) in each(db, "SELECT name FROM pragma_table_info(?)", (table,)))


@contextmanager
def session(db: Connection, tables: Sequence[str]) -> Iterator[apsw.Session]:
    """Record what the block changes in these tables, as a changeset that can be reverted."""
    recorder = apsw.Session(db, "main")
    try:
        for table in tables:
            recorder.attach(table)
        yield recorder
    finally:
        recorder.close()


def changed_rows(
    db: Connection, changeset: bytes, tables: Sequence[str]
) -> Iterator[tuple[str, tuple[Any, ...] | None, tuple[Any, ...] | None]]:
    """Yield the complete rows that a changeset changed, before it and now: (table, old, new).

    The changeset must be the latest change: for an updated row it holds only the changed columns, and the rest is read
    from the table.
    """
    for change in apsw.Changeset.iter(changeset):
        if change.name not in tables:
            continue
        before = change.old
        if change.op == "UPDATE" and before is not None:
            new = _row_by_key(db, change.name, {at: before[at] for at in change.pk_columns})
            old = tuple([now if was is apsw.no_change else was for was, now in zip(before, new, strict=True)])
            yield change.name, old, new
        else:
            yield change.name, before, change.new


def _row_by_key(db: Connection, table: str, key: dict[int, Any]) -> tuple[Any, ...]:
    names = column_names(db, table)
    where = " AND ".join(f"{names[at]} IS ?" for at in key)
    (row,) = fetch(db, f"SELECT * FROM {table} WHERE {where}", tuple(key.values()))
    return row


def apply_inverse(db: Connection, changeset: bytes, *, lenient: Container[str]) -> None:
    """Revert a changeset, inside the caller's transaction.

    Raises `Error` if a row is not what the changeset left, except in the tables `lenient`.
    """

    def on_conflict(reason: int, change: apsw.TableChange) -> int:
        replaces = reason == apsw.SQLITE_CHANGESET_DATA and change.name in lenient
        return int(apsw.SQLITE_CHANGESET_REPLACE if replaces else apsw.SQLITE_CHANGESET_ABORT)

    apsw.Changeset.apply(apsw.Changeset.invert(changeset), db, conflict=on_conflict)


def without_triggers(db: Connection) -> None:
    """Disable triggers and foreign keys on this connection, which restores earlier rows."""
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    db.execute("PRAGMA foreign_keys = OFF")


def scratch() -> Connection:
    """Open an in-memory database."""
    return apsw.Connection(":memory:")


def load_vectors(db: Connection) -> bool:
    """Load sqlite-vec into a connection.  Returns false if it is not installed or does not load.

    Extension loading is enabled only during this call.
    """
    try:
        path = importlib.import_module("sqlite_vec").loadable_path()
    except ImportError:
        return False
    db.enable_load_extension(True)
    try:
        db.load_extension(path)
    except apsw.ExtensionLoadingError:
        return False
    finally:
        db.enable_load_extension(False)
    return True


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Begin a write transaction; commit at the end, roll back on any error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
