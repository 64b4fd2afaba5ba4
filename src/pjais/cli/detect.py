"""detect: list sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pjais.cli.context import Context, common
from pjais.cli.locations import PATH
from pjais.cli.output import print_json, safe, say, table
from pjais.cli.run_report import say_passed
from pjais.display import size
from pjais.errors import NoSourceFound


@click.command("detect")
@click.argument("sources", metavar="[PATHS]...", nargs=-1, type=PATH)
@common
def detect_command(context: Context, sources: tuple[Path, ...]) -> int:
    """List sources: kind, path, version, records, size, in use or not.

    Below them the databases of browser profiles: origin, name, what made it, live documents by collection, size.
    """
    from pjais.api.migration import detect
    from pjais.sources.found import Found
    from pjais.workspace import none_found, resolve_workspace

    found = detect(context.data_dir, sources)
    rows = [one.as_dict() for one in found.sources]
    if context.as_json:
        passed = [one.as_dict() for one in found.passed]
        print_json({"code": "done" if rows else "MIGRATION_001", "sources": rows, "passed": passed})
    elif rows:
        table(
            ("kind", "path", "version", "records", "size", "in use"),
            [
                (
                    one["kind"],
                    one["path"],
                    one["version"] or "",
                    one["records"],
                    size(one["size"]),
                    "yes" if one["in_use"] else "no",
                )
                for one in rows
            ],
            ("records", "size"),
        )
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
    table(
        ("origin", "database", "made by", "collections", "documents", "size"),
        [
            (
                one["origin"] or "",
                one["database"],
                one["made_by"] or "",
                ", ".join(f"{each['name']} ({each['documents']:,})" for each in one["collections"]),
                one["documents"],
                "" if one["size"] is None else size(one["size"]),
            )
            for one in named
        ],
        ("documents", "size"),
    )
