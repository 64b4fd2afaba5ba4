"""Count in the background what takes too long for a page: the page shows what is known, and the rest comes later.

A figure holds for one state of the store (its last change).  After a change the former value stays until the new one
is counted, and whoever was given less than the present value is told when it is there.  One figure is counted at a
time, the one asked for last first; one that takes long is not counted again at once, however often the store changes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, Generic, NamedTuple, TypeVar

from pjais import sqlite
from pjais.errors import PjaisError
from pjais.persona.store import Store

T = TypeVar("T")
_REST = 4
"""After a figure took a second, so many pass before it is counted again."""
_PATIENT = 1.0
"""Who waits for so long (s) wants it counted at once."""


class Figure(NamedTuple, Generic[T]):
    """A figure, and whether it is that of the present state."""

    value: T
    is_current: bool


class _Held(NamedTuple):
    change: int
    value: Any
    again: float
    """The earliest time at which it is counted again (s, monotonic)."""


class _Wanted(NamedTuple):
    count: Callable[[Store], Any]
    start: float
    """The earliest time at which it is counted (s, monotonic)."""


class Figures:
    """The figures of an open store.  Safe from threads."""

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[Store]],
        tell: Callable[[], None],
        *,
        most: int = 200,
        waiting: int = 8,
        quiet: float = 0.0,
    ) -> None:
        """`opened`: lends the store.  `tell`: called when a figure is there that somebody was not given.

        `most`: how many are kept.  `waiting`: how many wait to be counted; what was asked for before these is on no
        page any more.  `quiet`: seconds before counting begins, in which somebody who types goes on typing.
        """
        self._opened, self._tell = opened, tell
        self._most, self._most_waiting, self._quiet = most, waiting, quiet
        self._news = threading.Condition()
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._wanted: OrderedDict[str, _Wanted] = OrderedDict()
        self._owed: set[str] = set()
        self._works = False

    def ask(self, store: Store, name: str, count: Callable[[Store], T], wait: float) -> Figure[T] | None:
        """Return a figure, if it is known or counted within `wait` seconds: of now, else the last one; else None."""
        change = store.last_change()
        with self._news:
            if not self._is_current(name, change):
                start = time.monotonic() + (self._quiet if wait < _PATIENT else 0.0)
                known = self._wanted.get(name)
                self._wanted[name] = _Wanted(count, start if known is None else min(start, known.start))
                self._wanted.move_to_end(name)
                while len(self._wanted) > self._most_waiting:
                    self._wanted.popitem(last=False)
                if not self._works:
                    self._works = True
                    threading.Thread(target=self._work, name="pjais-figures", daemon=True).start()
                self._news.notify_all()
                self._news.wait_for(lambda: self._is_current(name, change) or name not in self._wanted, wait)
            held = self._held.get(name)
            if held is None or held.change < change:
                self._owed.add(name)
            else:
                self._held.move_to_end(name)
            return None if held is None else Figure(held.value, held.change >= change)

    def clear(self) -> None:
        """Forget all: the store is another one."""
        with self._news:
            self._held.clear()
            self._wanted.clear()
            self._owed.clear()

    def _is_current(self, name: str, change: int) -> bool:
        return name in self._held and self._held[name].change >= change

    def _work(self) -> None:
        while True:
            with self._news:
                if not self._wanted:
                    self._works = False
                    return
                now = time.monotonic()
                starts = {
                    name: max(one.start, self._held[name].again if name in self._held else 0.0)
                    for name, one in reversed(self._wanted.items())
                }
                name = next((name for name, start in starts.items() if start <= now), None)
                if name is None:
                    self._news.wait(min(starts.values()) - now)
                    continue
                count = self._wanted[name].count
            found = None
            with suppress(PjaisError, sqlite.Error, OSError), self._opened() as store:
                began, change = time.monotonic(), store.last_change()
                value = count(store)
                took = time.monotonic() - began
                found = _Held(change, value, began + (1 + _REST) * took if took > 0.1 else 0.0)
            self._keep(name, found)

    def _keep(self, name: str, found: _Held | None) -> None:
        with self._news:
            known = self._wanted.pop(name, None) is not None
            if found is not None and known:
                self._held[name] = found
                self._held.move_to_end(name)
                while len(self._held) > self._most:
                    self._held.popitem(last=False)
            owed = name in self._owed and found is not None
            self._owed.discard(name)
            self._news.notify_all()
        if owed:
            self._tell()
