"""Records into a new SQLite file (design §7), which nobody sees before the cut-over.

A fresh build fills bare tables in batches, then makes indexes, the search index (one rebuild, the cheapest
way) and triggers.  A build on top of an earlier target starts from its copy, with everything in place, and
goes record by record, so that the history shows what the run changed.

The same record found twice is settled here: the copy with the latest change is live, the others become
`superseded` and are kept whole in `migration_records`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pjais import canonical, instants, sqlite
from pjais.model import HISTORY, Counts, Document, Record, Unreadable, age
from pjais.schema import ddl, rows
from pjais.schema.tables import APPLICATION_ID, MEMORIES, SCHEMA_VERSION, TABLES, Table

_BATCH = 2000
Rebuild = Callable[[str, str, Record], Any]
"""(dialect, collection, record) -> the original document."""


class Origin(NamedTuple):
    """The source that documents are coming from."""

    kind: str
    dialect: str
    name: str


class Refusal(NamedTuple):
    """A document that could not go in after all: where it stood, and why."""

    source: str
    collection: str
    native_id: str | None
    place: str
    rule: str
    field: str
    message: str


class _Arrival(NamedTuple):
    seq: int
    record: Record
    row: rows.Row
    origin: Origin
    collection: str
    before: tuple[int, ...]
    """The accounts of earlier versions of the same document."""


_INSERT_RECORD = (
    "INSERT INTO migration_records (seq, run_id, source_kind, source_path, collection, native_id, place, "
    "record_type, record_id, digest, outcome, superseded_by, document) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
)


def insert_sql(table: Table, *, ignore: bool = False) -> str:
    """The INSERT of one record's row; memories get their search id as the last value."""
    columns = [*table.column_names, "search_id"] if table is MEMORIES else list(table.column_names)
    marks = ", ".join("?" * len(columns))
    return f"INSERT {'OR IGNORE ' if ignore else ''}INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"


