"""Back up first: a source's raw bytes, a consistent copy of each SQLite file, and a manifest that proves them.

A backup is a folder.  Its raw files are stored under their relative paths; SQLite files are copied with their WAL
and journal, and once more through SQLite's backup API.  Every file has a size and a SHA-256, and the backup
is test-restored when it is made: read back, hashed, opened.  A source that changes while it is copied is
copied again; if it keeps changing, that is MIGRATION_005.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from pjais import canonical, files, instants, journal, sqlite, web_origin
from pjais.core.snapshot import CopiedFile, Snapshot
from pjais.core.source import CANNOT_BE_READ, SourceRef
from pjais.errors import BackupFailed, SourceDamaged, SourceInUse
from pjais.sources import stored
from pjais.sources.contract import Frozen
from pjais.sources.registry import source_of

MANIFEST = "manifest.json"
_FORMAT = "pjais-backup"
_TRIES = 6
_RESERVED = frozenset(
    {
        MANIFEST,
        "journal.jsonl",
        "places.bin",
        "report.json",
        "report.html",
        "previous.sqlite",
        "previous.eventlog.db",
        "outside",
    }
)
Progress = Callable[[str, int, int], None]
"""Called with the name of a phase, the bytes done, and all bytes."""


def snapshot_all(
    folder: Path,
    refs: Sequence[SourceRef],
    *,
    at_ms: int,
    progress: Progress | None = None,
    earlier: stored.Earlier | None = None,
    **more: Any,
) -> tuple[Snapshot, ...]:
    """Copy every source into `folder`, test the copies, and write the manifest, including `more`.

    `earlier`: the files of earlier backups (`stored_files`), which are hard-linked, not copied.

    Raises BackupFailed, SourceInUse, or SourceDamaged for a file that cannot be opened at all.
    """
    try:
        files.private_folder(folder)
        snapshots: list[Snapshot] = []
        sizes = [files.size_of(source_of(ref).files(ref)) for ref in refs]
        for number, ref in enumerate(refs):
            tell = _counting(progress, "back up", sum(sizes[:number]), sizes[number], sum(sizes))
            known = (earlier or stored.Earlier()).also(_shared(folder, ref, snapshots))
            snapshots.append(_snapshot(folder, ref, number, at_ms, known, tell))
        write_manifest(folder, snapshots, at_ms, **more)
    except OSError as error:
        raise BackupFailed(
            f"the backup could not be written: {error.strerror or error}", where=[str(error.filename or folder)]
        ) from error
    written = sum(one.size for snapshot in snapshots for one in snapshot.files)
    broken = check(folder, _counting(progress, "check the backup", 0, written, written))
    if broken:
        raise BackupFailed("the backup cannot be restored", where=broken)
    return tuple(snapshots)


def _counting(progress: Progress | None, phase: str, before: int, part: int, total: int) -> files.Tell:
    """Return what counts the bytes of one part of a phase; a file that is copied again counts once."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done = min(done + more, part)
        if progress is not None:
            progress(phase, before + done, total)

    return tell


def _shared(folder: Path, ref: SourceRef, snapshots: Sequence[Snapshot]) -> dict[str, Path]:
    """Return the copied files of a source in the same place, by SHA-256: two kinds may share an origin's files."""
    there = [one for one in snapshots if one.origin == str(ref.path)]
    return {file.sha256: folder / file.stored for one in there for file in one.files}


def _snapshot(
    folder: Path, ref: SourceRef, number: int, at_ms: int, earlier: stored.Earlier, tell: files.Tell
) -> Snapshot:
    copied = _copy_still(folder, ref, number, earlier, tell)
    if ref.damage is not None and ref.damage.startswith(CANNOT_BE_READ):  # not inspected then, readable now
        raise SourceInUse(
            "a source was temporarily unreadable", where=[str(ref.path)], advice="run the same command again"
        )
    opened = _opened_path(folder, str(ref.path), copied)
    frozen = Frozen(opened) if ref.damage is not None else source_of(ref).freeze(folder, opened, copied, at_ms)
    return Snapshot(
        ref.kind,
        ref.dialect,
        canonical.replace_surrogates(ref.name),
        str(ref.path),
        frozen.path,
        copied,
        folder,
        frozen.consistent,
        ref.damage,
        frozen.unsound,
        web_origin.of_place(ref.path),
    )


def _opened_path(folder: Path, origin: str, copied: Sequence[CopiedFile]) -> Path:
    """Return the path that a reader opens: the copy of the source's file, or the folder that is the copy of its own."""
    for one in copied:
        if one.source == origin:
            return folder / one.stored
        if Path(one.source).is_relative_to(origin):
            return (folder / one.stored).parents[len(Path(one.source).relative_to(origin).parts) - 1]
    return folder / copied[0].stored


