"""The hash chain of a store, which makes changes made behind our back evident.

Every run, every decision about the quarantine and every stretch of edits through pjais ends with a link in
`migration_chain`.  A link holds the digest of the previous link, the last change of the history, and digests of the
tables that only pjais writes: runs, ledger, quarantine, ids, decisions.  A run's link also names its backup: the hash
of its manifest and of its journal so far.  The journal names the link.  So an older store restored in place, a swapped
backup, a removed run or history row, a changed ledger entry: each breaks a link, and `check` says which.

Tables whose rows may be deleted are digested as sets: the sum of the SHA-256 of all rows modulo 2^256.  A run that
changes few rows updates the sum from those rows alone.  The history and the list of operations only grow, so they
have a running digest, each row over the one before.

The changes of such a step are kept with its link as a changeset, in the same transaction, so that the step can be
reverted at the cost of what it changed (`pjais.migration.revert`).

Limit: whoever rewrites the store and all backups together can rewrite their chain too.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson

from pjais import canonical, instants, sqlite
from pjais.journal import now_ms

SEALED = ("migration_runs", "migration_records", "migration_quarantine", "migration_ids", "migration_decisions")
"""The tables that only pjais writes."""

CATALOGUE = ("_collections", "_columns", "_indexes", "_schemas")
"""What a store says of its document tables; not every store has any."""

_ALL = (*SEALED, *CATALOGUE)

EDITS = "edits"
"""The event of a link that covers what was written through an open store since the link before it."""

_RECORDS = "records"
"""In a link's state: the sum of the digests of all migrated records."""
_MODULUS = 1 << 256
_START = bytes(32)
_LAST = (1 << 63) - 1
_CHANGE = "seq, at, table_name, record_id, op, before, after"
_OPERATION = "id, at, kind, label, first_seq, last_seq"

State = dict[str, str]
"""The digests of a link, in hex: of each sealed table, of all migrated records, of the history and the operations."""


class Link(NamedTuple):
    """One link: number, time, event, the last change and operation that it covers, the digests of the state."""

    number: int
    at: str
    event: str
    run_id: str | None
    changes_seq: int
    operation_id: int
    state: State
    backup: dict[str, Any] | None
    """Of a run: `manifest` (its own hash), `journal` (size in bytes and SHA-256 of what it held then), `folder`; of a
    step that can be taken back: `changeset`, the SHA-256 of it as it is kept."""
    digest: bytes


_COLUMNS = ", ".join(Link._fields)


def links(db: sqlite.Connection) -> list[Link]:
    """Return all links, oldest first."""
    return [_link(row) for row in sqlite.each(db, f"SELECT {_COLUMNS} FROM migration_chain ORDER BY number")]


def head(db: sqlite.Connection) -> Link | None:
    """Return the last link."""
    row = sqlite.first(db, f"SELECT {_COLUMNS} FROM migration_chain ORDER BY number DESC LIMIT 1")
    return None if row is None else _link(row)


def lasting(db: sqlite.Connection) -> Link | None:
    """Return the last link that no longer changes; a link of edits grows with them."""
    row = sqlite.first(
        db, f"SELECT {_COLUMNS} FROM migration_chain WHERE event <> ? ORDER BY number DESC LIMIT 1", (EDITS,)
    )
    return None if row is None else _link(row)


def history(db: sqlite.Connection, upto: int = _LAST) -> tuple[int, str]:
    """Return the number of the last change up to one, and the running digest of the history up to it."""
    near = sqlite.first(
        db,
        "SELECT changes_seq, state ->> '$.history' FROM migration_chain WHERE changes_seq <= ? "
        "ORDER BY number DESC LIMIT 1",
        (upto,),
    )
    number, digest = near or (0, _START.hex())
    return _extended(digest, number, _changes(db, number, upto))


def _link(row: tuple[Any, ...]) -> Link:
    number, at, event, run_id, seq, operation, state, backup, digest = row
    named = None if backup is None else json.loads(backup)
    return Link(number, at, event, run_id, seq, operation, json.loads(state), named, digest)


