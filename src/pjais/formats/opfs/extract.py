"""Extract the SQLite files that LiveStore keeps in the origin-private file system of a Chromium profile.

The browser does not expose these files: it stores them under numbers, and LiveStore keeps a pool of them under random
names, each a header of 4096 bytes (wa-sqlite's AccessHandlePoolVFS) before the bytes of SQLite.  Both are resolved
from the files alone: browser closed, no JavaScript, nothing written except by `write_out`.

Guarantee: what LiveStore would open is returned as Carved; everything else in a pool that holds bytes is returned as
Spoiled, with the reason, even if LiveStore would drop it silently; nothing raises for bad data.  Silently left out are
only unused slots, scratch files of SQLite, and files outside the pools, which belong to other programs (`listing`).

    Paths     tells the directory (so the store's id and format).  Where it is missing or damaged, a file that it
              does not name is of the group "<storage>/?": its pool is unknown.  Where it is valid, such a file
              was removed as far as the browser knows, so it is Spoiled: data are not raised from the dead.
    one path, two files     Which one LiveStore would take is left to chance, so none is taken: all are Spoiled, and
              their journals too, since a journal must not be played back into another file.

Names come from the profile: they are not to be trusted as places to write to.
"""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pjais import files
from pjais.errors import SourceDamaged
from pjais.formats.opfs import path_index
from pjais.formats.opfs.path_index import DATA
from pjais.formats.opfs.pool import (
    HEAD,
    HEADER,
    MAGIC,
    SAHPOOL,
    WA_SQLITE,
    PoolFile,
    cut_off,
    digest,
    header_fault,
    is_hot,
    payload_fault,
)

__all__ = [
    "BOOKS",
    "HEADER",
    "SIDES",
    "Carved",
    "PoolStore",
    "Spoiled",
    "Storage",
    "carve",
    "digest",
    "sets",
    "storages",
    "write_database",
    "write_out",
]

SIDES = ("-journal", "-wal")
"""Files of a pool that may be needed to complete `/x.db`."""

BOOKS = "Origins"
"""The group of problems of the browser's own path index, which belongs to no pool."""

_CHUNK = 1 << 20
_LIVESTORE = re.compile(r"(?:.*/)?livestore-[^/]+@\d+", re.DOTALL)
_OPAQUE = re.compile(r".*/\.opaque", re.DOTALL)
"""Directories in which sqlite-wasm keeps its pools."""
_STORE = re.compile(r"(?:livestore-)?(.*?)(?:@(\d{1,9}))?", re.DOTALL)


class Carved(NamedTuple):
    """A SQLite file (or a side file of one) that is as LiveStore left it.

    `origin`: "http://localhost:41739"; the browser's own "x_y_0" where that cannot be undone safely; None if unknown.
    `directory`: OPFS directory of the pool, "livestore-pjais@6"; None if unknown.  `group`: the pool's own key,
    "<origin folder>/<type>/<directory id>", the last "?" if it cannot be told which pool.
    `name`: "/eventlog.db", or "archive/<ms>-state<hash>.db" if `archived`, a copy that LiveStore made of an old state.
    `flags`: SQLite's open flags.  The payload is `size` bytes of `file` from `offset` on; 0 is an empty database.
    """

    origin: str | None
    directory: str | None
    group: str
    name: str
    file: Path
    flags: int
    offset: int
    size: int
    archived: bool


class Spoiled(NamedTuple):
    """An invalid file of a pool (or of the browser's own path index), and why.

    As in Carved, but `name` and `flags` are only what the header claims.  `readable`: the payload begins as a SQLite
    file does, so that a reader may choose to look at it.
    """

    origin: str | None
    directory: str | None
    group: str
    name: str | None
    file: Path
    flags: int
    offset: int
    size: int
    readable: bool
    reason: str

    def raw(self, limit: int = _CHUNK) -> bytes:
        """The first bytes of the file; nothing where there is no file, or a folder."""
        try:
            with self.file.open("rb") as opened:
                return opened.read(limit)
        except OSError:
            return b""


class PoolStore(NamedTuple):
    """The files of one pool by name, including its archive, and its problems.

    `store_id` and `format` are those of "livestore-<storeId>@<format>"; a directory that the app chose itself gives its
    name, and None where it ends in no "@<format>".  Both are None where the directory is unknown.
    """

    origin: str | None
    directory: str | None
    group: str
    store_id: str | None
    format: int | None
    files: dict[str, Carved]
    spoiled: tuple[Spoiled, ...]

    def sides(self, name: str) -> dict[str, Carved]:
        """Return the side files of a database of this pool, by suffix: {"-journal": ...} after a crash."""
        return {side: self.files[name + side] for side in SIDES if name + side in self.files}


