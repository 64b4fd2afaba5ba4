"""`shadow`: compare old and new record by record, and report for how long the two have agreed.

The old side is read again and goes through the same steps as a migration, into a scratch store; every row of it is
compared with the store's, both ways.  Differences go to `shadow.jsonl` in the data folder: record and field, never the
content.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple

from pjais import canonical, files, instants, journal, sqlite
from pjais.assembly.assemble import origin_of
from pjais.assembly.ids import Ids
from pjais.assembly.normalise import EVERYTHING, Choices, Only
from pjais.assembly.scratch import scratch_store
from pjais.core.model import Model
from pjais.core.results import Difference
from pjais.core.table import Table
from pjais.errors import NoSourceFound
from pjais.migration import origins
from pjais.sources.registry import absence_means_removed
from pjais.targets.sqlite import cutover, decisions, removals
from pjais.targets.sqlite.compare import led_to, present
from pjais.targets.sqlite.entries import Origin
from pjais.workspace import Workspace

LOG = "shadow.jsonl"
DIFFERS, ONLY_IN_SOURCE, ONLY_IN_TARGET = "differs", "only in the source", "only in the target"
EDITED, WRITTEN, DELETED = "edited in the store", "written in the store", "deleted in the store"
"""The outcomes of a comparison, as `Difference.problem` has them: differences, and edits in the store itself."""
_SHOWN = 100


class Values(NamedTuple):
    """Both values of a difference, for whoever shows it: they are content, so no log and no `as_dict` has them.

    `name` is what people call the record.  Where one side lacks the whole record, its value is None.
    """

    name: str | None
    old: Any
    new: Any
    edited_here: bool = False
    """True if the store's record is not as it was migrated, so both sides were edited."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of the two sides: time (ms), numbers of records and of invalid documents, differences.

    `edits` are no difference: they were written in the store itself, and the old side is as it was migrated.
    `values` and `edit_values` belong to `differences` and `edits`, one by one.  `differing` and `edited` are numbers
    of records of the old side.
    """

    at: int
    records: int
    refused: int
    differences: tuple[Difference, ...]
    count: int
    edits: tuple[Difference, ...] = ()
    edit_count: int = 0
    values: tuple[Values, ...] = ()
    edit_values: tuple[Values, ...] = ()
    differing: int = 0
    edited: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as a JSON object."""
        return {
            "at": instants.to_text(self.at),
            "records": self.records,
            "refused": self.refused,
            "difference_count": self.count,
            "differences": [one.as_dict() for one in self.differences],
            "edit_count": self.edit_count,
            "edits": [one.as_dict() for one in self.edits],
        }


def compare(workspace: Workspace, *, password: str | None = None, only: Only = EVERYTHING) -> Comparison:
    """Compare the current sources with the current store, and write the outcome to the log.

    `only`: the part of the old side to compare; by default the choice kept for this store.  Raises NoSourceFound if
    one side is missing, UsageError if the given origin does not exist.
    """
    found, only = origins.chosen(workspace, workspace.find(), only)
    if not found.sources:
        raise NoSourceFound("source not found", where=[str(path) for path in workspace.sources])
    if cutover.inspect(workspace.store, workspace.model) is None:
        raise NoSourceFound("store not found", where=[str(workspace.store)], next_command="pjais follow")
    workspace.target.catch_up(workspace.model)
    at = journal.now_ms()
    with closing(sqlite.open_reader(workspace.store)) as new:
        choices = Choices(Ids.of(new), password=password, only=only)
        with scratch_store(workspace.model, found.sources, choices, decisions=new) as scratch:
            judge = _Judge(new, workspace.model, [origin_of(snapshot) for snapshot in scratch.snapshots], only)
            with closing(sqlite.open_frozen(scratch.finish())) as old:
                records, counts, of_old = 0, Counter[bool](), Counter[bool]()
                shown = {edited: list[tuple[Difference, Values]]() for edited in (True, False)}
                refused = decisions.waiting(old)
                for table in scratch.builder.model.tables:
                    records += int(sqlite.value(old, f"SELECT count(*) FROM {table.sql}"))
                    before = None
                    for one, edited, values in _differences(old, new, table, judge):
                        counts[edited] += 1
                        of_old[edited] += one.record_id != before and (one.field is not None or values.old is not None)
                        before = one.record_id
                        shown[edited] += [(one, values)] if len(shown[edited]) < _SHOWN else []
    (differences, values_), (edits, edit_values) = (_apart(shown[edited]) for edited in (False, True))
    done = Comparison(
        at,
        records,
        refused,
        differences,
        counts[False],
        edits,
        counts[True],
        values_,
        edit_values,
        of_old[False],
        of_old[True],
    )
    _log(workspace, done)
    return done


def _apart(pairs: list[tuple[Difference, Values]]) -> tuple[tuple[Difference, ...], tuple[Values, ...]]:
    return tuple(one for one, _ in pairs), tuple(values for _, values in pairs)


def _is_told(db: sqlite.Connection, table: Table, key: str) -> bool:
    """Return whether a record's history leads to its current version, so that the store recorded the edit."""
    sql = "SELECT op, after FROM changes WHERE table_name = ? AND record_id = ? ORDER BY seq DESC LIMIT 1"
    last = sqlite.first(db, sql, (table.name, key))
    return last is not None and led_to(table, last[0], last[1], present(db, table, key))


