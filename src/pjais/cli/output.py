"""Output for people and programs: lines, rows, JSON, errors.  The only module that writes to the
terminal, besides the bars of `progress`.

Nothing that a document, a file or an argument holds steers the terminal: control characters are written out as JSON
writes them, so that JSON stays the same JSON.  A terminal that is gone ends the call; one that was never there
(a service, pythonw) does not.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from pjais.display import one_line, visible, width, widths, without_passwords
from pjais.errors import FileFailed, PjaisError

LINE_SECONDS = 3.0
"""How often progress is a line, where it cannot be a bar."""
GAP = "  "
"""Between the columns of a table."""
_NARROWEST = 20
"""Columns of the narrowest terminal that anything is fitted into."""


class ReaderGone(Exception):
    """Whoever read our output has what they wanted (`| head`)."""


def say(text: str = "", *, lead: str = "", dim: bool = False) -> None:
    """Print a line for people on stdout; on a terminal broken at words.

    `lead`: the outcome that it begins with, which is coloured.
    """
    text = visible(text)
    if (most := room()) is not None:
        text = "\n".join(_wrapped(line, most) for line in text.split("\n"))
    if has_colours(sys.stdout):
        text = _styled(text, "dim") if dim else _styled(lead, colour_of(lead)) + text[len(lead) :]
    _write(f"{text}\n")


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
        click.echo(text, nl=False, color=has_colours(sys.stdout))
    except BrokenPipeError as error:
        abandon_output()
        raise ReaderGone from error
    except OSError as error:
        abandon_output()
        raise FileFailed(
            f"cannot write the output: {error.strerror}",
            where=["stdout"],
            safe="The command itself has finished; only its output is incomplete.",
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


def room() -> int | None:
    """Return the columns of the terminal that stdout is; None for a pipe or a file, where nothing is cut."""
    if not _is_terminal(sys.stdout):
        return None
    import shutil

    return max(shutil.get_terminal_size().columns, _NARROWEST)


def has_colours(stream: Any) -> bool:
    """Return whether a stream gets colours: a terminal's, unless NO_COLOR or TERM=dumb; any with FORCE_COLOR."""
    if os.environ.get("NO_COLOR"):
        return False
    if forced := os.environ.get("FORCE_COLOR"):
        return forced != "0"
    return is_capable(stream)


def is_capable(stream: Any) -> bool:
    """Return whether a stream is a terminal that can do more than print lines."""
    return _is_terminal(stream) and os.environ.get("TERM") != "dumb"


def colour_of(outcome: str) -> str:
    """Return the colour of an outcome: good, to be looked at, bad."""
    word = outcome.strip().split(" ")[0].lower().replace("_", "-")
    return next((colour for colour, words in _OUTCOMES.items() if word in words), "")


_OUTCOMES = {
    "green": {"done", "passed", "ok", "valid", "active", "added", "insert", "already-migrated"},
    "yellow": {"ask", "quarantined", "repair", "note", "running", "interrupted", "begun", "open", "edited", "update"},
    "red": {"failed", "bad", "error", "slower", "removed", "delete", "invalid", "unreadable"},
}


def say_row(cells: Sequence[str], colours: Sequence[str] = (), *, head: bool = False) -> None:
    """Print one row of a table, its cells padded; a cell's colour is one of click's, or `dim`."""
    texts = [visible(one) for one in cells]
    texts[-1:] = [one.rstrip() for one in texts[-1:]]
    if has_colours(sys.stdout):
        styles = colours or [""] * len(texts)
        texts = [_styled(text, "bold" if head else style) for text, style in zip(texts, styles, strict=True)]
    _write(f"{GAP.join(texts).rstrip()}\n")


def say_cut(text: str, *, lead: str = "") -> None:
    """Print a row of a list that is no table: one line, cut at its end on a terminal, whole elsewhere."""
    most = room()
    line = one_line(text)
    if most is not None and width(line) > most:
        line = f"{fitting(line, most - 1)}…"
    if has_colours(sys.stdout):
        line = _styled(lead, colour_of(lead)) + line[len(lead) :]
    _write(f"{line}\n")


def fitting(text: str, most: int) -> str:
    """Return the beginning of a text that takes at most so many columns."""
    taken = 0
    for at, columns in enumerate(widths(text)):
        taken += columns
        if taken > most:
            return text[:at]
    return text


def _styled(text: str, style: str) -> str:
    if not style or not text.strip():
        return text
    return click.style(text, **({style: True} if style in ("bold", "dim") else {"fg": style}))


def shown_path(path: Path | str) -> str:
    """Return a path for people: on a terminal as short as it can be pasted, elsewhere whole."""
    whole = Path(path)
    if room() is None or not whole.is_absolute():
        return str(path)
    for folder, name in ((Path.cwd(), ""), (Path.home(), "~/")):
        with suppress(ValueError):
            return f"{name}{whole.relative_to(folder)}"
    return str(path)


def _wrapped(line: str, room: int) -> str:
    """Return a line of prose broken at words; a path or a command at its end stays in one piece, to be copied."""
    if width(line) <= room:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    lines = [line[: len(indent) - 2]]
    for word in _pieces(line, room - len(indent)):
        more = f"{lines[-1]} {word}" if lines[-1].strip() else f"{lines[-1]}{word}"
        if width(more) <= room or not lines[-1].strip():
            lines[-1] = more
        else:
            lines.append(indent + word)
    return "\n".join(lines)


def _pieces(line: str, most: int) -> Iterator[str]:
    """Yield the words of a line; a command at its end is one, JSON without spaces is several."""
    for word in re.findall(r"pjais [a-z-]+(?: .*)?$|\S+", line):
        rest = word
        while word[0] in '{["' and width(rest) > most:
            yield (piece := fitting(rest, most))
            rest = rest[len(piece) :]
        yield rest


def print_error(error: PjaisError, *, as_json: bool) -> None:
    """An error: as JSON on stdout, or on stderr for people.  No password of a URL is in it."""
    if as_json:
        report: dict[str, Any] = {} if error.report is None else error.report.as_dict()
        print_json(_without_passwords({**report, **error.as_dict()}))
        return
    lines = [f"{error.code}: {safe(error.what)}"]
    lines += [f"  {safe(one)}" for one in error.where]
    lines += [f"Impact: {error.safe}"]
    lines += [f"Hint: {error.advice}"] if error.advice else []
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
