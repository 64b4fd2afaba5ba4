"""The watcher of an open store: one thread that notices every commit, whoever made it, and says which tables changed.

It looks at `PRAGMA data_version` on a connection of its own every few milliseconds (a read of the WAL's index, no
disk access; more seldom while nothing happens), and is woken at once by this process's own commits.  Which tables
changed is read from `changes`, to which triggers write whatever any program does.  The thread runs no query and no
callback of anybody's, so that no slow one can hold up the others: it only pokes the followers, who then look for
themselves.

It lives as long as somebody follows.  A file in the store's place that was replaced or restored pokes everybody; one
that is gone or cannot be read pokes everybody after a moment of grace, and their own reading tells them what is wrong.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakSet

from pjais import sqlite
from pjais.errors import StoreFailed

ANY = "changes"
"""The table name by which a follower asks for every change."""
BUSY_SECONDS = 0.01
"""How long the watcher sleeps while the store is being changed."""
IDLE_SECONDS = 0.025
"""How long it sleeps when nothing changed for a while."""
_PLACE_SECONDS = 0.06
"""How often it makes sure that the file is still the one in the store's place."""
_CALM_SECONDS = 1.0
_GRACE_SECONDS = 1.0
"""How long a store may be missing (`rm`, then `cp`) before its followers are told."""
_WAIT_MS = 100
_PAUSE_EACH, _LONGEST_PAUSE = 0.002, 0.05
"""Seconds of rest after a change, for each follower, so that in a storm of writes their queries do not take the
processor from the writers."""


class Follower(Protocol):
    """Who wants to know.  `poke` and `stop` are called from any thread and must return at once."""

    tables: frozenset[str]

    def poke(self) -> None:
        """A table changed that you read."""

    def stop(self, error: BaseException | None = None) -> None:
        """The store is closed, or the watching failed."""


class Watcher:
    """The one watcher of a store.  Followers are held weakly: one that nobody iterates any more is forgotten."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._followers: WeakSet[Follower] = WeakSet()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._db: sqlite.Connection | None = None
        self._identity: tuple[int, int, int] | None = None
        self._version = 0
        self._last: tuple[Any, ...] | None = None
        self._changed_at = 0.0
        self._poked_at = 0.0
        self._placed_at = 0.0
        self._wrong_since: float | None = None
        self._told = False

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None

    def add(self, follower: Follower) -> None:
        """Poke this follower from now on; whatever is committed after this call is noticed.

        Raises StoreFailed when the store was closed.
        """
        with self._lock:
            if self._closed:
                raise StoreFailed(
                    "the store was closed", where=[str(self._path)], advice="open it again by pjais.open(...)"
                )
            self._followers.add(follower)
            if self._thread is None:
                self._start()

    def remove(self, follower: Follower) -> None:
        """Forget this follower; with the last one the thread ends."""
        with self._lock:
            self._followers.discard(follower)
            if not self._followers:
                self._woken.set()

    def wake(self) -> None:
        """Look now: somebody committed."""
        if self._thread is not None:
            self._woken.set()

    def close(self) -> None:
        """Stop all followers and the thread."""
        with self._lock:
            self._closed = True
            followers, thread = list(self._followers), self._thread
            self._woken.set()
        for follower in followers:
            follower.stop()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _start(self) -> None:
        """Where the history stands is read before anybody's first query, so that no commit falls between."""
        self._woken.clear()
        self._changed_at = time.monotonic()
        self._wrong_since, self._told = None, False
        with suppress(sqlite.Error, OSError):  # then the thread tries again, and the follower's own query says why
            self._reopen(sqlite.whereabouts(self._path))
        self._thread = threading.Thread(target=self._run, name=f"pjais-watch-{self._path.name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while self._wait():
                self._poke(self._changed())
        except BaseException as error:  # noqa: BLE001 - a fault of ours must reach those who wait, or they wait for ever
            self._fail(error)

    def _poke(self, changed: frozenset[str] | None) -> None:
        """In a function of its own: a name that outlived it would keep a forgotten follower alive."""
        if changed == frozenset():
            return
        self._poked_at = time.monotonic()
        with self._lock:
            followers = list(self._followers)
        for follower in followers:
            if changed is None or follower.tables & changed:
                follower.poke()

    def _wait(self) -> bool:
        """Sleep until it is time to look; false when nobody follows any more."""
        pause = self._poked_at + min(_LONGEST_PAUSE, _PAUSE_EACH * len(self._followers)) - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        calm = time.monotonic() - self._changed_at > _CALM_SECONDS
        self._woken.wait(IDLE_SECONDS if calm else BUSY_SECONDS)
        self._woken.clear()
        with self._lock:
            if self._followers and not self._closed:
                return True
            self._let_go()
            return False

    def _let_go(self) -> None:
        self._thread = None
        self._shut()

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            followers = list(self._followers)
            self._let_go()
        for follower in followers:
            follower.stop(error)

    def _changed(self) -> frozenset[str] | None:
        """The tables that changed since the last look; None: everything may have."""
        try:
            changed = self._compare()
        except sqlite.Busy:
            return frozenset()  # somebody holds the file alone: nothing was committed that could be read
        except (sqlite.Error, OSError):
            return self._wrong()
        self._wrong_since, self._told = None, False
        if changed is None or changed:
            self._changed_at = time.monotonic()
        return changed

    def _wrong(self) -> frozenset[str] | None:
        """The store is not there or cannot be read.  After a moment of grace the followers find out, once."""
        self._shut()
        now = time.monotonic()
        self._wrong_since = self._wrong_since or now
        if self._told or now - self._wrong_since < _GRACE_SECONDS:
            return frozenset()
        self._told = True
        return None

    def _compare(self) -> frozenset[str] | None:
        now = time.monotonic()
        if self._db is None or now - self._placed_at > _PLACE_SECONDS:
            there = sqlite.whereabouts(self._path)
            if self._db is None or there != self._identity:
                self._reopen(there)
                return None
            self._placed_at = now
        version = sqlite.pragma_int(self._db, "data_version")
        if version == self._version:
            return frozenset()
        changed = self._history()
        self._version = version  # last, and read first: what fails or is committed meanwhile is looked at again
        return changed

    def _history(self) -> frozenset[str] | None:
        """The tables in the history's new entries; None where the old ones are not as they were (a restore)."""
        assert self._db is not None
        before, latest = self._last, _latest(self._db)
        seq = 0 if before is None else before[0]
        as_before = before is None or sqlite.first(self._db, f"{_ENTRY} WHERE seq = ?", (seq,)) == before
        found = sqlite.fetch(self._db, "SELECT DISTINCT table_name FROM changes WHERE seq > ?", (seq,))
        self._last = latest
        if not as_before:
            return None
        return frozenset((*(str(name) for (name,) in found), ANY)) if found else frozenset()

    def _reopen(self, there: tuple[int, int, int]) -> None:
        self._shut()
        db = sqlite.open_reader(self._path, wait_ms=_WAIT_MS)
        try:
            self._version = sqlite.pragma_int(db, "data_version")
            self._last = _latest(db)
        except BaseException:
            db.close()
            raise
        self._db, self._identity = db, (*there[:2], sqlite.whereabouts(self._path)[2])  # opening made the WAL

    def _shut(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = self._identity = None


_ENTRY = "SELECT seq, at, table_name, record_id, op FROM changes"


def _latest(db: sqlite.Connection) -> tuple[Any, ...] | None:
    return sqlite.first(db, f"{_ENTRY} ORDER BY seq DESC LIMIT 1")
