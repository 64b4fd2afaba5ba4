"""`make bench`: how soon a live query delivers what was written, and what its watcher costs while nothing happens.

The time runs from the commit's return at the writer to the result at the follower.  Aims: 5 ms in the same process,
100 ms from another (better-sqlite3; run scripts/install_oracles first, without it Python's sqlite3 writes alone).
"""

from __future__ import annotations

import argparse
import queue
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import generate

import pjais
from pjais.persona.store import Store
from pjais.store import watcher

ORACLE = Path(__file__).parents[1] / "tests" / "oracle"
WRITER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
print("open", flush=True)
for line in sys.stdin:
    db.execute(line)
    print(time.time() * 1000, flush=True)
"""
PERSONA = "live"


@contextmanager
def other_process(*command: object) -> Iterator[Callable[[str], float]]:
    """Another process that runs SQL; the call gives the time of the commit (s since 1970)."""
    words = [str(word) for word in command]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to, back = process.stdin, process.stdout
        back.readline()

        def run(sql: str) -> float:
            to.write(sql + "\n")
            to.flush()
            return float(back.readline()) / 1000

        yield run
        to.close()


def latencies(store: Store, write: Callable[[int], float], rounds: int, rest: float) -> list[float]:
    """Milliseconds from each commit to its delivery; `rest`: seconds of calm before each, at most."""
    came: queue.Queue[float] = queue.Queue()
    live = store.memories.live(persona=PERSONA, limit=20, order="-id")
    stop = live.subscribe(lambda _: came.put(time.time()))
    came.get(timeout=10)
    took = []
    for number in range(rounds):
        time.sleep(random.uniform(0, rest))
        committed = write(number)
        took.append((came.get(timeout=10) - committed) * 1000)
    stop()
    for memory in store.memories.list(persona=PERSONA):
        store.memories.remove(memory.id)
    return took


def own(store: Store) -> float:
    """A write of this process."""
    store.memories.create(id=str(time.time_ns()), type="fact", content="x", persona_id=PERSONA)
    return time.time()


def insert() -> str:
    """A write as another program does it."""
    key = time.time_ns()
    return f"INSERT INTO memory_entities (id, persona_id, type, content) VALUES ('{key}', '{PERSONA}', 'fact', 'x')"


def _nothing(_: object) -> None:
    """A subscriber that does not care."""


def line(title: str, took: list[float], aim: float) -> None:
    """One line of the table."""
    ordered = sorted(took)
    p95 = ordered[int(len(ordered) * 0.95) - 1]
    print(f"{title:44} {statistics.median(took):8.2f} {p95:8.2f} {ordered[-1]:8.2f} {aim:6.0f}")


def idle(store: Store, seconds: float) -> float:
    """The share of one processor that the watcher takes while nothing happens."""
    stop = store.memories.live(limit=20).subscribe(_nothing)
    time.sleep(1.5)
    began, cpu = time.perf_counter(), time.process_time()
    time.sleep(seconds)
    share = (time.process_time() - cpu) / (time.perf_counter() - began)
    stop()
    return share


def writes_per_second(store: Store, seconds: float, followed: int) -> float:
    """Single writes in a row, while so many live queries follow them."""
    stops = [store.memories.live(persona=PERSONA, limit=20).subscribe(_nothing) for _ in range(followed)]
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        own(store)
        count += 1
    for stop in stops:
        stop()
    return count / seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as folder:
        generate.data_json(Path(folder) / "data.json", given.count, words=30)
        with pjais.open(folder) as store:
            store.personas.create(id=PERSONA, name="Live")
            print(f"{f'ms, {given.count:,} memories':44} {'p50':>8} {'p95':>8} {'max':>8} {'aim':>6}")
            line("same process", latencies(store, lambda _: own(store), given.rounds, 0.03), 5)
            busy = threading.Event()
            spinning = threading.Thread(target=lambda: [None for _ in iter(busy.is_set, True)], daemon=True)
            spinning.start()
            line("same process, another thread computing", latencies(store, lambda _: own(store), 50, 0.03), 5)
            busy.set()
            spinning.join()
            sides: dict[str, tuple[object, ...]] = {"Python's sqlite3": (sys.executable, "-c", WRITER, store.path)}
            if (ORACLE / "node_modules" / "better-sqlite3").is_dir():
                sides["better-sqlite3"] = ("node", ORACLE / "live_write.mjs", store.path)
            for name, command in sides.items():
                with other_process(*command) as run:
                    line(f"{name}, another process", latencies(store, lambda _: run(insert()), given.rounds, 0.03), 100)
                    line(f"{name}, after calm", latencies(store, lambda _: run(insert()), 10, 3), 100)
            print(f"watcher, idle: {idle(store, 10):.2%} of a processor (every {watcher.IDLE_SECONDS * 1000:.0f} ms)")
            for followed in (0, 1, 10):
                rate = writes_per_second(store, 3, followed)
                print(f"writes per second in a row, {followed} live queries: {rate:,.0f}")


if __name__ == "__main__":
    main()
