"""Tables that fit the terminal, and the same rows as JSON, NDJSON, CSV and Markdown.

A column says what its cells are.  On a terminal a table is as wide as that, and each row is one line: columns without
any value are left out, ids and paths are cut in the middle and texts at their end, and the least important columns are
left out and named below.  A number is never cut.  Elsewhere (a pipe, a file) every value is whole.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import click

from pjais import canonical
from pjais.cli import output
from pjais.cli.context import Context
from pjais.display import one_line, width
from pjais.exchange.record_lists import csv_line, plain

FORMATS = ("table", "json", "ndjson", "csv", "markdown")
Kind = Literal["text", "id", "path", "word", "number", "outcome"]
"""`text` may be cut at its end, `id` and `path` in the middle; `word` (a date, a size) and `number` never.  A number is
right-aligned; an `outcome` has a colour."""

_LEAST = {"text": 12, "id": 9, "path": 14}
"""Columns of the terminal that are left of a cell that is cut, at least."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in snake_case, what its cells are, and how they are shown to people.

    `drop`: 0 if it stays, else the higher the earlier it is left out where there is no room.  `colour`: that of a
    number which is not 0.
    """

    name: str
    kind: Kind = "text"
    drop: int = 0
    show: Callable[[Any], str] | None = None
    colour: str = ""

    @property
    def is_right(self) -> bool:
        """Return whether its cells are right-aligned."""
        return self.kind == "number"

    def cell(self, value: Any) -> str:
        """Return a value as one line for people, whole."""
        if self.show is not None and value is not None:
            return one_line(self.show(value))
        if self.kind == "path" and value:
            return one_line(output.shown_path(str(value)))
        return one_line(f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else plain(value))


def format_option(function: F) -> F:
    """Give a command `--format`; `json` is the same as `--json`."""

    @click.option(
        "--format", "shape", type=click.Choice(FORMATS), default="table", show_default=True, help="Output format."
    )
    @functools.wraps(function)
    def wrapped(*arguments: Any, **rest: Any) -> Any:
        return function(*arguments, **rest)

    return wrapped  # type: ignore[return-value]


def print_list(
    context: Context,
    shape: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Any]],
    whole: Mapping[str, Any],
    items: Sequence[Any] | None = None,
    empty: str = "no records found",
) -> bool:
    """Print a list in the form that was asked for; return whether that was a table, which may get lines below it.

    `whole` is its JSON.  `items` are the objects that NDJSON has, by default the rows.
    """
    if context.as_json:
        output.print_json(whole)
    elif shape == "ndjson":
        names = [one.name for one in columns]
        for item in [dict(zip(names, row, strict=True)) for row in rows] if items is None else items:
            output.write_raw(canonical.dumps(item) + "\n")
    elif shape == "csv":
        print_csv([one.name for one in columns], rows)
    elif shape == "markdown":
        print_markdown(columns, rows)
    else:
        if rows:
            print_table(columns, rows)
        else:
            output.say(empty)
        return True
    return False


def print_csv(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows as CSV, each value as it is."""
    output.write_raw("".join(csv_line(row) for row in (names, *([plain(value) for value in row] for row in rows))))


def print_markdown(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows as a table in Markdown."""
    output.say(f"| {' | '.join(one.name for one in columns)} |")
    output.say(f"|{''.join('---:|' if one.is_right else '---|' for one in columns)}")
    for row in rows:
        cells = [one.cell(value).replace("|", "\\|") for one, value in zip(columns, row, strict=True)]
        output.say(f"| {' | '.join(cells)} |")


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows as a table; on a terminal it fits, elsewhere each row is one line of whole values."""
    cells = [[one.cell(value) for one, value in zip(columns, row, strict=True)] for row in rows]
    room = output.room()
    if room is None:
        shown = list(range(len(columns)))
        wide = [_natural(columns[at], cells, at) for at in shown]
        left_out: list[str] = []
    else:
        shown, wide, left_out = fitted(columns, cells, room)
    chosen = [columns[at] for at in shown]
    output.say_row(_padded(chosen, [one.name for one in chosen], wide), head=True)
    if room is None:
        output.say_row(["-" * one for one in wide])
    for row, values in zip(cells, rows, strict=True):
        texts = [cut(row[at], most, columns[at].kind) for at, most in zip(shown, wide, strict=True)]
        colours = [_colour(columns[at], row[at], values[at]) for at in shown]
        output.say_row(_padded(chosen, texts, wide), colours)
    if left_out:
        output.say(f"no room for: {', '.join(left_out)}", dim=True)


def _natural(column: Column, cells: Sequence[Sequence[str]], at: int) -> int:
    return max(width(text) for text in (column.name, *(row[at] for row in cells)))


def _padded(columns: Sequence[Column], texts: Sequence[str], wide: Sequence[int]) -> list[str]:
    pads = [" " * (most - width(text)) for text, most in zip(texts, wide, strict=True)]
    return [pad + text if one.is_right else text + pad for one, text, pad in zip(columns, texts, pads, strict=True)]


def _colour(column: Column, text: str, value: Any) -> str:
    if column.kind == "outcome":
        return output.colour_of(text)
    if column.kind == "number":
        return column.colour if value else "dim"
    return ""


def fitted(
    columns: Sequence[Column], cells: Sequence[Sequence[str]], room: int
) -> tuple[list[int], list[int], list[str]]:
    """Return the columns that are shown, by number, how wide each is, and the names of those without room."""
    shown = [
        at for at, one in enumerate(columns) if not at or any(row[at] not in _NOTHING[one.is_right] for row in cells)
    ]
    natural = {at: _natural(columns[at], cells, at) for at in shown}
    least = {
        at: min(one, max(_LEAST.get(columns[at].kind, one), width(columns[at].name))) for at, one in natural.items()
    }
    left_out: list[str] = []
    while _sum(least, shown) > room and (droppable := [at for at in shown if columns[at].drop]):
        going = max(droppable, key=lambda at: (columns[at].drop, at))
        shown.remove(going)
        left_out.append(columns[going].name)
    wide = {at: natural[at] for at in shown}
    while (over := _sum(wide, shown) - room) > 0 and (larger := [at for at in shown if wide[at] > least[at]]):
        larger = [at for at in larger if columns[at].kind == "id"] or larger  # of an id nobody reads the middle
        largest = max(larger, key=lambda at: wide[at])
        second = max((wide[at] for at in larger if at != largest), default=0)
        wide[largest] -= max(1, min(over, wide[largest] - max(least[largest], second)))
    return shown, list(wide.values()), left_out[::-1]


def _sum(wide: Mapping[int, int], shown: Sequence[int]) -> int:
    return sum(wide[at] for at in shown) + len(output.GAP) * (len(shown) - 1)


_NOTHING = {True: ("", "0"), False: ("",)}
"""The cells of a column that need not be shown, of numbers and of others."""


def cut(text: str, room: int, kind: Kind) -> str:
    """Return a text in at most so many columns of the terminal."""
    if kind in ("word", "number", "outcome") or width(text) <= room:
        return text
    tail = 0 if kind == "text" else (room - 1) // 2 if kind == "id" else (room - 1) * 2 // 3
    return f"{output.fitting(text, room - 1 - tail)}…{output.fitting(text[::-1], tail)[::-1]}"
