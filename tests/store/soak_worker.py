"""One process of the soak test: four threads that write and read one store, and one live query; tells what it did.

python soak_worker.py STORE NAME SECONDS PERSONA...
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from pjais.persona.store import Store

THREADS = 4


class Worker:
    """One thread: its own memories, whose last committed importance it knows, and the personas of all."""

    def __init__(self, store: Store, name: str, personas: list[str]) -> None:
        self.store = store
        self.name = name
        self.personas = personas
        self.done: Counter[str] = Counter()
        self.held: dict[str, int] = {}
        self.removed: list[str] = []
        self.errors: list[str] = []
        self.slowest = 0.0
        self.chance = random.Random(name)

    def work(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            try:
                self.one()
            except Exception:  # noqa: BLE001 - every error is told to the test
                self.errors = [*self.errors, traceback.format_exc()][:3]
            self.slowest = max(self.slowest, time.monotonic() - began)

    def one(self) -> None:
        names = [
            "create",
            "update",
            "update",
            "delete",
            "remove",
            "activate",
            "nested",
            "read",
            "search",
            "rolled_back",
        ]
        what = self.chance.choice(names) if self.held else "create"
        getattr(self, what)()
        self.done[what] += 1

    def create(self) -> None:
        key = f"{self.name}-{self.done['create']}-{self.done['nested']}"
        persona = self.chance.choice(self.personas)
        self.store.memories.create(id=key, type="fact", content=f"tea {key}", persona_id=persona, importance=1)
        self.held[key] = 1

    def update(self) -> None:
        key = self.chance.choice([*self.held])
        value = self.held[key] % 99 + 1
        self.store.memories.update(key, importance=value)
        self.held[key] = value

    def delete(self) -> None:
        key = self.chance.choice([*self.held])
        value = self.held[key] % 99 + 1
        with self.store.transaction():  # one change more than an update
            self.store.memories.delete(key)
            self.store.memories.update(key, importance=value, deleted_at=None)
        self.held[key] = value

    def remove(self) -> None:
        key = self.chance.choice([*self.held])
        self.store.memories.remove(key)
        del self.held[key]
        self.removed.append(key)

    def activate(self) -> None:
        self.store.personas.activate(self.chance.choice(self.personas))

    def nested(self) -> None:
        with self.store.transaction():
            self.create()

    def rolled_back(self) -> None:
        try:
            with self.store.transaction():
                self.store.memories.create(id=f"never-{self.name}", type="fact", content="never")
                raise LookupError
        except LookupError:
            pass

    def read(self) -> None:
        key = self.chance.choice([*self.held])
        found = self.store.memories.get(key)
        assert found is not None and found.importance == self.held[key], (key, found, self.held[key])
        assert self.store.personas.active() is not None
        assert self.store.memories.get(f"never-{self.name}") is None
        self.store.memories.list(limit=20)

    def search(self) -> None:
        self.store.memories.search("tea", limit=5)


def main() -> None:
    path, name, seconds, *personas = sys.argv[1:]
    store = Store(Path(path))
    workers = [Worker(store, f"{name}{number}", personas) for number in range(THREADS)]
    seen: list[int] = []
    wrong: list[str] = []
    live = store.live(lambda: len(store.memories), tables=["memory_entities"])
    live.subscribe(seen.append, on_error=lambda error: wrong.append(repr(error)))
    threads = [threading.Thread(target=worker.work, args=(float(seconds),)) for worker in workers]
    for thread in threads:
        thread.start()
    largest = 0
    wal = Path(f"{path}-wal")
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.05)
        largest = max(largest, wal.stat().st_size if wal.exists() else 0)
    sys.stdout.write("written\n")
    sys.stdout.flush()
    sys.stdin.readline()  # all others have written, too
    end = time.monotonic() + 5
    while seen[-1:] != [len(store.memories)] and time.monotonic() < end:
        time.sleep(0.01)
    told: dict[str, Any] = {
        "done": sum((worker.done for worker in workers), Counter()),
        "held": {key: value for worker in workers for key, value in worker.held.items()},
        "errors": [error for worker in workers for error in worker.errors] + wrong,
        "slowest": max(worker.slowest for worker in workers),
        "wal": largest,
        "delivered": len(seen),
        "live": seen[-1],
    }
    store.close()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
