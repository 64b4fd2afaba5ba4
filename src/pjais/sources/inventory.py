"""Take an inventory of what a search found: each source with its number of documents, and what is no source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pjais import files
from pjais.core.source import Passed, SourceRef
from pjais.sources import unpacked
from pjais.sources.found import Found

if TYPE_CHECKING:
    from pjais.sources.count import Database


class Detected(NamedTuple):
    """One source.  `records`: its live documents, None if they cannot be counted; `size` is in bytes.

    `databases`: where they are, by web origin and database; none if they cannot be counted.
    """

    ref: SourceRef
    records: int | None
    size: int
    in_use: bool
    notes: tuple[str, ...]
    databases: tuple[Database, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the source as a JSON object."""
        return {
            "kind": self.ref.kind,
            "path": str(unpacked.shown(self.ref.path)),
            "version": self.ref.version,
            "records": self.records or 0,
            "countable": self.records is not None,
            "size": self.size,
            "in_use": self.in_use,
            "damage": self.ref.damage,
            "notes": list(self.notes),
            "databases": [
                {
                    "origin": one.origin,
                    "database": one.name,
                    "made_by": one.made_by,
                    "collections": [{"name": name, "documents": count} for name, count in one.collections.items()],
                    "documents": one.documents,
                    "size": one.size,
                }
                for one in self.databases
            ],
        }


class Inventory(NamedTuple):
    """The sources, and the stores and files that were found and are not migrated."""

    sources: tuple[Detected, ...]
    passed: tuple[Passed, ...]


def take(found: Found) -> Inventory:
    """Count the documents of each source, on private copies."""
    if not found.sources:
        return Inventory((), found.passed)
    from pjais.sources import count  # the readers, which a search that finds nothing does without

    return Inventory(tuple(_detected(ref, count.databases(ref)) for ref in found.sources), found.passed)


def _detected(ref: SourceRef, databases: tuple[Database, ...] | None) -> Detected:
    existing = [path for path in ref.files if path.exists()]
    notes = (*ref.notes, f"damaged: {ref.damage}") if ref.damage else ref.notes
    size = sum(path.stat().st_size for path in existing)
    records = None if databases is None else sum(one.documents for one in databases)
    return Detected(ref, records, size, bool(files.users(existing)), tuple(notes), databases or ())
