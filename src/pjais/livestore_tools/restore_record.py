"""`restore-record`: restore one record, or one field of it, to its version after some event, by a new event.

No event is removed: the log grows by one, and the history shows it.  Only stores that we wrote are
written to, since other apps may not know the event.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from pjais import files, journal, models
from pjais.core.events import Column, LiveTable
from pjais.core.results import Restored
from pjais.errors import UsageError
from pjais.livestore_tools import timeline
from pjais.livestore_tools.timeline import Timeline
from pjais.sources.livestore.replay import Row
from pjais.targets.livestore import target, writer
from pjais.workspace import Workspace


def restore(
    here: Workspace,
    path: Path,
    key: str,
    *,
    event: str | None = None,
    time: str | None = None,
    field: str | None = None,
) -> Restored:
    """Restore a record to an earlier version.  Raises UsageError if it did not exist then, or the store is not ours.

    Raises MigrationFailed while an app has the store open.
    """
    with timeline.opened(here, path) as line:
        if not timeline.is_ours(line):
            raise UsageError(
                "store not written by pjais: its app may not understand new events",
                where=[str(path)],
                advice="its history shows the record as it was",
                next_command=f"pjais history {shlex.quote(str(path))} {shlex.quote(key)}",
            )
        table, wanted = _row(line, key, line.point(event=event, time=time))
        _, present = _row(line, key, line.point(), table)
    if wanted is None or table is None:
        raise UsageError(
            "the record did not exist at that time",
            where=[key],
            next_command=f"pjais history {shlex.quote(str(path))} {shlex.quote(key)}",
        )
    new, fields = _event(table, key, wanted, present, field)
    if new is None:
        return Restored(table.name, key, (), None)
    store = target.at(path.expanduser().absolute())
    with files.only_run(store.location):
        store.refuse_if_open()
        number = store.append([new])
    return Restored(table.name, key, fields, number)


def _row(
    line: Timeline, key: str, point: timeline.Point, table: LiveTable | None = None
) -> tuple[LiveTable | None, Row | None]:
    """Return the record of a key at a point in time, from any table."""
    with line.state(point) as replay:
        for one in (table,) if table is not None else models.events().tables:
            row = replay.row(one, key)
            if row is not None:
                return one, row
    return table, None


def _event(
    table: LiveTable, key: str, wanted: Row, present: Row | None, field: str | None
) -> tuple[writer.NewEvent | None, tuple[str, ...]]:
    subject = writer.SUBJECTS[table.name]
    columns = table.by_name
    if field is not None and field not in columns:
        raise UsageError("unknown field", where=[field, f"one of: {', '.join(columns)}"])
    if present is None:
        if field is not None:
            raise UsageError("the record is gone; restore it whole", where=[key])
        args = {name: _value(columns[name], held) for name, held in wanted.items() if held is not None}
        return _named(f"v1.{subject}Imported", args), tuple(args)
    names = [name for name in columns if wanted[name] != present[name] and field in (None, name)]
    if not names:
        return None, ()
    if table.carries:
        args = {"key": key, "document": _value(columns["document"], wanted["document"])}
        return _named("v1.OtherRecordUpdated", args), ("document",)
    updates = {name: _value(columns[name], wanted[name]) for name in names}
    args = {"id": key, "updates": updates}
    if "updatedAt" in columns and field != "updatedAt":
        args["updatedAt"] = journal.now_ms()  # it is a change made now, and must count as one
        updates.pop("updatedAt", None)
    return _named(f"v1.{subject}Updated", args), tuple(names)


def _named(name: str, args: dict[str, Any]) -> writer.NewEvent:
    return writer.NewEvent(name, json.dumps(args, ensure_ascii=True, separators=(",", ":")).encode())


def _value(column: Column, held: Any) -> Any:
    """Return a stored value as an argument."""
    if held is None:
        return None
    if column.form == "json":
        return json.loads(held)
    return bool(held) if column.form == "boolean" else held
