"""What damage does to the readers, counted over all of them: profiles, LiveStore's folders and pools, JSON, SQLite.

A wrong answer is a record that is passed off as right and is not, where a checksum, RxDB's own account, Python's JSON
parser or SQLite itself knows better.  Where a page of SQLite or a text without a checksum became another sound one,
nobody can know: those are `unseen`, and are counted apart.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import live_mutations
import plain_mutations
from mutations import ITEMS, judge

_SHORT, _LONG = 60, 2500
"""Mutations of each of the four families."""
_FIRST = 100_000
_SLOW = ("did not end in", ": took ")
_WRONG = ("came back from the dead", "is not what RxDB says", "do not match its digest", "are not as others read them")


def measure(thorough: bool = False) -> dict[str, int]:
    """Damage copies of every kind of source, read them, and count: the same mutations every time."""
    seeds = range(_FIRST, _FIRST + (_LONG if thorough else _SHORT))
    faults: list[str] = []
    unseen = 0
    with tempfile.TemporaryDirectory(prefix="pjais-fuzz-") as name:
        work = Path(name)
        for seed in seeds:
            verdict = judge(ITEMS[seed % len(ITEMS)], work / "profile", seed)
            faults += verdict.faults
            unseen += bool(verdict.missing)
        for items in (live_mutations.NODE, live_mutations.POOLS):
            seen = live_mutations.fuzz(work, items, seeds)
            faults += seen.faults
            unseen += seen.silent
        faults += plain_mutations.fuzz(work, seeds).faults
    return {"mutations": 4 * len(seeds), "unseen": unseen, **counted(faults)}


def counted(faults: list[str]) -> dict[str, int]:
    """Faults by what they are."""
    hangs = sum(any(text in one for text in _SLOW) for one in faults)
    wrong = sum(any(text in one for text in _WRONG) for one in faults)
    return {"wrong": wrong, "hangs": hangs, "tracebacks": len(faults) - hangs - wrong}
