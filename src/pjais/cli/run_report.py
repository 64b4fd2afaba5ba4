"""The report of a run on the terminal: counts by source, rules, outcome, next command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pjais.cli.context import Context
from pjais.cli.output import print_json, safe, say, table

if TYPE_CHECKING:
    from pjais.core.results import Counts, Report
    from pjais.core.source import Passed


_COUNTS = ("read", "migrated", "repaired", "superseded", "removed", "quarantined")


def say_passed(passed: tuple[Passed, ...]) -> None:
    """Print stores that were found and not migrated, one line each."""
    from pjais.workspace import told  # loaded on demand: the help of a command does without it

    for line in told(passed):
        say(safe(line))


def print_report(context: Context, report: Report) -> None:
    """The summary of a run: a table per source, one verdict line, the next command."""
    if context.as_json:
        print_json({**report.as_dict(), "next": context.typed(report.next_command)})
        return
    if report.sources:
        from pjais.core.results import Counts

        rows = [(one["kind"], one["name"], Counts(*(one[name] for name in Counts.__slots__))) for one in report.sources]
        print_counts(rows, report.total)
        print_rules(report.rules)
        _print_likely_same(context, report)
        say()
    say_passed(report.passed)
    say(f"{report.code.replace('_', ' ')}: {report.message}")
    if report.backup is not None:
        say(f"store:  {report.target}")
        say(f"backup: {report.backup}")
        say(f"report: {report.backup / 'report.html'}")
    extra = "pjais quarantine list" if report.code == "quarantined" else report.next_command
    say(f"Next: {context.typed(extra)}")


def _print_likely_same(context: Context, report: Report) -> None:
    """Say which command shows and links the personas that are likely the same."""
    if any(key.startswith("note:likely-twins:") for key in report.rules) and report.target.is_file():
        say(
            f"\nPersonas that are likely the same are not merged; to list and link them: "
            f"{context.typed('pjais personas link')}"
        )


def print_counts(rows: list[tuple[str, str, Counts]], total: Counts) -> None:
    """Print the counts of each source, and of all together."""
    body = [[kind, name, *(getattr(counts, one) for one in _COUNTS)] for kind, name, counts in rows]
    body.append(["all", "", *(getattr(total, one) for one in _COUNTS)])
    table(("kind", "source", *_COUNTS), body, _COUNTS)


def print_rules(rules: Any) -> None:
    """Print how often each rule found something."""
    lines = []
    for key, count in sorted(rules.items(), key=lambda item: -item[1]):
        level, rule, field = key.split(":", 2)
        lines.append((level, rule, field, count))
    if lines:
        say()
        table(("level", "rule", "field", "times"), lines, ("times",))
