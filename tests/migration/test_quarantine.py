"""The quarantine: a document that its owner puts aside stays, is asked about no more, and can still come in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pjais
from pjais.errors import UsageError
from pjais.migration import quarantine, status
from pjais.workspace import Workspace, resolve_workspace
from world import persona, rows, write_json


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    """A store with one memory, and two in quarantine whose persona does not exist."""
    lost = [{"id": f"m{one}", "personaId": "nobody", "type": "fact", "content": "lost"} for one in (2, 3)]
    memory = {"id": "m1", "personaId": "p1", "type": "fact", "content": "tea"}
    source = {"personas": [{"id": "p1", "name": "Ada"}], "memories": [memory, *lost]}
    (tmp_path / "data.json").write_text(json.dumps(source), "utf-8")
    pjais.migrate(tmp_path, on_invalid="quarantine")
    return resolve_workspace(tmp_path)


def _ids(found: list[quarantine.Kept]) -> list[str | None]:
    return [one.native_id for one in found]


def test_what_is_put_aside_is_listed_only_with_everything(here: Workspace) -> None:
    first, _ = quarantine.listed(here)
    (done,) = quarantine.discard(here, [first.id])
    assert done.discarded
    assert _ids(quarantine.listed(here)) == ["m3"]
    assert _ids(quarantine.listed(here, everything=True)) == ["m2", "m3"]
    assert status.status(here)["quarantined"] == 1
    assert quarantine.discard(here, [first.id]) == [done]  # once is enough
    pjais.verify(here.data_dir)


def test_what_was_put_aside_can_still_be_brought_in(here: Workspace) -> None:
    first, second = quarantine.listed(here)
    quarantine.discard(here, [first.id])
    mended = {**first.document, "personaId": "p1"}
    assert quarantine.replay(here, [first.id], mended)[0].record_id == "m2"
    assert [one.id for one in quarantine.replay(here)] == [second.id]  # all that wait, and no others
    with pytest.raises(UsageError, match="already imported"):
        quarantine.discard(here, [first.id])
    pjais.verify(here.data_dir)


def test_all_are_put_aside_or_none(here: Workspace) -> None:
    first, _ = quarantine.listed(here)
    with pytest.raises(UsageError, match="quarantined document not found"):
        quarantine.discard(here, [first.id, 99])
    assert len(quarantine.listed(here)) == 2


def test_a_replay_reads_a_document_as_its_source_was_read(tmp_path: Path) -> None:
    """The dialect is kept with it: a kind may have several, and an export's is not that of a store."""
    write_json(tmp_path, personas=[persona("p1")], memories=[])
    pjais.migrate(tmp_path)
    lost: dict[str, object] = {
        "id": "m1",
        "personaId": "nobody",
        "type": "fact",
        "name": None,
        "content": "tea",
        "tags": [],
        "importance": 50,
        "memoryTier": "hot",
        "createdAt": "2023-11-14T22:13:20.000Z",
        "extra": {"kept": 1},
    }
    export = {"format": "pjais-export", "version": 1, "personas": [], "memories": [lost]}
    (tmp_path / "other.pjais.json").write_text(json.dumps(export), "utf-8")
    pjais.migrate(tmp_path, [tmp_path / "other.pjais.json"], on_invalid="quarantine")
    here = resolve_workspace(tmp_path)
    (waiting,) = quarantine.listed(here)
    assert waiting.dialect == "pjais-export"
    (done,) = quarantine.replay(here, [waiting.id], document={**lost, "personaId": "p1"})
    assert done.record_id == "m1"
    assert rows(here.store, "SELECT extra ->> '$.kept' FROM memory_entities") == [(1,)]
    assert pjais.verify(tmp_path).passed


def test_collections_of_the_same_name_are_told_apart_where_their_databases_or_origins_differ() -> None:
    """The list names no more than it must."""

    def kept(collection: str, database: str | None, origin: str | None = None) -> quarantine.Kept:
        return quarantine.Kept(1, "r", "k", "s", collection, "id", "", [], None, None, None, None, origin, database)

    assert quarantine.names([kept("memories", "a"), kept("memories", "b"), kept("personas", "a")]) == [
        "a/memories",
        "b/memories",
        "personas",
    ]
    assert quarantine.names([kept("notes", "a", "https://x"), kept("notes", "a", "https://y")]) == [
        "https://x notes",
        "https://y notes",
    ]
    assert quarantine.names([kept("notes", None), kept("notes", None)]) == ["notes", "notes"]
