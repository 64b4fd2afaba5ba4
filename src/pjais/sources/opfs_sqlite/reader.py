"""Read the SQLite databases of a browser's copy: each is written out as a file and read table by table.

A database with a journal is rolled back as its own library would; one of which a part is missing is read page by page.
What its library would not open is named and not read.  Nothing is written into the snapshot.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from pjais import files, sqlite, web_origin
from pjais.core.document import Piece, Remark, Unreadable
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.errors import SourceDamaged
from pjais.formats.indexeddb.sqlite_files import StoredFile, sqlite_files
from pjais.formats.opfs import listing
from pjais.formats.opfs.pool import LIVESTORE
from pjais.sources.contract import Collection, Held, Opened, Stay
from pjais.sources.indexeddb.layouts import Container
from pjais.sources.sqlite_tables import reader as tables

_STAYS = "a browser's own files, which hold more than these databases"


class Written(Protocol):
    """A SQLite file that can be written out."""

    @property
    def path(self) -> str:
        """Its path in OPFS, or its name after that of its IndexedDB database."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the database."""
        ...

    @property
    def made_by(self) -> str | None:
        """The library that keeps it."""
        ...

    @property
    def damage(self) -> str:
        """Return why its app could not open it as it is."""
        ...

    @property
    def partial(self) -> bool:
        """Return whether what is left of it may be read."""
        ...

    def write(self, destination: Path) -> Path:
        """Write it as a plain file, its journal beside it."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A database, its origin, its first bytes if it is damaged, and what a crash left of its log, in words."""

    file: Written
    origin: str | None
    raw: bytes = b""
    torn: str = ""


def copy_out(file: Written, destination: Path) -> tuple[str, ...]:
    """Write a database as one plain file with its journal applied; return what its integrity check finds.

    A file that SQLite cannot open is written as it is.
    """
    if not file.size:
        with closing(sqlite.create(destination)):
            return ()
    raw = file.write(destination.with_name(f".{destination.name}.raw"))
    try:
        lost = sqlite.copy_source(raw, destination).lost
        with closing(sqlite.open_frozen(destination)) as connection:
            return (*([lost] if lost else []), *sqlite.problems(connection))
    except sqlite.Error as error:
        sqlite.remove(destination)
        files.replace(raw, destination)
        return (str(error),)
    finally:
        sqlite.remove(raw)


