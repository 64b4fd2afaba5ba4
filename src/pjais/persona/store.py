"""The open store: personas, memories, conversations, relationships, plugins and attachments.

store = pjais.open(folder)
store.personas.active()
store.memories.search("tea ceremony")
with store.transaction():
    ...

Safe for threads and tasks, beside other processes; every write is validated by the models of the migration.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from pjais import choices
from pjais.models.persona.model import MODEL
from pjais.persona.attachments import Attachments
from pjais.persona.personas import Personas
from pjais.persona.relationships import Plugins, Relationships
from pjais.store import operations, provenance
from pjais.store.live import Live
from pjais.store.operations import Operation
from pjais.store.pool import Pool
from pjais.store.provenance import Provenance, SourceRecords
from pjais.store.records import Page, Records

if TYPE_CHECKING:  # what only some calls need is loaded by them, so that a store opens without it
    from pjais.core.results import Changed, Notice, Restored
    from pjais.persona.as_of import Past
    from pjais.persona.conversations import Conversations
    from pjais.persona.memories import Memories
    from pjais.store.documents import Collection
    from pjais.store.history import Moment, When

T = TypeVar("T")


_DERIVED = frozenset({"access_count", "last_accessed", "embedding", "embedding_model"})


class Store:
    """An open target.  Use as a context manager, or call `close`."""

    def __init__(self, path: Path, notices: tuple[Notice, ...] = ()) -> None:
        self.path = path
        self.notices = notices
        """Pending migrations: sources whose new data could not be migrated when the store was opened, and why."""
        self.pool = Pool(path, MODEL)
        self.personas = Personas(self.pool)
        self.relationships = Relationships(self.pool)
        self.plugins = Plugins(self.pool)
        self.attachments = Attachments(self.pool)

    @cached_property
    def memories(self) -> Memories:
        """The memories."""
        from pjais.persona.memories import Memories  # loaded on demand, with all kinds of search

        return Memories(self.pool)

    @cached_property
    def conversations(self) -> Conversations:
        """The conversations."""
        from pjais.persona.conversations import Conversations

        return Conversations(self.pool)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self, label: str | None = None) -> Iterator[None]:
        """Commit all writes inside, or none; transactions may be nested.  `undo` reverts them as one.

        It belongs to the running task of this thread.  While it is open, no other task of the thread can write
        without `await` (UsageError), since waiting would stop both; see `atransaction`.
        """
        with self.pool.writer(choices.maybe("label", label)):
            yield

    @asynccontextmanager
    async def atransaction(self, label: str | None = None) -> AsyncIterator[None]:
        """Do the same as `transaction` for an asyncio task: wait for others without blocking the event loop."""
        async with self.pool.async_writer(choices.maybe("label", label)):
            yield

    def live(self, query: Callable[..., T], *given: Any, tables: Iterable[str] | None = None, **named: Any) -> Live[T]:
        """Return any query of the store as a live query: `store.live(store.memories.hot, persona.id)`.

        `tables`: the names of the tables that it reads; None: all.  Raises UsageError for an unknown table.
        """
        choices.function("query", query)
        return Live(self.pool, lambda: query(*given, **named), tables)

    def last_change(self) -> int:
        """Return the number of the last change by anybody; 0 if nothing was written since the migration."""
        with self.pool.reader() as db:
            return operations.last_change(db)

    def collection(self, name: str) -> Collection:
        """Return a collection of any app by the name of its table.  Raises UsageError that names those there are."""
        from pjais.store.documents import Collection

        return Collection(self.pool, name)

    @property
    def collections(self) -> list[str]:
        """Return the names of the tables of all collections that no model claims."""
        from pjais.store import documents

        return documents.names(self.pool.model)

    def sources(self) -> list[SourceRecords]:
        """Return every source that the store has records of, with their number; `pjais`: written in the store."""
        with self.pool.view() as db:
            return provenance.sources(db, self.pool.model)

    def known_sources(self) -> list[Provenance]:
        """Return the sources that were migrated into the store, without a look at its records."""
        with self.pool.reader() as db:
            return provenance.known(db)

    def history(self, record_id: str, table: str | None = None) -> list[Moment]:
        """Return every change of a record since the migration, by anybody.  Raises UsageError for an unknown id."""
        from pjais.store import history

        with self.pool.view() as db:
            return history.history(db, self.pool.model, record_id, table)

    def find(self, record_id: str, table: str | None = None) -> list[tuple[str, str]]:
        """Return (table, key) of the records that have or had this id; several tables may have it."""
        from pjais.store import history

        with self.pool.view() as db:
            return [(one.name, key) for one, key in history.find(db, self.pool.model, record_id, table)]

    def at(self, seq: int | None = None, *, time: int | str | None = None) -> Past:
        """Return the store after change `seq` (0: right after the migration), or at a time (ms or ISO-8601).

        Raises UsageError for a point in time outside the history.
        """
        from pjais.persona.as_of import Past
        from pjais.store import as_of

        with self.pool.view() as db:
            found = as_of.moment(db, seq, time)
        return Past(self.pool, found)

    def diff(self, before: When, after: When = "now") -> list[Changed]:
        """Return the differences between two points in time: numbers of changes, times (ISO-8601), or `now`."""
        from pjais.store import history

        with self.pool.view() as db:
            return history.diff(db, self.pool.model, before, after)

    def restore_record(
        self,
        table: str,
        record_id: str,
        seq: int | None = None,
        *,
        time: int | str | None = None,
        field: str | None = None,
    ) -> Restored:
        """Restore a record, or one field of it, to its version then, by an ordinary, validated write."""
        from pjais.store import history

        return history.restore_record(self.pool, table, record_id, seq=seq, time=time, field=field)

    def name_of(self, table: str, key: str) -> str | None:
        """Return the name or title of a record, else the beginning of its text; of a removed one its last."""
        from pjais.store import names

        with self.pool.view() as db:
            return names.name_of(db, self.pool.model, choices.text("table", table), choices.text("key", key))

    def changed_by(self, operation: Operation) -> list[tuple[str, str]]:
        """Return (table, key) of the first records that an operation changed."""
        from pjais.store import names

        with self.pool.view() as db:
            return names.changed_by(db, operation)

    def undoable(self, limit: int = 100) -> list[Operation]:
        """Return the operations that `undo` would revert, the last one first."""
        with self.pool.view() as db:
            return operations.undoable(db, choices.count("limit", limit))

    def redoable(self, limit: int = 100) -> list[Operation]:
        """Return the operations that `redo` would repeat, the last undone one first."""
        with self.pool.view() as db:
            return operations.redoable(db, choices.count("limit", limit))

    def undo(self, n: int = 1) -> list[Operation]:
        """Undo the last `n` operations made through pjais; `pjais.store.undo` says when this is refused."""
        from pjais.store import undo

        return undo.undo(self.pool, n)

    def undo_operation(self, number: int) -> Operation:
        """Undo the operation of this number, if it is the last one; otherwise UsageError, and nothing is undone."""
        from pjais.store import undo

        return undo.undo_operation(self.pool, number)

    def undo_one(self, operation: Operation) -> Operation:
        """Undo one operation that need not be the last; refused if one of its records was changed since.

        That a memory was looked at or embedded since is no change.
        """
        from pjais.store import undo

        return undo.undo_one(self.pool, operation, _DERIVED)

    def redo(self, n: int = 1) -> list[Operation]:
        """Redo the last `n` undone operations; a new operation clears the list of those."""
        from pjais.store import undo

        return undo.redo(self.pool, n)

    def close(self) -> None:
        """Close the file; live queries end.  Closing again does nothing."""
        if "memories" in vars(self):
            self.memories.close()
        self.pool.close()


__all__ = ["Live", "Operation", "Page", "Provenance", "Records", "SourceRecords", "Store"]
