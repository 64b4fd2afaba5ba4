"""List the databases of an IndexedDB folder or file from its metadata alone: names, object stores, sizes.

Detection must be cheaper than reading.  Of a LevelDB's tables only the index and those few blocks are read that
hold metadata (keys of one database are adjacent, its metadata first); of a SQLite file two small tables.  A LevelDB's
logs are read whole: they hold at most what Chromium keeps in memory, about 4 MB.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from pjais import files, sqlite
from pjais.formats.indexeddb.chromium import ChromiumLevelDB
from pjais.formats.indexeddb.keys import prefix
from pjais.formats.leveldb import log
from pjais.formats.leveldb.codings import Bad, varint
from pjais.formats.leveldb.folder import LevelDB

COMPARATOR = b"idb_cmp1"
"""Comparator of Chromium's IndexedDB; every other LevelDB of a profile is ordered by bytes."""

_SMALL = 1 << 20
"""Below that databases are weighed entry by entry; above, by the blocks that they fill."""
_MANIFEST = re.compile(r"MANIFEST-\d{1,20}")
_CHROMIUM = ("SELECT name, version, '' FROM indexed_db_metadata LIMIT 1", "SELECT name FROM object_stores")
_FIREFOX = ("SELECT name, version, origin FROM database LIMIT 1", "SELECT name FROM object_store")


class Database(NamedTuple):
    """One IndexedDB database: the origin as the browser writes it, its name, version, object stores and size."""

    origin: str
    name: str
    version: int
    stores: tuple[str, ...]
    size: int


class Glance(NamedTuple):
    """The content of a folder or file.  `doubt` says why it may be incomplete; "" if it is complete."""

    databases: tuple[Database, ...]
    doubt: str = ""


def leveldb(folder: Path) -> Glance:
    """The databases in the LevelDB of an origin."""
    sizes: Counter[int] = Counter()

    def near(before: bytes, last: bytes, size: int) -> bool:
        if last[0:1] == b"\0" and before[:4] == last[:4] and len(last) > 3:  # nearly all blocks are of one store
            sizes[last[1]] += size
            return not last[2]
        try:
            begin, end = prefix(before) if before else None, prefix(last)
        except Bad:
            return True
        sizes[end.database] += size
        if begin is None or not begin.store or not end.store:
            return True
        return begin.database != end.database

    with LevelDB(folder, _is_metadata, near) as raw:
        profile = ChromiumLevelDB(folder, None, raw)
        named = profile.databases()
        doubt = next((one.reason for one in profile.problems if one.reason != log.TORN), "")
    blobs = folder.with_name(folder.name.replace(".indexeddb.leveldb", ".indexeddb.blob"))
    values = {number: _weight(blobs / f"{number:x}") if blobs != folder else 0 for number in named}
    if len(named) == 1:
        sizes = Counter({next(iter(named)): _weight(folder)})
    elif named and _weight(folder) < _SMALL:
        sizes = _exactly(folder)
    elif named:
        sizes += _in_logs(folder)
    found = [Database(*one, sizes[number] + values[number]) for number, one in named.items()]
    return Glance(tuple(sorted(found)), doubt)


def comparator(folder: Path) -> bytes | None:
    """Return the name of a LevelDB's comparator from the beginning of its MANIFEST; None if it is missing."""
    try:
        for path in sorted(folder.iterdir(), reverse=True):
            if _MANIFEST.fullmatch(path.name):
                with path.open("rb") as file:
                    head = file.read(log.BLOCK)
                for record in log.records(head):
                    if isinstance(record, log.Record):
                        edit = record.payload(head)
                        length, at = varint(edit, 1)
                        return edit[at : at + length] if edit[:1] == b"\x01" else None
    except (OSError, Bad):
        return None
    return None


def sqlite_file(path: Path) -> Glance:
    """The one database in a SQLite file of Chromium's or Firefox's; none where it is no such file.

    A database is never renamed, so the file alone suffices; if all of it is still in the WAL, a copy is recovered.
    """
    try:
        found = _described(path)
        if found is None and sqlite.needs_recovery(path):
            with sqlite.whole(path) as there:
                found = _described(there)
    except (sqlite.Error, OSError, UnicodeError) as error:
        return Glance((), f"SQLite cannot read it: {error}")
    if found is None:
        return Glance((), "it is not a SQLite file of IndexedDB")
    large = path.with_name(f"{path.stem}.files")
    size = sum(one.stat().st_size for one in _with_sides(path)) + (_weight(large) if large != path else 0)
    return Glance((found._replace(size=size),))


def _described(path: Path) -> Database | None:
    with closing(sqlite.open_frozen(path)) as db:
        for about, stores in (_CHROMIUM, _FIREFOX):
            try:
                first = sqlite.first(db, about)
                names = tuple(sorted(_text(one) for (one,) in sqlite.fetch(db, stores)))
            except sqlite.SqlError:
                continue
            if first is not None:
                version = first[1] if isinstance(first[1], int) else 0
                return Database(str(first[2]), _text(first[0]), version, names, 0)
    return None


def _text(value: Any) -> str:
    """A name: UTF-16, little-endian, of any code units; text in Firefox."""
    if not isinstance(value, bytes):
        return str(value)
    return value.decode("utf-16-le", "surrogatepass" if len(value) % 2 == 0 else "replace")


def _is_metadata(key: bytes) -> bool:
    if key[:1] == b"\x00" and len(key) > 3:
        return not key[2]
    try:
        return not prefix(key).store
    except Bad:
        return False


def _exactly(folder: Path) -> Counter[int]:
    """Return how many bytes of live entries each database has."""
    sizes: Counter[int] = Counter()
    with LevelDB(folder) as raw:
        for key, value, _ in raw.entries():
            sizes[_database(key)] += len(key) + len(value)
    return sizes


def _in_logs(folder: Path) -> Counter[int]:
    """Return how many bytes of each database are in the logs."""
    sizes: Counter[int] = Counter()
    for path in folder.glob("*.log"):
        if path.stem.isdigit() and path.is_file():
            data = path.read_bytes()
            for record in log.records(data):
                if isinstance(record, log.Record):
                    for change in log.batch(record.payload(data))[0]:
                        sizes[_database(change.key)] += len(change.key) + max(change.end - change.start, 0)
    return sizes


def _database(key: bytes) -> int:
    try:
        return prefix(key).database
    except Bad:
        return 0


def _with_sides(path: Path) -> Iterator[Path]:
    return (one for suffix in ("", *sqlite.SIDE_FILES) if files.is_plain_file(one := Path(f"{path}{suffix}")))


def _weight(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) if folder.is_dir() else 0
