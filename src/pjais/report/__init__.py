"""A run's report on disk: `report.json` with every finding, and `report.html` for people.

Neither holds content of a memory: only locations, rules and reasons.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pjais import files

if TYPE_CHECKING:
    from pjais.core.results import Report

NAMES = ("report.json", "report.html")


def write(folder: Path, report: Report, findings: Iterable[dict[str, Any]]) -> None:
    """Write both files into the run's folder.  The findings are streamed; there may be very many."""
    from pjais.report import page  # loaded on demand: explaining a code writes no report

    head = report.as_dict()
    del head["findings"], head["findings_shown"]
    with files.writing(folder / "report.json") as file:
        file.text(json.dumps(head, indent=2, ensure_ascii=False)[:-2] + ',\n  "findings": [')
        for number, finding in enumerate(findings):
            file.text(("," if number else "") + "\n    " + json.dumps(finding, ensure_ascii=False))
        file.text("\n  ]\n}\n")
    files.write_atomically(folder / "report.html", page.render(report).encode("utf-8", "backslashreplace"))
