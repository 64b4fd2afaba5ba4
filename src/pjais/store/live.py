"""Live queries: a result at once, and a new one whenever it changes, whoever wrote.

    for memories in store.memories.live(persona=p.id): ...      # the first at once, then each that differs
    stop = store.personas.live_active().subscribe(show, on_error=report)
    async for stats in store.live(store.personas.stats, p.id): ...

A query is run again only when a table that it reads was changed, and its result is delivered only when it differs
from the one delivered last.  Every follower (an iteration, a subscription) is independent: it runs the query
itself, in the thread that asks for the result, so that a slow or failing one delays nobody else, and a late one gets
the latest result, not a backlog.  A query sees one consistent state of the store, and cannot write.  Errors are
raised by the iteration, or passed to `on_error`; without one they go to `threading.excepthook`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from pjais import choices
from pjais.errors import StoreFailed, UsageError
from pjais.store import watcher
from pjais.store.pool import Pool

T = TypeVar("T")
OnError = Callable[[Exception], object]

_RETRY_SECONDS = 1.0
"""After an error a subscription retries at the next change, or after this time."""


class Live(Generic[T]):
    """A query with any number of followers.  Use as a context manager, or call `close`."""

    def __init__(self, pool: Pool, query: Callable[[], T], tables: Iterable[str] | None = None) -> None:
        """`tables`: those that the query reads; None: any.  Raises UsageError for a table without history."""
        asked = {watcher.ANY} if tables is None else set(choices.texts("tables", tables))
        if unknown := sorted(asked - pool.model.by_name.keys() - {watcher.ANY}):
            raise UsageError("unknown tables to follow", where=unknown)
        self.tables = frozenset(asked)
        self._pool = pool
        self._query = query
        self._followers: WeakSet[_Follower[T]] = WeakSet()
        self._closed = False

    def now(self) -> T:
        """Return the current result."""
        with self._pool.frozen():
            return self._query()

    def __iter__(self) -> Feed[T]:
        return self.follow()

    def __aiter__(self) -> AsyncFeed[T]:
        return self._begun(AsyncFeed(self, self._pool))

    def follow(self, *, timeout: float | None = None) -> Feed[T]:
        """Iterate over results; ends after `timeout` seconds without a new one, and when the store is closed."""
        if timeout is not None:
            choices.number("timeout", timeout)
        return self._begun(Feed(self, self._pool, timeout))

    def subscribe(self, callback: Callable[[T], object], *, on_error: OnError | None = None) -> Callable[[], None]:
        """Call `callback` with each result, the first one at once, in a thread of this subscription.

        Returns a function that ends the subscription; no call begins after that, but a running one completes.
        `on_error` receives errors of the query or the callback (a lasting one only once); the subscription continues.
        """
        choices.function("callback", callback)
        choices.function("on_error", on_error or _loud)
        feed = self.follow()
        threading.Thread(
            target=_deliver, args=(feed, callback, on_error or _loud), name="pjais-live", daemon=True
        ).start()
        return feed.close

    def close(self) -> None:
        """End all iterations and subscriptions of this query.  Closing again does nothing."""
        self._closed = True
        for follower in list(self._followers):
            follower.close()

    def __enter__(self) -> Live[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begun(self, follower: F) -> F:
        self._followers.add(follower)
        if self._closed:
            follower.stop()
        else:
            self._pool.watcher.add(follower)
        return follower


class _Follower(Generic[T]):
    """One follower of a live query: its last result, and whether there may be a new one."""

    def __init__(self, live: Live[T], pool: Pool) -> None:
        self.tables = live.tables
        self._live = live
        self._pool = pool
        self._lock = threading.Condition()
        self._news = True
        self._ended = False
        self._error: BaseException | None = None
        self._last: bytes | None = None

    @property
    def ended(self) -> bool:
        """True if no further result will come."""
        return self._ended

    def poke(self) -> None:
        """Note that a table of the query changed."""
        with self._lock:
            self._news = True
            self._signal()

    def stop(self, error: BaseException | None = None) -> None:
        """End, because of this error or because the store was closed."""
        with self._lock:
            self._ended = True
            self._error = self._error or error
            self._signal()

    def close(self) -> None:
        """End this iteration, including a wait in another thread."""
        self.stop()
        self._pool.watcher.remove(self)

    def _signal(self) -> None:
        """Wake the waiting thread; the caller holds the lock."""
        raise NotImplementedError

    def _run(self) -> tuple[T, bytes]:
        result = self._live.now()
        return result, _fingerprint(result)

    def _refuse_inside(self) -> None:
        if self._pool.writing:
            raise UsageError("a live query is not followed inside of a transaction")

    def _is_new(self, mark: bytes) -> bool:
        before, self._last = self._last, mark
        return mark != before

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error


F = TypeVar("F", bound=_Follower[Any])


class Feed(_Follower[T], Iterator[T]):
    """An iteration over the results of a live query, for one consumer."""

    def __init__(self, live: Live[T], pool: Pool, timeout: float | None) -> None:
        super().__init__(live, pool)
        self._timeout = timeout

    def __next__(self) -> T:
        try:
            return self.get(self._timeout)
        except TimeoutError:
            self.close()
            raise StopIteration from None

    def get(self, timeout: float | None = None) -> T:
        """Return the next different result.  Raises TimeoutError after so many seconds, StopIteration at the end.

        Propagates errors of the query; the next call runs it again.  Raises UsageError inside this task's own
        transaction, where the wait would never end.
        """
        self._refuse_inside()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._wait_for_news(deadline)
            try:
                result, mark = self._run()
            except BaseException as error:
                self._news = True
                if self._ended and isinstance(error, StoreFailed):  # closed while the query ran
                    raise StopIteration from None
                raise
            if self._is_new(mark):
                return result

    def rest(self, seconds: float) -> None:
        """Wait for a change or the end, at most this long."""
        with self._lock:
            self._news = False
            self._lock.wait_for(lambda: self._news or self._ended, seconds)
            self._news = True

    def _wait_for_news(self, deadline: float | None) -> None:
        with self._lock:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not self._lock.wait_for(lambda: self._news or self._ended, left):
                raise TimeoutError("timed out without changes")
            if self._ended:
                self._raise_error()
                raise StopIteration
            self._news = False

    def _signal(self) -> None:
        self._lock.notify_all()


class AsyncFeed(_Follower[T], AsyncIterator[T]):
    """An asynchronous iteration: waiting needs no thread; the query runs in one of the event loop's."""

    def __init__(self, live: Live[T], pool: Pool) -> None:
        super().__init__(live, pool)
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._event.set()

    async def __anext__(self) -> T:
        self._refuse_inside()
        while True:
            await self._event.wait()
            self._event.clear()
            if self._ended:
                self._event.set()
                self._raise_error()
                raise StopAsyncIteration
            try:
                from asyncio import to_thread

                result, mark = await to_thread(self._run)
            except BaseException as error:  # a cancelled wait must not lose a reported change
                self._event.set()
                if self._ended and isinstance(error, StoreFailed):
                    raise StopAsyncIteration from None
                raise
            if self._is_new(mark):
                return result

    async def aclose(self) -> None:
        """End this iteration."""
        self.close()

    def _signal(self) -> None:
        with suppress(RuntimeError):  # the event loop is closed: nobody waits any longer
            self._loop.call_soon_threadsafe(self._event.set)


