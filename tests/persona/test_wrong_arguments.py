"""Whatever a call of the library is given: a result, or a UsageError that says what is wrong with which argument."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import Store
from pjais.errors import PjaisError, UsageError, ValidationFailed
from pjais.persona.filters import Filters
from pjais.store.records import Records
from world import memory, persona, write_json

TEXT: tuple[Any, ...] = (5, 1.5, True, b"x", ["x"], {"x": 1}, "\ud800")
COUNT: tuple[Any, ...] = (-1, 1.5, "3", True, 1 << 63, [1])
NUMBER: tuple[Any, ...] = ("3", True, None, float("nan"), [1], 1 << 63)
FLAG: tuple[Any, ...] = ("yes", 1, None, [])
SPAN: tuple[Any, ...] = (5, "x", (1,), (1, 2, 3), ("a", None), (None, True), (float("nan"), None), (None, [1]))
TEXTS: tuple[Any, ...] = (5, [5], [None], ["\ud800"], True, {1: 2})
FUNCTION: tuple[Any, ...] = (5, "x", [])

WRONG: dict[str, tuple[Any, ...]] = {
    "limit": COUNT,
    "offset": COUNT,
    "n": (*COUNT, 0),
    "seq": COUNT,
    "above": NUMBER,
    "low": NUMBER[:2],
    "high": NUMBER[:2],
    "threshold": tuple(one for one in NUMBER if one is not None),
    "since": ("2025", True, float("nan"), [1]),
    "until": ("2025", True, [1]),
    "persona": TEXT,
    "persona_id": TEXT,
    "memory_id": TEXT,
    "conversation_id": TEXT,
    "plugin_id": TEXT,
    "record_id": TEXT,
    "key": TEXT,
    "keys": (5, b"x", [5]),
    "a": TEXT,
    "b": TEXT,
    "source": (*TEXTS, "wat"),
    "role": TEXT,
    "label": TEXT,
    "order": (*TEXT, "wat", "-", "t.id; DROP TABLE x"),
    "table": (*TEXT, "wat"),
    "field": (*TEXT, "wat"),
    "time": (1.5, True, [1], "yesterday", "9" * 5000, "²²²²²"),
    "before": (None, 1.5, True, [1], "yesterday", -1),
    "after": (None, 1.5, True, [1], "yesterday", -1),
    "model": TEXT[:-1],
    "vector": (5, "x", ["a"], [], [0.0], [float("nan")], {"a": 1}),
    "embed": FUNCTION,
    "query": FUNCTION,
    "progress": FUNCTION,
    "tables": (5, ["wat"], "wat", [5]),
    "any": FLAG,
    "prefix": FLAG,
    "highlight": FLAG,
    "hidden": FLAG,
    "sha256": TEXT,
    "number": COUNT,
    "archived": ("yes", 1, []),
    "numbers": ("12", [1.5], ["1"], [True]),
    "file": (5, True, b"x", ["x"]),
    "dry_run": FLAG,
    "marks": (5, "ab", ("a",), ("a", 5), ["a", "b", "c"], ("\ud800", "b")),
}
"""By the name of an argument: what it must refuse."""
OF_METHOD: dict[str, tuple[Any, ...]] = {
    "memories.by_tier.tier": TEXTS,
    "memories.by_type.type": TEXTS,
    "memories.by_tags.tags": TEXTS[:3],
    "memories.set_tier.tier": (*TEXT, "wat"),
    "relationships.of.type": TEXT,
    "memories.search.text": (5, None, b"x", ["x"]),
    "memories.search_page.text": (5, None, b"x", ["x"]),
    "memories.hybrid.text": (5, None, b"x", ["x"]),
    "memories.search.limit": (*COUNT, "all"),
    "memories.similar.text": (5, b"x", ["x"]),
    "memories.without_date.text": (5, b"x", ["x"]),
    "memories.remember.content": (),
    "conversations.add_message.content": (),
    "conversations.search.text": (5, None, b"x", ["x"]),
    "conversations.search_page.text": (5, None, b"x", ["x"]),
    **{
        f"conversations.{name}.{bound}": (1.5, True, [1], "yesterday")
        for name in ("search", "search_page")
        for bound in ("since", "until")
    },
    "store.name_of.table": TEXT,
    "store.live.tables": (5, ["wat"], "wat", [5]),
    "store.collection.name": (*TEXT, "wat"),
    "store.undo_one.operation": (*TEXT, None, 1),
    "store.changed_by.operation": (),
}
FILTERS: dict[str, tuple[Any, ...]] = {
    "persona": TEXT,
    "tier": TEXTS,
    "type": TEXTS,
    "tags": TEXTS,
    "created": SPAN,
    "updated": SPAN,
    "accessed": SPAN,
    "importance": SPAN,
    "include_deleted": FLAG,
    "deleted": FLAG,
    "words": (5, b"x", ["x"]),
    "undated": (5, "wat", ["wat"], [5]),
    "source": (*TEXTS, "wat"),
    "without_tiers": TEXTS,
    "without_tags": TEXTS,
}

NEEDED: dict[str, Any] = {
    "persona": "p1",
    "persona_id": "p1",
    "memory_id": "m1",
    "conversation_id": "c1",
    "plugin_id": "g1",
    "record_id": "m1",
    "sha256": "0" * 64,
    "name": "notes",
    "operation": None,
    "key": "p1",
    "keys": ["p1"],
    "a": "p1",
    "b": "p2",
    "since": 0,
    "until": None,
    "tier": "hot",
    "type": "text",
    "text": "tea",
    "role": "user",
    "content": "x",
    "before": 0,
    "table": "memories",
    "query": len,
    "number": 1,
    "numbers": [1],
}
"""What the arguments that a method cannot do without are given."""
ALREADY_GIVEN = {"memories.similar": {"vector": [1.0, 0.0]}, "memories.hybrid": {"vector": [1.0, 0.0]}}
"""What makes a search by meaning possible here."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("wrong")
    one = memory("m1", embedding=[1.0, 0.5], embeddingModel="a")
    write_json(folder, personas=[persona()], memories=[one], notes=[{"id": "n1"}])
    pjais.migrate(folder)
    with pjais.open(folder) as opened:
        opened.conversations.create(id="c1", persona_id="p1", session_id="s", title="t")
        opened.plugins.create(id="g1", name="g", version="1", manifest={})
        yield opened


