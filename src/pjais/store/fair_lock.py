"""A fair lock: waiters get it in the order in which they asked.

Python's own locks go to the quickest thread, which is the one that has just released it: beside busy writers
another one may wait for seconds.  The write lock of a store is taken in turns, by tasks (`pjais.store.owners`).

A task that waits without `await` blocks its thread, and with it every other task there.  If one of those holds the
lock, or is ahead in the queue, that wait would be a deadlock: it is refused.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

from pjais.errors import UsageError
from pjais.store import owners
from pjais.store.owners import Owner


class _Waiter(NamedTuple):
    """A waiting owner, how to wake it, and whether its thread continues meanwhile."""

    owner: Owner
    wake: Callable[[], object]
    awaits: bool


class Turns:
    """A lock that is taken in turns."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[_Waiter] = deque()
        self._owner: Owner | None = None

    @contextmanager
    def turn(self, seconds: float | None = None) -> Iterator[None]:
        """Wait for the turn, and hold it.

        Raises TimeoutError after so many seconds, UsageError if the wait would block a task that must finish first.
        """
        self._take(seconds)
        try:
            yield
        finally:
            self._let_go()

    @asynccontextmanager
    async def awaited_turn(self, seconds: float) -> AsyncIterator[None]:
        """Do the same for an asyncio task: the other tasks of its thread continue while it waits."""
        await self._await(seconds)
        try:
            yield
        finally:
            self._let_go()

    def check(self) -> None:
        """Raise UsageError if the running task could not wait for its turn without a deadlock."""
        with self._guard:
            self._refuse_standstill(owners.current())

    def _take(self, seconds: float | None) -> None:
        gate = threading.Lock()
        gate.acquire()
        waiter = _Waiter(owners.current(), gate.release, False)
        if self._taken_at_once(waiter):
            return
        try:
            if not gate.acquire(timeout=-1 if seconds is None else seconds):
                raise TimeoutError("no turn in time")
        except BaseException:  # an interrupted wait, or a timeout
            self._give_up(waiter)
            raise

    async def _await(self, seconds: float) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        waiter = _Waiter(owners.current(), lambda: loop.call_soon_threadsafe(came.set), True)
        if self._taken_at_once(waiter):
            return
        try:
            async with asyncio.timeout(seconds):
                await came.wait()
        except BaseException:
            self._give_up(waiter)
            raise

    def _taken_at_once(self, waiter: _Waiter) -> bool:
        """Return whether the waiter got the turn at once; else it was queued."""
        with self._guard:
            if self._owner is None:
                self._owner = waiter.owner
                return True
            if not waiter.awaits:
                self._refuse_standstill(waiter.owner)
            self._waiting.append(waiter)
            return False

    def _refuse_standstill(self, me: Owner) -> None:
        here = [self._owner, *(one.owner for one in self._waiting)]
        if any(one is not None and one[0] == me[0] for one in here):
            raise UsageError(
                "another task of this thread is inside of a transaction; waiting here would stop both",
                safe="Nothing was written.",
                advice="end that transaction first, or use: async with store.atransaction()",
            )

    def _give_up(self, waiter: _Waiter) -> None:
        """Leave the queue, or pass on the turn that was granted meanwhile."""
        with self._guard:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                return
        self._let_go()

    def _let_go(self) -> None:
        with self._guard:
            self._owner = None
            while self._waiting:
                waiter = self._waiting.popleft()
                try:
                    waiter.wake()
                except RuntimeError:  # its event loop was closed: nobody waits any more
                    continue
                self._owner = waiter.owner
                return
