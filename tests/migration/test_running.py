"""A run in progress is told from one that was interrupted: by the process that its journal names, if it is alive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import pjais
from pjais import files, journal
from pjais.cli import run
from pjais.migration import state, steps
from pjais.web import session
from world import memory, persona, write_json

_BEGIN = """
import sys
from pathlib import Path
from pjais import files, journal
folder = files.private_folder(Path(sys.argv[1]) / "backups" / journal.new_run_id())
with files.only_run(Path(sys.argv[1])):
    journal.begin(folder, "begun", target="pjais.sqlite", version="0.2.0", data_dir=sys.argv[1])
    print("at work", flush=True)
    sys.stdin.read()
"""


@contextmanager
def at_work(folder: Path) -> Iterator[int]:
    """Another process in the middle of a run."""
    call = [sys.executable, "-c", _BEGIN, str(folder)]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def status(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """What `pjais status --json` says."""
    capsys.readouterr()
    assert run(["status", "--json", "--data-dir", str(folder)]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_a_run_in_progress_is_told_with_its_process_and_since_when(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is advised to begin another one; once its process is gone, it was interrupted."""
    write_json(tmp_path, personas=[persona()], memories=[memory()])
    with at_work(tmp_path) as pid:
        told = status(tmp_path, capsys)
        (begun,) = state.runs(tmp_path)
        assert begun.as_dict()["state"] == "running"
        assert begun.pid == pid
        assert str(told["message"]).startswith(f"a migration is running (process {pid}, since 20")
        assert str(told["next"]).startswith("pjais status")
        assert run(["status", "--data-dir", str(tmp_path)]) == 0
        assert f"running ({pid}, since 20" in capsys.readouterr().out
    told = status(tmp_path, capsys)
    assert [one.as_dict()["state"] for one in state.runs(tmp_path)] == ["interrupted"]
    assert str(told["next"]).startswith("pjais migrate")
    assert pjais.migrate(tmp_path).code == "done"
    assert pjais.verify(tmp_path).passed


def test_another_process_with_the_same_number_is_not_the_run(tmp_path: Path) -> None:
    """After a restart of the machine numbers come again."""
    folder = files.private_folder(tmp_path / "backups" / "20260101T000000000Z-0000")
    journal.record(folder, "begun", target="pjais.sqlite", pid=os.getpid(), process="another boot 1")
    assert state.run_state(folder).pid is None
    assert state.run_state(folder).state == "interrupted"


def test_a_run_that_a_living_process_gave_up_is_not_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a program that goes on."""
    write_json(tmp_path, personas=[persona()], memories=[memory()])

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "assemble", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pjais.migrate(tmp_path)
    (begun,) = state.runs(tmp_path)
    assert (begun.state, begun.pid) == ("interrupted", None)


def test_a_phase_on_the_page_is_closed_when_the_next_one_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that told nothing between its beginning and its end, and the last one when the work ends."""
    now = [100.0]
    monkeypatch.setattr(session.time, "monotonic", lambda: now[0])  # type: ignore[attr-defined]
    job = session.Job(1, "migrate", 0)
    for phase, seconds in (("back up", 3.0), ("read and write", 5.0), ("verify", 2.0)):
        job.enter(phase)
        now[0] += seconds
    job.close()
    assert [(one["name"], one["seconds"]) for one in job.phases] == [
        ("back up", 3.0),
        ("read and write", 5.0),
        ("verify", 2.0),
    ]
