"""Count the documents of a source for `detect`, by database and collection, without a backup."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from pjais import canonical, journal
from pjais.core.document import Document
from pjais.core.source import SourceRef
from pjais.errors import PjaisError
from pjais.sources import backup
from pjais.sources.contract import Opened
from pjais.sources.registry import opened, source_of


class Database(NamedTuple):
    """A database of a source: the live documents of each collection, its size in bytes if it is known.

    A source that is no database has one without a name.
    """

    origin: str | None
    name: str | None
    made_by: str | None
    collections: dict[str, int]
    size: int | None = None

    @property
    def documents(self) -> int:
        """Return the number of its live documents."""
        return sum(self.collections.values())


def databases(ref: SourceRef) -> tuple[Database, ...] | None:
    """Return the databases of a source, counted on a private copy; None if it cannot be read."""
    if ref.damage is not None:
        return None
    with tempfile.TemporaryDirectory(prefix="pjais-detect-") as scratch:
        try:
            (snapshot,) = backup.snapshot_all(Path(scratch) / "copy", [ref], at_ms=journal.now_ms())
            with opened(snapshot, decrypt=False) as found:
                return _counted(found, source_of(ref).made_by)
        except PjaisError:
            return None


def _counted(found: Opened, made_by: str | None) -> tuple[Database, ...]:
    counts: dict[tuple[str | None, str | None], Counter[str]] = {}
    makers: dict[tuple[str | None, str | None], str | None] = {}
    for one in found.collections:
        counts.setdefault((one.origin, one.database), Counter())[one.name] += 0
        makers.setdefault((one.origin, one.database), one.made_by)
    for piece in found.stored():
        if isinstance(piece, Document) and not piece.is_removed:
            counts.setdefault((piece.origin, piece.database), Counter())[piece.collection] += 1
    sizes = found.sizes
    return tuple(
        Database(
            *at,
            makers.get(at) or made_by,
            {canonical.replace_surrogates(name): count for name, count in sorted(collections.items())},
            sizes.get(at),
        )
        for at, collections in sorted(counts.items(), key=lambda one: (one[0][0] or "", one[0][1] or ""))
    )
