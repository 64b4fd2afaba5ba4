"""Progress: totals are true, a percentage is never over 100, `--json -v` gives an object a line on stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pjais.cli.progress import Meter
from world import memory, persona, write_json

KEYS = {"event", "phase", "done", "total", "unit", "percent", "rate", "eta_seconds"}
MANY = 4500


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with several thousand memories."""
    folder = tmp_path_factory.mktemp("big")
    memories = [memory(f"m{number}", content="tea " * 40) for number in range(MANY)]
    write_json(folder, personas=[persona("p1")], memories=memories)
    return folder


def events(*words: str | Path) -> tuple[Any, list[dict[str, Any]]]:
    """The JSON of a command, and its events."""
    call = [sys.executable, "-m", "pjais", *map(str, words), "--json", "-v"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), [json.loads(line) for line in done.stderr.splitlines()]


def test_every_long_command_reports_true_totals(big: Path) -> None:
    told, migrated = events("migrate", "--data-dir", big)
    assert told["total"]["read"] == MANY + 1
    phases = list(dict.fromkeys(one["phase"] for one in migrated))
    assert phases == ["Backup", "Check backup", "Import", "Build indexes", "Verify", "Cut over"]
    size = (big / "data.json").stat().st_size
    assert {one["total"] for one in migrated if one["phase"] in ("Backup", "Import")} == {None, size}
    _, verified = events("verify", "--data-dir", big)
    assert {one["total"] for one in verified} == {2 * (MANY + 1)}
    _, exported = events("export", "--data-dir", big, "-o", big / "out.json")
    assert exported[-1]["done"] == exported[-1]["total"] == MANY + 1
    _, backed_up = events("backup", "create", "--data-dir", big)
    _, checked = events("backup", "verify", "--data-dir", big)
    assert {one["phase"] for one in checked} == {"Check backup"}
    for one in (*migrated, *verified, *exported, *backed_up, *checked):
        assert set(one) == KEYS and one["event"] == "progress"
        assert one["total"] is None or 0 <= one["done"] <= one["total"]
    for some in (verified, exported, backed_up, checked):
        assert some[-1]["percent"] == 100


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_a_terminal_gets_a_bar_with_percent_rate_and_time(big: Path) -> None:
    shown = _on_a_terminal("verify", "--data-dir", str(big), "-q"), _on_a_terminal("verify", "--data-dir", str(big))
    assert "%" not in shown[0]
    assert "Verify" in shown[1] and " %" in shown[1] and "\u2501" in shown[1] and f"of {2 * (MANY + 1):,}" in shown[1]


def _on_a_terminal(*words: str) -> str:
    leader, follower = os.openpty()
    call = [sys.executable, "-m", "pjais", *words]
    process = subprocess.Popen(
        call, stdout=follower, stderr=follower, env={**os.environ, "TERM": "xterm", "COLUMNS": "110"}
    )
    os.close(follower)
    written = b""
    with suppress(OSError):
        while piece := os.read(leader, 65536):
            written += piece
    os.close(leader)
    assert process.wait() == 0
    return written.decode()


def test_quiet_reports_none_and_json_alone_no_events(big: Path) -> None:
    for more in (["-q", "--json", "-v"], ["--json"]):
        call = [sys.executable, "-m", "pjais", "verify", "--data-dir", str(big), *more]
        assert "event" not in subprocess.run(call, capture_output=True, text=True, check=True).stderr


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(("back up", "verify")), st.integers(0, 10**9), st.integers(0, 10**9) | st.none())
    )
)
def test_an_event_is_never_over_its_total(calls: list[tuple[str, int, int | None]]) -> None:
    now = [0.0]
    meter = Meter(lambda: now[0])
    for name, done, total in calls:
        now[0] += 0.3
        event = meter.event(name, done, total)
        assert event.percent is None or 0 <= event.percent <= 100
        assert event.eta_seconds is None or event.eta_seconds >= 0
        assert (event.total is None) <= (event.percent is None and event.eta_seconds is None)


def test_a_rate_counts_from_the_beginning_of_its_phase() -> None:
    now = [10.0]
    meter = Meter(lambda: now[0])
    assert meter.event("verify", 0, 4000).rate is None
    now[0] = 12.0
    event = meter.event("verify", 1000, 4000)
    assert (event.phase, event.percent, event.rate, event.eta_seconds) == ("Verify", 25.0, 500.0, 6.0)
    assert (event.amount, event.speed, event.left) == ("1,000 of 4,000", "500 records/s", "ETA 0:06")
    now[0] = 13.0
    other = meter.event("back up", 1 << 20, 3 << 20)
    assert (other.unit, other.amount, other.rate) == ("bytes", "1.0 MiB of 3.0 MiB", None)
