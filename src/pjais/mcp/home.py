"""The store of a server: opened when it is first needed, written under the name of who asked, undone by number.

Where there is no store yet, an assistant that looks finds nothing, and the first write makes one; a source that waits
to be migrated is migrated first, as whenever a store is opened (`pjais.open`).  Every write is one transaction, named
`mcp:<client>:<tool>`, so history, undo and page say who it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from pjais.api import opening
from pjais.display import one_line
from pjais.errors import StoreFailed, UsageError
from pjais.mcp.options import ACTIVE, Options
from pjais.migration import state
from pjais.persona.filters import Filters
from pjais.persona.graph import Graph
from pjais.persona.message_search import MessageFilters
from pjais.persona.store import Operation, Store
from pjais.store import operations
from pjais.targets.sqlite import cutover

T = TypeVar("T")

_LONGEST_NAME = 60
_KEPT = 1000
"""Number of operations that can be undone by their number."""


class Done(NamedTuple):
    """An operation of this server: its number here, and what it is in the store."""

    number: int
    operation: Operation


def client_label(name: str) -> str:
    """Return the name of a client as labels have it: one line, without the sign that parts a label."""
    clean = one_line(name[:200]).replace(":", "-").strip()
    return clean[:_LONGEST_NAME].strip() or "client"


class Home:
    """The store of one server, for several threads and clients.  Close it at the end."""

    def __init__(self, data_dir: Path | None, target: Path | None, options: Options) -> None:
        self.options = options
        self.written: Callable[[], None] = lambda: None
        """Called after each write."""
        self._named = (data_dir, target)
        self._store: Store | None = None
        self._lock = threading.Lock()
        self._done: dict[int, Done] = {}
        self._last = 0

    # -- the store

    def read(self, look: Callable[[Store], T], empty: T) -> T:
        """Return what a look at the store gives; `empty` while there is none."""
        store = self._open(writes=False)
        if store is None:
            return empty
        with self._failing():
            return look(store)

    def write(self, client: str, tool: str, change: Callable[[Store], T]) -> tuple[T, int | None]:
        """Make a change in one transaction; return what it gives and the number of the operation, if anything changed.

        Raises UsageError on a server that only reads.
        """
        store = self._writable()
        with self._failing():
            with store.transaction(f"mcp:{client_label(client)}:{tool}"):
                since = store.last_change()
                result = change(store)
            with store.pool.reader() as db:
                made = operations.since(db, since)
        number = None if made is None else self._noted(made)
        if number is not None:
            self.written()
        return result, number

    def undo(self, number: int) -> Done:
        """Undo an operation of this server.  Raises UsageError for any other, or if a later change is in the way."""
        store = self._writable()
        done = self._done.get(number)
        if done is None:
            raise UsageError(
                f"this server made no operation {number} that could be undone",
                where=[f"its operations: {', '.join(map(str, sorted(self._done))) or 'none'}"],
                safe="Nothing was written.",
                advice="the owner can undo any operation, by `pjais undo` or on the page of `pjais ui`",
            )
        try:
            with self._failing():
                store.undo_one(done.operation)
        except UsageError as error:  # which names changes by their numbers: these tell of what is hidden, too
            raise UsageError(
                f"operation {number} cannot be undone any more: it was undone, or what it wrote was changed since",
                safe="Nothing was written.",
                advice="look at the records with get and history, and write what should be there now",
            ) from error
        with self._lock:
            self._done.pop(number, None)
        self.written()
        return done

    def undoable(self) -> list[Done]:
        """Return the operations of this server that were not undone, the last first."""
        return sorted(self._done.values(), reverse=True)

    def _noted(self, operation: Operation) -> int:
        with self._lock:
            self._last += 1
            self._done[self._last] = Done(self._last, operation)
            self._done.pop(self._last - _KEPT, None)
            return self._last

    def _writable(self) -> Store:
        if self.options.read_only:
            raise UsageError("this server only reads: it was started with --read-only", safe="Nothing was written.")
        store = self._open(writes=True)
        assert store is not None
        return store

    def _open(self, *, writes: bool) -> Store | None:
        with self._lock:
            if self._store is not None and self._store.path.exists():
                return self._store
            self._let_go()
            here = state.chosen(*self._named)
            if not here.store.exists() and not writes and (self.options.read_only or not here.find().sources):
                return None
            if self.options.read_only:
                if (refused := here.target.not_opened()) is not None:
                    raise refused
                cutover.inspect(here.store, here.model)
                self._store = Store(here.store)
            else:
                self._store = opening.open(self._named[0], target=self._named[1])
                self._store.memories.embed_in_background()
            return self._store

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Let go of a store whose file is gone, so that the next call opens what is there then."""
        try:
            yield
        except StoreFailed:
            with self._lock:
                if self._store is not None and not self._store.path.exists():
                    self._let_go()
            raise

    def _let_go(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    # -- who may see what

    def persona(self, store: Store, asked: str | None = None) -> str | None:
        """Return the persona that a call is about, None: all.  Raises UsageError for one that the server hides."""
        own = self.options.persona
        if own == ACTIVE:
            active = store.personas.active()
            if active is None:
                raise UsageError(
                    "no persona is active, and this server shows the active one only",
                    advice="the owner can make one active: pjais activate ID",
                )
            own = active.id
        if asked is None or asked == own:
            return own
        if own is not None or store.personas.get(asked) is None:
            raise UsageError(f"persona not found: {asked}", advice="the tool `personas` lists those that there are")
        return asked

    def scope(self, store: Store, asked: str | None = None) -> Filters:
        """Return the filters of a call."""
        return self.options.scope(self.persona(store, asked))

    def message_scope(self, store: Store, asked: str | None = None) -> MessageFilters:
        """Return the filters of a call over messages."""
        return self.options.message_scope(self.persona(store, asked))

    def graph(self, store: Store) -> Graph:
        """Return the graph as the server shows it."""
        return Graph(store, self.scope(store))

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._let_go()
