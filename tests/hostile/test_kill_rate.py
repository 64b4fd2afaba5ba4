"""No bit of target, backup or journal that carries data can be turned over unseen; the readers survive all damage."""

from __future__ import annotations

from pathlib import Path

import kill_rate
import plain_mutations
import pytest
import reader_figures

from pjais import journal


def test_a_bit_that_carries_data_cannot_be_turned_over_unseen() -> None:
    """A sample over every file; the same one every time."""
    found = kill_rate.measure()
    assert found["examples"] == []
    assert found["red"] > 0.9 * found["mutations"]
    assert found["rate"] == 1


@pytest.mark.soak
def test_no_bit_that_carries_data_can_be_turned_over_unseen() -> None:
    """The same at length; prints what it saw."""
    found = kill_rate.measure(thorough=True)
    print(found)  # noqa: T201 - figures
    assert found["examples"] == []


def test_damaged_json_and_sqlite_never_crash_hang_or_lie(tmp_path: Path) -> None:
    """Every kind of source that is one file or a folder of files."""
    seen = plain_mutations.fuzz(tmp_path, range(150))
    assert seen.faults == []
    assert seen.told > 50


@pytest.mark.soak
def test_no_reader_crashes_hangs_or_lies() -> None:
    """All families of readers at length; prints what it saw."""
    found = reader_figures.measure(thorough=True)
    print(found)  # noqa: T201 - figures
    assert (found["wrong"], found["hangs"], found["tracebacks"]) == (0, 0, 0)


@pytest.mark.parametrize("at", range(0, 200, 7))
def test_a_line_of_a_journal_that_a_crash_cut_is_no_damage(tmp_path: Path, at: int) -> None:
    """What comes after it is read; a bit that is turned over anywhere is named."""
    journal.record(tmp_path, "begun", target="x", version="1.0.0")
    path = tmp_path / journal.NAME
    whole = path.read_bytes()
    path.write_bytes(whole[: 1 + at % (len(whole) - 1)])
    journal.record(tmp_path, "done", code="done")
    assert journal.problems(tmp_path) == []
    assert "done" in journal.events(tmp_path)
    content = bytearray(path.read_bytes())
    content[-1 - at % 50] ^= 4
    path.write_bytes(content)
    assert journal.problems(tmp_path)
