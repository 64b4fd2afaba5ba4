"""Any browser profile, read from Python: origins, their databases, collections and documents, web storage, files.

    profile = pjais.profile("~/.config/SomeApp")
    for document in profile.origin("https://app.example").database("notes").collection("todos"):
        print(document.key, document.value)

Nothing is written to, no lock is taken, and no JavaScript runs.  Listing reads metadata; an origin's files are copied
when its first document is asked for, so that a browser may go on running.  Values are those of the page itself:
JSON-like ones as plain Python values, every other as a type of `pjais.js_values`; `pjais.tagged` makes text of both.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pjais import browser_files, journal, tagged, web_origin
from pjais.core.document import Unreadable
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.errors import NoSourceFound, SourceDamaged, SourceInUse, UsageError
from pjais.formats import indexeddb, web_storage
from pjais.formats.indexeddb import BadRow, Damage, Index, KeyPath, Record, Schema, metadata
from pjais.formats.indexeddb.sqlite_files import StoredFile
from pjais.formats.sqlite_libraries import is_of
from pjais.formats.web_storage import Area, BadItem, Item, Place, Storage
from pjais.sources import backup, registry, unpacked
from pjais.sources.contract import files_in
from pjais.sources.indexeddb import detector
from pjais.sources.indexeddb.everything import OpenedIndexedDb
from pjais.sources.indexeddb.layouts import Container
from pjais.sources.indexeddb.libraries import Library, Meaning, library_of
from pjais.sources.livestore.detector import is_opfs
from pjais.sources.opfs_sqlite.reader import stored
from pjais.sources.seen import Seen
from pjais.sources.walk import Listing, walk

T = TypeVar("T")


class Document(NamedTuple):
    """One document: its key and value as the page has them, where it is on disk, the bytes of its Blobs by SHA-256.

    `missing` names Blobs whose bytes are not there any more.
    """

    key: Any
    value: Any
    place: str
    blobs: dict[str, bytes]
    missing: tuple[str, ...] = ()

    def json(self) -> str:
        """Return the value as tagged JSON (docs/formats/tagged-json.md)."""
        return tagged.dumps(self.value)


class _Folder:
    """One folder of a profile that a browser keeps data in, and the copy that is read."""

    def __init__(self, ref: SourceRef, stack: ExitStack, place: Place | None) -> None:
        self.ref = ref
        self.place = place
        """The web storage that it is; None for IndexedDB."""
        self._stack = stack

    @cached_property
    def snapshot(self) -> Snapshot:
        """Return a private copy.  Raises SourceInUse."""
        scratch = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="pjais-profile-")))
        (made,) = backup.snapshot_all(scratch / "copy", (self.ref,), at_ms=journal.now_ms())
        return made

    @cached_property
    def _containers(self) -> list[Container]:
        opened = self._stack.enter_context(registry.opened(self.snapshot))
        assert isinstance(opened, OpenedIndexedDb)
        return opened.containers

    @cached_property
    def stores(self) -> dict[tuple[str, str], tuple[indexeddb.Profile, indexeddb.Store]]:
        """(database, object store) -> where it is in the copy.  Raises SourceInUse."""
        return {
            (store.database, store.name): (container.profile, store)
            for container in self._containers
            for store in container.profile.stores()
        }

    def storage(self) -> Storage:
        """Return the web storage in the copy."""
        assert self.place is not None
        return Storage(self.snapshot.path, self.place.area, self.place.owner)

    def sqlite_files(self) -> list[StoredFile]:
        """Return the SQLite files that libraries keep in this IndexedDB.  Raises SourceInUse."""
        return [one for container in self._containers for one in stored(container)]

    def problems(self) -> list[str]:
        """Return what could not be read apart from documents, so that something may be missing."""
        if self.place is not None:
            with self.storage() as storage:
                deque(storage.items(), maxlen=0)  # what is damaged shows while it is read
                return _lines(storage.problems)
        found = [f"{one.file}: {one.fault}" for one in self._containers if one.fault is not None]
        return found + _lines(one for container in self._containers for one in container.profile.problems)


def _lines(problems: Iterable[Damage]) -> list[str]:
    return [f"{one.file}: {one.reason}" for one in problems]


def _damaged(name: str, where: list[str], instead: str) -> SourceDamaged:
    return SourceDamaged(
        f"a part of the profile cannot be read, so {name} is incomplete",
        where=[f"{name}: {line}" for line in where[:20]],
        advice=f"use {instead}, which yields what can be read",
    )


class Collection:
    """An object store: iterate over it for its documents, in the order in which the page gets them."""

    def __init__(self, database: Database, name: str, folder: _Folder) -> None:
        self.database = database
        self.name = name
        self._folder = folder

    def __repr__(self) -> str:
        return f"<Collection {self.name!r} of {self.database.name!r}>"

    @property
    def _store(self) -> tuple[indexeddb.Profile, indexeddb.Store]:
        found = self._folder.stores.get((self.database.name, self.name))
        if found is None:
            raise SourceInUse(
                "the collection was there when the profile was listed, and is not in its copy",
                where=[f"{self.database.name}/{self.name}"],
                advice="open the profile again",
            )
        return found

    @cached_property
    def _schema(self) -> Schema:
        profile, store = self._store
        return profile.schema(store)

    @property
    def key_path(self) -> KeyPath:
        """The place of the key in a value: a path, several, or None for keys of their own."""
        return self._schema.key_path

    @property
    def auto_increment(self) -> bool:
        """True if the browser generates keys."""
        return self._schema.auto_increment

    @property
    def indexes(self) -> tuple[Index, ...]:
        """The indexes that the app declared."""
        return self._schema.indexes

    def read(self) -> Iterator[Document | Unreadable]:
        """Yield every document, and an `Unreadable` with location, bytes and reason for one that cannot be read."""
        for row in self.rows():
            if isinstance(row, BadRow):
                yield Unreadable(
                    self.name, row.place, row.raw, row.reason, self.database.name, self.database.origin.name
                )
            else:
                yield Document(*row)

    def rows(self) -> Iterator[Record | BadRow]:
        """Yield every record as it is read, for a decoder of rows."""
        return indexeddb.records(*self._store)

    def __iter__(self) -> Iterator[Document]:
        """Yield every document.

        Raises SourceDamaged at one that cannot be read, and at the end if a damaged piece of the profile may have held
        more; `read` names the one and goes on, `Profile.problems` names the others.
        """
        for one in self.read():
            if isinstance(one, Unreadable):
                raise _damaged(f"{self.database.name}/{self.name}", [f"{one.place}: {one.reason}"], "read()")
            yield one
        if problems := self._folder.problems():
            raise _damaged(f"{self.database.name}/{self.name}", problems, "read()")

    def count(self) -> int:
        """Return the number of documents, unreadable ones included; reads them all."""
        return sum(1 for _ in self.read())

    def get(self, key: Any) -> Document | None:
        """Return the document with this key, or None: 7 is not "7", and neither is a Date."""
        wanted = tagged.dumps(key)
        return next((one for one in self if tagged.dumps(one.key) == wanted), None)


class Database:
    """One database: `made_by` is the library that made it if it can be told, `size` in bytes on disk."""

    def __init__(
        self, origin: Origin, found: metadata.Database, folder: _Folder, made_by: str | None, library: Library | None
    ) -> None:
        self._library = library
        self._folder = folder
        self.origin = origin
        self.name = found.name
        self.version = found.version
        self.size = found.size
        self.made_by = made_by
        self.collections = tuple(Collection(self, name, folder) for name in found.stores)

    def __repr__(self) -> str:
        return f"<Database {self.name!r} of {self.origin.name}>"

    def collection(self, name: str) -> Collection:
        """Return a collection by name.  Raises UsageError that names those there are."""
        return _named("collection", name, {one.name: one for one in self.collections})

    def documents(self) -> Iterator[Meaning]:
        """Yield every document as the library that made the database gives it to its user (docs/formats/libraries.md).

        If no library is known, or its rows are its documents, they are those of every collection.  Raises SourceDamaged
        like iterating over a collection; `read_documents` goes on.
        """
        for one in self.read_documents():
            if isinstance(one, Unreadable):
                raise _damaged(self.name, [f"{one.place}: {one.reason}"], "read_documents()")
            yield one
        if problems := self._folder.problems():
            raise _damaged(self.name, problems, "read_documents()")

    def read_documents(self) -> Iterator[Meaning | Unreadable]:
        """Yield every document, and an `Unreadable` for a row that cannot be read or is not of the library's form."""
        if self._library is None or not self._library.decodes:
            for collection in self.collections:
                for one in collection.read():
                    yield one if isinstance(one, Unreadable) else Meaning(collection.name, *one)
            return
        for found in self._library.read(self._rows, frozenset(one.name for one in self.collections)):
            if isinstance(found, BadRow):
                yield Unreadable(self.made_by or "", *found, self.name, self.origin.name)
            else:
                yield found

    def _rows(self, store: str) -> Iterator[Record | BadRow]:
        return next((one.rows() for one in self.collections if one.name == store), iter(()))


