"""Detect IndexedDB in the folders of a browser profile, and share its databases out among the kinds.

A kind recognises its databases by their names and object stores, which are read from the metadata; the kind `indexeddb`
is asked last and takes what is left.  The readers are imported on demand: most searches find no profile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pjais import canonical, files
from pjais.core.source import Passed, SourceRef
from pjais.sources.contract import Databases, Layout, Search
from pjais.sources.seen import Seen, stamp
from pjais.sources.walk import Listing

if TYPE_CHECKING:
    from pjais.formats.indexeddb import metadata

_TABLES = (".ldb", ".sst", ".log")
_TABLE = re.compile(r"\d{3,}\.(ldb|sst|log)")
_SQLITE = (".sqlite",)
_HASHED = 52
_HEAD = 1 << 16
_HASHED_NAME = re.compile(r"[A-Z2-7]{52}")
_MANY = 500
"""No origin has so many databases."""


def is_leveldb(listing: Listing) -> bool:
    """Return whether a folder is a LevelDB, complete or not."""
    if listing.has("CURRENT") or listing.name.endswith(".indexeddb.leveldb"):
        return True
    return any(_TABLE.fullmatch(name) for name in listing.ending(_TABLES))


def is_indexeddb(listing: Listing, seen: Seen) -> bool:
    """Return whether a LevelDB folder holds an IndexedDB: by its name, its key order, or its content."""
    if ".indexeddb.leveldb" in listing.name:
        return True
    from pjais.formats import web_storage

    folder = Path(listing.path)
    if web_storage.area_of(folder):
        return False

    def judge() -> bool:
        metadata = _metadata()
        ordered = metadata.comparator(folder)
        return bool(metadata.leveldb(folder).databases) if ordered is None else ordered == metadata.COMPARATOR

    its = stamp(listing.at(name) for name in sorted(listing.files))
    return bool(seen.verdict(f"{folder} order", its, judge))


class Detector:
    """Shares the databases of a folder out among the kinds, and names what cannot be read."""

    def look(self, folder: Listing, search: Search) -> Iterator[SourceRef | Passed] | None:
        """Return the databases in a folder where IndexedDB is, whatever it is called."""
        if is_leveldb(folder) and is_indexeddb(folder, search.seen):
            folder.folders.clear()
            return _set_aside(folder, search, in_leveldb(Path(folder.path), search))
        if ".indexeddb.blob" in folder.name:  # the large values of the LevelDB beside it
            folder.folders.clear()
            return iter(())
        found = list(_in_files(folder, search))
        if found:
            folder.folders.clear()
        left = list(_set_aside(folder, search, iter(found)))
        return iter(left) if left else None


def in_leveldb(folder: Path, search: Search) -> Iterator[SourceRef | Passed]:
    """Yield the sources that kinds make of the databases in an origin's LevelDB."""
    its = tuple(files.beside(folder))
    here = [one for one in its if one.parent == folder]
    inside, doubt = _asked(search.seen, folder, here, lambda: _metadata().leveldb(folder))
    taken = set[str]()
    for ref, names in _taken(folder, lambda: its, _shared("leveldb", inside, (folder,) if doubt else ()), search):
        taken |= names
        yield ref
    if doubt and not taken:
        yield Passed(folder, f"an IndexedDB that cannot be read whole: {doubt}", files.size_of(its), "indexeddb")
    elif not inside and not taken:
        yield Passed(folder, "an IndexedDB in which no database is left", files.size_of(its), "indexeddb")


def _shared(layout: Layout, inside: list[Any], doubtful: tuple[Path, ...]) -> Databases:
    return Databases(layout, {str(name): frozenset(stores) for _, name, _, stores, _ in inside}, doubtful)


def _taken(
    folder: Path, its: Callable[[], tuple[Path, ...]], there: Databases, search: Search
) -> Iterator[tuple[SourceRef, frozenset[str]]]:
    """Yield the sources that kinds make of a folder, each with the names that it takes: the first one has them."""
    for source in search.sources:
        names = source.in_indexeddb(there)
        if names is not None:
            yield SourceRef(source.kind, source.dialect, folder, search.root, its()), names
            there = there.without(names)


def _set_aside(folder: Listing, search: Search, found: Iterator[SourceRef | Passed]) -> Iterator[SourceRef | Passed]:
    """Set sources aside that lie where no browser keeps them; yield everything else."""
    for one in found:
        if isinstance(one, SourceRef) and not _is_in_place(folder):
            search.aside.append(one)
        else:
            yield one


def _in_files(listing: Listing, search: Search) -> Iterator[SourceRef | Passed]:
    """Yield databases that a browser keeps in one SQLite file each: a source is the whole folder."""
    mains = database_files(listing, search.seen, search.target)
    if mains:
        yield from _each(Path(listing.path), mains, is_of_firefox(mains), search)


