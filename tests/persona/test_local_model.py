"""Search by meaning with the extra's model: offline, complete, never by an earlier text, and no part of the store."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pjais
from pjais import sqlite
from pjais.errors import UsageError
from pjais.persona import background, filters, local_model, vector_file
from pjais.persona.store import Store
from world import memory, persona, write_json

pytestmark = pytest.mark.skipif(not local_model.installed(), reason="the extra `semantic` is not installed")

LABELLED = Path(__file__).parents[1] / "golden" / "recall" / "labelled.json"
SENTENCES = tuple(json.loads(LABELLED.read_text("utf-8"))["memories"].values())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with pjais.open(tmp_path) as opened:
        opened.personas.create(id="p1", name="p1")
        opened.memories.create(id="boat", content="The yacht sails along the coast.", persona_id="p1")
        opened.memories.create(id="tea", content="A kettle boils water for tea.")
        yield opened


def ids(found: list[Any]) -> list[str]:
    return [one.memory.id for one in found]


def until(done: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def rows(path: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """A query by the same library as the open store's: another one in this process would undo its locks."""
    with closing(sqlite.open_writer(path)) as db:
        return sqlite.fetch(db, sql, values)


def kept(store: Store) -> list[tuple[Any, ...]]:
    """The models in the file of vectors, with the number of their vectors."""
    path = vector_file.path_of(store.path)
    sql = "SELECT name, dimension, count(digest) FROM models LEFT JOIN vectors ON model = id GROUP BY id ORDER BY id"
    return rows(path, sql) if path.exists() else []


def another_model(monkeypatch: pytest.MonkeyPatch, name: str) -> local_model.LocalModel:
    """A later version of the model: another name, and vectors that differ."""
    made = local_model.LocalModel(local_model._folder() or Path())
    embed = made.embed
    made.name = name
    monkeypatch.setattr(made, "embed", lambda text: embed(text[::-1]))
    monkeypatch.setattr(local_model, "find", lambda: made)
    return made


def test_it_finds_what_shares_no_word(store: Store) -> None:
    assert store.memories.search("boat") == []
    assert ids(store.memories.similar("boat", limit=1)) == ["boat"]
    assert ids(store.memories.hybrid("hot drink", limit=1)) == ["tea"]
    assert ids(store.memories.hybrid("kettle", limit=1)) == ["tea"]
    assert ids(store.memories.similar_to("boat", threshold=-1)) == ["tea"]


def test_recall_on_the_labelled_set(tmp_path: Path) -> None:
    """The figures of bench/recall.py: half of the answers and more than words alone find, whatever the query."""
    labelled = json.loads(LABELLED.read_text("utf-8"))
    with pjais.open(tmp_path) as store, store.transaction():
        for key, text in labelled["memories"].items():
            store.memories.create(id=key, content=text)
        found: dict[str, list[float]] = {}
        for query in labelled["queries"]:
            answers = set(query["answers"])
            for way in (store.memories.search, store.memories.hybrid):
                hits = answers & set(ids(way(query["text"], limit=10)))
                found.setdefault(f"{way.__name__} {query['sort']}", []).append(len(hits) / len(answers))
    recall = {name: sum(each) / len(each) for name, each in found.items()}
    assert recall["search words"] == recall["hybrid words"] == 1
    assert recall["search synonyms"] == recall["search paraphrases"] == 0
    assert recall["hybrid synonyms"] > 0.75
    assert recall["hybrid paraphrases"] > 0.75


def test_it_works_without_a_network(tmp_path: Path) -> None:
    """In a process of its own in which every socket fails, and without the code of the package with the model."""
    script = """
import socket, sys
def refuse(*_, **__): raise OSError("no network")
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
import pjais
assert "numpy" not in sys.modules and "tokenizers" not in sys.modules
with pjais.open(sys.argv[1]) as store:
    store.memories.create(id="boat", content="The yacht sails along the coast.")
    assert "numpy" not in sys.modules and "tokenizers" not in sys.modules
    print(store.memories.hybrid("boat")[0].memory.id, store.memories.embed_missing().total)
assert "wordllama" not in sys.modules and "requests" not in sys.modules
"""
    environment = {**os.environ, "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "data")], capture_output=True, text=True, env=environment
    )
    assert (done.stdout, done.stderr) == ("boat 1\n", "")
    assert not (tmp_path / ".cache").exists()


