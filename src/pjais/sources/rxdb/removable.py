"""Find what may be removed of an RxDB profile: a LevelDB as a whole, or the files of single databases.

The IndexedDB of an origin is one LevelDB for all its databases, RxDB's or not; other browsers have a file for each.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pjais import files
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.sources.contract import Held, Part, Stay
from pjais.sqlite_files import SIDE_FILES


class Holding(NamedTuple):
    """One LevelDB, or one SQLite file of a snapshot (`file`): the IndexedDB databases in it, and RxDB's among them.

    `foreign`: those that RxDB did not make, whatever their names.
    `damaged`: a part cannot be read, so there may be more.
    """

    file: str | None
    databases: frozenset[str]
    rxdb: frozenset[str]
    foreign: frozenset[str]
    damaged: bool


def held(ref: SourceRef, snapshot: Snapshot, holdings: list[Holding]) -> Held:
    """Return what may be removed of a source."""
    if any(one.file is None for one in holdings):
        return _whole(ref, holdings)
    return _own_files(ref, snapshot, holdings)


def shared(ref: SourceRef, holdings: list[Holding]) -> Held:
    """Return what may be removed of files that hold the localStorage of every page: nothing."""
    names = frozenset(name for one in holdings for name in one.databases | one.rxdb)
    reason = "the browser keeps the localStorage of all pages in these files"
    return Held(names, stays=(Stay(ref.path, files.size_of(ref.files), reason, names),))


def _whole(ref: SourceRef, holdings: list[Holding]) -> Held:
    """Return an origin's LevelDB, which is removable as a whole if every database in it is RxDB's."""
    everything = frozenset(name for one in holdings for name in one.databases)
    names = everything | {name for one in holdings for name in one.rxdb}
    others = sorted(name for one in holdings for name in one.foreign)
    reason = None
    if any(one.damaged for one in holdings):
        reason = "it is damaged, so it is not known what else it holds"
    elif others:
        reason = f"its LevelDB also holds other databases than RxDB's: {', '.join(others)}"
    stays = (Stay(ref.path, files.size_of(ref.files), reason, names),) if reason else ()
    return Held(names, stays=stays)


def _own_files(ref: SourceRef, snapshot: Snapshot, holdings: list[Holding]) -> Held:
    """Return IndexedDB databases in a file each: those of RxDB are removable, the others stay."""
    originals = {one.stored: Path(one.source) for one in snapshot.files}
    parts: dict[str, list[tuple[frozenset[str], tuple[Path, ...]]]] = {}
    stays = []
    for one in holdings:
        main = originals[one.file or ""]
        its = _beside(main, ref.files)
        if one.damaged or not one.databases:
            stays.append(Stay(main, files.size_of(its), "it cannot be read whole, so it is not known what it holds"))
        elif len(one.rxdb) != 1 or one.foreign:
            reason = f"it is another database than RxDB's: {', '.join(sorted(one.databases))}"
            stays.append(Stay(main, files.size_of(its), reason, one.databases))
        else:
            parts.setdefault(next(iter(one.rxdb)), []).append((one.databases, its))
    names = frozenset(name for part in parts.values() for many, _ in part for name in many) | parts.keys()
    if len(parts) <= 1 and not stays:
        return Held(names)
    made = []
    for name, part in sorted(parts.items()):
        idbs = frozenset(idb for many, _ in part for idb in many)
        made.append(Part(name, idbs | {name}, tuple(path for _, its in part for path in its)))
    return Held(names, parts=tuple(made), stays=tuple(stays))


def _beside(main: Path, everything: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return a database's file, its side files, and Firefox's folder of large values."""
    sides = {main, *(Path(f"{main}{suffix}") for suffix in SIDE_FILES)}
    large = main.with_name(f"{main.stem}.files")
    return tuple(path for path in everything if path in sides or (large != main and path.is_relative_to(large)))
