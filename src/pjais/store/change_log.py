"""The history of a store as entries that people understand: which changes belong together, and who made them.

An entry is an operation made through pjais, an increment or import of a run, or what another program wrote within a
few minutes.  Who made it is told as far as the store knows: runs by their link in the chain, operations by what the
program that made them says of itself; a change without either is another program's.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from pjais import instants, sqlite
from pjais.core.model import Model
from pjais.store import operations
from pjais.store.as_of import row_now
from pjais.targets.sqlite.chain import EDITS

WHO = ("app", "page", "assistant", "cli", "program", "other")
"""Who may have made an entry; `program`: one that uses pjais, `other`: one that writes to the file itself."""
_APART_MS = 300_000
"""Changes of another program belong together if no more time lies between them."""
_READ = 200
"""Number of changes that are read to describe an entry; of more only the number is told."""
_SCANNED = 2_000
"""Number of entries that one page looks at, whatever is left out."""
_USE = frozenset({"access_count", "last_accessed", "usage_count", "last_used"})
_QUIET = frozenset({"updated_at"})
_NAMES = ("name", "title", "summary", "content", "label", "text")


class Touched(NamedTuple):
    """A record of an entry: what was done to it (added, edited, deleted, restored, archived, ...), its fields."""

    table: str
    key: str
    done: str
    fields: tuple[str, ...]
    name: str


class Entry(NamedTuple):
    """Changes that belong together, from `first` to `last`.

    `by`: which assistant, or the run.  `kind`: do, undo or redo of an operation, else an empty text.  `counts` by
    (table, what was done), of records.  `touched`: some of the records.
    """

    first: int
    last: int
    at: int | None
    who: str
    by: str
    kind: str
    operation: int | None
    label: str
    undone: bool
    counts: dict[tuple[str, str], int]
    touched: tuple[Touched, ...]


class Run(NamedTuple):
    """A run that wrote into the store: its id, the changes before and after it, when it ended (ms), its sources."""

    id: str
    before: int
    last: int
    at: int | None
    kinds: tuple[str, ...]
    migrated: int


def runs(db: sqlite.Connection) -> list[Run]:
    """Return the runs by the changes that they made, oldest first; of the first one those are none."""
    ends = sqlite.fetch(db, "SELECT event, run_id, changes_seq FROM migration_chain ORDER BY number")
    told = {
        key: (at, json.loads(sources), json.loads(counts))
        for key, at, sources, counts in sqlite.fetch(db, "SELECT id, finished_at, sources, counts FROM migration_runs")
    }
    found: list[Run] = []
    before = 0
    for event, run_id, seq in ends:
        if event != EDITS and run_id in told and (seq > before or run_id not in {one.id for one in found}):
            at, sources, counts = told[run_id]
            kinds = tuple(dict.fromkeys(str(one.get("kind")) for one in sources))
            found.append(Run(run_id, before, seq, instants.from_text(at or ""), kinds, int(counts.get("migrated", 0))))
        before = max(before, seq)
    return found


def entries(
    db: sqlite.Connection, model: Model, upto: int, limit: int, who: Collection[str] = WHO
) -> tuple[list[Entry], int]:
    """Return entries from change `upto` backwards, newest first, and the change at which the next page begins.

    0: there are no earlier ones.
    """
    found: list[Entry] = []
    known = [one for one in runs(db) if one.last > one.before]
    at = upto
    for _ in range(_SCANNED):
        if at <= 0 or len(found) >= limit:
            break
        bare = _bare(db, at, known)
        if bare is None:
            return found, 0
        if bare.who in who:
            found.append(described(db, model, bare))
        at = bare.first - 1
    return found, max(at, 0)


def at(db: sqlite.Connection, model: Model, seq: int) -> Entry | None:
    """Return the whole entry to which a change belongs; None: there is no such change."""
    known = [one for one in runs(db) if one.last > one.before]
    entry = _bare(db, seq, known)
    if entry is None:
        return None
    last = _end(db, seq, entry, known)
    return described(db, model, entry._replace(last=last))


def _end(db: sqlite.Connection, seq: int, entry: Entry, known: Sequence[Run]) -> int:
    """Return the last change of the entry that a change belongs to."""
    if entry.operation is not None:
        found = sqlite.value(db, "SELECT last_seq FROM store_operations WHERE id = ?", (entry.operation,))
        return int(found)
    run = next((one for one in known if one.before < seq <= one.last), None)
    if run is not None:
        return run.last
    last, before = seq, entry.at
    for number, text in sqlite.each(db, "SELECT seq, at FROM changes WHERE seq > ? ORDER BY seq LIMIT 1000", (seq,)):
        when = instants.from_text(text)
        bare = _bare(db, number, known)
        if bare is None or bare.operation is not None or bare.who != entry.who or _apart(before, when):
            break
        last, before = number, when
    return last


def _apart(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and abs(one - other) > _APART_MS


def _has_operations(db: sqlite.Connection) -> bool:
    return sqlite.first(db, "SELECT 1 FROM sqlite_schema WHERE name = 'store_operations'") is not None


def _bare(db: sqlite.Connection, seq: int, known: Sequence[Run]) -> Entry | None:
    """Return the entry that ends with a change or before it, without its description."""
    row = sqlite.first(db, "SELECT seq, at FROM changes WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (seq,))
    if row is None:
        return None
    last, when = int(row[0]), instants.from_text(row[1])
    operation = None
    if _has_operations(db):
        operation = sqlite.first(
            db,
            "SELECT id, at, kind, label, first_seq, last_seq, undone_by FROM store_operations "
            "WHERE first_seq <= ? AND last_seq >= first_seq ORDER BY first_seq DESC, id DESC LIMIT 1",
            (last,),
        )
    if operation is not None and operation[5] >= last:
        number, _, kind, label, first, _, by = operation
        who, label = operations.signed(label)
        name, _, which = who.partition(" ")
        return Entry(first, last, when, name or "program", which, kind, number, label, by is not None, {}, ())
    floor = int(operation[5]) if operation is not None else 0
    place = bisect_right([one.before for one in known], last - 1) - 1
    if place >= 0 and known[place].last >= last:
        run = known[place]
        return Entry(max(run.before, floor) + 1, last, when, "app", run.id, "", None, "", False, {}, ())
    if place >= 0:
        floor = max(floor, known[place].last)
    first = _together(db, last, floor)
    return Entry(first, last, when, "other", "", "", None, "", False, {}, ())


def _together(db: sqlite.Connection, last: int, floor: int) -> int:
    """Return the first of the changes before `last`, after `floor`, that lie near each other in time."""
    first, later = last, None
    for seq, text in sqlite.each(
        db, "SELECT seq, at FROM changes WHERE seq <= ? AND seq > ? ORDER BY seq DESC LIMIT 1000", (last, floor)
    ):
        when = instants.from_text(text)
        if _apart(when, later):
            break
        first, later = seq, when
    return first


def described(db: sqlite.Connection, model: Model, entry: Entry) -> Entry:
    """Return an entry with the records that it touched, and their number by what was done."""
    rows = sqlite.fetch(
        db,
        "SELECT table_name, record_id, op, before, after FROM changes NOT INDEXED WHERE seq BETWEEN ? AND ? "
        "ORDER BY seq LIMIT ?",
        (entry.first, entry.last, _READ + 1),
    )
    records: dict[tuple[str, str], list[tuple[str, dict[str, Any], dict[str, Any]]]] = {}
    for table, key, op, before, after in rows[:_READ]:
        records.setdefault((table, key), []).append((op, _object(before), _object(after)))
    touched = [
        Touched(table, key, *_done(steps), name_of(db, model, table, key, steps[-1][1]))
        for (table, key), steps in list(records.items())[:8]
    ]
    if len(rows) <= _READ:
        counts = Counter((table, _done(steps)[0]) for (table, _), steps in records.items())
    else:
        counts = Counter(_counted(db, entry))
    return entry._replace(counts=dict(counts), touched=tuple(touched))


def _counted(db: sqlite.Connection, entry: Entry) -> dict[tuple[str, str], int]:
    names = {"insert": "added", "update": "edited", "delete": "deleted"}
    sql = (
        "SELECT table_name, done, count(*) FROM (SELECT table_name, record_id, CASE WHEN max(op = 'delete') THEN "
        "'delete' WHEN max(op = 'insert') THEN 'insert' ELSE 'update' END AS done FROM changes NOT INDEXED "
        "WHERE seq BETWEEN ? AND ? GROUP BY 1, 2) GROUP BY 1, 2"
    )
    return {(table, names[op]): count for table, op, count in sqlite.each(db, sql, (entry.first, entry.last))}


def _object(text: str | None) -> dict[str, Any]:
    found = json.loads(text) if text else None
    return found if isinstance(found, dict) else {}


def _done(steps: Sequence[tuple[str, dict[str, Any], dict[str, Any]]]) -> tuple[str, tuple[str, ...]]:
    """Return what was done to a record by its changes, and the fields that were changed."""
    ops = [op for op, _, _ in steps]
    if ops[-1] == "delete":
        return "deleted", ()
    if "insert" in ops:
        return "added", ()
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for _, early, late in steps:
        before = {**early, **before}
        after |= late
    fields = tuple(name for name in after if name not in _QUIET and name != "content_format")
    if "deleted_at" in after:
        return ("deleted" if after["deleted_at"] is not None else "restored"), ()
    if "is_archived" in after:
        return ("archived" if after["is_archived"] else "restored"), ()
    if "is_active" in after and set(fields) <= _USE | {"is_active"}:
        return ("activated" if after["is_active"] else "deactivated"), ()
    if fields and set(fields) <= _USE:
        return "accessed", ()
    return "edited", fields


def name_of(db: sqlite.Connection, model: Model, table: str, key: str, before: dict[str, Any]) -> str:
    """Return a record's name as people know it, from its row or what is left of it; its key where it has none."""
    held = model.by_name.get(table)
    row = {**before, **((row_now(db, held, key) or {}) if held is not None else {})}
    for name in _NAMES:
        found = row.get(name)
        if isinstance(found, str) and found.strip():
            return " ".join(found.split())[:120]
    return key


