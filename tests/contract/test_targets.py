"""What every target promises: one suite, and for each kind how to make one, to look into it, and to harm it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tracemalloc
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import errors, files
from pjais.core.results import Report
from pjais.migration import quarantine, rollback, run, status, verify
from pjais.targets.contract import Target
from pjais.targets.documents import Documents
from pjais.targets.folder.target import FolderTarget
from pjais.targets.livestore import target as livestore
from pjais.targets.memory.target import MemoryTarget
from pjais.targets.sqlite.target import SqliteTarget
from pjais.workspace import Workspace
from world import hashes, memory, persona, write_json

EXAMPLE = Path(__file__).parents[2] / "docs" / "example_extension"
sys.path.insert(0, str(EXAMPLE))
Markdown: type[FolderTarget] = import_module("pjais_diary").Markdown
LATER = "2025-06-01T00:00:00.000Z"
Contents = dict[str, Any]


class Kind(ABC):
    """One kind of target under test."""

    @abstractmethod
    def make(self, folder: Path) -> Target:
        """Return a target in a data folder."""

    @abstractmethod
    def read(self, target: Target) -> Contents:
        """Return the content of every memory by its id, as an app of this target reads it."""

    @abstractmethod
    def alter(self, target: Target, before: str, after: str) -> None:
        """Change a text in the target behind our back."""

    def move(self, target: Target) -> None:
        """Write to the target as its app or another program would."""
        self.alter(target, "second", "moved!")

    @abstractmethod
    def occupy(self, target: Target) -> Path | None:
        """Put something of another program where the target goes; None if nothing can be there."""


class Sqlite(Kind):
    def make(self, folder: Path) -> Target:
        return SqliteTarget(folder / "pjais.sqlite")

    def read(self, target: Target) -> Contents:
        with closing(sqlite3.connect(target.store)) as db:
            return dict(db.execute("SELECT id, content FROM memory_entities"))

    def alter(self, target: Target, before: str, after: str) -> None:
        with closing(sqlite3.connect(target.store)) as db, db:
            triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                db.execute(f"DROP TRIGGER {name}")
            db.execute("UPDATE memory_entities SET content = replace(content, ?, ?)", (before, after))
            for _, sql in triggers:
                db.execute(sql)

    def move(self, target: Target) -> None:
        program = (
            "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], 0.1, isolation_level=None); db.execute(sys.argv[2])"
        )
        sql = "UPDATE memory_entities SET content = 'moved!' WHERE id = 'm2'"
        subprocess.run([sys.executable, "-c", program, target.store, sql], check=True, capture_output=True)

    def occupy(self, target: Target) -> Path | None:
        target.store.write_text("another program's")
        return target.store


class LiveStore(Kind):
    def make(self, folder: Path) -> Target:
        return livestore.at(folder / "livestore" / "pjais")

    def read(self, target: Target) -> Contents:
        with pjais.open_livestore(target.location) as store:
            return dict(store.query("SELECT id, content ->> '$' FROM memoryEntities"))

    def alter(self, target: Target, before: str, after: str) -> None:
        with closing(sqlite3.connect(target.location / "eventlog@6.db")) as db, db:
            db.execute("UPDATE eventlog SET argsJson = replace(argsJson, ?, ?)", (before, after))

    def move(self, target: Target) -> None:
        with pjais.open_livestore(target.location) as store:
            store.commit(("v1.PersonaActivated", {"id": "p1", "activatedAt": 2_000_000_000_000}))

    def occupy(self, target: Target) -> Path | None:
        target.location.mkdir(parents=True)
        (target.location / "eventlog@6.db").write_text("another program's")
        return target.location


class Memory(Kind):
    def make(self, folder: Path) -> Target:  # noqa: ARG002 - it is nowhere
        return MemoryTarget()

    def read(self, target: Target) -> Contents:
        assert isinstance(target, MemoryTarget)
        return {document["id"]: document["content"] for name, document in target.documents if name == "memories"}

    def alter(self, target: Target, before: str, after: str) -> None:
        assert isinstance(target, MemoryTarget)
        text = json.dumps(target.documents).replace(before, after)
        target.documents = [(name, document) for name, document in json.loads(text)]

    def occupy(self, target: Target) -> Path | None:  # noqa: ARG002 - nothing can be there
        return None


class PlugIn(Kind):
    """The example of the docs."""

    def make(self, folder: Path) -> Target:
        return Markdown(folder / "markdown")

    def read(self, target: Target) -> Contents:
        assert isinstance(target, FolderTarget)
        found = target.read_documents(target.folder) if target.folder.exists() else ()
        return {document["id"]: document["content"] for name, document in found if name == "memories"}

    def alter(self, target: Target, before: str, after: str) -> None:
        for file in target.location.glob("*.md"):
            file.write_text(file.read_text().replace(before, after))

    def occupy(self, target: Target) -> Path | None:
        target.location.mkdir()
        (target.location / "mine.md").write_text("another program's")
        return target.location


class World:
    """A data folder with a JSON source, and a target."""

    def __init__(self, folder: Path, kind: Kind) -> None:
        self.kind, self.folder = kind, folder
        self.target = kind.make(folder)
        self.here = Workspace(folder, self.target)
        self.source(memory("m1", content="first"), memory("m2", content="second"))

    def source(self, *memories: dict[str, Any]) -> None:
        write_json(self.folder, personas=[persona()], memories=list(memories))

    def migrate(self, **options: Any) -> Report:
        """Migrate, verify, and look whether the source is as it was."""
        before = hashes(self.folder)["data.json"]
        report = run.migrate(self.here, run.Options(**options))
        assert verify.verify(self.here).passed
        assert hashes(self.folder)["data.json"] == before
        return report

    @property
    def contents(self) -> Contents:
        return self.kind.read(self.target) if self.target.store.exists() else {}


@pytest.fixture(params=[Sqlite, LiveStore, Memory, PlugIn], ids=lambda kind: kind.__name__)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    folder = tmp_path / "data"
    folder.mkdir()
    return World(folder, request.param())


def test_a_plan_writes_nothing_and_status_names_the_target(world: World) -> None:
    before = sorted(world.folder.rglob("*"))
    made = run.plan(world.here)
    assert (made.total.migrated, made.nothing_to_do, made.target) == (3, False, str(world.target.location))
    assert sorted(world.folder.rglob("*")) == before
    world.migrate()
    told = status.status(world.here)
    assert (told["live"], told["store"]["path"]) == (world.target.kind, str(world.target.location))
    assert (told["store"]["records"]["memory_entities"], told["new_data"]) == (2, False)
    assert run.plan(world.here).nothing_to_do


def test_what_was_migrated_is_in_the_target_and_a_second_run_does_nothing(world: World) -> None:
    assert world.migrate().code == "done"
    assert world.contents == {"m1": "first", "m2": "second"}
    assert world.migrate().code == "already_migrated"
    assert world.contents == {"m1": "first", "m2": "second"}
    assert not list(world.folder.rglob("*.new*"))


def test_new_and_changed_data_follow(world: World) -> None:
    world.migrate()
    world.source(memory("m1", content="edited", updatedAt=LATER), memory("m2", content="second"), memory("m3"))
    assert world.migrate().total.unchanged == 2
    assert world.contents == {"m1": "edited", "m2": "second", "m3": "content of m3"}


def test_each_run_is_rolled_back_in_turn(world: World) -> None:
    states, runs = [world.contents], []
    for number in (1, 2, 3):
        world.source(*(memory(f"m{one}", content=f"of run {number}", updatedAt=LATER) for one in range(number)))
        runs.append(world.migrate().run_id)
        states.append(world.contents)
    assert [len(one) for one in states] == [0, 1, 2, 3]
    for run_id in reversed(runs):
        assert world.contents == states.pop()
        assert rollback.rollback(world.here).run_id == run_id
        assert world.contents == states[-1]
        if states[-1]:
            assert verify.verify(world.here).passed
    assert not world.target.store.exists()
    assert world.migrate().code == "done"


def test_a_rejected_document_is_edited_and_replayed_into_the_target(world: World) -> None:
    world.source(memory("m1", content="first"), memory("m2", persona_id="nobody"))
    assert world.migrate(on_invalid="quarantine").code == "quarantined"
    assert world.contents == {"m1": "first"}
    (entry,) = quarantine.listed(world.here)
    assert quarantine.replay(world.here, [entry.id], memory("m2", content="edited"))[0].record_id == "m2"
    assert world.contents == {"m1": "first", "m2": "edited"}
    assert verify.verify(world.here).passed
    assert world.migrate(on_invalid="quarantine").code == "already_migrated"


def test_an_altered_record_is_found_by_its_id(world: World) -> None:
    world.migrate()
    world.kind.alter(world.target, "second", "forged")
    with pytest.raises(errors.VerificationFailed) as failed:
        verify.verify(world.here)
    assert any("m2" in line for line in failed.value.where)
    assert not any("m1" in line for line in failed.value.where)


def test_a_target_that_moved_meanwhile_is_not_overwritten(world: World) -> None:
    world.migrate()
    world.source(memory("m1", content="first"), memory("m2", content="second"), memory("m3"))

    def meanwhile(phase: str, *_: object) -> None:
        if phase == "cut over":
            world.kind.move(world.target)

    try:
        with pytest.raises((errors.MigrationFailed, subprocess.CalledProcessError)):  # or the other one is locked out
            run.migrate(world.here, run.Options(), meanwhile)
    finally:
        assert "m3" not in world.contents
        assert world.contents["m1"] == "first"


@pytest.mark.parametrize("again", [False, True], ids=["first run", "later run"])
def test_a_failure_before_the_cutover_leaves_the_old_state(world: World, again: bool) -> None:
    if again:
        world.migrate()
        world.source(memory("m1", content="first"), memory("m3"))
    before = world.contents

    def fails(phase: str, *_: object) -> None:
        if phase == "cut over":
            raise RuntimeError("pulled the plug")

    with pytest.raises(RuntimeError):
        run.migrate(world.here, run.Options(), fails)
    assert world.contents == before
    assert world.migrate().code == "done"
    assert "m3" in world.contents if again else "m2" in world.contents


def _killed_at(step: int, call: Callable[[], object]) -> bool:
    """Make a call in a process that is killed at its n-th rename; return whether it came so far."""
    child = os.fork()
    if child == 0:
        left = step

        def replace(source: Path, destination: Path) -> None:
            nonlocal left
            if left == 0:
                os._exit(9)
            left -= 1
            source.replace(destination)

        files.replace = replace
        try:
            call()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("act", ["first run", "later run", "rollback"])
def test_a_kill_at_any_rename_leaves_the_old_or_the_new_state(tmp_path: Path, world: World, act: str) -> None:
    if world.target.kind == "memory":
        pytest.skip("it dies with its process")
    for step in range(40):
        folder = tmp_path / f"data{step}"
        folder.mkdir()
        one = World(folder, world.kind)
        if act != "first run":
            one.migrate()
            one.source(memory("m1", content="first"), memory("m2", content="second"), memory("m3"))
        if act == "rollback":
            one.migrate()
        two, three = {"m1": "first", "m2": "second"}, {"m1": "first", "m2": "second", "m3": "content of m3"}
        allowed = [{}, two] if act == "first run" else [two, three]
        again = rollback.rollback if act == "rollback" else run.migrate
        killed = _killed_at(step, partial(again, one.here))
        if not killed:
            assert step > 0
            return
        if one.target.store.exists() or act == "first run":  # between two renames, the next call finishes
            assert one.contents in allowed
        try:
            again(one.here)
        except errors.NoSourceFound:
            assert act == "rollback"
        assert one.contents in ([two] if act == "first run" else [two, {}] if act == "rollback" else [three])
        if one.contents:
            assert verify.verify(one.here).passed
    raise AssertionError("too many renames")


def test_what_another_program_put_there_is_refused_and_untouched(world: World) -> None:
    there = world.kind.occupy(world.target)
    if there is None:
        pytest.skip("nothing can be in its place")
    before = hashes(world.folder)
    with pytest.raises(errors.ForeignTarget):
        run.plan(world.here)
    with pytest.raises(errors.ForeignTarget):
        run.migrate(world.here)
    assert {name: one for name, one in hashes(world.folder).items() if name in before} == before


class Lines(FolderTarget):
    """One file with a document on each line: the memory of a run is then the engine's own."""

    kind = "lines"

    def write_documents(self, documents: Documents, folder: Path) -> None:
        with (folder / "all.ndjson").open("w") as file:
            for name, document in documents:
                file.write(json.dumps([name, document]) + "\n")

    def read_documents(self, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        with (folder / "all.ndjson").open() as file:
            for line in file:
                name, document = json.loads(line)
                yield name, document


def test_what_a_target_wrote_is_no_source(tmp_path: Path) -> None:
    """Not the files in place, nor those of before."""

    class Copies(Lines):
        kind = "copies"

        def write_documents(self, documents: Documents, folder: Path) -> None:
            found = list(documents)
            memories = [document for name, document in found if name == "memories"]
            write_json(folder, personas=[persona()], memories=memories)
            super().write_documents(found, folder)

    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])
    here = Workspace(tmp_path, Copies(tmp_path / "copies"))
    run.migrate(here)
    write_json(tmp_path, personas=[persona()], memories=[memory("m1"), memory("m2")])
    assert run.migrate(here).total.read == 3
    assert len(list(tmp_path.rglob("data.json"))) > 2
    assert [ref.path for ref in here.find().sources] == [tmp_path / "data.json"]
    other = Workspace(tmp_path, SqliteTarget(tmp_path / "pjais.sqlite"))
    assert [ref.path for ref in other.find().sources] == [tmp_path / "data.json"]


