"""An app that goes on writing while `follow` brings over what it writes: what both of these tests share."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from pjais import models, sqlite
from pjais.errors import NoSourceFound, SourceInUse
from pjais.models.persona.model import MODEL
from pjais.side_by_side import follow
from pjais.targets.sqlite import ddl
from pjais.workspace import Workspace

JSON = dict[str, Any]
History = list[tuple[int, str, str]]
"""What the app did to its records that begin with `busy-`, in order: (number, insert or update or remove, id)."""


class App:
    """A real app in a process of its own; it is told what to do by lines, and answers each with one."""

    def __init__(self, command: Sequence[str], told: Path, **environment: str) -> None:
        self._told = told
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self._await("open")

    def __enter__(self) -> App:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(120)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def do(self, what: str) -> None:
        """Have one thing done, to its end."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        self._await(what)

    def end(self, how: str) -> JSON:
        """Have it `close` or `kill`; what it said of itself before."""
        self.do(how)
        self._process.wait(120)
        return self.told()

    def die(self) -> None:
        """End by kill -9."""
        self._process.kill()
        self._process.wait()

    def told(self) -> JSON:
        """What it said of itself at its end."""
        told: JSON = json.loads(self._told.read_text("utf-8"))
        return told

    def _await(self, line: str) -> None:
        assert self._process.stdout is not None
        for said in self._process.stdout:
            if said.strip() == line:
                return
        raise AssertionError(f"the app ended instead of saying {line!r}")


class Seen(NamedTuple):
    """One increment, how long it took (seconds), and the app's records as the store then held them: id -> number."""

    done: follow.Increment
    seconds: float
    held: dict[str, int]


class Following:
    """`follow` in a loop of its own, as long as the block lasts; `numbered` is the column with a write's number."""

    def __init__(self, here: Workspace, numbered: str, pause: float = 0.1) -> None:
        self.here = here
        self.seen: list[Seen] = []
        self.again = 0
        """How often a source would not hold still."""
        self.gone = 0
        """How often there was no source."""
        self.most_backups = 0
        self._numbered = numbered
        self._pause = pause
        self._error: BaseException | None = None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._loop)

    def __enter__(self) -> Following:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def _loop(self) -> None:
        try:
            while not self._ends.wait(self._pause):
                self.once()
        except BaseException as error:  # noqa: BLE001 - the test's own thread raises it
            self._error = error

    def once(self) -> None:
        """One look; what came of it is written down."""
        began = time.monotonic()
        try:
            done = follow.increment(self.here)
        except SourceInUse:
            self.again += 1
        except NoSourceFound:
            self.gone += 1
        else:
            if done.run_id is not None:
                self.seen.append(Seen(done, time.monotonic() - began, numbers(self.here.store, self._numbered)))
                self.most_backups = max(self.most_backups, len(list(self.here.backups.iterdir())))

    def until(self, holds: Callable[[], bool], limit: float = 300) -> None:
        """Wait until something holds; not longer than the loop lives."""
        ends = time.monotonic() + limit
        while not holds():
            assert self._thread.is_alive() and time.monotonic() < ends, self._error
            time.sleep(0.02)

    def more(self, count: int = 1) -> None:
        """Wait for so many more increments that bring something."""
        wanted = len(self.seen) + count
        self.until(lambda: len(self.seen) >= wanted)

    def figures(self, wrote: int, seconds: float) -> str:
        """What happened, as a line."""
        lags = sorted(one.done.lag_ms for one in self.seen)
        took = sorted(one.seconds for one in self.seen)
        return (
            f"{wrote} writes in {seconds:.0f} s ({wrote / seconds:.1f} a second), {len(self.seen)} increments: "
            f"lag {lags[len(lags) // 2]} ms (at most {lags[-1]}), {took[len(took) // 2]:.2f} s each "
            f"(at most {took[-1]:.2f}); {self.again} times read again, {self.gone} times no source; "
            f"at most {self.most_backups} backups"
        )


def numbers(store: Path, column: str) -> dict[str, int]:
    """The app's records that the store holds: id -> the number of the write that they come from."""
    with closing(sqlite.open_reader(store)) as db:
        sql = f"SELECT id, {column} FROM memory_entities WHERE id LIKE 'busy-%' AND deleted_at IS NULL"
        return sqlite.pairs(db, sql)


def _nearest(history: History, state: dict[str, int]) -> str:
    """What tells a state from the one of the app's that is most like it."""
    held: dict[str, int] = {}
    best: tuple[int, str] = (len(state) + 1, "nothing like it")
    for number, what, key in history:
        if what == "remove":
            held.pop(key, None)
        else:
            held[key] = number
        apart = state.items() ^ held.items()
        best = min(best, (len(apart), f"after write {number}: {sorted(apart)}"))
    return best[1]


def moments(history: History, states: Sequence[dict[str, int]], apart: int = 0) -> list[int]:
    """Which moment of the app's life each state is: after how many writes.

    Fails for a state that the app was never in, and for one that is older than the one before it.  `apart`: so many
    records may differ, where a store writes one event in two steps and a copy may lie between them.
    """
    found: list[int] = []
    held: dict[str, int] = {}
    waiting = list(states)
    for count in range(len(history) + 1):
        if count:
            number, what, key = history[count - 1]
            if what == "remove":
                del held[key]
            else:
                held[key] = number
        while waiting and len(waiting[0].items() ^ held.items()) <= apart:
            found.append(count)
            waiting.pop(0)
    if waiting:
        nearest = _nearest(history, waiting[0])
        raise AssertionError(f"increment {len(found) + 1} of {len(states)} is no state of the app's: {nearest}")
    return found


def history_of(told: JSON) -> History:
    """What an app did, as it says."""
    return [(number, what, key) for number, what, key in told["history"]]


def documents(store: Path) -> dict[tuple[str, str], JSON]:
    """Every live record of the store as the document that it was in its source, by collection and id."""
    found = {}
    with closing(sqlite.open_reader(store)) as db:
        model = models.in_store(MODEL, db)
        for table in model.tables:
            columns = table.columns_of("t")
            sql = (
                f"SELECT r.source_kind, r.collection, r.native_id, {columns} FROM {table.sql} AS t LEFT JOIN "
                f"migration_records AS r ON r.record_type = '{table.name}' AND r.outcome = 'migrated' AND "
                f"r.record_id = {ddl.key_sql(table, 't')}"
            )
            for kind, collection, key, *row in sqlite.each(db, sql):
                document = model.rebuild(kind, collection, table.to_record(tuple(row)))
                found[collection.rpartition("/")[2], key] = document
    return found
