"""Who holds a connection: one task of one thread, never the thread as such.

In an event loop many tasks share a thread, and a transaction stays open across an `await`: by the thread alone the
next task would write into it, and go with its rollback.  A task that was begun inside of a transaction, and a thread
that it starts (`asyncio.to_thread`), inherit its context, so the context alone would not do either.  A connection
belongs to whoever is the same task of the same thread *and* sees it in the context.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from contextvars import ContextVar

from pjais import sqlite

Owner = tuple[int, object]
"""The thread, and the task in it that is running (None: no task)."""


def current() -> Owner:
    """Return who is running now."""
    return threading.get_ident(), _task()


def _task() -> object:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop of asyncio runs in this thread
        pass
    if trio := sys.modules.get("trio"):
        try:
            found: object = trio.lowlevel.current_task()
        except RuntimeError:
            return None
        return found
    return None


class Held:
    """A connection of `pool` that its owner holds until it is let go."""

    __slots__ = ("broken", "connection", "frozen", "levels", "made", "open", "over", "owner", "pool", "writes")

    def __init__(self, pool: object, connection: sqlite.Connection, *, writes: bool, frozen: bool = False) -> None:
        self.pool = pool
        self.owner = current()
        self.connection = connection
        self.writes = writes
        self.frozen = frozen
        self.open = True
        self.over = False
        """The transaction has ended, and others that were begun inside of it have not."""
        self.broken = False
        """Transactions inside of it ended in another order than they began in."""
        self.levels: list[str] = []
        """The savepoints of the transactions inside."""
        self.made = 0
        _HELD.set((*_open(), self))

    def let_go(self) -> None:
        """It is nobody's any more; also called by another task or thread, which ends a generator."""
        self.open = False
        _HELD.set(_open())


_HELD: ContextVar[tuple[Held, ...]] = ContextVar("pjais_held", default=())
"""What this context holds, the innermost last; in a copied context also what the one before it held."""


def _open() -> tuple[Held, ...]:
    return tuple(one for one in _HELD.get() if one.open)


def innermost(pool: object) -> Held | None:
    """Return what the running task holds of a pool, the innermost; None where it holds nothing."""
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
    """Return whether the running task or thread was started by one that is still inside of a transaction."""
    me = current()
    return any(one.open and one.writes and one.pool is pool and one.owner != me for one in _HELD.get())
