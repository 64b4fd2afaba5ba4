"""A fault at every operation of every command: never half, never two truths, never a traceback.

`climb` meets the ladder; the tests with a story are the faults of the product that it found.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a fork, and Linux's table of SQLite's system calls")
if sys.platform == "linux":
    from fault_world import WORLDS, World, made
    from figures import climb, nth, survive
    from injector import KINDS, Fault, Injector

Say = Callable[[str], None]
ROUGHLY = 3
"""How many faults of each command `make test` meets."""


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Show a line even when the test passes."""

    def show(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return show


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], World]:
    """A world by its name; each is made once."""
    return functools.cache(lambda name: made(name, tmp_path_factory.mktemp("faults") / "world"))


@pytest.mark.parametrize("name", WORLDS)
def test_a_fault_now_and_then_leaves_old_or_new(world: Callable[[str], World], name: str) -> None:
    """A few operations of each command, one kind of fault each."""
    one = world(name)
    found = climb(one, max(1, len(one.met) // ROUGHLY))
    assert found.wrong + found.hangs + found.tracebacks == []
    assert found.survived == found.faults >= ROUGHLY


@pytest.mark.soak
@pytest.mark.parametrize("name", WORLDS)
def test_a_fault_at_every_operation_leaves_old_or_new(world: Callable[[str], World], name: str, say: Say) -> None:
    """All operations, all kinds of faults."""
    found = climb(world(name))
    say(f"{name}: {found.as_dict()}")
    assert found.wrong + found.hangs + found.tracebacks == []


def test_behind_the_last_operation_nothing_fires(world: Callable[[str], World]) -> None:
    """The ladder ends where the command ends."""
    one = world("migrate")
    one.fresh()
    done = one.call(*one.words, fault=Fault(len(one.met) + 50, "kill"))
    assert done.done
    assert abs(len(done.met) - len(one.met)) < 50


def test_the_injector_counts_what_python_and_sqlite_do(world: Callable[[str], World]) -> None:
    """Every kind of operation is met, of both."""
    met = world("follow").met
    assert {line.split(" ")[0] for line in met} == set(KINDS)
    assert any(line.startswith("write") and line.endswith("pjais.sqlite-wal") for line in met)
    assert any(line.startswith("write") and line.endswith("journal.jsonl") for line in met)


def test_a_full_disk_stays_full(tmp_path: Path) -> None:
    """All else happens once; `full` goes on for what grows, and what is removed can be."""
    injector = Injector(tmp_path, Fault(1, "full"))
    for what in ("write", "create", "folder"):
        with pytest.raises(OSError, match="space"):
            injector.meet(what, "file")
    injector.meet("remove", "file")


# Found by the ladder; each was a fault of the product.


def test_a_copy_of_the_store_that_was_cut_off_does_not_stay(world: Callable[[str], World]) -> None:
    """It lay in the backup under its whole name, with a journal beside it."""
    one = world("rollback of the first")
    assert survive(one, Fault(nth(one, r"write .*rolled-back-.*part$", 40), "kill")) == []


@pytest.mark.parametrize("kind", ["denied", "kill"])
def test_a_rollback_that_wrote_the_later_records_can_be_called_again(world: Callable[[str], World], kind: str) -> None:
    """The second call refused, since the file of the first one was there."""
    one = world("rollback")
    assert survive(one, Fault(nth(one, r"rename data/pjais\.sqlite$"), kind)) == []


@pytest.mark.parametrize("kind", ["io", "kill"])
def test_a_store_that_was_taken_away_counts_as_rolled_back(world: Callable[[str], World], kind: str) -> None:
    """The call said that the store was as before, and the next one that there is nothing to roll back to."""
    one = world("rollback of the first")
    assert survive(one, Fault(nth(one, r"sync data$"), kind)) == []


@pytest.mark.parametrize("kind", ["denied", "kill"])
def test_a_rollback_between_a_log_and_its_account_is_finished(world: Callable[[str], World], kind: str) -> None:
    """The log was the one of before, its account that of afterwards, and every later call refused."""
    one = world("rollback of livestore")
    assert survive(one, Fault(nth(one, r"rename .*/pjais-account\.sqlite$"), kind)) == []


@pytest.mark.parametrize("kind", ["denied", "kill"])
def test_a_run_whose_log_is_in_place_keeps_its_account(world: Callable[[str], World], kind: str) -> None:
    """The new account was removed as an unfinished file, though the log that it tells of was in place."""
    one = world("migrate to livestore")
    assert survive(one, Fault(nth(one, r"rename .*/pjais-account\.sqlite$"), kind)) == []


def test_a_report_that_cannot_be_written_does_not_undo_the_run(world: Callable[[str], World]) -> None:
    """It was an unexpected error."""
    one = world("migrate")
    assert survive(one, Fault(nth(one, r"create .*report\.html"), "full")) == []


def test_an_increment_that_is_in_the_store_keeps_its_backup(world: Callable[[str], World]) -> None:
    """The backup that proves its records went, since the line behind the commit could not be written."""
    one = world("follow")
    assert survive(one, Fault(nth(one, r"remove data/pjais\.sqlite-wal"), "denied")) == []
    assert survive(one, Fault(nth(one, r"create .*journal\.jsonl", 3), "full")) == []


@pytest.mark.parametrize("name", ["follow to livestore", "quarantine replay to livestore"])
def test_what_is_in_an_account_and_not_yet_in_its_log_goes_there(world: Callable[[str], World], name: str) -> None:
    """Only the next increment brought it there; a migration could not prove itself before."""
    one = world(name)
    assert survive(one, Fault(nth(one, r"write .*/eventlog@6\.db-journal"), "io")) == []
    assert survive(one, Fault(nth(one, r"write .*/eventlog@6\.db$", 2), "kill")) == []


def test_a_disk_that_fails_under_a_copy_is_no_damage_of_the_source(world: Callable[[str], World]) -> None:
    """The source counted as unsound, and was read without its consistent copy."""
    one = world("backup create")
    assert survive(one, Fault(nth(one, r"remove .*/livestore-backup-.*-journal"), "denied")) == []


def test_a_backup_without_the_store_is_not_listed_as_whole(world: Callable[[str], World]) -> None:
    """Its manifest was there before the store's copy was."""
    one = world("backup create")
    assert survive(one, Fault(nth(one, r"write .*previous\.sqlite\.part$"), "kill")) == []


@pytest.mark.parametrize("name", ["data.json", "livestore.db"])
def test_a_source_that_could_not_be_read_at_first_is_not_taken_for_damaged(
    world: Callable[[str], World], name: str
) -> None:
    """It was quarantined whole, or taken for another kind, and never read again, since its hash was on record."""
    one = world("migrate")
    assert survive(one, Fault(nth(one, rf"read data/{name}$"), "io")) == []


def test_a_journal_that_sqlite_leaves_behind_does_not_stay(world: Callable[[str], World]) -> None:
    """SQLite passes over one that it cannot remove."""
    one = world("migrate")
    assert survive(one, Fault(nth(one, r"remove data/\.pjais\.sqlite\..*\.new-journal$"), "denied")) == []
