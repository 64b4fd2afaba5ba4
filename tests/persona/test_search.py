"""Search: what is found, in which order, marked how; any text is safe; every way of answering gives the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pjais
import world
from pjais.errors import UsageError
from pjais.models.persona.records import Memory
from pjais.persona import query, search
from pjais.persona.store import Store
from strategies import examples

DAY = 86_400_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with pjais.open(tmp_path) as opened:
        for key in ("p1", "p2"):
            opened.personas.create(id=key, name=key)
        yield opened


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Sixty memories of two personas that all hold `tea`."""
    memories = [
        world.memory(
            f"m{number:02}",
            f"p{1 + number % 2}",
            content=f"tea number{number} " + "and more " * (number % 7),
            name="tea" if number % 10 == 0 else "",
            tags=["x"] if number % 3 == 0 else ["y", "x y"],
            importance=number,
            memoryTier=("hot", "warm", "cold", "active")[number % 4],
            createdAt=number * DAY,
            type="fact" if number < 30 else "event",
        )
        for number in range(60)
    ]
    folder = tmp_path_factory.mktemp("filled")
    world.write_json(folder, personas=[world.persona("p1"), world.persona("p2")], memories=memories)
    with pjais.open(folder) as opened:
        yield opened


def ids(found: list[search.Found]) -> list[str]:
    return [one.memory.id for one in found]


def add(store: Store, key: str, content: Any, **more: Any) -> Memory:
    return store.memories.create(id=key, persona_id=more.pop("persona_id", "p1"), content=content, **more)


def test_all_words_must_occur_or_any(store: Store) -> None:
    add(store, "both", "green tea in the garden")
    add(store, "one", "black tea")
    assert ids(store.memories.search("GARDEN tea")) == ["both"]
    assert sorted(ids(store.memories.search("garden tea", any=True))) == ["both", "one"]
    assert store.memories.search("garden coffee") == []


def test_phrases_beginnings_and_accents(store: Store) -> None:
    add(store, "a", "the tea ceremony of Kyōto")
    add(store, "b", "a ceremony with tea")
    assert ids(store.memories.search('"tea ceremony"')) == ["a"]
    assert ids(store.memories.search('"tea ceremony')) == ["a"]
    assert sorted(ids(store.memories.search("cerem*"))) == ["a", "b"]
    assert ids(store.memories.search('"tea cer"*')) == ["a"]
    assert ids(store.memories.search("kyoto")) == ["a"]
    assert store.memories.search("cerem") == []


def test_search_as_you_type(store: Store) -> None:
    add(store, "a", "tea ceremony")
    assert ids(store.memories.search("tea cer", prefix=True)) == ["a"]
    assert store.memories.search("tea cer ", prefix=True) == []  # the word is finished
    assert ids(store.memories.search('"tea ce', prefix=True)) == ["a"]


def test_a_hit_in_the_name_counts_most(store: Store) -> None:
    text = "some words about nothing much at all, "
    add(store, "content", f"{text} lantern", name="n", summary="s")
    add(store, "summary", text, name="n", summary="lantern s")
    add(store, "name", text, name="lantern", summary="s")
    assert ids(store.memories.search("lantern")) == ["name", "summary", "content"]


def test_snippets_and_highlights_with_marks(store: Store) -> None:
    add(store, "a", "word " * 40 + "a lantern here" + " word" * 40, name="Lantern", tags=["lantern"])
    (found,) = store.memories.search("lantern", marks=("<b>", "</b>"), highlight=True)
    assert found.marked is not None
    assert found.marked["name"] == "<b>Lantern</b>"
    assert found.marked["content"].count("<b>lantern</b>") == 1
    assert found.marked["tags"] == '["<b>lantern</b>"]'
    assert "<b>" in found.snippet
    assert len(found.snippet.split()) <= 16
    assert store.memories.search("lantern")[0].marked is None
    with pytest.raises(UsageError):
        store.memories.search("lantern", marks=("\ud800", ""))


