"""Decide which of two copies of a record is live, and find references that do not resolve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pjais import canonical, instants, sqlite
from pjais.core.table import Row, Table
from pjais.sources.registry import later_wins, precedence
from pjais.targets.sqlite.entries import Arrival, Rival


def wins(table: Table, arrival: Arrival, present: Row, rival: Rival | None, edited: int | None, *, newer: bool) -> bool:
    """Return whether the arriving copy wins: later change, then later kind of the app's history, then path.

    `edited`: when the present record was edited in the target, if it was (ms).  `newer`: the source's present version
    counts as later than its earlier one, whatever its dates say, as clocks may go backwards.
    """
    held, arriving = table.age(table.to_record(present)), table.age(arrival.record)
    if edited is not None:
        return arriving > max(held, edited)
    if newer and rival is not None and rival.seq in arrival.before:
        return True
    if rival is None:
        return arriving >= held
    kind = arrival.origin.kind
    if arriving == held and rival.source_kind == kind and rival.is_earlier and later_wins(kind):
        return True
    own = precedence(kind)
    return (arriving, own, arrival.origin.name) >= (held, precedence(rival.source_kind), rival.source_path)


def edited_at(db: sqlite.Connection, table: Table, arrival: Arrival, present: Row | None, upto: int) -> int | None:
    """Return when a record was last changed by anyone but a run, if ever (ms), before a run began at change `upto`.

    The ledger says what a run made of it; a deletion by a run leaves no entry.
    """
    key = arrival.key
    last = sqlite.first(
        db,
        "SELECT at FROM changes WHERE table_name = ? AND record_id = ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
        (table.name, key, upto),
    )
    if last is None:
        return None
    digests = sqlite.fetch(
        db,
        "SELECT digest FROM migration_records WHERE record_type = ? AND record_id = ? AND outcome = 'migrated' "
        "AND seq <> ?",
        (table.name, key, arrival.seq),
    )
    by_run = not digests if present is None else any((one,) in digests for one in digests_of(table, present))
    return None if by_run else instants.from_text(last[0])


def digests_of(table: Table, row: Row) -> Iterator[bytes]:
    """Yield the digest of a row, and that of it without what was kept of another copy."""
    yield table.digest(row)
    bare = table.bare_row(row)
    if bare is not None:
        yield table.digest(bare)


def missing_reference(db: sqlite.Connection, table: Table, row: Row) -> tuple[str, str] | None:
    """Return (column, table) of a reference that is dangling at this point."""
    for column, targets in table.references:
        value = row[table.column_names.index(column)]
        if value is not None and not any(
            sqlite.first(db, f"SELECT 1 FROM {target} WHERE id = ?", (value,)) for target in targets
        ):
            return column, targets[0]
    return None


def dangling(db: sqlite.Connection, table: Table) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield (id, (column, table)) of the records of a table whose reference does not resolve."""
    for column, targets in table.references:
        keys = sqlite.fetch(db, f"SELECT id FROM {table.sql} AS t WHERE {_is_dangling(column, targets)}")
        for (key,) in keys:
            yield key, (column, targets[0])


def any_dangling(db: sqlite.Connection, table: Table, among: Iterable[tuple[str, str]]) -> bool:
    """Return whether there is such a record among a few, (table, id) each, without reading all others."""
    asked = canonical.dumps([key for name, key in among if name == table.name])
    named = f"json_each(?) AS asked CROSS JOIN {table.sql} AS t ON t.id = asked.value"
    return any(
        sqlite.first(db, f"SELECT 1 FROM {named} WHERE {_is_dangling(column, targets)} LIMIT 1", (asked,))
        for column, targets in table.references
    )


def _is_dangling(column: str, targets: Sequence[str]) -> str:
    missing = " AND ".join(f"NOT EXISTS (SELECT 1 FROM {target} WHERE id = t.{column})" for target in targets)
    return f"t.{column} IS NOT NULL AND {missing}"
