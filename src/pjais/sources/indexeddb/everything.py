"""Every IndexedDB database of an origin that no other kind recognises, whoever made it.

Each object store is a collection, each record a document in tagged JSON, in the order of keys, as the page would get
it.  A bad record, or a Blob whose bytes are missing, is an `Unreadable`; the rest is read.  After the records of a
database come the documents that its library means by them (`libraries`), in collections such as `pouchdb/documents`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from pjais import files
from pjais.sources.contract import Collection, Databases, Held, Index, Opened, ReadOptions, Stay
from pjais.sources.indexeddb import layouts
from pjais.sources.indexeddb.layouts import Container, InFirefox, InIndexedDb, InLevelDb, InSqlite
from pjais.sources.indexeddb.makers import maker

if TYPE_CHECKING:
    from pjais.core.document import Document, Piece, Remark, Unreadable
    from pjais.core.snapshot import Snapshot
    from pjais.core.source import SourceRef
    from pjais.formats.indexeddb import BadRow, KeyPath, Profile, Record, Store
    from pjais.sources.indexeddb.libraries import Library
    from pjais.sources.js_documents import Where

Claimed = Callable[[Databases], frozenset[str]]
"""Returns the databases of an origin that other kinds take."""


class OpenedIndexedDb(Opened):
    """A snapshot of IndexedDB, as the containers that a browser keeps it in, and the stores that are this kind's."""

    def __init__(self, snapshot: Snapshot, containers: list[Container], source: AnyIndexedDb) -> None:
        self.containers = containers
        self._snapshot, self._source = snapshot, source

    @cached_property
    def _stores(self) -> list[tuple[Profile, Store]]:
        """Return the object stores of databases that no other kind takes, by database and name."""
        found = [(one.profile, store) for one in self.containers for store in one.profile.stores()]
        names: dict[str, set[str]] = {}
        for _, store in found:
            names.setdefault(store.database, set()).add(store.name)
        taken = self._source.claimed(Databases(self._source.layout, names))
        return sorted(
            ((profile, store) for profile, store in found if store.database not in taken),
            key=lambda one: (one[1].database, one[1].name),
        )

    def _origin(self, store: Store) -> str | None:
        return layouts.origin_of(self._snapshot, store.origin)

    @cached_property
    def collections(self) -> Sequence[Collection]:
        """Return the object stores, with what the app declared of them."""
        names: dict[str, set[str]] = {}
        for _, store in self._stores:
            names.setdefault(store.database, set()).add(store.name)
        return tuple(self._collection(profile, store, names[store.database]) for profile, store in self._stores)

    def _version(self, store: Store) -> int:
        """Return the version of its database as a page sees it; 0 where the browser does not tell."""
        return 0 if self._source.layout == "firefox" else store.version

    def _collection(self, profile: Profile, store: Store, beside: set[str]) -> Collection:
        schema = profile.schema(store)
        return Collection(
            store.name,
            store.database,
            self._origin(store),
            _paths(schema.key_path),
            made_by=maker(store.database, self._version(store), beside),
            is_empty=next(profile.rows(store), None) is None,
            auto_increment=schema.auto_increment,
            indexes=tuple(Index(one.name, one.key_path or "", one.unique, one.multi_entry) for one in schema.indexes),
        )

    @property
    def sizes(self) -> Mapping[tuple[str | None, str | None], int]:
        """Return the size of each database in bytes."""
        sizes = layouts.sizes(self._snapshot, self.containers)
        return {(self._origin(store), store.database): sizes.get(store.database, 0) for _, store in self._stores}

    def read(self) -> Iterator[Piece]:
        """Yield all documents, by database and object store, in the order of their keys, then what a library means."""
        return self._read(decoded=True)

    def stored(self) -> Iterator[Piece]:
        """Yield the records alone."""
        return self._read(decoded=False)

    def _read(self, *, decoded: bool) -> Iterator[Piece]:
        from pjais.sources.indexeddb.libraries import library_of
        from pjais.sources.js_documents import Where

        yield from layouts.faults(self.containers)
        for _, found in groupby(self._stores, lambda one: one[1].database):
            stores = {store.name: (profile, store) for profile, store in found}
            for profile, store in stores.values():
                where = Where(store.name, store.database, self._origin(store))
                yield from _documents(profile, store, where)
            library = library_of(store.database, self._version(store), stores) if decoded else None
            if library is not None and library.decodes:
                yield from _meant(library, stores, where)
        yield from layouts.problems(self.containers)

    def removable(self, ref: SourceRef) -> Held:
        """Return what may be removed: nothing for now.  Files of other kinds in the same folder are not its own."""
        originals = {one.stored: Path(one.source) for one in self._snapshot.files}
        stays = []
        for one in self.containers:
            names = frozenset(store.database for profile, store in self._stores if profile is one.profile)
            if not names:
                continue
            path = ref.path if one.file is None else originals[one.file]
            its = ref.files if one.file is None else [path]
            reason = f"databases of this kind are never removed: {', '.join(sorted(names))}"
            stays.append(Stay(path, files.size_of(its), reason, names))
        return Held(frozenset(name for one in stays for name in one.names), stays=tuple(stays))


