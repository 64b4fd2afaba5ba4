"""The connections of an open store: one writer, many readers, safe from threads, beside other processes.

A writer takes the write lock at once (BEGIN IMMEDIATE) and waits for it, so nobody meets "database is locked"
in the middle.  A thread that is writing reads its own writes.  When the file in the store's place becomes
another one (a migration's cut-over, a rollback), readers move to it, and a write that was begun on the old one
is refused at its end: nothing that a caller was told is committed may vanish.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue

from pjais import sqlite, switch
from pjais.errors import StoreFailed

BUSY_MS = 30_000
"""How long a writer waits for another one."""
_READERS = 8


class Pool:
    """The connections to one store file.  `on_commit` is called after each commit of this pool's writer."""

    def __init__(self, path: Path, *, readers: int = _READERS, on_commit: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self.on_commit = on_commit
        self._idle: LifoQueue[sqlite.Connection] = LifoQueue()
        self._room = threading.BoundedSemaphore(readers)
        self._writing = threading.RLock()
        self._local = threading.local()
        self._writer: sqlite.Connection | None = None
        self._identity = self._look()
        self._changing = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Let go of the file; calls that are running end first."""
        self._closed = True
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        self._drop_idle()

    @contextmanager
    def reader(self) -> Iterator[sqlite.Connection]:
        """A connection for reading; inside of this thread's own transaction, the writer's."""
        own = getattr(self._local, "writer", None)
        if own is not None:
            yield own
            return
        self._check_open()
        with self._room:
            connection = self._checked_out()
            try:
                yield connection
            finally:
                if self._closed:
                    connection.close()
                else:
                    self._idle.put(connection)

    @contextmanager
    def view(self) -> Iterator[sqlite.Connection]:
        """A connection that sees one moment for as long as the block lasts."""
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
    def writer(self) -> Iterator[sqlite.Connection]:
        """A transaction: committed at the end, rolled back on any error.  Nested ones are savepoints.

        Raises StoreFailed where the lock cannot be had, the file was replaced meanwhile, or the disk is full.
        """
        own = getattr(self._local, "writer", None)
        if own is not None:
            with self._savepoint(own):
                yield own
            return
        self._check_open()
        with self._writing, _explained(self.path):
            db = self._writer_connection()
            db.execute("BEGIN IMMEDIATE")
            self._local.writer = db
            try:
                yield db
                if self._look() != self._identity:
                    raise StoreFailed(
                        "the store was replaced meanwhile; the write was not made", where=[str(self.path)]
                    )
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            finally:
                self._local.writer = None
        self.on_commit()

    @contextmanager
    def _savepoint(self, db: sqlite.Connection) -> Iterator[None]:
        depth = getattr(self._local, "depth", 0) + 1
        self._local.depth = depth
        db.execute(f"SAVEPOINT nested{depth}")
        try:
            yield
        except BaseException:
            if db.in_transaction:
                db.execute(f"ROLLBACK TO nested{depth}")
                db.execute(f"RELEASE nested{depth}")
            raise
        else:
            db.execute(f"RELEASE nested{depth}")
        finally:
            self._local.depth = depth - 1

    def _check_open(self) -> None:
        if self._closed:
            raise StoreFailed("the store was closed", where=[str(self.path)], next_command="pjais.open(...)")
        if self._look() != self._identity:
            self._move()

    def _look(self) -> tuple[int, int]:
        try:
            status = self.path.stat()
        except OSError as error:
            raise StoreFailed(
                "the store's file is gone", where=[str(self.path)], next_command="pjais status"
            ) from error
        return status.st_dev, status.st_ino

    def _move(self) -> None:
        """Another file is in the store's place: work on that one from now on.

        Raises ForeignTarget if it is not ours, or newer than this program.
        """
        with self._changing, self._writing:
            now = self._look()
            if now == self._identity:
                return
            switch.inspect(self.path)
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            self._drop_idle()
            self._identity = now

    def _drop_idle(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _checked_out(self) -> sqlite.Connection:
        try:
            return self._idle.get_nowait()
        except Empty:
            with _explained(self.path):
                return sqlite.open_reader(self.path, wait_ms=BUSY_MS)

    def _writer_connection(self) -> sqlite.Connection:
        if self._writer is None:
            self._writer = sqlite.open_writer(self.path, wait_ms=BUSY_MS)
        return self._writer


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's faults as ours."""
    try:
        yield
    except sqlite.Busy as error:
        raise StoreFailed(
            f"another program has held the store for {BUSY_MS // 1000} seconds", where=[str(path)]
        ) from error
    except sqlite.Full as error:
        raise StoreFailed(
            "the disk is full; nothing was written", where=[str(path)], next_command="free some space, then try again"
        ) from error
    except sqlite.IOFault as error:
        raise StoreFailed(f"the store's file cannot be read or written: {error}", where=[str(path)]) from error
