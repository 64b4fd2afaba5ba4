"""What a page serves, without a browser: plans that are of now, next commands that work, one follower."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.errors import RunActive, SourceInUse
from pjais.migration import backups, run
from pjais.side_by_side import follow
from pjais.web import session
from pjais.web.moving import actions as moving_actions
from pjais.web.moving import migration as migration_views
from pjais.web.session import Job, Session
from world import memory, persona, write_json


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with something to migrate; its name must be quoted."""
    folder = tmp_path / "my data"
    folder.mkdir()
    write_json(folder, personas=[persona()], memories=[memory("m1")])
    return folder


@pytest.fixture
def page(data: Path) -> Iterator[Session]:
    made = Session(data)
    yield made
    made.close()


def _until(true: Callable[[], Any]) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def _ended(page: Session) -> Job:
    _until(lambda: page.job is not None and page.job.state != "running")
    assert page.job is not None
    return page.job


def test_a_backup_is_looked_at_as_on_the_command_line(page: Session, data: Path) -> None:
    """Its report and its journal, too: the page must not call sound what the command does not."""
    pjais.migrate(data)
    (kept,) = backups.listed(page.workspace())
    moving_actions.check_backup(page, {"id": kept.id})
    assert _ended(page).result == {"sound": kept.id}
    (data / "backups" / kept.id / "report.json").write_text("{}")
    moving_actions.check_backup(page, {"id": kept.id})
    job = _ended(page)
    assert job.error is not None and "report.json: its content was changed" in job.error["where"]


def test_a_source_that_is_written_in_place_is_planned_anew(page: Session, data: Path) -> None:
    """The same file, the same size: only the time tells."""
    source = data / "data.json"

    def plan() -> Any:
        _until(lambda: migration_views.migration(page).plan)
        return migration_views.migration(page).plan

    assert plan().total.quarantined == 0
    at = source.stat().st_mtime_ns
    with source.open("r+b") as file:
        file.write(source.read_bytes().replace(b'"personaId": "p1"', b'"personaId": "p9"'))
    os.utime(source, ns=(at + 10**9, at + 10**9))
    migration_views.migration(page)
    assert plan().total.quarantined == 1


def test_a_plan_that_failed_is_tried_again_after_a_while(page: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = run.plan, list[None]()

    def plan(*given: Any) -> Any:
        tries.append(None)
        if len(tries) == 1:
            raise SourceInUse("it kept changing")
        return real(*given)

    monkeypatch.setattr(run, "plan", plan)
    _until(lambda: migration_views.migration(page).plan_error)
    migration_views.migration(page)
    assert len(tries) == 1
    monkeypatch.setattr(session, "_RETRY_SECONDS", 0.0)
    _until(lambda: migration_views.migration(page).plan)
    assert len(tries) == 2


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        ("pjais status", "pjais status --data-dir {}"),
        ("pip install --upgrade pjais", "pip install --upgrade pjais"),
        ("pjais status --data-dir X", "pjais status --data-dir X"),
    ],
)
def test_a_next_command_is_the_one_to_type(page: Session, data: Path, command: str, typed: str) -> None:
    assert page.typed(command) == typed.format(f"'{data}'")
    assert page.explained(RunActive("busy", next_command=command)).next_command == typed.format(f"'{data}'")


def test_following_that_is_ended_and_begun_again_is_one_following(
    page: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_FOLLOW_SECONDS", 0.01)
    within, most = list[int](), list[int]()

    def increment(*_: Any) -> follow.Increment:
        within.append(threading.get_ident())
        most.append(len(set(within)))
        time.sleep(0.01)
        within.remove(threading.get_ident())
        return follow.Increment(None)

    monkeypatch.setattr(follow, "increment", increment)
    for _ in range(20):
        page.follow(on=True)
        page.follow(on=False)
    page.follow(on=True)
    _until(lambda: len(most) > 5)
    page.follow(on=False)
    assert max(most) == 1


def test_an_increment_does_not_hide_work_that_is_running(page: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_FOLLOW_SECONDS", 0.01)
    came, end = threading.Event(), threading.Event()

    def increment(*_: Any) -> follow.Increment:
        came.set()
        return follow.Increment("a run", new=1)

    monkeypatch.setattr(follow, "increment", increment)
    pjais.migrate(page.workspace().data_dir)
    work = page.start("verify", lambda _: end.wait(120), alone=False)
    page.follow(on=True)
    assert came.wait(120)
    _until(lambda: page.job is work)
    with pytest.raises(RunActive):
        page.start("verify", lambda _: None)
    end.set()
    _until(lambda: page.job is not None and page.job.kind == "follow")
    page.follow(on=False)
