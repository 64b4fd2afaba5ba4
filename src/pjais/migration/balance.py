"""Count what became of every document that was ever read, by source.

The ledger of a store is the truth about it.  After a single run without later decisions, the run's own counts say the
same, and cost nothing at any size.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import NamedTuple

from pjais import sqlite
from pjais.core.results import Counts
from pjais.targets.sqlite.decisions import WAITING


class SourceBalance(NamedTuple):
    """The outcomes of a source's documents; `origin` is the path that it was last read from."""

    kind: str
    name: str
    origin: str
    counts: Counts


def of_store(db: sqlite.Connection) -> list[SourceBalance]:
    """Return the balance of each source of a store, in the order in which they were first read."""
    told = [json.loads(text) for (text,) in sqlite.each(db, "SELECT sources FROM migration_runs ORDER BY number")]
    last = {(one["kind"], one["name"]): one for run in told for one in run}
    decided = f"SELECT 1 FROM migration_quarantine WHERE NOT ({WAITING})"
    if len(told) > 1 or sqlite.first(db, decided):
        counts = _of_ledger(db)
    else:
        counts = {key: Counts(**{name: one[name] for name in Counts().as_dict()}) for key, one in last.items()}
    return [SourceBalance(*key, one["origin"], counts.get(key, Counts())) for key, one in last.items()]


def mark(db: sqlite.Connection) -> tuple[object, ...]:
    """Return what changes whenever the balance may: it costs nothing to ask."""
    sql = "SELECT (SELECT max(number) FROM migration_runs), (SELECT max(number) FROM migration_chain)"
    return tuple(sqlite.first(db, sql) or ())


def _of_ledger(db: sqlite.Connection) -> dict[tuple[str, str], Counts]:
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    sql = "SELECT source_kind, source_path, outcome, count(*) FROM migration_records GROUP BY 1, 2, 3"
    for kind, name, outcome, count in sqlite.each(db, sql):
        found[kind, name][outcome] += count
        found[kind, name]["read"] += count
    discarded = (
        "SELECT source_kind, source_path, count(*) FROM migration_quarantine "
        f"WHERE replayed_at IS NULL AND NOT ({WAITING}) GROUP BY 1, 2"
    )
    for kind, name, count in sqlite.each(db, discarded):
        found[kind, name]["discarded"] += count
    return {key: Counts(**counts) for key, counts in found.items()}
