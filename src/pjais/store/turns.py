"""A lock whose waiters come in the order in which they asked.

Python's own locks go to whoever is quickest, which is the thread that has just let go: beside busy writers another
one may wait for seconds.  The write lock of a store is taken in turns.
"""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """A lock taken in turns; a thread that holds it may take it again.  Use as a context manager."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[tuple[int, threading.Lock]] = deque()
        self._owner: int | None = None
        self._depth = 0

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._guard:
            if self._owner in (None, me):
                self._owner = me
                self._depth += 1
                return
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append((me, gate))
        try:
            gate.acquire()
        except BaseException:  # an interrupted wait: give the place up, or the turn that has come meanwhile
            with self._guard:
                if (me, gate) in self._waiting:
                    self._waiting.remove((me, gate))
                    raise
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._depth -= 1
            if self._depth:
                return
            self._owner = None
            if self._waiting:
                self._owner, gate = self._waiting.popleft()
                self._depth = 1
                gate.release()
