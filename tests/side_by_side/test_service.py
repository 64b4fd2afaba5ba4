"""The unified service: the guide's methods over an RxDB profile, LiveStore and SQLite; the flag; shadow reads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.errors import MigrationFailed, NoSourceFound, UsageError, ValidationFailed
from pjais.models.persona.records import Persona
from pjais.side_by_side import follow, shadow, switch
from pjais.side_by_side.service import Service
from pjais.side_by_side.sides import LiveStoreSide, SourceSide, SqliteSide
from pjais.workspace import Workspace, resolve_workspace
from world import memory, persona, rows, write_json

GOLDEN = Path(__file__).parents[1] / "golden"
PROFILE = GOLDEN / "rxdb" / "v17-clean" / "IndexedDB"


def write(here: Workspace, *memories: dict[str, object]) -> None:
    """The old app writes its file anew: two personas, the second one active."""
    personas = [
        persona("p1", name="Ada", lastUsed="2025-03-01T00:00:00.000Z"),
        persona("p2", name="Bo", lastUsed="2025-04-01T00:00:00.000Z", isActive=True),
        persona("p3", name="Cy"),
    ]
    write_json(here.data_dir, personas=personas, memories=list(memories))


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    """A data folder whose first increment has been made; the old side is live."""
    here = resolve_workspace(tmp_path)
    write(here, memory("m1", importance=10), memory("m2", importance=90), memory("m3", "p2"))
    follow.increment(here)
    return here


def wait(until: Callable[[], object]) -> None:
    """Until something holds; the limit is for what hangs, not for a busy machine."""
    ends = time.monotonic() + 120
    while not until():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.01)


class Heard(list[list[str]]):
    """What a subscription was told: the names of the personas, each time."""

    def __call__(self, found: list[Persona]) -> None:
        self.append([one.name for one in found])


@pytest.mark.parametrize("to", ["old", "sqlite", "livestore"])
def test_the_same_questions_have_the_same_answers_on_all_three(tmp_path: Path, to: str) -> None:
    """Old data, a LiveStore store and one in SQLite, by the guide's names and in the guide's order."""
    here = resolve_workspace(tmp_path, to="livestore" if to == "livestore" else None)
    gone = memory("m9", deletedAt="2025-05-01T00:00:00.000Z")
    write(here, memory("m1", importance=10), memory("m2", importance=90), memory("m3", "p2"), gone)
    follow.increment(here)
    with Service(data_dir=tmp_path) as service:
        side = service.old if to == "old" else service.new
        kinds = {"old": SourceSide, "sqlite": SqliteSide, "livestore": LiveStoreSide}
        assert isinstance(side, kinds[to])
        assert [one.name for one in side.get_personas()] == ["Bo", "Ada", "Cy"]
        active = side.get_active_persona()
        assert active is not None
        assert active.id == "p2"
        assert [one.id for one in side.get_persona_memories("p1")] == ["m2", "m1"]
        found = side.get_memory("m1")
        assert found is not None
        assert (found.importance, found.content) == (10, "content of m1")
        assert (side.get_memory("none"), side.get_persona("none")) == (None, None)
        assert side.get_persona("p1") == service.old.get_persona("p1")


def test_an_rxdb_profile_is_read_and_never_written_to(tmp_path: Path) -> None:
    """From a private copy: tombstones are gone, the newest are there; a write is refused."""
    profile = tmp_path / "app" / "IndexedDB"
    shutil.copytree(PROFILE, profile)
    before = {path: path.read_bytes() for path in profile.rglob("*") if path.is_file()}
    with Service(profile, data_dir=tmp_path / "data") as service:
        assert service.live == "old"
        people = service.get_personas()
        assert len(people) > 1
        used = [one.last_used for one in people if one.last_used is not None]
        assert used == sorted(used, reverse=True)
        memories = service.get_persona_memories(people[0].id)
        assert [one.importance for one in memories] == sorted((one.importance for one in memories), reverse=True)
        with pytest.raises(UsageError):
            service.create_persona(name="Nobody")
    assert {path: path.read_bytes() for path in profile.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "data").exists()


def test_an_apps_own_livestore_store_is_read_as_a_migration_reads_it(tmp_path: Path) -> None:
    """Its state has what its events do not tell."""
    shutil.copytree(GOLDEN / "livestore" / "node-0.4.0-app" / "pjais", tmp_path / "store")
    with Service(tmp_path / "store", data_dir=tmp_path / "data") as service:
        people = service.get_personas()
        with pytest.raises(UsageError):
            service.create_persona(name="Nobody")
    pjais.migrate(tmp_path / "data", [tmp_path / "store"], on_invalid="quarantine")
    with pjais.open(tmp_path / "data") as store:
        assert {one.id: one for one in people} == {one.id: one for one in store.personas.list()}


def test_old_data_that_changed_are_read_anew(here: Workspace) -> None:
    """A file that was written, one that came, one that is gone."""
    with Service(data_dir=here.data_dir) as service:
        assert service.get_memory("m4") is None
        write(here, memory("m4"))
        assert service.get_memory("m4") is not None
        assert service.get_memory("m1") is None
        (here.data_dir / "data.json").unlink()
        with pytest.raises(NoSourceFound):
            service.get_personas()
        write(here, memory("m1"))
        assert service.get_memory("m1") is not None


def test_old_data_are_read_only_once_while_they_stay(here: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred queries, one copy."""
    copies = 0
    read = SourceSide._read

    def counted(self: SourceSide, stack: ExitStack) -> None:
        nonlocal copies
        copies += 1
        read(self, stack)

    monkeypatch.setattr(SourceSide, "_read", counted)
    with Service(data_dir=here.data_dir) as service:
        for _ in range(100):
            service.get_personas()
    assert copies == 1


