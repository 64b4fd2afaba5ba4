"""Exports and targets of other packages: write everything of a verified store, read it back, compare.

A target of another package is treated like ours: written to a temporary folder, read back and compared document by
document, then put in place by one rename; the previous folder is kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from pjais import canonical, extensions, files, journal, sqlite
from pjais.errors import UsageError, VerificationFailed
from pjais.exchange import transfer
from pjais.extensions import Documents
from pjais.workspace import Workspace


class Written(NamedTuple):
    """The result: the folder, the number of documents, and where the previous folder is kept (None: there was none)."""

    folder: Path
    documents: int
    before: Path | None


def export(
    workspace: Workspace, store: Path | None, name: str, write: Callable[[str], object], password: str | None
) -> None:
    """Write a store or a source with an added exporter.  Raises UsageError for an unknown one."""
    exporter = extensions.exporter(name)
    if exporter is None:
        known = ", ".join(("pjais", "rxdb-export", *extensions.names("exporters")))
        raise UsageError(f"there is no exporter {name}", where=[f"known: {known}"])
    with transfer.opened(workspace, store, password) as db:
        exporter(transfer.documents(db, workspace.model), write)


def write(workspace: Workspace, name: str) -> Written:
    """Write the workspace's store to an added target, in `<data>/<name>`.

    Raises UsageError for an unknown target, VerificationFailed if it does not read back what was written.
    """
    target = extensions.target_kind(name)
    if target is None:
        known = ", ".join(("sqlite", "livestore", *extensions.names("targets")))
        raise UsageError(f"there is no target {name}", where=[f"known: {known}"])
    folder = workspace.data_dir / name
    beside = workspace.data_dir / f".{name}.{journal.new_run_id()}.new"
    files.private_folder(beside)
    try:
        with closing(sqlite.open_reader(workspace.target)) as db:
            target.write(transfer.documents(db, workspace.model), beside)
            count, missing = _compare(transfer.documents(db, workspace.model), target.read(beside))
        if missing:
            raise VerificationFailed(
                "the new store does not hold what was given; it was not put in place", where=missing[:20]
            )
        before = None
        if folder.exists():
            before = workspace.data_dir / f"{name}.before-{beside.name.split('.')[2]}"
            files.replace(folder, before)
        files.replace(beside, folder)
    except BaseException:
        files.remove_folder(beside)
        raise
    return Written(folder, count, before)


def _compare(given: Documents, found: Documents) -> tuple[int, list[str]]:
    """Return (number of documents, those that are missing, changed or unexpected)."""
    wanted = {(name, str(document["id"])): canonical.dumps(document, sort=True) for name, document in given}
    count, wrong = len(wanted), []
    for name, document in found:
        key = (name, str(document.get("id")))
        if wanted.pop(key, None) != canonical.dumps(document, sort=True):
            wrong.append(f"{name} {key[1]}: not what was given")
    return count, wrong + [f"{name} {key}: missing" for name, key in wanted]
