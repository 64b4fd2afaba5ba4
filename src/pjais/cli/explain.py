"""explain: what a code means and what to do."""

from __future__ import annotations

import click

from pjais.api.checks import explain
from pjais.cli.context import Context, common
from pjais.cli.output import print_json, say
from pjais.report.rules import all_codes


@click.command("explain")
@click.argument("code", required=False)
@common
def explain_command(context: Context, code: str | None) -> int:
    """Explain a code: what it means and what to do."""
    if code is None:
        codes = all_codes()
        if context.as_json:
            print_json({"code": "done", "codes": list(codes)})
        else:
            say("\n".join(codes))
        return 0
    text = explain(code)
    if context.as_json:
        print_json({"code": "done", "explained": code, "text": text})
    else:
        say(text)
    return 0
