"""A transaction belongs to one task: what a task was told is saved is there, what was rolled back is not.

Under asyncio many tasks share a thread.  Whatever their order, none writes into another one's transaction, sees what is
not committed, or meets an error of SQLite.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pjais
from pjais.errors import StoreFailed, UsageError
from pjais.persona.store import Store
from pjais.store import pool
from strategies import examples

OTHER = "another task of this thread is inside of a transaction"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with pjais.open(tmp_path / "data") as opened:
        yield opened


class Refused(Exception):
    """What a test raises to have a transaction rolled back."""


def add(store: Store, name: str) -> str:
    return store.memories.create(id=name, content=name).id


def ids(store: Store) -> set[str]:
    return {one.id for one in store.memories.list()}


def run(*tasks: Coroutine[Any, Any, Any]) -> list[Any]:
    """All tasks at once; what each returned or raised."""

    async def together() -> list[Any]:
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(together())


def test_another_tasks_rollback_takes_nothing_away(store: Store) -> None:
    """Three tasks begin one after the other; the first fails after the others were told that all is saved."""

    async def fails() -> None:
        async with store.atransaction():
            add(store, "a")
            await asyncio.sleep(0.02)
            raise Refused

    async def saves(name: str) -> None:
        async with store.atransaction():
            add(store, name)
            await asyncio.sleep(0)

    first, *others = run(fails(), saves("b"), saves("c"))
    assert isinstance(first, Refused)
    assert others == [None, None]
    assert ids(store) == {"b", "c"}


def test_a_task_that_cannot_wait_is_told_so_and_nothing_is_written(store: Store) -> None:
    tried = asyncio.Event()

    async def holds() -> None:
        with store.transaction():
            add(store, "a")
            await tried.wait()
            add(store, "a2")

    async def writes() -> str:
        try:
            assert ids(store) == set()  # what is not committed is nobody else's
            return add(store, "b")
        finally:
            tried.set()

    first, refused = run(holds(), writes())
    assert first is None
    assert isinstance(refused, UsageError)
    assert OTHER in refused.what
    assert "atransaction" in str(refused.advice)
    assert ids(store) == {"a", "a2"}


def test_a_task_waits_for_another_without_stopping_it(store: Store) -> None:
    order = []

    async def holds() -> None:
        with store.transaction():
            add(store, "a")
            for _ in range(5):
                await asyncio.sleep(0)
            order.append("first")

    async def waits() -> None:
        async with store.atransaction("after"):
            order.append("second")
            assert ids(store) == {"a"}
            async with store.atransaction():
                add(store, "b")

    assert run(holds(), waits()) == [None, None]
    assert order == ["first", "second"]
    assert [one.label for one in store.undoable()][:1] == ["after"]
    store.undo()
    assert ids(store) == {"a"}


def test_a_task_that_waits_for_its_turn_is_not_stopped_by_one_that_cannot(store: Store) -> None:
    """Another thread has the turn and a task awaits it: a plain write in the same thread would stop both."""
    begun, end = threading.Event(), threading.Event()

    def holds() -> None:
        with store.transaction():
            add(store, "a")
            begun.set()
            end.wait(120)

    async def waits() -> None:
        async with store.atransaction():
            add(store, "b")

    async def writes() -> None:
        try:
            add(store, "c")
        finally:
            end.set()

    other = threading.Thread(target=holds)
    other.start()
    begun.wait(120)
    waited, refused = run(waits(), writes())
    other.join()
    assert waited is None
    assert isinstance(refused, UsageError)
    assert ids(store) == {"a", "b"}


def test_a_cancelled_wait_gives_its_turn_up(store: Store) -> None:
    async def waits() -> None:
        async with store.atransaction():
            add(store, "never")

    async def main() -> None:
        async with store.atransaction():
            add(store, "a")
            waiting = asyncio.create_task(waits())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        other = asyncio.create_task(waits())
        async with store.atransaction():
            add(store, "b")
            await asyncio.sleep(0)
            other.cancel()  # and the turn comes to it before it hears of that
        with pytest.raises(asyncio.CancelledError):
            await other
        add(store, "c")

    asyncio.run(main())
    assert ids(store) == {"a", "b", "c"}


def test_a_cancelled_task_is_rolled_back(store: Store) -> None:
    async def holds() -> None:
        with store.transaction():
            add(store, "a")
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(holds())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        add(store, "b")

    asyncio.run(main())
    assert ids(store) == {"b"}


def test_a_task_that_was_begun_inside_is_outside(store: Store) -> None:
    """It inherits the context, and not the transaction; after its end it writes by itself."""

    async def child(ended: asyncio.Event) -> str:
        with pytest.raises(UsageError):
            add(store, "early")
        await ended.wait()
        return add(store, "child")

    async def main() -> None:
        ended = asyncio.Event()
        with store.transaction():
            add(store, "a")
            task = asyncio.create_task(child(ended))
            await asyncio.sleep(0)
        ended.set()
        assert await task == "child"

    asyncio.run(main())
    assert ids(store) == {"a", "child"}


def test_a_thread_that_was_begun_inside_is_outside(store: Store) -> None:
    """`to_thread` copies the context: its write is refused, since the task that waits for it holds the turn."""

    async def main() -> None:
        with store.transaction():
            add(store, "a")
            assert await asyncio.to_thread(ids, store) == set()
            with pytest.raises(UsageError, match="the task that started this one"):
                await asyncio.to_thread(add, store, "b")
            with pytest.raises(UsageError, match="the task that started this one"):
                await asyncio.to_thread(store.close)
            with pytest.raises(UsageError, match="the task that started this one"):
                await anyio.to_thread.run_sync(add, store, "b")
        assert await asyncio.to_thread(add, store, "c") == "c"

    asyncio.run(main())
    assert ids(store) == {"a", "c"}


def test_tasks_of_anyio_are_kept_apart(store: Store) -> None:
    seen: list[str] = []

    async def holds(begun: anyio.Event, tried: anyio.Event) -> None:
        with store.transaction():
            add(store, "a")
            begun.set()
            await tried.wait()

    async def writes(begun: anyio.Event, tried: anyio.Event) -> None:
        await begun.wait()
        with pytest.raises(UsageError, match=OTHER):
            add(store, "b")
        seen.append("refused")
        tried.set()

    async def main() -> None:
        begun, tried = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(holds, begun, tried)
            group.start_soon(writes, begun, tried)

    anyio.run(main)
    assert seen == ["refused"]
    assert ids(store) == {"a"}


def test_threads_still_wait_for_each_other(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: add(store, f"m{number}"), range(40)))
    assert ids(store) == set(made)


def test_a_wait_for_another_thread_ends(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "BUSY_MS", 20)
    begun, end = threading.Event(), threading.Event()

    def holds() -> None:
        with store.transaction():
            begun.set()
            end.wait(120)

    async def waits() -> None:
        async with store.atransaction():
            add(store, "never")

    other = threading.Thread(target=holds)
    other.start()
    begun.wait(120)
    with pytest.raises(StoreFailed, match="another thread or task"):
        add(store, "never")
    with pytest.raises(StoreFailed, match="another thread or task"):
        asyncio.run(waits())
    end.set()
    other.join()
    add(store, "later")
    assert ids(store) == {"later"}


def test_a_task_waits_for_another_process_and_others_go_on(store: Store) -> None:
    """The lock of the file is asked for again and again, between the steps of the other tasks."""
    from pjais import sqlite

    other = sqlite.open_writer(store.path)
    other.execute("BEGIN IMMEDIATE")
    steps: list[int] = []

    async def waits() -> None:
        async with store.atransaction():
            add(store, "a")

    async def goes_on() -> None:
        for number in range(5):
            await asyncio.sleep(0.001)
            steps.append(number)
        other.execute("ROLLBACK")
        other.close()

    assert run(waits(), goes_on()) == [None, None]
    assert steps == [0, 1, 2, 3, 4]
    assert ids(store) == {"a"}


def test_nested_transactions_of_two_tasks(store: Store) -> None:
    async def nests(name: str, fails: bool) -> None:
        async with store.atransaction():
            add(store, f"{name}1")
            await asyncio.sleep(0)
            with pytest.raises(Refused), store.transaction():
                add(store, f"{name}2")
                await asyncio.sleep(0)
                raise Refused
            with store.transaction():
                add(store, f"{name}3")
                await asyncio.sleep(0)
            if fails:
                raise Refused

    run(nests("a", False), nests("b", True), nests("c", False))
    assert ids(store) == {"a1", "a3", "c1", "c3"}


def test_generators_that_end_out_of_order_save_nothing_and_say_so(store: Store) -> None:
    @contextmanager
    def held(name: str) -> Iterator[None]:
        with store.transaction():
            add(store, name)
            yield

    outer, inner = held("outer"), held("inner")
    outer.__enter__()
    inner.__enter__()
    with pytest.raises(UsageError, match="another order"):
        outer.__exit__(None, None, None)
    with pytest.raises(UsageError, match="another order"):
        add(store, "between")
    with pytest.raises(UsageError, match="another order"):
        inner.__exit__(None, None, None)
    assert ids(store) == set()
    first, second, third = held("1"), held("2"), held("3")
    for one in (first, second, third):
        one.__enter__()
    with pytest.raises(UsageError, match="another order"):
        second.__exit__(None, None, None)
    with pytest.raises(UsageError, match="another order"):
        third.__exit__(None, None, None)
    with pytest.raises(UsageError, match="another order"):
        first.__exit__(None, None, None)
    add(store, "after")
    assert ids(store) == {"after"}


def test_a_generator_that_another_task_ends_is_rolled_back(store: Store) -> None:
    async def pieces() -> AsyncIterator[str]:
        with store.transaction():
            yield add(store, "a")
            yield add(store, "b")

    async def main() -> None:
        generator = pieces()
        assert await anext(generator) == "a"
        with pytest.raises(UsageError, match=OTHER):  # its second half, in a task that did not begin it
            await asyncio.create_task(_next(generator))
        add(store, "c")
        other = pieces()
        await anext(other)
        await asyncio.create_task(_end(other))
        add(store, "d")

    asyncio.run(main())
    assert ids(store) == {"c", "d"}


async def _next(generator: AsyncIterator[str]) -> str:
    return await anext(generator)


async def _end(generator: Any) -> None:
    await generator.aclose()


def test_a_transaction_that_a_pool_thread_left_open_is_not_the_next_calls(store: Store) -> None:
    """A generator's first half ran in a worker thread; what runs there next is not inside of its transaction."""

    def half() -> Generator[str, None, None]:
        with store.transaction():
            yield add(store, "a")

    generator = half()
    with ThreadPoolExecutor(1) as worker:
        worker.submit(contextvars.copy_context().run, next, generator).result()
        with pytest.raises(UsageError, match=OTHER):
            worker.submit(contextvars.copy_context().run, add, store, "b").result()
        generator.close()
        worker.submit(contextvars.copy_context().run, add, store, "c").result()
    assert ids(store) == {"c"}


