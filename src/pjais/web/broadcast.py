"""Notify open pages of changes and their topic, from any thread to every listener.

Notifications carry no content; a notified page requests again what it shows.  Those that arrive while a listener is
busy are merged into one, so a slow page never has a backlog.  Libraries for server-sent events bring the framing and a
ping, which are six lines here, and no merging; so there is none.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

DATA, STATE, JOB = "data", "state", "job"
"""Records were written; runs, backups or the store's file changed; the work in progress moved on."""


class _Listener:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.woken = asyncio.Event()
        self.news: set[str] = set()

    def tell(self, what: str) -> None:
        self.news.add(what)
        self.woken.set()


class Broadcast:
    """The listeners, and how to notify them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[_Listener] = set()
        self._closed = False

    def publish(self, what: str) -> None:
        """Tell every listener; from any thread."""
        with self._lock:
            for one in self._listeners:
                one.loop.call_soon_threadsafe(one.tell, what)

    async def listen(self, *, patience: float = 15.0) -> AsyncIterator[set[str]]:
        """The news as they come; an empty set after `patience` seconds without any.  Ends when the hub is closed."""
        one = _Listener(asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(one)
        try:
            while not self._closed:
                try:
                    await asyncio.wait_for(one.woken.wait(), patience)
                except TimeoutError:
                    yield set()
                    continue
                one.woken.clear()
                news, one.news = one.news, set()
                yield news
        finally:
            with self._lock:
                self._listeners.discard(one)

    def close(self) -> None:
        """End every listening."""
        self._closed = True
        self.publish(STATE)
