"""ChatGPT's form written: what came from there as it was, any other conversation so that it comes back as it was."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, by_native_id, documents, kind_of, migrated, read
from held_records import Held, held_of
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import IDS, JSON

import pjais
from pjais.core.document import Document
from pjais.sources.apps import values
from pjais.sources.apps.chatgpt import conversation, export
from pjais.sources.apps.shape import copied

SHARDED, SINGLE = GOLDEN / "chatgpt" / "export-sharded.zip", GOLDEN / "chatgpt" / "conversations.json"


def natives(path: Path) -> list[Any]:
    if path.suffix == ".json":
        return list(json.loads(path.read_text("utf-8")))
    with zipfile.ZipFile(path) as packed:
        names = sorted(name for name in packed.namelist() if name.startswith("conversations"))
        return [one for name in names for one in json.loads(packed.read(name))]


def sorted_by_id(found: list[Any]) -> list[Any]:
    return sorted(found, key=lambda one: str(one.get("conversation_id") or one["id"]))


def document_of(native: dict[str, Any]) -> dict[str, Any]:
    everything, shown = conversation.turns(native)
    return conversation.document(native, {"id": "x"}, everything, shown)


def without_origin(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without what the reader of ChatGPT adds."""
    made = copied(document)
    made["extra"].pop("chatgpt", None)
    for message in [*made["messages"], *made["extra"].get("branches", [])]:
        message["metadata"].pop("chatgpt", None)
    return dict(made)


def test_what_came_from_chatgpt_goes_out_as_it_came_with_its_files(tmp_path: Path) -> None:
    with migrated(tmp_path / "data", SHARDED, SINGLE):
        pass
    out = tmp_path / "out.zip"
    pjais.export(tmp_path / "data", output=out, format="chatgpt")
    assert kind_of(out) == "chatgpt"
    assert sorted_by_id(natives(out)) == sorted_by_id([*natives(SHARDED), *natives(SINGLE)])
    with zipfile.ZipFile(out) as packed, zipfile.ZipFile(SHARDED) as before:
        assert packed.read("file-AbC123-lamp.png") == before.read("file-AbC123-lamp.png")
        sketch = "file_00000000dd44-sketch.png"
        assert packed.read(sketch) == before.read(f"user-TESTONLY/{sketch}")
    again, original = read(out), read(SHARDED)
    assert documents(again, "attachments").keys() == documents(original, "attachments").keys()
    for name, document in by_native_id(original, "conversations").items():
        assert by_native_id(again, "conversations")[name] == document


def test_edits_additions_and_deletions_of_the_store_are_in_it() -> None:
    native = next(one for one in natives(SHARDED) if one["title"] == "Lamps & branches")
    document = document_of(native)
    texts = [one["content"] for one in document["messages"]]
    two_parts = next(at for at, one in enumerate(document["messages"]) if one["content"].startswith("First question"))
    document["messages"][two_parts]["content"] = "Another question"
    document["messages"].append({"id": "new", "role": "user", "content": "And?", "timestamp": 1800000000123})
    back = conversation.native(document)
    node = back["mapping"][document["messages"][two_parts]["id"]]
    parts = node["message"]["content"]["parts"]
    assert (parts[-1], len(parts)) == ("Another question", 2)
    assert parts[0]["content_type"] == "image_asset_pointer"
    assert back["current_node"] == "new"
    assert back["mapping"]["new"]["parent"] == native["current_node"]
    assert back["mapping"]["new"]["message"]["create_time"] == 1800000000.123
    again = document_of(back)
    assert [one["content"] for one in again["messages"]] == [
        *texts[:two_parts], "Another question", *texts[two_parts + 1 :], "And?"
    ]  # fmt: skip
    del again["messages"][0]
    del again["messages"][5]
    short = document_of(conversation.native(again))
    assert [one["id"] for one in short["messages"]] == [one["id"] for one in again["messages"]]


def test_a_conversation_of_open_webui_comes_back_as_it_was(tmp_path: Path) -> None:
    chats = GOLDEN / "open-webui" / "chat-export-1777889000000.json"
    for document in documents(read(chats), "conversations").values():
        native = json.loads(json.dumps(export.of_conversation(copied(document), {})))
        again = document_of(native)
        assert without_origin(again) == {key: one for key, one in document.items() if one not in (None, [])}
        assert conversation.native(json.loads(json.dumps(again))) == native
        assert [one["id"] for one in again["messages"]] == [one["id"] for one in document["messages"]]
    with migrated(tmp_path / "a", chats) as store:
        before = store.conversations.list()
    pjais.export(tmp_path / "a", output=tmp_path / "out", format="chatgpt")
    with migrated(tmp_path / "b", tmp_path / "out" / "conversations.json") as store:
        assert sorted((one.id, one.title, one.topics, one.created_at) for one in store.conversations.list()) == sorted(
            (one.id, one.title, one.topics, one.created_at) for one in before
        )


