"""The report of a run on the terminal: counts by source, rules, outcome, next command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pjais.cli.context import Context
from pjais.cli.output import print_json, safe, say, shown_path
from pjais.cli.tables import Column, print_table
from pjais.report.sentences import sentences

if TYPE_CHECKING:
    from pjais.core.results import Counts, Report
    from pjais.core.source import Passed


_MAY_GO = {"repaired": 5, "removed": 3, "superseded": 4}
_COLOURS = {"migrated": "green", "quarantined": "yellow"}
_COUNTS = ("read", "migrated", "repaired", "superseded", "removed", "quarantined")
_COUNT_COLUMNS = (
    Column("kind", "id", drop=2),
    Column("source", "path"),
    *(Column(one, "number", _MAY_GO.get(one, 0), colour=_COLOURS.get(one, "")) for one in _COUNTS),
)


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
        print_rules(context, report.rules)
        _print_likely_same(context, report)
        say()
    say_passed(report.passed)
    code = report.code.replace("_", " ")
    say(f"{code}: {report.message}", lead=code)
    if report.backup is not None:
        say(f"store:  {shown_path(report.target)}")
        say(f"backup: {shown_path(report.backup)}")
        say(f"report: {shown_path(report.backup / 'report.html')}")
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
    print_table(_COUNT_COLUMNS, body)


_RULE_COLUMNS = (Column("level", "outcome"), Column("rule", "word"), Column("field", "id"), Column("times", "number"))
_SENTENCES_SHOWN = 12


def print_rules(context: Context, rules: Mapping[str, int]) -> None:
    """Print what the rules found and did, as sentences; with `-v` the code, field and count of each."""
    if not rules:
        return
    say()
    if context.verbose:
        lines = [(*key.split(":", 2), count) for key, count in sorted(rules.items(), key=lambda item: -item[1])]
        print_table(_RULE_COLUMNS, lines)
        return
    told = sentences(rules)
    for one in told[:_SENTENCES_SHOWN]:
        say(f"- {one}")
    if len(told) > _SENTENCES_SHOWN:
        say(f"- and {len(told) - _SENTENCES_SHOWN} more; -v lists all, with their codes")
