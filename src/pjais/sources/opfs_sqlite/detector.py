"""Detect what is in a browser's private file systems: LiveStore's pools first, then SQLite databases, then other files.

The databases of an origin are one source; its notes name each with its tables, size and library.  Every other file is
named as what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pjais import canonical, display
from pjais.core.source import NAME_IT, Passed, SourceRef
from pjais.sources.contract import Search
from pjais.sources.livestore.detector import in_opfs, is_opfs
from pjais.sources.seen import Seen, stamp
from pjais.sources.walk import Listing

if TYPE_CHECKING:
    from pjais.formats.opfs.listing import OpfsFile

KIND = "opfs-sqlite"

_ELSEWHERE = f"it is in a folder that is no profile's own; {NAME_IT}"
_TABLES = 20
"""Tables of a database that are named."""


class Detector:
    """Looks into the private file systems of a profile."""

    def look(self, folder: Listing, search: Search) -> Iterator[SourceRef | Passed] | None:
        """Return the stores in a browser's "File System", and its other files."""
        if not is_opfs(folder):
            return None
        folder.folders.clear()
        in_place = search.named or (folder.name == "File System" and len(folder.parts) < 3)
        return _found(Path(folder.path), search, None if in_place else _ELSEWHERE)


def _found(place: Path, search: Search, reason: str | None) -> Iterator[SourceRef | Passed]:
    yield from in_opfs(place, search.root, search.seen, taken=reason)
    yield from in_files(place, search.root, search.seen, taken=reason)


def in_files(place: Path, root: Path, seen: Seen, *, taken: str | None) -> Iterator[SourceRef | Passed]:
    """Yield the databases that are not LiveStore's as one source per origin, and other files by their names.

    With `taken` None the databases are sources; else it is the reason why they are not.
    """
    its = sorted(one for one in place.rglob("*") if one.is_file() and not one.is_symlink())
    said = seen.verdict(f"{place} files", stamp(its), lambda: _looked(place))
    for folder, (paths, notes, size) in sorted(said["origins"].items()):
        path = place / folder
        if taken is not None:
            yield Passed(path, f"SQLite in OPFS: {taken}", size, KIND)
            continue
        books = (*path.glob("*/Paths/*"), *path.glob("Paths/*"), *place.glob("Origins/*"))
        files = (*sorted(one for one in books if one.is_file()), *(place / one for one in paths))
        yield SourceRef(KIND, KIND, path, root, files, notes=tuple(notes))
    for path, fault in said["faults"]:
        yield Passed(place / path, fault, kind="opfs")
    for path, origin, name, size, damage in said["others"]:
        about = f", but {damage}" if damage else ""
        yield Passed(place / path, f"a file in OPFS ({name}){about}", size, "opfs", None, origin)


def _looked(place: Path) -> dict[str, Any]:
    """Return the verdict about a "File System" folder as JSON; paths are relative to it."""
    from pjais.formats.opfs import listing  # only where there is one
    from pjais.formats.opfs.pool import LIVESTORE
    from pjais.sources.opfs_sqlite import reader

    said: dict[str, Any] = {"origins": {}, "others": [], "faults": []}
    for one in listing.files(place):
        path = one.file.relative_to(place)
        if one.made_by == LIVESTORE:
            continue
        if one.damage and not one.size and one.on_disk is None and one.file.is_file():
            continue  # it cannot be opened: said with LiveStore's, as it may be anybody's
        if not reader.is_kept(one):
            said["others"].append([path.as_posix(), one.origin, one.path, one.size, one.damage])
            continue
        paths, notes, size = said["origins"].setdefault(path.parts[0], [[], [], 0])
        files = [one.file, *(side.file for _, side in one.sides)]
        paths += [each.relative_to(place).as_posix() for each in files if each.is_file()]
        notes.append(_note(one))
        said["origins"][path.parts[0]][2] = size + one.size
    if said["others"] and not said["origins"]:  # else the reading of the source says so
        said["faults"] = [[one.file.relative_to(place).as_posix(), one.reason] for one in listing.problems(place)]
    for slot in listing.slots(place):
        path = slot.relative_to(place)
        if path.parts[0] in said["origins"] and path.as_posix() not in said["origins"][path.parts[0]][0]:
            said["origins"][path.parts[0]][0].append(path.as_posix())
    return said


def _note(one: OpfsFile) -> str:
    """Return a database in words: whose, its path in OPFS, its size, its library, its tables."""
    made_by = f", {one.made_by}" if one.made_by else ""
    about = f"{one.origin or 'unknown origin'}: {one.path}, {display.size(one.size)}{made_by}"
    if one.damage and not one.partial:
        return f"{about}: {one.damage}"
    names = _tables(one)
    more = f" and {len(names) - _TABLES:,} more" if len(names) > _TABLES else ""
    told = f", tables {', '.join(names[:_TABLES])}{more}" if names else ", no tables"
    return about + (f": {one.damage}" if one.damage else told)


def _tables(one: OpfsFile) -> list[str]:
    """Return the tables of a database; none of one that SQLite cannot read."""
    import tempfile  # only where there is a database

    from pjais import sqlite
    from pjais.errors import SourceDamaged
    from pjais.sources.opfs_sqlite import reader
    from pjais.sources.sqlite_tables.reader import data_tables

    with tempfile.TemporaryDirectory(prefix="pjais-detect-") as scratch:
        copy = Path(scratch) / "copy.db"
        try:
            reader.copy_out(one, copy)
            with closing(sqlite.open_frozen(copy)) as connection:
                return [canonical.replace_surrogates(name) for name in data_tables(connection)]
        except (sqlite.Error, OSError, SourceDamaged):
            return []