def test_no_socket_is_opened(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("a socket was opened"))
    local_model.find.cache_clear()
    assert ids(store.memories.similar("boat", limit=1)) == ["boat"]


def test_the_model_and_its_dimension_are_kept_with_the_vectors(store: Store) -> None:
    model = local_model.need()
    done = store.memories.embed_missing()
    assert done == (model.name, 256, 2, 2)
    assert kept(store) == [(model.name, 256, 2)]
    assert store.memories.embed_missing().made == 0
    assert vector_file.path_of(store.path).stat().st_mode & 0o077 == 0


def test_another_version_of_the_model_is_another_model(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = local_model.need()
    store.memories.embed_missing()
    before = store.memories.similar("boat", limit=1)[0].similarity
    with monkeypatch.context() as patched:
        other = another_model(patched, "wordllama/other@1")
        with pjais.open(store.path.parent) as again:
            assert again.memories.similar("boat", threshold=-1)[0].similarity != pytest.approx(before)
            assert kept(store) == [(first.name, 256, 2), (other.name, 256, 2)]
            assert again.memories.embed_missing().made == 0
            assert kept(store) == [(other.name, 256, 2)]
    with pjais.open(store.path.parent) as again:
        assert again.memories.similar("boat", limit=1)[0].similarity == before
        assert kept(store) == [(other.name, 256, 2), (first.name, 256, 2)]


def test_the_apps_embeddings_are_never_mixed_in(store: Store) -> None:
    """Not even those of the same dimension, or of a model that claims the local one's name; they stay as they are."""
    model = local_model.need()
    numbers = [float(one) for one in range(1, 257)]
    for key, name in (("a", "app"), ("b", model.name), ("c", None)):
        store.memories.create(id=key, content=f"Nothing about {key}", embedding=numbers, embedding_model=name)
    embedded = {key: rows(store.path, "SELECT embedding FROM memory_entities WHERE id = ?", key) for key in "abc"}
    found = store.memories.similar("boat", limit=None, threshold=-1)
    assert sorted(ids(found)) == ["a", "b", "boat", "c", "tea"]  # each once, by its text
    assert found[0].memory.id == "boat"
    assert ids(store.memories.similar(vector=numbers, model="app")) == ["a"]
    assert ids(store.memories.similar_to("a")) == []
    assert kept(store) == [(model.name, 256, 5)]
    assert embedded == {
        key: rows(store.path, "SELECT embedding FROM memory_entities WHERE id = ?", key) for key in "abc"
    }


def test_an_edit_counts_at_once_and_so_does_its_undo(store: Store) -> None:
    store.memories.embed_missing()
    store.memories.update("boat", content="A kettle boils water for tea.")
    assert ids(store.memories.similar("yacht", limit=1, threshold=0.5)) == []
    assert ids(store.memories.similar("kettle")[:2]) == ["boat", "tea"]
    store.undo()
    assert ids(store.memories.similar("yacht", limit=1, threshold=0.3)) == ["boat"]
    with closing(sqlite.open_writer(store.path)) as other:
        other.execute("UPDATE memory_entities SET content = 'She plays the violin.' WHERE id = 'boat'")
        other.execute("DELETE FROM memory_entities WHERE id = 'tea'")
    assert ids(store.memories.similar("music", threshold=-1)) == ["boat"]
    assert ids(store.memories.similar("music", threshold=0.1)) == ["boat"]
    with pytest.raises(RuntimeError), store.transaction():
        store.memories.update("boat", content="The yacht sails along the coast.")
        assert ids(store.memories.similar("boat", threshold=0.3)) == ["boat"]
        raise RuntimeError
    assert ids(store.memories.similar("boat", threshold=0.3)) == []


def test_an_apps_embedding_of_an_earlier_text_is_left_out(tmp_path: Path) -> None:
    """Until it is embedded again, or has its old text again; the embedding itself stays in the store."""
    one = memory("m1", embedding=[1.0, 0.5], embeddingModel="app")
    write_json(tmp_path, personas=[persona()], memories=[one, {**one, "id": "m2"}])
    with pjais.open(tmp_path) as store:

        def found() -> list[str]:
            return ids(store.memories.similar(vector=[1.0, 0.5]))

        assert found() == ["m1", "m2"]
        store.memories.update("m1", importance=7)
        assert found() == ["m1", "m2"]
        store.memories.update("m1", content="another")
        assert found() == ["m2"]
        assert store.memories.need("m1").embedding == [1.0, 0.5]
        with pjais.open(tmp_path) as again:
            assert ids(again.memories.similar(vector=[1.0, 0.5])) == ["m2"]
        store.memories.update("m1", content="a third")
        assert found() == ["m2"]
        store.undo(2)
        assert found() == ["m1", "m2"]
        store.memories.update("m1", content="another", embedding=[1.0, 0.4])
        assert found() == ["m2", "m1"]


def test_nothing_of_it_is_in_the_store(tmp_path: Path) -> None:
    """Not in the history, not in the operations, not in the proof; and a later migration finds what it would."""
    source = write_json(tmp_path, personas=[persona()], memories=[memory("m1"), memory("m2", content="A yacht.")])
    with pjais.open(tmp_path) as store:
        store.memories.update("m2", importance=99)
        state = (store.last_change(), store.undoable(), rows(store.path, "SELECT * FROM memory_entities ORDER BY id"))
        schema = rows(store.path, "SELECT * FROM sqlite_schema")
        store.memories.embed_missing()
        assert ids(store.memories.similar("boat", limit=1)) == ["m2"]
        now = (store.last_change(), store.undoable(), rows(store.path, "SELECT * FROM memory_entities ORDER BY id"))
        assert now == state
        assert rows(store.path, "SELECT * FROM sqlite_schema") == schema
    assert pjais.verify(tmp_path).passed
    source.write_text(
        json.dumps(
            {"personas": [persona()], "memories": [memory("m1", content="She plays the violin."), memory("m3")]}
        ),
        "utf-8",
    )
    report = pjais.migrate(tmp_path)
    assert report.total.balanced()
    assert pjais.verify(tmp_path).passed
    with pjais.open(tmp_path) as store:
        assert store.notices == ()
        assert ids(store.memories.similar("music", limit=1)) == ["m1"]
        assert store.memories.need("m2").importance == 99
        assert store.memories.embed_missing().total == len(store.memories)
    pjais.rollback(tmp_path)
    assert pjais.verify(tmp_path).passed
    with pjais.open(tmp_path) as store:
        assert ids(store.memories.similar("music", threshold=0.3)) == []


def test_it_goes_with_the_store(tmp_path: Path) -> None:
    """A rollback of the first migration removes the store; what follows from its texts must not stay."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])
    report = pjais.migrate(tmp_path)
    with pjais.open(tmp_path) as store:
        store.memories.embed_missing()
        path = vector_file.path_of(store.path)
    assert path.exists()
    pjais.rollback(tmp_path, report.run_id)
    assert not path.exists()


def test_what_no_memory_needs_is_removed(store: Store) -> None:
    store.memories.embed_missing()
    store.memories.update("boat", content="Something else")
    store.memories.remove("tea")
    assert store.memories.embed_missing().made == 1
    assert kept(store)[0][2] == 1
    store.memories.remove("boat")
    assert store.memories.embed_missing().total == 0
    assert kept(store)[0][2] == 0


def test_new_memories_are_embedded_in_the_background(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CALM_SECONDS", 0.05)
    store.memories.create(id="before", content="Nothing is embedded before somebody asks for it.")
    assert not store.memories.embed_in_background()
    assert kept(store) == []
    with store.pool.view() as db:
        assert not store.memories.embeddings.usable(db)
        store.memories.embed_missing()
        assert store.memories.embeddings.usable(db)
    store.memories.create(id="violin", content="She plays the violin.")
    until(lambda: kept(store)[0][2] == 4)
    assert store.memories.embed_in_background()
    with closing(sqlite.open_writer(store.path)) as other:  # another program
        other.execute("INSERT INTO memory_entities (id, type, content) VALUES ('x', 'fact', 'Written by another one')")
    until(lambda: kept(store)[0][2] == 5)


def test_the_background_disturbs_no_edit_and_no_undo(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads write and take back while all is embedded; each finds its own, and the store is sound at the end."""
    monkeypatch.setattr(background, "CALM_SECONDS", 0.0)
    store.memories.embed_missing()
    assert store.memories.embed_in_background()
    wrong: list[BaseException] = []

    def work(number: int) -> None:
        try:
            rng = random.Random(number)
            for turn in range(12):
                text = f"{rng.choice(SENTENCES)} {number} {turn}"
                key = f"{number}-{turn}"
                store.memories.create(id=key, content="at first")
                store.memories.update(key, content=text)
                assert store.memories.similar(text, limit=1, threshold=0.99)[0].memory.content == text
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(store.undoable(1000)) == 3 + 3 * 12 * 2  # nothing but what was written here
    for _ in range(30):
        store.undo()
    texts = {one.id: one.content for one in store.memories.list()}
    for key, text in list(texts.items())[:10]:
        assert text in [one.memory.content for one in store.memories.similar(text, limit=1)], key
    assert not any(one.label and "embed" in one.label for one in store.undoable(1000))
    assert rows(store.path, "PRAGMA integrity_check") == [("ok",)]


def test_closing_ends_the_background_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CALM_SECONDS", 0.0)
    with pjais.open(tmp_path) as store:
        store.memories.embed_missing()
        with store.transaction():
            for number in range(3000):
                store.memories.create(content=f"{SENTENCES[number % len(SENTENCES)]} {number}")
        until(lambda: kept(store)[0][2] > 0)
        begun = time.process_time()
    assert time.process_time() - begun < 2
    assert not [one for one in threading.enumerate() if one.name == "pjais-embed"]
    done = kept(store)[0][2]
    with pjais.open(tmp_path) as store:
        assert store.memories.embed_missing().made <= 3000 - done  # what was done is not done again


def test_it_is_turned_off(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CALM_SECONDS", 0.0)
    store.memories.embed_missing()
    assert store.memories.forget_vectors()
    assert not store.memories.forget_vectors()
    store.memories.create(content="a new one")
    time.sleep(0.2)
    assert kept(store) == []


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(3000)])
def test_a_file_that_cannot_be_used_does_no_harm(store: Store, content: bytes) -> None:
    """Another program's stays as it is; the vectors are in memory then."""
    path = vector_file.path_of(store.path)
    path.write_bytes(content)
    assert ids(store.memories.similar("boat", limit=1)) == ["boat"]
    assert not content or path.read_bytes() == content


