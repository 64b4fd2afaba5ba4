"""The real better-sqlite3 reads what we wrote, by the queries of the guides, and finds what our export holds."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any

import pytest
from oracle_world import Migrated, Row, migrate_sample, require, use, words_in, words_of

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Skip with the reason where the oracle is missing; fail where it is required."""
    require()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    """The migrated sample, for tests that only read."""
    return migrate_sample(tmp_path_factory.mktemp("read") / "data")


@pytest.fixture(scope="module")
def answers(sample: Migrated) -> dict[str, Any]:
    """What better-sqlite3 answers to every query of the guides."""
    personas = [one["id"] for one in sample.records["personas"]]
    return use("read", sample.store, {"personas": personas, "words": words_of(sample.store)})


def ordered(records: Iterable[Row], *fields: str) -> list[str]:
    """The ids of records in descending order of the fields (absent last), then in ascending order of id."""
    found = sorted(records, key=lambda one: str(one["id"]))
    for field in reversed(fields):
        found.sort(
            key=lambda one: (one[field] is not None, one[field] or 0 if field == "importance" else one[field] or ""),
            reverse=True,
        )
    return [one["id"] for one in found]


def live_memories(sample: Migrated, persona: str) -> list[Row]:
    return [one for one in sample.records["memories"] if one["personaId"] == persona and one["deletedAt"] is None]


def for_each_persona(sample: Migrated, expected: Callable[[list[Row]], Any]) -> dict[str, Any]:
    """What is expected of the live memories of every persona."""
    return {one["id"]: expected(live_memories(sample, one["id"])) for one in sample.records["personas"]}


def test_the_sqlite_that_reads_is_not_ours(answers: dict[str, Any]) -> None:
    """better-sqlite3 brings a SQLite of its own."""
    assert re.fullmatch(r"3\.\d+\.\d+", answers["version"])


def test_the_active_persona_and_the_lists_of_personas(sample: Migrated, answers: dict[str, Any]) -> None:
    """activePersona$, allPersonas$, recentPersonas$."""
    personas = sample.records["personas"]
    active = [one for one in personas if one["isActive"]]
    assert answers["activePersona"] == ordered(active, "lastUsed")[:1]
    assert answers["allPersonas"] == ordered(personas, "lastUsed")
    used = [one for one in personas if one["lastUsed"] is not None]
    assert answers["recentPersonas"] == ordered(used, "lastUsed")[:5]


def test_the_memories_of_each_persona(sample: Migrated, answers: dict[str, Any]) -> None:
    """personaMemories$, hotMemories$, importantMemories$: live ones by importance, then by last access."""
    by_importance = ("importance", "lastAccessed")
    assert answers["personaMemories"] == for_each_persona(sample, lambda live: ordered(live, *by_importance))
    assert answers["hotMemories"] == for_each_persona(
        sample, lambda live: ordered([one for one in live if one["memoryTier"] == "hot"], *by_importance)
    )
    assert answers["importantMemories"] == for_each_persona(
        sample, lambda live: ordered([one for one in live if one["importance"] > 80], *by_importance)
    )
    assert sum(len(found) for found in answers["importantMemories"].values()) > 5


def test_the_query_by_which_guide_b_measures_speed(sample: Migrated, answers: dict[str, Any]) -> None:
    """importance > 50 by last access, the first hundred."""
    wanted = [one for one in sample.records["memories"] if one["importance"] > 50]
    assert answers["important"] == ordered(wanted, "lastAccessed")[:100]


def test_the_statistics_of_each_persona(sample: Migrated, answers: dict[str, Any]) -> None:
    """memoryStats$: total, by tier, by type, mean importance."""
    for field, query in (("memoryTier", "memoriesByTier"), ("type", "memoriesByType")):
        for persona, rows in answers[query].items():
            assert dict(rows) == Counter(one[field] for one in live_memories(sample, persona))
    for persona, [(count, mean)] in answers["meanImportance"].items():
        live = live_memories(sample, persona)
        assert count == len(live)
        assert mean == (pytest.approx(fmean(one["importance"] for one in live)) if live else None)


def test_tags_are_json_for_sql(sample: Migrated, answers: dict[str, Any]) -> None:
    """json_each over the tags of every live memory."""
    assert answers["memoriesByTag"] == for_each_persona(
        sample, lambda live: sorted([one["id"], tag] for one in live for tag in set(one["tags"]))
    )


def test_the_recent_conversations(sample: Migrated, answers: dict[str, Any]) -> None:
    """recentConversations$: not archived, latest first, twenty."""
    for persona, found in answers["recentConversations"].items():
        theirs = [one for one in sample.records["conversations"] if one["personaId"] == persona]
        assert found == ordered([one for one in theirs if not one["isArchived"]], "updatedAt")[:20]
    assert any(answers["recentConversations"].values())


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


JSON_COLUMNS = {"personality", "memory_configuration", "privacy_settings", "settings", "tags", "embedding", "extra"}


def as_exported(row: Row) -> Row:
    """A row as better-sqlite3 gives it, as our export writes the same record."""
    record: Row = {}
    for name, value in row.items():
        if name in ("search_id", "content_format"):
            continue
        if name in JSON_COLUMNS or (name == "content" and row.get("content_format") == "json"):
            value = None if value is None else json.loads(value)
        if name == "is_active":
            value = bool(value)
        record[camel(name)] = {} if name == "extra" and value is None else value
    return record


def test_every_field_of_every_persona_and_memory(sample: Migrated, answers: dict[str, Any]) -> None:
    """Nothing is lost on the way through another SQLite and JavaScript."""
    personas = [as_exported(row) for rows in answers["personaById"].values() for row in rows]
    assert sorted(personas, key=lambda one: str(one["id"])) == sorted(
        sample.records["personas"], key=lambda one: str(one["id"])
    )
    memories = {row["id"]: as_exported(row) for row in answers["everyMemory"]}
    assert memories == {one["id"]: one for one in sample.records["memories"]}


def test_search_finds_every_word_and_nothing_else(sample: Migrated, answers: dict[str, Any]) -> None:
    """memory_fts MATCH, for each of the words that stand in any memory."""
    expected = {f'"{word}"': sorted(ids) for word, ids in words_in(sample.store).items()}
    assert len(expected) > 300
    assert {word: sorted(ids) for word, ids in answers["search"].items()} == expected
