"""The ledger: the outcome of every document of a run (`migration_records`, `migration_quarantine`).

A document that has not changed since an earlier run keeps its entry: nothing is written for it.  A changed one gets a
new entry; the old entry is removed when the new version has replaced the old.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pjais import canonical, sqlite
from pjais.bitset import Bitset
from pjais.core.document import Document, full_name
from pjais.core.model import Model
from pjais.core.results import Counts
from pjais.core.table import Table
from pjais.targets.sqlite.decisions import DISCARDED, WAITING, Content, Decisions, discarded
from pjais.targets.sqlite.entries import Arrival, Entry, Heir, Identity, Known, Origin, Refusal, Rival
from pjais.targets.sqlite.places import Places

_COLUMNS = ", ".join(Known._fields)
_SAME = (
    "(origin IS ? OR origin IS NULL) AND collection IN (?, ?) AND coalesce(database || '/', '') || collection = ? "
    "AND native_id IS ? AND run_id <> ? AND (native_id IS NOT NULL OR place = ?)"
)
"""The entries of one document.  Before 0.2 they had no origin, and the collection's name held the database's."""
_INSERT_RECORD = f"INSERT INTO migration_records ({_COLUMNS}) VALUES ({', '.join('?' * len(Known._fields))})"


class Account:
    """The ledger that one run writes into an open store."""

    def __init__(self, db: sqlite.Connection, model: Model, run_id: str) -> None:
        self.origin = Origin("", "", "")
        self.run_id = run_id
        self.met = Bitset()
        """Entries of earlier runs whose document this run found unchanged."""
        self._unchanged: dict[str, Counter[str]] = {}
        """Of these, the number of each outcome, by source."""
        self._moved: Counter[str] = Counter()
        """Number of records that each source of this run took over from its files' former location."""
        self.was: dict[str, list[str]] = {}
        """Names of sources of this run -> the names under which earlier runs knew their documents."""
        self.sources: frozenset[tuple[str, str]] = frozenset()
        """(kind, name) of every source of this run."""
        self.places: Places | None = None
        """Where the documents of this source are, if that is to be kept."""
        self._db = db
        self.model = model
        self._run_id = run_id
        self._waiting: list[tuple[Any, ...]] = []
        self._decisions = Decisions(db)
        self._seq: int = sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM migration_records")
        self._is_first = self._seq == 0  # no earlier run has any entry

    def reload_decisions(self) -> None:
        """Load the decisions of the store again after more were added."""
        self._decisions = Decisions(self._db)

    def begin(self, origin: Origin) -> None:
        """Begin a source: everything that follows comes from it."""
        self.origin, self.places = origin, None
        self._unchanged.setdefault(origin.name, Counter())

    def flush(self) -> None:
        """Write pending rows."""
        self._db.executemany(_INSERT_RECORD, self._waiting)
        self._waiting.clear()

    def add(self, entry: Entry, table: Table) -> int:
        """Enter a document that became a record; return the number of its entry."""
        seq = self._placed(self._next(), entry.place)
        kind, dialect, name = self.origin
        outcome = "removed" if entry.removed else "migrated"
        key = table.row_key(entry.row)
        made = (seq, self._run_id, kind, name, dialect, *entry[:5], table.name, key, entry.digest, outcome, None, None)
        self._waiting.append(made)
        return seq

    def refuse(self, one: Identity, reasons: Sequence[dict[str, Any]], content: Content) -> None:
        """Enter an invalid document, and keep it whole in quarantine."""
        seq = self._placed(self._next(), one.place)
        kind, dialect, name = self.origin
        known = Known(seq, self._run_id, kind, name, dialect, *one, None, None, None, "quarantined", None, None)
        self._waiting.append(known)
        self._keep(known, reasons, *content)

    def earlier(self, one: Identity) -> list[Known]:
        """Return the entries of earlier runs for this document of this source."""
        found = sqlite.fetch(
            self._db,
            f"SELECT {_COLUMNS} FROM migration_records WHERE source_path = ? AND source_kind = ? AND {_SAME}",
            (self.origin.name, self.origin.kind, *_same(one, self._run_id)),
        )
        return [known for row in found if (known := Known(*row)).seq not in self.met]

    def moved(self, entry: Entry) -> list[Known]:
        """Return an earlier run's entries for the very same document in a location that this run does not read.

        The files were then moved or copied, and their new location takes over.
        """
        found = sqlite.fetch(
            self._db,
            f"SELECT {_COLUMNS} FROM migration_records WHERE record_type = ? AND record_id = ? AND digest = ? "
            f"AND source_kind = ? AND {_SAME} AND outcome IN ('migrated', 'removed') ORDER BY seq",
            (entry.table, self._key(entry), entry.digest, self.origin.kind, *_same(entry.identity, self._run_id)),
        )
        return self._elsewhere(found)

    def moved_refusal(self, one: Identity, content: Content, outcome: str = "quarantined") -> list[Known]:
        """Do the same as `moved` for a document that is in quarantine, or was replayed from there."""
        columns = ", ".join(f"m.{name}" for name in Known._fields)
        found = sqlite.fetch(
            self._db,
            f"SELECT {columns} FROM migration_records AS m WHERE outcome = ? AND source_kind = ? "
            f"AND {_SAME} AND seq IN (SELECT record_seq FROM migration_quarantine WHERE document IS ? AND raw IS ?)",
            (outcome, self.origin.kind, *_same(one, self._run_id), *content),
        )
        return self._elsewhere(found)

    def _elsewhere(self, found: Sequence[tuple[Any, ...]]) -> list[Known]:
        """Return the first of some entries whose source this run does not read, and note that it was moved."""
        known = [Known(*row) for row in found if (row[2], row[3]) not in self.sources][:1]
        for one in known:
            if one.source_path not in self.was.setdefault(self.origin.name, []):
                self.was[self.origin.name].append(one.source_path)
        return known

    def meet(self, known: Known, one: Identity) -> None:
        """Keep the entry of a document that has not changed; the entry of a moved file moves with it."""
        if known.source_path == self.origin.name:
            self.met.add(self._placed(known.seq, one.place))
            self._unchanged[self.origin.name][known.outcome] += 1
        else:
            self._carry_over(known, one)

    def note_met(self, there: Places, outcomes: Mapping[str, int]) -> None:
        """Note that this run found documents unchanged, and how many of each outcome."""
        for first, last in there.ranges:
            self.met.add_range(first, last)
        if self.places is not None:
            self.places.extend(there)
        self._unchanged[self.origin.name].update(outcomes)

    def _placed(self, seq: int, place: str) -> int:
        """Keep where the document of an entry is; return the entry's number."""
        if self.places is not None:
            self.places.add(place, seq)
        return seq

    def _carry_over(self, known: Known, one: Identity) -> None:
        self._moved[self.origin.name] += known.outcome == "migrated"
        seq = self._placed(self._next(), one.place)
        self._db.execute("DELETE FROM migration_records WHERE seq = ?", (known.seq,))
        self._db.execute("UPDATE migration_quarantine SET record_seq = ? WHERE record_seq = ?", (seq, known.seq))
        _, dialect, name = self.origin
        self._waiting.append(
            known._replace(seq=seq, run_id=self._run_id, source_path=name, dialect=dialect, **one._asdict())
        )

    def stands(self, one: Identity, earlier: Sequence[Known], content: Callable[[], Content]) -> bool:
        """Return whether the owner has decided about this version of a document; its entry follows the decision."""
        decision = self._decisions.of(self.origin.kind, one, content)
        if decision is None:
            return False
        outcome = "migrated" if decision == "replayed" else "quarantined"
        same = [known for known in earlier if known.outcome == outcome and self._is_kept(known, content())]
        for known in earlier:
            if known.outcome == "quarantined" and known not in same:
                self.forget(known.seq)  # another version, which was in quarantine
        for known in same or self.moved_refusal(one, content(), outcome):
            self.meet(known, one)
            return True
        again = {"level": "note", "rule": DISCARDED, "message": f"this document was {decision} before"}
        self.refuse(one, [again], content())
        return True

    def stood(self, one: Identity, earlier: Sequence[Known], content: Content) -> bool:
        """Do the same as `stands` for decisions before 0.2, which only the quarantine itself records."""
        same = "record_seq = ? AND document IS ? AND raw IS ?"
        sql = f"SELECT 1 FROM migration_quarantine WHERE {same} AND NOT ({WAITING})"
        for known in earlier:
            if sqlite.first(self._db, sql, (known.seq, *content)):
                self.meet(known, one)
                return True
        return False

    def waits_unchanged(self, one: Identity, earlier: Sequence[Known], content: Content) -> bool:
        """Return whether this version of a document is in quarantine: it stays there; an earlier version is removed."""
        for known in earlier:
            if known.outcome == "quarantined" and self._is_kept(known, content):
                self.meet(known, one)
                return True
        for known in earlier:
            if known.outcome == "quarantined":
                self.forget(known.seq)
        return False

    def _is_kept(self, known: Known, content: Content) -> bool:
        held = sqlite.first(
            self._db, "SELECT document, raw FROM migration_quarantine WHERE record_seq = ?", (known.seq,)
        )
        return held == content

    def rival(self, table: str, arrival: Arrival) -> Rival | None:
        """Return the entry of the copy that is live in the place of an arriving record."""
        found = sqlite.first(
            self._db,
            "SELECT seq, source_kind, source_path, collection, digest, database, coalesce(dialect, source_kind), "
            "run_id <> ? FROM migration_records "
            "WHERE record_type = ? AND record_id = ? AND outcome = 'migrated' AND seq <> ?",
            (self._run_id, table, arrival.key, arrival.seq),
        )
        return None if found is None else Rival(*found)

    def rename(self, arrival: Arrival, key: Sequence[str]) -> Arrival:
        """Give a document whose record's key is taken by another one this key."""
        entry = arrival.entry.under(arrival.table, key)
        self._db.execute(
            "UPDATE migration_records SET record_id = ?, digest = ? WHERE seq = ?",
            (self._key(entry), entry.digest, arrival.seq),
        )
        return arrival._replace(entry=entry)

    def forget(self, seq: int) -> None:
        """Remove the entry of an earlier version of a document, which its source has replaced."""
        self._db.execute("DELETE FROM migration_records WHERE seq = ?", (seq,))
        self._db.execute("DELETE FROM migration_quarantine WHERE record_seq = ?", (seq,))

    def supersede(self, seq: int, by: str, document: str | None) -> None:
        """Mark a copy as superseded by another one; its document is kept, unless it is the same."""
        self.recount(seq, "superseded")
        self._db.execute(
            "UPDATE migration_records SET outcome = 'superseded', superseded_by = ?, document = ? WHERE seq = ?",
            (by, document, seq),
        )

    def recount(self, seq: int, outcome: str) -> None:
        """Change the outcome of a document that was found unchanged."""
        if seq in self.met:
            row = sqlite.first(self._db, "SELECT source_path, outcome FROM migration_records WHERE seq = ?", (seq,))
            if row is not None and row[0] in self._unchanged:
                self._unchanged[row[0]].update({row[1]: -1, outcome: 1})

    def revive(self, seq: int) -> None:
        """Count a superseded document as migrated."""
        self.recount(seq, "migrated")
        self._db.execute(
            "UPDATE migration_records SET outcome = 'migrated', superseded_by = NULL, document = NULL WHERE seq = ?",
            (seq,),
        )

    def hand_over(self, seq: int, record_type: str, record_id: str) -> bool:
        """Let a record belong to the next document that is the same; return whether there is one."""
        alike = sqlite.value(
            self._db,
            "SELECT min(seq) FROM migration_records WHERE record_type = ? AND record_id = ? AND seq <> ? "
            "AND outcome = 'superseded' AND digest = (SELECT digest FROM migration_records WHERE seq = ?)",
            (record_type, record_id, seq, seq),
        )
        if alike is not None:
            self.revive(alike)
        return alike is not None

    def needs(self, run_id: str) -> bool:
        """Return whether an earlier run's backup holds a document that none of this run's sources holds as it was."""
        accounts = sqlite.each(self._db, "SELECT seq FROM migration_records WHERE run_id = ?", (run_id,))
        return any(seq not in self.met for (seq,) in accounts)

    def accounted(self) -> int:
        """Return how many records the store holds that came from a source."""
        return int(sqlite.value(self._db, "SELECT count(*) FROM migration_records WHERE outcome = 'migrated'"))

    def heir(self, refusal: Refusal) -> Heir | None:
        """Return the latest superseded copy of a rejected record, if there is one, to be tried in its place."""
        best: Heir | None = None
        for row in sqlite.fetch(
            self._db,
            f"SELECT {_COLUMNS} FROM migration_records WHERE outcome = 'superseded' "
            "AND record_type = ? AND record_id = ? AND document IS NOT NULL ORDER BY seq",
            (refusal.record_type, refusal.record_id),
        ):
            known = Known(*row)
            piece = Document(
                known.collection,
                known.native_id,
                known.place,
                canonical.loads(str(known.document)),
                database=known.database,
                origin=known.origin,
            )
            best = Heir(known.seq, known.dialect or known.source_kind, known.source_path, piece)
        return best

    def counts(self, source: Origin) -> Counts:
        """Return the outcomes of the documents of one source in this run."""
        outcomes = sqlite.pairs(
            self._db,
            "SELECT outcome, count(*) FROM migration_records "
            "WHERE run_id = ? AND source_path = ? AND source_kind = ? GROUP BY outcome",
            (self._run_id, source.name, source.kind),
        )
        unchanged = self._unchanged.get(source.name, Counter())
        total = unchanged + Counter(outcomes)
        return Counts(
            read=total.total(),
            migrated=total["migrated"],
            superseded=total["superseded"],
            removed=total["removed"],
            quarantined=total["quarantined"],
            unchanged=unchanged["migrated"] + self._moved[source.name],
            discarded=self._discarded(source),
        )

    def _discarded(self, source: Origin) -> int:
        """Return the number of a source's discarded documents among those that this run saw."""
        found = discarded(self._db, source.name, source.kind)
        return sum(run == self._run_id or seq in self.met for seq, run in found)

    def to_quarantine(
        self, seq: int, record_type: str, record_id: str, missing: tuple[str, str], document: str
    ) -> Refusal:
        """Turn a document's entry from migrated into quarantined, because of a dangling reference."""
        column, target = missing
        message = f"refers to a record of {target} that does not exist"
        reason = {"level": "error", "rule": "orphan", "field": column, "message": message}
        (row,) = sqlite.fetch(self._db, f"SELECT {_COLUMNS} FROM migration_records WHERE seq = ?", (seq,))
        known = Known(*row)
        self.recount(seq, "quarantined")
        self._db.execute(
            "UPDATE migration_records SET outcome = 'quarantined', record_type = NULL, record_id = NULL, "
            "digest = NULL WHERE seq = ?",
            (seq,),
        )
        if not self._goes_on_waiting(known, document):
            self._keep(known, [reason], document, None)
        collection = full_name(known.database, known.collection)
        return Refusal(
            known.source_path,
            collection,
            known.native_id,
            known.place,
            "orphan",
            column,
            message,
            record_type,
            record_id,
        )

    def _goes_on_waiting(self, orphan: Known, document: str) -> bool:
        """Return whether earlier runs have this version of an orphan in quarantine; it stays there, once."""
        if self._is_first:
            return False
        of_last, self.origin = self.origin, Origin(orphan.source_kind, str(orphan.dialect), orphan.source_path)
        one, held = Identity._make(orphan[5:10]), False
        for known in self.earlier(one) or self.moved_refusal(one, (document, None)):
            if known.outcome != "quarantined":
                continue
            if not held and self._is_kept(known, (document, None)):
                held = True
                self._db.execute(
                    "UPDATE migration_quarantine SET record_seq = ? WHERE record_seq = ?", (orphan.seq, known.seq)
                )
            self.forget(known.seq)
        self.origin = of_last
        return held

    def _keep(self, known: Known, reasons: Sequence[dict[str, Any]], document: str | None, raw: bytes | None) -> None:
        self._db.execute(
            "INSERT INTO migration_quarantine (record_seq, run_id, source_kind, source_path, dialect, origin, "
            "database, collection, native_id, place, reasons, document, raw) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (known.seq, self._run_id, *known[2:10], canonical.dumps(list(reasons)), document, raw),
        )

    def _key(self, entry: Entry) -> str:
        return self.model.by_name[entry.table].row_key(entry.row)

    def _next(self) -> int:
        self._seq += 1
        return self._seq


def _same(one: Identity, run_id: str) -> tuple[str | None, ...]:
    """Return the values to bind for `_SAME`."""
    name = full_name(one.database, one.collection)
    return one.origin, one.collection, name, name, one.native_id, run_id, one.place
