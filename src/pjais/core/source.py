"""The values that a search gives: places where earlier data lies, and what was found and is not taken.

They stand apart from the rest of the model, since a search that finds nothing loads nothing else of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

CANNOT_BE_READ = "cannot be read"
"""Begins the damage of a source whose content nobody could look at."""


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A place where earlier data lies.

    `path` is its main file or folder, `root` the folder that relative names are counted from, `files` every
    file that belongs to it (a WAL too).  `dialect` names the reader and the mapping (the kind `pjais` has two,
    its SQLite file and its export).  `damage` says why the content is not what its name says, if so.
    """

    kind: str
    dialect: str
    path: Path
    root: Path
    files: tuple[Path, ...]
    version: str | None = None
    damage: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The source's path as people and reports see it: relative to its root where that is a folder of its own.

        A root that is a whole drive says nothing, and a path without its first `/` would be another one.
        """
        if self.root == Path(self.root.anchor) or not self.path.is_relative_to(self.root):
            return self.path.as_posix()
        return self.path.relative_to(self.root).as_posix()


class Passed(NamedTuple):
    """A store or a file that was found and is not taken as a source, and why; it is named in every account.

    `size` is in bytes.  `kind`: indexeddb, web-storage, opfs, sqlite, json, pjais, link, ...; `made_by` the library or
    program where that is known; `origin`, `database` and `stores` (object stores) those of a browser's store.
    """

    path: Path
    reason: str
    size: int = 0
    kind: str = "file"
    made_by: str | None = None
    origin: str | None = None
    database: str | None = None
    stores: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What it is, for people: its path, and the database in it."""
        return str(self.path) if self.database is None else f"{self.path}, database {self.database}"

    def as_dict(self) -> dict[str, Any]:
        """The entry as a JSON object."""
        return {
            "path": str(self.path), "reason": self.reason, "size": self.size, "kind": self.kind,
            "made_by": self.made_by, "origin": self.origin, "database": self.database, "stores": list(self.stores),
        }  # fmt: skip


HISTORY = (
    "rxdb-profile", "rxdb-dump", "rxdb-export", "livestore-opfs", "livestore", "livestore-db", "json",
    "pjais-files", "pjais-flat", "pjais-drizzle", "pjais",
)  # fmt: skip
"""The source kinds in the order of the app's history: of two equally old copies the later kind's counts."""


def rank(kind: str) -> int:
    """The place of a kind in the app's history; kinds that other packages add stand before all of ours."""
    return HISTORY.index(kind) if kind in HISTORY else -1
