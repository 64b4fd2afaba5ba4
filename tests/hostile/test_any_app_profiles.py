"""Profiles of any app under attack: whatever is damaged, nothing breaks, and no document changes in silence."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from any_app_mutations import ITEMS, Verdict, judge


def fuzz(folder: Path, seeds: range) -> list[Verdict]:
    """Judge one damaged profile for each seed, the golden ones in turn."""
    return [judge(ITEMS[seed % len(ITEMS)], folder / str(seed), seed) for seed in seeds]


def test_damaged_profiles_of_any_app_never_crash_hang_or_lie(tmp_path: Path) -> None:
    """60 mutations."""
    verdicts = fuzz(tmp_path, range(60))
    assert [fault for one in verdicts for fault in one.faults] == []
    assert sum(one.outcome == "told" for one in verdicts) > 10


@pytest.mark.parametrize("seed", [11, 1086])
def test_seeds_that_once_broke_it(seed: int, tmp_path: Path) -> None:
    """A first log that is missing; a log that seems torn at its beginning."""
    assert judge(ITEMS[seed % len(ITEMS)], tmp_path / "one", seed).faults == ()


@pytest.mark.soak
def test_ten_thousand_damaged_profiles_of_any_app(tmp_path: Path) -> None:
    """The same at length; prints what it saw."""
    verdicts = fuzz(tmp_path, range(1000, 11_000))
    outcomes = Counter(one.outcome for one in verdicts)
    print(f"{len(verdicts)} mutations: {outcomes}, slowest {max(one.seconds for one in verdicts):.2f} s")  # noqa: T201
    assert [fault for one in verdicts for fault in one.faults] == []
