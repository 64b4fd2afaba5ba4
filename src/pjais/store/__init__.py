"""The store people live in: personas, memories, conversations, relationships and plugins of an open target.

store = pjais.open(folder)
store.personas.active()
store.memories.search("tea ceremony")
with store.transaction():
    ...

Safe from threads, beside other processes; every write is validated by the models of the migration.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from pjais.store.conversations import Conversations
from pjais.store.links import Plugins, Relationships
from pjais.store.memories import Memories
from pjais.store.personas import Personas
from pjais.store.pool import Pool
from pjais.store.records import Page, Records
from pjais.store.search import Found


class Store:
    """An open target.  Use as a context manager, or call `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pool = Pool(path)
        self.personas = Personas(self.pool)
        self.memories = Memories(self.pool)
        self.conversations = Conversations(self.pool)
        self.relationships = Relationships(self.pool)
        self.plugins = Plugins(self.pool)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen, or none; transactions may be nested."""
        with self.pool.writer():
            yield

    def close(self) -> None:
        """Let go of the file."""
        self.pool.close()


__all__ = ["Found", "Page", "Records", "Store"]