def test_a_damaged_file_is_made_anew(store: Store) -> None:
    for number in range(300):
        store.memories.create(content=f"{SENTENCES[number % len(SENTENCES)]} {number}")
    store.memories.embed_missing()
    path = vector_file.path_of(store.path)
    data = bytearray(path.read_bytes())
    for place in range(4096, len(data), 512):
        data[place : place + 64] = bytes(one ^ 0xFF for one in data[place : place + 64])
    path.write_bytes(data)
    with pjais.open(store.path.parent) as again:
        assert ids(again.memories.similar("yacht along the coast", limit=1)) == ["boat"]
    with pjais.open(store.path.parent) as again:
        assert again.memories.embed_missing().total == 302
        assert ids(again.memories.similar("yacht along the coast", limit=1)) == ["boat"]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_another_programs_database_is_left_alone(store: Store) -> None:
    path = vector_file.path_of(store.path)
    path.touch()
    rows(path, "CREATE TABLE theirs (a)")
    assert ids(store.memories.similar("boat", limit=1)) == ["boat"]
    assert rows(path, "SELECT name FROM sqlite_schema") == [("theirs",)]


@pytest.mark.parametrize("content", ["", " ", "\x00", "🫖" * 5000, {"a": ["tea", {"b": 1}]}, [], 5, "x" * 100_000])
def test_any_content_can_be_embedded(store: Store, content: Any) -> None:
    store.memories.create(id="any", content=content)
    store.memories.similar("tea", threshold=-1)
    store.memories.similar_to("tea", threshold=-1)
    assert store.memories.embed_missing().total == 3


