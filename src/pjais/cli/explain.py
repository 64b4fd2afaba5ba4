"""explain: what a code means and what to do."""

from __future__ import annotations

import click

from pjais.api.checks import explain
from pjais.cli.context import Context, common
from pjais.cli.output import print_json, say
from pjais.commands import two_columns
from pjais.report.rules import OUTCOMES, RULES, all_codes, summaries


@click.command("explain")
@click.argument("code", required=False)
@common
def explain_command(context: Context, code: str | None) -> int:
    """Explain a code; without one, list all codes.

    Errors with their exit codes, outcomes of a run, and rules of findings in its report.
    """
    if code is None:
        if context.as_json:
            print_json({"code": "done", "codes": list(all_codes()), "meanings": summaries()})
        else:
            say(_listed())
        return 0
    text = explain(code)
    if context.as_json:
        print_json({"code": "done", "explained": code, "text": text})
    else:
        say(text)
    return 0


_WIDTH = 78
"""Columns of the list; no line of it is wrapped."""


def _listed() -> str:
    """Return all codes, each with its meaning in one line."""
    meanings = summaries()
    groups = {"Errors": meanings.keys() - OUTCOMES.keys() - RULES.keys(), "Outcomes": OUTCOMES, "Findings": RULES}
    first = max(map(len, meanings))
    parts = (
        f"{title}:\n{two_columns({code: text for code, text in meanings.items() if code in codes}, first, _WIDTH)}"
        for title, codes in groups.items()
    )
    return "\n".join([*parts, "`pjais explain CODE` shows the whole text, `pjais --help` all exit codes."])