def test_a_loop_inside_of_a_transaction_writes_nothing_into_it(store: Store) -> None:
    async def writes() -> None:
        add(store, "b")

    with store.transaction():
        add(store, "a")
        with pytest.raises(UsageError, match="inside of a transaction"):
            asyncio.run(writes())
    assert ids(store) == {"a"}


def test_a_store_is_not_closed_while_another_task_writes(store: Store) -> None:
    tried = asyncio.Event()

    async def holds() -> None:
        async with store.atransaction():
            add(store, "a")
            await tried.wait()
            add(store, "b")

    async def closes() -> None:
        try:
            store.close()
        finally:
            tried.set()

    first, refused = run(holds(), closes())
    assert first is None
    assert isinstance(refused, UsageError)
    assert ids(store) == {"a", "b"}
    store.close()
    with pytest.raises(StoreFailed, match="closed"):
        run_one = run(holds())[0]
        raise run_one


def test_live_queries_beside_a_tasks_transaction(store: Store) -> None:
    """They see what is committed; one is not followed inside of a transaction, where nothing new could come."""
    seen: list[set[str]] = []

    begun = asyncio.Event()

    async def follows() -> None:
        async for found in store.memories.live():
            seen.append({one.id for one in found})
            begun.set()
            if seen[-1]:
                return

    async def writes() -> None:
        await begun.wait()
        async with store.atransaction():
            add(store, "a")
            await asyncio.sleep(0.02)
            with pytest.raises(UsageError, match="not followed inside"):
                await anext(aiter(store.memories.live()))
            add(store, "b")

    assert run(follows(), writes()) == [None, None]
    assert seen[0] == set()
    assert seen[-1] == {"a", "b"}


