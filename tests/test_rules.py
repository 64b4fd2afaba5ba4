"""Every rule that a reader may note is explained: in the report, on the page, by `pjais explain`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pjais
from pjais.report.rules import RULES

PACKAGE = Path(pjais.__file__).parent


def noted() -> Iterator[tuple[str, str]]:
    """The rules that are written out where a reader makes a remark."""
    for path in (PACKAGE / "sources").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Remark" and node.args:
                rule = node.args[0]
                if isinstance(rule, ast.Constant):
                    yield str(rule.value), path.name


def test_every_rule_that_a_reader_notes_is_explained() -> None:
    found = list(noted())
    assert len(found) > 50
    assert [one for one in found if one[0] not in RULES] == []
