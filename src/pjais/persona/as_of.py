"""The persona library as of an earlier moment: the same lists and look-ups, read-only.

`store.as_of` gives every table as it was; here each gets the methods that its records have in the present.  What
needs an index of the present (the search) says so instead of finding nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

from pjais import choices, instants, sqlite
from pjais.errors import UsageError
from pjais.models.persona.records import Attachment, Conversation, Memory, Persona, Plugin, Record, Relationship
from pjais.persona.attachments import Attachments
from pjais.persona.conversations import Conversations
from pjais.persona.memories import Memories
from pjais.persona.personas import Personas
from pjais.persona.relationships import Plugins, Relationships
from pjais.store.as_of import PoolAsOf, record_of, row_at, table_named
from pjais.store.documents import Collection
from pjais.store.pool import Pool
from pjais.store.records import Records

R = TypeVar("R", bound=Record)


class _Past(Records[R], Generic[R]):
    """The records of one table at a point in time; reading one by its id touches no other."""

    def get(self, key: str) -> R | None:
        """Return the record of this id at that time, or None."""
        choices.text("key", key)
        then = cast(PoolAsOf, self._pool)
        with then.present() as db:
            values = row_at(db, self.table, key, then.seq)
        return None if values is None else cast(R, record_of(self.table, values))


class PastPersonas(_Past[Persona], Personas):
    """The personas at a point in time."""


class PastMemories(_Past[Memory], Memories):
    """The memories at a point in time."""

    def search(self, *_: Any, **__: Any) -> Any:
        """Raise UsageError: only the present is indexed."""
        raise UsageError("the search index covers the current state only; list the memories of that time instead")

    search_page = hybrid = search


class PastConversations(_Past[Conversation], Conversations):
    """The conversations at a point in time."""

    def search(self, *_: Any, **__: Any) -> Any:
        """Raise UsageError: only the present is indexed."""
        raise UsageError("the search index covers the current state only; list the conversations of that time instead")

    search_page = search


class PastRelationships(_Past[Relationship], Relationships):
    """The relationships at a point in time."""


class PastAttachments(_Past[Attachment], Attachments):
    """The attachments at a point in time; the bytes of all that ever were are in the store."""


class PastPlugins(_Past[Plugin], Plugins):
    """The plugins at a point in time."""


class Past:
    """A store as it was after change `seq`: read-only.  Use as a context manager, or call `close`."""

    def __init__(self, store: Pool, seq: int) -> None:
        self.seq = seq
        self._then = PoolAsOf(store, seq)
        self.personas = PastPersonas(self._then)
        self.memories = PastMemories(self._then)
        self.conversations = PastConversations(self._then)
        self.relationships = PastRelationships(self._then)
        self.plugins = PastPlugins(self._then)
        self.attachments = PastAttachments(self._then)

    def __enter__(self) -> Past:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def collection(self, name: str) -> Collection:
        """Return a collection of any app at that time, by the name of its table."""
        return Collection(self._then, name)

    @property
    def at(self) -> int | None:
        """Return when the last change was made (ms); None for the state right after the migration."""
        with self._then.present() as db:
            text = sqlite.value(db, "SELECT at FROM main.changes WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (self.seq,))
        return None if text is None else instants.from_text(text)

    def get(self, table: str, key: str) -> Record | None:
        """Return a record of any table by its key at that time, or None."""
        choices.text("key", key)
        with self._then.present() as db:
            held = table_named(self._then.model, table)
            values = row_at(db, held, key, self.seq)
        return None if values is None else record_of(held, values)

    def counts(self) -> dict[str, int]:
        """Return the number of records of each table."""
        tables = self._then.model.tables
        with self._then.reader() as db:
            return {table.name: int(sqlite.value(db, f"SELECT count(*) FROM {table.sql}")) for table in tables}

    def records(self, table: str | None = None) -> Iterator[Record]:
        """Yield every record, or those of one table, ordered by key, all from one consistent view."""
        model = self._then.model
        for one in model.tables if table is None else (table_named(model, table),):
            columns = one.column_list
            with self._then.reader() as db:
                for row in sqlite.each(db, f"SELECT {columns} FROM {one.sql} ORDER BY {one.key_list}"):
                    yield record_of(one, dict(zip(one.column_names, row, strict=True)))

    def close(self) -> None:
        """Close the file."""
        self._then.close()
