"""Find the documents of RxDB databases: in RxDB itself, or in a store of ours that they were migrated to.

From a store each document is rebuilt as its app had it, with what was edited since, under its own id.  A collection is
known with the hash of its schema, without which RxDB's `importJSON()` takes nothing: it is in RxDB's own files, and so
in the backups of a store.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pjais import canonical, journal, models, paths, sqlite, tagged
from pjais.core.dates import emit_instant
from pjais.core.document import Document, Remark, Unreadable
from pjais.core.mapping import Fields, Instant
from pjais.core.model import Model
from pjais.core.snapshot import Snapshot
from pjais.core.table import Record, Table
from pjais.display import counted
from pjais.errors import BackupFailed, SourceDamaged
from pjais.exchange.transfer import Write, found_in
from pjais.sources import backup
from pjais.sources.registry import of_kind, opened, source_of
from pjais.sources.rxdb.names import is_local
from pjais.targets.sqlite import chain, exported
from pjais.targets.sqlite.decisions import WAITING
from pjais.workspace import Workspace

ATTACHMENTS = "/attachments"
"""The end of the name of a collection that holds another one's attachments."""


class Place(NamedTuple):
    """A collection of an RxDB database of a web origin."""

    origin: str
    database: str
    collection: str


class Known(NamedTuple):
    """A collection that exists, and the hash of its schema; None if that is not known."""

    place: Place
    schema_hash: str | None


class Live(NamedTuple):
    """A document that is not removed, as its app had it; of attachments what the reader makes of one."""

    place: Place
    key: str
    value: dict[str, Any]


def of_source(
    workspace: Workspace, path: Path, password: str | None, skip: Write | None, note: Write
) -> Iterator[Known | Live]:
    """Yield what the RxDB databases in a location hold.

    Raises SourceDamaged for a piece that cannot be read; with `skip` it is left out, and `skip` is called with its name
    and location.
    """
    with tempfile.TemporaryDirectory(prefix="pjais-export-") as scratch:
        refs = tuple(one for one in found_in(workspace, path) if source_of(one).is_rxdb)
        for snapshot in backup.snapshot_all(Path(scratch) / "copy", refs, at_ms=journal.now_ms()) if refs else ():
            yield from _known(snapshot)
            with opened(snapshot, password) as found:
                for piece in found.read():
                    if isinstance(piece, Unreadable):
                        _refuse(f"{snapshot.name}: {piece.collection} {piece.place}: {piece.reason}", skip)
                    elif isinstance(piece, Remark):
                        note(f"{snapshot.name}: {piece.collection} {piece.place}: {piece.message}")
                    elif _is_live(piece.value):
                        place = Place(piece.origin or "", piece.database or "", piece.collection)
                        yield Live(place, piece.native_id or piece.place, piece.value)


def _refuse(what: str, skip: Write | None) -> None:
    if skip is None:
        raise SourceDamaged(
            "a part of the source cannot be read, so the export would be incomplete",
            where=[what],
            next_command="pjais export --format rxdb-dump --skip-unreadable",
        )
    skip(what)


def _is_live(value: Any) -> bool:
    return isinstance(value, dict) and value.get("_deleted") is not True


def _known(snapshot: Snapshot) -> Iterator[Known]:
    """Yield the collections of a snapshot that have a schema; no password is needed."""
    with opened(snapshot, decrypt=False) as found:
        for one in found.collections:
            if one.schema is not None and not is_local(one.name):
                yield Known(Place(one.origin or "", one.database or "", one.name), one.schema_hash)


def of_store(workspace: Workspace, path: Path, db: sqlite.Connection, note: Write) -> Iterator[Known | Live]:
    """Yield what a store holds of RxDB databases: their documents as they are now, also those in quarantine.

    A record that was added to the store comes too, where only one collection can take it.
    """
    model, ledger = models.in_store(workspace.model, db), _Ledger(db)
    if not ledger.rows:
        return
    databases = {row.place[:2] for row in ledger.rows}
    for known in _of_backups(workspace, path, db, ledger.runs, note):
        if known.place[:2] in databases:
            yield known
    homes: dict[str, set[tuple[Place, str]]] = {}
    for row in ledger.rows:
        mapping = model.mapping(row.dialect, row.place.collection)
        table = row.table if mapping is None else mapping.table.name
        if table is not None:
            homes.setdefault(table, set()).add((row.place, row.dialect))
        value = row.kept if row.table is None else _current(db, model, ledger, row)
        if _is_live(value):
            yield Live(row.place, row.key, value)
    yield from _added(db, model, ledger, homes, note)


def _of_backups(
    workspace: Workspace, store: Path, db: sqlite.Connection, runs: set[str], note: Write
) -> Iterator[Known]:
    """Yield the collections of the raw files that a store was migrated from, the latest run's first."""
    folders = {one.run_id: one.backup["folder"] for one in chain.links(db) if one.backup and "folder" in one.backup}
    for run_id in sorted(runs, reverse=True):
        near = (workspace.backups / run_id, store.parent / paths.BACKUPS / run_id, Path(folders.get(run_id, run_id)))
        try:
            folder = next(one for one in near if one.is_dir())
            for snapshot in backup.load(folder):
                if source_of(snapshot).is_rxdb and snapshot.damage is None:
                    yield from _known(snapshot)
        except (StopIteration, BackupFailed):
            note(f"the backup of run {run_id} is missing or was changed: the schemas of its collections are not known")


class _Row(NamedTuple):
    """A ledger entry: its document, and the record that it became, or the document itself out of quarantine."""

    place: Place
    key: str
    dialect: str
    table: str | None
    record_key: str | None
    kept: Any = None


