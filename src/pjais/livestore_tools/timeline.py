"""Point-in-time queries of a LiveStore store: its events, any past state, differences, a record's history.

LiveStore keeps every event and offers none of this.  A store is read as a private copy, so it may be open in its
app meanwhile, or be in a closed browser profile.  An unreadable event has no effect, and is named by `events`.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from pjais import instants, journal, models, sqlite
from pjais.core.document import Unreadable
from pjais.core.events import Column, LiveTable, Operation
from pjais.core.results import Changed
from pjais.core.table import Record
from pjais.errors import NoSourceFound, UsageError
from pjais.sources import backup
from pjais.sources.livestore import locations, store
from pjais.sources.livestore.log import Broken, Event, Number, read_events
from pjais.sources.livestore.replay import Replay, Row
from pjais.sources.registry import source_of
from pjais.store.names import name_in
from pjais.targets.livestore import log_file, log_proof
from pjais.targets.sqlite.target import SqliteTarget
from pjais.workspace import Workspace

Found = Event | Broken | Unreadable


class Point(NamedTuple):
    """A point in time: the number of events up to it, and the last of them (None: before all)."""

    steps: int
    number: Number | None


class Moment(NamedTuple):
    """The effect of one event on one record."""

    event: Event
    changes: tuple[Changed, ...]


class Filter:
    """A filter of events; None means any.  Raises UsageError for an invalid time or event."""

    def __init__(
        self, name: str | None, key: str | None, since: str | None, until: str | None, after: str | None
    ) -> None:
        self._name, self._key = name, key
        self._since = None if since is None else _instant(since)
        self._until = None if until is None else _instant(until)
        self._after = None if after is None else _number(after)
        self._last_time: int | None = None

    def takes(self, one: Found) -> bool:
        """Return whether an event matches; one without a time has that of the event before it."""
        if not isinstance(one, Event):
            return self._name is None and self._key is None and self._since is None and self._until is None
        self._last_time = one.at if one.at is not None else self._last_time
        at = self._last_time
        if self._since is not None and (at is None or at < self._since):
            return False
        if self._until is not None and (at is None or at > self._until):
            return False
        if self._after is not None and one.number <= self._after:
            return False
        if self._name is not None and self._name.lower() not in one.name.lower():
            return False
        return self._key is None or any(operation.key == self._key for operation in operations_of(one))


@dataclass(frozen=True, slots=True)
class Timeline:
    """An opened store.  `label` names it if a location has several; `others` are those not chosen."""

    label: str
    found: store.Store
    scratch: Path
    others: tuple[str, ...] = ()

    def events(self) -> Iterator[Found]:
        """Yield every event, in the order in which LiveStore applies them."""
        assert self.found.log is not None
        return store.events(self.found.log)

    def point(self, *, event: str | None = None, time: str | None = None) -> Point:
        """Return the point after an event (`12`, or `12.1` for a client-only one), or at a time; without both, now.

        Raises UsageError for an invalid event or time, or if no event carries a time.
        """
        if event is not None:
            return self._at_event(_number(event))
        if time is not None:
            return self._at_time(time)
        numbers = [one.number for one in self._readable()]
        return Point(len(numbers), numbers[-1] if numbers else None)

    def _readable(self) -> Iterator[Event]:
        return (one for one in self.events() if isinstance(one, Event))

    def _at_event(self, wanted: Number) -> Point:
        numbers = [one.number for one in self._readable()]
        steps = bisect_right(numbers, wanted)
        if wanted.global_ > 0 and (not steps or numbers[steps - 1].global_ != wanted.global_):
            known = f"events {numbers[0]} to {numbers[-1]}" if numbers else "no events"
            raise UsageError(f"the log has no event {wanted.global_}", where=[f"{self.label}: {known}"])
        return Point(steps, numbers[steps - 1] if steps else None)

    def _at_time(self, text: str) -> Point:
        """Return the point before the first event later than a time; those without a time count with earlier ones."""
        wanted = _instant(text)
        steps, last, timed = 0, None, False
        for event in self._readable():
            if event.at is not None:
                timed = True
                if event.at > wanted:
                    return Point(steps, last)
            steps, last = steps + 1, event.number
        if not timed:
            raise UsageError("no event of this log carries a time; name an event", where=[self.label])
        return Point(steps, last)

    @contextmanager
    def state(self, point: Point) -> Iterator[Replay]:
        """Return the state at a point in time, replayed from the first event."""
        with closing(Replay(self._scratch_file())) as replay:
            for _, operations in self._operations(0, point.steps):
                replay.apply(operations)
            yield replay

    def records(self, point: Point) -> Iterator[Record]:
        """Yield every record at a point in time, personas first."""
        with self.state(point) as replay:
            for table in models.events().tables:
                for row in replay.rows(table):
                    yield log_proof.record_of(models.named(), table, row)

    def diff(self, before: Point, after: Point) -> list[Changed]:
        """Return the differences between two points in time, by record and field."""
        if before.steps > after.steps:
            turned = self.diff(after, before)
            return [one._replace(before=one.after, after=one.before) for one in turned]
        found: list[Changed] = []
        with self.state(before) as replay:
            held: dict[tuple[str, str], Row | None] = {}
            for _, operations in self._operations(before.steps, after.steps):
                for table, key in _touched(replay, operations):
                    if (table.name, key) not in held:
                        held[table.name, key] = replay.row(table, key)
                replay.apply(operations)
            for (name, key), row in held.items():
                table = models.events().by_name[name]
                found += _differences(table, key, row, replay.row(table, key))
        return found

    def names(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Return the present names of records, by (table, key); those without one are left out."""
        with self.state(self.point()) as replay:
            tables = models.events().by_name
            rows = {one: _shown(tables[one[0]], replay.row(tables[one[0]], one[1])) for one in set(wanted)}
        return {one: name for one, row in rows.items() if row and (name := name_in(row))}

    def history(self, key: str) -> list[Moment]:
        """Return every event that changed a record, and its changes.  Raises UsageError for an unknown id."""
        moments: list[Moment] = []
        with closing(Replay(self._scratch_file())) as replay:
            for event, operations in self._operations(0, None):
                tables = {table.name: table for table, one in _touched(replay, operations) if one == key}
                before = {name: replay.row(table, key) for name, table in tables.items()}
                replay.apply(operations)
                changes = [
                    change
                    for name, table in tables.items()
                    for change in _differences(table, key, before[name], replay.row(table, key))
                ]
                if changes:
                    moments.append(Moment(event, tuple(changes)))
        if not moments:
            raise UsageError("record not found in this log", where=[key])
        return moments

    def _operations(self, first: int, last: int | None) -> Iterator[tuple[Event, tuple[Operation, ...]]]:
        for step, event in enumerate(self._readable()):
            if last is not None and step >= last:
                return
            if step >= first:
                yield event, operations_of(event)

    def _scratch_file(self) -> Path:
        number = 0
        while (path := self.scratch / f"state{number}.db").exists():
            number += 1
        return path


