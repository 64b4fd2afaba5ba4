"""Inside a persona's objects and a conversation's messages: guide B's types are checked, noted, and never enforced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.models.persona.typescript import schema_ts
from world import JSON, migrated, persona, rows, write_json, write_livestore

GOOD: JSON = {
    "personality": {"traits": ["calm"], "temperament": "warm", "communicationStyle": "direct", "more": [1]},
    "settings": {"memoryRetention": 90, "privacyLevel": "low", "autoLearn": False, "more": {"x": None}},
}


def noted(folder: Path, personas: list[JSON], conversations: list[JSON] | None = None) -> dict[str, str]:
    """Migrate, verify, and give the path and message of each note about a member."""
    folder.mkdir(exist_ok=True)
    write_json(folder, personas=personas, conversations=conversations or [])
    report = migrated(folder)
    assert report.code == "done" and not report.total.quarantined and not report.total.repaired
    return {str(one.field): one.message for one in report.findings if one.rule == "nested-type"}


def with_member(path: str, value: Any) -> JSON:
    field, _, name = path.partition(".")
    return persona(**{**GOOD, field: {**GOOD[field], name: value}})


@pytest.mark.parametrize("value", ["low", "medium", "high"])
def test_the_guides_levels_are_no_finding(tmp_path: Path, value: str) -> None:
    assert noted(tmp_path / "data", personas=[with_member("settings.privacyLevel", value)]) == {}


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        ("settings.privacyLevel", "extreme-secret", "low / medium / high"),
        ("settings.privacyLevel", "LOW", "low / medium / high"),
        ("settings.privacyLevel", "", "low / medium / high"),
        ("settings.privacyLevel", 2, "low / medium / high"),
        ("settings.privacyLevel", None, "low / medium / high"),
        ("settings.privacyLevel", ["low"], "low / medium / high"),
        ("settings.memoryRetention", "90", "a number"),
        ("settings.memoryRetention", True, "a number"),
        ("settings.memoryRetention", {}, "a number"),
        ("settings.autoLearn", 1, "true or false"),
        ("settings.autoLearn", "true", "true or false"),
        ("personality.traits", "calm", "a list of texts"),
        ("personality.traits", ["calm", 7], "a list of texts"),
        ("personality.traits", [{"name": "calm", "value": 3}], "a list of texts"),
        ("personality.traits", {"calm": 0.5}, "a list of texts"),
        ("personality.temperament", 3, "text"),
        ("personality.communicationStyle", ["direct"], "text"),
    ],
    ids=str,
)
def test_a_member_of_another_type_is_a_note_with_its_path(tmp_path: Path, path: str, value: Any, what: str) -> None:
    """The record goes in, and the value is kept as it is; the note does not show it."""
    ((field, message),) = noted(tmp_path / "data", personas=[with_member(path, value)]).items()
    assert field == path and what in message and "secret" not in message
    name, _, member = path.partition(".")
    ((stored,),) = rows(tmp_path / "data" / "pjais.sqlite", f"SELECT {name} FROM personas")
    assert json.loads(stored) == {**GOOD[name], member: value}


def test_one_note_for_each_field(tmp_path: Path) -> None:
    """All that is wrong in a persona is said at once; members that are absent are no finding."""
    wrong = persona(settings={"privacyLevel": 1, "memoryRetention": "x"}, personality={"traits": None})
    found = noted(tmp_path / "data", personas=[wrong, persona("p2", settings={}, personality=None)])
    assert sorted(found) == ["personality.traits", "settings.memoryRetention", "settings.privacyLevel"]


def test_the_members_of_messages(tmp_path: Path) -> None:
    """A role that the guide has not, content that is no text: one note a field, with the first message."""
    good = {"id": "a", "role": "user", "content": "x", "timestamp": 1, "metadata": {}}
    messages = [
        good,
        {**good, "role": "tool", "metadata": None, "timestamp": "2025-01-01T00:00:00.000Z"},
        {**good, "role": "oracle", "content": {"parts": ["secret"]}, "id": 5, "timestamp": None},
    ]
    talk = {"id": "c1", "personaId": "p1", "messages": messages}
    found = noted(tmp_path / "data", personas=[persona()], conversations=[talk])
    assert sorted(found) == ["messages.content", "messages.id", "messages.role", "messages.timestamp"]
    assert found["messages.role"].startswith("message 1: ") and "secret" not in "".join(found.values())


def test_sources_in_sqlite_are_checked_too(tmp_path: Path) -> None:
    """JSON as text in a LiveStore-shaped table."""
    (tmp_path / "data").mkdir()
    row = {"id": "p1", "name": "Ada", "personality": '{"traits":[1],"temperament":"t"}'}
    write_livestore(tmp_path / "data" / "livestore.db", [row], [])
    report = migrated(tmp_path / "data")
    assert [one.field for one in report.findings if one.rule == "nested-type"] == ["personality.traits"]


def test_a_livestore_target_keeps_what_is_not_as_the_guide_has_it(tmp_path: Path) -> None:
    """Written to the log as it is, and proved."""
    (tmp_path / "data").mkdir()
    write_json(tmp_path / "data", personas=[with_member("settings.privacyLevel", "extreme")])
    report = pjais.migrate(tmp_path / "data", to="livestore")
    assert report.code == "done"
    assert pjais.verify(tmp_path / "data", report.target).passed


def test_the_schema_of_an_app_has_the_guides_types() -> None:
    """`pjais livestore schema`: typed for whoever writes, while no old value stops the boot."""
    text = schema_ts()
    for line in (
        "privacyLevel: Schema.Literal('low', 'medium', 'high'),",
        "memoryRetention: Schema.Number,",
        "autoLearn: Schema.Boolean,",
        "traits: Schema.Array(Schema.String),",
        "role: Schema.Literal('user', 'assistant', 'system'),",
        "settings: jsonOf(Settings),",
        "personality: jsonOf(Personality),",
        "settings: mayOf(Settings),",
        "messages: listOf(Message),",
        "tags: listOf(Schema.String),",
    ):
        assert line in text