def carve(root: Path) -> list[Carved | Spoiled]:
    """Everything in a profile's "File System" folder (or in a `WebStorage/<bucket>/FileSystem`), ordered by place."""
    there, unread = storages(root)
    origins, problems = path_index.origins(root / "Origins")
    found: list[Carved | Spoiled] = []
    for label, number, folder in there:
        found += Storage(label, origins.get(number) if number else None, folder).pieces()
    if found and any(number for _, number, _ in there):  # a bucket's folder has no Origins of its own
        unread += problems
    return [*(_book(None, None, BOOKS, *one) for one in unread), *found]


def sets(found: Iterable[Carved | Spoiled]) -> list[PoolStore]:
    """The pools, so that each database stands beside its journal (`PoolStore.sides`) for SQLite to roll back.

    Problems of the browser's own path index come as a PoolStore without files, of the group "<storage>" or BOOKS.
    The folder is one: call it for each "File System" folder by itself.
    """
    stores: dict[str, PoolStore] = {}
    for one in found:
        if one.group not in stores:
            store_id, number = _store(one.directory)
            stores[one.group] = PoolStore(one.origin, one.directory, one.group, store_id, number, {}, ())
        store = stores[one.group]
        if isinstance(one, Carved):
            store.files[one.name] = one
        else:
            stores[one.group] = store._replace(spoiled=(*store.spoiled, one))
    return [stores[group] for group in sorted(stores)]


def write_out(carved: Carved | Spoiled, destination: Path) -> Path:
    """Write a payload as a plain private file, as SQLite would have made it.  Raises SourceDamaged if it shrinks."""
    return write_chunks(chunks(carved.file, carved.offset, carved.size), destination)


def chunks(file: Path, offset: int, size: int) -> Iterator[bytes]:
    """Yield `size` bytes of a file from `offset` on.  Raises SourceDamaged if it became shorter."""
    with file.open("rb") as source:
        source.seek(offset)
        while size and (chunk := source.read(min(_CHUNK, size))):
            yield chunk
            size -= len(chunk)
    if size:
        raise SourceDamaged("a file of the profile became shorter while it was read", where=[str(file)])


def write_chunks(content: Iterator[bytes], destination: Path) -> Path:
    """Write a plain private file."""
    with files.writing(destination) as out:
        for chunk in content:
            out.write(chunk)
    return destination


def write_database(store: PoolStore, name: str, destination: Path) -> Path:
    """Write a database of a pool with its journal beside it: SQLite rolls back when that copy is opened for writing."""
    for side, carved in store.sides(name).items():
        write_out(carved, destination.with_name(destination.name + side))
    return write_out(store.files[name], destination)


def _store(directory: str | None) -> tuple[str | None, int | None]:
    match = _STORE.fullmatch(directory.rsplit("/", 1)[-1]) if directory is not None else None
    return (match[1], int(match[2]) if match[2] else None) if match else (None, None)


# -- locations


def storages(root: Path) -> tuple[list[tuple[str, str | None, Path]], list[path_index.Problem]]:
    """The storages (label, number of the origin's folder, folder), and what cannot be read.

    Of an origin's, `t` holds the default bucket, where OPFS is; `p` and `s` are for older interfaces.
    """
    found: list[tuple[str, str | None, Path]] = []
    problems: list[path_index.Problem] = []
    for outer in _folders(root, problems):
        if _is_storage(outer, problems):
            found.append((outer.name, None, outer))
            continue
        for inner in _folders(outer, problems):
            if _is_storage(inner, problems):
                found.append((f"{outer.name}/{inner.name}", outer.name, inner))
    return found, problems


def _is_storage(folder: Path, problems: list[path_index.Problem]) -> bool:
    inner = _folders(folder, problems)
    return any(one.name == "Paths" for one in inner) or any(
        DATA.fullmatch(f"{one.name}/{file.name}")
        for one in inner
        if len(one.name) == 2
        for file in _listed(one, problems)
    )


def _folders(folder: Path, problems: list[path_index.Problem]) -> list[Path]:
    """The folders in a folder; links are not followed, as Chromium does not."""
    return [one for one in _listed(folder, problems) if one.is_dir() and not one.is_symlink()]


