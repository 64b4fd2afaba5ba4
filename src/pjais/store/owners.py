"""Ownership of connections: a connection belongs to one task of one thread, never to the thread as such.

In an event loop many tasks share a thread, and a transaction stays open across an `await`: with ownership by thread
the next task would write into it, and be rolled back with it.  A task begun inside a transaction, and a thread that
it starts (`asyncio.to_thread`), inherit its context, so the context alone is not enough either.  A connection
belongs to whoever is the same task of the same thread *and* sees it in the context.
"""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar

from pjais import sqlite

Owner = tuple[int, object]
"""The thread, and its running task (None: no task)."""


def current() -> Owner:
    """Return the running thread and task."""
    return threading.get_ident(), _task()


def _task() -> object:
    if asyncio := sys.modules.get("asyncio"):  # without it no task runs, and to load it takes longer than to open
        try:
            task: object = asyncio.current_task()
        except RuntimeError:  # no event loop of asyncio runs in this thread
            pass
        else:
            return task
    if trio := sys.modules.get("trio"):
        try:
            found: object = trio.lowlevel.current_task()
        except RuntimeError:
            return None
        return found
    return None


class Held:
    """A connection of `pool`, held by its owner until it is released."""

    __slots__ = ("broken", "connection", "frozen", "levels", "made", "open", "over", "owner", "pool", "writes")

    def __init__(self, pool: object, connection: sqlite.Connection, *, writes: bool, frozen: bool = False) -> None:
        self.pool = pool
        self.owner = current()
        self.connection = connection
        self.writes = writes
        self.frozen = frozen
        self.open = True
        self.over = False
        """True if the transaction has ended, but others begun inside it have not."""
        self.broken = False
        """True if transactions inside it did not end in reverse order."""
        self.levels: list[str] = []
        """The savepoints of nested transactions."""
        self.made = 0
        _HELD.set((*_open(), self))

    def let_go(self) -> None:
        """Release it; also called by another task or thread that closes a generator."""
        self.open = False
        _HELD.set(_open())


_HELD: ContextVar[tuple[Held, ...]] = ContextVar("pjais_held", default=())
"""Connections held in this context, the innermost last; a copied context includes those of the original."""


def _open() -> tuple[Held, ...]:
    return tuple(one for one in _HELD.get() if one.open)


def innermost(pool: object) -> Held | None:
    """Return the running task's innermost connection of a pool; None if it holds none."""
    held = _HELD.get()
    if not held:
        return None
    me = current()
    return next((one for one in reversed(held) if one.open and one.pool is pool and one.owner == me), None)


def is_frozen(pool: object) -> bool:
    """Return whether the running task may not write now."""
    me = current()
    return any(one.open and one.frozen and one.pool is pool and one.owner == me for one in _HELD.get())


def inherited(pool: object) -> bool:
    """Return whether the running task or thread was started by one that is still inside a transaction."""
    me = current()
    return any(one.open and one.writes and one.pool is pool and one.owner != me for one in _HELD.get())
