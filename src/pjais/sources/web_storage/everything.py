"""localStorage, sessionStorage and `chrome.storage` of every origin: each item a document.

Database and collection both have the name of the storage (`localStorage`, `chrome.storage.local`); the key is the
item's name, the value its text, of an extension its JSON value.  Items of the browser's own pages are left out, and
those that another kind takes by the prefix of their names (RxDB's).  After an item of localStorage come the documents
that redux-persist or localForage means by it, in collections of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pjais import files, web_origin
from pjais.sources.contract import Collection, Held, Opened, ReadOptions, Source, Stamp, Stay

if TYPE_CHECKING:
    from pjais.core.document import Document, Piece, Remark, Unreadable
    from pjais.core.snapshot import Snapshot
    from pjais.core.source import SourceRef
    from pjais.formats.web_storage import Item, Items, Place, Storage
    from pjais.sources.js_documents import Where


class OpenedWebStorage(Opened):
    """A snapshot of one storage."""

    def __init__(self, place: Place, storage: Storage, taken: tuple[str, ...]) -> None:
        self._place, self._storage, self._taken = place, storage, taken

    @cached_property
    def _origins(self) -> dict[str, Items]:
        found = self._storage.origins(self._taken)
        return {origin: one for origin, one in found.items() if not web_origin.is_browsers(origin)}

    @property
    def collections(self) -> Sequence[Collection]:
        """Return the storage of each origin."""
        name = self._place.name
        return tuple(
            Collection(name, name, web_origin.normal(origin) or None, is_empty=False) for origin in self._origins
        )

    @property
    def sizes(self) -> Mapping[tuple[str | None, str | None], int]:
        """Return the bytes of the names and values of each origin."""
        name = self._place.name
        return {(web_origin.normal(origin) or None, name): one.size for origin, one in self._origins.items()}

    def read(self) -> Iterator[Piece]:
        """Yield all items, by origin and name, each with what a library means by it."""
        return self._read(decoded=True)

    def stored(self) -> Iterator[Piece]:
        """Yield the items alone."""
        return self._read(decoded=False)

    def _read(self, *, decoded: bool) -> Iterator[Piece]:
        from pjais.core.document import Remark, Unreadable
        from pjais.formats.web_storage import LOCAL, BadItem

        several = self._in_several_tabs()
        for one in self._storage.items(self._taken):
            if web_origin.is_browsers(one.origin):
                continue
            where = self._where(one.origin)
            if isinstance(one, BadItem):
                yield where.unreadable(one.place, one.raw, one.reason)
            else:
                key = [one.name, one.tab] if (one.origin, one.name) in several else one.name
                yield where.document(key, one.value, one.place, {})
                if decoded and self._place.area == LOCAL:
                    yield from _meant(one, where)
        for problem in self._storage.problems:
            yield Unreadable("$file", f"{problem.file} byte {problem.offset}", problem.raw, problem.reason)
        for torn in self._storage.torn:
            yield Remark("torn-tail", "$file", f"{torn.file} byte {torn.offset}", torn.reason)

    def _where(self, origin: str) -> Where:
        from pjais.sources.js_documents import Where

        return Where(self._place.name, self._place.name, web_origin.normal(origin) or None)

    def _in_several_tabs(self) -> set[tuple[str, str]]:
        """Return the items (origin, name) of sessionStorage that several tabs have: their keys are [name, tab]."""
        from pjais.formats.web_storage import SESSION, Item

        if self._place.area != SESSION:
            return set()
        names = Counter((one.origin, one.name) for one in self._storage.items() if isinstance(one, Item))
        return {name for name, count in names.items() if count > 1}

    def removable(self, ref: SourceRef) -> Held:
        """Return what may be removed: nothing for now."""
        size = sum(path.stat().st_size for path in ref.files if path.exists())
        names = frozenset({self._place.name})
        return Held(names, stays=(Stay(ref.path, size, "the browser keeps items of every page in these files", names),))


class AnyWebStorage(Source):
    """One LevelDB of web storage; `taken` returns the prefixes of the items that other kinds take."""

    kind = "web-storage"
    dialect = "web-storage"
    of_browser = True
    shares = True

    def __init__(self, taken: Callable[[], tuple[str, ...]]) -> None:
        self._taken = taken

    def files(self, ref: SourceRef) -> list[Path]:
        """Return the current files: a browser creates and removes some while it runs."""
        return files.beside(ref.path)

    def still(self, ref: SourceRef) -> Stamp:
        """Return the names of the files: a LevelDB only appends to its logs and never changes a table."""
        return tuple((str(path),) for path in self.files(ref))

    @contextmanager
    def open(self, snapshot: Snapshot, options: ReadOptions) -> Iterator[Opened]:
        """Open the storage in a snapshot.  Raises SourceDamaged if neither its place nor its content tells which."""
        from pjais.errors import SourceDamaged
        from pjais.formats import web_storage

        place = web_storage.place_of(Path(snapshot.origin), snapshot.path)
        if place is None:
            raise SourceDamaged(
                "what is left of these files does not tell which web storage it is", where=[snapshot.name]
            )
        with web_storage.Storage(snapshot.path, place.area, place.owner) as storage:
            yield OpenedWebStorage(place, storage, self._taken())


def _meant(item: Item, where: Where) -> Iterator[Document | Unreadable | Remark]:
    """Yield the slices of what redux-persist stored, or the value that localForage marked as its own.

    localForage stores JSON without a mark, and that is nobody's for sure: it stays the text that it is.
    """
    from pjais.core.document import Remark
    from pjais.sources.indexeddb.libraries import localforage, redux_persist

    collection = redux_persist.collection(item.name)
    if collection is not None:
        where = where._replace(collection=collection)
        for name, value, reason in redux_persist.slices(item.value):
            if reason is None:
                yield where.document(name, value, item.place, {})
            else:
                yield Remark("not-decoded", collection, item.place, reason)
    elif item.value.startswith(localforage.MARK):
        where = where._replace(collection=f"localforage/{item.name.partition('/')[0]}")
        try:
            value, blobs = localforage.item(item.value)
        except ValueError as error:
            yield Remark("not-decoded", where.collection, item.place, str(error))
        else:
            yield where.document(item.name, value, item.place, blobs)


def sources(taken: Callable[[], tuple[str, ...]]) -> tuple[AnyWebStorage, ...]:
    """Return the kind; `taken` returns the prefixes of the items that other kinds take."""
    return (AnyWebStorage(taken),)
