"""Any chain of commands against a model: nothing that was ever migrated or written is ever nowhere.

The model is the set of all memories that a store ever held.  After every command each of them must be in a source, a
store (or its history or quarantine), a backup, or a copy of a store that was kept.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

import pjais
from pjais import journal, sqlite
from pjais.core.document import Document
from pjais.errors import PjaisError
from pjais.migration import backups, quarantine, run, state
from pjais.side_by_side import cleanup, follow
from pjais.side_by_side import switch as side_switch
from pjais.sources import backup
from pjais.sources.registry import read
from pjais.workspace import Workspace, resolve_workspace
from world import memory, persona

_HOUR = 3_600_000
PLACES = st.sampled_from(["data.json", "database.json", "../outside/other.json"])


class Chain(RuleBasedStateMachine):
    """A data folder in the hands of somebody who tries every command, and changes the sources meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="pjais-chain-")
        self.root = Path(self.folder.name)
        self.data = self.root / "data"
        self.data.mkdir()
        (self.root / "outside").mkdir()
        self.sources: dict[str, dict[str, dict[str, Any]]] = {}
        self.known: set[str] = set()
        self.order: list[str] = []
        self.count = 0
        self.real, self.late = journal.now_ms, 0
        journal.now_ms = lambda: self.real() + self.late
        self.put("data.json", orphan=False)

    def teardown(self) -> None:
        """Whatever happened, what is there is proved."""
        try:
            here = self.here()
            if here.store.exists():
                assert pjais.verify(self.data, target=here.store).passed
        finally:
            journal.now_ms = self.real
            self.folder.cleanup()

    def here(self, *sources: Path) -> Workspace:
        return state.chosen(self.data, None, sources=sources)

    def call(self, command: Callable[..., Any], *given: Any, **more: Any) -> Any:
        """A command; that it refuses is an answer, too."""
        try:
            return command(*given, **more)
        except PjaisError as error:
            assert error.what
            assert error.next_command
            return None

    def new(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    # -- what the old apps do

    def write(self, name: str) -> None:
        path = self.data / name
        held = self.sources.get(name)
        if held is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(json.dumps({"personas": [persona()], "memories": list(held.values())}), "utf-8")

    @rule(name=PLACES, orphan=st.booleans())
    def put(self, name: str, orphan: bool) -> None:
        key = self.new("o" if orphan else "m")
        self.sources.setdefault(name, {})[key] = memory(key, "nobody" if orphan else "p1")
        self.write(name)

    @rule(name=PLACES, data=st.data())
    def change(self, name: str, data: st.DataObject) -> None:
        if held := self.sources.get(name):
            key = data.draw(st.sampled_from(sorted(held)))
            held[key] = memory(key, held[key]["personaId"], content=self.new("changed "))
            self.write(name)

    @rule(name=PLACES, data=st.data())
    def take(self, name: str, data: st.DataObject) -> None:
        held = self.sources.get(name, {})
        taken = sorted(set(held) & self.known)  # what nobody has seen yet is the app's alone
        if taken:
            key = data.draw(st.sampled_from(taken))
            del held[key]
            self.write(name)
            self.let_go({key})

    @rule(name=PLACES)
    def lose(self, name: str) -> None:
        if self.sources.get(name, {}).keys() <= self.known:
            gone = self.sources.pop(name, {}).keys()
            self.write(name)
            self.let_go(gone)

    def let_go(self, removed: Iterable[str]) -> None:
        """Forget what the app removed where it alone still had it.

        After a rollback the owner may prune the backups: what is still in its source is the app's alone again.
        """
        self.known -= set(removed) - everywhere(self.root)

    @rule(hours=st.integers(-30, 30))
    def clock(self, hours: int) -> None:
        self.late = hours * _HOUR

    # -- what the owner does

    @rule(quarantine=st.booleans())
    def migrate(self, quarantine: bool) -> None:
        self.call(pjais.migrate, self.data, on_invalid="quarantine" if quarantine else "stop")

    @rule()
    def bring(self) -> None:
        options = run.Options(on_invalid="quarantine")
        self.call(follow.increment, self.here(), options, allow_removals=True)

    @rule()
    def take_in(self) -> None:
        options = run.Options(on_invalid="quarantine", imported=True)
        self.call(run.migrate, self.here(self.root / "outside" / "other.json"), options)

    @rule()
    def tidy(self) -> None:
        judged = self.call(cleanup.judge, self.here())
        if judged is not None:
            self.call(cleanup.remove, self.here(), judged.items)
            self.sources = {name: held for name, held in self.sources.items() if (self.data / name).exists()}

    @rule(kept=st.booleans())
    def roll_back(self, kept: bool) -> None:
        later = self.root / f"{self.new('later')}.pjais.json" if kept else None
        self.call(pjais.rollback, self.data, keep_later=later, discard_later=not kept)
        for name in ("data.json", "database.json"):
            if (self.data / name).exists() and name not in self.sources:
                told = json.loads((self.data / name).read_text("utf-8"))
                self.sources[name] = {one["id"]: one for one in told["memories"]}

    @rule(count=st.integers(0, 2))
    def prune(self, count: int) -> None:
        self.call(backups.prune, self.here(), count)

    @rule()
    def back_up(self) -> None:
        self.call(backups.create, self.here())

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        kept = journal.run_folders(self.data)
        if kept:
            folder = data.draw(st.sampled_from(kept))
            self.call(backup.restore, folder, self.data / "restored" / folder.name)

    @rule(edits=st.booleans())
    def switch(self, edits: bool) -> None:
        self.call(side_switch.go, self.here(), run.Options(on_invalid="quarantine"), keep_edits=edits)

    @rule()
    def switch_back(self) -> None:
        self.call(side_switch.back, self.here())

    @rule(fix=st.booleans())
    def decide(self, fix: bool) -> None:
        waiting = self.call(quarantine.listed, self.here()) or []
        if waiting and waiting[0].native_id is not None:
            if fix:
                self.call(quarantine.replay, self.here(), [waiting[0].id], memory(waiting[0].native_id))
            else:
                self.call(quarantine.discard, self.here(), [waiting[0].id])

    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        store = self.call(pjais.open, self.data, on_invalid="quarantine")
        if store is None:
            return
        with store:
            held = [one.id for one in store.memories.list(limit=50)]
            what = data.draw(st.sampled_from(["add", "change", "delete"]))
            if what == "add" and store.personas.get("p1") is not None:
                self.call(store.memories.remember, "written by hand", persona="p1", id=self.new("w"))
            elif held and what == "change":
                self.call(store.memories.update, data.draw(st.sampled_from(held)), content=self.new("edited "))
            elif held and what == "delete":
                self.call(store.memories.delete, data.draw(st.sampled_from(held)))

    # -- what must hold after each of it

    @invariant()
    def nothing_is_nowhere(self) -> None:
        store = self.data / "pjais.sqlite"
        if store.exists():
            self.known |= in_store(store)
        missing = self.known - everywhere(self.root)
        assert not missing, missing

    @invariant()
    def the_order_of_runs_is_that_in_which_they_were_made(self) -> None:
        now = [one.name for one in journal.run_folders(self.data)]
        self.order = [name for name in self.order if name in now]
        assert now[: len(self.order)] == self.order
        self.order = now

    @invariant()
    def the_live_side_is_there(self) -> None:
        if side_switch.live(resolve_workspace(self.data)).side == "new":
            assert (self.data / "pjais.sqlite").exists()


def everywhere(root: Path) -> set[str]:
    """The memories that are in any file below a folder."""
    found: set[str] = set()
    for path in root.rglob("*.json"):
        with suppress(ValueError, AttributeError, TypeError):
            told = json.loads(path.read_text("utf-8"))
            found |= {str(one["id"]) for one in told.get("memories", ()) if isinstance(one, dict)}
    for path in root.rglob("*.sqlite"):
        found |= in_store(path)
    for folder in journal.run_folders(root / "data"):
        with suppress(PjaisError):
            for snapshot in backup.load(folder):
                found |= {str(one.native_id) for one in read(snapshot) if isinstance(one, Document)}
    return found


def in_store(path: Path) -> set[str]:
    """The memories that a store holds: its records, their history, its quarantine."""
    sql = (
        "SELECT id FROM memory_entities UNION SELECT record_id FROM changes WHERE table_name = 'memory_entities' "
        "UNION SELECT native_id FROM migration_quarantine WHERE collection = 'memories' AND native_id IS NOT NULL"
    )
    with closing(sqlite.open_reader(path)) as db:
        return {str(key) for (key,) in sqlite.each(db, sql)}


_USUAL: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}
_QUICK: dict[str, Any] = {
    **_USUAL,
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
    "derandomize": True,
    "database": None,
}
"""Shrinking takes minutes; `make soak` does it."""
TestChain = Chain.TestCase
TestChain.settings = settings(max_examples=4, stateful_step_count=15, **_QUICK)


@pytest.mark.soak
def test_two_hundred_commands_lose_nothing() -> None:
    """The long form: chains of 200 commands."""
    run_state_machine_as_test(Chain, settings=settings(max_examples=10, stateful_step_count=200, **_USUAL))
