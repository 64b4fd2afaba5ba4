"""The watcher of an open store: one thread that notices every commit, whoever made it, and which tables changed.

It polls `PRAGMA data_version` on a connection of its own every few milliseconds (a read of the WAL's index, no disk
access; less often while nothing happens), and is woken at once by this process's own commits.  The changed tables are
read from `changes`, to which triggers write whatever any program does.  The thread runs no follower's query or
callback, so that a slow one cannot delay the others: it only notifies the followers, which then read for themselves.

It runs while there are followers.  If the store's file is replaced or restored, all are notified; if it is missing or
cannot be read, all are notified after a grace period, and their own reading shows the problem.
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
"""The table name with which a follower subscribes to every change."""
BUSY_SECONDS = 0.01
"""Polling interval while the store is being changed."""
IDLE_SECONDS = 0.025
"""Polling interval when nothing changed for a while."""
_PLACE_SECONDS = 0.06
"""How often it checks that its file is still the store's."""
_CALM_SECONDS = 1.0
_GRACE_SECONDS = 1.0
"""How long a store may be missing (`rm`, then `cp`) before its followers are notified."""
_WAIT_MS = 100
_PAUSE_EACH, _LONGEST_PAUSE = 0.002, 0.05
"""Seconds of rest after a change, for each follower, so that in a storm of writes their queries do not take the
processor from the writers."""


class Follower(Protocol):
    """A receiver of notifications.  `poke` and `stop` are called from any thread and must return at once."""

    tables: frozenset[str]

    def poke(self) -> None:
        """Note that a table of the follower changed."""

    def stop(self, error: BaseException | None = None) -> None:
        """Note that the store is closed, or the watcher failed."""


class Watcher:
    """The one watcher of a store.  Followers are held weakly: one that nobody uses any longer is dropped."""

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
        """True if the thread is running."""
        return self._thread is not None

    def add(self, follower: Follower) -> None:
        """Notify this follower from now on; every commit after this call is noticed.

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
        """Remove this follower; the thread ends with the last one."""
        with self._lock:
            self._followers.discard(follower)
            if not self._followers:
                self._woken.set()

    def wake(self) -> None:
        """Poll at once: there was a commit."""
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
        """Read the position of the history before any follower's first query, so that no commit is missed."""
        self._woken.clear()
        self._changed_at = time.monotonic()
        self._wrong_since, self._told = None, False
        with suppress(sqlite.Error, OSError):  # the thread retries, and the follower's own query shows the reason
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
        """Notify followers, in a separate function: a name that outlived it would keep a dropped follower alive."""
        if changed == frozenset():
            return
        self._poked_at = time.monotonic()
        with self._lock:
            followers = list(self._followers)
        for follower in followers:
            if changed is None or follower.tables & changed:
                follower.poke()

    def _wait(self) -> bool:
        """Sleep until the next poll; false if there are no followers left."""
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
        """Return the tables that changed since the last poll; None: any may have."""
        try:
            changed = self._compare()
        except sqlite.Busy:
            return frozenset()  # exclusively locked: nothing was committed that could be read
        except (sqlite.Error, OSError):
            return self._wrong()
        self._wrong_since, self._told = None, False
        if changed is None or changed:
            self._changed_at = time.monotonic()
        return changed

    def _wrong(self) -> frozenset[str] | None:
        """Handle a store that is missing or unreadable: notify the followers once, after a grace period."""
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
        self._version = version  # read first, set last: failures and commits meanwhile are polled again
        return changed

    def _history(self) -> frozenset[str] | None:
        """Return the tables in the history's new entries; None if old ones have changed (a restore)."""
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
