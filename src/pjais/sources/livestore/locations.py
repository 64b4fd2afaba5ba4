"""Locate the databases of LiveStore stores in a snapshot: by format in a folder, by pool in a browser profile.

One folder may hold the files of two formats, and one origin the pools of several stores; each is a separate store.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pjais import files
from pjais.core.document import Piece, Unreadable
from pjais.core.snapshot import Snapshot
from pjais.formats.opfs import extract
from pjais.sqlite_files import SIDE_FILES

_FORMAT = re.compile(r"@(\d+)\.db$")


@dataclass(frozen=True, slots=True)
class Group:
    """The databases of one store as plain files, each with its journal beside it; `scratch` is writable."""

    label: str
    databases: tuple[tuple[str, Path], ...]
    scratch: Path
    pieces: tuple[Piece, ...] = ()
    written: tuple[int, ...] = ()
    """When each original database file was last written (ns); the time of a copy says nothing."""


def groups(snapshot: Snapshot, scratch: Path) -> Iterator[Group]:
    """Yield the stores of a snapshot, older formats first."""
    if snapshot.kind == "livestore-opfs":
        yield from _pools(snapshot, scratch)
        return
    by_format: dict[int, list[tuple[str, Path]]] = {}
    times = _times(snapshot)
    for one in snapshot.files:
        if not one.stored.endswith(SIDE_FILES):
            found = _FORMAT.search(one.original)
            name = one.original.rpartition("/")[2]
            by_format.setdefault(int(found[1]) if found else 0, []).append((name, snapshot.folder / one.stored))
    for number in sorted(by_format):
        folder = files.private_folder(scratch / f"format{number}")
        written = tuple(times[path] for _, path in by_format[number])
        label = f"format {number}" if number else "no format"
        yield Group(label, tuple(by_format[number]), folder, (), written)


def _times(snapshot: Snapshot) -> dict[Path, int]:
    return {snapshot.folder / one.stored: one.mtime_ns for one in snapshot.files}


def _pools(snapshot: Snapshot, scratch: Path) -> Iterator[Group]:
    """Yield the pools of one origin, their files extracted from the snapshot's copies."""
    data = next(one for one in snapshot.files if re.search(r"(^|/)\d+/[a-z]/\d\d/\d+$", one.stored))
    origin = (snapshot.folder / data.stored).parents[2]
    times = _times(snapshot)
    for number, pool in enumerate(extract.sets(extract.carve(origin.parent))):
        if not pool.group.startswith((f"{origin.name}/", extract.BOOKS)):
            continue
        folder = files.private_folder(scratch / f"pool{number}")
        label = pool.directory or pool.group
        pieces = tuple(
            Unreadable("$file", f"{label}: {one.name or one.file.name}", one.raw(), one.reason) for one in pool.spoiled
        )
        databases, written = [], []
        for count, name in enumerate(sorted(pool.files)):
            if not name.endswith(extract.SIDES):
                path = extract.write_database(pool, name, folder / f"{count}.db")
                databases.append((name.lstrip("/"), path))
                written.append(times.get(pool.files[name].file, 0))
        if databases or pieces:
            yield Group(label, tuple(databases), folder, pieces, tuple(written))