def test_the_flag_says_which_side_answers(here: Workspace) -> None:
    """Before the switch the old one, then the new one, after the undo the old one."""
    with Service(data_dir=here.data_dir) as service:

        def asked() -> str:
            return service.query(lambda _: "old", lambda _: "new")

        assert (service.live, asked()) == ("old", "old")
        switch.go(here)
        assert (service.live, asked()) == ("new", "new")
        made = service.create_persona(name="Made on the new side")
        assert made in service.get_personas()
        assert service.old.get_persona(made.id) is None
        switch.back(here)
        assert (service.live, asked()) == ("old", "old")
        assert made not in service.get_personas()


def test_the_new_side_is_the_one_that_was_switched_to(tmp_path: Path) -> None:
    """Also where it is a LiveStore store in a place of its own."""
    here = resolve_workspace(tmp_path, tmp_path / "elsewhere", to="livestore")
    write(here, memory("m1"))
    switch.go(here)
    with Service(data_dir=tmp_path) as service:
        assert isinstance(service.new, LiveStoreSide)
        assert service.new.path == tmp_path / "elsewhere"
        assert len(service.get_personas()) == 3


def test_a_persona_is_created_by_an_event_in_livestore(tmp_path: Path) -> None:
    """Checked first, refused while somebody has the store open, explained by verify."""
    here = resolve_workspace(tmp_path, to="livestore")
    write(here, memory("m1"))
    switch.go(here)
    log = here.live / "eventlog@6.db"
    assert log.exists()
    with Service(data_dir=tmp_path) as service:
        made = service.create_persona(name="Dee", description="d", personality={"traits": ["calm"]}, settings={})
        assert service.get_persona(made.id) == made
        assert (made.name, made.personality, made.usage_count) == ("Dee", {"traits": ["calm"]}, 0)
        assert made.created_at == made.updated_at is not None
        for wrong in ({"name": 5}, {"id": ""}):
            with pytest.raises(ValidationFailed):
                service.create_persona(**{"name": "x", **wrong})
        with pytest.raises(UsageError):
            service.create_persona(name="x", usage_count=3)
        with pytest.raises(UsageError):
            service.create_persona(id=made.id, name="again")
        hold = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
        app = subprocess.Popen([sys.executable, "-c", hold, log], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert app.stdout is not None
        app.stdout.readline()
        with pytest.raises(MigrationFailed):
            service.create_persona(name="Eve")
        app.communicate()
        assert len(service.get_personas()) == 4
    proof = pjais.verify(tmp_path)
    assert (proof.passed, proof.added_since) == (True, 1)


def test_subscriptions_hear_of_changes_on_all_three_and_follow_the_switch(here: Workspace) -> None:
    """Old data by their files, SQLite by its live queries; after the end nobody is called."""
    heard, wrong = Heard(), list[Exception]()
    with Service(data_dir=here.data_dir) as service:
        stop = service.subscribe_to_personas(heard, on_error=wrong.append)
        wait(lambda: heard == [["Bo", "Ada", "Cy"]])
        write_json(here.data_dir, personas=[persona("p1", name="Ada B.")], memories=[memory("m1")])
        wait(lambda: heard[-1] == ["Ada B."])
        switch.go(here)
        with pjais.open(here.data_dir) as store:
            store.personas.create(id="p9", name="New")
        wait(lambda: heard[-1] == ["Ada B.", "New"])
        stop()
        count = len(heard)
        with pjais.open(here.data_dir) as store:
            store.personas.create(name="Unheard")
        time.sleep(0.5)
        assert len(heard) == count
    assert wrong == []


def test_a_livestore_store_is_subscribed_to(tmp_path: Path) -> None:
    """Its log is looked at."""
    here = resolve_workspace(tmp_path, to="livestore")
    write(here)
    switch.go(here)
    heard = Heard()
    with Service(data_dir=tmp_path) as service:
        service.subscribe_to_personas(heard)
        wait(lambda: heard)
        with pjais.open_livestore(here.live) as store:
            store.commit(("v1.PersonaCreated", {"id": "p4", "name": "Dot", "createdAt": 1}))
        wait(lambda: heard[-1] == ["Bo", "Ada", "Cy", "Dot"])
    quiet = len(heard)
    with pjais.open_livestore(here.live) as store:
        store.commit(("v1.PersonaDeactivated", {"id": "p2"}))
    time.sleep(0.5)
    assert len(heard) == quiet, "the service was closed"


def test_a_callback_that_fails_and_a_side_that_goes_do_not_end_a_subscription(here: Workspace) -> None:
    """Both are told once, and the next result comes."""
    heard, wrong = Heard(), list[Exception]()

    def show(found: list[Persona]) -> None:
        heard(found)
        if len(heard) == 1:
            raise RuntimeError("the first one fails")

    with Service(data_dir=here.data_dir) as service:
        service.subscribe_to_personas(show, on_error=wrong.append)
        wait(lambda: len(wrong) == 1)
        (here.data_dir / "data.json").unlink()
        wait(lambda: any(isinstance(one, NoSourceFound) for one in wrong))
        write_json(here.data_dir, personas=[persona("p7", name="Back")], memories=[])
        wait(lambda: heard[-1] == ["Back"])


def lines(here: Workspace) -> list[dict[str, Any]]:
    """The discrepancy log."""
    path = here.data_dir / shadow.LOG
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_shadow_reads_log_what_differs_and_answer_with_the_live_side(here: Workspace) -> None:
    """Record and field, never the content; once; in the log of `pjais shadow`."""
    with Service(data_dir=here.data_dir, shadowed=True) as service:
        service.get_personas()
        service.get_active_persona()
        service.get_persona_memories("p1")
        assert lines(here) == [], "what agrees is not noted"
        with pjais.open(here.data_dir) as store:
            store.memories.update("m2", content="a secret", updated_at=store.memories.need("m2").updated_at)
            store.memories.create(id="m7", persona_id="p1", content="another secret")
        for _ in range(3):
            assert [one.content for one in service.get_persona_memories("p1")] == ["content of m2", "content of m1"]
        found = lines(here)
        assert found[0]["differences"] == 2
        named = [(one["type"], one["id"], one["field"], one["problem"]) for one in found[1:]]
        assert named == [
            ("memory_entities", "m2", "content", "differs"),
            ("memory_entities", "m7", None, "only in the target"),
        ]
        assert "secret" not in (here.data_dir / shadow.LOG).read_text()
        assert shadow.agreement(here).since is None
        cutover_live = service.query(lambda side: side.get_memory("m2"), lambda side: side.get_memory("m2"))
        assert cutover_live is not None
        assert cutover_live.content == "content of m2"


def test_another_active_persona_on_the_other_side_is_a_difference(here: Workspace) -> None:
    """Named by the field that says so."""
    with pjais.open(here.data_dir) as store:
        store.personas.activate("p1")
    with Service(data_dir=here.data_dir, shadowed=True) as service:
        active = service.get_active_persona()
        assert active is not None
        assert active.id == "p2"
    assert [(one["id"], one["field"]) for one in lines(here)[1:]] == [("p1", "is_active"), ("p2", "is_active")]


def test_a_shadow_that_cannot_be_read_does_not_take_the_answer_away(tmp_path: Path) -> None:
    """There is no new side yet; the log says so."""
    here = resolve_workspace(tmp_path)
    write(here, memory("m1"))
    with Service(data_dir=tmp_path, shadowed=True) as service:
        assert len(service.get_personas()) == 3
        assert "MIGRATION_001" in lines(here)[1]["problem"]


def test_many_threads_ask_while_the_old_app_writes(here: Workspace) -> None:
    """Each answer is of one moment."""
    wrong: list[BaseException] = []

    def ask(service: Service) -> None:
        try:
            for _ in range(40):
                assert len(service.get_personas()) == 3
        except BaseException as error:  # noqa: BLE001 - told to the test
            wrong.append(error)

    with Service(data_dir=here.data_dir) as service:
        threads = [threading.Thread(target=ask, args=(service,)) for _ in range(4)]
        for one in threads:
            one.start()
        for number in range(10):
            other = here.data_dir / "data.json.new"
            other.write_bytes((here.data_dir / "data.json").read_bytes() + b" " * number)
            other.rename(here.data_dir / "data.json")
            time.sleep(0.02)
        for one in threads:
            one.join()
    assert wrong == []


def test_a_closed_service_says_so(here: Workspace) -> None:
    """And closing it twice does nothing."""
    service = Service(data_dir=here.data_dir)
    service.close()
    service.close()
    with pytest.raises(UsageError):
        service.get_personas()
    with pytest.raises(UsageError):
        service.subscribe_to_personas(Heard())
    assert rows(here.store, "SELECT count(*) FROM personas") == [(3,)]
