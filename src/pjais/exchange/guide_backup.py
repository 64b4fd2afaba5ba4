"""Write guide B's backup JSON for a backup without a migration, and check it against the raw files.

A migration writes these files while it reads (`guide_export.Backups`).  Here they are derived from the snapshot alone,
so the same function can check later that they still match the raw files.  Data that cannot be in them (an encrypted
source without its password, documents that are no records) is reported and fails nothing: the raw files are the
backup.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from pjais.assembly.assemble import Same, items
from pjais.assembly.normalise import Choices, Reading
from pjais.core.document import Document, Remark
from pjais.core.model import Model
from pjais.core.snapshot import Snapshot
from pjais.display import counted
from pjais.errors import BackupFailed, PasswordNeeded
from pjais.exchange import guide_export
from pjais.sources import backup
from pjais.sources.registry import source_of

CONTENT = "rxdb-backup"
"""The manifest's name for such a file; only these are compared, since 0.1.0 wrote others (`--ids new`)."""

LOCKED = "the password is missing or wrong"
_EXPORTED_AT = re.compile(rb'  "exportedAt": \d+,\n')


class Made(NamedTuple):
    """The written files, and a line for everything that is not in them."""

    exports: tuple[guide_export.Made, ...] = ()
    left_out: tuple[str, ...] = ()


def named(exports: Sequence[guide_export.Made], *, comparable: bool = True) -> list[dict[str, Any]]:
    """Return files as the manifest names them; `comparable`: `write` would produce the same from the raw files."""
    content = {"content": CONTENT} if comparable else {}
    return [{**backup.weighed(one.path), **content, "origin": one.origin, "database": one.database} for one in exports]


def write(model: Model, folder: Path, snapshots: tuple[Snapshot, ...], at_ms: int, password: str | None = None) -> Made:
    """Write and read back the guide's backup of each RxDB snapshot."""
    password = os.environ.get("PJAIS_PASSWORD") if password is None else password
    rest = tuple(one for one in snapshots if source_of(one).guide_backup)
    left_out: list[str] = []
    while rest:
        choices = Choices(password=password)
        with closing(guide_export.Backups(model, folder, at_ms, choices)) as backups:
            refused, locked = _fill(model, backups, rest, choices)
            if locked is None:
                return Made(tuple(backups.finish()), (*left_out, *refused))
        left_out.append(f"{locked.name}: {LOCKED}")
        rest = tuple(one for one in rest if one is not locked)
    return Made((), tuple(left_out))


def _fill(
    model: Model, backups: guide_export.Backups, snapshots: tuple[Snapshot, ...], choices: Choices
) -> tuple[list[str], Snapshot | None]:
    """Pass all live records on; return the invalid documents, or the snapshot that could not be decrypted."""
    lines = []
    for snapshot in snapshots:
        refused = 0
        try:
            for item in items(model, snapshot, choices):
                if isinstance(item, Reading):
                    refused += item.record is None and not isinstance(item.piece, Remark)
                elif not isinstance(item, Same | Document) and not item[0].removed:
                    backups.put(snapshot, item[0])
        except PasswordNeeded:
            return [], snapshot
        if refused:
            lines.append(
                f"{snapshot.name}: {counted(refused, 'document')} only in the raw files: not valid as a record"
            )
    return lines, None


def check(model: Model, folder: Path, password: str | None = None) -> tuple[list[str], list[str]]:
    """Compare the guide's files of a backup with its raw files; return (differences, files not compared)."""
    named = [str(one["stored"]) for one in backup.manifest(folder).get("exports", ()) if one.get("content") == CONTENT]
    there = [name for name in named if (folder / name).is_file()]
    if not there:
        return [], []
    with tempfile.TemporaryDirectory(prefix="pjais-guide-") as scratch:
        try:
            made = write(model, Path(scratch), backup.load(folder), 0, password)
        except BackupFailed as error:
            return [], [f"{name}: {error.what}" for name in there]
        if any(line.endswith(LOCKED) for line in made.left_out):
            return [], [f"{name}: {LOCKED}" for name in there]
        wrong = [f"{name}: no RxDB data in the raw files" for name in there[len(made.exports) :]]
        for name, again in zip(there, made.exports, strict=False):
            line = _difference(folder / name, again.path)
            if line is not None:
                wrong.append(f"{name}: line {line} differs from the raw files")
    return wrong, []


def _difference(path: Path, again: Path) -> int | None:
    """Return the first line in which two such files differ, except for the time of export."""
    with path.open("rb") as left, again.open("rb") as right:
        for number, (one, other) in enumerate(zip_longest(_lines(left), _lines(right)), 1):
            if one != other:
                return number
    return None


def _lines(file: Any) -> Iterator[bytes]:
    for line in file:
        yield b"" if _EXPORTED_AT.fullmatch(line) else line
