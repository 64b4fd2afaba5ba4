"""The connections of an open store: one writer, many readers, safe for threads and tasks, beside other processes.

A writer takes the write lock at once (BEGIN IMMEDIATE) and waits for it, so nobody gets "database is locked" halfway.
A transaction belongs to one task of one thread (`pjais.store.owners`): it reads its own writes, and nobody else
writes into it or sees them before the commit.  When the store's file is replaced (a migration's cutover, a
rollback), readers switch to the new file, and a write begun on the old one is refused at its end: nothing that was
reported as committed may be lost.

If code in the same process also opens the store with the module sqlite3, closing it releases this process's locks
(POSIX).  If another program then removes the WAL, all reads and writes are refused until the store is reopened; it is
safer to use another process, or pjais alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path

from pjais import models, sqlite
from pjais.core.model import Model
from pjais.errors import StoreFailed, UsageError
from pjais.store import operations, owners
from pjais.store.fair_lock import Turns
from pjais.store.owners import Held
from pjais.store.watcher import Watcher
from pjais.targets.sqlite import cutover, drift, fixed_tables, heads

BUSY_MS = 30_000
"""How long a writer waits for another one, in this or another process."""
_READERS = 8
_LARGE_WAL = 16 << 20
_TIDY_SECONDS, _TIDY_MS = 1.0, 200
"""How often the size of the WAL is checked, and how long a checkpoint may wait for readers and writers."""
_GRACE_SECONDS = 0.2
"""A replacement removes the WAL first, and then puts the new file in place."""
Mark = tuple[int, int, int]
"""Identity of the file and its WAL: device, inode, the WAL's inode."""