def _copy_still(
    folder: Path, ref: SourceRef, number: int, earlier: stored.Earlier, tell: files.Tell
) -> tuple[CopiedFile, ...]:
    """Copy the files of a source until none changed meanwhile; a SQLite file and its side files count as one."""
    source = source_of(ref)
    for attempt in range(_TRIES):
        copied: list[CopiedFile] = []
        try:
            before = source.still(ref)
            wanted = source.files(ref)
            prefix = _prefix(folder, ref, wanted, number)
            ends = {path: path.stat().st_size for path in wanted if path.name.endswith("-wal")}  # all at the same time
            for path in wanted:
                if not path.exists() and path != ref.path:
                    continue
                relative = _relative(ref, path)
                name, limit = prefix + relative, ends.get(path, sys.maxsize)
                in_parts = source.opens_stream and wanted == [ref.path]
                size, digest, parts = stored.copy(
                    path, folder, name, earlier, limit=limit, in_parts=in_parts, tell=tell
                )
                copied.append(CopiedFile(str(path), relative, name, size, digest, path.stat().st_mtime_ns, parts))
        except FileNotFoundError as error:
            if str(error.filename or "").startswith(str(folder)):  # the copy's path is too long for Windows
                raise
            _discard(folder, copied)
            if attempt == _TRIES - 1 or not ref.path.exists():
                raise SourceInUse("a source disappeared while it was copied", where=[str(error.filename)]) from error
            continue
        except PermissionError as error:
            if str(error.filename or "").startswith(str(folder)):
                raise
            if files.in_use(error):
                raise SourceInUse("another program has a source open", where=[str(error.filename)]) from error
            raise SourceDamaged("a source cannot be read: permission denied", where=[str(error.filename)]) from error
        if copied and before == source.still(ref):
            return tuple(copied)
        _discard(folder, copied)
        time.sleep(0.05 * 2**attempt)
    raise SourceInUse("a source kept changing while it was copied", where=[str(ref.path)])


def stored_files(folders: Iterable[Path]) -> stored.Earlier:
    """Return the source files in these backups, the latest last; an invalid backup contributes none."""
    found = []
    for folder in folders:
        with suppress(BackupFailed):
            found.append((folder, [one for snapshot in load(folder) for one in snapshot.files]))
    return stored.earlier(found)


def _discard(folder: Path, copied: Sequence[CopiedFile]) -> None:
    for one in copied:
        stored.discard(folder, one.stored)


def _relative(ref: SourceRef, path: Path) -> str:
    return path.relative_to(ref.root).as_posix() if path.is_relative_to(ref.root) else path.name


def _prefix(folder: Path, ref: SourceRef, wanted: Sequence[Path], number: int) -> str:
    """Return where the files of a source are stored: by their relative paths, unless another file has one of them."""
    for path in wanted:
        relative = _relative(ref, path)
        if relative.split("/", 1)[0] in _RESERVED or (folder / relative).exists():
            return f"outside/{number}/"
    return ""


def write_manifest(folder: Path, snapshots: Sequence[Snapshot], at_ms: int, **more: Any) -> None:
    """Write `manifest.json`; it carries a hash over itself."""
    body = {
        "format": _FORMAT,
        "version": 1,
        "run": folder.name,
        "created_at": instants.to_text(at_ms),
        "sources": [_source_entry(snapshot) for snapshot in snapshots],
        **more,
    }
    body["sha256"] = _self_hash(body)
    text = json.dumps(body, indent=2, ensure_ascii=False)
    files.write_atomically(folder / MANIFEST, text.encode("utf-8", "surrogateescape"))


def _source_entry(snapshot: Snapshot) -> dict[str, Any]:
    consistent = snapshot.consistent and snapshot.folder / snapshot.consistent
    return {
        "kind": snapshot.kind,
        "dialect": snapshot.dialect,
        "name": snapshot.name,
        "origin": snapshot.origin,
        "web_origin": snapshot.web_origin,
        "damage": snapshot.damage,
        "unsound": list(snapshot.unsound),
        "files": [stored.entry(one) for one in snapshot.files],
        "consistent": None
        if consistent is None or not snapshot.consistent
        else {
            "stored": snapshot.consistent,
            "size": consistent.stat().st_size,  # type: ignore[union-attr]
            "sha256": files.sha256(consistent),  # type: ignore[arg-type]
        },
    }


