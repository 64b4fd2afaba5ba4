"""Everything that people read uses the field's words: command line, messages, reports, web UI, README and docs.

The list is of phrases that native speakers found strange, each with what to say instead.  A pattern is as narrow as
its phrase, so that good English around it stays free; quoted data and code are not looked at.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import pjais
from pjais.cli import cli
from pjais.commands import help_text

PACKAGE = Path(pjais.__file__).parent
ROOT = Path(__file__).parent.parent

WORDS = {
    r"\bway back\b|\bgoing back\b": "can be rolled back",
    r"\bmend(s|ed|ing)?\b": "fix, edit",
    r"\bbr(ing|ings|ought|inging) (it |them |that |this |what .{1,30})?(over|in|back)\b": "sync, import, restore",
    r"\bput(s|ting)? (it |them )?(aside|away)\b|\blets? go of\b": "discard, archive",
    r"write a memory down": "add memory",
    r"\b(old|new|live) side\b|\bold and new\b": "cutover: source, target, active",
    r"right after the migration": "version, point in time",
    r"tier (hotter|colder)": "promote, demote",
    r"seconds between looks|\bagain and again\b": "polling interval",
    r"what is safe now|(?-i:\bSafe:)": "Impact: no changes were made",
    r"\bthere is no such\b|\bno such (store|record|code)\b": "store not found: PATH",
    r"\b(is|are) sound\b|proof is green|\b(is|are) level\b": "valid, passed, in sync",
    r"what ails|whoever helps|those whom it concerns": "diagnostics, support, stakeholders",
    r"\bcannot go in\b": "invalid, rejected documents",
    r"\baccounted for\b|\bits account\b|\baccount (knows|holds)\b": "reconciled; audit log, ledger",
    r"\bthe books\b|'s books\b|\bremarks?\b": "manifest, index, warning",
    r"say (what is (here|where)|more)\b(?! than)": "list sources, show status, verbose output",
    r"\bonly of this persona\b": "filter by persona",
    r"\bcounts? as an access\b": "does not update access stats",
    r"\bnothing (un|re)doable\b|\bstill out\b": "nothing to undo; still invalid",
    r"\bno progress\.": "suppress progress output",
    r"\bat work\b": "running",
    r"\btravel(s|ling)? in time\b": "point-in-time queries",
    r"\bliving with the data\b|\bhow it is made\b": "usage, internals",
    r"\bbeing looked at\b": "analyzing",
    r"restore beside|those brought in": "restore to new folder; show all",
    r"before your eyes": "live demo on sample data",
}
"""Pattern (case does not count) -> what to say."""

FORBIDDEN = {re.compile(pattern, re.IGNORECASE): say for pattern, say in WORDS.items()}


def strange(text: str) -> list[str]:
    """Return the phrases of a text that are on the list, each with what to say."""
    plain = " ".join(text.split())
    return [f"{found[0]!r}, say: {say}" for pattern, say in FORBIDDEN.items() for found in pattern.finditer(plain)]


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module that are no docstrings, with NUL for what is only known at run time."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)  # docstrings, also those of constants
        if isinstance(node, ast.JoinedStr):
            skipped.update(node.values)
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [str(one.value) if isinstance(one, ast.Constant) else "\0" for one in node.values]
            yield node.lineno, "".join(parts)


def helps(command: click.Command, parent: click.Context, name: str) -> Iterator[tuple[str, str]]:
    """Yield the help of a command, and of its own commands."""
    context = click.Context(command, parent=parent, info_name=name)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from helps(found, context, child)


def prose(text: str) -> str:
    """Return the text of a page without code: inline, and blocks that are no transcript of a terminal."""
    text = re.sub(r"^```(?!console|text)\w+\n.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`|<!--.*?-->", "", text, flags=re.DOTALL)


def test_the_help_of_all_commands() -> None:
    """Of `pjais`, of every command, and of every option."""
    told = [
        (name, one)
        for name, text in helps(cli, click.Context(click.Group(), **cli.context_settings), "pjais")
        for one in strange(text)
    ]
    assert told + [("pjais", one) for one in strange(help_text(78))] == []


def modules(*, of_page: bool) -> list[Path]:
    """Return the modules of the package, or those of the web UI."""
    return [path for path in sorted(PACKAGE.rglob("*.py")) if ("web" in path.relative_to(PACKAGE).parts) is of_page]


def test_the_messages_of_the_command_line_and_the_engine() -> None:
    """Every string of the package: errors, results, reports, checks, rules."""
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {one}"
        for path in modules(of_page=False)
        for line, text in literals(path)
        for one in strange(text)
    ]
    assert found == []


def test_the_web_ui() -> None:
    """Templates, scripts and the strings of its modules."""
    web = PACKAGE / "web"
    texts = [(path, line, text) for path in modules(of_page=True) for line, text in literals(path)]
    texts += [(path, 0, re.sub(r"<[^>]*>", " ", path.read_text("utf-8"))) for path in sorted(web.rglob("*.html"))]
    found = [f"{path.relative_to(web)}:{line}: {one}" for path, line, text in texts for one in strange(text)]
    assert found == []
    headings = [
        (path.name, heading)
        for path in sorted(web.rglob("*.html"))
        for heading in re.findall(r"<(?:h\d|summary|legend)[^>]*>\s*([^<{]*?)\s*<", path.read_text("utf-8"))
    ]
    assert [one for one in headings if one[1] in HEADINGS] == []


HEADINGS = {"Pictures": "Charts", "The figures": "Show data", "Time": "History", "Like it": "Similar memories"}
"""Headings of the web UI, and what to call them."""


DOCS = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


@pytest.mark.parametrize("page", DOCS)
def test_the_docs(page: str) -> None:
    """README and the pages of the site; those of formats describe bytes, and are read by few."""
    assert strange(prose((ROOT / page).read_text("utf-8"))) == []


def test_the_patterns_find_their_phrases_and_leave_good_english() -> None:
    """A pattern that never matches, or matches too much, would hold nothing."""
    assert len(strange("Safe: nothing. There is no such store. The old side is live. 1: still out. Mend it.")) == 5
    for text in ("a type-safe call", "the account of the user", "sounds good", "recommend", "amended", "a new sidebar"):
        assert strange(text) == [], text
