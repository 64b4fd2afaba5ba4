"""The search indexes of a new store: the same whether they were filled beside or rebuilt in place."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import apsw
import pytest

import pjais
from pjais import cores
from pjais.errors import NoSpace
from pjais.targets.sqlite import search_index
from world import memory, migrated, persona, rows, write_json

MESSAGES = [{"id": "a", "role": "user", "content": "where is the kettle"}, {"id": "b", "role": "assistant"}]


@pytest.fixture(params=[True, False], ids=["beside", "in place"])
def free(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(search_index, "WORTH", 0)
    monkeypatch.setattr(cores, "second_is_free", lambda: request.param)
    return bool(request.param)


def _source(folder: Path) -> None:
    memories = [memory(f"m{n}", content=f"tea number{n} harbour", tags=["a", f"t{n % 7}"]) for n in range(300)]
    memories += [memory("m7", content="an older copy", updatedAt="2020-01-01T00:00:00.000Z")]
    talk = {"id": "c1", "personaId": "p1", "messages": MESSAGES}
    write_json(folder, personas=[persona()], memories=memories, conversations=[talk], todos=[{"id": 1, "what": "milk"}])


@pytest.mark.usefixtures("free")
def test_every_word_is_found_and_the_proof_passes(tmp_path: Path) -> None:
    _source(tmp_path)
    report = migrated(tmp_path)
    assert pjais.verify(tmp_path).passed
    with pjais.open(tmp_path) as store:
        assert len(store.memories.search("harbour", limit=1000)) == 300
        assert [one.memory.id for one in store.memories.search("number7")] == ["m7"]
        assert len(store.conversations.search("kettle")) == 1
        store.memories.update("m7", content="a lighthouse instead")
        assert [one.memory.id for one in store.memories.search("lighthouse")] == ["m7"]
    assert pjais.verify(tmp_path).passed
    assert report.proof is not None and report.proof.passed
    assert not list(tmp_path.rglob("*-scratch"))


@pytest.mark.usefixtures("free")
def test_copies_that_lose_leave_no_word_behind(tmp_path: Path) -> None:
    _source(tmp_path)
    migrated(tmp_path)
    with pjais.open(tmp_path) as store:
        assert not store.memories.search("older")
    assert rows(tmp_path / "pjais.sqlite", "SELECT count(*) FROM memory_fts_docsize") == [(300,)]


def test_a_full_disk_beside_leaves_the_target_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr(search_index, "WORTH", 0)
    monkeypatch.setattr(cores, "second_is_free", lambda: True)
    monkeypatch.setattr(search_index, "_fill", full)
    _source(tmp_path)
    with pytest.raises(NoSpace):
        pjais.migrate(tmp_path)
    assert not (tmp_path / "pjais.sqlite").exists()
    assert not list(tmp_path.rglob("*-scratch"))
    monkeypatch.undo()
    pjais.migrate(tmp_path)
    assert pjais.verify(tmp_path).passed


def test_a_core_is_free_if_two_pieces_of_work_take_as_long_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time = threading.Lock()

    def alone(_: bytes) -> None:
        time.sleep(0.02)

    def shared(_: bytes) -> None:
        with one_at_a_time:
            time.sleep(0.02)

    monkeypatch.setattr(cores, "sha256", alone)
    assert cores.second_is_free()
    monkeypatch.setattr(cores, "sha256", shared)
    assert not cores.second_is_free()
