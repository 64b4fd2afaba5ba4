"""LiveStore's stores: an event log with its states, in a folder or in a browser's origin-private file system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pjais.sources.contract import Held, Opened, ReadOptions, Source, Tables, files_in
from pjais.sources.livestore import detector
from pjais.sources.sqlite_source import SqliteFiles

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.core.snapshot import Snapshot
    from pjais.core.source import SourceRef

__all__ = ["SOURCES", "Livestore", "LivestoreOpfs", "OpenedLivestore", "WithLog"]


class WithLog(Source):
    """A kind with an event log."""

    has_log = True

    @contextmanager
    def open(self, snapshot: Snapshot, options: ReadOptions) -> Iterator[Opened]:
        """Open all stores in a snapshot."""
        yield OpenedLivestore(snapshot, self)

    def moved_ids(self, snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
        """Yield the ids that an import changed; an old id that is itself in use is no mapping."""
        from pjais.sources.livestore import reader

        return reader.moved_ids(snapshot)

    def belonging(self, name: str, names: frozenset[str]) -> set[str]:
        """Return the id and the folder of a store."""
        return detector.belonging(name, names)


class OpenedLivestore(Opened):
    """The stores of a folder, or of an origin."""

    def __init__(self, snapshot: Snapshot, source: Source) -> None:
        self._snapshot, self._source = snapshot, source

    def read(self) -> Iterator[Piece]:
        """Yield the rows of state and log, personas first."""
        from pjais.sources.livestore import reader

        return reader.read(self._snapshot)

    def removable(self, ref: SourceRef) -> Held:
        """Return what may be removed: an origin's file system as a whole, if all of it is LiveStore's."""
        from pjais.sources.livestore import removable

        return removable.held(ref, self._snapshot) if self._source.shares else Held()


class Livestore(WithLog, SqliteFiles):
    """A folder with a log and its states, of whatever formats.

    LiveStore leaves the files of an earlier format beside those of the next and no longer shows them, and all of them
    are somebody's data; so they are one source.
    """

    kind = dialect = "livestore"
    precedence = 4
    names = detector.NAMES
    gathers = True

    def is_called(self, relative: str) -> bool:
        """Return whether a file is named as LiveStore's versions and adapters name theirs."""
        return detector.is_store_file(relative.rpartition("/")[2])

    def is_database(self, tables: Tables) -> bool:
        """Return whether a file is a log, or a state that is named as one."""
        if not tables.columns.keys().isdisjoint(("eventlog", "mutation_log")):
            return True
        return tables.expected == self.kind and "__livestore_schema" in tables.columns

    def gathered(self, paths: Sequence[Path], root: Path) -> Iterator[SourceRef]:
        """Return one source for each folder."""
        return detector.stores(paths, root)


class LivestoreOpfs(WithLog):
    """The pools of an origin in a browser's profile."""

    kind = dialect = "livestore-opfs"
    precedence = 3
    shares = True

    def files(self, ref: SourceRef) -> list[Path]:
        """Return the files of the pools, and those that name them."""
        return list(ref.files)

    def left(self, path: Path) -> tuple[Path, ...] | None:
        """Return everything in the folder of the origin: it was judged when it was complete."""
        return tuple(files_in(path)) if path.is_dir() else ()


SOURCES = (Livestore(), LivestoreOpfs())
