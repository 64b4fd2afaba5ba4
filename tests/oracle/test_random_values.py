"""Real Chromium writes random values of every type under random keys; what we read is what the page saw.

`PJAIS_SEEDS=100:200` runs those seeds instead of the fixed ones.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from oracle_world import require

from pjais import sqlite, tagged
from pjais.formats.indexeddb import Profile, Record, open_chromium, open_chromium_sqlite, records

pytestmark = pytest.mark.oracle

WRITER = Path(__file__).parents[2] / "scripts" / "golden_rxdb"
SQLITE = "--enable-features=IdbSqliteBackingStore"
FIRST, _, END = os.environ.get("PJAIS_SEEDS", "1:3").partition(":")
SEEDS = range(int(FIRST), int(END or FIRST) + (not END))
COUNT = 300
TAGS = (
    *("undefined", "hole", "number", "bigint", "text", "date", "bytes", "regexp", "boxed"),
    *("blob", "error", "map", "set", "array", "ref", "host"),
)


def missing() -> str | None:
    """What is not installed; None where everything is."""
    if shutil.which("node") is None:
        return "node is not installed"
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not os.access(chromium, os.X_OK):
        return f"{chromium} is not there: run scripts/install_oracles"
    if not (WRITER / "node_modules" / "puppeteer-core" / "package.json").is_file():
        return "puppeteer-core is not installed: run scripts/install_oracles"
    return None


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Skip with the reason where the oracle is missing; fail where it is required."""
    require(missing)


def write_profile(folder: Path, seed: int, flags: str, *, kill: bool) -> list[dict[str, Any]]:
    """Let the browser write a profile, and close or kill it; what its page saw before."""
    facts = {"SEED": str(seed), "COUNT": str(COUNT), "OUT": str(folder), "FLAGS": flags, "KILL": "1" if kill else ""}
    done = subprocess.run(
        ["node", str(WRITER / "lattice.mjs")],
        env={**os.environ, **facts},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    told: list[dict[str, Any]] = json.loads((folder / "told.json").read_text("utf-8"))["databases"]
    return told


def opened(folder: Path, stack: ExitStack) -> list[Profile]:
    """Open every database of the only origin, by whichever backend wrote it."""
    found: list[Profile] = []
    for place in (folder / "profile" / "Default" / "IndexedDB").iterdir():
        if place.suffix == ".leveldb":
            found.append(open_chromium(place, place.with_suffix(".blob")))
        elif place.suffix != ".blob":
            files = [one for one in place.iterdir() if one.is_file() and not one.name.endswith(sqlite.SIDE_FILES)]
            found += [open_chromium_sqlite(stack.enter_context(sqlite.whole(one))) for one in files]
    return found


def text_of(value: Any) -> str:
    """A tagged value as text in which only what JavaScript calls equal is equal: 1 is 1.0, and not true."""
    return json.dumps(_comparable(value))


def _comparable(value: Any) -> Any:
    """Every number is a double; a page cannot tell the bytes of a host object."""
    if isinstance(value, dict):
        return {name: _comparable(one) for name, one in value.items() if name != "data" or "$host" not in value}
    if isinstance(value, list):
        return [_comparable(one) for one in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def parting(seen: Any, told: Any, path: str = "") -> str:
    """Where two values part, and what is there."""
    if isinstance(seen, dict) and isinstance(told, dict) and list(seen) == list(told):
        pairs = [(f"{path}.{name}", seen[name], told[name]) for name in seen]
    elif isinstance(seen, list) and isinstance(told, list) and len(seen) == len(told):
        pairs = [(f"{path}[{at}]", *both) for at, both in enumerate(zip(seen, told, strict=True))]
    else:
        return f"{path}: {seen!a:.300} instead of {told!a:.300}"
    return next((parting(one, other, at) for at, one, other in pairs if text_of(one) != text_of(other)), path)


def differences(wanted: list[dict[str, Any]], folder: Path) -> tuple[list[str], int]:
    """What is read otherwise than the page saw it, and how many records were compared."""
    faults, count = [], 0
    with ExitStack() as stack:
        profiles = opened(folder, stack)
        found = {(one.database, one.name): (profile, one) for profile in profiles for one in profile.stores()}
        for database in wanted:
            for told in database["stores"]:
                name = tagged.untag(database["name"]), tagged.untag(told["name"])
                profile, store = found.pop(name)
                read = list(records(profile, store))
                keys = [text_of(tagged.tag(one.key)) if isinstance(one, Record) else str(one) for one in read]
                if keys != [text_of(key) for key, _ in told["records"]]:
                    faults.append(f"{name}: keys {keys} instead of {[key for key, _ in told['records']]}")
                    continue
                for one, (key, value) in zip(read, told["records"], strict=True):
                    assert isinstance(one, Record)
                    count += 1
                    seen = tagged.tag(one.value)
                    if text_of(seen) != text_of(value) or one.missing:
                        faults.append(f"{name} {key}{parting(_comparable(seen), _comparable(value))} {one.missing}")
        faults += [f"{name}: not in the page" for name in found]
        faults += [str(one) for profile in profiles for one in profile.problems]
    return faults, count


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("flags", "kill"), [("", False), ("", True), (SQLITE, True)], ids=["closed", "killed", "sqlite"]
)
def test_random_values_are_read_as_the_page_saw_them(seed: int, flags: str, kill: bool, tmp_path: Path) -> None:
    told = write_profile(tmp_path, seed, flags, kill=kill)
    faults, count = differences(told, tmp_path)
    assert faults == [], f"seed {seed}, {len(faults)} faults"
    assert count > COUNT / 2
    text = json.dumps(told)
    assert [tag for tag in TAGS if f'"${tag}": ' not in text] == []