class Origin:
    """A web origin with its storage partition, as a page sees it: `https://app.example`, `chrome-extension://<id>`."""

    def __init__(self, name: str, scratch: browser_files.Scratch) -> None:
        self.name = name
        self._databases: list[Database] = []
        self._storage: list[_Folder] = []
        self._files = browser_files.Files(scratch)

    def __repr__(self) -> str:
        return f"<Origin {self.name}>"

    @property
    def databases(self) -> tuple[Database, ...]:
        """Its IndexedDB databases, by name."""
        return tuple(sorted(self._databases, key=lambda one: one.name))

    def database(self, name: str) -> Database:
        """Return a database by name.  Raises UsageError that names those there are."""
        return _named("database", name, {one.name: one for one in self.databases})

    @property
    def files(self) -> tuple[browser_files.File, ...]:
        """Its files in OPFS, and SQLite files that libraries keep in its IndexedDB, by name.  Raises SourceInUse."""
        return self._files.every()

    def sqlite(self, name: str) -> Path:
        """Return a private copy of one of its SQLite files, its journal applied; it goes when the profile is closed.

        `name` is that in `files`, or its last part if no other has it.  Raises UsageError that names those there are,
        SourceDamaged for one that is not whole, and SourceInUse.
        """
        return self._files.sqlite(name)

    @property
    def local_storage(self) -> dict[str, str]:
        """localStorage: name -> text.  Raises SourceDamaged for an item that cannot be read."""
        return {name: value for _, name, value in self._items("localStorage")}

    @property
    def session_storage(self) -> dict[str, dict[str, str]]:
        """sessionStorage: tab -> name -> text."""
        found: dict[str, dict[str, str]] = {}
        for tab, name, value in self._items("sessionStorage"):
            found.setdefault(tab or "", {})[name] = value
        return found

    @property
    def extension_storage(self) -> dict[str, dict[str, Any]]:
        """`chrome.storage` of an extension: area (local, sync) -> name -> JSON value."""
        found: dict[str, dict[str, Any]] = {}
        for area, name, value in self._items("chrome.storage"):
            found.setdefault(area or "", {})[name] = value
        return found

    def _items(self, area: Area) -> Iterator[tuple[str | None, str, Any]]:
        for folder in self._storage:
            if folder.place is None or folder.place.area != area:
                continue
            within = folder.place.name.removeprefix("chrome.storage.") if area == "chrome.storage" else None
            with folder.storage() as storage:
                for one in storage.items():
                    if isinstance(one, BadItem) and _owner(one.origin) in (self.name, _UNKNOWN):
                        raise self._damaged(area, [f"{one.place}: {one.reason}"])
                    if isinstance(one, Item) and _owner(one.origin) == self.name:
                        yield one.tab if within is None else within, one.name, one.value
                if storage.problems:
                    raise self._damaged(area, _lines(storage.problems))

    def _damaged(self, area: Area, where: list[str]) -> SourceDamaged:
        return SourceDamaged(
            f"a part of {area} cannot be read, so it is incomplete",
            where=[f"{self.name}: {line}" for line in where[:20]],
            advice="copy the profile, and keep the copy before the browser runs again",
        )