def test_the_memory_of_a_folder_target_does_not_grow_with_the_data(tmp_path: Path) -> None:
    peaks = []
    for count in (500, 5000):
        folder = tmp_path / str(count)
        folder.mkdir()
        here = Workspace(folder, Lines(folder / "lines"))
        write_json(folder, personas=[persona()], memories=[memory(f"m{number:05}") for number in range(count)])
        run.migrate(here)
        tracemalloc.start()
        assert not here.target.compare(here.model).differences
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000


def test_a_target_that_reads_back_something_else_is_not_put_in_place(tmp_path: Path) -> None:
    class Forgetful(Lines):
        kind = "forgetful"

        def read_documents(self, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
            yield from (one for one in super().read_documents(folder) if one[1]["id"] != "m1")

    class Broken(Lines):
        kind = "broken"

        def read_documents(self, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ARG002
            raise KeyError("my own mistake")

    class Backwards(Lines):
        kind = "backwards"

        def read_documents(self, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
            yield from reversed(list(super().read_documents(folder)))

    write_json(tmp_path, personas=[persona()], memories=[memory("m1"), memory("m2")])
    for kind, told in ((Forgetful, "memories m1: in the store"), (Broken, "my own mistake"), (Backwards, "order")):
        target = kind(tmp_path / kind.kind)
        with pytest.raises(errors.VerificationFailed) as failed:
            run.migrate(Workspace(tmp_path, target))
        assert told in " ".join(failed.value.where)
        assert not target.folder.exists()
    assert not [path.name for path in tmp_path.iterdir() if "new" in path.name]
