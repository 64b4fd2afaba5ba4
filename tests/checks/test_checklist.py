"""The guide's checklists: checked by the program where it can be, the rest asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pjais
from pjais.checks import checklist
from pjais.cli import run
from pjais.migration import backups
from pjais.side_by_side import cleanup, follow, shadow, switch
from pjais.workspace import Workspace, resolve_workspace
from world import memory, persona, rows, write_json

HOLD = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def states(here: Workspace, *phases: str) -> dict[str, str]:
    """The state of each line, by what must hold."""
    return {line.text: line.state for line in checklist.check(here, phases or checklist.PHASES)}


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    """A data folder with old data and nothing else."""
    write_json(tmp_path, personas=[persona("p1", name="Ada")], memories=[memory("m1"), memory("m2")])
    return resolve_workspace(tmp_path)


def test_a_migration_by_its_checklists(here: Workspace) -> None:
    """Before: a backup is missing; then each list in its turn; at the end nothing is left to do but what is asked."""
    before = states(here, "pre")
    assert before["The old data is backed up"] == "failed"
    assert before["A dry run passes"] == "ok", "a dry run"
    backups.create(here)
    before = states(here, "pre")
    assert set(before.values()) == {"ok", "ask"}
    assert states(here, "during")["The target has records"] == "failed"
    follow.increment(here)
    during = states(here, "during")
    assert during.pop("Source and target are in sync") == "skip"
    assert set(during.values()) == {"ok"}
    shadow.compare(here)
    assert states(here, "during")["Source and target are in sync"] == "ok"
    switch.go(here)
    post = states(here, "post")
    assert post == {
        **dict.fromkeys(post, "ok"),
        "The app works as before": "ask",
        "Old data is removed (optional)": "skip",
    }
    cleanup.remove(here, cleanup.judge(here).items)
    assert states(here, "post")["Old data is removed (optional)"] == "ok"
    back = states(here, "rollback")
    assert (back["The old data can be restored"], back["The source is active"]) == ("ok", "skip")


def test_what_is_wrong_is_seen(here: Workspace) -> None:
    """A changed backup, a difference, a lost record, an old app that runs or wrote, a document in quarantine."""
    follow.increment(here)
    write_json(here.data_dir, personas=[persona("p1", name="Ada")], memories=[memory("m1"), memory("m2"), memory("m3")])
    assert states(here, "pre")["The old data is backed up"] == "failed"
    assert states(here, "during")["All source data is migrated"] == "failed"
    shadow.compare(here)
    assert states(here, "during")["Source and target are in sync"] == "failed"
    follow.increment(here)
    with pjais.open(here.data_dir) as store:
        store.memories.update("m1", importance=1, updated_at=store.memories.need("m1").updated_at)
    shadow.compare(here)
    assert states(here, "during")["Source and target are in sync"] == "ok", (
        "what was tried in the new store is no difference"
    )
    app = subprocess.Popen(
        [sys.executable, "-c", HOLD, here.data_dir / "data.json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert app.stdout is not None
    app.stdout.readline()
    post = states(here, "post")
    app.communicate()
    assert (post["The old app is closed"], post["The target is active"]) == ("failed", "failed")
    for kept in here.backups.rglob("data.json"):
        kept.write_text("{}")
    assert states(here, "pre")["Every backup is valid"] == "failed"
    during = states(here, "during")
    assert during["The verification passes"] == "failed"


def test_a_quarantine_is_not_a_whole_export(here: Workspace) -> None:
    """One document waits."""
    write_json(here.data_dir, personas=[persona("p1")], memories=[memory("m1", importance="very")])
    assert states(here, "pre")["A dry run passes"] == "failed"
    pjais.migrate(here.data_dir, on_invalid="quarantine")
    assert states(here, "during")["No document is missing or in quarantine"] == "failed"


def test_nothing_is_changed_by_looking(here: Workspace) -> None:
    """Neither the store's rows nor the log of discrepancies."""
    follow.increment(here)
    before = (rows(here.store, "SELECT * FROM personas"), sorted(path.name for path in here.data_dir.iterdir()))
    checklist.check(here)
    after = (rows(here.store, "SELECT * FROM personas"), sorted(path.name for path in here.data_dir.iterdir()))
    assert after[0] == before[0]
    assert {name for name in after[1] if not name.startswith("pjais.sqlite-")} == {
        name for name in before[1] if not name.startswith("pjais.sqlite-")
    }


def test_a_livestore_target_has_the_same_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the command line; live queries are tried on a copy of its log."""
    write_json(tmp_path, personas=[persona("p1", name="Ada")], memories=[memory("m1", name="one")])
    here = resolve_workspace(tmp_path, to="livestore")
    switch.go(here)
    log = here.live / "eventlog@6.db"
    before = log.read_bytes()
    capsys.readouterr()
    code = run(["checklist", "--data-dir", str(tmp_path), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert [line for line in told["lines"] if line["state"] == "failed"] == []
    assert (code, told["passed"]) == (0, True)
    assert {line["phase"] for line in told["lines"]} == set(checklist.PHASES)
    reacted = next(line for line in told["lines"] if "Live queries" in line["text"])
    assert reacted["state"] == "ok"
    assert log.read_bytes() == before


def test_the_command_prints_a_table_and_says_what_is_next(here: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 while something that can be checked fails; what is asked is asked only on a terminal."""
    assert run(["checklist", "pre", "--data-dir", str(here.data_dir)]) == 1
    shown = capsys.readouterr().out
    assert "Next: pjais backup create" in shown
    assert "ask" in shown
    assert run(["checklist", "later", "--data-dir", str(here.data_dir)]) == 2


def test_an_answer_is_kept_and_decides_nothing() -> None:
    """What a person says cannot be checked."""
    line = checklist.Line("pre", "Notify users", "ask", "have they been notified?")
    assert [checklist.answered(line, yes).state for yes in (True, False)] == ["yes", "no"]
    assert checklist.passed([checklist.answered(line, False)])


def test_every_line_of_the_guide_is_covered() -> None:
    """Guide B has five lines before, six during, six after, and five for the way back; three of ours come on top."""
    phases = [phase for phase, _, _, _ in checklist._LINES]
    assert {phase: phases.count(phase) for phase in checklist.PHASES} == {
        "pre": 5,
        "during": 6 + 1,
        "post": 6 + 2,
        "rollback": 5,
    }