def _listed(folder: Path, problems: list[path_index.Problem]) -> list[Path]:
    """Return the entries of a folder, in order."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        problems.append(path_index.Problem(folder, f"the folder cannot be read: {error.strerror}"))
        return []


def _book(origin: str | None, directory: str | None, group: str, file: Path, reason: str) -> Spoiled:
    """Something that has no bytes to look at."""
    return Spoiled(origin, directory, group, None, file, 0, 0, 0, False, reason)


# -- what a file is


class Storage:
    """One origin's files of one kind."""

    def __init__(self, label: str, origin: str | None, folder: Path) -> None:
        self.label, self.origin, self.folder = label, origin, folder
        self.paths = path_index.Paths(folder / "Paths")
        self.lost = bool(self.paths.problems)  # then a file may have a place that is not known any more
        self.unread: list[Spoiled] = []
        self.data = list(self._data())
        self.makers = _makers(self.data, self.paths)
        self.pools = {one.pool for one in self.data if not one.archive and one.is_pools() and not self.maker(one)}
        for number, info in self.paths.infos.items():
            if not info.data and _LIVESTORE.fullmatch(self.paths.directory(number) or ""):
                self.pools.add(number)

    def pieces(self) -> list[Carved | Spoiled]:
        """All that belongs to pools; nothing where there are none."""
        if not self.pools:
            return []
        mine = [one for one in self.data if self.belongs(one)]
        hot = {(one.pool, one.path.removesuffix(b"-journal")) for one in mine if is_hot(one)}
        judged = [(one, self._judge(one, (one.pool, one.path) in hot)) for one in mine]
        pieces: list[Carved | Spoiled] = [*_without_rivals(judged), *self.unread, *self._missing()]
        books = [_book(self.origin, None, self.label, *problem) for problem in self.paths.problems]
        pieces.sort(key=_order)
        return [*books, *pieces]

    def maker(self, one: PoolFile) -> str | None:
        """The library whose pool a file belongs to; None for LiveStore's, and for no pool."""
        if one.pool != "?":
            return self.makers.get(one.pool)
        return SAHPOOL if one.of_sqlite_wasm else WA_SQLITE if _is_others(one) else None

    def belongs(self, one: PoolFile) -> bool:
        """Return whether a file must be reported.  One without a path: if its content or a lost index suggests it."""
        if self.maker(one):
            return False
        return self.lost or one.is_pools() if one.pool == "?" else one.pool in self.pools

    def _data(self) -> Iterator[PoolFile]:
        """The data files: of each only the head is read."""
        problems: list[path_index.Problem] = []
        for place in _folders(self.folder, problems):
            for file in _listed(place, problems):
                if DATA.fullmatch(f"{place.name}/{file.name}"):
                    pool, directory, name, archive = self._place(f"{place.name}/{file.name}")
                    try:
                        size, head = _head(file)
                        yield PoolFile(file, size, head, pool, directory, name, archive)
                    except OSError as error:
                        reason = f"it cannot be read: {error.strerror}"
                        self.unread.append(_book(self.origin, directory, self._group(pool), file, reason))
        self.unread += [_book(self.origin, None, self.label, *problem) for problem in problems]

    def _place(self, key: str) -> tuple[str, str | None, str, bool]:
        """Pool, its directory, the name in there, and whether that is in the pool's archive."""
        info = self.paths.by_data.get(key)
        if info is None:
            return "?", None, "", False
        above = self.paths.infos.get(info.parent)
        if above is not None and above.name == "archive" and info.parent != "0":
            return above.parent, self.paths.directory(above.parent), f"archive/{info.name}", True
        return info.parent, self.paths.directory(info.parent), info.name, False

    def _group(self, pool: str) -> str:
        return f"{self.label}/{pool}"

    def _missing(self) -> Iterator[Spoiled]:
        """Yield what Paths names in a pool, but is not there."""
        there = {one.file for one in self.data} | {one.file for one in self.unread}
        for data in self.paths.by_data:
            pool, directory, name, _ = self._place(data)
            if pool in self.pools and DATA.fullmatch(data) and self.folder / data not in there:
                reason = f"Paths names this file ({name}), but it is not there"
                yield _book(self.origin, directory, self._group(pool), self.folder / data, reason)

    def _judge(self, one: PoolFile, hot: bool) -> Carved | Spoiled | None:
        """Classify a pool's file; None for an empty slot."""
        if one.archive:
            return self._archived(one)
        if one.is_empty() or one.is_scratch():
            return None
        reason = header_fault(one) or payload_fault(one, hot) or self.removed(one)
        if reason:
            return self._spoiled(one, one.claimed_name(), reason)
        name, size = one.path.decode(), one.size - HEADER
        return Carved(self.origin, one.directory, self._group(one.pool), name, one.file, one.flags, HEADER, size, False)

    def _archived(self, one: PoolFile) -> Carved | Spoiled:
        """A plain SQLite file in the archive of a pool."""
        reason = "" if one.head.startswith(MAGIC) else "it is in the archive, but is no SQLite file"
        if one.opfs_name.endswith(".crswap"):  # where createWritable() writes to until it is closed
            reason = "a copy for the archive that the browser did not finish"
        reason = reason or cut_off(one.head, one.size) or self.removed(one)
        if reason:
            return self._spoiled(one, one.opfs_name, reason)
        group = self._group(one.pool)
        return Carved(self.origin, one.directory, group, one.opfs_name, one.file, 0, 0, one.size, True)

    def removed(self, one: PoolFile) -> str:
        """Return why a valid file is not live: according to the browser it was removed."""
        if one.directory is not None or self.lost:
            return ""
        return "Paths does not name it any more: it was removed, or the browser's index was reset"

    def _spoiled(self, one: PoolFile, name: str | None, reason: str) -> Spoiled:
        """A file of a pool that cannot be taken as it is."""
        plain = one.archive or one.head.startswith(MAGIC)
        offset, flags = (0, 0) if plain else (HEADER, one.flags)
        readable, size = one.head[offset:].startswith(MAGIC), max(one.size - offset, 0)
        group = self._group(one.pool)
        return Spoiled(self.origin, one.directory, group, name, one.file, flags, offset, size, readable, reason)


