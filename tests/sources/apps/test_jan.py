"""Jan's folders: threads with their messages, assistants, files, and what goes wrong in them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, by_native_id, documents, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import JSON

import pjais
from pjais.core.document import Remark, Unreadable
from pjais.sources import registry
from pjais.sources.apps.jan import thread

KIND = registry.of_kind("jan")
HELD = GOLDEN / "jan" / "threads" / "jan_1777888800"
"""A thread by hand, after Jan's documentation."""
THREAD = json.loads((HELD / "thread.json").read_text("utf-8"))
MESSAGES = [json.loads(line) for line in (HELD / "messages.jsonl").read_text("utf-8").split("\n") if line]


def message(name: str, role: str, text: str, at: float = 1777888800000) -> dict[str, Any]:
    content = [{"type": "text", "text": {"value": text, "annotations": []}}]
    return {
        "id": name,
        "object": "thread.message",
        "thread_id": THREAD["id"],
        "role": role,
        "content": content,
        "status": "ready",
        "created_at": at,
    }


def jan(root: Path, *messages: dict[str, Any], made: dict[str, Any] | None = THREAD, name: str = "t1") -> Path:
    folder = root / "threads" / name
    folder.mkdir(parents=True)
    if made is not None:
        (folder / "thread.json").write_text(json.dumps(made), "utf-8")
    if messages:
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in messages]
        (folder / "messages.jsonl").write_text("".join(lines), "utf-8")
    assistant = root / "assistants" / "jan" / "assistant.json"
    assistant.parent.mkdir(parents=True, exist_ok=True)
    made_by = {
        "id": "jan",
        "name": "Jan",
        "description": "A default",
        "instructions": "Help.",
        "created_at": 1777880000,
    }
    assistant.write_text(json.dumps(made_by), "utf-8")
    return root


def test_threads_are_conversations(tmp_path: Path) -> None:
    assert KIND is not None
    jan(tmp_path, *MESSAGES)
    for path in (tmp_path / "threads", tmp_path / "threads" / "t1", HELD, HELD.parent):
        assert kind_of(path) == "jan"
        document = by_native_id(read(path), "conversations")[str(THREAD["id"])]
        dates = document["createdAt"], document["updatedAt"]
        assert dates == ("2026-05-04T10:00:00.000Z", "2026-05-04T10:00:10.000Z")
        shown = [(one["id"], one["role"], one["content"], one["timestamp"]) for one in document["messages"]]
        assert shown == [
            ("m1", "user", "When?\u2028Today.", 1777888800000),
            ("m2", "assistant", "At noon.", 1777888805250),
        ]
        assert KIND.native("conversations", document) == {"thread": THREAD, "messages": MESSAGES}


def test_the_folder_of_jan_gives_threads_and_assistants_and_no_models(tmp_path: Path) -> None:
    root = jan(tmp_path / "jan", *MESSAGES)
    (root / "models").mkdir()
    (root / "models" / "large.gguf").write_bytes(b"model")
    assert kind_of(root) is None
    with migrated(tmp_path / "data", root) as store:
        (conversation,), (persona,) = store.conversations.list(), store.personas.list()
        assert (persona.name, persona.settings) == ("Jan", {"systemPrompt": "Help."})
        assert conversation.persona_id == persona.id
        before = conversation
    backup = [one.name for one in (tmp_path / "data" / "backups").rglob("*")]
    assert "large.gguf" not in backup
    path = tmp_path / "jan.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for one in sorted(root.rglob("*")):
            packed.write(one, f"jan/{one.relative_to(root)}")
    assert [one.rule for one in read(path) if isinstance(one, Remark)] == ["left-out"]
    with migrated(tmp_path / "data", path) as store:
        assert store.conversations.list() == [before]


