"""The search index of a new store: filled with its rows, or rebuilt where a row changed."""

from __future__ import annotations

from pathlib import Path

import pjais
from world import memory, migrated, persona, rows, write_json

MESSAGES = [{"id": "a", "role": "user", "content": "where is the kettle"}, {"id": "b", "role": "assistant"}]


def _source(folder: Path) -> None:
    memories = [memory(f"m{n}", content=f"tea number{n} harbour", tags=["a", f"t{n % 7}"]) for n in range(300)]
    memories += [memory("m7", content="an older copy", updatedAt="2020-01-01T00:00:00.000Z")]
    talk = {"id": "c1", "personaId": "p1", "messages": MESSAGES}
    write_json(folder, personas=[persona()], memories=memories, conversations=[talk], todos=[{"id": 1, "what": "milk"}])


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


def test_copies_that_lose_leave_no_word_behind(tmp_path: Path) -> None:
    _source(tmp_path)
    migrated(tmp_path)
    with pjais.open(tmp_path) as store:
        assert not store.memories.search("older")
    assert rows(tmp_path / "pjais.sqlite", "SELECT count(*) FROM memory_fts_docsize") == [(300,)]