def _is_others(one: PoolFile) -> bool:
    """Return whether a valid header names a persistent file with a name that LiveStore does not use."""
    return one.sound and bool(one.path) and not one.is_dropped() and not one.of_livestore


def _claims_to_be_others(one: PoolFile) -> bool:
    """Return whether a damaged header before a database still names it, with a name that LiveStore does not use."""
    named = one.claimed_name() or ""
    return not one.sound and named.startswith("/") and one.payload.startswith(MAGIC) and not one.of_livestore


def _makers(data: Iterable[PoolFile], paths: path_index.Paths) -> dict[str, str]:
    """The pools that other libraries than LiveStore made, by the digests and the paths of their headers."""
    pools: dict[str, list[PoolFile]] = {}
    for one in data:
        if not one.archive and one.pool != "?":
            pools.setdefault(one.pool, []).append(one)
    found = {}
    for pool, its in pools.items():
        if _LIVESTORE.fullmatch(paths.directory(pool) or "") or any(one.sound and one.of_livestore for one in its):
            continue
        if any(one.of_sqlite_wasm for one in its) or _OPAQUE.fullmatch(paths.directory(pool) or ""):
            found[pool] = SAHPOOL
        elif any(_is_others(one) or _claims_to_be_others(one) for one in its):
            found[pool] = WA_SQLITE
    return found


def _order(one: Carved | Spoiled) -> tuple[str, str]:
    return one.group, str(one.file)


def _head(file: Path) -> tuple[int, bytes]:
    """The size of a data file, and its first bytes."""
    if not stat.S_ISREG(file.lstat().st_mode):
        raise OSError(0, "it is not an ordinary file")
    with file.open("rb") as opened:
        head = opened.read(HEAD)
        return opened.seek(0, 2), head


def _without_rivals(judged: list[tuple[PoolFile, Carved | Spoiled | None]]) -> Iterator[Carved | Spoiled]:
    """The pieces, but of files that claim one path, and of their side files, none is taken."""
    claims = Counter((one.group, one.name) for _, one in judged if isinstance(one, Carved))
    sides = {(group, f"{name}{side}") for (group, name), count in claims.items() if count > 1 for side in SIDES}
    for data, one in judged:
        if isinstance(one, Carved) and (claims[one.group, one.name] > 1 or (one.group, one.name) in sides):
            yield _rival(data, one, claimed=claims[one.group, one.name] > 1)
        elif one is not None:
            yield one


def _rival(data: PoolFile, one: Carved, *, claimed: bool) -> Spoiled:
    """A file whose path another one claims.  The change counter in SQLite's header may help to choose."""
    head = data.head[one.offset :]
    readable = head.startswith(MAGIC)
    counter = f"; its change counter is {int.from_bytes(head[24:28], 'big')}" if readable else ""
    reason = f"several files claim this path{counter}" if claimed else "several files claim the path it belongs to"
    return Spoiled(*one[:-1], readable, reason)