def methods(store: Store) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public method of a store and of its kinds of records, less those that take nothing."""
    for owner in ("store", "personas", "memories", "conversations", "relationships", "plugins", "attachments"):
        held = store if owner == "store" else getattr(store, owner)
        for name, method in inspect.getmembers(held, inspect.ismethod):
            if not name.startswith("_") and name not in ("close", "live" if owner != "store" else "close"):
                yield f"{owner}.{name}", method


def called(method: Callable[..., Any], given: dict[str, Any]) -> Any:
    """Call a method with arguments by name, and take what it gives."""
    first: list[Any] = []
    named = dict(given)
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL and name in named:
            first.append(named.pop(name))
    result = method(*first, **named)
    if hasattr(result, "now"):
        return result.now()
    if hasattr(result, "__aenter__"):
        return asyncio.run(result.__aenter__())
    if hasattr(result, "__enter__"):
        with result:
            return result
    return result


def needed(full: str, method: Callable[..., Any]) -> dict[str, Any]:
    owner = full.partition(".")[0]
    found: dict[str, Any] = dict(ALREADY_GIVEN.get(full, {}))
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        ):
            keys = {"memories": "m1", "conversations": "c1", "plugins": "g1", "personas": "p1"}
            keys |= {"relationships": "r1", "attachments": "0" * 64, "store": "m1"}
            found[name] = keys[owner] if name == "key" else NEEDED[name]
    return found


def test_every_argument_is_checked(store: Store) -> None:
    """New methods and arguments must be named here, with what they refuse."""
    wrong = []
    for full, method in methods(store):
        for name, parameter in inspect.signature(method).parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD or (full, name) in UNCHECKED:
                continue
            values = OF_METHOD.get(f"{full}.{name}", WRONG.get(name))
            assert values is not None, f"{full}({name}) is not in the table"
            for value in values:
                given = {**needed(full, method), name: value}
                if (full, name) == ("memories.similar", "text"):
                    del given["vector"]
                if full == "memories.without_date":
                    given["created"] = (0, 1)
                if full == "store.restore_record" and name not in ("seq", "time"):
                    given["seq"] = 0
                wrong += said(full, method, given, {name: value})
    assert not wrong, "\n".join(wrong)


UNCHECKED = {("store.live", "given"), ("store.changed_by", "operation")}
"""What a live query gives to the query; an operation as the store listed it."""


def test_every_filter_is_checked(store: Store) -> None:
    assert FILTERS.keys() == Filters.__annotations__.keys()
    wrong = []
    for full, method in methods(store):
        rest = [one for one in inspect.signature(method).parameters.values() if one.kind is one.VAR_KEYWORD]
        if not full.startswith("memories.") or not rest or rest[0].name != "wanted":
            continue
        for name, values in FILTERS.items():
            for value in values:
                given = {**needed(full, method), name: value}
                wrong += said(full, method, given, {name: value})
        wrong += said(full, method, {**needed(full, method), "wat": 1}, {"wat": 1})
    assert not wrong, "\n".join(wrong)


def said(full: str, method: Callable[..., Any], given: dict[str, Any], about: dict[str, Any]) -> list[str]:
    """Return what is wrong with the answer to a wrong call; empty where it is a UsageError with all its parts."""
    try:
        result = called(method, given)
    except UsageError as error:
        whole = error.what and error.next_command and all(isinstance(line, str) for line in error.where)
        return [] if whole else [f"{full}({about!a}): {error.as_dict()}"]
    except Exception as error:  # noqa: BLE001 - just what must not be
        return [f"{full}({about!a}): {type(error).__name__} {error!a}"]
    return [f"{full}({about!a}) gave {result!a}"]


@pytest.mark.parametrize("value", [5, True, b"x", ["x"], {"x": 1}, "\ud800", 1 << 70, float("nan")], ids=ascii)
def test_a_field_of_the_wrong_kind_is_refused_whole(store: Store, value: Any) -> None:
    """Fields are the models' to judge; what they let through can be stored and read again."""
    last = store.last_change()
    for records in (store.personas, store.memories, store.conversations, store.relationships, store.plugins):
        for name in records.table.record._fields:
            wrote = store.last_change()
            try:
                made = records.create(**{**usual(records), name: value})
            except (UsageError, ValidationFailed) as error:
                assert error.what and error.next_command
                assert store.last_change() == wrote
            else:
                assert records.need(made.id) == made
                records.remove(made.id)
    assert store.last_change() >= last