class OpenedFiles(Opened):
    """The databases of an origin."""

    def __init__(
        self, snapshot: Snapshot, kept: Sequence[Kept], scratch: Path, containers: Sequence[Container] = ()
    ) -> None:
        self._snapshot, self._kept, self._scratch, self._containers = snapshot, kept, scratch, containers

    @cached_property
    def collections(self) -> Sequence[Collection]:
        """Return the tables of all databases that can be read, with their keys and DDL."""
        found: list[Collection] = []
        for number, one in enumerate(self._kept):
            copy = self._copy(number)
            if copy is not None and not copy.unsound:
                with closing(sqlite.open_frozen(copy.path)) as connection:
                    found += [
                        table._replace(database=one.file.path, origin=one.origin, made_by=one.file.made_by)
                        for table in tables.known(connection)
                    ]
        return tuple(found)

    def read(self) -> Iterator[Piece]:
        """Yield the rows of all tables, database by database, and what cannot be read."""
        for number, one in enumerate(self._kept):
            if one.file.damage:
                yield Unreadable("$file", one.file.path, one.raw, one.file.damage, one.file.path, one.origin)
            if one.torn:
                yield Remark("torn-tail", "$file", one.file.path, one.torn)
            copy = self._copy(number)
            if copy is not None and not one.file.damage:
                for line in [each for each in copy.unsound if not each.startswith(sqlite.NOT_APPLIED)][:1]:
                    reason = f"it fails SQLite's integrity check, so it is read page by page: {line}"
                    yield Unreadable("$file", one.file.path, b"", reason, one.file.path, one.origin)
            for piece in tables.read(copy) if copy is not None else ():
                if isinstance(piece, Remark):
                    yield piece
                else:
                    yield piece._replace(database=one.file.path, origin=one.origin)
        yield from self._problems()

    def removable(self, ref: SourceRef) -> Held:
        """Return that all of it stays: the browser's files hold data of others, and of the app itself."""
        names = frozenset(one.file.path for one in self._kept)
        return Held(names, stays=(Stay(ref.path, files.size_of(ref.files), _STAYS, names),))

    def _copy(self, number: int) -> Snapshot | None:
        """Return a database as the snapshot of a single file; None for one that is not to be read."""
        file = self._kept[number].file
        if file.damage and not file.partial:
            return None
        path = self._scratch / f"{number}.db"
        known = self._scratch / f"{number}.unsound"
        if not path.exists():
            unsound = copy_out(file, path)
            known.write_text("\0".join(unsound), "utf-8")
        found = tuple(one for one in known.read_text("utf-8").split("\0") if one)
        name = f"{self._snapshot.name}: {file.path}"
        return replace(self._snapshot, name=name, path=path, consistent=None, unsound=found)

    def _problems(self) -> Iterator[Piece]:
        """Yield what cannot be read apart from databases."""
        if not self._containers:
            origin = self._kept[0].origin if self._kept else None
            for one in listing.problems(self._snapshot.path.parent):
                yield Unreadable("$file", one.file.name, b"", one.reason, None, origin)
        for container in self._containers:
            if container.fault is not None:
                yield Unreadable("$file", Path(container.file or "").name, b"", f"SQLite: {container.fault}")
            for problem in container.profile.problems:
                yield Unreadable("$file", f"{problem.file} byte {problem.offset}", problem.raw, problem.reason)
            for torn in container.profile.torn:
                yield Remark("torn-tail", "$file", f"{torn.file} byte {torn.offset}", torn.reason)


@contextmanager
def opened_opfs(snapshot: Snapshot) -> Iterator[OpenedFiles]:
    """Open the databases in the copy of an origin's folder."""
    with tempfile.TemporaryDirectory(prefix="pjais-opfs-") as scratch:
        there = listing.files(snapshot.path.parent)
        mine = [one for one in there if is_kept(one) and one.file.is_relative_to(snapshot.path)]
        kept = [Kept(one, one.origin, one.raw() if one.damage else b"", one.torn) for one in mine]
        yield OpenedFiles(snapshot, kept, Path(scratch))


def is_kept(one: listing.OpfsFile) -> bool:
    """Return whether a file is a database, or a piece of a pool, that no other kind takes."""
    return one.made_by != LIVESTORE and (one.is_sqlite or bool(one.pool))


@contextmanager
def opened_indexeddb(snapshot: Snapshot, containers: Sequence[Container]) -> Iterator[OpenedFiles]:
    """Open the databases that are kept in IndexedDB."""
    with tempfile.TemporaryDirectory(prefix="pjais-opfs-") as scratch:
        kept = [
            Kept(one, snapshot.web_origin or web_origin.named(one.origin))
            for container in containers
            for one in stored(container)
        ]
        yield OpenedFiles(snapshot, kept, Path(scratch), containers)


def stored(container: Container) -> Iterable[StoredFile]:
    """Return the SQLite files in a container; where a piece of it is damaged, each may be older than it was."""
    found = list(sqlite_files(container.profile))
    damage = next((one.reason for one in container.profile.problems), container.fault)
    if not damage:
        return found
    reason = f"a piece of the IndexedDB that it is in cannot be read, so a newer page of it may be missing: {damage}"
    return [one if one.damage else one._replace(damage=reason, partial=True) for one in found]


def file_of(file: Written, destination: Path) -> Path:
    """Write a database as one plain file, its journal applied.  Raises SourceDamaged for one that is not whole."""
    unsound = (file.damage,) if file.damage else copy_out(file, destination)
    if unsound:
        sqlite.remove(destination)
        raise SourceDamaged("this SQLite file is not whole", where=[f"{file.path}: {line}" for line in unsound[:20]])
    return destination
