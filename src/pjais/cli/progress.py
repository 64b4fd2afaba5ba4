"""Progress on stderr: a bar on a terminal, elsewhere a line every few seconds, with `--json -v` an object a line.

A percentage and the time that is left are only told where the total is known; nothing is guessed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from pjais import canonical
from pjais.cli import output
from pjais.cli.context import Context
from pjais.display import IN_BYTES, phase, size

if TYPE_CHECKING:  # `detect` starts without it
    from pjais.core.results import Progress

_EVENT_SECONDS = 0.5
"""Least time between two events (s); the first and the last of a phase are always written."""
_SETTLED_SECONDS = 0.2
"""Time before the rate of a phase says anything."""


class Event(NamedTuple):
    """The progress of a phase.  `rate` is in units a second; `percent`, `rate` and `eta_seconds` None: not known."""

    phase: str
    done: int
    total: int | None
    unit: str
    percent: float | None
    rate: float | None
    eta_seconds: float | None

    @property
    def amount(self) -> str:
        """Return what is done, and of how much."""
        shown = size if self.unit == "bytes" else "{:,}".format
        if self.total is None:
            return f"{shown(self.done)} {self.unit}" if self.done and self.unit != "bytes" else ""
        return f"{shown(self.done)} of {shown(self.total)}"

    @property
    def speed(self) -> str:
        """Return the rate."""
        if self.rate is None:
            return ""
        return f"{size(int(self.rate))}/s" if self.unit == "bytes" else f"{self.rate:,.0f} records/s"

    @property
    def left(self) -> str:
        """Return the time that is left."""
        if self.eta_seconds is None:
            return ""
        minutes, seconds = divmod(round(self.eta_seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"ETA {hours}:{minutes:02}:{seconds:02}" if hours else f"ETA {minutes}:{seconds:02}"


class Meter:
    """Turns the calls of a run into events, with a rate for each phase."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._phase = ""
        self._began, self._first = 0.0, 0

    def event(self, name: str, done: int, total: int | None) -> Event:
        """Return how far a phase is.  Its rate counts from the last call with nothing done."""
        shown, now = phase(name), self._clock()
        if shown != self._phase or not done:
            self._phase, self._began, self._first = shown, now, done
        took, more = now - self._began, done - self._first
        rate = more / took if more > 0 and took > _SETTLED_SECONDS else None
        percent = None if not total else round(min(done, total) * 100 / total, 1)
        left = None if not total or rate is None else round(max(total - done, 0) / rate, 1)
        unit = "bytes" if name in IN_BYTES and (total is not None or not done) else "records"
        return Event(shown, done, total, unit, percent, None if rate is None else round(rate, 1), left)


@contextmanager
def progress(context: Context) -> Iterator[Progress]:
    """Report the progress of a command, in the form that its options and stderr ask for; `-q` reports none."""
    meter = Meter()
    if context.quiet:
        yield lambda *_: None
    elif context.as_json and context.verbose:
        yield _throttled(meter, _write_event, _EVENT_SECONDS, edges=True)
    elif output.is_capable(sys.stderr):
        yield from _bar(meter)
    else:
        yield _throttled(meter, _write_line, output.LINE_SECONDS)


def _throttled(meter: Meter, write: Callable[[Event], None], seconds: float, *, edges: bool = False) -> Progress:
    """Write events at most every so many seconds.  `edges`: also the first and the last of each phase."""
    last, shown = time.monotonic(), ""

    def report(name: str, done: int, total: int | None) -> None:
        nonlocal last, shown
        event, now = meter.event(name, done, total), time.monotonic()
        if now - last > seconds or (edges and (event.phase != shown or done == total)):
            last, shown = now, event.phase
            write(event)

    return report


def _write_event(event: Event) -> None:
    output.warn(canonical.dumps({"event": "progress", **event._asdict()}))


def _write_line(event: Event) -> None:
    percent = "" if event.percent is None else f"{event.percent:.0f} %"
    told = ", ".join(filter(None, (event.amount, percent, event.speed, event.left)))
    output.warn(f"{event.phase}: {told}" if told else event.phase)


def _bar(meter: Meter) -> Iterator[Progress]:
    """Show a bar as wide as the terminal allows; it is gone when the work is done."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True, no_color=not output.has_colours(sys.stderr), highlight=False)
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(None),
        TextColumn("{task.fields[told]}", markup=False),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console, transient=True, expand=True) as bar:
        task, shown = bar.add_task("…", total=None, told=""), ""

        def report(name: str, done: int, total: int | None) -> None:
            nonlocal shown
            event = meter.event(name, done, total)
            if event.phase != shown:
                bar.reset(task, total=None, description=(shown := event.phase))
            percent = "" if event.percent is None else f"{event.percent:3.0f} %"
            parts = [percent, event.amount, event.speed, event.left]
            while sum(map(len, parts)) + 32 > console.width and any(parts[1:3]):
                parts[1 if parts[1] else 2] = ""
            told = "  ".join(filter(None, parts))
            bar.update(task, completed=done, total=total or None, told=told)

        yield report