def test_json_is_embedded_by_its_texts(store: Store) -> None:
    store.memories.create(id="json", content={"type": "note", "parts": [{"text": "She plays the violin."}]})
    assert ids(store.memories.similar("music", limit=1)) == ["json"]


def test_without_the_extra_words_are_searched(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_model, "installed", lambda: False)
    monkeypatch.setattr(local_model, "find", lambda: None)
    assert ids(store.memories.hybrid("kettle")) == ["tea"]
    assert store.memories.similar("kettle") == []
    with pytest.raises(UsageError) as caught:
        store.memories.embed_missing()
    assert caught.value.next_command == "pip install 'pjais[semantic]'"
    assert not store.memories.embed_in_background()
    assert kept(store) == []


TIERS, TAGS, TYPES = ("hot", "active", "warm", "cold"), ("tea", "private", "work"), ("fact", "text")
HIDING = {"without_tiers", "without_tags"} & set(filters.Filters.__annotations__)
"""Filters that leave out, where this version has them."""


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_no_search_returns_a_record_that_its_filters_exclude(searched: tuple[Store, int], data: st.DataObject) -> None:
    store, _ = searched
    wanted: dict[str, Any] = {
        name: value
        for name, value in {
            "persona": data.draw(st.sampled_from([None, "p0", "p1", "unknown"])),
            "tier": data.draw(st.sampled_from([None, *TIERS])),
            "type": data.draw(st.sampled_from([None, *TYPES])),
            "tags": data.draw(st.sampled_from([None, *TAGS])),
            "importance": data.draw(st.sampled_from([None, (20, 60), (None, 10)])),
            "include_deleted": data.draw(st.booleans()),
            "without_tiers": data.draw(st.sampled_from([None, "cold", ["warm", "cold"]])),
            "without_tags": data.draw(st.sampled_from([None, "private", ["private", "work"]])),
        }.items()
        if value is not None and (not name.startswith("without") or name in HIDING)
    }
    limit = data.draw(st.sampled_from([None, 1, 5]))
    text = data.draw(st.sampled_from(["boat", "kettle", "family", "private work", "Pixel", *SENTENCES[:5]]))
    allowed = {one.id for one in store.memories.filtered(limit=None, **wanted)}
    every: dict[str, Any] = {"limit": None, "threshold": -1}
    assert set(ids(store.memories.similar(text, **every, **wanted))) == allowed
    assert set(ids(store.memories.similar_to("m1", **every, **wanted))) == allowed - {"m1"}
    for found in (
        store.memories.similar(text, limit=limit, **wanted),
        store.memories.similar_to("m1", limit=limit, **wanted),
        store.memories.hybrid(text, any=True, limit=limit, **wanted),
    ):
        assert set(ids(found)) <= allowed
        assert len(found) <= (limit or 1000)


@pytest.fixture(scope="module")
def searched() -> Iterator[tuple[Store, int]]:
    rng = random.Random(5)
    with tempfile.TemporaryDirectory() as folder, pjais.open(folder) as store:
        with store.transaction():
            for number in range(2):
                store.personas.create(id=f"p{number}", name="p")
            for number in range(250):
                store.memories.create(
                    id=f"m{number}",
                    content=f"{SENTENCES[number % len(SENTENCES)]} {number}",
                    persona_id=rng.choice((None, "p0", "p1")),
                    memory_tier=rng.choice(TIERS),
                    type=rng.choice(TYPES),
                    tags=rng.sample(TAGS, rng.randrange(3)),
                    importance=rng.randrange(100),
                    deleted_at=rng.choice((None, None, None, 1_750_000_000_000)),
                )
        yield store, 250