def seal(
    db: sqlite.Connection,
    event: str,
    run_id: str | None = None,
    backup: Mapping[str, Any] | None = None,
    changeset: bytes | None = None,
) -> Link:
    """Add a link for the current state, inside the caller's transaction.

    `changeset`: the changes of the sealed tables since the last link; without it they are read completely.
    """
    last = head(db)
    if changeset is None or last is None:
        return _append(db, last, event, run_id, _sums(db), backup)
    state = _updated(db, last.state, changeset)
    packed = bytes(_zstd().compress(changeset)) if changeset else b""
    told = {**(backup or {}), **({"changeset": hashlib.sha256(packed).hexdigest()} if packed else {})}
    link = _append(db, last, event, run_id, state, told or None)
    if packed:
        db.execute("INSERT INTO migration_changesets VALUES (?, ?)", (link.number, packed))
    return link


@contextmanager
def recording(db: sqlite.Connection, derived: Collection[str]) -> Iterator[sqlite.Session]:
    """Record what the block changes in any table but the derived ones; earlier edits get a link of their own."""
    note_edits(db)
    with sqlite.session(db, [name for name in _recorded(db) if name not in derived]) as session:
        yield session


def _recorded(db: sqlite.Connection) -> list[str]:
    """Return every ordinary table except those of the chain itself."""
    sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT GLOB 'sqlite_*'"
    return [str(name) for (name,) in sqlite.each(db, sql) if name not in ("migration_chain", "migration_changesets")]


@contextmanager
def sealing(db: sqlite.Connection, derived: Collection[str], event: str, run_id: str | None = None) -> Iterator[None]:
    """Seal what the block changes, at the cost of what it changes; `derived`: tables that follow from others."""
    with recording(db, derived) as session:
        yield
        seal(db, event, run_id, changeset=session.changeset())


def changeset(db: sqlite.Connection, link: Link) -> bytes | None:
    """Return the changeset of a link's step; None if it was not kept, or is not what was kept."""
    packed = sqlite.value(db, "SELECT changeset FROM migration_changesets WHERE link = ?", (link.number,))
    told = (link.backup or {}).get("changeset")
    if packed is None or hashlib.sha256(packed).hexdigest() != told:
        return None
    return bytes(_zstd().decompress(packed))


def _zstd() -> Any:
    """Load the compression on demand, since every open store loads this module."""
    return importlib.import_module("cramjam").zstd


def note_edits(db: sqlite.Connection) -> None:
    """Cover the history written since the last link; one link of edits grows until another event happens."""
    found = sqlite.fetch(db, f"SELECT {_COLUMNS} FROM migration_chain ORDER BY number DESC LIMIT 2")
    if not found:
        return  # a store under construction
    last = _link(found[0])
    if _is_up_to_date(db, last):
        return
    sums = {name: last.state.get(name, _NOTHING) for name in (*_ALL, _RECORDS)}
    if last.event == EDITS:
        before = _link(found[1]) if len(found) > 1 else None
        grown = _grown(db, last, sums, EDITS, None, None, last.number, b"" if before is None else before.digest)
        db.execute(
            "UPDATE migration_chain SET at = ?, changes_seq = ?, operation_id = ?, state = ?, digest = ? "
            "WHERE number = ?",
            (grown.at, grown.changes_seq, grown.operation_id, _text(grown.state), grown.digest, grown.number),
        )
    else:
        _append(db, last, EDITS, None, sums, None)


def _is_up_to_date(db: sqlite.Connection, last: Link) -> bool:
    now = sqlite.fetch(db, "SELECT (SELECT max(seq) FROM main.changes), (SELECT max(id) FROM store_operations)")[0]
    return (now[0] or 0, now[1] or 0) == (last.changes_seq, last.operation_id)


