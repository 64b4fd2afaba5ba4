"""Sources that are SQLite files: their WAL and journal belong to them, and a single file is copied consistently.

SQLite only appends to a WAL until it starts a new one, with another header, and ignores an incomplete frame; so while
a source is copied, its WAL may grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pjais import files, instants
from pjais.sources.contract import Frozen, Source, Stamp
from pjais.sqlite_files import SIDE_FILES

if TYPE_CHECKING:
    from pjais.core.snapshot import CopiedFile
    from pjais.core.source import SourceRef

_WAL_HEADER = 32
_SMALLEST = 512
"""Bytes of the smallest page, and so of the smallest database that is not empty."""


class SqliteFiles(Source):
    """A source of several SQLite files."""

    def files(self, ref: SourceRef) -> list[Path]:
        """Return its files; a WAL or journal may have appeared since it was found."""
        return [*ref.files, *(side for side in _sides(ref) if side not in ref.files and files.is_plain_file(side))]

    def still(self, ref: SourceRef) -> Stamp:
        """Return the stamps of its files, and of a WAL its header alone."""
        stamps: list[tuple[Any, ...]] = []
        for path in dict.fromkeys([*ref.files, *_sides(ref)]):
            if path.name.endswith("-shm"):
                continue
            try:
                status = path.stat()
                if path.name.endswith("-wal"):
                    with path.open("rb") as file:
                        stamps.append((str(path), status.st_ino, file.read(_WAL_HEADER)))
                    continue
                stamps.append((str(path), status.st_ino, status.st_size, status.st_mtime_ns))
            except OSError:
                stamps.append((str(path), None))
        return tuple(stamps)


class SqliteFile(SqliteFiles):
    """A source that is one SQLite file, read in a consistent copy."""

    called: str | None = None
    """Prefix of the name of the consistent copy, if it is not the kind."""

    def freeze(self, folder: Path, opened: Path, copied: Sequence[CopiedFile], at_ms: int) -> Frozen:
        """Write one plain SQLite file beside the raw ones, with the WAL or journal applied, and check it."""
        from pjais import sqlite  # loaded only for a SQLite file
        from pjais.errors import BackupFailed

        main = folder / copied[0].stored
        if 0 < (size := main.stat().st_size) < _SMALLEST and not sqlite.needs_recovery(main):
            return Frozen(opened, None, (f"a file of {size} bytes is no database",))  # SQLite takes it for an empty one
        stamp = instants.to_text(at_ms).replace(":", "-").replace(".", "-")
        name = _free_name(folder, f"{self.called or self.kind}-backup-{stamp}.db")
        try:
            return Frozen(folder / name, name, _consistent_copy(main, folder / name))
        except sqlite.Error as error:
            sqlite.remove(folder / name)
            if sqlite.is_fault_of_disk(error):
                raise BackupFailed(f"the backup could not be written: {error}", where=[str(folder)]) from error
            return Frozen(opened, None, (str(error),))


def _sides(ref: SourceRef) -> list[Path]:
    """Return the WAL and journal of each SQLite file, there or not."""
    mains = [path for path in ref.files if not path.name.endswith(SIDE_FILES)]
    return [Path(f"{path}{suffix}") for path in mains for suffix in ("-wal", "-journal")]


def _free_name(folder: Path, name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    number = 1
    while (folder / name).exists():
        number += 1
        name = f"{stem}-{number}{dot}{suffix}"
    return name


def _consistent_copy(main: Path, destination: Path) -> tuple[str, ...]:
    """Write one plain SQLite file with the WAL or journal applied; return what its integrity check finds."""
    from pjais import sqlite

    scratch = destination.with_name(f".{destination.name}.work")
    try:
        sqlite.copy_files(main, scratch)
        lost = sqlite.copy_source(scratch, destination).lost
    finally:
        for suffix in ("", *SIDE_FILES):
            files.remove(Path(f"{scratch}{suffix}"))
    files.sync_file(destination)
    with closing(sqlite.open_frozen(destination)) as connection:
        return (*([lost] if lost else []), *sqlite.problems(connection))
