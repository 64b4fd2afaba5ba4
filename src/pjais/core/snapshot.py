"""Snapshots: frozen copies of sources.  Every step after the backup reads these, never the live source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """One file of a backup: its source, its copy, its size and hash.

    `source` is the absolute path, `original` the same path relative to the source's root.
    """

    source: str
    original: str
    stored: str
    size: int
    sha256: str
    mtime_ns: int


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