def read_whole(path: Path) -> Iterator[Event]:
    """Yield the readable events of a closed log."""
    with closing(sqlite.open_frozen(path)) as db:
        yield from (event for event in read_events(db) if isinstance(event, Event))


def operations_of(event: Event) -> tuple[Operation, ...]:
    """Return the operations of an event; none if pjais cannot read it."""
    try:
        return models.events().decode(event.name, event.args)
    except (KeyError, ValueError, RecursionError):
        return ()


def _touched(replay: Replay, operations: tuple[Operation, ...]) -> Iterator[tuple[LiveTable, str]]:
    for one in operations:
        if one.key is not None:
            yield one.table, one.key
        else:
            yield from [(one.table, key) for key in replay.keys(one.table)]


def _differences(table: LiveTable, key: str, before: Row | None, after: Row | None) -> list[Changed]:
    if before is None and after is None:
        return []
    if before is None or after is None:
        return [Changed(table.name, key, None, _shown(table, before), _shown(table, after))]
    return [
        Changed(table.name, key, column.name, shown(column, before[column.name]), shown(column, after[column.name]))
        for column in table.columns
        if before[column.name] != after[column.name]
    ]


def _shown(table: LiveTable, row: Row | None) -> dict[str, Any] | None:
    return None if row is None else {column.name: shown(column, row[column.name]) for column in table.columns}


