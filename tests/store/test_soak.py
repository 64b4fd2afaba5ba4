"""Four processes with four threads each write and read one store: nothing is lost, nobody is told "locked"."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import pjais
import world

WORKER = Path(__file__).with_name("soak_worker.py")
PERSONAS = [f"p{number}" for number in range(5)]
PROCESSES = 4


def soaked(store: Path, seconds: float) -> list[dict[str, Any]]:
    """Run the workers at the same time; what each of them did."""
    running = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(store), f"w{number}-", str(seconds), *PERSONAS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "written\n", one.communicate()
    ended = [one.communicate("all have\n", timeout=120) for one in running]
    assert [one.returncode for one in running] == [0] * PROCESSES, [error for _, error in ended]
    return [json.loads(output) for output, _ in ended]


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.soak)])
def test_nothing_is_lost_and_nobody_is_told_locked(tmp_path: Path, seconds: int) -> None:
    world.write_json(
        tmp_path, personas=[world.persona(key) for key in PERSONAS], memories=[world.memory(personaId="p1")]
    )
    with pjais.open(tmp_path) as store:
        path = store.path
        store.personas.activate("p0")
    told = soaked(path, seconds)
    for one in told:
        sys.stdout.write(f"\n{one['done']}, slowest call {one['slowest']:.2f} s, WAL {one['wal']:,} bytes")
    assert [error for one in told for error in one["errors"]] == []
    done = sum((Counter(one["done"]) for one in told), Counter())
    held = {key: value for one in told for key, value in one["held"].items()}
    assert {one["live"] for one in told} == {len(held) + 1}
    kept = dict(world.rows(path, "SELECT id, importance FROM memory_entities WHERE id <> 'm1'"))
    assert kept == held
    created = done["create"] + done["nested"]
    written = dict(
        world.rows(path, "SELECT op, count(*) FROM changes WHERE table_name = 'memory_entities' GROUP BY op")
    )
    assert written == {"insert": created, "update": done["update"] + 2 * done["delete"], "delete": done["remove"]}
    assert world.rows(path, "SELECT sum(usage_count) FROM personas") == [(done["activate"] + 1,)]
    assert world.rows(path, "SELECT count(*) FROM personas WHERE is_active") == [(1,)]
    assert world.rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert world.rows(path, "PRAGMA foreign_key_check") == []
    world.rows(path, "INSERT INTO memory_fts (memory_fts, rank) VALUES ('integrity-check', 1)")
    assert pjais.verify(tmp_path)


def test_sixteen_readers_that_read_while_they_read_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """More threads than connections, each with a second read inside of its first."""
    import threading

    world.write_json(tmp_path, personas=[world.persona()], memories=[world.memory()])
    store = pjais.open(tmp_path)
    together = threading.Barrier(8)
    found: list[int] = []

    def read() -> None:
        with store.pool.view():
            together.wait(10)
            found.append(len(store.memories))

    threads = [threading.Thread(target=read, daemon=True) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [1] * 16
    store.close()
