"""Compare the documents of the backups with the ledger: what each must have become, and what the store says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from pjais import canonical, sqlite
from pjais.bitset import Bitset
from pjais.core.document import full_name
from pjais.core.model import Model
from pjais.core.results import Difference
from pjais.core.table import Record, Row, Table
from pjais.targets.sqlite import document_tables
from pjais.targets.sqlite.compare import LOST, Rows


class Expected(NamedTuple):
    """The expected outcome of one document of the snapshot; `record` is None if it was rejected."""

    origin: str | None
    database: str | None
    collection: str
    native_id: str | None
    place: str
    record: Record | None
    kept: tuple[str | None, bytes | None] | None = None
    """Expected content of the quarantine for a rejected document: its JSON, or its raw bytes."""
    earlier: Callable[[], Iterable[Record]] = tuple
    """Returns the records that earlier versions of the model made of the document."""


Original = Callable[[Expected], str | None]
"""Returns the text of a record's document, as the ledger keeps it for a record that is not live."""


class Account(NamedTuple):
    """The columns of a document's row in `migration_records` that a proof needs."""

    origin: str | None
    database: str | None
    collection: str
    native_id: str | None
    place: str
    record_type: str | None
    record_id: str | None
    digest: bytes | None
    outcome: str
    seq: int
    document: str | None


_ACCOUNT = ", ".join(Account._fields)


class Source(NamedTuple):
    """One source of one run, as the ledger names it."""

    run_id: str
    kind: str
    name: str


def compare_documents(
    db: sqlite.Connection,
    model: Model,
    source: Source,
    expected: Iterable[Expected],
    found: Rows,
    settled: Bitset,
    original: Original,
) -> tuple[int, list[Difference]]:
    """Compare every document of one source's snapshot with the ledger; return their number and the differences.

    A run enters new and changed documents in the ledger; the entry of an unchanged one stays with the run that imported
    it.  So the latest run over a source must find an entry for every document, of whichever run; of an earlier run's
    documents only those are expected whose entry is still its own.  Go from the latest run to the first: `settled`
    collects the entries that have been compared.  A source that was moved has its new name in later runs.
    """
    last = source.run_id == sqlite.value(
        db,
        "SELECT r.id FROM migration_runs AS r, json_each(r.sources) AS s WHERE s.value ->> '$.kind' = ? "
        "AND (s.value ->> '$.name' = ? OR ? IN (SELECT value FROM json_each(s.value, '$.was'))) "
        "ORDER BY r.number DESC LIMIT 1",
        (source.kind, source.name, source.name),
    )
    own = _own_accounts(db, source, settled)
    entry = next(own, None)
    if entry is None and not last:
        return 0, []
    differences: list[Difference] = []
    documents = 0
    for wanted in expected:
        while entry is not None and entry.seq in settled:
            entry = next(own, None)
        if entry is not None and entry.place == wanted.place and _is_of(entry, wanted):
            held: Account | None = entry
            entry = next(own, None)
        else:
            held = _account_out_of_order(db, source, wanted, settled)
            if held is None and last:
                held = _earlier_account(db, model, source, wanted, settled)
        if held is not None:
            documents += 1
            settled.add(held.seq)
            differences += _compare_one(db, model, wanted, held, found, original)
        elif last:
            documents += 1
            name = str(wanted.native_id)
            differences.append(Difference(source.name, name, None, "in the backup, but not in the ledger"))
    while entry is not None:
        if entry.seq in settled:
            entry = next(own, None)
            continue
        name = str(entry.record_id or entry.native_id)
        differences.append(Difference(source.name, name, None, "in the ledger, but not in the backup"))
        entry = next(own, None)
    return documents, differences


def _is_of(entry: Account, wanted: Expected) -> bool:
    """Return whether a ledger entry is that of a document; before 0.2 it had no origin, and no separate database."""
    named = full_name(entry.database, entry.collection) == full_name(wanted.database, wanted.collection)
    return named and entry.native_id == wanted.native_id and entry.origin in (None, wanted.origin)


def _row_of(table: Table, wanted: Record, entry: Account) -> Row:
    """Return the row that a document must have become.  One kept whole may not have its collection's name."""
    row = table.to_row(wanted)
    if table.carries and entry.record_type == table.name:
        row = (*json.loads(str(entry.record_id)), row[-1])
    return row


def _own_accounts(db: sqlite.Connection, source: Source, settled: Bitset) -> Iterator[Account]:
    """Yield the entries that a run made for a source and that no later run has settled, in reading order."""
    where = "run_id = ? AND source_path = ? AND source_kind = ? ORDER BY seq"
    values = (source.run_id, source.name, source.kind)
    for row in sqlite.each(db, f"SELECT {_ACCOUNT} FROM migration_records WHERE {where}", values):
        held = Account(*row)
        if held.seq not in settled:
            yield held