def shares(db: sqlite.Connection) -> dict[str, int]:
    """Return the number of changes by who made them; those that nobody made are left out."""
    total = int(sqlite.value(db, "SELECT count(*) FROM changes"))
    found: Counter[str] = Counter()
    if _has_operations(db):
        for label, count in sqlite.fetch(
            db, "SELECT label, last_seq - first_seq + 1 FROM store_operations WHERE last_seq >= first_seq"
        ):
            found[operations.signed(label)[0].partition(" ")[0] or "program"] += count
    found["app"] = sum(
        int(sqlite.value(db, "SELECT count(*) FROM changes WHERE seq > ? AND seq <= ?", (one.before, one.last)))
        for one in runs(db)
    )
    found["other"] = max(0, total - found.total())
    return {who: found[who] for who in WHO if found[who]}


def growth(db: sqlite.Connection, last: int, steps: int) -> list[int]:
    """Return the number of records after each of `steps` equal parts of the history, and before the first."""
    if last <= 0:
        return []
    made = sqlite.pairs(
        db,
        "SELECT (seq - 1) * ?1 / ?2, sum(CASE op WHEN 'insert' THEN 1 WHEN 'delete' THEN -1 ELSE 0 END) "
        "FROM changes GROUP BY 1",
        (steps, last),
    )
    found = [0]
    for place in range(steps):
        found.append(found[-1] + int(made.get(place, 0)))
    return found
