"""Choose the id of a record: its own, a new one (`--ids new`), or the one that an earlier migration assigned.

LiveStore's imports may have assigned new ids and kept the old ones as `sourceId` (guide B, and our own `--ids new`).
Then the record with the old id, in the store it came from, is the same record: the newest store's id stays, and every
reference follows.  Nothing is merged without such a map.

The map is kept in the target's `migration_ids`, so that a later run and every proof see the same ids.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from pjais import choices, sqlite
from pjais.core.snapshot import Snapshot
from pjais.sources.registry import source_of

NAMESPACE = uuid.UUID("6a1d5c1e-3f5b-5d0c-9a43-70a6d9a3c0e1")
"""The namespace of ids made by `--ids new`: UUIDv5 of `<source kind>:<native id>`."""

_MOVED = "$moved:"
"""Prefix of map entries for ids changed by an earlier migration: `$moved:<table>:<old id>`."""

Change = Callable[[str, tuple[str, ...]], str]
"""(id, the tables that it may belong to) -> the current id."""


def option(db: sqlite.Connection) -> choices.Ids:
    """Return the id option of a store's first run, which later runs must keep."""
    return "new" if sqlite.value(db, "SELECT ids FROM migration_runs ORDER BY number LIMIT 1") == "new" else "keep"


def known(db: sqlite.Connection) -> dict[str, str]:
    """Return the map of a store: id in the source -> id in the store."""
    return sqlite.pairs(db, "SELECT old_id, new_id FROM migration_ids")


class Ids:
    """The ids of one target.  `known`: the content of its `migration_ids`; `new`: every record gets a new one."""

    def __init__(self, known: dict[str, str] | None = None, *, new: bool = False) -> None:
        self.map = known if known is not None else {}
        self.new = new

    @classmethod
    def of(cls, db: sqlite.Connection) -> Ids:
        """Return the ids of a store, as its runs assigned them."""
        return cls(known(db), new=option(db) == "new")

    @classmethod
    def of_file(cls, path: Path | None, *, new: bool = False) -> Ids:
        """Return the ids of the store in a file (None: no store yet), for a run with this choice of ids."""
        if path is None:
            return cls(new=new)
        with closing(sqlite.open_reader(path)) as db:
            return cls(known(db), new=new)

    @property
    def active(self) -> bool:
        """True if any id changes at all."""
        return self.new or bool(self.map)

    def learn(self, snapshots: Iterable[Snapshot]) -> None:
        """Add the ids that earlier migrations assigned, from the snapshots' LiveStore stores."""
        for snapshot in snapshots:
            if snapshot.damage is None:
                for table, old, new in source_of(snapshot).moved_ids(snapshot):
                    self.map.setdefault(f"{_MOVED}{table}:{old}", new)

    def of_kind(self, kind: str) -> Change:
        """Return the function from an id in a source of this kind to the current id."""

        def change(old: str, tables: tuple[str, ...]) -> str:
            name = self._moved(old, tables)
            if not self.new:
                return name
            return self.map.get(name) or self.map.setdefault(name, str(uuid.uuid5(NAMESPACE, f"{kind}:{name}")))

        return change

    def _moved(self, old: str, tables: tuple[str, ...]) -> str:
        """Follow an id through all migrations; one in a cycle stays."""
        name, met = old, {old}
        while True:
            following = next(
                (self.map[key] for table in tables if (key := f"{_MOVED}{table}:{name}") in self.map), None
            )
            if following is None:
                return name
            if following in met:
                return old
            met.add(following)
            name = following