def test_the_persona_of_a_conversation_comes_with_it(tmp_path: Path) -> None:
    persona = {"id": "p", "name": "Fern", "updatedAt": "2026-05-04T10:00:00.000Z", "description": "long"}
    message = {"id": "a", "role": "user", "content": "Hello", "timestamp": 1, "metadata": {}}
    one = {"id": "c", "personaId": "p", "messages": [message], "extra": {}}
    held = held_of([Document("personas", "p", "", persona), Document("conversations", "c", "", one)])
    _, content = next(export.files(held, lambda _: None))
    path = tmp_path / "conversations.json"
    path.write_bytes(content if isinstance(content, bytes) else b"".join(content))
    with migrated(tmp_path / "data", path) as store:
        assert [(each.id, each.name) for each in store.personas.list()] == [("p", "Fern")]
        assert [each.persona_id for each in store.conversations.list()] == ["p"]


def test_the_form_is_what_others_read() -> None:
    document = {
        "id": "c-1",
        "title": "Ferns",
        "createdAt": "2026-05-04T10:00:00.123Z",
        "messages": [
            {"id": "a", "role": "user", "content": "Hello", "timestamp": 1777888800123, "metadata": {}},
            {"id": "b", "role": "tool", "content": "x", "timestamp": None, "metadata": {"hidden": True}},
            {"id": "c", "role": "assistant", "content": "Hi", "timestamp": 1777888801000, "metadata": {"model": "m"}},
        ],
        "extra": {
            "branches": [{"id": "d", "role": "assistant", "content": "Ho", "timestamp": 1777888802999, "parentId": "a"}]
        },
    }
    native = export.of_conversation(document, {})
    assert (native["id"], native["conversation_id"], native["title"]) == ("c-1", "c-1", "Ferns")
    assert (native["create_time"], native["update_time"], native["current_node"]) == (
        1777888800.123,
        1777888802.999,
        "c",
    )
    mapping = native["mapping"]
    assert list(mapping) == ["client-created-root", "a", "b", "c", "d"]
    assert mapping["client-created-root"] == {
        "id": "client-created-root", "message": None, "parent": None, "children": ["a"]
    }  # fmt: skip
    assert {name: (one["parent"], one["children"]) for name, one in list(mapping.items())[1:]} == {
        "a": ("client-created-root", ["b", "d"]),
        "b": ("a", ["c"]),
        "c": ("b", []),
        "d": ("a", []),
    }
    said = mapping["c"]["message"]
    assert said["author"] == {"role": "assistant", "name": None, "metadata": {}}
    assert said["content"] == {"content_type": "text", "parts": ["Hi"]}
    assert (said["create_time"], said["metadata"]["model_slug"]) == (1777888801.0, "m")
    assert mapping["b"]["message"]["weight"] == 0.0
    assert mapping["d"]["message"]["create_time"] == 1777888802.999


def test_attachments_of_any_conversation_lie_beside_it(tmp_path: Path) -> None:
    document = values.attachment_of(b"picture", "x", "../moss & co.png", "image/png")
    reference = values.reference(document)
    message = {"id": "a", "role": "user", "content": "Look", "timestamp": 1, "metadata": {"attachments": [reference]}}
    held = held_of([document, Document("conversations", "c", "", {"id": "c", "messages": [message], "extra": {}})])
    written = {name: data if isinstance(data, bytes) else b"".join(data) for name, data in export.files(held, print)}
    (name,) = written.keys() - {"conversations.json"}
    assert name == f"file-{document.native_id[:24] if document.native_id else ''}-.._moss _ co.png"
    for one, data in written.items():
        (tmp_path / one).write_bytes(data)
    pieces = read(tmp_path)
    assert [one.blobs for one in pieces if isinstance(one, Document) and one.collection == "attachments"] == [
        document.blobs
    ]
    (again,) = documents(pieces, "conversations").values()
    assert again["messages"][0]["metadata"]["attachments"] == [reference]
    assert again["messages"][0]["content"] == "Look"
    parts = json.loads(written["conversations.json"])[0]["mapping"]["a"]["message"]["content"]["parts"]
    assert [one if isinstance(one, str) else one["content_type"] for one in parts] == ["image_asset_pointer", "Look"]


