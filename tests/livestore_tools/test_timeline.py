"""A LiveStore store through time: its events, its state at any of them, what differs, one record's past, and back."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.cli import run
from pjais.targets.livestore import target
from pjais.targets.livestore.writer import event
from pjais.workspace import Workspace, resolve_workspace
from world import hashes, memory, persona, write_json

GOLDEN = Path(__file__).parents[1] / "golden" / "livestore"


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Any:
    """A command in this process: its exit code and what it printed, as JSON where it is."""

    def asked(*arguments: str | Path) -> tuple[int, Any]:
        capsys.readouterr()
        code = run([*map(str, arguments), "--json"])
        text = capsys.readouterr().out
        try:
            return code, json.loads(text)
        except ValueError:
            return code, [json.loads(line) for line in text.split("\n") if line]

    return asked


@pytest.fixture
def live(tmp_path: Path) -> Workspace:
    """A store of ours with one persona and two memories, in which an app then changed something."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_json(folder, personas=[persona("p1", name="Ada")], memories=[memory("m1"), memory("m2")])
    pjais.migrate(folder, to="livestore")
    here = resolve_workspace(folder, to="livestore")
    target.at(here.live).append(
        [
            event("v1.PersonaActivated", id="p1", activatedAt=2_000_000_000_000),
            event(
                "v1.MemoryEntityUpdated",
                id="m1",
                updates={"importance": 90, "tags": ["a"]},
                updatedAt=2_000_000_060_000,
            ),
            event("v1.MemoryEntityDeleted", id="m2", deletedAt=2_000_000_120_000),
            event("v1.MemoryEntityRemoved", id="m2"),
        ]
    )
    return here


def test_events_are_listed_in_order_and_filtered(live: Workspace, ask: Any) -> None:
    """Import events carry no time of their own; the app's do."""
    code, events = ask("events", live.live)
    assert code == 0
    assert [one["name"].removeprefix("v1.") for one in events] == [
        "MigrationStarted",
        "PersonaImported",
        "MemoryEntityImported",
        "MemoryEntityImported",
        "MigrationCompleted",
        "PersonaActivated",
        "MemoryEntityUpdated",
        "MemoryEntityDeleted",
        "MemoryEntityRemoved",
    ]
    assert [one["number"] for one in events] == list(range(1, 10))
    _, touching = ask("events", live.live, "--id", "m2")
    assert [one["number"] for one in touching] == [4, 8, 9]
    _, named = ask("events", live.live, "--name", "activated")
    assert named["args"] == {"id": "p1", "activatedAt": 2_000_000_000_000}
    _, last = ask("events", live.live, "--after", "8")
    assert last["number"] == 9
    _, since = ask("events", live.live, "--limit", "2")
    assert [one["number"] for one in since] == [8, 9]


def test_the_store_stands_as_it_did_after_an_event(live: Workspace, ask: Any) -> None:
    """Before the first event there is nothing; then record by record."""
    assert ask("at", live.live, "--event", "0")[1]["counts"] == {}
    assert ask("at", live.live, "--event", "3")[1]["counts"] == {"personas": 1, "memories": 1}
    _, then = ask("at", live.live, "--event", "6", "--id", "m1")
    assert then["records"][0]["importance"] == 50
    _, now = ask("at", live.live, "--event", "9", "--id", "m1")
    assert now["records"][0] | {"importance": 90, "tags": ["a"]} == now["records"][0]


def test_the_store_stands_as_it_did_at_a_time(live: Workspace, ask: Any) -> None:
    """What comes without a time belongs to what came before it."""
    _, then = ask("at", live.live, "--time", "2033-05-18T03:34:30Z")
    assert then["event"] is not None
    assert len(then["memories"]) == 2
    assert ask("at", live.live, "--time", "1999-01-01")[1]["counts"] == {}


def test_a_past_state_can_be_kept_and_imported(live: Workspace, ask: Any, tmp_path: Path) -> None:
    """`at -o` writes our own export."""
    code, told = ask("at", live.live, "--event", "5", "-o", tmp_path / "then.pjais.json")
    assert (code, told["records"]) == (0, 3)
    assert ask("--data-dir", tmp_path / "other", "import", tmp_path / "then.pjais.json")[0] == 0
    assert pjais.verify(tmp_path / "other").records == 3