def _self_hash(body: dict[str, Any]) -> str:
    rest = {key: value for key, value in body.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a backup.  Raises BackupFailed if it is missing or was changed."""
    try:
        body = json.loads((folder / MANIFEST).read_bytes().decode("utf-8", "surrogateescape"))
        sound = body.get("format") == _FORMAT and body.get("sha256") == _self_hash(body)
    except (OSError, ValueError, AttributeError) as error:
        raise BackupFailed("a backup's manifest cannot be read", where=[str(folder / MANIFEST)]) from error
    if body.get("run") != folder.name:
        raise BackupFailed(
            "the backup does not match its folder name", where=[f"{folder / MANIFEST}: of {body.get('run')}"]
        )
    if not sound:
        raise BackupFailed("a backup's manifest was changed", where=[str(folder / MANIFEST)])
    return dict(body)


def link(folder: Path) -> dict[str, Any]:
    """Return what a link of the chain records of a run's backup: its folder, its manifest, its journal so far."""
    return {"folder": str(folder), "manifest": manifest(folder)["sha256"], "journal": journal.extent(folder)}


def weighed(path: Path) -> dict[str, Any]:
    """Return the manifest entry of a further file of a backup: its name, size in bytes, SHA-256."""
    return {"stored": path.name, "size": path.stat().st_size, "sha256": files.sha256(path)}


def load(folder: Path) -> tuple[Snapshot, ...]:
    """Return the snapshots of a backup, for reading them again."""
    found = []
    for entry in manifest(folder)["sources"]:
        copied = tuple(stored.of_entry(one) for one in entry["files"])
        consistent = entry["consistent"] and entry["consistent"]["stored"]
        path = folder / consistent if consistent else _opened_path(folder, entry["origin"], copied)
        found.append(
            Snapshot(
                entry["kind"],
                entry["dialect"],
                entry["name"],
                entry["origin"],
                path,
                copied,
                folder,
                consistent,
                entry["damage"],
                tuple(entry["unsound"]),
                entry.get("web_origin"),
            )
        )
    return tuple(found)


def check(folder: Path, tell: files.Tell = files.silent) -> list[str]:
    """Read every file of a backup back; return the mismatches, empty for a valid backup.

    `tell` is called with the bytes of the sources' files that were read back.
    """
    wrong = []
    body = manifest(folder)
    for entry in body["sources"]:
        consistent = [entry["consistent"]] if entry["consistent"] else []
        for copy in map(stored.of_entry, entry["files"]):
            wrong += stored.check(folder, copy)
            tell(copy.size)
        for one in consistent:
            wrong += stored.check_file(folder / one["stored"], one["size"], one["sha256"])
        if consistent and not wrong and not entry["unsound"]:
            with closing(sqlite.open_frozen(folder / consistent[0]["stored"])) as connection:
                wrong += [f"{consistent[0]['stored']}: {line}" for line in _opens(connection)]
    previous = [body[name] for name in ("previous", "previous_log") if body.get(name)]
    for one in (*body.get("exports", ()), *previous):
        wrong += stored.check_file(folder / one["stored"], one["size"], one["sha256"])
    return wrong


def _opens(connection: sqlite.Connection) -> list[str]:
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except sqlite.Error as error:
        return [str(error)]
    return []


def _refuse_outside(wanted: Sequence[CopiedFile]) -> None:
    """Refuse paths outside the destination: anyone can compute a manifest's hash, also for a planted backup."""
    kept = [part.stored for one in wanted for part in one.parts or ()]
    told = [*kept, *(path for one in wanted for path in (one.original, one.stored))]
    outside = [path for path in told if Path(path).anchor or ".." in Path(path).parts]
    if outside:
        raise BackupFailed("the backup names files outside its folder; nothing was restored", where=outside)


def restore(folder: Path, destination: Path, progress: Progress | None = None) -> list[Path]:
    """Write the raw files of a backup below `destination`, which must not hold any of them; return them.

    Raises BackupFailed if the backup is invalid or a file already exists.
    """
    wrong = check(folder)
    if wrong:
        raise BackupFailed("the backup is not valid; nothing was restored", where=wrong)
    wanted = [one for snapshot in load(folder) for one in snapshot.files]
    _refuse_outside(wanted)
    in_the_way = [str(destination / one.original) for one in wanted if (destination / one.original).exists()]
    if in_the_way:
        raise BackupFailed(
            "files already exist; nothing was restored",
            where=in_the_way,
            advice="restore into an empty folder",
            next_command=f"pjais backup restore {shlex.quote(folder.name)} --to restored-{shlex.quote(folder.name)}",
        )
    size = sum(one.size for one in wanted)
    tell = _counting(progress, "restore", 0, size, size)
    for one in wanted:
        restore_file(folder, one, destination / one.original)
        tell(one.size)
    return [destination / one.original for one in wanted]


def restore_file(folder: Path, one: CopiedFile, destination: Path) -> None:
    """Write one raw file of a backup to an unused path.  Raises BackupFailed if its content differs."""
    with one.open(folder) as copy:
        _, digest = files.write_hashed(copy, destination)
    if digest != one.sha256:
        files.remove(destination)
        raise BackupFailed("a file changed while it was restored", where=[one.original])
