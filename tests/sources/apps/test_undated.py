"""Records without a date of their own: of two exports the one that is migrated later counts, whatever it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app_files import GOLDEN, migrated
from wild import written

import pjais


def harbour() -> Any:
    return json.loads((GOLDEN / "letta-af" / "harbour.af").read_text("utf-8"))


def later() -> Any:
    value = harbour()
    value["blocks"][1]["value"] = "Name: Wren. Sold the boat."
    value["agents"][0]["description"] = "Retired"
    return value


def held(store: pjais.Store) -> tuple[set[Any], set[str | None]]:
    return {one.content for one in store.memories.list()}, {one.description for one in store.personas.list()}


def test_a_later_export_counts_whose_name_sorts_before_the_first(tmp_path: Path) -> None:
    """Browsers call a second download `agent (1).af`, which sorts before `agent.af`: its changes were superseded."""
    first, second = written(tmp_path, harbour(), "agent.af"), written(tmp_path, later(), "agent (1).af")
    with migrated(tmp_path / "data", first) as store:
        before = held(store)
    with migrated(tmp_path / "data", second) as store:
        after = held(store)
        assert "Name: Wren. Sold the boat." in after[0]
        assert after[1] == {"Retired"}
    assert pjais.rollback(tmp_path / "data")
    with pjais.open(tmp_path / "data") as store:
        assert held(store) == before


def test_an_edit_in_the_store_is_not_lost_to_a_later_export(tmp_path: Path) -> None:
    with migrated(tmp_path / "data", written(tmp_path, harbour(), "b.af")) as store:
        (agent,) = store.personas.list()
        store.personas.update(agent.id, description="Mine")
    with migrated(tmp_path / "data", written(tmp_path, later(), "a.af")) as store:
        assert held(store)[1] == {"Mine"}
