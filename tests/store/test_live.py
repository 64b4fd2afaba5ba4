"""Live queries in one process: delivered when the result changed, and only then; errors are told; everything ends."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pjais
import world
from pjais.errors import ForeignTarget, StoreFailed, UsageError
from pjais.models.persona.model import MODEL
from pjais.persona.store import Live, Store
from pjais.store import watcher

SOON = 120.0
"""Seconds after which a test gives up; what comes, comes in milliseconds (bench/live.py measures them)."""
QUIET = 0.2
"""Seconds of silence that count as: nothing is delivered."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    sources = tmp_path / "data"
    sources.mkdir()
    memories = [world.memory("m1"), world.memory("m2", "p2")]
    world.write_json(sources, personas=[world.persona("p1"), world.persona("p2")], memories=memories)
    with pjais.open(sources) as opened:
        yield opened


class Told:
    """A callback that keeps what it was told."""

    def __init__(self) -> None:
        self.results: list[Any] = []
        self.errors: list[Exception] = []
        self._lock = threading.Condition()

    def __call__(self, result: Any) -> None:
        with self._lock:
            self.results.append(result)
            self._lock.notify_all()

    def error(self, error: Exception) -> None:
        with self._lock:
            self.errors.append(error)
            self._lock.notify_all()

    def until(self, true: Callable[[], bool]) -> None:
        with self._lock:
            assert self._lock.wait_for(true, SOON), (self.results, self.errors)


def ended(store: Store) -> bool:
    """Whether the watcher's thread has ended."""
    end = time.monotonic() + SOON
    while store.pool.watcher.running and time.monotonic() < end:
        time.sleep(0.01)
    return not store.pool.watcher.running


def elsewhere(store: Store, code: str) -> str:
    """What another process prints that has the store open as `db`: never by the module sqlite3 in this one."""
    head = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); "
    done = subprocess.run([sys.executable, "-c", head + code, store.path], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def run(store: Store, sql: str) -> None:
    """Let another process change the store."""
    elsewhere(store, f"db.execute({sql!r}); db.commit(); db.close()")


def replaced(store: Store, *changes: str) -> None:
    """Put a changed copy in the store's place by a rename, as a restore does."""
    new = store.path.with_name("new.sqlite")
    copied = f"copy = sqlite3.connect({str(new)!r}); db.backup(copy); "
    changed = "".join(f"copy.execute({sql!r}); copy.commit(); " for sql in changes)
    elsewhere(store, copied + changed + "copy.execute('PRAGMA journal_mode = DELETE'); copy.close()")
    for suffix in ("-wal", "-shm"):
        Path(f"{store.path}{suffix}").unlink(missing_ok=True)
    new.replace(store.path)


def names(memories: list[Any]) -> list[str]:
    return [memory.id for memory in memories]


def test_the_first_result_comes_at_once_and_then_each_change(store: Store) -> None:
    feed = store.memories.live(persona="p1").follow(timeout=SOON)
    assert names(next(feed)) == ["m1"]
    store.memories.create(id="m3", type="fact", content="x", persona_id="p1", importance=90)
    assert names(next(feed)) == ["m3", "m1"]
    store.memories.delete("m3")
    assert names(next(feed)) == ["m1"]
    store.memories.restore("m3")
    assert names(next(feed)) == ["m3", "m1"]


def test_nothing_is_delivered_where_the_result_is_the_same(store: Store) -> None:
    runs: list[int] = []

    def count() -> int:
        runs.append(1)
        return len(store.memories.list(persona="p1"))

    feed = store.live(count, tables=["memory_entities"]).follow(timeout=SOON)
    assert next(feed) == 1
    store.memories.update("m2", importance=1)
    with pytest.raises(TimeoutError):
        feed.get(QUIET)
    assert len(runs) == 2


def test_a_query_is_run_again_for_its_tables_only(store: Store) -> None:
    runs: list[int] = []
    feed = store.live(lambda: runs.append(1), tables=["memory_entities"]).follow()
    assert feed.get(SOON) is None
    store.personas.activate("p1")
    store.conversations.create(session_id="s", persona_id="p1", messages=[])
    with pytest.raises(TimeoutError):
        feed.get(QUIET)
    assert len(runs) == 1
    with pytest.raises(UsageError, match="unknown tables to follow"):
        store.live(len, store.memories, tables=["memories"])


def test_a_query_that_names_no_tables_follows_all(store: Store) -> None:
    feed = store.live(store.personas.stats, "p1").follow(timeout=SOON)
    assert next(feed)["conversations"] == 0
    store.conversations.create(session_id="s", persona_id="p1", messages=[])
    assert next(feed)["conversations"] == 1
    store.memories.remember("new", persona="p1", type="fact")
    assert next(feed)["memories"] == 2


def test_the_active_persona_and_one_record_are_followed(store: Store) -> None:
    active, one = store.personas.live_active().follow(timeout=SOON), store.memories.live_one("m9").follow(timeout=SOON)
    assert next(active) is None and next(one) is None
    store.personas.activate("p2")
    store.memories.create(id="m9", type="fact", content="x")
    assert (persona := next(active)) is not None and persona.id == "p2"
    assert (memory := next(one)) is not None and memory.id == "m9"


@pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), ([0], [False]), ({"a": None}, {}), ("1", 1)])
def test_values_that_python_calls_equal_are_told_apart(store: Store, before: Any, after: Any) -> None:
    store.memories.update("m1", content={"v": before})
    feed = store.live(lambda: store.memories.need("m1").content).follow(timeout=SOON)
    assert next(feed) == {"v": before}
    store.memories.update("m1", content={"v": after})
    assert repr(next(feed)) == repr({"v": after})