def usual(records: Records[Any]) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {
        "personas": {"name": "n"},
        "memory_entities": {"content": "c"},
        "conversations": {"persona_id": "p1", "session_id": "s", "title": "t"},
        "relationships": {"from_id": "m1", "to_id": "p1", "type": "about", "strength": 1},
        "plugins": {"name": "n", "version": "1", "manifest": {}},
    }
    return found[records.table.name]


def test_the_past_checks_its_arguments_too(store: Store) -> None:
    past = store.at(0)
    calls: list[Callable[[], object]] = [
        *(lambda value=value: past.get("memories", value) for value in TEXT[:-1]),
        *(lambda value=value: past.memories.get(value) for value in TEXT[:-1]),
        *(lambda value=value: past.get(value, "m1") for value in TEXT),
        *(lambda value=value: list(past.records(value)) for value in TEXT),
        *(lambda value=value: past.memories.list(limit=value) for value in COUNT),
    ]
    for call in calls:
        with pytest.raises(PjaisError) as told:
            call()
        assert isinstance(told.value, UsageError)


def test_a_live_query_checks_how_it_is_followed(store: Store, tmp_path: Path) -> None:
    live = store.personas.live()
    for value in ("x", True, float("nan"), [1]):
        with pytest.raises(UsageError):
            live.follow(timeout=value)  # type: ignore[arg-type]
    for value in FUNCTION:
        with pytest.raises(UsageError):
            live.subscribe(value)
        with pytest.raises(UsageError):
            live.subscribe(len, on_error=value or "x")  # type: ignore[arg-type]