def _account_out_of_order(db: sqlite.Connection, source: Source, wanted: Expected, settled: Bitset) -> Account | None:
    """Return a run's own entry of a document that it entered in another order.

    Before 0.2 documents that no model claims were entered where they were read; since then they follow all others.
    """
    for row in sqlite.each(
        db,
        f"SELECT {_ACCOUNT} FROM migration_records WHERE collection IN (?, ?) AND native_id IS ? AND source_path = ? "
        "AND run_id = ? AND source_kind = ? AND place = ? ORDER BY seq",
        (
            wanted.collection,
            full_name(*wanted[1:3]),
            wanted.native_id,
            source.name,
            source.run_id,
            source.kind,
            wanted.place,
        ),
    ):
        held = Account(*row)
        if held.seq not in settled and _is_of(held, wanted):
            return held
    return None


def _earlier_account(
    db: sqlite.Connection, model: Model, source: Source, wanted: Expected, settled: Bitset
) -> Account | None:
    """Return the entry of a document that a run found unchanged: of this source, or of its former location."""
    best: Account | None = None
    table = None if wanted.record is None else model.table_of(wanted.record)
    for row in sqlite.each(
        db,
        f"SELECT {_ACCOUNT} FROM migration_records WHERE source_kind = ? AND collection IN (?, ?) AND native_id IS ? "
        "AND run_id <> ? AND (source_path = ? OR ?) AND (native_id IS NOT NULL OR place = ?) "
        "ORDER BY source_path = ?, seq DESC",
        (
            source.kind,
            wanted.collection,
            full_name(*wanted[1:3]),
            wanted.native_id,
            source.run_id,
            source.name,
            wanted.native_id is not None,
            wanted.place,
            source.name,
        ),
    ):
        held = Account(*row)
        if not _is_of(held, wanted):
            continue
        digest = None if table is None else table.digest(_row_of(table, wanted.record, held))
        if held.seq not in settled and (best is None or held.digest in (digest, None)):
            best = held
    return best


def _compare_one(
    db: sqlite.Connection, model: Model, wanted: Expected, entry: Account, found: Rows, original: Original
) -> list[Difference]:
    name = str(entry.native_id)
    if entry.outcome == "quarantined" or wanted.record is None:
        held = sqlite.first(
            db,
            "SELECT document, raw FROM migration_quarantine WHERE record_seq = ? AND (replayed_at IS NOT NULL) = ?",
            (entry.seq, entry.outcome != "quarantined"),
        )
        if held is None:
            return [Difference(entry.collection, name, None, "refused, but not in quarantine")]
        kept = wanted.kept if wanted.record is None else (original(wanted), None)
        same = held == kept or (kept is not None and held[1] == kept[1] and _is_text(held[0], kept[0]))
        return [] if same else [Difference(entry.collection, name, None, "the quarantine holds something else")]
    table = model.table_of(wanted.record)
    row = _row_of(table, wanted.record, entry)
    if entry.digest is None and entry.outcome in ("removed", "superseded") and table.is_of_documents:
        return []  # from before its collection had a table of its own
    if table.digest(row) != entry.digest:
        older = (_row_of(table, record, entry) for record in wanted.earlier())
        row = next((one for one in older if table.digest(one) == entry.digest), row)
    key = table.row_key(row)
    if table.digest(row) != entry.digest or key != entry.record_id:
        fixed = "SELECT 1 FROM migration_quarantine WHERE record_seq = ? AND replayed_at IS NOT NULL"
        if sqlite.first(db, fixed, (entry.seq,)):
            return []  # imported as its owner edited it; its row is compared with the entry's digest
        return [Difference(table.name, key, None, "the ledger does not match the backup")]
    if entry.record_type != table.name and entry.record_type not in document_tables.twins(model).get(table.name, ()):
        return [Difference(table.name, key, None, "the ledger does not match the backup")]
    if entry.document is not None and not _is_text(entry.document, original(wanted)):
        return [Difference(table.name, key, None, "the copy that was superseded was changed")]
    if entry.outcome == "migrated" and (table.name, key) in found.suspects:
        return _fields(table, key, row, found.suspects.pop((table.name, key)))
    return []


def _is_text(held: str | None, wanted: str | None) -> bool:
    """Return whether two texts are one document; its keys may be in another order since a field was added."""
    if held == wanted or held is None or wanted is None:
        return held == wanted
    return canonical.dumps(canonical.loads(held), sort=True) == canonical.dumps(canonical.loads(wanted), sort=True)


def _fields(table: Table, key: str, wanted: Row, actual: dict[str, Any] | None) -> list[Difference]:
    if actual is None:
        return [Difference(table.name, key, None, LOST)]
    differing = [
        name
        for name, value in zip(table.column_names, wanted, strict=True)
        if not canonical.same(value, actual.get(name))
    ]
    return [
        Difference(table.name, key, name, "differs from the backup, and no edit is recorded") for name in differing
    ] or [Difference(table.name, key, None, "its ledger entry was changed")]
