"""`kill -9` at any moment of `follow`, `switch` and `switch --undo`: never two truths, never half."""

from __future__ import annotations

import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from crash_world import call, exported, hashes, leftovers, look, phase, shown, start, write_sources
from test_kill import kill, timed

import pjais
from pjais.migration.state import runs
from pjais.side_by_side import switch
from pjais.workspace import resolve_workspace

Say = Callable[[str], None]
FOLLOW = ("follow", "--once")
SWITCH = ("switch",)
UNDO = ("switch", "--undo")
REMOVED = 3


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Show a line even when the test passes."""

    def show(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return show


class Side(NamedTuple):
    """What can be seen of a data folder: which side is live, and the canonical export of the new one."""

    live: str
    export: str


class World(NamedTuple):
    """A data folder before a call: its state, that after the call, and how long the call takes undisturbed."""

    folder: Path
    template: Path
    old: Side
    new: Side
    words: tuple[str, ...]
    seconds: float

    def fresh(self) -> None:
        """Put the folder back to how it was before the call."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.template, self.folder)


def side(folder: Path) -> Side:
    """Which side is live, and what the new one holds; fails where either is half."""
    assert look(folder) is not None
    return Side(switch.live(resolve_workspace(folder)).side, exported(folder))


def write_on(folder: Path, count: int) -> None:
    """The old app goes on: a tenth more memories, some changed, some gone; its database has more in its WAL."""
    write_sources(folder, count + count // 10)
    path = folder / "data.json"
    told = json.loads(path.read_text("utf-8"))
    del told["memories"][:REMOVED]
    for memory in told["memories"][::7]:
        memory["content"] = f"Another number, {memory['id']}"
    path.write_text(json.dumps(told), "utf-8")


def followed(root: Path, count: int) -> Path:
    """A data folder whose first increment was made, and whose app has gone on since."""
    folder = root / "data"
    write_sources(folder, count)
    timed(folder, *FOLLOW)
    write_on(folder, count)
    return folder


def switched(root: Path, count: int) -> Path:
    """A data folder that was switched to the new side and written to there."""
    folder = followed(root, count)
    timed(folder, *SWITCH)
    with pjais.open(folder) as store:
        for number in range(20):
            store.memories.remember(f"A number of the new side: {number}", persona="persona_json_1")
    return folder


def undisturbed(folder: Path, words: tuple[str, ...]) -> World:
    """Keep the folder as it is as a template, and see how a call that nobody disturbs ends there."""
    template = folder.with_name("template")
    shutil.copytree(folder, template)
    old = side(folder)
    seconds = timed(folder, *words)
    return World(folder, template, old, side(folder), words, seconds)


def kill_often(world: World, kills: int, seed: int) -> Counter[str]:
    """Kill the call over and over; look at everything after each; count where it was hit."""
    chance = random.Random(seed)
    world.fresh()
    sources = hashes(world.folder)
    seen = (world.old, Side(world.old.live, world.new.export), world.new)
    hits: Counter[str] = Counter()
    for number in range(kills):
        if number % 2 and world.words == UNDO:
            kill_while_it_writes(world, chance.random() * world.seconds / 2)
        elif number % 2:
            kill(world.folder, "backed-up", chance.random() * world.seconds / 3, *world.words)
        else:
            kill(world.folder, None, chance.uniform(0.3, 1) * world.seconds, *world.words)
        now = side(world.folder)
        hits[f"{phase(world.folder)}, {now.live} live, {'new' if now.export == world.new.export else 'old'} store"] += 1
        assert now in seen
        assert hashes(world.folder) == sources
        assert pjais.verify(world.folder).passed
        if now == world.new or chance.random() < 0.5:  # else the next kill meets what this one left
            finish(world)
            world.fresh()
    finish(world)
    return hits


def kill_while_it_writes(world: World, seconds: float) -> None:
    """Kill a way back a while after the first file of what it exports is there."""
    process = start(world.folder, *world.words)
    before = len(list(world.folder.glob("*since-switch-*")))
    while process.poll() is None and len(list(world.folder.glob("*since-switch-*"))) == before:
        time.sleep(0.001)
    time.sleep(seconds)
    process.kill()
    process.wait()


def finish(world: World) -> None:
    """The next call completes, or finds it done; what it leaves is what an undisturbed call leaves."""
    done = call(world.folder, *world.words)
    assert done.exit_code == 0 or (done.exit_code == 2 and side(world.folder) == world.new), done.said
    assert side(world.folder) == world.new
    assert pjais.verify(world.folder).passed
    timed(world.folder, *FOLLOW)
    assert [one for one in leftovers(world.folder, deep=True) if not one.endswith("manifest.json.part")] == []
    assert not [one for one in runs(world.folder) if one.state == "interrupted"]
    if world.words == UNDO:
        exports = [json.loads(path.read_text("utf-8")) for path in world.folder.glob("since-switch-*.pjais.json")]
        assert exports and all(len(one["memories"]) == 20 for one in exports)


def test_killed_increments_leave_the_store_before_or_after(tmp_path: Path, say: Say) -> None:
    """Four kills of an increment of 40 new, some changed and three removed memories."""
    say(shown("follow", kill_often(undisturbed(followed(tmp_path, 400), FOLLOW), 4, seed=1)))


def test_killed_switches_leave_one_side_live(tmp_path: Path, say: Say) -> None:
    """Two kills of a switch that has an increment to make."""
    say(shown("switch", kill_often(undisturbed(followed(tmp_path, 400), SWITCH), 2, seed=2)))


def test_killed_ways_back_lose_no_write(tmp_path: Path, say: Say) -> None:
    """Two kills of the way back, with twenty memories to be carried along."""
    say(shown("switch --undo", kill_often(undisturbed(switched(tmp_path, 400), UNDO), 2, seed=3)))


@pytest.mark.soak
@pytest.mark.parametrize(("words", "kills"), [(FOLLOW, 24), (SWITCH, 16), (UNDO, 10)], ids=["follow", "switch", "undo"])
def test_fifty_kills(tmp_path: Path, say: Say, words: tuple[str, ...], kills: int) -> None:
    """The same at 5,000 memories, fifty times."""
    folder = switched(tmp_path, 5_000) if words == UNDO else followed(tmp_path, 5_000)
    say(shown(" ".join(words), kill_often(undisturbed(folder, words), kills, seed=kills)))
