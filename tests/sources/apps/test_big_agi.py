"""big-AGI's exports: fragments and older texts, attached documents, folders, the keys of services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from app_files import assert_native, by_native_id, documents, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import IDS, JSON, assert_harmless, assert_nowhere, reasons, rules, written

from pjais.sources import registry
from pjais.sources.apps.big_agi import conversation as big_agi

KIND = next(one for one in registry.APPS if one.kind == "big-agi")


def text(value: str, ft: str = "content") -> dict[str, Any]:
    return {"ft": ft, "fId": "f" + value[:2], "part": {"pt": "text", "text": value}}


def newer() -> dict[str, Any]:
    """Return a conversation whose messages are fragments."""
    doc = {
        "pt": "doc",
        "vdt": "application/vnd.agi.code",
        "ref": "moon.txt",
        "data": {"idt": "text", "text": "Moon text", "mimeType": "text/plain"},
    }
    ref = {"reftype": "dblob", "dblobAssetId": "asset-1", "mimeType": "image/png", "bytesSize": 70}
    call = {"ft": "content", "fId": "f9", "part": {"pt": "tool_invocation", "id": "t", "invocation": {"name": "n"}}}
    messages = [
        {
            "id": "m0",
            "role": "system",
            "fragments": [text("You watch the sky.")],
            "created": 1777888800000,
            "updated": None,
        },
        {
            "id": "m1",
            "role": "user",
            "fragments": [
                text("What is that light?"),
                {"ft": "attachment", "fId": "f2", "title": "moon.txt", "part": doc},
                {"ft": "content", "fId": "f3", "part": {"pt": "image_ref", "dataRef": ref, "altText": "the sky"}},
            ],
            "created": 1777888801000,
        },
        {"id": "m2", "role": "assistant", "fragments": [call], "created": 1777888802000},
        {
            "id": "m3",
            "role": "assistant",
            "fragments": [
                {"ft": "void", "fId": "f5", "part": {"pt": "ma", "aText": "thinking"}},
                text("The moon."),
                text("Almost full."),
            ],
            "generator": {"mgt": "aix", "name": "Test", "aix": {"vId": "v", "mId": "test-model"}},
            "created": 1777888803000,
            "updated": 1777888804000,
        },
    ]
    head = {"id": "c1", "messages": messages, "systemPurposeId": "Generic", "userTitle": "Lights"}
    return {**head, "autoTitle": "auto", "created": 1777888800000, "updated": 1777888805000}


def older() -> dict[str, Any]:
    """Return a conversation of the older version, whose messages are texts."""
    more = {"sender": "You", "typing": False, "tokenCount": 2, "created": 1677888800000, "updated": None}
    answer = {"id": "o2", "role": "assistant", "text": "Hello.", "originLLM": "gpt-old", **more}
    messages = [{"id": "o1", "role": "user", "text": "Hi", **more}, answer]
    return {
        "id": "c2",
        "messages": messages,
        "systemPurposeId": "Developer",
        "autoTitle": "Greeting",
        "created": 1677888800000,
    }


def everything() -> dict[str, Any]:
    sources = [{"id": "openai", "label": "OpenAI", "vId": "openai", "setup": {"oaiKey": "KEY-1", "oaiOrg": "KEY-2"}}]
    folder = {"id": "fo1", "title": "Sky", "conversationIds": ["c1"], "color": "#fff"}
    folders = {"folders": [folder], "enableFolders": True}
    return {"conversations": [newer(), older()], "models": {"sources": sources}, "folders": folders}


def test_conversations_of_both_versions_are_read(tmp_path: Path) -> None:
    pieces = read(written(tmp_path, everything()))
    found = by_native_id(pieces, "conversations")
    assert {name: one["title"] for name, one in found.items()} == {"c1": "Lights", "c2": "Greeting"}
    assert [(one["role"], one["content"], one["timestamp"]) for one in found["c1"]["messages"]] == [
        ("system", "You watch the sky.", 1777888800000),
        ("user", "What is that light?", 1777888801000),
        ("assistant", "", 1777888802000),
        ("assistant", "The moon.\n\nAlmost full.", 1777888803000),
    ]
    assert [one["metadata"].get("hidden", False) for one in found["c1"]["messages"]] == [True, False, True, False]
    assert found["c1"]["messages"][3]["metadata"]["model"] == "test-model"
    assert [one["content"] for one in found["c2"]["messages"]] == ["Hi", "Hello."]
    assert found["c2"]["messages"][1]["metadata"]["model"] == "gpt-old"
    assert found["c1"]["updatedAt"] == "2026-05-04T10:00:05.000Z"
    assert_native(KIND, pieces, "conversations", [newer(), older()])
    assert_native(KIND, pieces, "big_agi_folders", everything()["folders"]["folders"])


def test_attached_documents_are_kept_and_pictures_named(tmp_path: Path) -> None:
    pieces = read(written(tmp_path, everything()))
    message = by_native_id(pieces, "conversations")["c1"]["messages"][1]
    document, picture = message["metadata"]["attachments"]
    (kept,) = documents(pieces, "attachments").values()
    assert (document["sha256"], kept["name"], kept["mediaType"], kept["size"]) == (
        kept["id"],
        "moon.txt",
        "text/plain",
        9,
    )
    assert picture == {"name": "the sky", "mediaType": "image/png", "size": 70, "missing": True}


def test_one_conversation_is_the_same_as_among_all(tmp_path: Path) -> None:
    among = by_native_id(read(written(tmp_path, everything())), "conversations")
    for one in (newer(), older()):
        alone = by_native_id(read(written(tmp_path, one, "one.agi.json")), "conversations")
        assert alone == {one["id"]: among[one["id"]]}


def test_no_credential_is_stored_anywhere(tmp_path: Path) -> None:
    whole = written(tmp_path, everything())
    assert "secret-redacted" in rules(read(whole))
    with migrated(tmp_path / "data", whole):
        assert_nowhere("KEY-", tmp_path / "data")
    broken = whole.read_text("utf-8").replace('"autoTitle": "Greeting"', '"autoTitle": nope', 1)
    cut = whole.read_text("utf-8").replace('}], "models"', ', "models"', 1)
    for number, text_of in enumerate((broken, cut)):
        assert_harmless(written(tmp_path, text_of, f"{number}.json"), tmp_path / f"other{number}")
        assert_nowhere("KEY-", tmp_path / f"other{number}")


def test_a_later_export_brings_only_what_is_new(tmp_path: Path) -> None:
    later = everything()
    more = {"id": "m9", "role": "user", "fragments": [text("Thanks")], "created": 1777888900000}
    later["conversations"][0] |= {"messages": [*newer()["messages"], more], "updated": 1777888900000}
    later["conversations"].append({**older(), "id": "c3"})
    path = written(tmp_path, everything())
    with migrated(tmp_path / "data", path) as store:
        before = store.conversations.list()
    with migrated(tmp_path / "data", written(tmp_path, everything(), "again.json")) as store:
        assert store.conversations.list() == before
    with migrated(tmp_path / "data", written(tmp_path, later, "a.json")) as store:
        found = store.conversations.list()
        assert len(found) == 3
        assert sum(one["content"] == "Thanks" for each in found for one in each.messages) == 1


def test_one_broken_conversation_costs_no_other(tmp_path: Path) -> None:
    whole = everything()
    whole["conversations"] += [3, {"messages": []}]
    path = written(tmp_path, json.dumps(whole).replace('"userTitle"', "nope", 1))
    pieces = read(path)
    assert list(by_native_id(pieces, "conversations")) == ["c2"]
    assert len(reasons(pieces)) == 3


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    assert kind_of(written(tmp_path, everything(), "x.dat")) == "big-agi"
    assert kind_of(written(tmp_path, newer())) == "big-agi"
    large = newer()
    large["messages"][0]["fragments"][0]["part"]["text"] = "x" * 100_000
    assert kind_of(written(tmp_path, large)) == "big-agi"
    assert kind_of(written(tmp_path, {**everything(), "conversations": [large]})) == "big-agi"
    assert kind_of(written(tmp_path, {"conversations": [], "models": {"sources": []}, "folders": {}})) == "big-agi"
    assert kind_of(written(tmp_path, {"conversations": [{"id": "a", "mapping": {}}]})) != "big-agi"
    assert kind_of(written(tmp_path, {"conversations": [], "folders": []})) != "big-agi"
    assert kind_of(written(tmp_path, {"id": "a", "messages": []})) != "big-agi"


@pytest.mark.parametrize(
    "value",
    [
        {"id": "a", "messages": {"a": 1}, "systemPurposeId": 3, "userTitle": [], "created": "x"},
        {"id": "a", "messages": [None, {"fragments": [3, {"part": 4}, {"part": {"pt": []}}]}], "systemPurposeId": ""},
        {"conversations": [], "models": {"sources": None}, "folders": {"folders": [3, {}], "enableFolders": 4}},
        {"id": 3, "messages": [], "systemPurposeId": ""},
    ],
)
def test_values_of_any_type_raise_nothing(value: Any, tmp_path: Path) -> None:
    assert_harmless(written(tmp_path, value), tmp_path / "data")


_PART = JSON | st.fixed_dictionaries(
    {"pt": st.sampled_from(["text", "doc", "ma"])}, optional={"text": JSON | st.text()}
)
_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "id": IDS | JSON,
        "role": JSON | st.just("user"),
        "fragments": st.lists(JSON | st.fixed_dictionaries({"part": _PART}), max_size=3) | JSON,
        "text": JSON,
        "created": st.integers(0, 2 * 10**12) | JSON,
        "generator": JSON,
    },
)


@given(
    st.fixed_dictionaries(
        {"id": st.text(min_size=1)},
        optional={
            "messages": st.lists(_MESSAGE | JSON, max_size=4) | JSON,
            **dict.fromkeys(("userTitle", "autoTitle", "created", "updated", "isArchived", "$any"), JSON),
        },
    )
)
@settings(deadline=None, max_examples=150)
def test_any_conversation_comes_out_as_it_was(native: dict[str, Any]) -> None:
    document = big_agi.document(native, "c", big_agi.turns_of(native))
    assert big_agi.native("conversations", json.loads(json.dumps(document))) == native