def _append(
    db: sqlite.Connection,
    last: Link | None,
    event: str,
    run_id: str | None,
    sums: State,
    backup: Mapping[str, Any] | None,
) -> Link:
    number = 1 if last is None else last.number + 1
    new = _grown(db, last, sums, event, run_id, backup, number, b"" if last is None else last.digest)
    marks = ", ".join("?" * len(Link._fields))
    body = (*new[:6], _text(new.state), None if new.backup is None else _text(new.backup), new.digest)
    db.execute(f"INSERT INTO migration_chain ({_COLUMNS}) VALUES ({marks})", body)
    return new


def _grown(
    db: sqlite.Connection,
    last: Link | None,
    sums: State,
    event: str,
    run_id: str | None,
    backup: Mapping[str, Any] | None,
    number: int,
    before: bytes,
) -> Link:
    """Return a link whose history continues that of `last`, chained to the digest `before`."""
    held = _empty() if last is None else last
    seq, history = _extended(held.state["history"], held.changes_seq, _changes(db, held.changes_seq))
    operation, operations = _extended(held.state["operations"], held.operation_id, _operations(db, held.operation_id))
    state = {**sums, "history": history, "operations": operations}
    named = None if backup is None else dict(backup)
    link = Link(number, instants.to_text(now_ms()), event, run_id, seq, operation, state, named, b"")
    return link._replace(digest=_digest(before, link))


def _empty() -> Link:
    state = {"history": _START.hex(), "operations": _START.hex()}
    return Link(0, "", "", None, 0, 0, state, None, b"")


def _digest(before: bytes, link: Link) -> bytes:
    backup = None if link.backup is None else _text(link.backup)
    return canonical.digest((before.hex(), *link[:6], _text(link.state), backup))


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _extended(digest: str, number: int, rows: Iterable[tuple[Any, ...]]) -> tuple[int, str]:
    """Return the running digest of append-only rows, and the number of the last one."""
    running = bytes.fromhex(digest)
    for row in rows:
        running = hashlib.sha256(running + _bytes(row)).digest()
        number = row[0]
    return number, running.hex()


def _bytes(row: tuple[Any, ...]) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:
        return canonical.digest(row)


def _changes(db: sqlite.Connection, after: int, upto: int = _LAST) -> Iterator[tuple[Any, ...]]:
    sql = f"SELECT {_CHANGE} FROM main.changes WHERE seq > ? AND seq <= ? ORDER BY seq"
    return sqlite.each(db, sql, (after, upto))


def _operations(db: sqlite.Connection, after: int) -> Iterator[tuple[Any, ...]]:
    return sqlite.each(db, f"SELECT {_OPERATION} FROM store_operations WHERE id > ? ORDER BY id", (after,))


def _sums(db: sqlite.Connection) -> State:
    """Return the sums of all sealed tables, read completely."""
    sums = dict.fromkeys((*_ALL, _RECORDS), 0)
    for table in _ALL:
        names = sqlite.column_names(db, table)
        for row in sqlite.each(db, f"SELECT * FROM {table}") if names or table in SEALED else ():
            name, weight = _weight(table, names, row)
            sums[name] += weight
    return {name: _hex(total) for name, total in sums.items()}


def _updated(db: sqlite.Connection, state: State, changeset: bytes) -> State:
    """Return the sums after a changeset, computed from those before it."""
    sums = {name: int(state.get(name, _NOTHING), 16) for name in (*_ALL, _RECORDS)}
    columns = {table: sqlite.column_names(db, table) for table in _ALL}
    for table, old, new in sqlite.changed_rows(db, changeset, _ALL):
        for row, sign in ((old, -1), (new, 1)):
            if row is not None:
                name, weight = _weight(table, columns[table], row)
                sums[name] += sign * weight
    return {name: _hex(total) for name, total in sums.items()}


def _weight(table: str, columns: tuple[str, ...], row: tuple[Any, ...]) -> tuple[str, int]:
    """Return the sum that a row is part of, and its contribution.

    The ledger entry of a migrated document contributes its record's digest alone, which is at hand: every proof
    compares the rest of the entry with the backup.
    """
    if table == "migration_records" and row[columns.index("outcome")] == "migrated":
        return _RECORDS, int.from_bytes(row[columns.index("digest")] or b"")
    return table, canonical.weight(row)