class Pool:
    """The connections to one store file.  `on_commit` is called after each commit of this pool's writer."""

    signature: str | None = None
    """Who writes through this pool, kept with each operation: `page`, `cli`, `assistant NAME`; None: not said."""

    def __init__(
        self, path: Path, model: Model, *, readers: int = _READERS, on_commit: Callable[[], None] = lambda: None
    ) -> None:
        self.path = path
        self.base = model
        self.on_commit = on_commit
        self.watcher = Watcher(path)
        self._idle: list[tuple[sqlite.Connection, Mark]] = []
        self._standing_in: set[int] = set()
        """Connections that see empty tables in the place of those that the store lacks."""
        self._shelf = threading.Lock()
        """Held while `_idle` and `_closed` change: no connection is returned after closing."""
        self._room = threading.BoundedSemaphore(readers)
        self._writing = Turns()
        self._writer: sqlite.Connection | None = None
        self._head = heads.Follower(path)
        self._tidy_at = 0.0
        self._wal = 0
        """The inode of the WAL that our connections have open; 0 while there is none."""
        self._identity = self._look()
        self._closed = False

    @property
    def model(self) -> Model:
        """Return the model of the store, with the document tables that it has now."""
        return models.of_store(self.base, self.path)

    def close(self) -> None:
        """Close the file after running calls have ended.  Closing again does nothing.

        Raises UsageError inside a transaction of this task or another task of its thread.
        """
        if self.writing:
            raise UsageError("a store is not closed inside of a transaction", where=[str(self.path)])
        self._refuse_standstill()
        self.watcher.close()
        with self._writing.turn():
            with self._shelf:
                self._closed = True
            if self._writer is not None and self._in_place():
                self._head.end(self._writer)
            self._drop_writer()
        self._drop_idle()

    @property
    def writing(self) -> bool:
        """True if this task is inside a transaction of its own."""
        held = owners.innermost(self)
        return held is not None and held.writes and not held.over

    @contextmanager
    def reader(self) -> Iterator[sqlite.Connection]:
        """Yield a connection for reading; inside this task's own transaction, the writer's.

        Nested calls share one connection, so that threads never wait for each other's second one.  Must not be held
        across a `yield` or an `await`.
        """
        own = owners.innermost(self)
        if own is not None and not own.over:
            yield own.connection
            return
        with self._room:
            connection, mark = self._checked_out()
            held = Held(self, connection, writes=False)
            try:
                with _explained(self.path, self.base):
                    yield connection
            finally:
                held.let_go()
                self._put_back(connection, mark)

    @contextmanager
    def view(self) -> Iterator[sqlite.Connection]:
        """Yield a connection that sees one consistent state for the duration of the block."""
        with self.reader() as db:
            if db.in_transaction:
                yield db
                return
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")

    @contextmanager
    def frozen(self) -> Iterator[sqlite.Connection]:
        """Yield a view in which this task may not write: a write raises UsageError."""
        with self.view() as db:
            held = Held(self, db, writes=self.writing, frozen=True)
            try:
                yield db
            finally:
                held.let_go()

    @contextmanager
    def writer(self, label: str | None = None) -> Iterator[sqlite.Connection]:
        """Open a transaction: committed at the end, rolled back on any error.  Nested ones are savepoints.

        Its writes are one operation for `undo`, named by `label`.
        Raises StoreFailed if the lock is not available, the file was replaced meanwhile, or the disk is full;
        UsageError if another task of this thread is inside a transaction; ForeignTarget if a newer program changed
        the store.
        """
        own = self._joined()
        if own is not None:
            with self._savepoint(own):
                yield own.connection
            return
        self._refuse_standstill()
        with self._turn(), _explained(self.path, self.base):
            self._check_open(in_turn=True)  # here, not earlier: the wait for another thread may have been long
            db = self._writers_connection()
            db.execute("BEGIN IMMEDIATE")
            with self._committed(db, label):
                yield db
        self._told()

    @asynccontextmanager
    async def async_writer(self, label: str | None = None) -> AsyncIterator[sqlite.Connection]:
        """Do the same for an asyncio task, which waits for others without blocking them."""
        own = self._joined()
        if own is not None:
            with self._savepoint(own):
                yield own.connection
            return
        try:
            turn = self._writing.awaited_turn(BUSY_MS / 1000)
            await turn.__aenter__()
        except TimeoutError as error:
            raise self._too_long() from error
        try:
            with _explained(self.path, self.base):
                self._check_open(in_turn=True)
                db = self._writers_connection()
                await _begin(db)
                with self._committed(db, label):
                    yield db
        finally:
            await turn.__aexit__(None, None, None)
        self._told()

    def _joined(self) -> Held | None:
        """Return the running task's transaction.  Raises UsageError if it may not begin one now."""
        if owners.is_frozen(self):
            raise UsageError("a live query reads; it cannot write", where=[str(self.path)])
        own = owners.innermost(self)
        if own is not None and own.writes:
            if own.over or own.broken:
                raise self._out_of_order()
            if not own.connection.in_transaction:
                raise self._rolled_back()
            return own
        return None

    def _refuse_standstill(self) -> None:
        """Raise UsageError if waiting for the turn would block its holder."""
        self._writing.check()
        if owners.inherited(self):
            raise UsageError(
                "the task that started this one is inside of a transaction, which is that task's alone",
                where=[str(self.path)],
                safe="Nothing was written.",
                advice="write in the task that began the transaction, or after its end",
            )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        turn = self._writing.turn(BUSY_MS / 1000)
        try:
            turn.__enter__()
        except TimeoutError as error:
            raise self._too_long() from error
        try:
            yield
        finally:
            turn.__exit__(None, None, None)

    def _too_long(self) -> StoreFailed:
        return StoreFailed(
            f"another thread or task has been in a transaction for {BUSY_MS // 1000} seconds", where=[str(self.path)]
        )

    def _out_of_order(self) -> UsageError:
        return UsageError(
            "transactions ended in another order than they began in; all that they wrote was rolled back",
            where=[str(self.path)],
            safe="Earlier commits are safe; this transaction was rolled back.",
            advice="end the inner transaction (or its generator) before the outer one",
        )

    def _rolled_back(self) -> StoreFailed:
        return StoreFailed("the transaction was rolled back after an earlier error in it", where=[str(self.path)])

    @contextmanager
    def _committed(self, db: sqlite.Connection, label: str | None) -> Iterator[None]:
        """Commit the open transaction at the end of the block, with its operation, or roll it back."""
        from pjais.targets.sqlite import chain  # loaded on demand: who only reads adds no link

        self._wal = self._wal or self._mark()[2]
        mark = (*self._identity, self._wal)
        held = Held(self, db, writes=True)
        try:
            self._refuse_newer(db)
            self._head.begin(db)
            since = operations.last_change(db)
            yield
            if held.broken or held.levels:
                raise self._out_of_order()
            if not db.in_transaction:
                raise self._rolled_back()
            operations.note(db, since, label, by=self.signature)
            chain.note_edits(db)
            if self._mark() != mark:
                raise StoreFailed("the store was replaced meanwhile; nothing was written", where=[str(self.path)])
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        finally:
            held.over = True
            if not held.levels:
                held.let_go()
        self._tidy(db)

    def _told(self) -> None:
        self.watcher.wake()
        self.on_commit()

    @contextmanager
    def _savepoint(self, held: Held) -> Iterator[None]:
        held.made += 1
        name = f"nested{held.made}"
        held.connection.execute(f"SAVEPOINT {name}")
        held.levels.append(name)
        try:
            yield
        except BaseException:
            self._end_level(held, name, keep=False)
            raise
        self._end_level(held, name, keep=True)

    def _end_level(self, held: Held, name: str, *, keep: bool) -> None:
        in_order = not held.over and not held.broken and held.levels[-1] == name
        held.levels.remove(name)
        if in_order:
            if held.connection.in_transaction:
                if not keep:
                    held.connection.execute(f"ROLLBACK TO {name}")
                held.connection.execute(f"RELEASE {name}")
            elif keep:
                raise self._rolled_back()
            return
        held.broken = True
        if held.over and not held.levels:
            held.let_go()
        if keep:
            raise self._out_of_order()

    def _check_open(self, *, in_turn: bool = False) -> None:
        """Make sure that the store is open, and its file the current one.  `in_turn`: the caller is the writer."""
        if self._closed:
            raise StoreFailed("the store was closed", where=[str(self.path)], advice="open it again by pjais.open(...)")
        if self._look() != self._identity:
            self._move(in_turn=in_turn)
        elif self._wal and self._mark()[2] != self._wal:
            self._wal_is_gone(in_turn=in_turn)

    def _wal_is_gone(self, *, in_turn: bool) -> None:
        """Raise StoreFailed, since our writes would be lost, unless the store is just being replaced."""
        until = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < until:
            time.sleep(0.005)
            if self._look() != self._identity:
                self._move(in_turn=in_turn)
                return
        raise StoreFailed(
            "the store's WAL was taken away: this process lost its locks, as the module sqlite3 opened the store, too",
            where=[str(self.path)],
            advice="close the store and open it again",
        )

    def _look(self) -> tuple[int, int]:
        return self._mark()[:2]

    def _mark(self) -> Mark:
        try:
            return sqlite.whereabouts(self.path)
        except OSError as error:
            raise StoreFailed("store file not found", where=[str(self.path)], next_command="pjais status") from error

    def _refuse_newer(self, db: sqlite.Connection) -> None:
        """Refuse a store that a newer pjais upgraded in place, which no change of the file would reveal."""
        if sqlite.pragma_int(db, "user_version") > self.base.schema_version:
            cutover.inspect(self.path, self.base)

    def _move(self, *, in_turn: bool) -> None:
        """Switch to the file that replaced the store's.

        Raises ForeignTarget if it is not ours, or newer than this program; UsageError if another task of this thread
        is still writing to the old one.
        """
        with nullcontext() if in_turn else self._writing.turn():
            now = self._look()
            if now == self._identity:
                return
            cutover.inspect(self.path, self.base)
            self._drop_writer()
            self._head = heads.Follower(self.path)
            self._identity, self._wal = now, 0
            self._drop_idle()

    def _drop_idle(self) -> None:
        with self._shelf:
            dropped, self._idle = self._idle, []
        for connection, _ in dropped:
            sqlite.abandon(connection)

    def _checked_out(self) -> tuple[sqlite.Connection, Mark]:
        """Return a connection to the store's current file, and the identity of that file and its WAL."""
        while True:
            self._check_open()
            with self._shelf:
                held = self._idle.pop() if self._idle else None
            if held is None:
                before = self._look()
                with _explained(self.path, self.base):
                    connection = sqlite.open_reader(self.path, wait_ms=BUSY_MS)
                    if fixed_tables.are_missing(connection, self.base):
                        fixed_tables.stand_in(connection, self.base)
                        self._standing_in.add(id(connection))
                held = connection, self._mark()
                if held[1][:2] == before == self._identity:
                    self._wal = self._wal or held[1][2]
                    return held
            elif held[1] == self._mark() and not self._is_outdated(held[0]):
                return held
            sqlite.abandon(held[0])  # the file was replaced: this connection sees the old one

    def _is_outdated(self, connection: sqlite.Connection) -> bool:
        """Return whether a connection sees empty tables in the place of some that the store has by now."""
        if id(connection) not in self._standing_in:
            return False
        there = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
        return sqlite.first(connection, there, (self.base.tables[0].name,)) is not None

    def _put_back(self, connection: sqlite.Connection, mark: Mark) -> None:
        with self._shelf:
            if not self._closed:
                self._idle.append((connection, mark))
                return
        connection.close()

    def _writers_connection(self) -> sqlite.Connection:
        """Return the writer's connection; opening it creates a missing WAL."""
        if self._writer is None:
            self._writer = sqlite.open_writer(self.path, wait_ms=BUSY_MS)
            if fixed_tables.are_missing(self._writer, self.base):
                fixed_tables.stand_in(self._writer, self.base)
            sqlite.wait_in_earnest(self._writer, BUSY_MS)
        return self._writer

    def _tidy(self, db: sqlite.Connection) -> None:
        """Truncate a WAL that grew large: SQLite's own checkpoints cannot while there are always readers."""
        now = time.monotonic()
        if now < self._tidy_at:
            return
        self._tidy_at = now + _TIDY_SECONDS
        with suppress(OSError, sqlite.Error):  # committed data is safe; the next call retries
            if self.path.with_name(f"{self.path.name}-wal").stat().st_size > _LARGE_WAL:
                sqlite.wait_in_earnest(db, _TIDY_MS)
                try:
                    sqlite.fetch(db, "PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    sqlite.wait_in_earnest(db, BUSY_MS)

    def _drop_writer(self) -> None:
        if self._writer is None:
            return
        if self._in_place():
            self._writer.close()
        else:
            sqlite.abandon(self._writer)
        self._writer = None

    def _in_place(self) -> bool:
        try:
            return sqlite.whereabouts(self.path) == (*self._identity, self._wal)
        except OSError:
            return False


async def _begin(db: sqlite.Connection) -> None:
    """Begin a transaction, polling for the lock, so that other tasks continue meanwhile."""
    import asyncio

    until = time.monotonic() + BUSY_MS / 1000
    db.set_busy_timeout(0)
    try:
        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
                return
            except sqlite.Busy:
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(0.002)
    finally:
        sqlite.wait_in_earnest(db, BUSY_MS)


@contextmanager
def _explained(path: Path, model: Model) -> Iterator[None]:
    """Convert SQLite's errors to ours."""
    try:
        yield
    except sqlite.Busy as error:
        raise StoreFailed(
            f"the store has been locked by another program for {BUSY_MS // 1000} seconds", where=[str(path)]
        ) from error
    except sqlite.Full as error:
        raise StoreFailed(
            "the disk is full; nothing was written", where=[str(path)], advice="free some space, then try again"
        ) from error
    except sqlite.IOFault as error:
        raise StoreFailed(f"the store's file cannot be read or written: {error}", where=[str(path)]) from error
    except sqlite.SqlError as error:
        changed = drift.explained(path, model, error)
        if changed is None:
            raise
        raise changed from error
