"""A LiveStore store opened from Python: its records now or at any event, queries over its state, and new events.

LiveStore takes no locks, so `commit` refuses if any program has the store open; it also removes the state files,
since LiveStore would not read the log again.  Reading never disturbs an app: it works on a private copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from pjais import files, models
from pjais.core.events import Undecodable
from pjais.core.results import Changed, Restored
from pjais.core.table import Record
from pjais.errors import UsageError
from pjais.livestore_tools import restore_record, timeline
from pjais.livestore_tools.timeline import Found, Moment, Point, Timeline
from pjais.targets.livestore import target
from pjais.targets.livestore.writer import NewEvent
from pjais.workspace import resolve_workspace


class LiveStore:
    """One LiveStore store.  Use as a context manager, or call `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._stack = ExitStack()
        self._line: Timeline | None = None

    def __enter__(self) -> LiveStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the private copy."""
        self._stack.close()
        self._line = None

    def refresh(self) -> None:
        """Make a new copy, which includes what an app committed meanwhile."""
        self._stack.close()
        self._stack = ExitStack()
        self._line = None

    @property
    def timeline(self) -> Timeline:
        """Return the store's timeline."""
        if self._line is None:
            here = resolve_workspace(self.path.parent)
            self._line = self._stack.enter_context(timeline.opened(here, self.path))
        return self._line

    def events(
        self,
        *,
        name: str | None = None,
        key: str | None = None,
        since: str | None = None,
        until: str | None = None,
        after: str | None = None,
    ) -> Iterator[Found]:
        """Yield the events in order: those whose name holds `name`, that touch the record `key`, in a time, ..."""
        wanted = timeline.Filter(name, key, since, until, after)
        return filter(wanted.takes, self.timeline.events())

    def records(self, *, event: str | None = None, time: str | None = None) -> list[Record]:
        """Return every record, now, after an event (`"12"`) or at a time (ISO-8601)."""
        return list(self.timeline.records(self.timeline.point(event=event, time=time)))

    def query(
        self, sql: str, values: tuple[Any, ...] = (), *, event: str | None = None, time: str | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a query on the tables of the schema (`personas`, `memoryEntities`, ...), now or at a point in time."""
        with self.timeline.state(self.timeline.point(event=event, time=time)) as state:
            return state.query(sql, values)

    def diff(self, before: Point, after: Point) -> list[Changed]:
        """Return the differences between two points in time (`timeline.point`)."""
        return self.timeline.diff(before, after)

    def history(self, record_id: str) -> list[Moment]:
        """Return every event that changed a record."""
        return self.timeline.history(record_id)

    def restore_record(
        self, record_id: str, *, event: str | None = None, time: str | None = None, field: str | None = None
    ) -> Restored:
        """Restore a record, or one field of it, to an earlier version, by one new event.

        Raises UsageError if it did not exist then, or pjais did not write the store.
        """
        if (event is None) == (time is None):
            raise UsageError("give exactly one of event and time")
        here = resolve_workspace(self.path.parent)
        done = restore_record.restore(here, self.path, record_id, event=event, time=time, field=field)
        self.refresh()
        return done

    def commit(self, *new: tuple[str, dict[str, Any]]) -> int:
        """Append events, all or none; return the number of the last one.

        Each is a name and its arguments as the log holds them (times in ms).  Raises UsageError for an event that
        does not decode or a store that pjais did not write, MigrationFailed while a program has it open.
        """
        for name, args in new:
            try:
                models.events().decode(name, args)
            except KeyError:
                raise UsageError("event not found in the schema", where=[name]) from None
            except Undecodable as error:
                raise UsageError(
                    "the event's arguments are not what its name promises", where=[f"{name}: {error}"]
                ) from error
        if not timeline.is_ours(self.timeline):
            raise UsageError("store not written by pjais: read-only", where=[str(self.path)])
        store = target.at(self.path)
        if not store.log.is_file():
            raise UsageError("to write, open the folder of the store itself", where=[self.timeline.label])
        with files.only_run(store.location):
            store.refuse_if_open()
            last = store.append([NewEvent(name, orjson.dumps(args)) for name, args in new])
        self.refresh()
        return last