_NOTHING = "0" * 64
"""The sum of a table that is not there, or that an older version did not seal."""


def _hex(total: int) -> str:
    return f"{total % _MODULUS:064x}"


def check(db: sqlite.Connection) -> list[str]:
    """Return what was changed behind the chain's back; empty for a valid store."""
    found = links(db)
    if not found:
        return ["the chain of runs is missing"]
    wrong = [*_broken_links(found), *_broken_history(db, found)]
    now = _sums(db)
    wrong += [
        f"{_NAMES.get(name, name)} changed by another program"
        for name in now
        if now[name] != found[-1].state.get(name, _NOTHING)
    ]
    return [*wrong, *_lost_changesets(db, found), *_gaps(db)]


def _lost_changesets(db: sqlite.Connection, found: list[Link]) -> list[str]:
    """Return the changesets that are missing or altered, without which a step cannot be reverted."""
    wanted = [one for one in found if one.backup and "changeset" in one.backup]
    wrong = [f"what takes {one.event} {one.run_id or ''} back was changed" for one in wanted if not changeset(db, one)]
    held = {number for (number,) in sqlite.each(db, "SELECT link FROM migration_changesets")}
    stray = sorted(held - {one.number for one in wanted})
    return wrong + [f"migration_changesets holds a row that no link names: {number}" for number in stray]


_NAMES = {
    "migration_runs": "runs (migration_runs) were",
    "migration_records": "ledger entries (migration_records) were",
    "migration_quarantine": "quarantined documents (migration_quarantine) were",
    "migration_ids": "the map of ids (migration_ids) was",
    "migration_decisions": "decisions about quarantined documents (migration_decisions) were",
    **{name: f"descriptions of document tables ({name}) were" for name in CATALOGUE},
    _RECORDS: "digests of migrated records (migration_records) were",
}


def _broken_links(found: list[Link]) -> list[str]:
    wrong = []
    before = b""
    for number, link in enumerate(found, 1):
        if link.number != number or link.digest != _digest(before, link):
            wrong.append(f"the chain is broken at link {link.number} ({link.event} {link.run_id or ''})".rstrip())
            break
        before = link.digest
    return wrong


def _broken_history(db: sqlite.Connection, found: list[Link]) -> list[str]:
    """Compare the running digests of history and operations with what each link says of them."""
    return [
        *_first_mismatch("the history", _changes(db, 0), [(one.changes_seq, one.state["history"]) for one in found]),
        *_first_mismatch(
            "the list of operations", _operations(db, 0), [(one.operation_id, one.state["operations"]) for one in found]
        ),
    ]


def _first_mismatch(what: str, rows: Iterator[tuple[Any, ...]], wanted: list[tuple[int, str]]) -> list[str]:
    running, number = _START, 0
    row = next(rows, None)
    for upto, digest in wanted:
        while row is not None and row[0] <= upto:
            running, number = hashlib.sha256(running + _bytes(row)).digest(), row[0]
            row = next(rows, None)
        if number != upto or running.hex() != digest:
            return [f"{what} up to number {upto} is not what was written"]
    return []


def _gaps(db: sqlite.Connection) -> list[str]:
    """Return rows that are missing after the last link: SQLite remembers the highest number it ever assigned."""
    wrong = []
    given = sqlite.pairs(db, "SELECT name, seq FROM sqlite_sequence")
    for table, key, what in (
        ("main.changes", "seq", "the history"),
        ("store_operations", "id", "the list of operations"),
        ("migration_chain", "number", "the chain of runs"),
    ):
        count, last = sqlite.fetch(db, f"SELECT count(*), coalesce(max({key}), 0) FROM {table}")[0]
        highest = given.get(table.removeprefix("main."), 0)
        if not count == last == highest:
            wrong.append(f"{what} lacks rows: {count} are there, {max(last, highest)} were written")
    return wrong
