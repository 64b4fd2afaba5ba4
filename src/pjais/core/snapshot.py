"""Snapshots: frozen copies of sources.  Every step after the backup reads these, never the live source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast


class Part(NamedTuple):
    """A file of a backup of which a copy consists: its name there, its size in bytes, its SHA-256."""

    stored: str
    size: int
    sha256: str


class Parts(NamedTuple):
    """A copy that is kept as what differs from an earlier one."""

    base: Part
    delta: Part


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """One file of a backup: its source, its copy, its size and hash.

    `source` is the absolute path, `original` the same path relative to the source's root.  `parts`: instead of the
    file `stored` the backup has these; `size` and `sha256` are those of the source's file.
    """

    source: str
    original: str
    stored: str
    size: int
    sha256: str
    mtime_ns: int
    parts: Parts | None = None

    def open(self, folder: Path) -> BinaryIO:
        """Open the copy in a backup's folder, as a stream of the bytes that the source had."""
        if self.parts is None:
            return (folder / self.stored).open("rb", buffering=0)
        from pjais.delta import Restored  # few copies are kept in parts

        return cast("BinaryIO", Restored(*(folder / one.stored for one in self.parts)))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The frozen copy of one source.  Every step after the backup reads this, never the live source.

    `path` is what readers open: the consistent SQLite copy, the JSON file, or the folder of copied files.
    """

    kind: str
    dialect: str
    name: str
    origin: str
    path: Path
    files: tuple[CopiedFile, ...]
    folder: Path
    consistent: str | None = None
    damage: str | None = None
    """Reason why the file as a whole is not what its name says."""
    unsound: tuple[str, ...] = ()
    """Findings of SQLite's integrity check; a file with any is read page by page."""
    web_origin: str | None = None
    """The web origin that owns it, if its location tells (`origin` is its path)."""

    def open(self) -> BinaryIO:
        """Open what readers open, if that is one file, as a stream."""
        its = next((one for one in self.files if self.folder / one.stored == self.path), None)
        return self.path.open("rb", buffering=0) if its is None else its.open(self.folder)
