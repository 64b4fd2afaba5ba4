"""Real RxDB in real Chromium writes random documents; what we read from the profile is what RxDB returned."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from oracle_world import require

from pjais import tagged
from pjais.exchange.documents import export_documents
from pjais.workspace import resolve_workspace
from world import hashes

pytestmark = pytest.mark.oracle

WRITER = Path(__file__).parents[2] / "scripts" / "golden_rxdb"
SQLITE = "--enable-features=IdbSqliteBackingStore"
Documents = dict[tuple[str, str], str]


def missing() -> str | None:
    """What is not installed; None where everything is."""
    if shutil.which("node") is None:
        return "node is not installed"
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not os.access(chromium, os.X_OK):
        return f"{chromium} is not there: run scripts/install_oracles"
    for package in ("rxdb17", "rxdb15", "esbuild", "puppeteer-core"):
        if not (WRITER / "node_modules" / package / "package.json").is_file():
            return f"{package} is not installed: run scripts/install_oracles"
    return None


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Skip with the reason where the oracle is missing; fail where it is required."""
    require(missing)


def write_profile(folder: Path, seed: int, major: int, flags: str) -> dict[str, Any]:
    """Let RxDB write a profile; what it said of it before the browser ended."""
    facts = {"SEED": str(seed), "MAJOR": str(major), "OUT": str(folder), "FLAGS": flags}
    done = subprocess.run(
        ["node", str(WRITER / "random.mjs")],
        env={**os.environ, **facts},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    told: dict[str, Any] = json.loads((folder / "told.json").read_text("utf-8"))
    return told


def text_of(value: Any) -> str:
    """A value as text in which only what JavaScript calls equal is equal: every number is a double, -0 is not 0."""
    return json.dumps(_doubles(value), sort_keys=True)


def _doubles(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_doubles(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def told_documents(told: dict[str, Any]) -> Documents:
    """RxDB's documents by collection and id; the minus that JSON takes from a zero is put back."""
    found: Documents = {}
    for name, collection in told["collections"].items():
        documents = {document["id"]: document for document in collection["docs"]}
        for special in collection.get("special", ()):
            assert special["value"] == "-0"
            key, *path, last = special["path"]
            inner = documents[key]
            for step in path:
                inner = inner[step]
            inner[last] = -0.0
        found |= {(name, key): text_of(document) for key, document in documents.items()}
    return found


def read_documents(profile: Path) -> Documents:
    """What `pjais export <profile> --documents` gives, by collection and id.

    The id is the document's own: that of the line is for sorting, with its lone surrogates mended.
    """
    lines: list[str] = []
    count = export_documents(resolve_workspace(profile), profile, lines.append)
    exported = [json.loads(line) for line in lines]
    assert {one["database"] for one in exported} == {"pjais-rxdb"}
    documents = [(one["collection"], tagged.untag(one["document"])) for one in exported]
    found = {(name, document["id"]): text_of(document) for name, document in documents}
    assert len(found) == len(lines) == count
    return found


@pytest.mark.parametrize(
    ("major", "flags", "end"),
    [(17, "", "closed"), (17, "", "killed"), (17, SQLITE, "killed"), (15, "", "closed")],
    ids=["v17", "v17-killed", "v17-sqlite-killed", "v15"],
)
def test_random_documents_come_back_as_rxdb_returned_them(major: int, flags: str, end: str, tmp_path: Path) -> None:
    """Inserted, changed, removed, brought back; the browser closed (even seeds) or killed (odd ones)."""
    seed = random.SystemRandom().randrange(1 << 29) * 2 + (end == "killed")
    if "PJAIS_SEED" in os.environ:
        seed = int(os.environ["PJAIS_SEED"])
    again = f"RxDB {major}, seed {seed}: repeat with PJAIS_SEED={seed}"
    told = write_profile(tmp_path, seed, major, flags)
    assert told["version"].startswith(f"{major}.")
    profile = tmp_path / "profile"
    before = hashes(profile)
    wanted = told_documents(told)
    found = read_documents(profile)
    gone = {(name, key) for name, keys in told["gone"].items() for key in keys}
    assert len(wanted) > 100 and len(gone) > 2, again
    assert not found.keys() & gone, f"{again}: removed documents came back"
    assert found.keys() == wanted.keys(), again
    for key, text in wanted.items():
        assert found[key] == text, f"{again}: {key}"
    assert hashes(profile) == before, f"{again}: the profile was changed"
