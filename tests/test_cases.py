"""One folder, one migration: `cases/<name>/source` is migrated, and the store is what `expected.json` says.

`case.json` has the sentence that the case shows, options of `pjais.migrate`, the counts that are not zero, or the code
with which it fails.  `<file>.sql` in a source is the text of a SQLite file.  To write `expected.json` again, and then
to read it: `PJAIS_WRITE_CASES=1 pytest tests/test_cases.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import pjais
from world import hashes

CASES = Path(__file__).parent / "cases"
NAMES = sorted(one.name for one in CASES.iterdir() if (one / "case.json").is_file())


def laid_out(name: str, folder: Path) -> Path:
    """The case's source in a data folder, its SQLite files made of their texts."""
    shutil.copytree(CASES / name / "source", folder)
    for text in sorted(folder.rglob("*.sql")):
        with closing(sqlite3.connect(text.with_suffix(""))) as db:
            db.executescript(text.read_text("utf-8"))
        text.unlink()
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str, tmp_path: Path) -> None:
    case: dict[str, Any] = json.loads((CASES / name / "case.json").read_text("utf-8"))
    folder = laid_out(name, tmp_path / "PJais")
    before = hashes(folder)
    if "fails" in case:
        with pytest.raises(pjais.PjaisError) as failed:
            pjais.migrate(folder, **case.get("options", {}))
        assert failed.value.code == case["fails"]
        assert not (folder / "pjais.sqlite").exists()
        assert hashes(folder) == before
        return
    report = pjais.migrate(folder, **case.get("options", {}))
    assert hashes(folder) == before
    assert report.total.balanced()
    assert {one: count for one, count in report.total.as_dict().items() if count} == case["counts"]
    found = pjais.export(folder).text or ""
    expected = CASES / name / "expected.json"
    if os.environ.get("PJAIS_WRITE_CASES"):
        expected.write_text(found, "utf-8")
    assert json.loads(found) == json.loads(expected.read_text("utf-8"))
    again = pjais.migrate(folder, **case.get("options", {}))
    assert again.code == "already_migrated"
    assert pjais.verify(folder).passed