def database_files(listing: Listing, seen: Seen, target: Path | None = None) -> list[str]:
    """Return the names of the SQLite files in a folder that hold a database each.

    The target is never opened here: to close a file handle of our own drops the locks of this process on it.
    """
    mains = sorted(name for name in listing.ending(_SQLITE) if listing.at(name) != target)
    if _HASHED in map(len, listing.files):
        mains += sorted(filter(_HASHED_NAME.fullmatch, listing.files))
    if not mains or len(mains) > _MANY:
        return []
    if is_of_firefox(mains) and listing.name != "idb":
        return [name for name in mains if not name.endswith(".sqlite") or _is_firefox(listing.at(name), seen)]
    return mains


def is_of_firefox(mains: list[str]) -> bool:
    """Return whether such files are Firefox's; else they are Chromium's."""
    return mains[0].endswith(".sqlite")


def _each(folder: Path, mains: list[str], firefox: bool, search: Search) -> Iterator[SourceRef | Passed]:
    """Yield the databases of a folder, each in a SQLite file of its own."""
    told = []
    for name in mains:
        path = folder / name
        of = [path, *(one for suffix in ("-wal", "-journal") if (one := Path(f"{path}{suffix}")).is_file())]
        told.append((path, *_asked(search.seen, path, of, lambda path=path: _metadata().sqlite_file(path))))  # type: ignore[misc]
    every = [one for _, inside, _ in told for one in inside]
    there = _shared("firefox" if firefox else "sqlite", every, tuple(path for path, _, doubt in told if doubt))
    taken = set[str]()
    for ref, names in _taken(folder, lambda: _all_files(folder, deep=firefox), there, search):
        taken |= names
        yield ref
    for path, _, doubt in told:
        if doubt and str(path) not in taken:
            yield Passed(path, f"it is where IndexedDB keeps its data, but {doubt}", files.size_of([path]), "indexeddb")


def _all_files(folder: Path, *, deep: bool) -> tuple[Path, ...]:
    return tuple(sorted(one for one in (folder.rglob("*") if deep else folder.iterdir()) if one.is_file()))


def _is_firefox(path: Path, seen: Seen) -> bool:
    """Return whether a SQLite file has the tables of Firefox's IndexedDB, whatever its folder is called."""

    def judge() -> bool:
        try:
            with path.open("rb") as file:
                return b"CREATE TABLE object_data" in file.read(_HEAD)
        except OSError:
            return False

    return bool(seen.verdict(f"{path} tables", stamp([path]), judge))


def _metadata() -> ModuleType:
    from pjais.formats.indexeddb import metadata  # loaded on demand: what has not changed is not read again

    return metadata


def _asked(seen: Seen, path: Path, of: list[Path], look: Callable[[], metadata.Glance]) -> tuple[list[Any], str]:
    """Return the databases of a folder or file and any doubt about them; read only if it changed."""

    def judge() -> list[Any]:
        found = look()
        return [[_printable(one) for one in found.databases], found.doubt]

    inside, doubt = seen.verdict(str(path), stamp(of), judge)
    return inside, doubt


def _printable(one: metadata.Database) -> list[Any]:
    """Return a database with names that can be printed: half of a surrogate pair is replaced."""
    plain = canonical.replace_surrogates
    return [plain(one.origin), plain(one.name), one.version, [plain(name) for name in one.stores], one.size]


def origin_of(folder: Path, told: str = "") -> str | None:
    """Return an origin as people write it: as the database says, else from its folder's name."""
    from pjais import web_origin

    name = told.split("@")[0] or folder.name.split(".indexeddb.")[0]
    return web_origin.named(name) or told or None


def _is_in_place(one: Listing) -> bool:
    """Return whether a folder is where a browser keeps IndexedDB, relative to the searched location."""
    parents, suffix = one.parts[:-1], one.name.endswith(".indexeddb.leveldb")
    if one.name == "idb":
        return not parents or (parents[-3:-1] == ("storage", "default") and len(parents) < 5)
    if parents[-1:] == ("IndexedDB",) and parents[-3:-2] == ("WebStorage",) and parents[-2].isdigit():
        return len(parents) < 5  # of a partitioned frame, or a storage bucket
    if not (suffix or _is_hashed(one)):
        return not one.parts
    if not parents:
        return True
    return parents[-1] == "IndexedDB" and (len(parents) < 3 or (parents[0] == "Partitions" and len(parents) == 3))


def _is_hashed(one: Listing) -> bool:
    """Return whether a folder belongs to Chromium's SQLite backend and is named after its origin alone."""
    return any(len(name) == 52 for name in one.files) and one.name.count("_") > 1