class _Judge:
    """Tells differences that the store's ledger explains from real ones."""

    def __init__(self, store: sqlite.Connection, model: Model, compared: Sequence[Origin], only: Only) -> None:
        self._store = store
        self._model = model
        self._only = only
        self._compared = {(one.kind, one.name) for one in compared}

    def is_as_migrated(self, table: Table, key: str, row: tuple[Any, ...]) -> bool:
        """Return whether a record, of either side, is one that a run put into the store."""
        made = "SELECT 1 FROM migration_records WHERE record_type = ? AND record_id = ? AND digest = ?"
        return sqlite.first(self._store, made, (table.name, key, table.digest(row))) is not None

    def is_edit(self, table: Table, key: str, old: tuple[Any, ...]) -> bool:
        """Return whether the old side's record is unchanged since it was last read, so the store's was edited.

        The store's history must say so, too; otherwise the record was changed in silence.
        """
        return self.is_as_migrated(table, key, old) and _is_told(self._store, table, key)

    def of_new(self, table: Table, key: str, row: tuple[Any, ...]) -> str | None:
        """Classify a record that only the store has: `edit`, `difference`; None if no increment would touch it.

        None applies to a record of a source that is not compared, one that RxDB purged without a tombstone, one that
        its owner replayed from the quarantine, and a persona that other records refer to.
        """
        known = sqlite.fetch(
            self._store,
            "SELECT r.source_kind, r.source_path, r.digest, q.replayed_at, r.origin, r.database, r.collection "
            "FROM migration_records AS r LEFT JOIN migration_quarantine AS q ON q.record_seq = r.seq "
            "WHERE r.record_type = ? AND r.record_id = ?",
            (table.name, key),
        )
        here = [one for one in known if one[:2] in self._compared and self._only.covers(*one[4:])]
        replayed = [one[2] for one in here if one[3] is not None]
        if replayed and table.digest(row) in replayed:
            return None
        if not known or replayed:  # added by hand, or edited since it was replayed
            return "edit" if _is_told(self._store, table, key) else "difference"
        if not here or not any(absence_means_removed(str(one[0])) for one in here):
            return None
        if table.digest(row) not in {one[2] for one in here} and _is_told(self._store, table, key):
            return "edit"  # removed in the source, and kept since it was edited
        return None if removals.is_referred_to(self._store, self._model, table, key) else "difference"


def _differences(
    old: sqlite.Connection, new: sqlite.Connection, table: Table, judge: _Judge
) -> Iterator[tuple[Difference, bool, Values]]:
    """Merge both sides by key; yield every record that differs, whether it is an edit, and both values."""
    names = table.column_names
    sql = f"SELECT {', '.join(names)} FROM {table.sql} ORDER BY {table.key_list}"
    width = [names.index(name) for name in table.key]
    left, right = sqlite.each(old, sql), sqlite.each(new, sql)
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        key = None if one is None else tuple(one[place] for place in width)
        match = None if other is None else tuple(other[place] for place in width)
        if other is None or (one is not None and match is not None and key is not None and key < match):
            edited = judge.is_edit(table, _account_key(key), one or ())
            found = Difference(table.name, _name(key), None, DELETED if edited else ONLY_IN_SOURCE)
            yield found, edited, Values(_called(table, one), _called(table, one) or _name(key), None)
            one = next(left, None)
        elif one is None or (key is not None and match is not None and match < key):
            if (kind := judge.of_new(table, _account_key(match), other)) is not None:
                added = kind == "edit"
                found = Difference(table.name, _name(match), None, WRITTEN if added else ONLY_IN_TARGET)
                yield found, added, Values(_called(table, other), None, _called(table, other) or _name(match))
            other = next(right, None)
        else:
            if one != other and canonical.digest(one) != canonical.digest(other):
                edited = judge.is_edit(table, _account_key(key), one)
                here = not edited and not judge.is_as_migrated(table, _account_key(key), other)
                for name, before, after in zip(names, one, other, strict=True):
                    if not canonical.same(before, after):
                        found = Difference(table.name, _name(key), name, EDITED if edited else DIFFERS)
                        yield found, edited, Values(_called(table, other), before, after, here)
            one, other = next(left, None), next(right, None)


def _called(table: Table, row: tuple[Any, ...] | None) -> str | None:
    """Return what people call a record: the first of its naming columns that says anything."""
    cells = dict(zip(table.column_names, row or (), strict=False))
    told = (cells.get(name) for name in ("name", "title", "summary", "content"))
    return next((one[:200] for one in told if isinstance(one, str) and one.strip()), None)


def _account_key(key: tuple[Any, ...] | None) -> str:
    """Return a record's key as the ledger writes it."""
    parts = key or ()
    return str(parts[0]) if len(parts) == 1 else json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def _name(key: tuple[Any, ...] | None) -> str:
    return "" if key is None else str(key[-1])


def _log(workspace: Workspace, done: Comparison) -> None:
    """Append to the discrepancy log: one line for the comparison, one for each difference."""
    at = instants.to_text(done.at)
    lines = [{"at": at, "records": done.records, "differences": done.count, "edits": done.edit_count}]
    lines += [{"at": at, **one.as_dict()} for one in done.differences]
    files.append(workspace.data_dir / LOG, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


@dataclass(frozen=True, slots=True)
class Agreement:
    """The time since when the two sides agree (ms; None: they do not), and the number of comparisons."""

    since: int | None
    comparisons: int
    last: int | None


def agreement(workspace: Workspace) -> Agreement:
    """Return the agreement from the log: the comparisons since the last one that found a difference."""
    since: int | None = None
    last: int | None = None
    count = 0
    path = workspace.data_dir / LOG
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
            at, differing = instants.from_text(entry["at"]), entry.get("differences")
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # a line truncated by a crash
        if differing is None:
            continue
        last = at
        since, count = (None, 0) if differing else (since if since is not None else at, count + 1)
    return Agreement(since, count, last)
