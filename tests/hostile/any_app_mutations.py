"""Golden profiles of any app, damaged by a fixed seed and read as a user of `pjais.profile` would read them."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from mutations import LIMIT, TooSlow, damage, limited

import pjais
from pjais import tagged
from pjais.errors import PjaisError

GOLDEN = Path(__file__).parent.parent / "golden"
ITEMS = [*(f"any-app/{one.name}" for one in sorted((GOLDEN / "any-app").iterdir()) if one.is_dir()), "libraries"]
ITEM_FIELDS = ("local_storage", "session_storage")
Found = Counter[tuple[str, ...]]
"""How often each document was read: origin, database, collection, key, value."""


class Reading(NamedTuple):
    """All that a profile gives: its documents and items, and what it says that it could not read."""

    found: Found
    told: list[str]


class Verdict(NamedTuple):
    """What reading one damaged profile came to: faults, and what it counts as in the figures."""

    faults: tuple[str, ...]
    seconds: float
    outcome: str


def read(folder: Path) -> Reading:
    """Read everything in a profile, damaged pieces included.  Raises PjaisError."""
    found: Found = Counter()
    told: list[str] = []
    with pjais.profile(folder) as profile:
        for origin in profile.origins:
            for database in origin.databases:
                at = (origin.name, database.name)
                for collection in database.collections:
                    for one in collection.read():
                        if isinstance(one, pjais.Unreadable):
                            told.append(f"{one.place}: {one.reason}")
                        else:
                            told += [f"{one.place}: {line}" for line in one.missing]
                            found[(*at, collection.name, tagged.key_text(one.key), one.json())] += 1
                for each in database.read_documents():
                    if isinstance(each, pjais.Unreadable):
                        told.append(f"{each.place}: {each.reason}")
                    else:
                        text = tagged.dumps([each.key, each.value])
                        found[(*at, "documents()", each.collection, text)] += 1
            for name in ITEM_FIELDS:
                try:
                    found[origin.name, name, tagged.dumps(getattr(origin, name))] += 1
                except PjaisError as error:
                    told += error.where
        return Reading(found, [*told, *profile.problems()])


@cache
def truth(item: str) -> Found:
    """The documents of a sound profile, which other tests compare with what the page saw."""
    found, told = read(GOLDEN / item)
    assert found and not told
    return found


def harm(folder: Path, seed: int) -> tuple[str, Path]:
    """Damage one file; returns what was done and to which file."""
    chance = random.Random(seed)
    full = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 128)
    if chance.random() < 0.85:
        return damage(folder, seed)
    path = chance.choice(full)
    content = bytearray(path.read_bytes())
    size = chance.choice([one for one in (16, 64, 512, 4096, 32768) if 2 * one <= len(content)])
    one, other = (size * at for at in chance.sample(range(len(content) // size), 2))
    content[one : one + size], content[other : other + size] = (
        content[other : other + size],
        content[one : one + size],
    )
    path.write_bytes(content)
    return f"swap of {size} bytes", path


def judge(item: str, work: Path, seed: int) -> Verdict:
    """Damage a copy of a profile, read it, and hold what comes out against what the page saw."""
    folder = work / "profile"
    shutil.copytree(GOLDEN / item, folder, ignore=shutil.ignore_patterns("*.json.gz", "README.md"))
    what, harmed = harm(folder, seed)
    where = f"{item} seed {seed}: {what} in {harmed.relative_to(folder)}"
    begin = time.process_time()
    faults: list[str] = []
    outcome = "whole"
    try:
        with limited(4 * LIMIT), mock.patch("os.fsync"):  # no power is cut here
            found, told = read(folder)
        before = (GOLDEN / item / harmed.relative_to(folder)).stat().st_size
        cut = harmed.suffix == ".log" and harmed.exists() and harmed.stat().st_size < before
        outcome, faults = _compared(item, harmed, found, told, cut=cut)
    except PjaisError as error:
        outcome = f"refused {error.code}"
    except TooSlow:
        faults.append(f"did not end in {4 * LIMIT} s")
    except Exception as error:  # noqa: BLE001 - that nothing else comes is what is tested
        faults.append(f"{type(error).__name__}: {error}")
    seconds = time.process_time() - begin
    if seconds > LIMIT and not faults:
        faults.append(f"took {seconds:.1f} s")
    shutil.rmtree(work)
    return Verdict(tuple(f"{where}: {one}" for one in faults), seconds, "fault" if faults else outcome)


def _compared(item: str, harmed: Path, found: Found, told: list[str], *, cut: bool) -> tuple[str, list[str]]:
    """What a reading counts as, and its faults: a document that is other than it was, or not there, in silence.

    A log that was `cut` is that of a browser that was stopped: the documents are those of an earlier moment.
    """
    other, lost = found - truth(item), truth(item) - found
    if not other and not lost:
        return "told, and whole" if told else "whole", []
    if told:
        return ("told" if any(harmed.name in line for line in told) else "told of another file"), []
    if unprotected(harmed) or cut:
        return "unprotected bytes" if unprotected(harmed) else "log cut", []
    example = next(iter(other or lost))
    return "", [f"{len(other)} others, {len(lost)} lost, in silence: {example!a:.300}"]


def unprotected(path: Path) -> bool:
    """No checksum protects the file: a blob, or a page of SQLite."""
    return ".blob" in str(path) or len(path.name) == 52