def shown(column: Column, held: Any) -> Any:
    """Return a stored value as people and JSON see it: JSON and booleans as values, times as ISO-8601."""
    if held is None:
        return None
    if column.form == "json":
        return json.loads(held)
    if column.form == "boolean":
        return bool(held)
    if column.form == "date" and abs(held) <= instants.LIMIT_MS:
        return instants.to_text(held)
    return held


class Opened(NamedTuple):
    """One store at a path: its name, its parts, and a scratch folder."""

    label: str
    found: store.Store
    scratch: Path


@contextmanager
def stores(here: Workspace, path: Path) -> Iterator[list[Opened]]:
    """Yield every LiveStore store at a path, read as private copies, older formats first.

    Raises NoSourceFound if there is none.
    """
    if not path.exists():
        raise NoSourceFound("store not found", where=[str(path)])
    place = replace(here, target=SqliteTarget(here.data_dir / "-"), sources=(path,), named=True)
    refs = [ref for ref in place.find().sources if source_of(ref).has_log]
    if not refs:
        raise NoSourceFound("LiveStore store not found", where=[str(path)], next_command="pjais detect --help")
    with tempfile.TemporaryDirectory(prefix="pjais-time-") as folder:
        scratch = Path(folder)
        found: list[Opened] = []
        for snapshot in backup.snapshot_all(scratch / "copy", refs, at_ms=journal.now_ms()):
            groups = list(locations.groups(snapshot, scratch / f"store{len(found)}"))
            for group in groups:
                label = snapshot.origin if len(groups) == 1 else f"{snapshot.origin} ({group.label})"
                found.append(
                    Opened(label, store.open_store(group.databases, group.scratch, group.written), group.scratch)
                )
        yield found


@contextmanager
def opened(here: Workspace, path: Path) -> Iterator[Timeline]:
    """Open a timeline of a folder, a log, or a browser profile; of several stores the one of the newest format.

    Raises NoSourceFound if there is none, or if only a state is left, which has no history.
    """
    with stores(here, path) as found:
        logs = [one for one in found if one.found.log is not None]
        if not logs:
            raise NoSourceFound(
                "no event log, so no history", where=[str(path)], next_command=f"pjais migrate {shlex.quote(str(path))}"
            )
        taken = logs[-1]
        yield Timeline(taken.label, taken.found, taken.scratch, tuple(one.label for one in logs[:-1]))


def _number(text: str) -> Number:
    parts = text.split(".")
    try:
        first, *rest = [int(part.lstrip("r")) for part in parts]
    except ValueError:
        raise UsageError("an event is a number, such as 12 or 12.1", where=[text]) from None
    client = rest[0] if rest else 1 << 62
    return Number(first, client, 1 << 62)


def _instant(text: str) -> int:
    if text.lstrip("-").isdigit() and len(text) > 4:
        return int(text)
    at = instants.from_text(text)
    if at is None:
        raise UsageError("not a time: use ISO-8601, or milliseconds since 1970", where=[text])
    return at


def is_ours(timeline: Timeline) -> bool:
    """Return whether the store's log was written by us, so that its app knows our events."""
    assert timeline.found.log is not None
    with closing(sqlite.open_frozen(timeline.found.log.path)) as db:
        return log_file.is_ours(db)
