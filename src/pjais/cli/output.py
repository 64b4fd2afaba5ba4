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


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    click.echo(_printable(text))


def write_raw(text: str) -> None:
    """Text on stdout as it is, without a line end."""
    click.echo(_printable(text), nl=False)


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def safe(text: object) -> str:
    """A value as one line that cannot steer a terminal."""
    return "".join(character if unicodedata.category(character)[0] != "C" else "�" for character in str(text))


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
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return ""


def print_error(error: PjaisError, next_command: str, *, as_json: bool) -> None:
    """An error: as JSON on stdout, or on stderr for people."""
    if as_json:
        report: dict[str, Any] = {} if error.report is None else error.report.as_dict()
        print_json({**report, **error.as_dict(), "next": next_command})
        return
    lines = [f"{error.code}: {error.what}"]
    lines += [f"  {safe(one)}" for one in error.where]
    lines += [f"Safe: {error.safe}", f"Next: {next_command}"]
    click.echo(_printable("\n".join(lines)), err=True)


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
