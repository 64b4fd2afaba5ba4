"""Snapshots: the frozen copy of a source, which everything after the backup reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """One file of a backup: where it came from, where its copy lies, and what it weighs and hashes.

    `source` is its whole path, `original` the same relative to the source's root.
    """

    source: str
    original: str
    stored: str
    size: int
    sha256: str
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The frozen copy of one source.  Everything after the backup phase reads this, never the live source.

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
    """Why the whole file is not what its name says."""
    unsound: tuple[str, ...] = ()
    """What SQLite's integrity check found; such a file is read page by page."""
    web_origin: str | None = None
    """The web origin that owns it, as far as its place says (`origin` is its path)."""