def test_what_a_consumer_does_to_its_result_changes_nothing(store: Store) -> None:
    feed = store.memories.live().follow(timeout=SOON)
    next(feed).clear()
    for number in range(3):
        store.personas.activate("p1")
        store.memories.update("m1", name=f"n{number}")
        assert len(next(feed)) == 2


def test_a_transaction_is_one_change_and_a_rollback_none(store: Store) -> None:
    feed = store.memories.live().follow(timeout=SOON)
    assert len(next(feed)) == 2
    with store.transaction():
        store.memories.remember("a", type="fact")
        with store.transaction():
            store.memories.remember("b", type="fact")
        with pytest.raises(TimeoutError):
            in_other_thread(lambda: feed.get(QUIET))
        with pytest.raises(LookupError), store.transaction():
            store.memories.remember("c", type="fact")
            raise LookupError
    assert len(next(feed)) == 4
    with pytest.raises(LookupError), store.transaction():
        store.memories.remember("d", type="fact")
        raise LookupError
    with pytest.raises(TimeoutError):
        feed.get(QUIET)


def in_other_thread(call: Callable[[], Any]) -> Any:
    """The call's result or error, from a thread of its own."""
    found: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(SOON)
    if failed:
        raise failed[0]
    return found[0]


def test_inside_of_a_transaction_nobody_waits_for_himself(store: Store) -> None:
    with store.transaction(), pytest.raises(UsageError, match="inside of a transaction"):
        next(iter(store.memories.live()))
    with pytest.raises(UsageError, match="inside of a transaction"), store.transaction():
        store.close()
    assert len(store.memories) == 2


def test_a_query_that_writes_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        next(iter(store.live(store.memories.access, "m1")))
    assert store.memories.need("m1").access_count == 0
    store.memories.access("m1")


def test_a_query_sees_one_moment(store: Store) -> None:
    """Two reads of one query see the same state, though somebody writes between them."""

    def twice() -> tuple[int, int]:
        first = len(store.memories)
        in_other_thread(lambda: store.memories.remember("between", type="fact"))
        return first, len(store.memories)

    first, second = store.live(twice).now()
    assert first == second


