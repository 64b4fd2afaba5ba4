"""verify-app: check that an app can use the store."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.locations import PATH
from pjais.cli.output import safe, say
from pjais.cli.tables import Column, format_option, print_list, print_table

_CHECKS = (Column("state", "outcome"), Column("check"), Column("message"))
_QUERIES = (Column("query"), Column("ms", "number"))


@click.command("verify-app")
@click.argument("store", required=False, type=PATH)
@format_option
@common
def verify_app_command(context: Context, store: Path | None, shape: str) -> int:
    """Check, on a scratch copy, that an app can use the store.

    Covers health, integrity, performance and features.
    """
    from pjais.api.checks import verify_app

    checks = verify_app(context.data_dir, store)
    passed = all(one.passed for one in checks)
    if context.as_json or shape != "table":
        items = [one.as_dict() for one in checks]
        rows = [("passed" if one.passed else "failed", one.name, one.message) for one in checks]
        whole = {"code": "done" if passed else "failed", "passed": passed, "checks": items}
        print_list(context, shape, _CHECKS, rows, whole, items)
        return 0 if passed else 1
    for one in checks:
        state = "passed" if one.passed else "FAILED"
        say(f"{state}  {one.name}: {safe(one.message)}", lead=state)
        if one.figures:
            print_table(_QUERIES, [(name, f"{took:.2f}") for name, took in one.figures.items()])
    say("\nall checks passed" if passed else "\nsome checks failed; no changes were made")
    return 0 if passed else 1
