"""RxDB in the IndexedDB of a browser profile: which folders hold it (formats/rxdb.md §1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pjais import files
from pjais.discover.found import Passed
from pjais.model import SourceRef

_ORIGINS = (
    "", "IndexedDB", "*/IndexedDB", "Partitions/*/IndexedDB", "storage/default/*/idb", "*/storage/default/*/idb", "idb",
)  # fmt: skip
_RXDB = ("rxdb-dexie-".encode("utf-16-be"), "rxdb-dexie-".encode("utf-16-le"), b"rxdb-dexie-")
_RXDB_MARKS = (
    "rxdb".encode("utf-16-be"), "dexie".encode("utf-16-be"), b"storageToken", b"instanceToken", b"rxdbVersion",
    b'"\x03lwt',
)  # fmt: skip
"""What RxDB leaves in a LevelDB: any one may be broken up by compression, hardly all."""
_HASHED_NAME = re.compile(r"[A-Z2-7]{52}")


def profiles(folder: Path) -> Iterator[SourceRef | Passed]:
    """RxDB in the IndexedDB of a Chromium, Electron or Firefox profile (formats/rxdb.md §1)."""
    if folder.name.endswith(".indexeddb.leveldb"):
        yield from _origin(folder, folder.parent)
        return
    for pattern in _ORIGINS:
        for place in sorted(folder.glob(pattern)) if pattern else [folder]:
            if place.name == "idb" and place.is_dir() and any(_mentions_rxdb(one) for one in place.glob("*.sqlite")):
                there = tuple(sorted(one for one in place.rglob("*") if one.is_file()))
                yield SourceRef("rxdb-profile", "rxdb-profile-firefox", place, folder, there)
            elif place.is_dir() and not files.is_inside(place, folder):
                if pattern:
                    yield Passed(place, "a link that leaves the folder; name it to follow it")
            elif place.is_dir():
                for origin in sorted(place.iterdir()):
                    yield from _origin(origin, folder)


def _origin(path: Path, root: Path) -> Iterator[SourceRef]:
    if path.name.endswith(".indexeddb.leveldb") and path.is_dir():
        tables = sorted(one for one in path.iterdir() if one.suffix in (".log", ".ldb", ".sst"))
        if any(mark in data for one in tables for data in [one.read_bytes()] for mark in _RXDB_MARKS):
            yield SourceRef("rxdb-profile", "rxdb-profile", path, root, tuple(files.beside(path)))
    elif path.is_dir():
        hashed = sorted(one for one in path.iterdir() if _HASHED_NAME.fullmatch(one.name))
        if any(_mentions_rxdb(one) for one in hashed):
            there = tuple(sorted(one for one in path.iterdir() if one.is_file()))
            yield SourceRef("rxdb-profile", "rxdb-profile-sqlite", path, root, there)


def _mentions_rxdb(path: Path) -> bool:
    """Whether a SQLite file, or the WAL that still holds all of it, names an RxDB database."""
    for one in (path, path.with_name(f"{path.name}-wal")):
        if one.is_file() and any(name in one.read_bytes() for name in _RXDB):
            return True
    return False