def test_one_who_comes_late_gets_the_latest_only(store: Store) -> None:
    feed = store.memories.live_one("m1").follow(timeout=SOON)
    next(feed)
    for number in range(20):
        store.memories.update("m1", name=f"n{number}")
    latest = next(feed)
    assert latest is not None and latest.name == "n19"
    with pytest.raises(TimeoutError):
        feed.get(QUIET)


def test_a_timeout_ends_the_iteration(store: Store) -> None:
    assert [names(found) for found in store.memories.live(persona="p1").follow(timeout=QUIET)] == [["m1"]]
    assert ended(store)


def test_callbacks_are_told_and_no_more_after_the_unsubscription(store: Store) -> None:
    told, other = Told(), Told()
    live = store.memories.live()
    stop = live.subscribe(told)
    live.subscribe(other)
    told.until(lambda: len(told.results) == 1)
    store.memories.remember("x", type="fact")
    told.until(lambda: len(told.results) == 2)
    stop()
    stop()
    store.memories.remember("y", type="fact")
    other.until(lambda: bool(other.results) and len(other.results[-1]) == 4)
    assert len(told.results) == 2


def test_unsubscribing_and_closing_inside_of_a_callback(store: Store) -> None:
    told = Told()
    stops: list[Callable[[], None]] = []
    ready = threading.Event()

    def once(result: Any) -> None:
        ready.wait(SOON)
        stops[0]()
        told(result)

    stops.append(store.memories.live().subscribe(once))
    ready.set()
    told.until(lambda: len(told.results) == 1)
    store.memories.remember("x", type="fact")
    assert ended(store)
    assert len(told.results) == 1

    def last(result: Any) -> None:
        store.close()
        told(result)

    store.memories.live().subscribe(last)
    told.until(lambda: len(told.results) == 2)


def test_a_slow_or_raising_callback_holds_up_nobody(store: Store) -> None:
    told, hold = Told(), threading.Event()

    def raising(_: Any) -> None:
        raise LookupError("mine")

    live = store.memories.live()
    live.subscribe(lambda _: hold.wait(SOON))
    live.subscribe(raising, on_error=told.error)
    live.subscribe(told)
    told.until(lambda: len(told.results) == 1 and len(told.errors) == 1)
    store.memories.remember("x", type="fact")
    told.until(lambda: len(told.results) == 2 and len(told.errors) == 2)
    assert [repr(error) for error in told.errors] == ["LookupError('mine')"] * 2
    hold.set()