_UNKNOWN = "unknown"
"""The name of an origin that nothing on disk tells."""


def _owner(named: str) -> str:
    return web_origin.normal(named) or _UNKNOWN


class Profile:
    """A browser profile, or any folder with one in it.  Use it in a `with` statement, or call `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        self._scratch = browser_files.Scratch(self._stack)
        self._folders: list[_Folder] = []
        self._doubts: list[str] = []
        """Why databases may be missing from the list."""
        self._damaged_storage: list[_Folder] = []
        self._seen = Seen()
        self.origins = self._found()

    def __enter__(self) -> Profile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Profile {self.path}>"

    def close(self) -> None:
        """Remove the private copies."""
        self._stack.close()

    def origin(self, name: str) -> Origin:
        """Return an origin by name.  Raises UsageError that names those there are."""
        return _named("origin", web_origin.asked(name), {one.name: one for one in self.origins})

    def problems(self) -> list[str]:
        """Return what could not be read apart from documents, so that something may be missing; reads everything."""
        return [*self._doubts, *(line for folder in self._folders for line in folder.problems())]

    def _found(self) -> tuple[Origin, ...]:
        origins: dict[str, Origin] = {}
        for listing in walk(self.path):
            self._look(listing, origins)
        for folder in self._damaged_storage:  # anybody's items may have been in the damaged piece
            for origin in origins.values():
                origin._storage += [] if folder in origin._storage else [folder]
        return tuple(sorted(origins.values(), key=lambda one: one.name))

    def _look(self, listing: Listing, origins: dict[str, Origin]) -> None:
        """Add what one folder holds to its origins."""
        folder = Path(listing.path)
        if is_opfs(listing):
            listing.folders.clear()
            self._add_files(folder, origins)
        elif detector.is_leveldb(listing):
            listing.folders.clear()
            if detector.is_indexeddb(listing, self._seen):
                self._add("indexeddb", folder, [metadata.leveldb(folder)], origins)
            elif (place := web_storage.place_of(folder)) is not None:
                self._add_storage(folder, place, origins)
        elif ".indexeddb.blob" in listing.name:
            listing.folders.clear()
        else:
            mains = detector.database_files(listing, self._seen)
            if mains:
                listing.folders.clear()
                firefox = detector.is_of_firefox(mains)
                dialect = "indexeddb-firefox" if firefox else "indexeddb-sqlite"
                inside = [metadata.sqlite_file(listing.at(one)) for one in mains]
                self._add(dialect, folder, inside, origins, firefox=firefox)

    def _add(
        self,
        dialect: str,
        path: Path,
        inside: list[metadata.Glance],
        origins: dict[str, Origin],
        *,
        firefox: bool = False,
    ) -> None:
        folder = self._folder("indexeddb", dialect, path)
        self._doubts += [f"{path.name}: {glance.doubt}" for glance in inside if glance.doubt]
        every = [one for glance in inside for one in glance.databases]
        known = registry.makers({one.name: frozenset(one.stores) for one in every})
        for found in every:
            name = web_origin.of_place(path) or detector.origin_of(path, found.origin) or _UNKNOWN
            origin = self._origin(name, origins)
            version = 0 if firefox else found.version
            of_files = is_of(found.name, frozenset(found.stores))
            made_by = of_files or known.get(found.name)
            library = None if made_by else library_of(found.name, version, found.stores)
            name_of_library = made_by or (library.name if library else None)
            origin._databases.append(Database(origin, found, folder, name_of_library, library))
            if of_files:
                origin._files.add_later(folder)

    def _add_storage(self, path: Path, place: Place, origins: dict[str, Origin]) -> None:
        folder = self._folder("web-storage", "web-storage", path, place)
        with Storage(path, place.area, place.owner) as storage:
            names = {_owner(one.origin) for one in storage.items()}
            if storage.problems:
                self._damaged_storage.append(folder)
        for name in sorted(names):
            self._origin(name, origins)._storage.append(folder)

    def _add_files(self, path: Path, origins: dict[str, Origin]) -> None:
        self._doubts += browser_files.doubts(path)
        for one in browser_files.in_opfs(path):
            self._origin(_owner(one.origin or ""), origins)._files.add(one)

    def _origin(self, name: str, origins: dict[str, Origin]) -> Origin:
        return origins.setdefault(name, Origin(name, self._scratch))

    def _folder(self, kind: str, dialect: str, path: Path, place: Place | None = None) -> _Folder:
        there = SourceRef(kind, dialect, path, path.parent, tuple(files_in(path)))
        source = registry.source_of(there)
        found = _Folder(replace(there, files=tuple(source.files(there))), self._stack, place)
        self._folders.append(found)
        return found


def _named(what: str, name: str, there: dict[str, T]) -> T:
    if name not in there:
        raise UsageError(f"{what} not found: {name}", where=[f"available: {', '.join(sorted(there)) or 'none'}"])
    return there[name]


def open_profile(path: Path) -> Profile:
    """Open a profile.  Raises NoSourceFound for a path that is missing, or holds no data of a web page."""
    if path.is_file() and unpacked.is_archive(path):
        path = unpacked.folder_of(path)
    if not path.is_dir():
        raise NoSourceFound("folder not found", where=[str(path)], next_command="pjais detect")
    profile = Profile(path)
    if not profile.origins and not profile.problems():
        profile.close()
        raise NoSourceFound("no browser data found in this folder", where=[str(path)], next_command="pjais detect")
    return profile
