"""Ledger entries of documents that can be confirmed without building their records (`pjais.assembly.unchanged`).

Such an entry is the only one of its document, it holds a digest that a run wrote, and nobody decided about the
document; in every other case the record itself has to be built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pjais import canonical, sqlite
from pjais.targets.sqlite.collection_names import Names
from pjais.targets.sqlite.ledger import Account
from pjais.targets.sqlite.places import Places


class Standing(NamedTuple):
    """Such an entry of a document."""

    seq: int
    outcome: str
    record_type: str


class Group(NamedTuple):
    """A number of such entries that are alike."""

    collection: str
    outcome: str
    record_type: str
    size: int


_BY_ID = """
SELECT native_id, min(seq), outcome, record_type FROM json_each(?) AS asked CROSS JOIN migration_records AS m
ON m.collection = ? AND m.native_id = asked.value AND m.source_path = ?
WHERE source_kind = ? AND run_id <> ?
GROUP BY asked.key HAVING count(*) = 1 AND digest IS NOT NULL AND outcome <> 'quarantined' AND m.origin IS NULL
AND database IS NULL AND NOT EXISTS (SELECT 1 FROM migration_quarantine WHERE record_seq = seq)
"""
_DOUBTFUL = """
SELECT seq FROM migration_records WHERE source_path = ?1 AND source_kind = ?2 AND (digest IS NULL OR native_id IS NULL
OR origin IS NOT NULL OR database IS NOT NULL OR outcome = 'quarantined'
OR outcome <> 'migrated' AND record_type IN (SELECT value FROM json_each(?3)))
UNION SELECT record_seq FROM migration_quarantine
UNION SELECT seq FROM (
SELECT collection AS its, native_id AS id FROM migration_records WHERE source_path = ?1
GROUP BY 1, 2 HAVING count(*) > 1
) CROSS JOIN migration_records AS m ON m.collection = its AND m.native_id = id AND m.source_path = ?1
"""
_IN_RANGES = """
FROM json_each(?) AS asked CROSS JOIN migration_records AS m NOT INDEXED
ON m.seq BETWEEN asked.value ->> 0 AND asked.value ->> 1
WHERE source_path = ? AND source_kind = ? AND run_id <> ?
"""
"""NOT INDEXED: by their numbers, which are few, while nearly all entries are of one source, collection and outcome.
By an index of those, each of ten thousand changed documents of a million would read the entries of all of them."""
_FIRST = f"SELECT collection, outcome, record_type {_IN_RANGES} LIMIT 1"
_ALIKE = f"SELECT count(*) {_IN_RANGES} AND collection = ? AND outcome = ? AND record_type = ?"
_GROUPS = f"SELECT collection, outcome, record_type, count(*) {_IN_RANGES} GROUP BY 1, 2, 3"


class Standings:
    """Such entries of the source that a run reads: one that belongs to no web origin."""

    def __init__(self, db: sqlite.Connection, account: Account, names: Names) -> None:
        self._db, self._account, self._names = db, account, names

    def of(self, collection: str, ids: Sequence[str]) -> dict[str, Standing]:
        """Return the entries of documents by their native ids, of which none may be named twice.

        A document kept whole that another one superseded is imported after all (`Known.is_same`), so it has none here.
        """
        if not ids:
            return {}
        origin, is_carried = self._account.origin, self._account.model.is_carried
        values = (canonical.dumps(list(ids)), collection, origin.name, origin.kind, self._account.run_id)
        return {
            native_id: Standing(seq, outcome, record_type)
            for native_id, seq, outcome, record_type in sqlite.fetch(self._db, _BY_ID, values)
            if seq not in self._account.met and (not is_carried(record_type) or outcome == "migrated")
        }

    def doubtful(self) -> set[int]:
        """Return the numbers of all entries that `of` would not return."""
        origin, model = self._account.origin, self._account.model
        carried = canonical.dumps([one.name for one in model.tables if model.is_carried(one.name)])
        return {seq for (seq,) in sqlite.each(self._db, _DOUBTFUL, (origin.name, origin.kind, carried))}

    def groups(self, there: Places) -> list[Group] | None:
        """Return the entries of documents, which are not doubtful; None if not all are there, or one was met."""
        ranges = there.ranges
        if any(self._account.met.has_any(first, last) for first, last in ranges):
            return None
        origin = self._account.origin
        values = (canonical.dumps(ranges), origin.name, origin.kind, self._account.run_id)
        first = sqlite.first(self._db, _FIRST, values)
        if first is not None and sqlite.value(self._db, _ALIKE, (*values, *first)) == len(there):  # most often
            return [Group._make((*first, len(there)))]
        found = [Group(*row) for row in sqlite.each(self._db, _GROUPS, values)]
        return found if sum(one.size for one in found) == len(there) else None

    def meet(self, groups: Iterable[Group], there: Places) -> None:
        """Record that documents are unchanged, as a builder does for their records."""
        outcomes = Counter[str]()
        for one in groups:
            if self._account.model.is_carried(one.record_type):
                self._names.of((None, None, one.collection))
            outcomes[one.outcome] += one.size
        self._account.note_met(there, outcomes)
