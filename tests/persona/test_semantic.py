"""Search by meaning: right numbers, one kind at a time, following every writer; with and without sqlite-vec."""

from __future__ import annotations

import importlib.util
import json
import math
import random
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import sqlite
from pjais.errors import UsageError
from pjais.persona import embedding, local_model, semantic
from pjais.persona.store import Store

MODEL = "Xenova/all-MiniLM-L6-v2"


@pytest.fixture(params=["sqlite-vec", "python"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of measuring a distance."""
    if request.param == "python":
        monkeypatch.setitem(sys.modules, "sqlite_vec", None)
    elif importlib.util.find_spec("sqlite_vec") is None:
        pytest.skip("sqlite-vec is not installed (the extra `semantic`)")
    return str(request.param)


@pytest.fixture
def store(tmp_path: Path, engine: str) -> Iterator[Store]:
    with pjais.open(tmp_path) as opened:
        opened.personas.create(id="p1", name="p1")
        yield opened


def add(store: Store, key: str, vector: list[Any] | None, model: str | None = MODEL, **more: Any) -> None:
    store.memories.create(id=key, content=more.pop("content", key), embedding=vector, embedding_model=model, **more)


def ids(found: list[Any]) -> list[str]:
    return [one.memory.id for one in found]


def test_the_engine_is_what_it_says(engine: str) -> None:
    with closing(sqlite.scratch()) as db:
        assert sqlite.load_vectors(db) == (engine == "sqlite-vec")
        with pytest.raises(sqlite.Error):  # extensions cannot be loaded by SQL afterwards
            db.execute("SELECT load_extension('x')")


def test_similarities_are_cosines(store: Store) -> None:
    chance = random.Random(1)
    vectors = {f"m{number}": [chance.gauss(0, 1) for _ in range(16)] for number in range(60)}
    for key, vector in vectors.items():
        add(store, key, vector)
    wanted = [chance.gauss(0, 1) for _ in range(16)]

    def cosine(other: list[float]) -> float:
        dot = sum(a * b for a, b in zip(wanted, other, strict=True))
        return dot / math.hypot(*wanted) / math.hypot(*other)

    found = store.memories.similar(vector=wanted, limit=None)
    expected = sorted((key for key in vectors if cosine(vectors[key]) >= 0.3), key=lambda key: -cosine(vectors[key]))
    assert ids(found) == expected
    for one in found:
        assert one.similarity == pytest.approx(cosine(vectors[one.memory.id]), abs=1e-5)
    everything = store.memories.similar(vector=wanted, limit=None, threshold=-1)
    assert len(everything) == 60
    assert ids(store.memories.similar(vector=wanted, limit=3, threshold=-1)) == ids(everything)[:3]


def test_similar_to_a_memory_leaves_itself_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, "a", [1, 0])
    add(store, "b", [1, 0.1])
    add(store, "c", [0, 1])
    add(store, "none", None)
    assert ids(store.memories.similar_to("a")) == ["b"]
    monkeypatch.setattr(local_model, "installed", lambda: False)
    for key in ("none", "unknown"):
        with pytest.raises(UsageError):
            store.memories.similar_to(key)


def test_only_one_model_and_dimension_is_compared(store: Store) -> None:
    assert store.memories.similar(vector=[1, 2, 3]) == []  # nothing is stored
    add(store, "a", [1, 0])
    add(store, "b", [1, 0], model="other")
    add(store, "c", [1, 0, 0])
    add(store, "d", [1, 0, 0, 0], model=None)
    assert ids(store.memories.similar(vector=[1, 0, 0])) == ["c"]
    assert ids(store.memories.similar(vector=[1, 0, 0, 0])) == ["d"]
    assert ids(store.memories.similar(vector=[1, 0], model="other")) == ["b"]
    with pytest.raises(UsageError, match="several models"):
        store.memories.similar(vector=[1, 0])
    with pytest.raises(UsageError, match="5 numbers") as caught:
        store.memories.similar(vector=[1] * 5)
    assert f"{MODEL}, 2 numbers" in caught.value.where
    with pytest.raises(UsageError, match="of the model unknown"):
        store.memories.similar(vector=[1, 0], model="unknown")


@pytest.mark.parametrize(
    "vector", [[], [0, 0], ["1", 0], [math.nan, 1], [math.inf, 1], [[1], 0], [1e300, 1], [10**400]]
)
def test_a_query_that_is_no_vector_is_refused(store: Store, vector: list[Any]) -> None:
    add(store, "a", [1, 0])
    with pytest.raises(UsageError):
        store.memories.similar(vector=vector)
    with pytest.raises(UsageError):
        store.memories.similar()
    with pytest.raises(UsageError):
        store.memories.similar("text", vector=[1, 0])


def test_stored_embeddings_that_are_no_vectors_are_passed_over(store: Store, tmp_path: Path) -> None:
    add(store, "a", [1, 0])
    add(store, "zero", [0, 0])
    add(store, "nan", [math.nan, 1])
    add(store, "empty", [])
    with closing(sqlite.open_writer(store.path)) as other:
        for key, text in (
            ("map", '{"a":1}'),
            ("text", '"x"'),
            ("nested", "[[1],[0]]"),
            ("deep", "[" * 900 + "]" * 900),
        ):
            other.execute(
                "INSERT INTO memory_entities (id, type, content, embedding) VALUES (?, 'fact', '', ?)", (key, text)
            )
    assert ids(store.memories.similar(vector=[1, 0], model=MODEL)) == ["a"]


def test_filters_and_deleted_memories(store: Store) -> None:
    for number in range(500):
        add(store, f"m{number:03}", [1, number / 1000], importance=number % 100, tags=["x"] if number == 450 else [])
    store.memories.delete("m000")
    assert ids(store.memories.similar(vector=[1, 0], limit=2)) == ["m001", "m002"]
    assert ids(store.memories.similar(vector=[1, 0], limit=1, include_deleted=True)) == ["m000"]
    assert ids(store.memories.similar(vector=[1, 0], tags="x")) == ["m450"]
    assert ids(store.memories.similar_to("m450", importance=(99, 100), limit=1)) == ["m499"]
    assert store.memories.similar(vector=[1, 0], persona="p1") == []
    with pytest.raises(UsageError):
        store.memories.similar(vector=[1, 0], colour="red")  # type: ignore[call-arg]


def test_it_follows_every_writer(store: Store) -> None:
    add(store, "a", [1, 0])
    add(store, "b", [0, 1])
    assert ids(store.memories.similar(vector=[1, 0])) == ["a"]
    store.memories.update("b", embedding=[1, 0.5])
    assert ids(store.memories.similar(vector=[1, 0])) == ["a", "b"]
    store.memories.update("a", embedding_model="other")
    assert ids(store.memories.similar(vector=[1, 0], model=MODEL)) == ["b"]
    with closing(sqlite.open_writer(store.path)) as other:
        other.execute("UPDATE memory_entities SET embedding = NULL WHERE id = 'b'")
        other.execute(
            "INSERT INTO memory_entities (id, type, content, embedding, embedding_model) "
            "VALUES ('c', 'fact', '', ?, ?)",
            (json.dumps([1, 0.2]), MODEL),
        )
        other.execute("INSERT OR REPLACE INTO memory_entities (id, type, content) VALUES ('a', 'fact', '')")
    assert ids(store.memories.similar(vector=[1, 0])) == ["c"]
    store.memories.remove("c")
    assert store.memories.similar(vector=[1, 0]) == []


def test_what_was_rolled_back_is_not_found(store: Store) -> None:
    add(store, "a", [1, 0])
    for warm in (False, True):
        if warm:
            assert ids(store.memories.similar(vector=[1, 0])) == ["a"]
        with pytest.raises(RuntimeError), store.transaction():
            add(store, "b", [1, 0.1])
            store.memories.update("a", embedding=[0, 1])
            assert ids(store.memories.similar(vector=[1, 0])) == ["b"]
            raise RuntimeError
        assert ids(store.memories.similar(vector=[1, 0])) == ["a"]
    add(store, "c", [1, 0.1])  # takes the numbers in the history that were given back
    store.memories.update("c", embedding=[1, 0.2])
    assert ids(store.memories.similar(vector=[1, 0])) == ["a", "c"]


def test_an_old_state_copied_into_the_file_is_noticed(store: Store) -> None:
    add(store, "a", [1, 0])
    with closing(sqlite.open_writer(store.path)) as other, closing(sqlite.scratch()) as copy:
        sqlite.copy_into(other, copy)
        add(store, "b", [1, 0.1])
        assert ids(store.memories.similar(vector=[1, 0])) == ["a", "b"]
        sqlite.copy_into(copy, other)
    assert ids(store.memories.similar(vector=[1, 0])) == ["a"]
    add(store, "c", [1, 0.1])
    assert ids(store.memories.similar(vector=[1, 0])) == ["a", "c"]


def test_threads_may_ask_while_others_write(store: Store) -> None:
    add(store, "a", [1, 0])
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(10):
                add(store, f"{number}-{turn}", [1, number / 10])
                assert f"{number}-{turn}" in ids(store.memories.similar(vector=[1, 0], limit=None))
        except BaseException as error:  # noqa: BLE001  (told by the assertion below)
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(store.memories.similar(vector=[1, 0], limit=None)) == 41


def test_hybrid_is_reciprocal_rank_fusion(store: Store) -> None:
    add(store, "both", [1, 0.1], content="tea in the garden")
    add(store, "words", [0, 1], content="tea")
    add(store, "vector", [1, 0], content="nothing")
    store.memories.search("tea")
    words = ids(store.memories.search("tea"))
    near = ids(store.memories.similar(vector=[1, 0]))
    found = store.memories.hybrid("tea", vector=[1, 0])
    expected = {
        key: sum(1 / (semantic.FUSION + one.index(key) + 1) for one in (words, near) if key in one)
        for key in ("both", "words", "vector")
    }
    assert {one.memory.id: one.score for one in found} == pytest.approx(expected)
    assert found[0].memory.id == "both"
    assert found[0].snippet == "[tea] in the garden"
    by_id = {one.memory.id: one for one in found}
    assert by_id["vector"].snippet is None
    assert by_id["vector"].similarity == pytest.approx(1)
    assert by_id["words"].similarity is None
    assert ids(store.memories.hybrid("tea", vector=[1, 0], limit=1, offset=1)) == ids(found)[1:2]


def test_a_text_without_a_local_model(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install; a function of one's own always goes."""
    monkeypatch.setattr(local_model, "installed", lambda: False)
    for package in ("fastembed", "sentence_transformers"):
        monkeypatch.setitem(sys.modules, package, None)
    embedding._loaded.cache_clear()
    add(store, "a", [1, 0])
    with pytest.raises(UsageError) as caught:
        store.memories.similar("tea")
    assert "pip install fastembed" in caught.value.next_command
    assert ids(store.memories.similar("tea", embed=lambda _: [1, 0])) == ["a"]
    assert ids(store.memories.hybrid("tea", embed=lambda _: [1, 0])) == ["a"]
    with pytest.raises(UsageError, match="3 numbers"):
        store.memories.similar("tea", embed=lambda _: [1, 0, 0])
    store.memories.update("a", embedding_model=None)
    with pytest.raises(UsageError, match="do not name their model"):
        store.memories.similar("tea")


def test_a_local_model_embeds_the_text(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is a stand-in here, with the real one's interface: weights cannot be fetched in a test."""
    monkeypatch.setattr(local_model, "installed", lambda: False)
    asked = []

    class TextEmbedding:
        def __init__(self, model_name: str) -> None:
            asked.append(model_name)
            if "unknown" in model_name:
                raise ValueError("not supported")

        def embed(self, texts: list[str]) -> Iterator[list[float]]:
            return ([1.0, float(len(text))] for text in texts)

    module = types.ModuleType("fastembed")
    monkeypatch.setattr(module, "TextEmbedding", TextEmbedding, raising=False)
    monkeypatch.setitem(sys.modules, "fastembed", module)
    embedding._loaded.cache_clear()
    add(store, "a", [1, 3])
    assert ids(store.memories.similar("tea")) == ["a"]
    assert asked == ["sentence-transformers/all-MiniLM-L6-v2"]
    with pytest.raises(UsageError, match="not supported"):
        store.memories.similar("tea", model="unknown")
    embedding._loaded.cache_clear()
