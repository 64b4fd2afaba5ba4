"""Find what may hold private text and is not removed by `cleanup`: backups, logs, other storage of a profile."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pjais import files
from pjais.core.shown import fields_as_json
from pjais.side_by_side import shadow
from pjais.workspace import Workspace


class Private(NamedTuple):
    """A file or folder with possibly private text that is kept: its path, size and description."""

    path: Path
    size: int
    about: str

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as a JSON object."""
        return fields_as_json(self)


_IN_DATA_DIR = (
    (shadow.LOG, "the discrepancy log: ids and fields, no content"),
    ("since-switch-*.pjais.json", "records written to the target before switching back"),
    ("rxdb-since-switch-*.json", "the same as the guide's export"),
    ("**/*.before-upgrade", "a store as it was before its upgrade"),
    ("*.before-*", "what an export was written over"),
    ("**/*.sqlite-*.left-*", "side files of a store that was removed"),
)
_IN_BACKUPS = (
    ("*/previous.sqlite", "the store as it was before a run"),
    ("*/previous.eventlog.db", "the event log as it was before a run"),
    ("*/rolled-back-*", "a store that was rolled back"),
    ("*/rxdb-backup-*.json", "the guide's export of an RxDB source"),
)
_OF_PROFILE = (
    ("Local Storage", "what the app kept in localStorage"),
    ("Session Storage", "what it kept in sessionStorage"),
    ("ls", "what the app kept in localStorage"),
    ("webappsstore.sqlite", "what it kept in localStorage"),
)


def find(workspace: Workspace, profiles: Iterable[Path]) -> list[Private]:
    """Return the files and folders; `profiles` are the browser stores that were sources."""
    found: list[tuple[Path, str]] = []
    if workspace.backups.is_dir():
        found.append((workspace.backups, "the backups: every source as it was; pjais backup prune removes some"))
        found += [(path, about) for pattern, about in _IN_BACKUPS for path in sorted(workspace.backups.glob(pattern))]
    found += [
        (path, about)
        for pattern, about in _IN_DATA_DIR
        for path in sorted(workspace.data_dir.glob(pattern))
        if not path.is_relative_to(workspace.backups)
    ]
    for folder in _folders(workspace, profiles):
        found += [(folder / name, about) for name, about in _OF_PROFILE if (folder / name).exists()]
    return [Private(path, _whole_size(path), about) for path, about in dict(found).items()]


def _folders(workspace: Workspace, profiles: Iterable[Path]) -> list[Path]:
    """Return the folders of browser profiles, and those of Firefox's origins."""
    found: dict[Path, None] = {}
    for path in profiles:
        found |= dict.fromkeys(path.parents[:4])
    return [
        one
        for one in found
        if one.is_dir() and one not in (workspace.data_dir.parent, *workspace.data_dir.parent.parents)
    ]


def _whole_size(path: Path) -> int:
    every = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in every if files.is_plain_file(one))