def test_two_moments_are_compared_field_by_field(live: Workspace, ask: Any) -> None:
    """Both ways round."""
    _, told = ask("diff", live.live, "5", "now")
    fields = {(one["id"], one["field"]): (one["before"], one["after"]) for one in told["changes"]}
    assert fields["m1", "importance"] == (50, 90)
    assert fields["m1", "tags"] == ([], ["a"])
    assert fields["p1", "isActive"] == (False, True)
    assert fields["m2", None][1] is None
    _, back = ask("diff", live.live, "now", "5")
    assert {(one["id"], one["field"]): (one["after"], one["before"]) for one in back["changes"]} == fields
    assert ask("diff", live.live, "5", "5")[1]["count"] == 0


def test_the_history_of_a_record_names_each_event_that_changed_it(live: Workspace, ask: Any) -> None:
    """A removal is a part of it."""
    _, told = ask("history", live.live, "m2")
    assert [one["name"].removeprefix("v1.") for one in told["steps"]] == [
        "MemoryEntityImported",
        "MemoryEntityDeleted",
        "MemoryEntityRemoved",
    ]
    assert ask("history", live.live, "never-there")[0] == 2


def test_a_record_and_one_field_of_it_come_back(live: Workspace, ask: Any) -> None:
    """The log grows by one event each; nothing else changes, and verify explains it."""
    code, whole = ask("restore-record", live.live, "m2", "--event", "5")
    assert (code, whole["event"]) == (0, 10)
    _, field = ask("restore-record", live.live, "m1", "--event", "5", "--field", "importance")
    assert (field["fields"], field["event"]) == (["importance"], 11)
    _, now = ask("at", live.live, "--event", "11", "--id", "m1")
    assert (now["records"][0]["importance"], now["records"][0]["tags"]) == (50, ["a"])
    assert ask("restore-record", live.live, "m2", "--event", "5")[1]["event"] is None
    proof = pjais.verify(live.data_dir)
    assert (proof.passed, proof.records) == (True, 3)


def test_only_stores_of_ours_are_written_to(ask: Any, tmp_path: Path) -> None:
    """An app's own store may not know the event."""
    shutil.copytree(GOLDEN / "node-0.4.0-app", tmp_path / "app")
    before = hashes(tmp_path / "app")
    code, told = ask("restore-record", tmp_path / "app" / "pjais", "persona-hilma", "--event", "3")
    assert (code, told["code"]) == (2, "PJAIS_USAGE")
    assert hashes(tmp_path / "app") == before


@pytest.mark.parametrize("store", sorted(path.name for path in GOLDEN.iterdir()))
def test_every_golden_store_can_be_travelled(store: str, ask: Any) -> None:
    """Nothing is written; the last event's state holds what the log makes."""
    before = hashes(GOLDEN / store)
    code, events = ask("events", GOLDEN / store)
    assert code == 0
    last = [one for one in events if one["event"] is not None][-1]
    assert ask("at", GOLDEN / store, "--event", last["event"])[0] == 0
    assert ask("diff", GOLDEN / store, "0", "now")[1]["count"] > 0
    assert ask("livestore", "doctor", GOLDEN / store)[0] in (0, 1)
    assert hashes(GOLDEN / store) == before


@pytest.mark.parametrize(
    ("store", "failing"),
    [
        ("given-stale-state", {"state"}),
        ("node-0.4.0-partial", {"events", "state"}),
        ("node-both-formats", {"formats"}),
        ("node-0.4.0-app", set()),
        ("node-0.4.0-rebased", set()),
        ("opfs-0.2.0", set()),
        ("opfs-0.4.0-killed", set()),
    ],
)
def test_the_doctor_names_what_ails_a_store(store: str, failing: set[str], ask: Any) -> None:
    """Each finding comes with what it means and a remedy."""
    code, told = ask("livestore", "doctor", GOLDEN / store)
    bad = [check for check in told["checks"] if not check["ok"]]
    assert {check["check"] for check in bad} == failing
    assert all(check["meaning"] and check["remedy"] for check in bad)
    assert code == (1 if failing else 0)


