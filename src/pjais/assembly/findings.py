"""Collect findings: counted by rule, the first kept, all of them spooled to the run's folder.

Memory does not grow with their number, and a truncated list always has its full count.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from pjais.core.results import Finding

NAME = "findings.jsonl"
_KEPT = 200


class Findings:
    """The findings of one run.  They are spooled to `folder`; None keeps only counts and the first ones."""

    def __init__(self, folder: Path | None = None) -> None:
        self.rules: Counter[str] = Counter()
        self.levels: Counter[str] = Counter()
        self.first: list[Finding] = []
        self.first_errors: list[Finding] = []
        self.unreadable = 0
        self.incomplete: set[str] = set()
        """Sources with an unreadable piece: a document that is absent there may still exist."""
        self.faulty: set[str] = set()
        """Sources with an error: a document, or a piece, that cannot be imported."""
        self.repaired: Counter[str] = Counter()
        self._file: IO[str] | None = None
        if folder is not None:
            handle = os.open(folder / NAME, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            self._file = os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace")

    def add(self, finding: Finding) -> None:
        """Add one finding."""
        self.levels[finding.level] += 1
        self.rules[f"{finding.level}:{finding.rule}:{finding.field or ''}"] += 1
        if len(self.first) < _KEPT:
            self.first.append(finding)
        if finding.level == "error":
            self.faulty.add(finding.source)
        if finding.level == "error" and len(self.first_errors) < _KEPT:
            self.first_errors.append(finding)
        if self._file is not None:
            self._file.write(json.dumps(finding.as_dict(), ensure_ascii=False) + "\n")

    @property
    def total(self) -> int:
        """Return their number."""
        return self.levels.total()

    @property
    def shown(self) -> tuple[Finding, ...]:
        """Return the first ones, errors before all others."""
        rest = [finding for finding in self.first if finding.level != "error"]
        return tuple([*self.first_errors, *rest][:_KEPT])

    def close(self) -> None:
        """Close the spool."""
        if self._file is not None:
            self._file.close()
            self._file = None


def spooled(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield all findings of a run, from its folder."""
    path = folder / NAME
    if path.is_file():
        with path.open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
