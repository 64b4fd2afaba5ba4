"""A real RxDB app in real Chromium goes on writing while `follow` runs; at the switch every write is there."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from follow_world import JSON, App, Following, documents, history_of, moments
from oracle_world import require
from test_rxdb_live import SQLITE, WRITER, missing, text_of, told_documents

import pjais
from pjais.side_by_side import follow, shadow, switch
from pjais.workspace import resolve_workspace
from world import hashes

pytestmark = pytest.mark.oracle

OWN = ("_rev", "_meta", "_attachments", "_deleted")
Say = Callable[[str], None]


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Skip with the reason where the oracle is missing; fail where it is required."""
    require(missing)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Show a line even when the test passes."""

    def show(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return show


def free_port() -> int:
    """A port for the app's page: an origin is the same only on the same one."""
    with socket.socket() as one:
        one.bind(("localhost", 0))
        port: int = one.getsockname()[1]
        return port


def app(folder: Path, port: int, major: int, flags: str, since: int = 0) -> App:
    """The app on the profile of a folder; it goes on after so many writes."""
    facts = {"MAJOR": str(major), "FLAGS": flags, "PORT": str(port), "FROM": str(since + 1), "SEED": str(7 + since)}
    told = folder / "told.json"
    return App(["node", str(WRITER / "busy.mjs")], told, PROFILE=str(folder / "profile"), TOLD=str(told), **facts)


def agrees(folder: Path, told: JSON) -> None:
    """The store holds what RxDB said that it holds, record by record, and nothing else."""
    found = {}
    for (name, key), document in documents(folder / "data" / "pjais.sqlite").items():
        found[name, key] = text_of({field: value for field, value in document.items() if field not in OWN})
    wanted = told_documents(told)
    assert found.keys() == wanted.keys()
    for one, text in wanted.items():
        assert found[one] == text, one


def follow_a_busy_app(folder: Path, major: int, flags: str, seconds: float, say: Say) -> None:
    """The app writes, dies, is gone for a while with its profile, comes back, has its data compacted, and is closed."""
    (folder / "data").mkdir()
    here = resolve_workspace(folder / "data", None, [folder / "profile"])
    profile, away, port = folder / "profile", folder / "away", free_port()
    with app(folder, port, major, flags) as first, Following(here, "access_count") as following:
        first.do("begin")
        time.sleep(seconds / 2)
        told = first.end("kill")
        history, spent = history_of(told), told["seconds"]
        profile.rename(away)
        following.until(lambda: following.gone > 1)
        away.rename(profile)
        with app(folder, port, major, flags, since=len(history)) as second:
            second.do("begin")
            time.sleep(seconds / 4)
            second.do("rewrite")
            time.sleep(seconds / 4)
            told = second.end("close")
        history, spent = history + history_of(told), spent + told["seconds"]
    following.once()
    say(f"RxDB {major} {flags}: {following.figures(len(history), spent)}")
    assert follow.increment(here).run_id is None
    seen = moments(history, [one.held for one in following.seen])
    assert seen[-1] == len(history)
    before = hashes(profile)
    agrees(folder, told)
    compared = shadow.compare(here)
    assert compared.count == 0, compared.differences
    assert switch.go(here).side == "new"
    assert switch.live(here).side == "new"
    agrees(folder, told)
    assert pjais.verify(folder / "data").passed
    assert hashes(profile) == before, "the profile was changed"


@pytest.mark.parametrize(("major", "flags"), [(17, "")], ids=["v17"])
def test_a_busy_app_is_followed_to_the_switch(major: int, flags: str, tmp_path: Path, say: Say) -> None:
    """Eight seconds of it; every increment is a state that the app was in, and none is older than the one before."""
    follow_a_busy_app(tmp_path, major, flags, 8, say)


@pytest.mark.soak
@pytest.mark.parametrize(("major", "flags"), [(17, ""), (17, SQLITE), (15, "")], ids=["v17", "v17-sqlite", "v15"])
def test_a_busy_app_is_followed_for_a_minute(major: int, flags: str, tmp_path: Path, say: Say) -> None:
    """The same for sixty seconds, and for the other storage of Chromium, and an older RxDB."""
    follow_a_busy_app(tmp_path, major, flags, 60, say)
