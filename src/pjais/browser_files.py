"""Files that a web page keeps in its browser, of a profile opened by `pjais.profile`: `origin.files`, `origin.sqlite`.

    for file in origin.files:
        print(file.name, file.size, file.made_by)
    path = origin.sqlite("notes.db")        # a private copy, its journal applied

They are the files of OPFS, the pools of libraries taken apart, and SQLite files that libraries keep in IndexedDB.  The
profile is never written to; a file is copied when it is read, so that a browser may go on running.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Protocol

from pjais import journal
from pjais.core.source import SourceRef
from pjais.errors import SourceDamaged, UsageError
from pjais.formats.indexeddb.sqlite_files import StoredFile
from pjais.formats.opfs import listing
from pjais.formats.opfs.listing import OpfsFile
from pjais.sources import backup
from pjais.sources.opfs_sqlite import reader
from pjais.sources.opfs_sqlite.detector import KIND


class File:
    """One file: `name` is its path in OPFS, or its name after that of its IndexedDB database; `size` is in bytes.

    `made_by` is the library that keeps it, if it can be told; `damage` the reason why its app could not open it.
    """

    def __init__(self, held: OpfsFile | StoredFile, scratch: Scratch) -> None:
        self._held, self._scratch = held, scratch
        self.name = held.path
        self.size = held.size
        self.made_by = held.made_by
        self.is_sqlite = held.is_sqlite if isinstance(held, OpfsFile) else True
        self.damage = held.damage or None

    def __repr__(self) -> str:
        return f"<File {self.name!r}, {self.size:,} bytes>"

    def is_called(self, name: str) -> bool:
        """Return whether a name means this file: its own, that in its pool, or the last part of either."""
        return name in (self.name, self._held.name, PurePosixPath(self.name).name)

    def read(self) -> bytes:
        """Return its bytes as they are on disk; a journal beside it is not applied.

        Raises SourceDamaged for one that is not whole, and SourceInUse if it changes meanwhile.
        """
        self._refuse_damage()
        path = self._scratch.place()
        return self._scratch.still(self._held).write(path).read_bytes()

    def sqlite(self) -> Path:
        """Return a private copy of the database, as one file with its journal applied; it goes with the profile.

        Raises UsageError for a file that is not a SQLite database, SourceDamaged for one that is not whole, and
        SourceInUse if it changes meanwhile.
        """
        if not self.is_sqlite:
            raise UsageError(f"{self.name} is not a SQLite database", where=[self.name])
        self._refuse_damage()
        return reader.file_of(self._scratch.still(self._held), self._scratch.place())

    def _refuse_damage(self) -> None:
        if self.damage is not None:
            raise SourceDamaged("incomplete SQLite file", where=[f"{self.name}: {self.damage}"])


class Scratch:
    """The private copies of the files of one profile."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._folder: Path | None = None
        self._count = 0

    def place(self) -> Path:
        """Return a new path in a private folder."""
        if self._folder is None:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="pjais-profile-")))
        self._count += 1
        return self._folder / f"{self._count}.db"

    def still(self, held: OpfsFile | StoredFile) -> OpfsFile | StoredFile:
        """Return a file as a copy of it holds it.  Raises SourceInUse if it changes while it is copied."""
        if isinstance(held, StoredFile):
            return held  # its IndexedDB is a copy already
        its = (held.file, *(side.file for _, side in held.sides))
        ref = SourceRef(KIND, KIND, held.file.parent, held.file.parent, its)
        (made,) = backup.snapshot_all(self.place().with_suffix(""), (ref,), at_ms=journal.now_ms())
        copies = {Path(one.source): made.folder / one.stored for one in made.files}
        sides = tuple((suffix, side._replace(file=copies[side.file])) for suffix, side in held.sides)
        return held._replace(file=copies[held.file], sides=sides)


class InIndexedDb(Protocol):
    """The IndexedDB of an origin, copied when it is asked."""

    def sqlite_files(self) -> list[StoredFile]:
        """Return the SQLite files in it."""
        ...


class Files:
    """The files of one origin.  What is in its IndexedDB is listed when it is asked for."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._opfs: list[OpfsFile] = []
        self._indexeddbs: dict[InIndexedDb, None] = {}

    def add(self, one: OpfsFile) -> None:
        """Add a file of OPFS."""
        self._opfs.append(one)

    def add_later(self, indexeddb: InIndexedDb) -> None:
        """Add those that a copy of an IndexedDB will turn out to hold."""
        self._indexeddbs[indexeddb] = None

    def every(self) -> tuple[File, ...]:
        """Return the files, by name.  Raises SourceInUse."""
        held: list[OpfsFile | StoredFile] = [*self._opfs]
        for folder in self._indexeddbs:
            held += folder.sqlite_files()
        return tuple(sorted((File(one, self._scratch) for one in held), key=lambda one: one.name))

    def sqlite(self, name: str) -> Path:
        """Return a private copy of the database of this name.  Raises UsageError that names those there are."""
        databases = [one for one in self.every() if one.is_sqlite]
        meant = [one for one in databases if one.name == name] or [one for one in databases if one.is_called(name)]
        if len(meant) != 1:
            what = "several SQLite files" if meant else "no SQLite file"
            among = ", ".join(one.name for one in meant or databases) or "none"
            raise UsageError(f"{what} named {name!r}", where=[f"available: {among}"])
        return meant[0].sqlite()


def in_opfs(place: Path) -> Iterator[OpfsFile]:
    """Yield the files in a "File System" folder."""
    yield from listing.files(place)


def doubts(place: Path) -> list[str]:
    """Return what cannot be read in such a folder: of the browser's index, and of files."""
    problems = [f"{one.file.name}: {one.reason}" for one in listing.problems(place)]
    return problems + [f"{one.path}: {one.damage}" for one in listing.files(place) if one.damage]
