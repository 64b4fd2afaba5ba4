"""`cleanup`: remove old data after a verified migration, by name, and list what else still holds private text.

Never offered: data without a valid backup, data that has changed since it was migrated, that a program has open, that
is outside the data folder, or that is a store of pjais itself; after a switch, anything unless the new side is live.
Data that holds more than was migrated (another IndexedDB database in an origin's LevelDB, other files of an origin)
is left whole, with the reason.  The next call continues an interrupted removal, which is recorded.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pjais import files, journal, paths, sqlite
from pjais.core.shown import HIDDEN, fields_as_json
from pjais.core.source import SourceRef
from pjais.display import counted, size
from pjais.errors import BackupFailed, ConfirmationNeeded, SourceInUse, UsageError
from pjais.migration import state, verify
from pjais.side_by_side import private_text, switch
from pjais.side_by_side.private_text import Private
from pjais.sources import backup, detect
from pjais.sources.contract import Held, Part, Source
from pjais.sources.registry import of_kind, opened, source_of
from pjais.workspace import Workspace

BEGUN = "cleanup.json"
"""File in the data folder during a removal: the sources that it has begun to remove."""


@dataclass(frozen=True, slots=True)
class Old:
    """Removable old data: one source, or one database of a profile that keeps each in a file of its own.

    `names`: its other names (databases, stores, its files' names).  `folders` are removed once they are empty.
    """

    name: str
    kind: str
    path: Path
    origin: tuple[str, str]
    """(kind, path) of the source as the store's ledger names it."""
    names: frozenset[str]
    files: tuple[Path, ...]
    folders: tuple[Path, ...]
    hashes: dict[Path, str]
    size: int

    def as_dict(self) -> dict[str, Any]:
        """Return the item as a JSON object."""
        return {
            "name": self.name,
            "kind": self.kind,
            "path": str(self.path),
            "size": self.size,
            "databases": sorted(self.names),
            "files": [str(path) for path in self.files],
        }


@dataclass(frozen=True, slots=True)
class Stays:
    """Old data that is kept, and why."""

    name: str
    path: Path
    size: int
    reason: str
    names: Annotated[frozenset[str], HIDDEN] = frozenset()

    def as_dict(self) -> dict[str, Any]:
        """Return the item as a JSON object."""
        return fields_as_json(self)


@dataclass(frozen=True, slots=True)
class Judged:
    """Removable data, and data that is kept."""

    items: tuple[Old, ...]
    stays: tuple[Stays, ...]

    @property
    def size(self) -> int:
        """Return the number of removable bytes."""
        return sum(one.size for one in self.items)


def judge(workspace: Workspace, names: Sequence[str] = (), *, password: str | None = None) -> Judged:
    """Return what can be removed, after a new proof; `names` limits it.  Writes nothing.

    Raises VerificationFailed if the proof fails, SourceInUse for data that is open or has changed since, UsageError
    while the old side is live, and for a name that is unknown or cannot be removed by itself.
    """
    _refuse_unless_new_is_live(workspace)
    verify.verify(workspace, password=password)
    begun = _begun(workspace)
    protected, elsewhere = _protected(workspace), _elsewhere(workspace)
    items: list[Old] = []
    stays: list[Stays] = []
    wanted = [one.rstrip("/") for one in names]
    called = [(source, _name(workspace, source)) for source in _sources(workspace.store)]
    unknown = set(wanted) - {one for source, name in called for one in _called(source, name)}
    for source, name in called:
        there = [entry for entry in source["files"] if Path(entry["path"]).is_file()]
        if not there or (wanted and not _called(source, name) & set(wanted) and not (unknown and _is_profile(source))):
            continue
        if (
            reason := _ours(source, protected)
            or _of_another(workspace, source, elsewhere)
            or _outside(workspace, source)
        ):
            stays.append(Stays(name, Path(source["origin"]), _bytes(there), reason))
            continue
        found, left = _of_source(workspace, source, name, there, begun=(source["kind"], source["origin"]) in begun)
        items += found
        stays += [one for one in left if one.path not in {each.path for each in stays}]  # kinds may share files
    if wanted:
        items, stays = _named(items, stays, wanted, [name for _, name in called]), []
    items, unsafe = _backed_up(workspace, items)
    _refuse_if_open(items)
    return Judged(tuple(items), (*stays, *unsafe))


class Cleaned(NamedTuple):
    """A finished removal: what was removed, bytes freed, what is kept and why, what else may hold private text."""

    items: tuple[Old, ...]
    freed: int
    stays: tuple[Stays, ...]
    private: tuple[Private, ...]


def unconfirmed(judged: Judged, names: Sequence[str]) -> ConfirmationNeeded:
    """Return the error that asks the owner to confirm a removal."""
    what = counted(sum(len(one.files) for one in judged.items), "file")
    return ConfirmationNeeded(
        f"{what} ({size(judged.size)}) can be removed: confirm with --yes",
        where=[f"{one.name}: {size(one.size)}" for one in judged.items],
        safe="Nothing was removed.",
        next_command=" ".join(["pjais cleanup --yes", *map(shlex.quote, names)]),
    )


def clean(workspace: Workspace, judged: Judged) -> Cleaned:
    """Remove what can go, and list what else may hold private text.  Raises as `remove` does."""
    freed = remove(workspace, judged.items)
    return Cleaned(judged.items, freed, judged.stays, tuple(private(workspace)))


def remove(workspace: Workspace, items: Sequence[Old]) -> int:
    """Remove old data; the backups keep a copy of each file.  Returns the number of bytes freed.

    Raises SourceInUse for data that was opened or changed since it was judged; then nothing is removed.
    """
    if not items:
        return 0
    with files.only_run(workspace.data_dir):
        _refuse_unless_new_is_live(workspace)
        for one in items:
            if outside := [str(path) for path in one.files if not files.is_inside(path, workspace.data_dir)]:
                raise UsageError(
                    "old data is outside the data folder; nothing was removed",
                    where=outside,
                    safe="Nothing was removed.",
                    next_command="pjais cleanup",
                )
            for path, digest in one.hashes.items():
                if path.exists() and files.sha256(path) != digest:
                    raise _changed(path)
        _refuse_if_open(items)
        origins = sorted({one.origin for one in items} | _begun(workspace))
        files.write_atomically(workspace.data_dir / BEGUN, (json.dumps(origins) + "\n").encode())
        freed = 0
        for one in items:
            freed += _remove(workspace, one)
        files.remove(workspace.data_dir / BEGUN)
        return freed


def _remove(workspace: Workspace, one: Old) -> int:
    freed = 0
    for path in one.files:
        freed += path.stat().st_size if path.exists() else 0
        files.remove(path)
    for folder in _emptied(workspace, one):
        files.remove_if_empty(folder)
    return freed


def _emptied(workspace: Workspace, one: Old) -> list[Path]:
    """Return the folders that may be empty now, innermost first: the source's, and its parents in the data folder.

    The data folder itself stays, and so does everything outside it.
    """
    found: set[Path] = set(one.folders)
    for path in one.files:
        found |= {parent for parent in path.parents if parent.is_relative_to(workspace.data_dir)}
    for folder in one.folders:
        found |= {inner for inner in folder.rglob("*") if inner.is_dir() and not inner.is_symlink()}
    found = {
        one for one in found if files.is_inside(one, workspace.data_dir) and not files.same(one, workspace.data_dir)
    }
    return sorted(found, key=lambda folder: len(folder.parts), reverse=True)


def _refuse_unless_new_is_live(workspace: Workspace) -> None:
    was = switch.live(workspace)
    if was.side == "new" and was.target not in (None, str(workspace.live)):
        raise UsageError(
            "another store is active; nothing was removed",
            where=[str(was.target)],
            next_command=f"pjais cleanup --target {shlex.quote(str(was.target))}",
        )
    follows = any(run.follow and run.state == "done" for run in state.runs(workspace.data_dir))
    if was.side == "old" and (was.at is not None or follows):
        raise UsageError(
            "the source is active; nothing was removed",
            where=[str(workspace.data_dir / switch.LIVE)],
            safe="Nothing was removed.",
            next_command="pjais switch",
        )


def _begun(workspace: Workspace) -> set[tuple[str, str]]:
    """Return the sources whose removal was begun and not finished."""
    try:
        told = json.loads((workspace.data_dir / BEGUN).read_text("utf-8"))
        return {(str(kind), str(origin)) for kind, origin in told}
    except (OSError, ValueError, TypeError):
        return set()


def _sources(target: Path) -> list[dict[str, Any]]:
    """Return the sources in the store's ledger: each as it was when it was last read."""
    with closing(sqlite.open_reader(target)) as db:
        runs = sqlite.fetch(db, "SELECT sources FROM migration_runs ORDER BY number")
    known = {}
    for (text,) in runs:
        for source in json.loads(text):
            known[source["kind"], source["origin"]] = source
    return list(known.values())


def _name(workspace: Workspace, source: dict[str, Any]) -> str:
    """Return a source's name: relative if it is in the data folder."""
    path = Path(source["origin"])
    if path == workspace.data_dir:
        return str(source["kind"])
    return path.relative_to(workspace.data_dir).as_posix() if path.is_relative_to(workspace.data_dir) else str(path)


def _kind(source: dict[str, Any]) -> Source:
    """Return the kind of a source in the ledger; of one that is not installed only what all have in common."""
    return of_kind(source["kind"]) or Source()


def _called(source: dict[str, Any], name: str) -> set[str]:
    """Return the names of a source as a whole."""
    return {name, source["kind"], Path(source["origin"]).name, source["origin"]}


def _is_profile(source: dict[str, Any]) -> bool:
    """Return whether a source has named parts."""
    return _kind(source).shares


def _protected(workspace: Workspace) -> set[Path]:
    """Return stores of ours: all that were ever written to from this data folder."""
    targets = {workspace.store, workspace.live}
    for run in state.runs(workspace.data_dir):
        if run.target:
            target = Path(run.target)
            targets |= {target, target.parent} if paths.account_kind(target.name) else {target}
    live = switch.live(workspace)
    return targets | ({Path(live.target)} if live.target else set())


def _ours(source: dict[str, Any], protected: set[Path]) -> str | None:
    path = Path(source["origin"])
    account = (path if path.is_dir() else path.parent) / paths.ACCOUNT_NAME
    own_log = _kind(source).has_log and account.exists()
    if own_log or any(files.same(path, one) for one in protected):
        return "a store written by pjais; never removed"
    return None


def _elsewhere(workspace: Workspace) -> set[Path]:
    """Return other data folders in which runs of this one were made: it is a copy, or was moved."""
    told = {Path(run.data_dir) for run in state.runs(workspace.data_dir) if run.data_dir}
    return {one for one in told if not files.same(one, workspace.data_dir)}


def _of_another(workspace: Workspace, source: dict[str, Any], elsewhere: set[Path]) -> str | None:
    origin = Path(source["origin"])
    if origin.is_relative_to(workspace.data_dir):
        return None
    if any(origin.is_relative_to(one) for one in elsewhere):
        return "belongs to the data folder that this one was copied from"
    return None


def _outside(workspace: Workspace, source: dict[str, Any]) -> str | None:
    """Return why a source is kept that is elsewhere, wholly or by a link: it was given to us to read."""
    paths = [Path(source["origin"]), *(Path(one["path"]) for one in source["files"])]
    if all(files.is_inside(path, workspace.data_dir) for path in paths):
        return None
    return "outside the data folder; pjais removes nothing there"


def _bytes(entries: Iterable[dict[str, Any]]) -> int:
    return sum(Path(entry["path"]).stat().st_size for entry in entries)


def _changed(path: Path) -> SourceInUse:
    return SourceInUse(
        "a source has changed since it was migrated; nothing was removed",
        where=[str(path)],
        next_command="pjais migrate",
    )


def _of_source(
    workspace: Workspace, source: dict[str, Any], name: str, there: list[dict[str, Any]], *, begun: bool
) -> tuple[list[Old], list[Stays]]:
    """Split one source, unchanged since it was migrated, into removable and kept data."""
    path = Path(source["origin"])
    hashes = {Path(entry["path"]): entry["sha256"] for entry in there if not entry["path"].endswith("-shm")}
    for one, digest in hashes.items():
        if files.sha256(one) != digest:
            raise _changed(one)
    _refuse_new_side_files(source["files"])
    whole = Old(
        name,
        source["kind"],
        path,
        (source["kind"], source["origin"]),
        frozenset(),
        tuple(Path(entry["path"]) for entry in there),
        _kind(source).folders(path),
        hashes,
        _bytes(there),
    )
    if begun:  # it was judged when it was complete
        left = _kind(source).left(path)
        return [whole if left is None else replace(whole, files=left)], []
    ref = _ref(workspace, source)
    if ref is None:
        reason = "incomplete, so its other contents are unknown"
        return ([], [Stays(name, path, whole.size, reason)]) if _is_profile(source) else ([whole], [])
    known = {(source["kind"], source["origin"]): source["files"]}
    if not _kind(source).comes_and_goes and state.is_new(ref, known, exact=False):
        raise _changed(path)
    held = _held_by(ref)
    stays = [Stays(name, one.path, one.size, one.reason, frozenset(one.names)) for one in held.stays]
    if held.parts is None:
        going = held.files or whole.files
        total = sum(one.stat().st_size for one in going)
        return ([] if stays else [replace(whole, names=held.names, files=going, size=total)]), stays
    parts = [_part(whole, part) for part in held.parts]
    return parts, stays


def _held_by(ref: SourceRef) -> Held:
    """Return the content of the location that a source was read from, which a private copy tells."""
    if not source_of(ref).shares:
        return Held()
    with tempfile.TemporaryDirectory(prefix="pjais-cleanup-") as folder:
        (snapshot,) = backup.snapshot_all(Path(folder) / "copy", [ref], at_ms=journal.now_ms())
        with opened(snapshot, decrypt=False) as found:
            return found.removable(ref)


def _belonging(name: str, one: Old) -> set[str]:
    source = of_kind(one.kind)
    return source.belonging(name, one.names) if source else set()


def _part(whole: Old, part: Part) -> Old:
    hashes = {path: digest for path, digest in whole.hashes.items() if path in part.files}
    size = sum(path.stat().st_size for path in part.files if path.exists())
    return replace(
        whole,
        name=f"{whole.name}: {part.name}",
        names=frozenset(part.names),
        files=part.files,
        hashes=hashes,
        size=size,
    )


def _ref(workspace: Workspace, source: dict[str, Any]) -> SourceRef | None:
    """Detect the source again; None if too little of it is left.

    An origin is detected in the folder of all origins, anything else by itself.
    """
    path = Path(source["origin"])
    for one in (path, path.parent) if _is_profile(source) else (path,):
        for found in detect.detect([one], target=workspace.store, named=True).sources:
            if (found.kind, str(found.path)) == (source["kind"], source["origin"]):
                return found
    return None


def _refuse_new_side_files(entries: Sequence[dict[str, Any]]) -> None:
    """Refuse a WAL or journal that is newer than the migration of its database: nobody has read it."""
    known = {entry["path"] for entry in entries}
    for path in known:
        for suffix in ("-wal", "-journal"):
            side = Path(f"{path}{suffix}")
            if str(side) not in known and side.exists() and side.stat().st_size:
                raise _changed(side)


def _named(items: list[Old], stays: list[Stays], names: Sequence[str], known: Sequence[str]) -> list[Old]:
    """Return the named items.  Raises UsageError for a name that is unknown, or that is only a part."""
    chosen: list[Old] = []
    for wanted in names:
        found = [one for one in items if wanted in _calls(one) or wanted in one.names]
        for one in found:
            others = set() if wanted in _calls(one) else one.names - {wanted} - _belonging(wanted, one)
            if others:
                raise UsageError(
                    f"{wanted} shares its files with others and cannot be removed alone; name the whole",
                    where=sorted(others),
                    safe="Nothing was removed.",
                    next_command=f"pjais cleanup {shlex.quote(one.name)}",
                )
        blocked = [one for one in stays if wanted in one.names or wanted in (one.name, one.path.name, str(one.path))]
        if not found:
            where = [f"{one.path}: {one.reason}" for one in blocked] or [wanted, *(f"known: {one}" for one in known)]
            raise UsageError(
                "this cannot be removed" if blocked else "old data not found",
                where=where,
                safe="Nothing was removed.",
                next_command="pjais cleanup",
            )
        chosen += [one for one in found if one not in chosen]
    return chosen


def _calls(one: Old) -> set[str]:
    """Return the names of an item as a whole; a part has the names of its whole, too."""
    return {one.name, one.name.split(": ", 1)[0], one.path.name, str(one.path), one.kind}


def _backed_up(workspace: Workspace, items: Sequence[Old]) -> tuple[list[Old], list[Stays]]:
    """Split items into those whose every current file is in a valid backup, and the others, which are kept."""
    wanted = {digest for one in items for digest in one.hashes.values()}
    held = set(_held(workspace, wanted))
    kept, stays = [], []
    for one in items:
        if all(digest in held for digest in one.hashes.values()):
            kept.append(one)
        else:
            reason = "current content not in any valid backup; run pjais backup create"
            stays.append(Stays(one.name, one.path, one.size, reason))
    return kept, stays


def _held(workspace: Workspace, wanted: set[str]) -> Iterator[str]:
    """Yield those of the wanted hashes that valid backups hold."""
    for folder in journal.run_folders(workspace.data_dir):
        try:
            body = backup.manifest(folder)
        except BackupFailed:
            continue
        here = {one["sha256"] for entry in body["sources"] for one in entry["files"]} & wanted
        if here and not backup.check(folder):
            yield from here


def _refuse_if_open(items: Sequence[Old]) -> None:
    users = files.users(path for one in items for path in one.files)
    if users:
        raise SourceInUse(
            "old data is open in another program; nothing was removed",
            where=[f"process {user}" for user in users],
            advice="close the app first",
            next_command="pjais cleanup",
        )


def private(workspace: Workspace) -> list[Private]:
    """Return what may hold private text and is not removed by `remove`; the largest part are the backups."""
    sources = _sources(workspace.store) if workspace.store.exists() else ()
    return private_text.find(workspace, [Path(source["origin"]) for source in sources if _is_profile(source)])
