"""verify-app: check that an app can live with the store."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.locations import PATH
from pjais.cli.output import print_json, safe, say, table


@click.command("verify-app")
@click.argument("store", required=False, type=PATH)
@common
def verify_app_command(context: Context, store: Path | None) -> int:
    """Check that an app can use the store: health, integrity, performance, features; on a scratch copy."""
    from pjais.api.checks import verify_app

    checks = verify_app(context.data_dir, store)
    passed = all(one.passed for one in checks)
    if context.as_json:
        print_json(
            {"code": "done" if passed else "failed", "passed": passed, "checks": [one.as_dict() for one in checks]}
        )
        return 0 if passed else 1
    for one in checks:
        say(f"{'passed' if one.passed else 'FAILED'}  {one.name}: {safe(one.message)}")
        if one.figures:
            table(("query", "ms"), [(name, f"{took:.2f}") for name, took in one.figures.items()], ("ms",))
    say("\nall verifications passed" if passed else "\nsome verifications failed; nothing was changed")
    return 0 if passed else 1
