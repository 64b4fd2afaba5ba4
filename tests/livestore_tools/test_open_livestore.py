"""A LiveStore store opened from Python: read as it is and was, queried, written to while no app has it open."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import pjais
from pjais.errors import MigrationFailed, UsageError
from world import memory, persona, write_json

GOLDEN = Path(__file__).parents[1] / "golden" / "livestore"


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A store of ours with one persona and one memory."""
    write_json(tmp_path, personas=[persona("p1", name="Ada")], memories=[memory("m1")])
    pjais.migrate(tmp_path, to="livestore")
    return tmp_path / "livestore" / "pjais"


def test_records_and_queries_now_and_then(live: Path) -> None:
    """Event 2 is the persona's import."""
    with pjais.open_livestore(live) as store:
        assert [record.id for record in store.records()] == ["p1", "m1"]
        assert [record.id for record in store.records(event="2")] == ["p1"]
        assert store.query("SELECT count(*) FROM memoryEntities") == [(1,)]
        assert store.query("SELECT count(*) FROM memoryEntities", event="2") == [(0,)]


def test_events_are_appended_and_seen(live: Path) -> None:
    """All or none; verify explains them."""
    with pjais.open_livestore(live) as store:
        last = store.commit(
            ("v1.PersonaActivated", {"id": "p1", "activatedAt": 1}),
            ("v1.MemoryEntityCreated", {"id": "m2", "personaId": "p1", "content": "x"}),
        )
        assert last == 6
        assert store.query("SELECT isActive FROM personas") == [(1,)]
        with pytest.raises(UsageError):
            store.commit(("v1.MemoryEntityRemoved", {"id": "m1"}), ("v1.Nothing", {}))
        with pytest.raises(UsageError):
            store.commit(("v1.MemoryEntityDeleted", {"id": "m1"}))
        assert store.query("SELECT count(*) FROM memoryEntities") == [(2,)]
    proof = pjais.verify(live.parents[1])
    assert (proof.passed, proof.added_since, proof.edited_since) == (True, 1, 1)


def test_a_store_that_a_program_has_open_is_not_written_to(live: Path) -> None:
    """LiveStore takes no locks, so open files are looked at."""
    hold = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, live / "eventlog@6.db"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    before = (live / "eventlog@6.db").read_bytes()
    with pjais.open_livestore(live) as store, pytest.raises(MigrationFailed):
        store.commit(("v1.PersonaActivated", {"id": "p1"}))
    assert (live / "eventlog@6.db").read_bytes() == before
    holder.communicate()


def test_another_apps_store_is_only_read() -> None:
    """Its app may not know our events."""
    with pjais.open_livestore(GOLDEN / "node-0.4.0-app") as store:
        assert len(store.records()) == 32
        with pytest.raises(UsageError):
            store.commit(("v1.PersonaRemoved", {"id": "persona-otso"}))


def test_events_can_be_followed(live: Path) -> None:
    """`events --follow` prints what comes."""
    command = [sys.executable, "-u", "-m", "pjais", "events", str(live), "--follow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        stop = threading.Timer(60, follower.kill)
        stop.start()
        lines = [follower.stdout.readline() for _ in range(4)]
        assert "MigrationCompleted" in lines[-1]
        with pjais.open_livestore(live) as store:
            store.commit(("v1.PersonaDeactivated", {"id": "p1"}))
        assert "PersonaDeactivated" in follower.stdout.readline()
        stop.cancel()
        follower.terminate()


def test_the_account_beside_a_log_is_not_opened_as_a_store(live: Path) -> None:
    """What is written there alone would never reach the log."""
    for target in (live, live / "eventlog@6.db", live / "pjais-account.sqlite"):
        with pytest.raises(UsageError):
            pjais.open(live.parents[1], target=target)
