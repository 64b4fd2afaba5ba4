"""What people and programs see: tables, JSON, errors, progress.  The only module that writes to the terminal."""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from pjais.errors import PjaisError

Progress = Callable[[str, int, int | None], None]


def say(text: str = "") -> None:
    """One line for people, on stdout."""
    click.echo(_printable(text))


def warn(text: str) -> None:
    """One line for people, on stderr: stdout holds what was asked for, and nothing else."""
    click.echo(_printable(text), err=True)


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    click.echo(_printable(text))


def write_raw(text: str) -> None:
    """Text on stdout as it is, without a line end."""
    click.echo(_printable(text), nl=False)


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


_JOINERS = "\u200c\u200d"
"""They join or part the letters of Persian and Hindi and the pieces of an emoji, and steer nothing."""


def safe(text: object) -> str:
    """A value as one line that cannot steer a terminal, nor turn the direction of what follows it."""
    return "".join(one if one in _JOINERS or unicodedata.category(one)[0] != "C" else "�" for one in str(text))


def table(head: Sequence[str], body: Sequence[Sequence[object]], numbers: Sequence[str] = ()) -> None:
    """A table in plain text; the columns named in `numbers` are right-aligned."""
    rows = [[safe(f"{cell:,}" if isinstance(cell, int) else cell) for cell in row] for row in body]
    widths = [max(_width(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for row in ([*head], ["-" * width for width in widths], *rows):
        cells = [
            " " * (width - _width(cell)) + cell if name in numbers else cell + " " * (width - _width(cell))
            for name, cell, width in zip(head, row, widths, strict=True)
        ]
        say("  ".join(cells).rstrip())


def _width(text: str) -> int:
    """The columns that a text takes: marks and joiners none, nor a symbol that is joined to the emoji before it."""
    return sum(_columns(one, before) for before, one in zip(f" {text}", text, strict=False))


def _columns(one: str, before: str) -> int:
    category = unicodedata.category(one)
    if category in ("Mn", "Me", "Cf") or (before == "\u200d" and category == "So"):
        return 0
    return 2 if unicodedata.east_asian_width(one) in "WF" else 1


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return ""


def print_error(error: PjaisError, *, as_json: bool) -> None:
    """An error: as JSON on stdout, or on stderr for people."""
    if as_json:
        report: dict[str, Any] = {} if error.report is None else error.report.as_dict()
        print_json({**report, **error.as_dict()})
        return
    lines = [f"{error.code}: {error.what}"]
    lines += [f"  {safe(one)}" for one in error.where]
    lines += [f"Safe: {error.safe}", f"Next: {error.next_command}"]
    warn("\n".join(lines))


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress]:
    """Progress on stderr: a moving line on a terminal, elsewhere a line every few seconds."""
    if quiet:
        yield lambda *_: None
        return
    if sys.stderr.isatty():
        yield from _bar()
        return
    last = [time.monotonic()]

    def line(phase: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - last[0] > 3:
            click.echo(f"{phase}: {_amount(done, total)}", err=True)
            last[0] = now

    yield line


def _amount(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,} of {total:,}"


def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[amount]}"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("…", total=None, amount="")

        def update(phase: str, done: int, total: int | None) -> None:
            bar.update(task, description=phase, amount=_amount(done, total) if done else "")

        yield update
