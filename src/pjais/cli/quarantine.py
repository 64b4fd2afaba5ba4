"""quarantine: list, show, replay, discard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pjais import canonical, commands, files
from pjais.api import quarantine
from pjais.cli.command_group import CommandGroup
from pjais.cli.context import Context, common
from pjais.cli.lists import told
from pjais.cli.locations import OUTPUT_PLACE, PATH
from pjais.cli.output import print_json, safe, say
from pjais.cli.progress import progress
from pjais.cli.tables import Column, format_option, print_list
from pjais.display import counted
from pjais.errors import UsageError
from pjais.migration.quarantine import names

_LONGEST_DOCUMENT = 1 << 30
"""Bytes of a document that is given: as many as SQLite holds in one value."""

_KEPT = (
    Column("id", "number"),
    Column("source", "path", drop=2),
    Column("collection", "id", drop=1),
    Column("record", "id"),
    Column("why"),
)

_target = click.option("--target", type=OUTPUT_PLACE, help=commands.TARGET)


@click.group("quarantine", cls=CommandGroup)
def quarantine_command() -> None:
    """List, fix, import and discard rejected documents."""


@quarantine_command.command("list")
@_target
@click.option("--all", "everything", is_flag=True, help="Include imported and discarded documents.")
@format_option
@common
def list_kept(context: Context, target: Path | None, everything: bool, shape: str) -> int:
    """List the documents in quarantine, with the reasons."""
    found = quarantine.list(context.data_dir, target, everything=everything)
    rows = [
        (one.id, one.source, name, one.native_id or one.place, _why(one.reasons))
        for one, name in zip(found, names(found), strict=True)
    ]
    items = [one.as_dict() for one in found]
    whole = {"code": "done", "quarantine": items}
    if print_list(context, shape, _KEPT, rows, whole, items, "the quarantine is empty") and found:
        say(f"\nNext: {context.typed(f'pjais quarantine show {found[0].id}')}")
    return 0


def _why(reasons: list[dict[str, Any]]) -> str:
    errors = [one for one in reasons if one.get("level") == "error"] or reasons
    return "; ".join(f"{one['field'] + ': ' if one.get('field') else ''}{one['message']}" for one in errors)


@quarantine_command.command("show")
@click.argument("entry", type=int)
@_target
@common
def show(context: Context, entry: int, target: Path | None) -> int:
    """Show a document and why it was rejected."""
    kept = quarantine.show(context.data_dir, entry, target)
    if context.as_json:
        print_json({"code": "done", **json.loads(canonical.dumps(kept.as_dict(whole=True)))})
        return 0
    say(safe(f"{kept.source}: {kept.collection}/{kept.native_id or kept.place} ({kept.place})"))
    say(safe(_why(kept.reasons)))
    if kept.document is None:
        say(counted(len(kept.raw or b""), "raw byte"))
    else:
        print_json(json.loads(canonical.dumps(kept.document)))
    say("\nto fix it, pass the edited document with --document FILE")
    say(f"Next: {context.typed(f'pjais quarantine replay {kept.id}')}")
    return 0


@quarantine_command.command("discard")
@click.argument("entries", type=int, nargs=-1, required=True)
@_target
@common
def discard(context: Context, entries: tuple[int, ...], target: Path | None) -> int:
    """Discard documents; they can still be replayed by id.

    They stay in the store, and are no longer listed.
    """
    done = quarantine.discard(context.data_dir, entries, target)
    line = f"{counted(len(done), 'document')} discarded; `pjais quarantine list --all` still shows them"
    told(context, {"code": "done", "discarded": [one.id for one in done]}, line)
    return 0


@quarantine_command.command("replay")
@click.argument("entries", type=int, nargs=-1)
@click.option("--document", type=PATH, help="File with the edited document, as JSON.")
@_target
@common
def replay(context: Context, entries: tuple[int, ...], document: Path | None, target: Path | None) -> int:
    """Retry documents, one of them edited if needed.

    Without ENTRIES, all documents in quarantine.
    """
    edited = None
    if document is not None:
        try:
            edited = canonical.loads(files.read_text(document, _LONGEST_DOCUMENT))
        except (OSError, ValueError) as error:
            raise UsageError(f"the edited document cannot be read: {error}", where=[str(document)]) from error
    with progress(context) as report_progress:
        report_progress("retry", 0, None)
        results = quarantine.replay(context.data_dir, entries, target, document=edited)
    still = [one for one in results if one.record_id is None]
    if context.as_json:
        print_json({"code": "quarantined" if still else "done", "results": [one._asdict() for one in results]})
    else:
        for one in results:
            say(
                safe(
                    f"{one.id}: imported as {one.record_type} {one.record_id}"
                    if one.record_id
                    else f"{one.id}: still invalid: {'; '.join(one.problems)}"
                )
            )
        say(f"{len(results) - len(still)} imported, {len(still)} still in quarantine")
    return 1 if still else 0