def test_an_error_is_told_once_goes_on_and_is_loud_by_default(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    told, loud = Told(), Told()
    monkeypatch.setattr(threading, "excepthook", lambda args: loud.error(args.exc_value))
    live = store.live(lambda: store.memories.need("m9").name)
    live.subscribe(told, on_error=told.error)
    live.subscribe(told)
    told.until(lambda: len(told.errors) == 1)
    loud.until(lambda: len(loud.errors) == 1)
    assert isinstance(told.errors[0], UsageError) and isinstance(loud.errors[0], UsageError)
    store.memories.create(id="m9", type="fact", content="x", name="came")
    told.until(lambda: told.results == ["came", "came"])
    assert len(told.errors) == len(loud.errors) == 1


def test_an_error_of_the_query_is_raised_to_the_iteration(store: Store) -> None:
    feed = store.live(lambda: store.memories.need("m9").name).follow(timeout=SOON)
    for _ in range(2):
        with pytest.raises(UsageError, match="record not found"):
            next(feed)
    store.memories.create(id="m9", type="fact", content="x", name="came")
    assert next(feed) == "came"
    with pytest.raises(UsageError, match="plain values"):
        next(iter(store.live(lambda: threading.Lock())))


def test_closing_the_store_ends_everybody_who_waits(store: Store) -> None:
    told = Told()
    feed = store.memories.live().follow()
    next(feed)
    threading.Timer(0.1, store.close).start()
    store.memories.live().subscribe(told)
    assert list(feed) == []
    store.close()
    with pytest.raises(StoreFailed, match="closed"):
        iter(store.memories.live())
    with pytest.raises(StoreFailed, match="closed"):
        len(store.memories)
    assert not store.pool.watcher.running


def test_closing_a_live_query_ends_its_iterations_only(store: Store) -> None:
    other = store.personas.live().follow(timeout=SOON)
    with store.memories.live() as live:
        feed = live.follow(timeout=SOON)
        next(feed)
        next(other)
    assert list(feed) == [] and list(live) == []
    store.personas.activate("p1")
    assert next(other)


def test_the_watcher_lives_as_long_as_somebody_follows(store: Store) -> None:
    assert not store.pool.watcher.running
    for _ in range(3):
        for _memories in store.memories.live():
            assert store.pool.watcher.running
            break
        gc.collect()
        assert ended(store)


def test_asyncio(store: Store) -> None:
    """The loop goes on while an iteration waits and while its query runs; a wait that is given up loses nothing."""

    ticked = threading.Event()

    def slowly() -> int:
        ticked.clear()
        assert ticked.wait(SOON), "the loop stands still while a query runs"
        time.sleep(0.2)
        return len(store.memories)

    async def follow() -> None:
        async def tick() -> None:
            while True:
                await asyncio.sleep(0.005)
                ticked.set()

        ticking = asyncio.create_task(tick())
        feed = aiter(store.live(slowly))
        assert await asyncio.wait_for(anext(feed), SOON) == 2
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(feed), QUIET)
        await asyncio.to_thread(store.memories.remember, "x", type="fact")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(feed), 0.05)  # in the middle of the query
        assert await asyncio.wait_for(anext(feed), SOON) == 3
        asyncio.get_running_loop().call_later(0.05, feed.close)
        assert [found async for found in feed] == []
        ticking.cancel()

    asyncio.run(follow())
    store.memories.remember("after the loop", type="fact")
    assert ended(store)


def test_many_asyncio_iterations_take_no_threads_while_they_wait(store: Store) -> None:
    async def follow() -> None:
        feeds = [aiter(store.memories.live()) for _ in range(100)]
        for feed in feeds:
            await anext(feed)
        waiting = [asyncio.ensure_future(anext(feed)) for feed in feeds]
        await asyncio.sleep(0.05)
        store.memories.remember("x", type="fact")
        found = await asyncio.wait_for(asyncio.gather(*waiting), SOON)
        assert {len(one) for one in found} == {3}
        waiting = [asyncio.ensure_future(anext(feed)) for feed in feeds]
        await asyncio.sleep(0)
        store.close()
        done = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), SOON)
        assert {type(one) for one in done} == {StopAsyncIteration}

    asyncio.run(follow())


def test_a_replaced_file_is_followed(store: Store) -> None:
    feed = store.memories.live().follow(timeout=SOON)
    assert names(next(feed)) == ["m1", "m2"]
    replaced(store, "DELETE FROM memory_entities WHERE id = 'm1'")
    assert names(next(feed)) == ["m2"]
    store.memories.create(id="m3", type="fact", content="x")
    assert sorted(names(next(feed))) == ["m2", "m3"]


def test_a_reader_that_was_out_while_the_file_was_replaced_is_not_used_again(store: Store) -> None:
    with store.pool.reader():
        replaced(store, "DELETE FROM memory_entities WHERE id = 'm1'")
        assert in_other_thread(lambda: names(store.memories.list())) == ["m2"]
    for _ in range(3):
        assert names(store.memories.list()) == ["m2"]


def test_a_store_restored_in_place_is_followed(store: Store, tmp_path: Path) -> None:
    """SQLite's backup API over the open store: another history, the same file."""
    kept = f"kept = sqlite3.connect({str(tmp_path / 'kept.sqlite')!r}); "
    elsewhere(store, kept + "db.backup(kept)")
    feed = store.memories.live().follow(timeout=SOON)
    store.memories.remove("m1")
    assert names(next(feed)) == ["m2"]
    elsewhere(store, kept + "kept.backup(db)")
    assert names(next(feed)) == ["m1", "m2"]


