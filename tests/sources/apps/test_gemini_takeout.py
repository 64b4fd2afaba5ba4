"""Gemini in a Takeout: prompts grouped by time, answers as text, other activity, HTML, and AI Studio."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, by_native_id, documents, expected, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import JSON, rules

import pjais
from pjais.core.document import Document, Remark, Unreadable
from pjais.errors import NoSourceFound
from pjais.sources import registry
from pjais.sources.apps.gemini_takeout import prompts
from pjais.sources.apps.gemini_takeout.html_text import text_of
from pjais.sources.contract import Wishes

TAKEOUT = GOLDEN / "gemini-takeout" / "takeout-20260505T000000Z-001.zip"
ACTIVITY = "Takeout/My Activity/Gemini Apps/MyActivity.json"
KIND = registry.of_kind("gemini-takeout")


def entry(time: str, title: str = "Prompted hello", answer: str | None = "<p>hi</p>", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"header": "Gemini Apps", "title": title, "time": time, "products": ["Gemini Apps"]}
    return made | ({} if answer is None else {"safeHtmlItem": [{"html": answer}]}) | more


def written(path: Path, *entries: Any) -> Path:
    path.write_text(json.dumps(list(entries)), "utf-8")
    return path


def contents(document: dict[str, Any]) -> list[str]:
    return [one["content"] for one in document["messages"]]


def test_the_golden_takeout_is_read_as_told() -> None:
    pieces = read(TAKEOUT)
    told = expected("gemini-takeout")["files"][TAKEOUT.name]
    found = sorted(documents(pieces, "conversations").values(), key=lambda one: str(one["createdAt"]))
    assert len(found) == len(told["conversations"])
    for document, one in zip(found, told["conversations"], strict=True):
        for message, each in zip(document["messages"], one["messages"], strict=True):
            assert (message["role"], message["timestamp"]) == (each["role"], each["timestamp"])
            assert message["content"] == each.get("text", message["content"])
            assert all(part in message["content"] for part in each.get("contains", []))
        named = [file for message in document["messages"] for file in message["metadata"].get("attachments", [])]
        assert [file["name"] for file in named] == one.get("attachments", [])
    others = [one for one in pieces if isinstance(one, Document) and one.collection == "gemini_takeout_activity"]
    assert len(others) == told["not_prompts_kept_as_other"]
    foreign = next(one for one in pieces if isinstance(one, Remark) and one.collection == "gemini_takeout_activity")
    assert foreign.message.startswith(f"{told['not_gemini']} entries")


def test_every_entry_of_gemini_comes_out_as_it_was() -> None:
    assert KIND is not None
    pieces = read(TAKEOUT)
    with zipfile.ZipFile(TAKEOUT) as packed:
        natives = [one for one in json.loads(packed.read(ACTIVITY)) if one["header"] == "Gemini Apps"]
    made = [one for each in documents(pieces, "conversations").values() for one in KIND.native("conversations", each)]
    made += by_native_id(pieces, "gemini_takeout_activity").values()
    assert sorted(map(json.dumps, made)) == sorted(map(json.dumps, natives))


def test_the_gap_between_conversations_is_an_option(tmp_path: Path) -> None:
    times = [f"2026-05-04T{time}Z" for time in ("10:20:00", "10:00:00", "10:55:00", "11:25:00.001")]
    path = written(tmp_path / "MyActivity.json", *(entry(time, f"Prompted {time}") for time in times))
    assert [len(one["messages"]) for one in documents(read(path), "conversations").values()] == [4, 2, 2]
    (one,) = documents(read(path, Wishes(gap=40)), "conversations").values()
    assert [text for text in contents(one) if text != "hi"] == sorted(times)
    assert len(documents(read(path, Wishes(gap=0)), "conversations")) == 4


def test_a_later_takeout_adds_to_the_conversation_and_repeats_nothing(tmp_path: Path) -> None:
    first = written(tmp_path / "b.json", entry("2026-05-04T10:00:00Z"))
    later = written(tmp_path / "a.json", entry("2026-05-04T10:10:00Z", "Prompted more"), entry("2026-05-04T10:00:00Z"))
    with migrated(tmp_path / "data", first) as store:
        (before,) = store.conversations.list()
    with migrated(tmp_path / "data", later) as store:
        (after,) = store.conversations.list()
    assert (after.id, len(before.messages), len(after.messages)) == (before.id, 2, 4)
    renamed = tmp_path / "Meine Aktivität (1).json"
    renamed.write_bytes(later.read_bytes())
    with migrated(tmp_path / "data", renamed) as store:
        assert store.conversations.list() == [after]


def test_titles_in_other_languages(tmp_path: Path) -> None:
    german = entry("2026-05-04T10:00:00Z", "Eingegebener Prompt: Was?", header="Gemini-Apps", products=["Gemini-Apps"])
    other = entry("2026-05-04T11:00:00Z", "Canvas erstellt", header="Gemini-Apps")
    pieces = read(written(tmp_path / "Meine Aktivitäten.json", german, other))
    (one,) = documents(pieces, "conversations").values()
    assert contents(one) == ["Was?", "hi"]
    assert rules(pieces) == []
    unknown = entry("2026-05-04T10:00:00Z", "Kysyit: mikä?"), entry("2026-05-04T11:00:00Z", "Palaute", None)
    pieces = read(written(tmp_path / "oma.json", *unknown))
    (one,) = documents(pieces, "conversations").values()
    assert contents(one) == ["Kysyit: mikä?", "hi"]
    assert rules(pieces) == ["prompt-prefix-unknown"]
    assert len(by_native_id(pieces, "gemini_takeout_activity")) == 1


def test_a_prompt_without_an_answer_and_one_without_a_time(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", entry("once"), entry("2026-05-04T10:00:00Z", answer=None), 17)
    pieces = read(path)
    first, second = documents(pieces, "conversations").values()
    assert (contents(first), contents(second)) == (["hello", "hi"], ["hello"])
    assert (first["createdAt"], first["messages"][0]["timestamp"]) == (None, None)
    assert rules(pieces) == ["date-unreadable"]
    assert [one.reason for one in pieces if isinstance(one, Unreadable)] == ["not an entry: not an object"]


def test_files_beside_the_activity_are_attachments(tmp_path: Path) -> None:
    folder = tmp_path / "Takeout" / "My Activity" / "Gemini Apps"
    folder.mkdir(parents=True)
    named = entry("2026-05-04T10:00:00Z", attachedFiles=["a b.txt", "gone.txt"], imageFile="c.png")
    named["subtitles"] = [{"name": "a b", "url": "a%20b.txt"}, {"name": "site", "url": "https://example.invalid/x"}]
    written(folder / "MyActivity.json", named)
    (folder / "a b.txt").write_text("text")
    (folder / "c.png").write_bytes(b"picture")
    assert kind_of(folder) == "gemini-takeout"
    report = pjais.migrate(tmp_path / "data", [str(tmp_path / "Takeout")])
    assert [one["kind"] for one in report.sources] == ["gemini-takeout"]
    pieces = read(folder)
    (one,) = documents(pieces, "conversations").values()
    told = one["messages"][0]["metadata"]["attachments"]
    assert [file.get("missing", False) for file in told] == [False, True, False, False]
    assert len(documents(pieces, "attachments")) == 2


def test_a_folder_of_downloads_is_not_taken_as_a_whole(tmp_path: Path) -> None:
    written(tmp_path / "MyActivity.json", entry("2026-05-04T10:00:00Z", attachedFiles=["quay.jpg"]))
    (tmp_path / "quay.jpg").write_bytes(b"picture")
    assert kind_of(tmp_path) == "gemini-takeout"
    (tmp_path / "letter.pdf").write_bytes(b"private")
    assert kind_of(tmp_path) is None
    assert kind_of(tmp_path / "MyActivity.json") == "gemini-takeout"


def test_other_products_of_a_takeout_are_told_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "takeout.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(ACTIVITY, json.dumps([entry("2026-05-04T10:00:00Z")]))
        packed.writestr("Takeout/Gemini/gems.json", '{"name": "Poet"}')
        packed.writestr("Takeout/Mail/All.mbox", "private")
    pieces = read(path)
    assert list(by_native_id(pieces, "gemini_takeout_files")) == ["Takeout/Gemini/gems.json"]
    assert rules(pieces) == ["not-gemini"]
    assert documents(pieces, "attachments") == {}


@pytest.mark.parametrize("packed", [True, False])
def test_the_activity_as_html_is_refused_and_told_how_to_get_json(tmp_path: Path, packed: bool) -> None:
    page = (
        '<html><head><title>My Activity</title></head><body><div class="outer-cell mdl-cell">Gemini Apps</div></body>'
    )
    path = tmp_path / ("takeout.zip" if packed else "MyActivity.html")
    if packed:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(ACTIVITY.replace(".json", ".html"), page)
    else:
        path.write_text(page)
    with pytest.raises(NoSourceFound) as error:
        pjais.migrate(tmp_path / "data", [str(path)])
    assert "ask Takeout for JSON" in error.value.where[0]


def test_activity_of_other_products_is_not_taken(tmp_path: Path) -> None:
    search = {
        "header": "Search",
        "title": "Searched for Gemini",
        "time": "2026-05-04T10:00:00Z",
        "products": ["Search"],
    }
    assert kind_of(written(tmp_path / "MyActivity.json", search)) is None


def test_the_text_of_html() -> None:
    html = (
        "<h2>Tea</h2><p>Hot <b>or</b>\n cold.</p><ul><li><p>black</p></li><li>green<ul><li>sencha</li></ul></li></ul>"
        "<ol><li>boil</li><li>wait</li></ol><pre><code>a\n  b\n</code></pre>"
        "<table><tr><th>x</th><th>y</th></tr><tr><td>1</td><td>2</td></tr></table>a &lt; b<br>c<script>no</script>"
    )
    assert text_of(html) == (
        "Tea\n\nHot or cold.\n\n- black\n- green\n  - sencha\n\n1. boil\n2. wait\n\n```\na\n  b\n```\n\n"
        "x | y\n1 | 2\n\na < b\nc"
    )


def studio(*chunks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"runSettings": {"model": "models/gemini"}, "chunkedPrompt": {"chunks": list(chunks)}} | more


def test_a_file_of_ai_studio(tmp_path: Path) -> None:
    assert KIND is not None
    data = base64.b64encode(b"picture").decode()
    begin: list[dict[str, Any]] = [
        {"role": "user", "text": "look", "inlineFile": {"mimeType": "image/png", "data": data}},
        {"role": "user", "driveDocument": {"id": "drive-1"}},
        {"role": "model", "text": "hm", "isThought": True},
        {"role": "model", "text": "a quay", "createTime": "2026-05-04T10:00:00Z"},
    ]
    native = studio(*begin, systemInstruction={"parts": [{"text": "be brief"}]})
    path = tmp_path / "What is this"
    path.write_text(json.dumps(native), "utf-8")
    assert kind_of(path) == "gemini-takeout"
    (one,) = documents(read(path), "conversations").values()
    roles = [(each["role"], each["content"], each["metadata"].get("hidden", False)) for each in one["messages"]]
    assert roles == [
        ("system", "be brief", True),
        ("user", "look", False),
        ("user", "", False),
        ("assistant", "hm", True),
        ("assistant", "a quay", False),
    ]
    files = [file for each in one["messages"] for file in each["metadata"].get("attachments", [])]
    assert [file.get("name") for file in files] == [None, "drive-1"]
    assert KIND.native("conversations", one) == native
    with migrated(tmp_path / "data", path) as store:
        assert [len(each.messages) for each in store.conversations.list()] == [5]
    later = tmp_path / "Another name"
    later.write_text(json.dumps(studio(*begin, {"role": "user", "text": "thanks"})), "utf-8")
    with migrated(tmp_path / "data", later) as store:
        assert [each.messages[-1]["content"] for each in store.conversations.list()] == ["thanks"]


_ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "title": st.text().map("Prompted {}".format) | JSON,
        "time": st.sampled_from(["2026-05-04T10:00:00.000Z", "soon"]) | JSON,
        "safeHtmlItem": st.lists(st.fixed_dictionaries({"html": st.text(alphabet="<>/pulib &;-1") | JSON})) | JSON,
        "subtitles": JSON,
        "attachedFiles": JSON,
        "new": JSON,
    },
)


@given(st.lists(_ENTRY, max_size=4))
@settings(deadline=None, max_examples=200)
def test_any_entries_come_out_as_they_were(entries: list[dict[str, Any]]) -> None:
    for one in entries:
        assert all(isinstance(name, str) for name in prompts.files_of(one))
    document = prompts.SHAPE.document(entries, {"id": "c"}, turns=prompts.turns(entries))
    assert prompts.SHAPE.native(json.loads(json.dumps(document))) == entries


@given(
    st.fixed_dictionaries(
        {"chunkedPrompt": st.fixed_dictionaries({}, optional={"chunks": st.lists(JSON | _ENTRY, max_size=4) | JSON})},
        optional={"systemInstruction": st.fixed_dictionaries({}, optional={"text": JSON, "parts": JSON}) | JSON},
    )
)
@settings(deadline=None, max_examples=150)
def test_any_file_of_ai_studio_comes_out_as_it_was(native: dict[str, Any]) -> None:
    assert prompts.studio_identity(native)
    for one in prompts.chunks(native):
        assert all(isinstance(file, prompts.File) for file in prompts.studio_files(one))
    document = prompts.SHAPE.document(native, {"id": "c"}, turns=prompts.studio_turns(native))
    assert prompts.SHAPE.native(json.loads(json.dumps(document))) == native
