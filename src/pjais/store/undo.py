"""Undo and redo of a store's last operations: restore each record by ordinary writes.

An operation is one transaction made through pjais, by any process; the list is kept in the store, and survives a
reopen.  Nothing is erased: an undo is a further operation, and in the history.  It is refused as a whole if somebody
else (another program, a migration) has since changed one of its records, or made another record refer to one that
would be removed; the error names what would be lost.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import NoReturn

from pjais import choices, instants, sqlite
from pjais.core.model import Model
from pjais.core.table import Table
from pjais.errors import UsageError
from pjais.store import operations
from pjais.store.as_of import Values, row_at, row_now
from pjais.store.history import missing_references, put
from pjais.store.operations import Operation
from pjais.store.pool import Pool

Wanted = dict[tuple[Table, str], Values | None]
"""The wanted row of each record; None: deleted."""


def undo(pool: Pool, n: int = 1) -> list[Operation]:
    """Undo the last `n` operations, all or none; return them, the last one first.

    Raises UsageError if there are fewer, or a later change by somebody else prevents it.
    """
    return _take_back(pool, n, operations.undoable, "undo")


def undo_operation(pool: Pool, number: int) -> Operation:
    """Undo the operation of this number (`Operation.id`), if it is the last one that can be undone; return it.

    Raises UsageError if it is not, and undoes nothing in its place; else as `undo`.
    """
    choices.count("operation", number, least=1)
    return _take_back(pool, 1, lambda db, n: [_last(db, n, number)], "undo")[0]


def _last(db: sqlite.Connection, n: int, number: int) -> Operation:
    """Return the last operation that can be undone.  Raises UsageError if it is not the one of this number."""
    found = operations.undoable(db, n)
    if found and found[0].id == number:
        return found[0]
    later = bool(found) and found[0].id > number
    raise UsageError(
        "something newer stands on it: undo that first" if later else "it was undone already, or never made",
        where=[_named(found[0])] if later else [f"operation {number}"],
        safe="Nothing was undone.",
        next_command="pjais undo --list",
    )


def redo(pool: Pool, n: int = 1) -> list[Operation]:
    """Redo the last `n` undone operations, all or none; return them, last one first.  Raises UsageError as `undo`."""
    return _take_back(pool, n, operations.redoable, "redo")


def revert(pool: Pool, first: int, last: int) -> None:
    """Restore every record that the changes from `first` to `last` touched, whoever made them.

    Raises UsageError if one of the records was changed again since: that would be lost, too.
    """
    with pool.writer() as db:
        found = operations.changed_since(db, first, last)
        if found is not None:
            table, key, seq, at = found
            raise UsageError(
                "the record was changed again since; to undo this would undo that, too",
                where=[f"{table} {key}: change {seq} at {at}"],
                safe="Nothing was written.",
                next_command=f"pjais history {shlex.quote(key)}",
            )
        _invert(db, pool.model, Operation(0, None, "do", f"change {last}", first, last))


def undo_one(pool: Pool, operation: Operation, derived: frozenset[str] = frozenset()) -> Operation:
    """Undo one operation that need not be the last one; return it.

    `derived`: columns whose later changes do not count.  Raises UsageError if it was undone already, is not in the
    store (any more), or a record of it was changed since, by whomever.
    """
    if not isinstance(operation, Operation):
        raise UsageError(f"operation={operation!r}: an operation of `undoable` is needed")
    if pool.writing:
        raise UsageError("undo stands alone, not inside of a transaction")
    with pool.writer() as db:
        if operations.undoable_one(db, operation.id) != operation:
            raise UsageError("the operation was undone, or the store is another one since", where=[_named(operation)])
        model = pool.model
        for name, key in _records(db, operation):
            table = model.by_name[name]
            if _told(row_now(db, table, key), derived) != _told(row_at(db, table, key, operation.last_seq), derived):
                _refuse(db, operation, name, key)
        since = operations.last_change(db)
        _invert(db, model, operation)
        number = operations.note(db, since, operation.label, "undo", pool.signature)
        assert number is not None
        operations.undone(db, operation, number)
    return operation


def _told(values: Values | None, derived: frozenset[str]) -> Values | None:
    return None if values is None else {name: value for name, value in values.items() if name not in derived}


def _records(db: sqlite.Connection, operation: Operation) -> list[tuple[str, str]]:
    """Return (table, key) of the records that an operation changed."""
    changed = "SELECT DISTINCT table_name, record_id FROM changes NOT INDEXED WHERE seq BETWEEN ? AND ?"
    return [(str(name), str(key)) for name, key in sqlite.fetch(db, changed, (operation.first_seq, operation.last_seq))]


def _take_back(
    pool: Pool, n: int, listed: Callable[[sqlite.Connection, int], list[Operation]], kind: str
) -> list[Operation]:
    choices.count("n", n, least=1)
    if pool.writing:
        raise UsageError(f"{kind} stands alone, not inside of a transaction")
    with pool.writer() as db:
        found = listed(db, n)
        if len(found) < n:
            there = f"only {len(found)} available" if found else "nothing to undo"
            raise UsageError(f"{kind} of {n} operation{'s' * (n > 1)}: {there}", where=[str(pool.path)])
        for operation in found:
            since = operations.last_change(db)
            _invert(db, pool.model, operation)
            number = operations.note(db, since, operation.label, kind, pool.signature)
            assert number is not None
            operations.undone(db, operation, number)
    return found


def _invert(db: sqlite.Connection, model: Model, operation: Operation) -> None:
    """Restore every record that an operation changed."""
    wanted: Wanted = {}
    for name, key in _records(db, operation):
        if operations.foreign_change(db, name, key, operation.last_seq) is not None:
            _refuse(db, operation, name, key)
        table = model.by_name[name]
        wanted[table, key] = row_at(db, table, key, operation.first_seq - 1)
    for table in model.tables:
        if table.sole is not None:
            _refuse_two(db, operation, wanted, table, table.sole)
    _write(db, model, operation, wanted)
    _refuse_leaning(db, model, operation, wanted)


def _write(db: sqlite.Connection, model: Model, operation: Operation, wanted: Wanted) -> None:
    """Write the records so that a referenced one is created first and removed last."""
    coming = [(table, key) for table in model.tables for held, key in wanted if held is table and wanted[table, key]]
    going = [(table, key) for table in reversed(model.tables) for held, key in wanted if held is table]
    for table, key in [*coming, *(one for one in going if wanted[one] is None)]:
        try:
            put(db, table, key, wanted[table, key])
        except sqlite.ConstraintError as error:
            gone = wanted[table, key] is None
            raise UsageError(
                "other records refer to this one now" if gone else f"the record cannot be restored: {error}",
                where=[f"{table.name} {key}", _named(operation)],
                next_command=f"pjais history {shlex.quote(key)}",
            ) from error


def _refuse_two(db: sqlite.Connection, operation: Operation, wanted: Wanted, table: Table, flag: str) -> None:
    """Refuse to set a flag that one record has beside one for which it was set since (two active personas)."""
    if not any(held is table and values and values[flag] for (held, _), values in wanted.items()):
        return
    for (key,) in sqlite.fetch(db, f"SELECT {table.key[0]} FROM {table.sql} WHERE {flag} = 1"):
        before = row_at(db, table, key, operation.first_seq - 1)
        if (table, key) not in wanted and not (before and before[flag]):
            _refuse(db, operation, table.name, key)


def _refuse_leaning(db: sqlite.Connection, model: Model, operation: Operation, wanted: Wanted) -> None:
    """Refuse to break a valid link: SQLite checks foreign keys, this function references to one of several tables."""
    for table in model.tables:
        for column, targets in table.references:
            if len(targets) > 1:
                _refuse_broken(db, model, operation, wanted, table, column, targets)


def _refuse_broken(
    db: sqlite.Connection,
    model: Model,
    operation: Operation,
    wanted: Wanted,
    linking: Table,
    column: str,
    targets: tuple[str, ...],
) -> None:
    for (table, key), values in wanted.items():
        if values is None and table.name in targets:
            links = f"SELECT {linking.key[0]} FROM {linking.sql} WHERE {column} = ?"
            for (link,) in sqlite.fetch(db, links, (key,)):
                before = row_at(db, linking, link, operation.first_seq - 1) or {}
                for name, lost, _ in missing_references(db, linking, row_now(db, linking, link) or {}):
                    if name == column and lost == key != before.get(column):
                        _refuse(db, operation, linking.name, link)
        elif values is not None and table is linking:
            for name, lost, _ in missing_references(db, table, values):
                for target in targets if name == column else ():
                    if row_at(db, model.by_name[target], lost, operation.first_seq - 1):
                        _refuse(db, operation, target, lost)


def _refuse(db: sqlite.Connection, operation: Operation, table: str, key: str) -> NoReturn:
    seq, at, op = sqlite.fetch(
        db,
        "SELECT seq, at, op FROM changes WHERE seq = coalesce(?1, "
        "(SELECT max(seq) FROM changes WHERE table_name = ?2 AND record_id = ?3))",
        (operations.foreign_change(db, table, key, operation.last_seq), table, key),
    )[0]
    raise UsageError(
        "a record has been changed by someone else since; undoing would revert that change, too",
        where=[f"{table} {key}: {op}, change {seq} at {at}", _named(operation)],
        safe="Nothing was written.",
        next_command=f"pjais history {shlex.quote(key)}",
    )


def _named(operation: Operation) -> str:
    at = "" if operation.at is None else f" of {instants.to_text(operation.at)}"
    return f"operation {operation.id}{at}: {operation.label}"
