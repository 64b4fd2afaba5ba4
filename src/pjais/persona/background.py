"""Embed new memories in the background: a thread of an open store that makes the local model's vectors in advance.

It begins once semantic search is on for the store (its file of vectors exists) and this program has committed
something, or when it is told to follow every writer.  A second after a change it embeds what has no vector yet, a few
hundred at a time, into the file of vectors; so it takes no lock of the store, and nothing of it is in the history.
Nothing depends on it: a search embeds what is missing itself.  Closing the store ends it within a batch.
"""

from __future__ import annotations

import logging
import threading

from pjais import sqlite
from pjais.errors import PjaisError
from pjais.persona.local_vectors import LocalVectors, Stopped
from pjais.store.pool import Pool

CALM_SECONDS = 1.0
"""How long it waits after it was woken, so that a burst of writes is embedded at once, and a short program is not
slowed down."""

log = logging.getLogger("pjais.vectors")


class Background:
    """The thread, which begins when it is first needed.  A follower of the store's watcher, if asked to be one."""

    tables = frozenset({"memory_entities"})

    def __init__(self, pool: Pool, vectors: LocalVectors) -> None:
        self._pool = pool
        self._vectors = vectors
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._woken = threading.Event()
        self._ending = threading.Event()

    @property
    def running(self) -> bool:
        """True if the thread has begun."""
        return self._thread is not None

    def follow(self) -> None:
        """Embed whatever anybody writes from now on, and what is missing now."""
        self._pool.watcher.add(self)
        self.poke()

    def poke(self) -> None:
        """Note that a memory may have changed."""
        if self._ending.is_set() or not self._vectors.is_on:
            return
        with self._lock:
            self._woken.set()
            if self._thread is None and not self._ending.is_set():
                self._thread = threading.Thread(target=self._run, name="pjais-embed", daemon=True)
                self._thread.start()

    def stop(self, error: BaseException | None = None) -> None:  # noqa: ARG002 - the watcher says why
        """End the thread, without waiting for it."""
        self._ending.set()
        self._woken.set()

    def close(self) -> None:
        """End the thread, and wait for the batch that it is in.  Closing again does nothing."""
        with self._lock:
            self.stop()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while True:
            self._woken.wait()
            if self._ending.wait(CALM_SECONDS):
                return
            self._woken.clear()
            try:
                with self._pool.view() as db:
                    self._vectors.update(db, stop=self._ending.is_set)
            except Stopped:
                return
            except (PjaisError, sqlite.Error, OSError) as error:
                if not self._ending.is_set():
                    log.warning("memories could not be embedded in the background: %s", error)
