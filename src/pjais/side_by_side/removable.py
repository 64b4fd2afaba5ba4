"""Find data in a source's directory that was not migrated: can it be removed as a whole, in parts, or not at all?

The IndexedDB of an origin is one LevelDB for all its databases, the origin-private file system one folder for all
its files.  A migration reads the data of RxDB or LiveStore; before anything is removed, this module looks for the
rest.  Everything is read from a private copy.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pjais import files, journal, sqlite
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.formats.opfs import extract, path_index
from pjais.sources import backup, rxdb
from pjais.sources.rxdb.catalog import PREFIX

_POOLED = re.compile(r"/(?:eventlog|mutationlog)\.db.*|/(?:state|app).*|archive/.*", re.DOTALL)
_STORE = re.compile(r"(?:livestore-)?(.+?)@\d+", re.DOTALL)


class Part(NamedTuple):
    """One RxDB database in files of its own: its name, the names of its IndexedDB databases, its files."""

    name: str
    names: frozenset[str]
    files: tuple[Path, ...]


class Stay(NamedTuple):
    """Data that must be kept, and why; `names` are those of the databases in it."""

    path: Path
    size: int
    reason: str
    names: frozenset[str] = frozenset()


class Held(NamedTuple):
    """A location's content.  `parts` None: removable as a whole, if nothing stays.  `files` empty: the source's."""

    names: frozenset[str] = frozenset()
    files: tuple[Path, ...] = ()
    parts: tuple[Part, ...] | None = None
    stays: tuple[Stay, ...] = ()


def of(ref: SourceRef) -> Held:
    """Return the content of the location that a source was read from."""
    if ref.kind not in ("rxdb-profile", "livestore-opfs"):
        return Held()
    with tempfile.TemporaryDirectory(prefix="pjais-cleanup-") as folder:
        (snapshot,) = backup.snapshot_all(Path(folder) / "copy", [ref], at_ms=journal.now_ms())
        if ref.kind == "livestore-opfs":
            return _origin_files(ref, snapshot)
        return _leveldb(ref, snapshot) if ref.dialect == "rxdb-profile" else _own_files(ref, snapshot)


def folders(kind: str, path: Path) -> tuple[Path, ...]:
    """Return the folders that belong to a source alone: they are removed once they are empty."""
    if kind == "pjais-files":
        return (path / "personas", path / "memory", path / "plugins")
    if path.name.endswith(".indexeddb.leveldb"):
        return (path, path.with_name(path.name.replace(".indexeddb.leveldb", ".indexeddb.blob")))
    return (path,) if kind in ("rxdb-profile", "livestore", "livestore-opfs") else ()


def belonging(name: str, names: frozenset[str]) -> set[str]:
    """Return those names that mean the same or a part of it: an RxDB database's own, a LiveStore store's folder."""
    found = {one for one in names if one.startswith(f"{PREFIX}{name}--")}
    for one in names:
        match = _STORE.fullmatch(one)
        if match is not None and name in (one, match[1]):
            found |= {one, match[1]}
    return found


def _leveldb(ref: SourceRef, snapshot: Snapshot) -> Held:
    """Return an origin's LevelDB, which is removable as a whole if every database in it is RxDB's."""
    held = rxdb.holdings(snapshot)
    everything = frozenset(name for one in held for name in one.databases)
    names = everything | {name for one in held for name in one.rxdb}
    others = sorted(name for one in held for name in one.foreign)
    reason = None
    if any(one.damaged for one in held):
        reason = "it is damaged, so it is not known what else it holds"
    elif others:
        reason = f"its LevelDB also holds other databases than RxDB's: {', '.join(others)}"
    stays = (Stay(ref.path, _size(ref.files), reason, names),) if reason else ()
    return Held(names, stays=stays)


def _own_files(ref: SourceRef, snapshot: Snapshot) -> Held:
    """Return IndexedDB databases in a file each: those of RxDB are removable, the others stay."""
    originals = {one.stored: Path(one.source) for one in snapshot.files}
    parts: dict[str, list[tuple[frozenset[str], tuple[Path, ...]]]] = {}
    stays = []
    for one in rxdb.holdings(snapshot):
        main = originals[one.file or ""]
        its = _beside(main, ref.files)
        if one.damaged or not one.databases:
            stays.append(Stay(main, _size(its), "it cannot be read whole, so it is not known what it holds"))
        elif len(one.rxdb) != 1 or one.foreign:
            reason = f"it is another database than RxDB's: {', '.join(sorted(one.databases))}"
            stays.append(Stay(main, _size(its), reason, one.databases))
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
    sides = {main, *(Path(f"{main}{suffix}") for suffix in sqlite.SIDE_FILES)}
    large = main.with_name(f"{main.stem}.files")
    return tuple(path for path in everything if path in sides or (large != main and path.is_relative_to(large)))


def _origin_files(ref: SourceRef, snapshot: Snapshot) -> Held:
    """Return an origin's private file system, which is removable as a whole if all of it is LiveStore's."""
    inside = tuple(sorted(path for path in ref.path.rglob("*") if path.is_file() and not path.is_symlink()))
    copies = {(snapshot.folder / one.stored).resolve(): one for one in snapshot.files}
    data = next(path for path in copies if path_index.DATA.fullmatch("/".join(path.parts[-2:])))
    origin = data.parents[2]
    pools = [one for one in extract.sets(extract.carve(origin.parent)) if one.group.startswith(f"{origin.name}/")]
    names = frozenset(name for one in pools for name in (one.store_id, one.directory) if name)
    ours = {one.group for one in pools if one.files and all(_POOLED.fullmatch(name) for name in one.files)}
    reason = next(_foreign(ref.path, inside, ours), None)
    if reason is None and any(one.spoiled for one in pools):
        reason = "files in it are damaged, so it is not known what else it holds"
    stays = (Stay(ref.path, _size(inside), reason, names),) if reason else ()
    return Held(names, inside, stays=stays)


def _foreign(origin: Path, inside: tuple[Path, ...], pools: set[str]) -> Iterator[str]:
    """Yield one reason for each file in an origin's folder that is not known to belong to a LiveStore pool."""
    books = {folder: path_index.Paths(folder / "Paths") for folder in origin.iterdir() if folder.is_dir()}
    for path in inside:
        relative = path.relative_to(origin).parts
        storage = origin / relative[0]
        if len(relative) < 2 or storage not in books:
            yield f"it holds a file that is not LiveStore's: {'/'.join(relative)}"
        elif relative[1:] == (".usage",) or relative[1] == "Paths":
            continue
        elif books[storage].problems:
            yield "the browser's books of it are damaged, so it is not known what else it holds"
        else:
            key = "/".join(relative[1:])
            info = books[storage].by_data.get(key)
            above = books[storage].infos.get(info.parent) if info else None
            pool = above.parent if above is not None and above.name == "archive" else info.parent if info else "?"
            if f"{origin.name}/{relative[0]}/{pool}" not in pools:
                yield f"it also holds files that are not LiveStore's: {info.name if info else key}"


def _size(paths: tuple[Path, ...]) -> int:
    return sum(path.stat().st_size for path in paths if files.is_plain_file(path))