def test_only_the_frozen_task_may_not_write(store: Store) -> None:
    written = asyncio.Event()

    async def frozen() -> None:
        with store.pool.frozen():
            await written.wait()
            with pytest.raises(UsageError, match="cannot write"):
                add(store, "a")
            with pytest.raises(UsageError, match="cannot write"):
                async with store.atransaction():
                    pass

    async def writes() -> None:
        add(store, "b")
        written.set()

    assert run(frozen(), writes()) == [None, None]
    assert ids(store) == {"b"}


def test_undo_stands_alone_in_its_task_and_names_what_each_task_did(store: Store) -> None:
    async def does(name: str) -> None:
        async with store.atransaction(name):
            add(store, f"{name}1")
            await asyncio.sleep(0)
            with pytest.raises(UsageError, match="stands alone"):
                store.undo()
            add(store, f"{name}2")

    run(does("first"), does("second"))
    assert [(one.label, one.last_seq - one.first_seq) for one in store.undoable()] == [("second", 1), ("first", 1)]
    store.undo()
    assert ids(store) == {"first1", "first2"}


def test_two_looks_at_the_past_that_are_read_by_turns(store: Store) -> None:
    add(store, "a")
    add(store, "b")
    past = store.at(store.last_change())
    first, second = past.records("memory_entities"), past.records("memory_entities")
    next(first)
    next(second)
    add(store, "c")
    assert [getattr(one, "id", None) for one in first] == ["b"]
    assert [getattr(one, "id", None) for one in second] == ["b"]
    past.close()


