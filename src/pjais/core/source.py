"""Results of a search: sources, and stores that were found and are not migrated.

A module of its own, so that a search that finds nothing loads nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pjais.core.shown import fields_as_json

CANNOT_BE_READ = "cannot be read"
"""Prefix of `damage` for a source whose content could not be inspected."""

NAME_IT = "name it to include it"
"""The end of the reason of what is a source if its owner names it."""

LEAVES = "a link that leaves the folder; name it to follow it"
"""Reason why a link is not followed."""


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A location with existing data.

    `path` is its main file or folder, `root` the base of relative names, `files` every file that belongs to it
    (a WAL too).  `dialect` names the mapping of its documents (the kind `pjais` has two: its SQLite file and its
    export).  `damage` is the reason why the content is not what its name says, if any.
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
        """Return the source's path for people and reports: relative to its root if that is a folder.

        A root that is a whole drive says nothing, and a path without its leading `/` would be another path.
        """
        if self.root == Path(self.root.anchor) or not self.path.is_relative_to(self.root):
            return self.path.as_posix()
        return self.path.relative_to(self.root).as_posix()


class Passed(NamedTuple):
    """A store or file that was found and is not a source, with the reason; every report names it.

    `size` is in bytes.  `kind`: indexeddb, web-storage, opfs, sqlite, json, pjais, link, ...; `made_by` the library or
    program if known; `origin`, `database` and `stores` (object stores) are set for browser stores.
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
        """Return its path and the database in it, for people."""
        return str(self.path) if self.database is None else f"{self.path}, database {self.database}"

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as a JSON object."""
        return fields_as_json(self)
