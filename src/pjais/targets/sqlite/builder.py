"""Write records to a SQLite store: a new file that nobody sees before the cutover, or one transaction in a live store.

A fresh build fills bare tables and the search index in batches, then creates indexes and triggers.  A build on an
existing store finds everything in place and goes record by record, so that the history shows what the run changed;
it writes nothing for a document that has not changed since an earlier run.

Duplicates of a record are resolved here: the copy with the latest change is live, the others become `superseded`
and are kept whole in `migration_records`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pjais import models, sqlite
from pjais.core.document import Document, Unreadable
from pjais.core.model import APPLICATION_ID, Model, Observation
from pjais.core.table import Record, Row, Table
from pjais.targets.sqlite import (
    blobs,
    chain,
    collection_names,
    ddl,
    document_tables,
    entries,
    fixed_tables,
    precedence,
    removals,
    triggers,
)
from pjais.targets.sqlite.decisions import Content
from pjais.targets.sqlite.entries import Arrival, Entry, Heir, Origin, Refusal, Rival
from pjais.targets.sqlite.keeping import Keeping
from pjais.targets.sqlite.ledger import Account
from pjais.targets.sqlite.places import Places
from pjais.targets.sqlite.search_index import SearchIndexes
from pjais.targets.sqlite.standing import Standings

_BATCH = 2000
_LARGE = 8 << 20  # characters of waiting entries


class Builder:
    """A target under construction.  Call `put`/`refuse` for every document, then `settle`, then `finish`.

    `existing`: the file at `path` is a copy of an earlier target.  `live`: it is the target itself, and
    everything happens in one transaction, which others see when it commits.  `followed`: the source's current version
    of each document wins, whatever its dates say.  `searched`: the search index of a new file is filled with the rows.
    """

    def __init__(
        self,
        path: Path,
        model: Model,
        run_id: str,
        *,
        existing: bool = False,
        live: bool = False,
        followed: bool = False,
        searched: bool = False,
    ) -> None:
        self.path = path
        self.overridden: list[tuple[str, str]] = []
        """(record type, id) of records edited in the target and replaced by a later change in a source."""
        self.keeping = Keeping()
        self.places: dict[str, Places] = {}
        """Where the documents of sources are, by the names of those of which that is kept."""
        self._run_id = run_id
        self._existing = existing
        self._followed = followed
        self._decided = existing  # whether owners may have decided about documents before
        self._arrivals: defaultdict[Table, list[Arrival]] = defaultdict(list)
        self._pending = self._held = 0  # entries that wait, and about their characters
        self._indexed = existing
        if existing:
            self._db = sqlite.open_writer(path, wait_ms=30_000)
            model = models.in_store(model, self._db)
            document_tables.allow_open_ends(self._db, model)
            if not live:
                sqlite.bulk(self._db)
        else:
            model = model if model.documents is None else models.extended(model, model.catalogue)
            self._db = sqlite.create(path)
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {model.schema_version}")
            self._db.execute(ddl.create_tables(model))
        self._db.execute("BEGIN IMMEDIATE")
        self._are_fixed_kept = existing and not fixed_tables.are_missing(self._db, model)
        if existing and not self._are_fixed_kept:
            fixed_tables.create(self._db, model)
            model = models.extended(model, model.catalogue)
        self.model = model
        if not existing and model.catalogue:
            document_tables.list_all(self._db, model)
        self._recording = ExitStack()
        self._session = self._recording.enter_context(chain.recording(self._db, model.derived)) if live else None
        self._search_ids = {
            table: int(self._one(f"SELECT coalesce(max(search_id), 0) FROM {table.sql}")) for table, _ in model.searched
        }
        self._changes_before = self._one("SELECT coalesce(max(seq), 0) FROM changes")
        self._twins = document_tables.twins(model)
        self._deferred: list[Arrival] = []
        self._arrived: set[tuple[str, str]] = set()  # put into an existing store: only these can be its orphans
        self._account = Account(self._db, model, run_id)
        self._search = SearchIndexes(self._db, model, filled=searched and not existing)
        self.names = collection_names.Names(model, collection_names.known(self._db, model) if existing else ())
        self.standings = Standings(self._db, self._account, self.names)
        self.heir = self._account.heir
        self.counts, self.was = self._account.counts, self._account.was
        self.needs, self.accounted = self._account.needs, self._account.accounted

    def extend(self, catalogue: Sequence[Any]) -> None:
        """Create or extend the document tables that a catalogue names, before their documents are put."""
        if tuple(catalogue) == self.model.catalogue:
            return
        self._flush()
        model = models.extended(self.model, tuple(catalogue))
        document_tables.extend(self._db, self.model, model, bare=not self._existing, session=self._session)
        self.model = self._account.model = self.names.model = model
        self._twins = document_tables.twins(model)
        if self._twins:
            self._make_record_index()

    def keep_blobs(self, document: Document) -> None:
        """Keep the bytes of a document's Blobs by their SHA-256, once."""
        if document.blobs:
            blobs.keep(self._db, document)

    def _keep_bytes(self, entry: Entry) -> Entry:
        """Keep the bytes that a record is about at once; return the entry without them, as it may wait.

        A changeset does not hold them, as it must fit in memory: a revert follows the records.
        """
        with document_tables.unrecorded(self._session):
            blobs.keep_bytes(self._db, entry.blobs)
        return entry._replace(blobs={})

    def store_ids(self, ids: dict[str, str]) -> None:
        """Store the id map."""
        self._db.executemany("INSERT OR REPLACE INTO migration_ids VALUES (?, ?)", ids.items())

    def heed(self, store: sqlite.Connection) -> None:
        """Apply the decisions about quarantined documents that were made in another store."""
        rows_ = sqlite.fetch(store, "SELECT * FROM migration_decisions")
        self._db.executemany(f"INSERT INTO migration_decisions VALUES ({', '.join('?' * 10)})", rows_)
        self._account.reload_decisions()
        self._decided = True

    def observations(self) -> list[Observation]:
        """Return observations about the records as a whole; notes, never a reason to refuse a document."""
        self._flush()
        return list(self.model.observations(self._db))

    def expect(self, origins: Sequence[Origin]) -> None:
        """Announce all sources of this run."""
        self._account.sources = frozenset((origin.kind, origin.name) for origin in origins)

    def begin_source(self, origin: Origin) -> None:
        """Begin a source: all documents that follow come from it and are compared with its earlier ledger entries."""
        self._flush()
        self._account.begin(origin)

    def keep_places(self) -> None:
        """Keep in `places` where the documents of this source are, from here on."""
        self._account.places = self.places[self._account.origin.name] = Places()

    def put(self, entry: Entry) -> None:
        """Add one valid record; a removed one (a tombstone) is only entered in the ledger."""
        if entry.blobs:
            entry = self._keep_bytes(entry)
        earlier = self._account.earlier(entry.identity) if self._existing else []
        table = self.model.by_name[entry.table]
        if table.carries or table.name in self._twins:
            entry = self.names.placed(entry, earlier) if table.carries else self._beside_twin(entry)
            table = self.model.by_name[entry.table]
        earlier = earlier or (self._account.moved(entry) if self._existing else [])
        for known in earlier:
            if known.is_same(entry, carried=table.carries):
                self._account.meet(known, entry.identity)
                if known.outcome == "migrated" and known.record_id is not None:
                    self.keeping.confirm(table, known.record_id, self._account.origin)
                return
        if self._decided and self._account.stands(entry.identity, earlier, lambda: self._content(entry)):
            return
        seq = self._account.add(entry, table)
        if not entry.removed:
            before = tuple([known.seq for known in earlier])
            self._arrivals[table].append(Arrival._make((seq, entry, table, self._account.origin, before)))
        self._pending += 1
        for at in table.wide:
            if type(one := entry.row[at]) is str:
                self._held += len(one)
        if self._pending >= _BATCH or self._held > _LARGE:
            self._flush()

    def _beside_twin(self, entry: Entry) -> Entry:
        """Return a document as one of the table of another copy of its collection, if that holds the very same.

        So a copy of a source adds nothing, and of an older copy only what differs.
        """
        twin = document_tables.twin_of(self._db, self.model, self._twins[entry.table], entry)
        return entry if twin is None else entry._replace(table=twin)

    def refuse(self, piece: Document | Unreadable, reasons: Sequence[dict[str, Any]]) -> bool:
        """Quarantine an invalid document, whole; return whether its owner has already decided about it."""
        self._flush()
        one, content = entries.identity(piece), entries.kept(piece)
        self.names.of(one[:3])  # it may be imported later
        if self._existing:
            earlier = self._account.earlier(one) or self._account.moved_refusal(one, content)
            if self._account.stands(one, earlier, lambda: content) or self._account.stood(one, earlier, content):
                return True
            if self._account.waits_unchanged(one, earlier, content):
                return False
        elif self._decided and self._account.stands(one, [], lambda: content):
            return True
        self._account.refuse(one, reasons, content)
        return False

    def settle(self) -> list[Refusal]:
        """Move records with dangling references to quarantine, and return them.

        If an older copy had been superseded by such a record, `heir` returns that copy.
        """
        self._flush()
        refusals: list[Refusal] = []
        waiting, self._deferred = self._deferred, []
        for table in self.model.tables:
            for arrival in waiting:
                if arrival.table is table:
                    refusals += self._merge_or_refuse(table, arrival)
        while found := [refusal for table in self.model.tables for refusal in self._orphans(table)]:
            refusals += found
        return refusals

    def reinstate(self, heir: Heir, record: Record) -> None:
        """Make a superseded copy live again after its successor was quarantined."""
        table = self.model.table_of(record)
        self._search.spoil(table)
        self._db.execute(ddl.insert_sql(table), next(self._bound(table, [table.to_row(record)])))
        self._account.revive(heir.seq)
        self._arrived.add((table.name, table.record_key(record)))

    def remove(self, table_name: str, key: str, removed_at: int | None) -> None:
        """Remove a record that our own export names as removed, unless it was changed later or is referred to."""
        if self._existing:
            removals.remove(self._db, self.model, table_name, key, removed_at)

    def arrived(self) -> tuple[int, int]:
        """Return (records added to an existing store, records changed) so far in this run."""
        rows_of_run = "SELECT op, count(DISTINCT table_name || ' ' || record_id) FROM changes WHERE seq > ? GROUP BY op"
        ops = sqlite.pairs(self._db, rows_of_run, (self._changes_before,))
        return int(ops.get("insert", 0)), int(ops.get("update", 0))

    def remove_gone(self, origins: Sequence[Origin]) -> tuple[int, list[tuple[str, str]]]:
        """Remove what these sources no longer hold; see `pjais.targets.sqlite.removals.remove_gone`."""
        self._flush()
        return removals.remove_gone(self._db, self.model, self._account, origins)

    def complete(
        self,
        run: dict[str, Any],
        progress: Callable[[str], None] = lambda _: None,
        backup: Mapping[str, Any] | None = None,
    ) -> chain.Link:
        """Complete the file up to its commit: indexes, search, triggers, the run's own row and its link in the chain.

        `backup`: the run's backup as the link records it (`chain.Link`).
        """
        self.model = document_tables.complete(self._db, self.model, bare=not self._existing)
        if not self._are_fixed_kept:
            self.model = fixed_tables.leave_out(self._db, self.model)
            backup = {**(backup or {}), **fixed_tables.told(self.model)} if self._existing else backup
        if not self._existing:
            progress("indexes")
            self._db.execute(ddl.create_indexes(self.model))
            progress("search index")
            self._search.complete(self.model)
            triggers.create(self._db, self.model)
        self.keeping.write(self._db)
        number = self._one("SELECT coalesce(max(number), 0) + 1 FROM migration_runs")
        columns = ", ".join(("number", *run))
        marks = ", ".join("?" * (len(run) + 1))
        self._db.execute(f"INSERT INTO migration_runs ({columns}) VALUES ({marks})", (number, *run.values()))
        self._db.execute(
            "UPDATE migration_runs SET changes_seq = (SELECT coalesce(max(seq), 0) FROM changes) WHERE id = ?",
            (run["id"],),
        )
        changeset = None if self._session is None else self._session.changeset()
        return chain.seal(self._db, "run", run["id"], backup, changeset)

    def commit(self) -> None:
        """Commit what was completed, and close."""
        self._recording.close()
        self._db.execute("COMMIT")
        self._db.execute("PRAGMA optimize")
        self.close()

    def finish(self, run: dict[str, Any], backup: Mapping[str, Any] | None = None) -> None:
        """Complete the file and commit it."""
        self.complete(run, backup=backup)
        self.commit()

    @property
    def connection(self) -> sqlite.Connection:
        """Return the connection that holds the work so far, for reading."""
        return self._db

    def close(self) -> None:
        """Close the file, finished or not."""
        self._recording.close()
        self._db.close()

    def _one(self, sql: str, values: tuple[Any, ...] = ()) -> Any:
        return sqlite.value(self._db, sql, values)

    def _flush(self) -> None:
        """Write pending rows: ledger entries first, so that conflicts find them."""
        self._account.flush()
        for table, arrivals in self._arrivals.items():
            self._insert(table, arrivals)
        self._arrivals.clear()
        self._pending = self._held = 0

    def _insert(self, table: Table, arrivals: list[Arrival]) -> None:
        if self._existing:
            for arrival in arrivals:
                if precedence.missing_reference(self._db, table, arrival.entry.row) is None:
                    self._merge(table, arrival)
                else:  # what it refers to may still come
                    self._deferred.append(arrival)
            return
        if table.is_of_documents:
            self._insert_documents(table, arrivals)
            return
        last = self._one(f"SELECT coalesce(max(rowid), 0) FROM {table.sql}")
        before = self._db.total_changes()
        bound = list(self._bound(table, [arrival.entry.row for arrival in arrivals]))
        self._db.executemany(ddl.insert_sql(table, ignore=True), bound)
        if self._db.total_changes() - before != len(arrivals):
            self._merge_rest(table, arrivals, last)
        else:
            self._search.add(table, bound)

    def _insert_documents(self, table: Table, arrivals: list[Arrival]) -> None:
        """Insert a batch of documents; if two of them have one key, one after the other."""
        self._db.execute("SAVEPOINT batch")
        before = self._db.total_changes()
        self._db.executemany(ddl.insert_sql(table, ignore=True), [arrival.entry.row for arrival in arrivals])
        complete = self._db.total_changes() - before == len(arrivals)
        self._db.execute("RELEASE batch" if complete else "ROLLBACK TO batch; RELEASE batch")
        if complete:
            return
        self._make_record_index()
        for arrival in arrivals:
            self._merge(table, arrival)

    def _merge_rest(self, table: Table, arrivals: Sequence[Arrival], last: int) -> None:
        """Merge those rows of a batch that were skipped, as another copy of the record was there before."""
        self._make_record_index()
        self._search.spoil(table)
        key = ddl.key_sql(table, "t")
        new = {one for (one,) in sqlite.each(self._db, f"SELECT {key} FROM {table.sql} AS t WHERE rowid > ?", (last,))}
        for arrival in arrivals:
            if arrival.key in new:
                new.discard(arrival.key)
            else:
                self._merge(table, arrival)

    def _bound(self, table: Table, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield rows as they are bound, with the next search ids if their table has them."""
        if table.search is None:
            yield from rows
            return
        for row in rows:
            self._search_ids[table] += 1
            yield (*row, self._search_ids[table])

    def _merge_or_refuse(self, table: Table, arrival: Arrival) -> list[Refusal]:
        missing = precedence.missing_reference(self._db, table, arrival.entry.row)
        if missing is None:
            self._merge(table, arrival)
            return []
        document = entries.document_text(self.model, arrival.origin.dialect, arrival.entry.collection, arrival.record)
        return [self._account.to_quarantine(arrival.seq, table.name, arrival.key, missing, document)]

    def _merge(self, table: Table, arrival: Arrival) -> None:
        """Add one record of which another copy may already be present."""
        # Of two documents of one id, one may have changed and the other be as it was: that one keeps its account.
        arrival = arrival._replace(before=tuple([seq for seq in arrival.before if seq not in self._account.met]))
        key = list(arrival.entry.row[: len(table.key)])
        where = table.matching()
        columns = table.column_list
        present = sqlite.first(self._db, f"SELECT {columns} FROM {table.sql} WHERE {where}", key)
        if present is None:
            deleted_at = self._edited_at(table, arrival, None)
            if deleted_at is not None and deleted_at >= table.age(arrival.record):
                self._supersede(arrival.seq, "a deletion in the target", arrival)
            else:
                self._db.execute(ddl.insert_sql(table), next(self._bound(table, [arrival.entry.row])))
                self._arrived.add((table.name, arrival.key))
                self._forget_before(arrival)
            return
        self.keeping.note(arrival, present)
        rival = self._account.rival(table.name, arrival)
        if rival and rival.digest == arrival.entry.digest:
            self.keeping.confirm(table, arrival.key, arrival.origin)
            self._account.supersede(arrival.seq, arrival.name_of(rival.source_path, rival.database), None)
        elif rival and rival[1:3] != (arrival.origin.kind, arrival.origin.name) and self.names.has(arrival.entry):
            self._merge(table, self._account.rename(arrival, self.names.next(arrival.entry)))
        elif precedence.wins(
            table, arrival, present, rival, self._edited_at(table, arrival, present), newer=self._followed
        ):
            self._replace(table, arrival, present, rival, where, key)
        else:
            by = arrival.name_of(rival.source_path, rival.database) if rival else "a later edit in the target"
            self._supersede(arrival.seq, by, arrival)

    def _replace(
        self, table: Table, arrival: Arrival, present: Row, rival: Rival | None, where: str, key: list[Any]
    ) -> None:
        if self._edited_at(table, arrival, present) is not None:
            self.overridden.append((table.name, arrival.key))
        self._db.execute(f"UPDATE {table.sql} SET {table.assignments} WHERE {where}", (*arrival.entry.row, *key))
        self._arrived.add((table.name, arrival.key))
        self._forget_before(arrival)
        if rival and rival.seq not in arrival.before:
            held = table.bare(table.to_record(present))
            document = entries.document_text(self.model, rival.dialect, rival.collection, held)
            self._account.supersede(rival.seq, arrival.name_beside(rival.source_path, rival.database), document)

    def _forget_before(self, arrival: Arrival) -> None:
        for seq in arrival.before:
            self._let_go(seq, arrival)
            self._account.forget(seq)

    def _let_go(self, seq: int, arrival: Arrival) -> None:
        """Remove the record that an earlier run made under another id; references to it follow."""
        table = arrival.table
        known = sqlite.first(
            self._db,
            "SELECT record_id FROM migration_records WHERE seq = ? AND outcome = 'migrated' AND record_type = ?",
            (seq, table.name),
        )
        if known is None or known[0] == arrival.key or self._account.hand_over(seq, table.name, known[0]):
            return
        for other in self.model.tables:
            for column, targets in other.references:
                if table.name in targets:
                    sql = f"UPDATE {other.sql} SET {column} = ? WHERE {column} = ?"
                    self._db.execute(sql, (arrival.key, known[0]))
        self._db.execute(f"DELETE FROM {table.sql} AS t WHERE {ddl.key_sql(table, 't')} = ?", known)

    def _content(self, entry: Entry) -> Content:
        record = self.model.by_name[entry.table].to_record(entry.row)
        return entries.document_text(self.model, self._account.origin.dialect, entry.collection, record), None

    def _supersede(self, seq: int, by: str, arrival: Arrival) -> None:
        document = entries.document_text(self.model, arrival.origin.dialect, arrival.entry.collection, arrival.record)
        self._account.supersede(seq, by, document)

    def _edited_at(self, table: Table, arrival: Arrival, present: Row | None) -> int | None:
        """Return when the record was last changed in the target by anyone but a run, if ever (ms)."""
        if not self._existing:
            return None
        return precedence.edited_at(self._db, table, arrival, present, self._changes_before)

    def _make_record_index(self) -> None:
        if not self._indexed:
            self._db.execute(ddl.SYSTEM_INDEXES)
            self._indexed = True

    def _orphans(self, table: Table) -> list[Refusal]:
        if self._existing and not precedence.any_dangling(self._db, table, self._arrived):
            return []
        return [
            self._evict(table, key, missing)
            for key, missing in list(precedence.dangling(self._db, table))
            if not self._existing or (table.name, key) in self._arrived
        ]

    def _evict(self, table: Table, key: str, missing: tuple[str, str]) -> Refusal:
        """Move one record of this run with a dangling reference to quarantine."""
        self._make_record_index()
        names = table.column_list
        (row,) = sqlite.fetch(self._db, f"SELECT {names} FROM {table.sql} WHERE id = ?", (key,))
        ((seq, dialect, collection),) = sqlite.fetch(
            self._db,
            "SELECT seq, coalesce(dialect, source_kind), collection FROM migration_records "
            "WHERE record_type = ? AND record_id = ? AND outcome = 'migrated' ORDER BY seq DESC LIMIT 1",
            (table.name, key),
        )
        self._search.spoil(table)
        self._db.execute(f"DELETE FROM {table.sql} WHERE id = ?", (key,))
        document = entries.document_text(self.model, dialect, collection, table.to_record(row))
        return self._account.to_quarantine(seq, table.name, key, missing, document)
