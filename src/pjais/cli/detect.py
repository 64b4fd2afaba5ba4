"""detect: list sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pjais import files
from pjais.cli.context import Context, common
from pjais.cli.locations import PATH
from pjais.cli.output import print_json, safe, say, size, table
from pjais.cli.run_report import say_passed
from pjais.core.source import SourceRef
from pjais.errors import NoSourceFound
from pjais.workspace import none_found, resolve_workspace


@click.command("detect")
@click.argument("sources", metavar="[PATHS]...", nargs=-1, type=PATH)
@common
def detect_command(context: Context, sources: tuple[Path, ...]) -> int:
    """Say what is here: kind, path, version, records, size, in use or not."""
    here = resolve_workspace(context.data_dir, None, sources)
    found = here.find()
    rows = _counted(found.sources)
    passed = [one.as_dict() for one in found.passed]
    if context.as_json:
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
        raise none_found([str(path) for path in sources] or [str(here.data_dir)], found)
    return 0


def _counted(refs: tuple[SourceRef, ...]) -> list[dict[str, Any]]:
    if not refs:
        return []
    from pjais.sources import count  # the readers, which a search that finds nothing does without

    return [_seen(ref, count.count_documents(ref)) for ref in refs]


def _seen(ref: SourceRef, records: int | None) -> dict[str, Any]:
    existing = [path for path in ref.files if path.exists()]
    notes = list(ref.notes)
    if ref.damage:
        notes.append(f"damaged: {ref.damage}")
    return {
        "kind": ref.kind,
        "path": str(ref.path),
        "version": ref.version,
        "records": records if records is not None else 0,
        "countable": records is not None,
        "size": sum(path.stat().st_size for path in existing),
        "in_use": bool(files.users(existing)),
        "damage": ref.damage,
        "notes": notes,
    }