class Builder:
    """One target in the making.  Call `put`/`refuse` for every document, then `settle`, then `finish`.

    `existing`: the file at `path` is a copy of an earlier target.
    """

    def __init__(self, path: Path, run_id: str, rebuild: Rebuild, *, existing: bool = False) -> None:
        self.path = path
        self.unchanged: dict[str, int] = {}
        self.overridden: list[tuple[str, str]] = []
        """(record type, id) of records edited in the target that a later change in a source replaced."""
        self._run_id = run_id
        self._rebuild = rebuild
        self._existing = existing
        self._arrivals: dict[type[Record], list[_Arrival]] = {}
        self._records: list[tuple[Any, ...]] = []
        self._pending = 0
        self._indexed = existing
        if existing:
            self._db = sqlite.open_writer(path)
            sqlite.bulk(self._db)
        else:
            self._db = sqlite.create(path)
            self._db.execute("PRAGMA secure_delete = FAST")  # no page keeps a stray copy of a memory
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}")
            self._db.execute(ddl.create_tables())
        self._db.execute("BEGIN")
        self._seq: int = self._one("SELECT coalesce(max(seq), 0) FROM migration_records")
        self._search_id = self._one("SELECT coalesce(max(search_id), 0) FROM memory_entities")
        self._mark = self._one("SELECT coalesce(max(changes_seq), 0) FROM migration_runs")
        self._changes_before = self._one("SELECT coalesce(max(seq), 0) FROM changes")
        self._origin = Origin("", "", "")
        self._dialects: dict[str, str] = {}

    def known_ids(self) -> dict[str, str]:
        """The id map of earlier runs: old id -> new id."""
        return sqlite.pairs(self._db, "SELECT old_id, new_id FROM migration_ids")

    def store_ids(self, ids: dict[str, str]) -> None:
        """Keep the id map beside the records."""
        self._db.executemany("INSERT OR REPLACE INTO migration_ids VALUES (?, ?)", ids.items())

    def observations(self) -> list[tuple[str, str, str]]:
        """What only all records together show: (rule, where, message).  Notes, never a reason to refuse."""
        self._flush()
        found = []
        active = [row[0] for row in sqlite.each(self._db, "SELECT id FROM personas WHERE is_active = 1")]
        if len(active) > 1:
            found.append(("several-active", ", ".join(active[:20]), f"{len(active)} personas are active; all kept"))
        sizes = sqlite.fetch(
            self._db,
            "SELECT embedding_model, count(DISTINCT json_array_length(embedding)) FROM memory_entities "
            "WHERE embedding IS NOT NULL GROUP BY embedding_model "
            "HAVING count(DISTINCT json_array_length(embedding)) > 1",
        )
        found += [
            ("embedding-mix", str(model), f"embeddings of {count} different lengths under one model name")
            for model, count in sizes
        ]
        twins = sqlite.fetch(self._db, "SELECT group_concat(id, ', ') FROM personas GROUP BY name HAVING count(*) > 1")
        found += [
            ("likely-twins", ids[:500], "personas of the same name; nothing is merged on likeness") for (ids,) in twins
        ]
        return found

    def begin_source(self, origin: Origin) -> None:
        """All documents that follow come from this source; they are compared with its earlier account."""
        self._flush()
        self._origin = origin
        self._dialects[origin.name] = origin.dialect
        self.unchanged.setdefault(origin.name, 0)

    def put(self, document: Document, record: Record, *, removed: bool = False) -> None:
        """Take one valid record in; a removed one (a tombstone) is only accounted for."""
        row = rows.to_row(record)
        digest = canonical.digest(row)
        earlier = self._earlier(document) if self._existing else []
        for known in earlier:
            if known[9] == digest:
                self._carry_over(known, document.place)
                return
        seq = self._account(document, record, digest, "removed" if removed else "migrated")
        if not removed:
            before = tuple(known[0] for known in earlier)
            arrival = _Arrival(seq, record, row, self._origin, document.collection, before)
            self._arrivals.setdefault(type(record), []).append(arrival)
        self._pending += 1
        if self._pending >= _BATCH:
            self._flush()

    def refuse(self, piece: Document | Unreadable, reasons: Sequence[dict[str, Any]]) -> None:
        """Put a document that cannot go in into quarantine, whole, with the reasons."""
        self._flush()
        document, raw = _kept(piece)
        native_id = piece.native_id if isinstance(piece, Document) else None
        for known in self._earlier(piece) if self._existing else []:
            kept = sqlite.first(
                self._db, "SELECT document, replayed_at FROM migration_quarantine WHERE record_seq = ?", (known[0],)
            )
            if kept and kept[1] is None:
                self._forget(known[0])
            elif kept and kept[0] == document:
                self._carry_over(known, piece.place)
                return
        seq = self._next()
        key = account_key(piece.collection, native_id, piece.place)
        self._records.append(
            (seq, self._run_id, self._origin.kind, self._origin.name, *key, None, None, None, "quarantined", None, None)
        )
        self._quarantine(seq, self._origin.kind, self._origin.name, *key, reasons, document, raw)

    def settle(self) -> list[Refusal]:
        """Find records whose references lead nowhere and move them to quarantine; say which."""
        self._flush()
        self._make_record_index()
        refusals: list[Refusal] = []
        while found := [refusal for table in TABLES for refusal in self._orphans(table)]:
            refusals += found
        return refusals

    def counts(self, source: Origin) -> Counts:
        """What became of the documents of one source in this run."""
        outcomes = sqlite.pairs(
            self._db,
            "SELECT outcome, count(*) FROM migration_records "
            "WHERE run_id = ? AND source_path = ? AND source_kind = ? GROUP BY outcome",
            (self._run_id, source.name, source.kind),
        )
        return Counts(
            read=sum(outcomes.values()),
            migrated=outcomes.get("migrated", 0),
            superseded=outcomes.get("superseded", 0),
            removed=outcomes.get("removed", 0),
            quarantined=outcomes.get("quarantined", 0),
            unchanged=self.unchanged.get(source.name, 0),
        )

    def finish(self, run: dict[str, Any], progress: Callable[[str], None] = lambda _: None) -> None:
        """Complete the file: indexes, search, triggers, the run's own row; commit and close."""
        if not self._existing:
            progress("indexes")
            self._db.execute(ddl.create_indexes())
            progress("search index")
            self._build_search()
            self._db.execute(ddl.create_triggers())
        columns = ", ".join(run)
        marks = ", ".join("?" * len(run))
        self._db.execute(f"INSERT INTO migration_runs ({columns}) VALUES ({marks})", tuple(run.values()))
        self._db.execute(
            "UPDATE migration_runs SET changes_seq = (SELECT coalesce(max(seq), 0) FROM changes) WHERE id = ?",
            (run["id"],),
        )
        self._db.execute("COMMIT")
        self._db.execute("PRAGMA optimize")
        self.close()

    def close(self) -> None:
        """Let go of the file, finished or not."""
        self._db.close()

    def _one(self, sql: str, values: tuple[Any, ...] = ()) -> Any:
        return sqlite.value(self._db, sql, values)

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _account(self, document: Document, record: Record, digest: bytes, outcome: str) -> int:
        seq = self._next()
        self._records.append(
            (seq, self._run_id, self._origin.kind, self._origin.name,
             *account_key(document.collection, document.native_id, document.place),
             rows.table_of(record).name, rows.record_key(record), digest, outcome, None, None)
        )  # fmt: skip
        return seq

    def _earlier(self, piece: Document | Unreadable) -> list[tuple[Any, ...]]:
        """What earlier runs have on account for this document of this source."""
        native_id = piece.native_id if isinstance(piece, Document) else None
        collection, native_id, place = account_key(piece.collection, native_id, piece.place)
        return sqlite.fetch(
            self._db,
            "SELECT * FROM migration_records WHERE source_path = ? AND source_kind = ? AND collection = ? "
            "AND native_id IS ? AND run_id <> ? AND (native_id IS NOT NULL OR place = ?)",
            (self._origin.name, self._origin.kind, collection, native_id, self._run_id, place),
        )

    def _carry_over(self, known: tuple[Any, ...], place: str) -> None:
        """The document is as an earlier run saw it: its account moves to this run."""
        seq = self._next()
        self._db.execute("DELETE FROM migration_records WHERE seq = ?", (known[0],))
        self._db.execute("UPDATE migration_quarantine SET record_seq = ? WHERE record_seq = ?", (seq, known[0]))
        self._records.append((seq, self._run_id, *known[2:6], place, *known[7:]))
        if known[10] == "migrated":
            self.unchanged[self._origin.name] += 1

    def _forget(self, seq: int) -> None:
        """An earlier version of a document has been replaced by what its source holds now."""
        self._db.execute("DELETE FROM migration_records WHERE seq = ?", (seq,))
        self._db.execute("DELETE FROM migration_quarantine WHERE record_seq = ?", (seq,))

    def _flush(self) -> None:
        """Write out what is waiting: the accounts first, so that conflicts find them."""
        self._db.executemany(_INSERT_RECORD, self._records)
        self._records.clear()
        for record_type, arrivals in self._arrivals.items():
            if arrivals:
                self._insert(next(table for table in TABLES if table.record is record_type), arrivals)
        self._arrivals.clear()
        self._pending = 0

    def _insert(self, table: Table, arrivals: list[_Arrival]) -> None:
        if self._existing:
            for arrival in arrivals:
                self._merge(table, arrival)
            return
        sql = insert_sql(table, ignore=True)
        before = self._db.total_changes()
        self._db.execute("SAVEPOINT batch")
        first = self._search_id
        self._db.executemany(sql, self._bound(table, arrivals))
        if self._db.total_changes() - before != len(arrivals):
            self._db.execute("ROLLBACK TO batch")
            self._search_id = first
            self._make_record_index()
            for arrival in arrivals:
                self._merge(table, arrival)
        self._db.execute("RELEASE batch")

    def _bound(self, table: Table, arrivals: Sequence[_Arrival]) -> Iterator[rows.Row]:
        if table is not MEMORIES:
            yield from (arrival.row for arrival in arrivals)
            return
        for arrival in arrivals:
            self._search_id += 1
            yield (*arrival.row, self._search_id)

    def _merge(self, table: Table, arrival: _Arrival) -> None:
        """Take in one record where another copy of it may already be."""
        key = [getattr(arrival.record, name) for name in table.key]
        where = " AND ".join(f"{name} = ?" for name in table.key)
        columns = ", ".join(table.column_names)
        present = sqlite.first(self._db, f"SELECT {columns} FROM {table.name} WHERE {where}", key)
        if present is None:
            deleted_at = self._edited_at(table, arrival.record, "delete")
            if deleted_at is not None and deleted_at >= age(arrival.record):
                self._supersede(arrival.seq, "a deletion in the target", arrival)
            else:
                self._db.execute(insert_sql(table), next(self._bound(table, [arrival])))
                self._forget_before(arrival)
            return
        rival = sqlite.first(
            self._db,
            "SELECT seq, source_kind, source_path, collection, digest FROM migration_records "
            "WHERE record_type = ? AND record_id = ? AND outcome = 'migrated' AND seq <> ?",
            (table.name, rows.record_key(arrival.record), arrival.seq),
        )
        if rival and rival[4] == canonical.digest(arrival.row):
            self._mark_superseded(arrival.seq, rival[2], None)
        elif self._precedence(table, arrival, present, rival):
            self._replace(table, arrival, present, rival, where, key)
        else:
            self._supersede(arrival.seq, rival[2] if rival else "a later edit in the target", arrival)

    def _precedence(self, table: Table, arrival: _Arrival, present: rows.Row, rival: tuple[Any, ...] | None) -> bool:
        """Whether the arriving copy counts: later change, then later kind of the app's history, then path."""
        held = age(rows.to_record(table, present))
        edited = self._edited_at(table, arrival.record, "update", "insert") if self._existing else None
        if edited is not None:
            return age(arrival.record) > max(held, edited)
        rank = HISTORY.index(arrival.origin.kind)
        if rival is None:
            return (age(arrival.record), rank) >= (held, -1)
        return (age(arrival.record), rank, arrival.origin.name) >= (held, HISTORY.index(rival[1]), rival[2])

    def _replace(
        self, table: Table, arrival: _Arrival, present: rows.Row, rival: tuple[Any, ...] | None, where: str,
        key: list[Any],
    ) -> None:  # fmt: skip
        sets = ", ".join(f"{name} = ?" for name in table.column_names)
        if self._existing and self._edited_at(table, arrival.record, "update", "insert") is not None:
            self.overridden.append((table.name, rows.record_key(arrival.record)))
        self._db.execute(f"UPDATE {table.name} SET {sets} WHERE {where}", (*arrival.row, *key))
        self._forget_before(arrival)
        if rival and rival[0] not in arrival.before:
            held = rows.to_record(table, present)
            document = self._document(self._dialects.get(rival[2], rival[1]), rival[3], held)
            self._mark_superseded(rival[0], arrival.origin.name, document)

    def _forget_before(self, arrival: _Arrival) -> None:
        for seq in arrival.before:
            self._forget(seq)

    def _document(self, dialect: str, collection: str, record: Record) -> str:
        try:
            return canonical.dumps(self._rebuild(dialect, collection, record))
        except KeyError:
            return canonical.dumps(record._asdict())

    def _supersede(self, seq: int, by: str, arrival: _Arrival) -> None:
        document = self._document(arrival.origin.dialect, arrival.collection, arrival.record)
        self._mark_superseded(seq, by, document)

    def _mark_superseded(self, seq: int, by: str, document: str | None) -> None:
        self._db.execute(
            "UPDATE migration_records SET outcome = 'superseded', superseded_by = ?, document = ? WHERE seq = ?",
            (by, document, seq),
        )

    def _edited_at(self, table: Table, record: Record, *ops: str) -> int | None:
        """When the record was last changed in the target by somebody else than a run, if at all (ms)."""
        if not self._existing:
            return None
        last = sqlite.first(
            self._db,
            "SELECT at, op FROM changes WHERE table_name = ? AND record_id = ? AND seq > ? "
            "AND seq <= ? ORDER BY seq DESC LIMIT 1",
            (table.name, rows.record_key(record), self._mark, self._changes_before),
        )
        return instants.from_text(last[0]) if last and last[1] in ops else None

    def _make_record_index(self) -> None:
        if not self._indexed:
            self._db.execute(ddl.SYSTEM_INDEXES)
            self._indexed = True

    def _orphans(self, table: Table) -> list[Refusal]:
        found = []
        for column, targets in table.references:
            missing = " AND ".join(f"NOT EXISTS (SELECT 1 FROM {target} WHERE id = t.{column})" for target in targets)
            keys = sqlite.fetch(self._db, f"SELECT id FROM {table.name} AS t WHERE {column} IS NOT NULL AND {missing}")
            found += [refusal for (key,) in keys if (refusal := self._evict(table, key, column, targets[0]))]
        return found

    def _evict(self, table: Table, key: str, column: str, target: str) -> Refusal | None:
        """Move one record whose reference leads nowhere to quarantine."""
        names = ", ".join(table.column_names)
        row = sqlite.first(self._db, f"SELECT {names} FROM {table.name} WHERE id = ?", (key,))
        account = sqlite.first(
            self._db,
            "SELECT seq, source_kind, source_path, collection, native_id, place FROM migration_records "
            "WHERE record_type = ? AND record_id = ? AND outcome = 'migrated' AND run_id = ?",
            (table.name, key, self._run_id),
        )
        self._db.execute(f"DELETE FROM {table.name} WHERE id = ?", (key,))
        if account is None:
            return None
        seq, kind, source, collection, native_id, place = account
        message = f"refers to a record of {target} that does not exist"
        reason = {"level": "error", "rule": "orphan", "field": column, "message": message}
        record = rows.to_record(table, row or ())
        self._db.execute(
            "UPDATE migration_records SET outcome = 'quarantined', record_type = NULL, record_id = NULL, "
            "digest = NULL WHERE seq = ?",
            (seq,),
        )
        document = self._document(self._dialects.get(source, kind), collection, record)
        self._quarantine(seq, kind, source, collection, native_id, place, [reason], document, None)
        return Refusal(source, collection, native_id, place, "orphan", column, message)

    def _quarantine(
        self, seq: int, kind: str, source: str, collection: str, native_id: str | None, place: str,
        reasons: Sequence[dict[str, Any]], document: str | None, raw: bytes | None,
    ) -> None:  # fmt: skip
        self._db.execute(
            "INSERT INTO migration_quarantine (record_seq, run_id, source_kind, source_path, collection, native_id, "
            "place, reasons, document, raw) VALUES (?,?,?,?,?,?,?,?,?,?)",
            (seq, self._run_id, kind, source, collection, native_id, place,
             canonical.dumps(list(reasons)), document, raw),
        )  # fmt: skip

    def _build_search(self) -> None:
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")
        self._db.execute(ddl.SEARCH_INDEX)
        for sql in (
            "INSERT INTO memory_fts (memory_fts, rank) VALUES ('hashsize', 67108864)",
            "INSERT INTO memory_fts (memory_fts) VALUES ('rebuild')",
            "INSERT INTO memory_fts (memory_fts, rank) VALUES ('hashsize', 1048576)",
        ):
            self._db.execute(sql)


def account_key(collection: str, native_id: str | None, place: str) -> tuple[str, str | None, str]:
    """What names a document in the account, as SQLite can hold it."""
    mend = canonical.mend
    return mend(collection), None if native_id is None else mend(native_id), mend(place)


def _kept(piece: Document | Unreadable) -> tuple[str | None, bytes | None]:
    """A refused piece as it is kept: canonical JSON, or raw bytes."""
    if isinstance(piece, Unreadable):
        return None, piece.raw
    try:
        return canonical.dumps(piece.value), None
    except RecursionError:
        return None, repr(piece.value).encode("utf-8", "backslashreplace")
