"""RxDB in a closed browser profile: in each of the three layouts of IndexedDB, or in localStorage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pjais import files
from pjais.sources.contract import Attachment, Databases, Opened, ReadOptions, Stamp
from pjais.sources.indexeddb.layouts import Container, InFirefox, InIndexedDb, InLevelDb, InSqlite
from pjais.sources.rxdb import names as rxdb_names

if TYPE_CHECKING:
    from pjais.core.document import Document
    from pjais.core.snapshot import Snapshot
    from pjais.core.source import SourceRef


class Rxdb(InIndexedDb):
    """RxDB's databases, by their internal store.

    RxDB leaves a tombstone for what its app removes; a document that is absent was purged by its clean-up.
    """

    kind = "rxdb-profile"
    precedence = 0
    made_by = "RxDB"
    absence_means_removed = False
    guide_backup = True
    is_rxdb = True

    def in_indexeddb(self, there: Databases) -> frozenset[str] | None:
        """Return the databases that RxDB made; files that cannot be read are taken if they mention it."""
        if there.layout != self.layout:
            return None
        ours = rxdb_names.made_by_rxdb(there.stores)
        doubtful = frozenset(str(path) for path in there.doubtful if rxdb_names.mentions_rxdb(path))
        return ours | doubtful if ours or doubtful else None

    @contextmanager
    def open(self, snapshot: Snapshot, options: ReadOptions) -> Iterator[Opened]:
        """Open all RxDB databases in a snapshot."""
        from pjais.sources.rxdb.reader import OpenedRxdb

        with self.containers(snapshot) as found:
            yield OpenedRxdb(snapshot, found, options)

    def native(self, collection: str, value: Any) -> Any:
        """Return a document without the fields that RxDB hides from its app."""
        return rxdb_names.shown(value)

    def attachments(self, document: Document) -> Mapping[tuple[str, str], Attachment]:
        """Return the rows of `<collection>/attachments` that a stored document names; their ids are `<id>||<name>`."""
        named = document.value.get("_attachments") if isinstance(document.value, dict) else None
        return {
            (f"{document.collection}/attachments", f"{document.native_id}||{name}"): Attachment(
                name, facts.get("type") if isinstance(facts, dict) else None
            )
            for name, facts in (named.items() if isinstance(named, dict) else ())
        }

    def belonging(self, name: str, names: frozenset[str]) -> set[str]:
        """Return the IndexedDB databases of an RxDB database."""
        return {one for one in names if one.startswith((f"{rxdb_names.PREFIX}{name}--", f"_pouch_{name}-rxdb-"))}


class RxdbLevelDb(Rxdb, InLevelDb):
    """RxDB in Chromium and Electron."""

    dialect = "rxdb-profile"


class RxdbSqlite(Rxdb, InSqlite):
    """RxDB in Chromium's SQLite backend."""

    dialect = "rxdb-profile-sqlite"


class RxdbFirefox(Rxdb, InFirefox):
    """RxDB in Firefox."""

    dialect = "rxdb-profile-firefox"


class RxdbLocalStorage(Rxdb):
    """RxDB's localstorage storage: items in the one LevelDB that all web origins of a profile share."""

    dialect = "rxdb-localstorage"
    item_prefix = rxdb_names.ITEMS

    def in_indexeddb(self, there: Databases) -> frozenset[str] | None:
        """Return None: nothing of it is in IndexedDB."""
        return None

    def files(self, ref: SourceRef) -> list[Path]:
        """Return the current files: a browser creates and removes some while it runs."""
        return files.beside(ref.path)

    def still(self, ref: SourceRef) -> Stamp:
        """Return the names of the files: a LevelDB only appends to its logs and never changes a table."""
        return tuple((str(path),) for path in self.files(ref))

    @contextmanager
    def open(self, snapshot: Snapshot, options: ReadOptions) -> Iterator[Opened]:
        """Open all RxDB databases in a snapshot."""
        from pjais.sources.rxdb.local_storage import LocalStorage
        from pjais.sources.rxdb.reader import OpenedRxdb

        yield OpenedRxdb(snapshot, [Container(LocalStorage(snapshot.path))], options, as_written=True)


SOURCES = (RxdbLevelDb(), RxdbSqlite(), RxdbFirefox(), RxdbLocalStorage())