class _Ledger:
    """The ledger entries of a store that are of RxDB databases."""

    def __init__(self, db: sqlite.Connection) -> None:
        self.rows: list[_Row] = []
        self.runs: set[str] = set()
        self.winners: dict[tuple[str, str], tuple[str, str]] = {}
        """(table, key) -> dialect and collection of the document that the record is made of."""
        self.own_ids: dict[tuple[str, str], str] = {}
        """(table, key) -> the id that the document has, where a run gave the record another one."""
        query = (
            "SELECT m.source_kind, m.run_id, m.origin, m.database, m.collection, m.native_id, m.place, m.dialect, "
            "m.record_type, m.record_id, m.outcome, q.document FROM migration_records AS m LEFT JOIN "
            f"(SELECT record_seq, document FROM migration_quarantine WHERE {WAITING}) AS q ON q.record_seq = m.seq "
            "WHERE m.outcome <> 'removed' ORDER BY m.origin, m.database, m.collection, m.native_id, m.seq"
        )
        for kind, run, origin, database, collection, key, place, dialect, table, record, outcome, kept in sqlite.each(
            db, query
        ):
            if outcome == "migrated":
                self.winners[table, record] = (dialect or kind, collection)
                if key is not None and key != record:
                    self.own_ids[table, record] = key
            source = of_kind(kind)
            if source is None or not source.is_rxdb:
                continue
            if database is None:  # before 0.2 the collection's name held the database's
                database, _, collection = collection.partition("/")
            self.runs.add(run)
            where = Place(origin or "", database, collection)
            if outcome == "quarantined":
                value = None if kept is None else canonical.loads(kept)
                self.rows.append(_Row(where, key or place, dialect or kind, None, None, value))
            else:
                self.rows.append(_Row(where, key or place, dialect or kind, table, record))


def _current(db: sqlite.Connection, model: Model, ledger: _Ledger, row: _Row) -> Any:
    """Return the document that a record is now; None if the record is gone."""
    table = model.by_name.get(row.table or "")
    if table is None or row.record_key is None:
        return None
    dialect, collection = ledger.winners.get((table.name, row.record_key), (row.dialect, row.place.collection))
    for record in exported.records(db, table, [row.record_key]):
        if table.carries or table.is_of_documents:
            return _whole(model, dialect, collection, record)
        return rebuilt(model, dialect, collection, _under_own_ids(ledger, table, record, row.record_key), row.key)
    return None


def _whole(model: Model, dialect: str, collection: str, record: Record) -> Any:
    """Return the current document of a collection that no model claims."""
    value = model.rebuild(dialect, collection, record)
    return tagged.untag(value) if model.table_of(record).is_of_documents else value


def _under_own_ids(ledger: _Ledger, table: Table, record: Record, key: str) -> Record:
    """Return a record under the ids that its app gave it and those it refers to."""
    own = {"id": ledger.own_ids.get((table.name, key), record.id)}
    for name, tables in table.references:
        held = getattr(record, name)
        own[name] = next((ledger.own_ids[one, held] for one in tables if (one, held) in ledger.own_ids), held)
    return record._replace(**own)


def rebuilt(model: Model, dialect: str, collection: str, record: Record, key: str | None = None) -> Any:
    """Return the document that a record is now, also if it was edited since it was made of one.

    What the document wrote in a way of its own stays so, except where the record says something else by now.
    """
    value = model.rebuild(dialect, collection, record)
    mapping = model.reader(dialect, collection)
    if not isinstance(mapping, Fields) or mapping.table is not model.table_of(record):
        return value
    before = mapping.read(Document(collection, key, "", value)).record
    edited = [one for one in mapping.fields if getattr(before, one.attribute) != getattr(record, one.attribute)]
    names = {name for one in edited if one.attribute != "id" for name in one.keys}
    if not names:
        return value
    extra: Mapping[str, Any] = record.extra
    kept = {
        **extra,
        "$original": {name: one for name, one in extra.get("$original", {}).items() if name not in names},
        "$absent": [name for name in extra.get("$absent", ()) if name not in names],
    }
    value = model.rebuild(dialect, collection, record._replace(extra=kept))
    after = mapping.read(Document(collection, key, "", value)).record
    for one in edited:  # an instant that the document's own form of dates cannot say
        if isinstance(one.rule, Instant) and getattr(after, one.attribute) != getattr(record, one.attribute):
            written = next((name for name in one.keys if name in value), one.keys[0])
            value[written] = emit_instant(getattr(record, one.attribute), mapping.dates)
    return value


def _added(
    db: sqlite.Connection, model: Model, ledger: _Ledger, homes: Mapping[str, set[tuple[Place, str]]], note: Write
) -> Iterator[Live]:
    """Yield the records of no document, for the one collection that takes such; name those that have none."""
    every = {(row.table, row.record_key) for row in ledger.rows} | ledger.winners.keys()
    left = others = 0
    ours = {(row.table, row.record_key) for row in ledger.rows}
    for table in model.tables:
        where = homes.get(table.name, set())
        for record in exported.records(db, table, None):
            key = (table.name, model.record_key(record))
            if key in every:
                others += key not in ours
            elif len(where) == 1 and not table.carries:
                ((place, dialect),) = where
                if table.is_of_documents:
                    value = _whole(model, dialect, place.collection, record)
                    if _is_live(value):
                        yield Live(place, key[1], value)
                    continue
                yield Live(place, str(record.id), rebuilt(model, dialect, place.collection, record))
            else:
                left += 1
    if left:
        note(f"{counted(left, 'record')} added to the store: no dump, or no single one, has a collection for it")
    if others:
        note(f"{counted(others, 'record')} of sources other than RxDB: in no dump")