def test_files_of_a_thread_are_attachments(tmp_path: Path) -> None:
    picture = message("m1", "user", "Look")
    picture["content"].append({"type": "image", "image_url": {"url": "data:image/png;base64,cGljdHVyZQ=="}})
    jan(tmp_path, picture)
    file = tmp_path / "threads" / "t1" / "files" / "notes.txt"
    file.parent.mkdir()
    file.write_text("notes")
    pieces = read(tmp_path / "threads")
    assert sorted(one["name"] or "" for one in documents(pieces, "attachments").values()) == ["", "notes.txt"]
    (conversation,) = documents(pieces, "conversations").values()
    assert conversation["messages"][0]["metadata"]["attachments"][0]["size"] == len(b"picture")


def test_keys_in_the_settings_of_a_thread_are_not_stored(tmp_path: Path) -> None:
    jan(
        tmp_path, *MESSAGES, made={**THREAD, "assistants": [{"assistant_id": "jan", "model": {"api_key": "sk-secret"}}]}
    )
    pjais.migrate(tmp_path / "data", [str(tmp_path / "threads")])
    assert b"sk-secret" not in (tmp_path / "data" / "pjais.sqlite").read_bytes()


def test_faults_cost_themselves_alone(tmp_path: Path) -> None:
    jan(tmp_path, *MESSAGES)
    with (tmp_path / "threads" / "t1" / "messages.jsonl").open("a") as file:
        file.write('{"id": oops}\n7\n{"id": "m3", "content": "late", "created_at": "soon"}')
    jan(tmp_path, message("m9", "user", "alone"), made=None, name="t2")
    jan(tmp_path, made={"object": "thread"}, name="t3")
    jan(tmp_path, made={**THREAD, "id": "empty", "title": None}, name="t4")
    (tmp_path / "threads" / "t2" / "messages.jsonl").write_text(json.dumps({"thread_id": "lost", "role": "user"}))
    pieces = read(tmp_path / "threads")
    found = by_native_id(pieces, "conversations")
    assert {name: len(one["messages"]) for name, one in found.items()} == {THREAD["id"]: 3, "lost": 1, "empty": 0}
    assert [one.rule for one in pieces if isinstance(one, Remark)] == [
        "odd-message",
        "date-unreadable",
        "thread-missing",
    ]
    reasons = [one.reason for one in pieces if isinstance(one, Unreadable)]
    assert reasons == ["not JSON: Expecting value: line 1 column 8 (char 7)", "no thread's id"]


def test_other_folders_are_not_taken(tmp_path: Path) -> None:
    folder = tmp_path / "threads"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "thread.json").write_text('{"id": 1}')
    assert kind_of(folder) is None
    (folder / "notes.txt").write_text("private")
    assert kind_of(folder) is None


@pytest.mark.parametrize("raw", [1777888800, 1777888800.0, 1777888800000, "2026-05-04T10:00:00Z"])
def test_dates_in_seconds_and_milliseconds(raw: Any) -> None:
    assert thread.ms_of(raw) == 1777888800000


_PART = st.fixed_dictionaries({}, optional={"text": st.fixed_dictionaries({"value": st.text() | JSON}) | JSON})
_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "b"]) | JSON,
        "role": JSON,
        "content": st.lists(_PART | JSON, max_size=3) | JSON,
        "created_at": st.floats(0, 2e12) | JSON,
    },
)


@given(
    st.fixed_dictionaries({}, optional={"title": JSON, "created": JSON, "updated": st.integers(0, 10**13) | JSON}),
    st.lists(_MESSAGE | JSON, max_size=5),
)
@settings(deadline=None, max_examples=200)
def test_any_thread_comes_out_as_it_was(made: dict[str, Any], messages: list[Any]) -> None:
    native = {"thread": made, "messages": messages}
    document = thread.SHAPE.document(native, {"id": "c"}, turns=thread.turns(messages))
    assert thread.SHAPE.native(json.loads(json.dumps(document))) == native
    assert thread.assistant_of(made) is None
