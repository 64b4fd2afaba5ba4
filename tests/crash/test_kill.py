"""`kill -9` at any moment leaves the old state or the new one, and the next call finishes the job."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from crash_world import (
    Held,
    call,
    exported,
    hashes,
    journal_length,
    leftovers,
    look,
    mark,
    memory_ids,
    phase,
    shown,
    start,
    write_sources,
)

import pjais

Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Show a line even when the test passes."""

    def show(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return show


class World(NamedTuple):
    """A data folder before a call, what may be seen after a kill, and how it must end.

    Calls always work in the same `folder`, since journals hold paths; `template` is its state before the first.
    """

    folder: Path
    template: Path
    old: Held | None
    new: Held
    export: str
    seconds: float
    """How long the call takes when nobody kills it."""

    def fresh(self) -> None:
        """Put the folder back to how it was before the first call."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.template, self.folder)


def timed(folder: Path, *words: str) -> float:
    began = time.monotonic()
    done = call(folder, *words)
    assert done.exit_code == 0, done.said
    return time.monotonic() - began


def undisturbed(folder: Path, old: Held | None, new: Held) -> World:
    """Keep the folder as it is as a template, and see how a migration that nobody disturbs ends there."""
    template = folder.with_name("template")
    shutil.copytree(folder, template)
    assert look(folder) == old
    seconds = timed(folder, "migrate")
    assert look(folder) == new
    return World(folder, template, old, new, exported(folder), seconds)


def first_run(root: Path, count: int) -> World:
    """Sources and no target."""
    write_sources(root / "data", count)
    return undisturbed(root / "data", None, Held(frozenset(memory_ids(count)), frozenset()))


def second_run(root: Path, count: int) -> World:
    """A target from an earlier run, written to by hand since, and sources that hold twice as much by now."""
    folder = root / "data"
    write_sources(folder, count // 2)
    timed(folder, "migrate")
    mark(folder, "by hand")
    write_sources(folder, count)
    marks = frozenset({"by hand"})
    old, new = (Held(frozenset(memory_ids(one) | marks), marks) for one in (count // 2, count))
    return undisturbed(folder, old, new)


ROLLBACK = ("rollback", "--discard-later")


def kill(folder: Path, event: str | None, seconds: float, *words: str) -> None:
    """Start a call and kill it after a while, counted from an entry in its journal where one is named.

    `event` may name several entries, parted by `|`: the first that is seen counts.
    """
    before = journal_length(folder)
    process = start(folder, *words)
    if event is not None:
        wanted = event.split("|")
        while process.poll() is None and not (phase(folder) in wanted and journal_length(folder) != before):
            time.sleep(0.001)
    time.sleep(seconds)
    process.kill()
    process.wait()


def moments(world: World, kills: int, seed: int, events: tuple[str, ...]) -> Iterable[tuple[str | None, float]]:
    """When to kill: every other time at any moment, else just after a journal entry (the short phases)."""
    chance = random.Random(seed)
    for number in range(kills):
        if number % 2:
            yield events[number // 2 % len(events)], chance.random() * 0.015
        else:
            yield None, chance.uniform(0.05, 0.9) * world.seconds


def kill_migrations(world: World, kills: int, seed: int) -> Counter[str]:
    """Kill migrations over and over; look at everything after each; count the phases that were hit."""
    world.fresh()
    sources = hashes(world.folder)
    hits: Counter[str] = Counter()
    for event, seconds in moments(world, kills, seed, ("verified", "built", "switched", "backed-up|resumed")):
        kill(world.folder, event, seconds, "migrate")
        hits[phase(world.folder)] += 1
        assert hashes(world.folder) == sources
        held = look(world.folder)
        assert held in (world.old, world.new)
        if held == world.new:
            finish(world)
            world.fresh()
    finish(world)
    return hits


def finish(world: World) -> None:
    """The next run completes, and what it leaves is what an undisturbed run leaves."""
    done = call(world.folder, "migrate")
    assert done.exit_code == 0, done.said
    assert look(world.folder) == world.new
    assert pjais.verify(world.folder).passed
    assert leftovers(world.folder) == []
    assert exported(world.folder) == world.export


def kill_rollbacks(world: World, kills: int, seed: int) -> Counter[str]:
    """Kill rollbacks of a complete migration; the target is the new one or the old one, and both ways stay open."""
    complete = world._replace(template=world.folder.with_name("complete"))
    shutil.copytree(world.folder, complete.template)
    complete = complete._replace(seconds=timed(world.folder, *ROLLBACK))
    hits: Counter[str] = Counter()
    for event, seconds in moments(complete, kills, seed, ("rolling-back",)):
        complete.fresh()
        sources = hashes(world.folder)
        kill(world.folder, event, seconds, *ROLLBACK)
        hits[phase(world.folder)] += 1
        assert hashes(world.folder) == sources
        held = look(world.folder)
        assert held in (world.old, world.new)
        if held == world.new:
            timed(world.folder, *ROLLBACK)
        assert look(world.folder) == world.old
        finish(world)
    return hits


def test_killed_first_run_leaves_nothing_or_all(tmp_path: Path, say: Say) -> None:
    """Four kills of a migration of 2,000 memories into a new store."""
    world = first_run(tmp_path, 2_000)
    say(shown("first run", kill_migrations(world, 4, seed=1)))


def test_killed_second_run_leaves_the_old_store_or_the_new(tmp_path: Path, say: Say) -> None:
    """Two kills of a migration that brings 500 more memories into a store of 500."""
    world = second_run(tmp_path, 1_000)
    say(shown("second run", kill_migrations(world, 2, seed=2)))


def test_killed_rollback_leaves_the_new_store_or_the_old(tmp_path: Path, say: Say) -> None:
    """Two kills of the way back."""
    world = second_run(tmp_path, 500)
    say(shown("rollback", kill_rollbacks(world, 2, seed=3)))


def test_two_undisturbed_runs_export_the_same_bytes(tmp_path: Path) -> None:
    """Independent runs of equal sources, in different folders."""
    assert first_run(tmp_path / "one", 100).export == first_run(tmp_path / "other", 100).export


HALF_WRITTEN = """
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA journal_mode = " + sys.argv[2])
db.execute("PRAGMA cache_size = 2")
db.execute("BEGIN")
db.execute("UPDATE memory_entities SET content = 'half of a number ' || id || hex(randomblob(3000))")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        ("status", "DELETE"),
        ("verify", "DELETE"),
        ("migrate", "DELETE"),
        ("rollback --discard-later", "DELETE"),
        ("migrate", "WAL"),
    ],
)
def test_a_target_that_another_program_was_killed_over(tmp_path: Path, mode: str, words: str) -> None:
    """An app died while it wrote: its journal is rolled back by whichever of our calls comes next."""
    folder = tmp_path / "data"
    write_sources(folder, 200)
    pjais.migrate(folder)
    before = look(folder)
    killed = subprocess.run([sys.executable, "-c", HALF_WRITTEN, str(folder / "pjais.sqlite"), mode], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (folder / ("pjais.sqlite-wal" if mode == "WAL" else "pjais.sqlite-journal")).stat().st_size > 0
    timed(folder, *words.split())
    if words.startswith("rollback"):
        assert look(folder) is None
    else:
        assert look(folder) == before
        assert pjais.verify(folder).edited_since == 0


@pytest.mark.soak
@pytest.mark.parametrize(("kind", "kills"), [("first run", 50), ("second run", 30), ("rollback", 20)])
def test_a_hundred_kills(tmp_path: Path, say: Say, kind: str, kills: int) -> None:
    """The same at 20,000 memories, a hundred times."""
    world = first_run(tmp_path, 20_000) if kind == "first run" else second_run(tmp_path, 20_000)
    loop = kill_rollbacks if kind == "rollback" else kill_migrations
    say(shown(kind, loop(world, kills, seed=kills)))
