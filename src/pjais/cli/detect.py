"""detect: list sources."""

from __future__ import annotations

from pathlib import Path

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
    """List sources: kind, path, version, records, size, in use or not."""
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