@pytest.mark.parametrize(("store", "number"), [("node-0.3.1-app", 6), ("node-0.4.0-app", 4), ("opfs-0.2.0", 6)])
def test_a_store_is_brought_to_another_format(store: str, number: int, ask: Any, tmp_path: Path) -> None:
    """Every event is there, in the same order, and makes the same state; the old files stay."""
    shutil.copytree(GOLDEN / store, tmp_path / "old")
    before = hashes(tmp_path / "old")
    code, told = ask("livestore", "upgrade", tmp_path / "old", "--to", number, "-o", tmp_path / "new")
    assert (code, told["events"]) == (0, 61)
    assert hashes(tmp_path / "old") == before
    counts = [ask("at", folder, "--event", "61")[1]["counts"] for folder in (tmp_path / "new",)]
    assert counts == [{"personas": 5, "memories": 24, "conversations": 3}]
    assert ask("livestore", "doctor", tmp_path / "new")[0] == 0


def test_an_upgrade_in_place_sets_aside_the_empty_store_that_livestore_made(ask: Any, tmp_path: Path) -> None:
    """0.4.0 started on a store of 0.3.1 shows nothing; after the upgrade the events are there."""
    shutil.copytree(GOLDEN / "node-0.3.1-app" / "pjais", tmp_path / "store")
    code, told = ask("livestore", "upgrade", tmp_path / "store")
    assert (code, told["from"], told["to"], told["events"]) == (0, "4", 6, 61)
    assert (tmp_path / "store" / "eventlog@4.db").exists()
    assert ask("livestore", "upgrade", tmp_path / "store")[0] == 2, "now both formats hold the events"


def test_the_old_log_of_an_upgraded_store_is_history_until_it_holds_something_alone(ask: Any, tmp_path: Path) -> None:
    """The doctor and the app's verification pass after an upgrade, and not once an old app wrote to the old log."""
    store = tmp_path / "store"
    shutil.copytree(GOLDEN / "node-0.3.1-app" / "pjais", store)
    assert ask("livestore", "upgrade", store, "--to", "6")[0] == 0
    code, told = ask("livestore", "doctor", store)
    assert code == 0
    (formats,) = [check for check in told["checks"] if check["check"] == "formats"]
    assert (formats["ok"], formats["found"]) == (True, "every event in format 4 is in format 6 too")
    assert ask("verify-app", store)[0] == 0
    with closing(sqlite3.connect(store / "eventlog@4.db")) as db, db:
        db.execute("CREATE TEMP TABLE copy AS SELECT * FROM eventlog ORDER BY seqNumGlobal DESC LIMIT 1")
        db.execute("UPDATE copy SET seqNumGlobal = 62, parentSeqNumGlobal = 61")
        db.execute("INSERT INTO eventlog SELECT * FROM copy")
    code, told = ask("livestore", "doctor", store)
    assert code == 1
    (formats,) = [check for check in told["checks"] if check["check"] == "formats"]
    assert (formats["ok"], formats["found"]) == (False, "1 event in format 4 only")


def test_two_logs_with_events_are_not_mixed(ask: Any, tmp_path: Path) -> None:
    """A log has one order; a migration brings both into one store."""
    shutil.copytree(GOLDEN / "node-both-formats", tmp_path / "both")
    before = hashes(tmp_path / "both")
    code, told = ask("livestore", "upgrade", tmp_path / "both" / "pjais")
    assert (code, told["code"]) == (2, "PJAIS_USAGE")
    assert hashes(tmp_path / "both") == before


def test_the_apps_verification_leaves_no_trace(live: Workspace, ask: Any, tmp_path: Path) -> None:
    """Health, integrity, performance, features; an empty store is healthy."""
    before = hashes(live.live)
    code, told = ask("verify-app", live.live)
    assert (code, told["passed"]) == (0, True)
    assert {check["check"] for check in told["checks"]} == {
        "health",
        "integrity",
        "performance",
        "features",
        "no trace",
    }
    assert hashes(live.live) == before
    write_json(tmp_path, "data.json", personas=[], memories=[])
    pjais.migrate(tmp_path / "empty", sources=[tmp_path / "data.json"], to="livestore")
    assert ask("verify-app", tmp_path / "empty" / "livestore" / "pjais")[0] == 0


def test_the_schema_for_an_app_is_printed(ask: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To stdout or to a file; a file of somebody else's is not replaced."""
    assert run(["livestore", "schema"]) == 0
    printed = capsys.readouterr().out
    assert "export const schema" in printed
    assert ask("livestore", "schema", "-o", tmp_path / "schema.ts")[0] == 0
    assert (tmp_path / "schema.ts").read_text("utf-8") == printed
    (tmp_path / "own.ts").write_text("mine")
    assert ask("livestore", "schema", "-o", tmp_path / "own.ts")[0] == 2
