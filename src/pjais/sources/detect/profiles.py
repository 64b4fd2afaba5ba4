"""Detect IndexedDB in the folders of a browser profile: RxDB as sources, all other databases by name.

RxDB is recognised by its internal store and its naming of databases, read from the metadata; a database that only
has such a name is another app's, and is reported with its size and maker.  The readers are imported on demand: most
searches find no profile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pjais import files
from pjais.core.source import Passed, SourceRef
from pjais.sources.detect.cache import Seen, stamp
from pjais.sources.detect.makers import maker
from pjais.sources.detect.walk import Listing

if TYPE_CHECKING:
    from pjais.formats.indexeddb import metadata

OTHER = "not RxDB's: pjais does not read it yet"

_TABLES = (".ldb", ".sst", ".log")
_TABLE = re.compile(r"\d{3,}\.(ldb|sst|log)")
_SQLITE = (".sqlite",)
_HASHED = 52
_HEAD = 1 << 16
_HASHED_NAME = re.compile(r"[A-Z2-7]{52}")
_MANY = 500
"""No origin has so many databases."""
_RXDB_MARKS = ("rxdb-dexie-".encode("utf-16-be"), b"storageToken", b"instanceToken", b"rxdbVersion", b'"\x03lwt')
"""Traces of RxDB in a LevelDB, used only if the metadata cannot be read: compression may split any one of them."""
_RXDB = ("rxdb-dexie-".encode("utf-16-le"), b"rxdb-dexie-")


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
    from pjais.formats.indexeddb import metadata

    folder = Path(listing.path)
    if web_storage.area_of(folder):
        return False

    def judge() -> bool:
        ordered = metadata.comparator(folder)
        return bool(metadata.leveldb(folder).databases) if ordered is None else ordered == metadata.COMPARATOR

    its = stamp(listing.at(name) for name in sorted(listing.files))
    return bool(seen.verdict(f"{folder} order", its, judge))


def leveldb(folder: Path, root: Path, seen: Seen) -> Iterator[SourceRef | Passed]:
    """Yield the databases in an origin's LevelDB: RxDB as a source, every other one by its name."""
    from pjais.formats.indexeddb import metadata
    from pjais.sources.rxdb.catalog import made_by_rxdb

    its = tuple(files.beside(folder))
    inside, doubt = _asked(seen, folder, [one for one in its if one.parent == folder], lambda: metadata.leveldb(folder))
    ours = made_by_rxdb({str(name): stores for _, name, _, stores, _ in inside})
    tables = [one for one in its if one.suffix in _TABLES]
    if ours or (doubt and any(mark in one.read_bytes() for one in tables for mark in _RXDB_MARKS)):
        yield SourceRef("rxdb-profile", "rxdb-profile", folder, root, its)
    elif doubt:
        yield Passed(folder, f"an IndexedDB that cannot be read whole: {doubt}", weight(its), "indexeddb")
    elif not inside and weight(tables):
        yield Passed(folder, "an IndexedDB in which no database is left", weight(its), "indexeddb")
    for origin, name, version, stores, size in inside:
        if name not in ours:
            made_by = maker(name, version, stores)
            yield Passed(folder, OTHER, size, "indexeddb", made_by, _origin(folder, origin), name, tuple(stores))


def in_files(listing: Listing, root: Path, seen: Seen, target: Path | None = None) -> Iterator[SourceRef | Passed]:
    """Yield databases that a browser keeps in one SQLite file each: one source for the folder if RxDB is in it."""
    mains = sorted(listing.ending(_SQLITE))
    if _HASHED in map(len, listing.files):
        mains += sorted(filter(_HASHED_NAME.fullmatch, listing.files))
    if not mains or len(mains) > _MANY:
        return
    folder, firefox = Path(listing.path), mains[0].endswith(".sqlite")
    mains = [name for name in mains if listing.at(name) != target]
    if firefox and listing.name != "idb":
        mains = [name for name in mains if not name.endswith(".sqlite") or _is_firefox(listing.at(name), seen)]
    if mains:
        yield from _each(folder, mains, firefox, root, seen)


def _each(folder: Path, mains: list[str], firefox: bool, root: Path, seen: Seen) -> Iterator[SourceRef | Passed]:
    """Yield the databases of a folder, each in a SQLite file of its own."""
    from pjais.formats.indexeddb import metadata
    from pjais.sources.rxdb.catalog import made_by_rxdb

    told = []
    for name in mains:
        path = folder / name
        of = [path, *(one for suffix in ("-wal", "-journal") if (one := Path(f"{path}{suffix}")).is_file())]
        inside, doubt = _asked(seen, path, of, lambda path=path: metadata.sqlite_file(path))  # type: ignore[misc]
        told.append((path, inside, doubt, bool(doubt) and _mentions_rxdb(path)))
    ours = made_by_rxdb({str(one[1]): one[3] for _, inside, _, _ in told for one in inside})
    if ours or any(mentioned for *_, mentioned in told):
        found = folder.rglob("*") if firefox else folder.iterdir()
        there = tuple(sorted(one for one in found if one.is_file()))
        dialect = "rxdb-profile-firefox" if firefox else "rxdb-profile-sqlite"
        yield SourceRef("rxdb-profile", dialect, folder, root, there)
    for path, inside, doubt, mentioned in told:
        if doubt and not mentioned:
            yield Passed(path, f"it lies where IndexedDB does, but {doubt}", weight([path]), "indexeddb")
        for origin, name, version, stores, size in inside:
            if name not in ours:
                made_by = maker(name, 0 if firefox else version, stores)
                yield Passed(path, OTHER, size, "indexeddb", made_by, origin or _origin(folder), name, tuple(stores))


def _is_firefox(path: Path, seen: Seen) -> bool:
    """Return whether a SQLite file has the tables of Firefox's IndexedDB, whatever its folder is called."""

    def judge() -> bool:
        try:
            with path.open("rb") as file:
                return b"CREATE TABLE object_data" in file.read(_HEAD)
        except OSError:
            return False

    return bool(seen.verdict(f"{path} tables", stamp([path]), judge))


def weight(paths: Any) -> int:
    """Return the total size of some files in bytes."""
    return sum(path.stat().st_size for path in paths if path.is_file())


def _asked(seen: Seen, path: Path, of: list[Path], look: Callable[[], metadata.Glance]) -> tuple[list[Any], str]:
    """Return the databases of a folder or file and any doubt about them; read only if it changed."""

    def judge() -> list[Any]:
        found = look()
        return [[list(one) for one in found.databases], found.doubt]

    inside, doubt = seen.verdict(str(path), stamp(of), judge)
    return inside, doubt


def _origin(folder: Path, told: str = "") -> str | None:
    """Return an origin as people write it: as the database says, else from its folder's name."""
    from pjais import web_origin

    name = told.split("@")[0] or folder.name.split(".indexeddb.")[0]
    return web_origin.named(name) or told or None


def _mentions_rxdb(path: Path) -> bool:
    """Return whether an unreadable SQLite file, or its WAL, names an RxDB database."""
    for one in (path, path.with_name(f"{path.name}-wal")):
        if one.is_file() and any(name in one.read_bytes() for name in _RXDB):
            return True
    return False
