"""verify-app."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.output import print_json, safe, say, table
from pjais.errors import UsageError
from pjais.pipeline import appcheck, state
from pjais.pipeline.place import place


@click.command("verify-app")
@click.argument("store", required=False, type=click.Path(path_type=Path))
@common
def verify_app_command(context: Context, store: Path | None) -> int:
    """Check that an app can live with the store: health, integrity, performance, features; on a scratch copy."""
    here = state.chosen(context.data_dir, None) if store is None else place(context.data_dir)
    if store is None and here.log is None:
        raise UsageError("name a LiveStore store", next_command="pjais verify-app STORE")
    path = here.live if store is None else store.expanduser().absolute()
    checks = appcheck.of_livestore(here, path)
    passed = all(check.passed for check in checks)
    if context.as_json:
        print_json(
            {"code": "done" if passed else "failed", "passed": passed, "checks": [one.as_dict() for one in checks]}
        )
        return 0 if passed else 1
    for check in checks:
        say(f"{'passed' if check.passed else 'FAILED'}  {check.name}: {safe(check.message)}")
        if check.figures:
            table(("query", "ms"), [(name, f"{took:.2f}") for name, took in check.figures.items()], ("ms",))
    say("\nall verifications passed" if passed else "\nsome verifications failed; nothing was changed")
    return 0 if passed else 1
