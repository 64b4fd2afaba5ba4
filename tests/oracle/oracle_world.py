"""The migrated sample, and better-sqlite3 to use it: what the oracle tests share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

import pjais
from pjais.exchange.export import as_text
from pjais.workspace import resolve_workspace

HERE = Path(__file__).parent
SAMPLE = Path(pjais.__file__).parent / "demo" / "sample"
Row = dict[str, Any]


def use(command: str, store: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Let better-sqlite3 read or write the store; its answers."""
    done = subprocess.run(
        ["node", str(HERE / "use_target.mjs"), command, str(store)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def missing() -> str | None:
    """What is not installed; None where everything is."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (HERE / "node_modules" / "better-sqlite3" / "package.json").is_file():
        return "better-sqlite3 is not installed: run scripts/install_oracles"
    return None


def require(missing: Callable[[], str | None] = missing) -> None:
    """Skip with the reason where the oracle is missing; fail where it is required."""
    if reason := missing():
        if os.environ.get("PJAIS_REQUIRE_ORACLES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


class Migrated(NamedTuple):
    """The sample after its migration: its folder, its store, and its records as our export tells them."""

    folder: Path
    store: Path
    records: dict[str, list[Row]]


def migrate_sample(folder: Path) -> Migrated:
    """Copy the packaged sample to a folder, migrate it there, export the result."""
    shutil.copytree(SAMPLE, folder)
    report = pjais.migrate(folder)
    assert report.code == "done"
    text = as_text(resolve_workspace(folder), None).text
    assert text is not None
    return Migrated(folder, report.target, json.loads(text))


def rows_of(store: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        return db.execute(sql).fetchall()


def tokens(text: str) -> Iterator[str]:
    """The words of a text as `unicode61 remove_diacritics 2` sees them.

    It takes U+0300-U+0331 for diacritics; other combining marks part words.
    """
    plain = "".join(one for one in unicodedata.normalize("NFD", text) if not 0x300 <= ord(one) <= 0x331)
    word = ""
    for one in f"{plain} ":
        if unicodedata.category(one)[0] in "LN":
            word += one.lower()
        elif word:
            yield word
            word = ""


def words_in(store: Path) -> dict[str, set[str]]:
    """Every word of plain ASCII in the searched columns, and the ids of the memories that hold it."""
    found: dict[str, set[str]] = {}
    for key, *texts in rows_of(store, "SELECT id, name, content, summary, tags FROM memory_entities"):
        for word in tokens(" ".join(text for text in texts if text is not None)):
            if word.isascii():
                found.setdefault(word, set()).add(key)
    return found


def words_of(store: Path) -> list[str]:
    return sorted(f'"{word}"' for word in words_in(store))


def assert_search_agrees(store: Path) -> None:
    """The index holds what the table holds."""
    with closing(apsw.Connection(str(store))) as db:
        db.execute("INSERT INTO memory_fts (memory_fts, rank) VALUES ('integrity-check', 1)")
