"""The ladder: a fault at operation 1, 2, 3, ... of a command until none is left, and what is counted of it.

After every fault the sources are what they were, the store is the old or the complete one, the error is one of
ours, the same command goes through when it is called again, and it ends where an undisturbed one ends.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fault_world import WORLDS, Hung, Outcome, State, World, made
from injector import KINDS, Fault

from pjais.errors import all_errors

_CODES = {error.code for error in all_errors()}
_SAYS_OLD = (
    "no changes were made to the target",
    "nothing was switched",
    "Nothing was written",
    "Nothing was changed",
    "nothing was written",
    "nothing was changed",
)


@dataclass
class Figures:
    """What a ladder came to."""

    operations: int = 0
    """Operations at which at least one fault was injected."""
    faults: int = 0
    survived: int = 0
    wrong: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    tracebacks: list[str] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        """Take another ladder's figures in."""
        self.operations += other.operations
        self.faults += other.faults
        self.survived += other.survived
        self.wrong += other.wrong
        self.hangs += other.hangs
        self.tracebacks += other.tracebacks

    def as_dict(self) -> dict[str, int]:
        """Show data alone."""
        return {
            "operations": self.operations,
            "faults": self.faults,
            "survived": self.survived,
            "wrong": len(self.wrong),
            "hangs": len(self.hangs),
            "tracebacks": len(self.tracebacks),
        }


def rungs(world: World, step: int) -> Iterator[Fault]:
    """The faults of a ladder: all kinds at every operation, or one kind, in turn, at every so many operations.

    Of many writes to one file, one after the other, those between the first and the last meet one kind each, in turn.
    """
    around = ["", *world.met, ""]
    for number, line in enumerate(world.met, 1):
        kinds = KINDS[line.split(" ", 1)[0]]
        if step == 1 and not around[number - 1] == line == around[number + 1]:
            yield from (Fault(number, kind) for kind in kinds)
        elif step == 1:
            yield Fault(number, kinds[number % len(kinds)])
        elif number % step == step // 2:
            yield Fault(number, kinds[number // step % len(kinds)])


def nth(world: World, pattern: str, which: int = 1) -> int:
    """The number of an operation: the first that looks like this, or a later one."""
    found = [number for number, line in enumerate(world.met, 1) if re.search(pattern, line)]
    return found[which - 1]


def climb(world: World, step: int = 1) -> Figures:
    """Meet every fault of a ladder."""
    found = Figures()
    hit = set()
    for fault in rungs(world, step):
        hit.add(fault.number)
        found.faults += 1
        where = f"{world.name}: {fault.kind} at {fault.number}, {world.met[fault.number - 1]}"
        try:
            problems = survive(world, fault)
        except Hung:
            found.hangs.append(where)
            continue
        found.survived += not problems
        for problem in problems:
            (found.tracebacks if "Traceback" in problem else found.wrong).append(f"{where}: {problem}")
    found.operations = len(hit)
    return found


def survive(world: World, fault: Fault) -> list[str]:
    """Meet one fault and call again; what was wrong, empty if nothing was."""
    world.fresh()
    ended = world.call(*world.words, fault=fault)
    problems = _of_the_end(world, ended)
    hold = world.root.with_name(f"{world.root.name}-hold")
    shutil.rmtree(hold, ignore_errors=True)
    shutil.copytree(world.root, hold)
    seen = world.look()
    problems += _of_what_is_there(world, ended, seen)
    world.swap(hold)  # looking may have finished what was begun; the next call must do so by itself
    again = world.call(*world.words)
    if not again.done and not (seen == world.new and again.exit_code in (2, 11)):
        problems.append(f"called again: {again.said}")
    now = world.look()
    if now != world.new:
        problems.append(f"afterwards: {_difference(now, world)}")
    elif (more := world.facts()) != world.more:
        problems.append(f"afterwards: {more}, not {world.more}")
    if world.hashes() != world.sources:
        problems.append("a source was changed")
    in_scratch = " scratch/" in world.met[fault.number - 1]
    if left := world.leftovers(cut_off=ended.killed or in_scratch):
        problems.append(f"left: {left}")
    return problems


def _of_the_end(world: World, ended: Outcome) -> list[str]:
    if ended.killed:
        return []
    problems = []
    if "Traceback" in ended.said or "Exception ignored" in ended.said:
        problems.append(f"Traceback: {ended.said}")
    if not ended.done and ended.body.get("code") not in _CODES:
        problems.append(f"no error of ours: {ended.said}")
    if not ended.done and not all(ended.body.get(name) for name in ("what", "safe", "next")):
        problems.append(f"an error that leaves its reader alone: {ended.said}")
    return problems


def _of_what_is_there(world: World, ended: Outcome, seen: State) -> list[str]:
    problems = []
    if world.hashes() != world.sources:
        problems.append("a source was changed")
    allowed = (world.old, world.new, State(world.old.live, world.new.store))
    if seen not in allowed:
        problems.append(f"half: {_difference(seen, world)}")
    if ended.done and seen != world.new:
        problems.append(f"said to be done: {_difference(seen, world)}")
    told = f"{ended.body.get('what')} {ended.body.get('safe')}"
    if not ended.done and seen == world.new != world.old and any(line in told for line in _SAYS_OLD):
        problems.append(f"said to be as it was, and is not: {told}")
    return problems


def _difference(seen: State, world: World) -> str:
    which = [name for name, one in (("old", world.old), ("new", world.new)) if seen.store == one.store]
    return f"{seen.live} live, store {'/'.join(which) or 'neither'}; {seen.wrong}"


def measure(thorough: bool) -> dict[str, Any]:
    """Show data of all commands: every fault at every operation, or a sample of some hundred."""
    found = Figures()
    with tempfile.TemporaryDirectory(prefix="pjais-faults-") as folder:
        for name in WORLDS:
            world = made(name, Path(folder) / name.replace(" ", "-"))
            found.add(climb(world, 1 if thorough else max(1, len(world.met) // 10)))
    return found.as_dict()