class AnyIndexedDb(InIndexedDb):
    """All databases of an origin that `claimed` does not name."""

    kind = "indexeddb"
    takes_rest = True

    def __init__(self, claimed: Claimed) -> None:
        self.claimed = claimed

    def in_indexeddb(self, there: Databases) -> frozenset[str] | None:
        """Return all databases that are left, with what may hold more of them."""
        if there.layout != self.layout or not there.stores:
            return None
        return frozenset(there.stores) | {str(path) for path in there.doubtful}

    @contextmanager
    def open(self, snapshot: Snapshot, options: ReadOptions) -> Iterator[OpenedIndexedDb]:
        """Open all databases in a snapshot."""
        with self.containers(snapshot) as found:
            yield OpenedIndexedDb(snapshot, found, self)


class AnyInLevelDb(AnyIndexedDb, InLevelDb):
    """In Chromium and Electron."""

    dialect = "indexeddb"


class AnyInSqlite(AnyIndexedDb, InSqlite):
    """In Chromium's SQLite backend."""

    dialect = "indexeddb-sqlite"


class AnyInFirefox(AnyIndexedDb, InFirefox):
    """In Firefox."""

    dialect = "indexeddb-firefox"


def sources(claimed: Claimed) -> tuple[AnyIndexedDb, ...]:
    """Return the kinds of the three layouts; `claimed` names the databases that other kinds take."""
    return AnyInLevelDb(claimed), AnyInSqlite(claimed), AnyInFirefox(claimed)


def _paths(key_path: KeyPath) -> tuple[str, ...]:
    return () if key_path is None else (key_path,) if isinstance(key_path, str) else key_path


def _documents(profile: Profile, store: Store, where: Where) -> Iterator[Document | Unreadable]:
    """Yield the records of an object store as documents, each Blob whose bytes are missing after its record."""
    from pjais.formats.indexeddb import BadRow, records

    for one in records(profile, store):
        if isinstance(one, BadRow):
            yield where.unreadable(*one)
        else:
            yield from where.with_missing(*one)


def _meant(
    library: Library, stores: Mapping[str, tuple[Profile, Store]], where: Where
) -> Iterator[Document | Unreadable | Remark]:
    """Yield the documents that a library means by its records, and a remark for each that it would not have written.

    What cannot be read, Blobs included, was named among the records.
    """
    from pjais.core.document import Remark
    from pjais.formats.indexeddb import BadRow, records

    named = set[BadRow]()

    def rows(name: str) -> Iterator[Record | BadRow]:
        for one in records(*stores[name]) if name in stores else ():
            if isinstance(one, BadRow):
                named.add(one)
            yield one

    for one in library.read(rows, frozenset(stores)):
        if not isinstance(one, BadRow):
            yield where._replace(collection=one.collection).document(one.key, one.value, one.place, one.blobs)
        elif one not in named:
            yield Remark("not-decoded", where.database, one.place, f"{library.name}: {one.reason}")