def test_deleted_memories_only_when_asked_for(store: Store) -> None:
    add(store, "a", "tea")
    store.memories.delete("a")
    assert store.memories.search("tea") == []
    assert ids(store.memories.search("tea", include_deleted=True)) == ["a"]


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"persona": "p1"}, lambda m: m.persona_id == "p1"),
        ({"persona": "nobody"}, lambda _: False),
        ({"tier": "hot"}, lambda m: m.memory_tier in ("hot", "active")),
        ({"tier": ["warm", "cold"]}, lambda m: m.memory_tier in ("warm", "cold")),
        ({"type": "event"}, lambda m: m.type == "event"),
        ({"tags": "x"}, lambda m: "x" in m.tags),
        ({"tags": ["y", "x y"]}, lambda m: {"y", "x y"} <= set(m.tags)),
        ({"tags": ["x", "y"]}, lambda _: False),
        ({"created": (10 * DAY, 20 * DAY)}, lambda m: 10 <= m.importance <= 20),
        ({"created": (None, 5 * DAY)}, lambda m: m.importance <= 5),
        ({"importance": (7, 9.5)}, lambda m: 7 <= m.importance <= 9),
        (
            {"persona": "p2", "tier": "hot", "importance": (30, None)},
            lambda m: m.persona_id == "p2" and m.memory_tier in ("hot", "active") and m.importance >= 30,
        ),
    ],
)
def test_filters_are_the_same_however_it_is_answered(
    filled: Store, wanted: dict[str, Any], passes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By rank, by a persona's memories, by the newest: the same memories, the same total."""
    expected = sorted(memory.id for memory in filled.memories.list() if passes(memory))
    for many, few in ((1000, 1000), (5, 1000), (5, 5)):
        monkeypatch.setattr(search, "RANKED_ALL", many)
        monkeypatch.setattr(search, "_FEW", few)
        monkeypatch.setattr(search, "RANKED", 8)
        for text in ("tea", "te*", '"tea"'):
            page = filled.memories.search_page(text, limit=None, **wanted)
            assert sorted(ids(page.found)) == expected
            assert page.total == len(expected)
            assert page.next_offset is None
            assert all("[tea]" in one.snippet for one in page.found)


@pytest.mark.parametrize(("many", "few"), [(1000, 1000), (5, 1000), (5, 5)])
def test_pages_put_together_are_the_whole(filled: Store, many: int, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "RANKED_ALL", many)
    monkeypatch.setattr(search, "_FEW", few)
    monkeypatch.setattr(search, "RANKED", 8)
    whole = ids(filled.memories.search("tea", persona="p1", limit=None))
    assert len(whole) == 30
    pages, offset = [], 0
    while True:
        page = filled.memories.search_page("tea", persona="p1", limit=7, offset=offset)
        pages += ids(page.found)
        assert page.total == 30
        if page.next_offset is None:
            break
        offset = page.next_offset
    assert pages == whole
    assert filled.memories.search("tea", limit=0) == []


def test_equally_good_ones_come_in_the_order_in_which_they_were_stored(store: Store) -> None:
    for number in range(50):
        add(store, f"{(number * 7) % 50}", "tea")
    assert ids(store.memories.search("tea")) == [f"{(number * 7) % 50}" for number in range(50)]


def test_what_is_not_in_the_index_is_looked_for_as_it_is(store: Store) -> None:
    add(store, "a", "with a 🍵 in the hand → away", importance=10)
    add(store, "b", "🍵", importance=90, persona_id="p2")
    page = store.memories.search_page("🍵")
    assert ids(page.found) == ["b", "a"]
    assert page.total == 2
    assert page.found[1].snippet == "with a [🍵] in the hand → away"
    assert ids(store.memories.search("🍵 →")) == ["a"]
    assert sorted(ids(store.memories.search("🍵 →", any=True))) == ["a", "b"]
    assert ids(store.memories.search("🍵", persona="p2")) == ["b"]
    assert ids(store.memories.search("🍵 hand")) == ["a"]  # a word beside it is enough for the index
    for nothing in ("", "   ", '"', '""', "*", '"*"*', "\x00", "\ud800"):
        assert store.memories.search_page(nothing) == search.Results([], 0, None)


def test_a_long_text_is_cut_at_a_word(store: Store) -> None:
    add(store, "a", "tea ceremony")
    assert ids(store.memories.search("tea ceremony " * 5000)) == ["a"]
    assert ids(store.memories.search("tea " + " " * 990 + "ceremonyandsoon" * 10)) == ["a"]
    assert len(query.terms("x " * 5000)) == query.MAX_WORDS
    assert store.memories.search("x" * 10_000_000) == []


SYNTAX = [
    "NEAR(",
    "NEAR(a b, 2)",
    "AND",
    "OR",
    "NOT",
    '"',
    "*",
    "^",
    ":",
    "name:",
    "{name content}:",
    "(",
    ")",
    "+",
    "-",
    "a AND",
    "NOT a",
    "^a",
    "-name : a",
    "'",
    ";",
    "--",
    "%",
    "_",
    "\\",
    "tea*",
    '"tea',
    "\x00",
    "\ud800",
    "\udfff",
    "🍵",
    "e\u0301",
    "ＡＢ",
    "ß",
    "İ",
    "\u200b",
    "\ufeff",
]
texts = st.one_of(
    st.text(st.characters(codec=None), max_size=40),
    st.lists(st.sampled_from([*SYNTAX, "tea", "number7"]), max_size=8).map(" ".join),
    st.lists(st.sampled_from([*SYNTAX, "tea"]), max_size=8).map("".join),
)


@settings(max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts, any=st.booleans(), prefix=st.booleans(), marks=st.tuples(*[st.text(max_size=3)] * 2))
def test_any_text_is_safe(filled: Store, text: str, any: bool, prefix: bool, marks: tuple[str, str]) -> None:
    """No text raises; what is found is the same each time, and as many as the total says."""
    if query.unstorable("".join(marks)):
        marks = ("[", "]")
    page = filled.memories.search_page(text, any=any, prefix=prefix, marks=marks, limit=None)
    assert page.total == len(page.found) == len(set(ids(page.found)))
    assert page == filled.memories.search_page(text, any=any, prefix=prefix, marks=marks, limit=None)
    assert filled.memories.search(text, any=any, prefix=prefix, marks=marks, limit=3, offset=1) == page.found[1:4]


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), min_size=1, max_size=4), prefix=st.booleans())
def test_words_find_what_a_plain_look_finds(filled: Store, words: list[str], prefix: bool) -> None:
    """For words of plain letters the index agrees with looking at every memory."""
    expected = set()
    for memory in filled.memories.list():
        held = re.findall("[a-z0-9]+", f"{memory.name} {memory.content} {memory.summary} {memory.tags}".lower())
        last = [word for word in held if word.startswith(words[-1])] if prefix else [words[-1]] * (words[-1] in held)
        if last and all(word in held for word in words[:-1]):
            expected.add(memory.id)
    assert set(ids(filled.memories.search(" ".join(words), prefix=prefix, limit=None))) == expected


@pytest.mark.parametrize(
    "wanted",
    [
        {"persona": "\ud800"},
        {"tags": [1]},
        {"colour": "red"},
        {"created": 5},
        {"created": (float("nan"), None)},
        {"updated": ("2025", None)},
        {"type": ["x"] * 501},
    ],
)
def test_filters_that_are_none_are_refused(filled: Store, wanted: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        filled.memories.search("tea", **wanted)


def test_far_instants_are_no_error(filled: Store) -> None:
    assert len(filled.memories.search("tea", limit=None, created=(-(8 * 10**15), 8 * 10**15))) == 60


def test_writes_of_this_thread_are_found_in_its_transaction(store: Store) -> None:
    with pytest.raises(RuntimeError), store.transaction():
        add(store, "a", "tea")
        assert ids(store.memories.search("tea")) == ["a"]
        raise RuntimeError
    assert store.memories.search("tea") == []