def test_what_the_form_cannot_hold_is_told_first() -> None:
    told: list[str] = []
    listed = {"memories": 2, "personas": 1, "relationships": 3, "conversations": 1, "chatgpt_files": 1}
    held = held_of(
        Document(name, str(at), "", {"id": str(at)}) for name, count in listed.items() for at in range(count)
    )
    found = export.files(held, told.append)
    assert next(found)[0] == "conversations.json"
    assert told == ["2 memories", "1 persona", "3 relationships", "1 other file of ChatGPT's export"]
    assert list(export.files(Held(), told.append)) == []


@pytest.mark.parametrize("ms", [0, 1, 999, 1756715001123, 1777888800001, 4102444799999, 253402300799999])
def test_float_seconds_are_exact_to_the_millisecond(ms: int) -> None:
    text = json.dumps(ms / 1000)
    assert values.ms_of_seconds(json.loads(text)) == ms


_TEXT = st.text(max_size=20)
_MESSAGE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "id": IDS | _TEXT.filter(lambda one: bool(one) and one != "client-created-root"),
        "role": st.sampled_from(["user", "assistant", "system", "tool", "narrator", "function"]),
        "content": _TEXT,
        "timestamp": st.none() | st.integers(0, 2 * 10**12),
        "metadata": st.fixed_dictionaries(
            {},
            optional={
                "hidden": st.just(True),
                "model": _TEXT,
                "author": _TEXT,
                "kind": _TEXT,
                "theirs": JSON.filter(bool),
            },
        ),
    }
)


def _id_of(one: dict[str, Any]) -> str:
    return str(one["id"])


_BRANCH = st.builds(lambda one, above: {**one, "id": f"b {one['id']}", "parentId": above}, _MESSAGE, st.none() | IDS)
_DOCUMENT = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1),
        "title": st.none() | _TEXT,
        "topics": st.lists(_TEXT, min_size=1, max_size=3),
        "isArchived": st.booleans(),
        "messages": st.lists(_MESSAGE, max_size=5, unique_by=_id_of),
        "createdAt": st.none() | st.integers(0, 2 * 10**12).map(values.iso),
        "updatedAt": st.none() | st.integers(0, 2 * 10**12).map(values.iso),
        "importance": st.integers(51, 100),
        "extra": st.builds(
            lambda extra, branches: {**extra, **({"branches": branches} if branches else {})},
            st.dictionaries(st.sampled_from(["x", "open-webui"]), JSON.filter(lambda one: one is not None), max_size=2),
            st.lists(_BRANCH, max_size=2, unique_by=_id_of),
        ),
    }
)


@given(_DOCUMENT)
@settings(deadline=None, max_examples=400)
def test_any_conversation_comes_back_as_it_was(document: dict[str, Any]) -> None:
    native = json.loads(json.dumps(export.of_conversation(copied(document), {})))
    again = document_of(native)
    assert without_origin(again) == document
    assert conversation.native(json.loads(json.dumps(again))) == native


_OURS = st.fixed_dictionaries(
    {"id": st.text() | JSON},
    optional={
        "personaId": JSON,
        "topics": JSON,
        "title": JSON,
        "extra": st.dictionaries(st.sampled_from(["chatgpt", "branches", "x"]), JSON) | JSON,
    },
)
_NODE = st.fixed_dictionaries(
    {
        "message": st.none()
        | st.fixed_dictionaries(
            {"content": JSON | st.fixed_dictionaries({"parts": st.lists(st.text() | JSON, max_size=3)})},
            optional={
                "metadata": st.fixed_dictionaries(
                    {
                        "pjais": st.fixed_dictionaries(
                            {}, optional={"metadata": JSON, "role": JSON, "parentId": IDS | JSON}
                        )
                        | JSON
                    }
                )
            },
        ),
        "parent": st.none() | IDS | JSON,
    },
    optional={"children": st.lists(IDS) | JSON},
)


@given(
    st.fixed_dictionaries(
        {
            "conversation_id": st.text(min_size=1),
            "pjais": _OURS | JSON,
            "mapping": st.dictionaries(IDS, _NODE | JSON, max_size=4),
        },
        optional={"current_node": IDS | JSON, "title": JSON, "create_time": JSON},
    )
)
@settings(deadline=None, max_examples=300)
def test_whatever_stands_in_our_places_the_object_comes_out_as_it_was(native: dict[str, Any]) -> None:
    assert conversation.native(json.loads(json.dumps(document_of(native)))) == native
