"""Ledger entries of documents that can be confirmed without building their records (`pjais.assembly.unchanged`).

Such an entry is the only one of its document, it holds a digest that a run wrote, and nobody decided about the
document; in every other case the record itself has to be built.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pjais import canonical, sqlite
from pjais.bitset import Bitset
from pjais.core.model import Model
from pjais.targets.sqlite.entries import Origin


class Standing(NamedTuple):
    """Such an entry of a document."""

    seq: int
    outcome: str
    record_type: str


_SQL = """
SELECT native_id, min(seq), outcome, record_type FROM json_each(?) AS asked CROSS JOIN migration_records AS m
ON m.collection = ? AND m.native_id = asked.value AND m.source_path = ?
WHERE source_kind = ? AND run_id <> ?
GROUP BY asked.key HAVING count(*) = 1 AND digest IS NOT NULL AND outcome <> 'quarantined' AND m.origin IS NULL
AND database IS NULL AND NOT EXISTS (SELECT 1 FROM migration_quarantine WHERE record_seq = seq)
"""


def standing(
    db: sqlite.Connection, model: Model, run_id: str, origin: Origin, collection: str, ids: Sequence[str], met: Bitset
) -> dict[str, Standing]:
    """Return such entries of documents of a source that belongs to no web origin, by their native ids.

    `ids` names no document twice.  A document kept whole that another one superseded is imported after all
    (`Known.is_same`), so it has none here.
    """
    if not ids:
        return {}
    values = (canonical.dumps(list(ids)), collection, origin.name, origin.kind, run_id)
    return {
        native_id: Standing(seq, outcome, record_type)
        for native_id, seq, outcome, record_type in sqlite.fetch(db, _SQL, values)
        if seq not in met and (not model.is_carried(record_type) or outcome == "migrated")
    }
