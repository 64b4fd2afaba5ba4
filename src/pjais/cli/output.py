"""Output for people and programs: tables, JSON, errors, progress.  The only module that writes to the terminal.

Nothing that a document, a file or an argument holds steers the terminal: control characters are written out as JSON
writes them, so that JSON stays the same JSON.  A terminal that is gone ends the call; one that was never there
(a service, pythonw) does not.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from pjais.display import one_line, visible, without_passwords
from pjais.errors import FileFailed, PjaisError

if TYPE_CHECKING:  # `detect` starts without it
    from pjais.core.results import Progress

LINE_SECONDS = 3.0
"""How often progress is a line, where it cannot be a bar."""


class ReaderGone(Exception):
    """Whoever read our output has what they wanted (`| head`)."""


def say(text: str = "") -> None:
    """One line for people, on stdout."""
    _write(f"{visible(text)}\n")


def warn(text: str) -> None:
    """One line for people, on stderr: stdout holds what was asked for, and nothing else."""
    _whisper(f"{visible(text)}\n")


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    _write(f"{visible(json.dumps(value, indent=2, ensure_ascii=False, default=str))}\n")


def write_raw(text: str) -> None:
    """Data on stdout, without a line end; on a terminal also without what cannot be seen."""
    _write(visible(text, keep_format=not _is_terminal(sys.stdout)))


def _write(text: str) -> None:
    """Write to stdout.  Raises ReaderGone, and FileFailed where it cannot be written."""
    try:
        click.echo(text, nl=False)
    except BrokenPipeError as error:
        abandon_output()
        raise ReaderGone from error
    except OSError as error:
        abandon_output()
        raise FileFailed(
            f"the output cannot be written: {error.strerror}",
            where=["stdout"],
            safe="What the call did is done and whole; what it printed is not.",
        ) from error


def _whisper(text: str) -> None:
    """Write to stderr; a stderr that cannot be written stops no work."""
    with suppress(OSError, ValueError):
        click.echo(text, nl=False, err=True)


def abandon_output() -> None:
    """Let what is still to be flushed to stdout go nowhere."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def prepare_streams() -> None:
    """Give the standard streams that are closed a place to go, and a form to what their encoding lacks.

    Otherwise the next file that is opened would get the number 2, and messages would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)  # takes the lowest free number
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="pjais-escape")  # type: ignore[union-attr]  # what tests put there has none


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return json.dumps(missing)[1:-1], error.end


codecs.register_error("pjais-escape", _escaped)


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # there is none, or it was closed
        return False


def is_interactive() -> bool:
    """Return whether somebody can be asked: stdin and stdout are a terminal."""
    return _is_terminal(sys.stdin) and _is_terminal(sys.stdout)


def safe(text: object) -> str:
    """A value as one line that cannot steer a terminal, nor turn the direction of what follows it."""
    return one_line(text)


def table(head: Sequence[str], body: Sequence[Sequence[object]], numbers: Sequence[str] = ()) -> None:
    """A table; the columns named in `numbers` are right-aligned.

    On a terminal it fits: long cells are folded.  Elsewhere each row is one line of plain text, whatever its width.
    """
    rows = [[safe(f"{cell:,}" if isinstance(cell, int) else cell) for cell in row] for row in body]
    if _is_terminal(sys.stdout):
        _write(_fitted(head, rows, numbers))
        return
    widths = [max(_width(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for row in ([*head], ["-" * width for width in widths], *rows):
        cells = [
            " " * (width - _width(cell)) + cell if name in numbers else cell + " " * (width - _width(cell))
            for name, cell, width in zip(head, row, widths, strict=True)
        ]
        say("  ".join(cells).rstrip())


def _fitted(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> str:
    """Return a table that fits the terminal; without colours where NO_COLOR says so."""
    import shutil

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in head:
        shown.add_column(Text(name), justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        shown.add_row(*map(Text, row))
    written = io.StringIO()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    console = Console(file=written, width=shutil.get_terminal_size().columns, force_terminal=not plain, no_color=plain)
    console.print(shown)
    return written.getvalue()


def _width(text: str) -> int:
    """The columns that a text takes: marks and joiners none, nor a symbol that is joined to the emoji before it."""
    return sum(_columns(one, before) for before, one in zip(f" {text}", text, strict=False))


def _columns(one: str, before: str) -> int:
    category = unicodedata.category(one)
    if category in ("Mn", "Me", "Cf") or (before == "\u200d" and category == "So"):
        return 0
    return 2 if unicodedata.east_asian_width(one) in "WF" else 1


def print_error(error: PjaisError, *, as_json: bool) -> None:
    """An error: as JSON on stdout, or on stderr for people.  No password of a URL is in it."""
    if as_json:
        report: dict[str, Any] = {} if error.report is None else error.report.as_dict()
        print_json(_without_passwords({**report, **error.as_dict()}))
        return
    lines = [f"{error.code}: {safe(error.what)}"]
    lines += [f"  {safe(one)}" for one in error.where]
    lines += [f"Safe: {error.safe}"]
    lines += [f"Do: {error.advice}"] if error.advice else []
    lines += [f"Next: {safe(error.next_command)}"]
    warn(without_passwords("\n".join(lines)))


def _without_passwords(value: Any) -> Any:
    if isinstance(value, str):
        return without_passwords(value)
    if isinstance(value, dict):
        return {key: _without_passwords(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_passwords(one) for one in value]
    return value


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress]:
    """Progress on stderr: a moving line on a terminal, elsewhere a line every few seconds."""
    if quiet:
        yield lambda *_: None
        return
    if _is_terminal(sys.stderr):
        yield from _bar()
        return
    last = [time.monotonic()]

    def line(phase: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - last[0] > LINE_SECONDS:
            warn(f"{phase}: {_amount(done, total)}")
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