STEPS = st.recursive(
    st.sampled_from(["write", "pause", "read", "thread"]),
    lambda inner: st.tuples(st.sampled_from(["plain", "async"]), st.lists(inner, max_size=4), st.booleans()),
    max_leaves=6,
)


NUMBERS = count()


class World:
    """The tasks of a test, and what each was told."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.saved = ids(store)
        """What is there, and what some task was told is saved."""
        self.errors: list[BaseException] = []

    def name(self) -> str:
        return f"w{next(NUMBERS)}"

    async def task(self, steps: list[Any]) -> None:
        """Do the steps, one after the other; a refusal of one is no reason to leave out the next."""
        for step in steps:
            done: set[str] = set()
            try:
                await self.step(step, done)
            except (UsageError, Refused):
                continue
            except BaseException as error:
                self.errors.append(error)
                raise
            self.saved |= done

    async def step(self, step: Any, done: set[str]) -> None:
        """One step; `done` is what it was told is saved once all transactions around it are."""
        if step == "write":
            done.add(add(self.store, self.name()))
        elif step == "thread":
            name = self.name()
            assert await asyncio.to_thread(add, self.store, name) == name
            done.add(name)
        elif step == "pause":
            await asyncio.sleep(0)
        elif step == "read":
            assert self.saved <= ids(self.store)  # and what is not committed is looked for at the end
        else:
            how, steps, fails = step
            await self.inside(how, steps, fails, done)

    async def inside(self, how: str, steps: list[Any], fails: bool, done: set[str]) -> None:
        within: set[str] = set()
        if how == "plain":
            with self.store.transaction():
                await self.body(steps, fails, within)
        else:
            async with self.store.atransaction():
                await self.body(steps, fails, within)
        done |= within

    async def body(self, steps: list[Any], fails: bool, within: set[str]) -> None:
        for step in steps:
            done: set[str] = set()
            try:
                await self.step(step, done)
            except (UsageError, Refused):
                continue
            within |= done
            assert within <= ids(self.store)  # its own writes
        if fails:
            raise Refused


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(STEPS, min_size=1, max_size=4), min_size=2, max_size=4))
def test_whatever_the_order_of_the_tasks_what_was_saved_is_there_and_nothing_else(
    store: Store, tasks: list[list[Any]]
) -> None:
    """The store goes on from example to example, so a turn that somebody left taken would show."""
    here = World(store)
    outcomes = run(*(here.task(steps) for steps in tasks))
    assert here.errors == []
    assert outcomes == [None] * len(tasks)
    assert ids(store) == here.saved