def _deliver(feed: Feed[T], callback: Callable[[T], object], on_error: OnError) -> None:
    """Run a subscription, in its thread."""
    known = ""
    while not feed.ended:
        try:
            result = feed.get()
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - the query is the caller's; a passing fault must not end the rest
            if known != repr(error):
                known = repr(error)
                _report(error, on_error)
            feed.rest(_RETRY_SECONDS)
            continue
        known = ""
        if feed.ended:
            return
        try:
            callback(result)
        except Exception as error:  # noqa: BLE001 - reported; the next result may be one that it can take
            _report(error, on_error)


def _report(error: Exception, on_error: OnError) -> None:
    try:
        on_error(error)
    except Exception as worse:  # noqa: BLE001 - an error in the reporting of errors ends nobody's subscription
        _loud(worse)


def _loud(error: Exception) -> None:
    """Report an error as Python reports one in a thread."""
    threading.excepthook(
        threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
    )


def _fingerprint(result: object) -> bytes:
    """Return bytes that distinguish results: 1, 1.0 and True differ, and changes by a consumer do not matter.

    Without pickle's memo, equal values give equal bytes whether or not they share objects.
    Raises UsageError for a result that is not made of plain values and records.
    """
    import hashlib  # both loaded on demand: most stores are opened without a live query
    import pickle

    written = BytesIO()
    pickler = pickle.Pickler(written, protocol=5)
    pickler.fast = True
    try:
        pickler.dump(result)
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise UsageError("a live query must give records or plain values", where=[str(error)]) from error
    return hashlib.blake2b(written.getbuffer(), digest_size=20).digest()