def test_a_newer_schema_in_its_place_is_refused_and_told(store: Store) -> None:
    told = Told()
    store.memories.live().subscribe(told, on_error=told.error)
    told.until(lambda: len(told.results) == 1)
    replaced(store, "PRAGMA user_version = 99")
    told.until(lambda: len(told.errors) == 1)
    assert isinstance(told.errors[0], ForeignTarget)
    with pytest.raises(ForeignTarget, match="newer"):
        store.memories.remember("x", type="fact")
    replaced(store, f"PRAGMA user_version = {MODEL.schema_version}", "DELETE FROM memory_entities")
    told.until(lambda: told.results[-1] == [])


def test_a_newer_program_that_changes_the_open_store_in_place_is_noticed_before_a_write(store: Store) -> None:
    store.memories.remember("x", type="fact")
    run(store, "PRAGMA user_version = 99")
    with pytest.raises(ForeignTarget, match="newer"):
        store.memories.remember("y", type="fact")
    assert counted_elsewhere(store) == 3


def test_a_store_that_goes_and_comes_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment without a file is passed over; one that stays away is told, and its return is delivered."""
    monkeypatch.setattr(watcher, "_GRACE_SECONDS", SOON)
    told = Told()
    store.memories.live().subscribe(told, on_error=told.error)
    told.until(lambda: len(told.results) == 1)
    aside = store.path.with_name("aside.sqlite")
    replaced(store, "DELETE FROM memory_entities WHERE id = 'm1'")
    told.until(lambda: len(told.results) == 2)
    elsewhere(store, "db.execute('PRAGMA wal_checkpoint(TRUNCATE)')")
    store.path.rename(aside)
    time.sleep(QUIET)
    assert told.errors == []
    monkeypatch.setattr(watcher, "_GRACE_SECONDS", 0.0)
    told.until(lambda: len(told.errors) == 1)
    assert isinstance(told.errors[0], StoreFailed)
    rows = world.rows(aside, "DELETE FROM memory_entities")
    assert rows == []
    aside.rename(store.path)
    told.until(lambda: told.results[-1] == [])


def test_an_open_store_is_opened_by_sqlite_alone(store: Store) -> None:
    """Closing a file handle of our own would drop this process's locks, and another program remove our WAL."""
    store.memories.list()
    other = pjais.open(store.path.parent)
    with pjais.open(store.path.parent):
        pjais.verify(store.path.parent)
    for number in range(3):
        assert counted_elsewhere(store) == 2 + number
        store.memories.remember("x", type="fact")
    assert len(other.memories) == 5
    other.close()
    assert counted_elsewhere(store) == 5


def test_a_wal_that_was_taken_away_is_noticed(store: Store) -> None:
    """The module sqlite3 in this process drops our locks; another program then removes our WAL: nothing is lost."""
    store.memories.remember("x", type="fact")
    world.rows(store.path, "SELECT 1")
    assert counted_elsewhere(store) == 3
    for _ in range(2):
        with pytest.raises(StoreFailed, match="taken away"):
            store.memories.remember("x", type="fact")
    with pytest.raises(StoreFailed, match="taken away"):
        store.memories.list()
    store.close()
    with pjais.open(store.path.parent) as again:
        again.memories.remember("y", type="fact")
        assert counted_elsewhere(store) == len(again.memories) == 4


def counted_elsewhere(store: Store) -> int:
    """How many memories another process sees."""
    return int(elsewhere(store, "print(db.execute('SELECT count(*) FROM memory_entities').fetchone()[0])"))


def test_a_live_query_is_a_plain_value_of_the_store(store: Store) -> None:
    live = store.memories.live(persona="p1", limit=1)
    assert isinstance(live, Live)
    assert names(live.now()) == ["m1"]
