"""A live query sees what other processes write: better-sqlite3, the sqlite3 shell, Python, another pjais."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from oracle_world import HERE, require

import pjais
import world
from pjais.persona.store import Store

SOON = 120.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    world.write_json(tmp_path, personas=[world.persona("p1")], memories=[world.memory("m1")])
    with pjais.open(tmp_path) as opened:
        yield opened


def line(stream: IO[str] | None) -> str:
    """The next line; fails where none comes in time."""
    assert stream is not None
    found: list[str] = []
    reading = threading.Thread(target=lambda: found.append(stream.readline()), daemon=True)
    reading.start()
    reading.join(SOON)
    assert found, "nothing was delivered"
    return found[0].rstrip("\n")


def started(*command: object) -> subprocess.Popen[str]:
    words = [str(word) for word in command]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)


def insert(key: str) -> str:
    return f"INSERT INTO memory_entities (id, type, content) VALUES ('{key}', 'fact', 'x')"


@pytest.mark.oracle
def test_better_sqlite3_writes_in_one_process_and_a_live_query_in_another_sees_it(store: Store) -> None:
    require()
    with started(sys.executable, HERE / "live_follow.py", store.path) as follower:
        with started("node", HERE / "live_write.mjs", store.path) as writer:
            assert line(writer.stdout) == "open"
            assert line(follower.stdout).startswith("m1;")
            assert writer.stdin is not None
            for number, (sql, ids) in enumerate(
                (
                    (insert("m2"), "m1 m2"),
                    (f"BEGIN; {insert('m3')}; ROLLBACK", ""),
                    ("UPDATE personas SET name = 'other'", ""),
                    (f"BEGIN; {insert('m4')}; {insert('m5')}; COMMIT", "m1 m2 m4 m5"),
                    ("DELETE FROM memory_entities WHERE id < 'm5'", "m5"),
                )
            ):
                writer.stdin.write(sql + "\n")
                writer.stdin.flush()
                assert float(line(writer.stdout)) > 0, number
                if ids:
                    assert line(follower.stdout).split(";")[0] == ids
            writer.stdin.close()
        follower.kill()


def test_the_shell_and_python_write_and_a_live_query_sees_it(store: Store) -> None:
    feed = store.memories.live(order="id").follow(timeout=SOON)
    assert len(next(feed)) == 1
    shell = shutil.which("sqlite3")
    if shell is not None:
        subprocess.run([shell, str(store.path), insert("m2")], check=True)
        assert [memory.id for memory in next(feed)] == ["m1", "m2"]
    code = f"import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute({insert('m3')!r}); db.commit()"
    subprocess.run([sys.executable, "-c", code, str(store.path)], check=True)
    assert [memory.id for memory in next(feed)][-1] == "m3"


def test_a_python_writer_and_two_stores_in_one_process(store: Store) -> None:
    with Store(store.path) as other:
        feed = store.memories.live(order="id").follow(timeout=SOON)
        next(feed)
        other.memories.create(id="m2", type="fact", content="x")
        assert [memory.id for memory in next(feed)] == ["m1", "m2"]


DYING = """
import sys
from pathlib import Path
from pjais.persona.store import Store
store = Store(Path(sys.argv[1]))
with store.transaction():
    for number in range(2000):
        store.memories.create(id=f"dead{number}", type="fact", content="x" * 2000)
    sys.stdout.write("in it\\n")
    sys.stdout.flush()
    sys.stdin.readline()
"""


def test_a_writer_that_is_killed_in_a_transaction_leaves_nothing_and_holds_up_nobody(store: Store) -> None:
    feed = store.memories.live(order="id").follow(timeout=SOON)
    next(feed)
    with started(sys.executable, "-c", DYING, store.path) as dying:
        assert line(dying.stdout) == "in it"
        with pytest.raises(TimeoutError):
            feed.get(0.2)
        waiting = threading.Thread(target=store.memories.create, kwargs={"id": "m2", "type": "fact", "content": "y"})
        waiting.start()
        os.kill(dying.pid, signal.SIGKILL)
        dying.wait()
    waiting.join(SOON)
    assert [memory.id for memory in next(feed)] == ["m1", "m2"]
    with pytest.raises(TimeoutError):
        feed.get(0.1)
    integrity = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check'))"
    done = subprocess.run([sys.executable, "-c", integrity, store.path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "('ok',)"
