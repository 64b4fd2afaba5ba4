"""A decision about a quarantined document is remembered: the same document is not asked about again.

Replayed as it is, replayed as its owner fixed it, or discarded; refused by a rule, or an orphan.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pjais
import world
from pjais.errors import ValidationFailed
from pjais.migration import quarantine, status
from pjais.workspace import resolve_workspace

ORPHAN = world.memory("lost", "nobody")


def write(folder: Path, *memories: world.JSON, personas: tuple[str, ...] = ("p1",)) -> None:
    world.write_json(folder, personas=[world.persona(one) for one in personas], memories=list(memories))


def waiting(folder: Path) -> list[str | None]:
    return [one.native_id for one in quarantine.listed(resolve_workspace(folder))]


def decide(folder: Path, how: str, native_id: str, **fixed: Any) -> None:
    here = resolve_workspace(folder)
    (one,) = [one for one in quarantine.listed(here) if one.native_id == native_id]
    if how == "discarded":
        quarantine.discard(here, [one.id])
    else:
        (done,) = quarantine.replay(here, [one.id], {**one.document, **fixed})
        assert done.record_id is not None, done
    assert pjais.verify(folder).passed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, world.memory(), ORPHAN)
    world.migrated(tmp_path, on_invalid="quarantine")
    return tmp_path


@pytest.mark.parametrize("how", ["replayed", "discarded"])
def test_a_decided_orphan_stops_no_later_run(folder: Path, how: str) -> None:
    decide(folder, how, "lost", personaId="p1", content="fixed")
    for number in range(2, 5):
        write(folder, world.memory(), ORPHAN, *(world.memory(f"m{one}") for one in range(2, number + 1)))
        report = world.migrated(folder)  # on_invalid="stop"
        assert (report.code, report.exit_code, report.total.waiting) == ("done", 0, 0)
        assert waiting(folder) == []
        assert status.status(resolve_workspace(folder))["quarantined"] == 0
    with pjais.open(folder) as store:
        assert store.notices == ()
        held = store.memories.get("lost")
        assert (held is not None and held.content == "fixed") if how == "replayed" else held is None
    assert len(quarantine.listed(resolve_workspace(folder), everything=True)) == 1


@pytest.mark.parametrize("how", ["replayed", "discarded"])
def test_a_decision_holds_when_the_document_would_go_in_now(folder: Path, how: str) -> None:
    """Its persona came: what was discarded stays out, and what was fixed stays as it was fixed."""
    decide(folder, how, "lost", personaId="p1", content="fixed")
    write(folder, world.memory(), ORPHAN, personas=("p1", "nobody"))
    assert world.migrated(folder).code == "done"
    with pjais.open(folder) as store:
        held = store.memories.get("lost")
        assert (held is not None and held.content == "fixed") if how == "replayed" else held is None


def test_what_went_in_as_it_was_stays_one(folder: Path) -> None:
    with pjais.open(folder) as store:
        store.personas.create(id="nobody", name="Somebody after all")
    decide(folder, "replayed", "lost")
    write(folder, world.memory(), ORPHAN, world.memory("m2"))
    assert world.migrated(folder).total.superseded == 0
    with pjais.open(folder) as store:
        assert {one.id for one in store.memories.list()} == {"m1", "m2", "lost"}


def test_what_its_owner_removed_after_a_replay_does_not_come_back(folder: Path) -> None:
    decide(folder, "replayed", "lost", personaId="p1")
    with pjais.open(folder) as store:
        store.memories.remove("lost")
    write(folder, world.memory(), ORPHAN, world.memory("m2"))
    world.migrated(folder)
    with pjais.open(folder) as store:
        assert store.memories.get("lost") is None


@pytest.mark.parametrize("how", ["replayed", "discarded"])
def test_a_changed_document_is_a_new_question_and_the_old_answer_is_kept(folder: Path, how: str) -> None:
    decide(folder, how, "lost", personaId="p1", content="fixed")
    write(folder, world.memory(), {**ORPHAN, "content": "changed", "updatedAt": "2025-04-01T00:00:00.000Z"})
    with pytest.raises(ValidationFailed, match="1 of 3 documents"):
        pjais.migrate(folder)
    report = world.migrated(folder, on_invalid="quarantine")
    assert (report.exit_code, report.total.waiting) == (1, 1)
    assert waiting(folder) == ["lost"]
    write(folder, world.memory(), ORPHAN, world.memory("m2"))  # and back
    assert world.migrated(folder).total.waiting == 0
    assert waiting(folder) == []


def test_one_orphan_over_four_runs_is_one_and_keeps_its_number(folder: Path) -> None:
    (first,) = quarantine.listed(resolve_workspace(folder))
    for number in range(2, 5):
        write(folder, world.memory(), ORPHAN, world.memory(f"m{number}"))
        assert world.migrated(folder, on_invalid="quarantine").total.quarantined == 1
    (still,) = quarantine.listed(resolve_workspace(folder), everything=True)
    assert still.id == first.id
    assert status.status(resolve_workspace(folder))["quarantined"] == 1


def test_a_decision_outlives_a_document_that_vanishes_for_a_while(folder: Path) -> None:
    decide(folder, "discarded", "lost")
    write(folder, world.memory("m2"))
    world.migrated(folder)
    write(folder, world.memory("m2"), ORPHAN)
    assert world.migrated(folder).code == "done"
    assert waiting(folder) == []


def test_a_plan_counts_only_what_waits(folder: Path) -> None:
    decide(folder, "discarded", "lost")
    write(folder, world.memory(), ORPHAN, world.memory("new", "nobody"))
    assert pjais.plan(folder).total.waiting == 1
    with pytest.raises(ValidationFailed) as refused:
        pjais.migrate(folder)
    assert [("new" in one, "lost" in one) for one in refused.value.where] == [(True, False)]


@pytest.mark.parametrize("how", ["replayed", "discarded"])
def test_a_refused_document_is_decided_once(tmp_path: Path, how: str) -> None:
    write(tmp_path, world.memory(), {**world.memory("odd"), "importance": {"no": "number"}, "id": "odd", "type": {}})
    pjais.migrate(tmp_path, on_invalid="quarantine")
    if not waiting(tmp_path):
        pytest.skip("no rule refuses this document")
    decide(tmp_path, how, "odd", importance=5, type="text")
    write(
        tmp_path,
        world.memory(),
        {**world.memory("odd"), "importance": {"no": "number"}, "id": "odd", "type": {}},
        world.memory("m2"),
    )
    report = world.migrated(tmp_path)
    assert (report.exit_code, report.total.waiting) == (0, 0)
    assert waiting(tmp_path) == []
