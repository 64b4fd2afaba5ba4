"""detect: list sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pjais.cli.context import Context, common
from pjais.cli.locations import PATH
from pjais.cli.output import safe, say
from pjais.cli.run_report import say_passed
from pjais.cli.tables import Column, format_option, print_list, print_table
from pjais.display import size
from pjais.errors import NoSourceFound

_SOURCES = (
    Column("kind", "word"),
    Column("path", "path"),
    Column("version", drop=2),
    Column("records", "number"),
    Column("size", "number", drop=1, show=size),
    Column("in_use", "word", show=lambda used: "yes" if used else "no"),
)
_DATABASES = (
    Column("origin", "path", drop=2),
    Column("database", "id"),
    Column("made_by", "word", drop=3),
    Column("collections"),
    Column("documents", "number"),
    Column("size", "number", drop=1, show=size),
)


@click.command("detect")
@click.argument("sources", metavar="[PATHS]...", nargs=-1, type=PATH)
@format_option
@common
def detect_command(context: Context, sources: tuple[Path, ...], shape: str) -> int:
    """List sources: kind, path, version, records, size, in use.

    A second table lists the databases in browser profiles: origin, name, library, live documents by collection, size.
    """
    from pjais.api.migration import detect
    from pjais.sources.found import Found
    from pjais.workspace import none_found, resolve_workspace

    found = detect(context.data_dir, sources)
    rows = [one.as_dict() for one in found.sources]
    passed = [one.as_dict() for one in found.passed]
    whole = {"code": "done" if rows else "MIGRATION_001", "sources": rows, "passed": passed}
    cells = [[one[column.name] for column in _SOURCES] for one in rows]
    if (rows or context.as_json) and print_list(context, shape, _SOURCES, cells, whole, rows):
        _say_databases(rows)
        for one in rows:
            for note in one["notes"]:
                say(safe(f"{one['path']}: {note}"))
        say_passed(found.passed)
        say(f"\nNext: {context.typed('pjais plan')}")
    if not rows:
        if context.as_json:
            return NoSourceFound.exit_code
        where = [str(path) for path in sources] or [str(resolve_workspace(context.data_dir).data_dir)]
        raise none_found(where, Found((), found.passed))
    return 0


def _say_databases(rows: Sequence[dict[str, Any]]) -> None:
    """Print a line for each database that has a name: whose it is, what made it, its live documents, its size."""
    named = [one for row in rows for one in row["databases"] if one["database"] is not None]
    if not named:
        return
    say()
    print_table(
        _DATABASES,
        [
            (
                one["origin"],
                one["database"],
                one["made_by"],
                ", ".join(f"{each['name']} ({each['documents']:,})" for each in one["collections"]),
                one["documents"],
                one["size"],
            )
            for one in named
        ],
    )
