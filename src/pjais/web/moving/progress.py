"""The progress of a piece of work, for people: its phases with true bars, and one sentence over all of them.

A percentage and the time that is left are told only where a total is known.  Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pjais import instants, journal
from pjais.display import IN_BYTES, counted, size
from pjais.display import phase as phase_name
from pjais.migration.state import RunState
from pjais.web.moving import schemas

_DOING = {
    "Backup": "Backing up",
    "Check backup": "Checking the backup",
    "Import": "Importing",
    "Build indexes": "Building indexes",
    "Write log": "Writing the log",
    "Verify": "Verifying",
    "Cut over": "Cutting over",
    "Check the file": "Checking the file",
    "Compare records": "Comparing records",
    "Compare documents": "Comparing documents",
}
_RUN = ("Backup", "Check backup", "Import", "Build indexes", "Verify", "Cut over")
_COMING = {"migrate": _RUN, "import": _RUN}
"""The phases that work of a kind goes through."""
_DETAIL = {"search index": "Search index"}
_SETTLED_SECONDS = 0.5
"""From when on the rate of a phase says anything."""


class Row(NamedTuple):
    """A phase: its state (done, run, fail, wait), how much of it is done (0 to 1, None: not known), and its figures."""

    name: str
    state: str
    share: float | None
    figure: str
    rate: str
    detail: str
    seconds: float


class Told(NamedTuple):
    """Work as a sentence and a line of figures below it; `share` of all its phases."""

    title: str
    text: str
    share: float
    rows: list[Row]
    seconds: float


def phase(one: Mapping[str, Any]) -> schemas.Phase:
    """Return a phase with what its total tells."""
    done, total, seconds = one["done"], one["total"], one["seconds"]
    rate = done / seconds if done and seconds > _SETTLED_SECONDS else None
    return schemas.Phase(
        name=one["name"],
        done=done,
        total=total,
        seconds=seconds,
        unit="bytes" if one["name"] in IN_BYTES and total is not None else "records",
        percent=round(100 * min(done, total) / total, 1) if total else None,
        rate=None if rate is None else round(rate, 1),
        seconds_left=round(max(total - done, 0) / rate, 1) if total and rate else None,
    )


def of_run(run: RunState) -> schemas.Job:
    """Return a run of another process as work: its phases are those that its journal tells."""
    began = run.started_at or journal.now_ms()
    ends = {entry.event: entry.at for entry in journal.entries(run.folder)}
    names, marks = ["back up"], [began]
    for event, following in (
        ("backed-up", "read and write"),
        ("built", "index"),
        ("built", "verify"),
        ("verified", "cut over"),
    ):
        if event in ends:
            names.append(following)
            marks.append(ends[event])
    marks.append(journal.now_ms())
    phases = [
        phase({"name": name, "done": 0, "total": None, "seconds": round((end - at) / 1000, 1)})
        for name, at, end in zip(names, marks[:-1], marks[1:], strict=True)
    ]
    return schemas.Job(
        id=0,
        kind="migrate",
        started=instants.to_text(began),
        finished=None,
        state="running",
        phases=phases,
        result=None,
        error=None,
        pid=run.pid,
        stoppable=False,
    )


def told(job: schemas.Job) -> Told:
    """Return work for people."""
    rows = _rows(job)
    over = sum(1 for one in rows if one.state == "done")
    at = next((one for one in rows if one.state in ("run", "fail")), None)
    share = (over + (at.share or 0.0 if at is not None else 0.0)) / max(1, len(rows))
    seconds = sum(one.seconds for one in job.phases)
    if at is None:
        title = "Done" if job.state == "done" else "Starting"
        return Told(title, "", 1.0 if job.state == "done" else share, rows, seconds)
    percent = "" if at.share is None else f", {100 * at.share:.0f}%"
    title = f"{_DOING.get(at.name, at.name)}{percent}"
    steps = f"Phase {over + 1} of {len(rows)}" if job.kind in _COMING else ""
    return Told(
        title, ". ".join(filter(None, (steps, ", ".join(filter(None, (at.figure, at.rate)))))), share, rows, seconds
    )


def _rows(job: schemas.Job) -> list[Row]:
    """Return one row for each phase: consecutive ones of one name are one, and those to come are there, too."""
    grouped: list[tuple[str, list[schemas.Phase]]] = []
    for one in job.phases:
        if grouped and grouped[-1][0] == phase_name(one.name):
            grouped[-1][1].append(one)
        else:
            grouped.append((phase_name(one.name), [one]))
    rows = [_row(name, parts, job, last=number == len(grouped) - 1) for number, (name, parts) in enumerate(grouped)]
    coming = _COMING.get(job.kind, ())
    begun = [name for name, _ in grouped]
    at = max((coming.index(name) for name in begun if name in coming), default=-1)
    if job.state != "done":
        text = "not run" if job.state == "failed" else "waiting"
        rows += [Row(name, "wait", 0.0, text, "", "", 0.0) for name in coming[at + 1 :]]
    return rows


def _row(name: str, parts: Sequence[schemas.Phase], job: schemas.Job, *, last: bool) -> Row:
    now = parts[-1]
    seconds = sum(one.seconds for one in parts)
    over = job.state == "done" or not last
    state = "done" if over else "fail" if job.state == "failed" else "run"
    count = next((one.total or one.done for one in reversed(parts) if one.total or one.done), 0)
    if over:
        figure = _amount(count, now.unit) if count else ""
        return Row(name, state, 1.0, figure, f"in {_time(seconds)}", "", seconds)
    share = None if now.percent is None else now.percent / 100
    figure = _amount(now.done, now.unit) if now.done else ""
    if now.total is not None:
        figure = f"{_amount(now.done, now.unit).removesuffix(' records')} of {_amount(now.total, now.unit)}"
    rate = "" if now.rate is None else f"{_amount(round(now.rate), now.unit).removesuffix(' records')}/s"
    if now.seconds_left is not None:
        rate += f", {_left(now.seconds_left)}"
    if state == "fail":
        figure = "stopped here" if share is None else f"stopped at {100 * share:.0f}%"
        rate = f"after {_time(seconds)}"
    elif not figure and not rate:
        rate = f"{_time(seconds)} so far"
    return Row(name, state, share, figure, rate, _DETAIL.get(now.name, ""), seconds)


def _amount(count: int, unit: str) -> str:
    return size(count) if unit == "bytes" else counted(count, "record")


def _time(seconds: float) -> str:
    """Return a duration for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _left(seconds: float) -> str:
    return f"{_time(round(seconds)).replace('.0 s', ' s')} left" if seconds >= 1 else "almost done"


_FACTS = {
    "run": "Run",
    "backup": "Backup",
    "kept": "The store of before is kept in",
    "later_file": "What was written since is in",
    "export": "Exported to",
    "rxdb_export": "Exported for the source app to",
    "folder": "Folder",
    "files": "Files",
    "target": "Store",
    "added": "Added",
    "edited": "Edited",
    "removed": "Removed",
    "records": "Records",
    "documents": "Documents",
    "event": "Event",
    "field": "Field",
}


def facts(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a result says besides its sentence: names and values for people."""
    found = []
    for name, said in _FACTS.items():
        value = result.get(name)
        if isinstance(value, bool) or value in (None, "", 0):
            continue
        if isinstance(value, int | str):
            found.append((said, f"{value:,}" if isinstance(value, int) else value))
    return found
