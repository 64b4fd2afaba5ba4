"""The golden profiles of SQLite in a browser (scripts/golden_opfs), and the rows that the page itself selected."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden" / "opfs"

ORIGIN = "http://localhost:8719"

NAMES = {
    "sahpool": ".opfs-sahpool/notes.db",
    "wa-pool-2": "wa-pool-2/notes.db",
    "opfs": "plain/notes.db",
    "wa-coop": "coop/notes.db",
    "wa-any": "any/notes.db",
    "wa-ahead": "ahead/notes.db",
    "wa-permuted": "permuted/notes.db",
    "jeep": "jeepSqliteStore/notesSQLite.db",
}
"""The path of each library's database, where it is not the library's name and `notes.db`."""

Tables = dict[str, list[dict[str, list[str | None]]]]
"""Table -> rows, of each value its type and its text."""


def profile(name: str, place: Path) -> Path:
    """Put a golden profile into a folder, without what is expected of it."""
    if (packed := GOLDEN / name / "Default.tar.gz").exists():
        with tarfile.open(packed) as archive:
            archive.extractall(place, filter="data")
    else:
        shutil.copytree(GOLDEN / name / "Default", place / "Default")
    return place


def expected(name: str) -> dict[str, Tables]:
    """Return the tables of each database by its path."""
    told = json.loads((GOLDEN / name / "expected.json").read_text("utf-8"))["libraries"]
    return {NAMES.get(library, f"{library}/notes.db"): tables for library, tables in told.items()}


def shown(value: Any) -> list[str | None]:
    """Return a value as the page selected it."""
    if value is None:
        return ["null", None]
    if isinstance(value, bytes):
        return ["blob", value.hex().upper()]
    if isinstance(value, float):
        return ["real", repr(value)]
    return ["integer" if isinstance(value, int) else "text", str(value)]
