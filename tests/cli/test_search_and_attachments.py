"""`pjais search` over memories and messages, and `pjais attachments`."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.cli import run
from pjais.persona import local_model
from world import memory, persona

BYTES = b"\x89PNG oolong"
SHA = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A migrated folder with two memories, a conversation of three messages, and an attachment."""
    data = tmp_path / "data"
    data.mkdir()
    messages = [
        {"id": "t1", "role": "user", "content": "Is oolong green?", "timestamp": "2025-03-01T10:00:00Z"},
        {"id": "t2", "role": "assistant", "content": "Oolong is half-way.", "timestamp": "2025-03-01T10:00:05Z"},
        {"id": "t3", "role": "tool", "content": "oolong: 3 hits", "metadata": {"hidden": True}},
    ]
    held = {"id": SHA, "name": "../tea: 1.png", "mediaType": "image/png", "size": len(BYTES), "extra": {}}
    body = {
        "format": "pjais-export",
        "version": 1,
        "personas": [persona()],
        "memories": [memory("m1", content="likes oolong", memoryTier="hot"), memory("m2", content="likes rain")],
        "conversations": [{"id": "c1", "personaId": "p1", "title": "Tea", "messages": messages}],
        "attachments": [{**held, "blobs": {SHA: base64.b64encode(BYTES).decode()}}],
    }
    (data / "data.pjais.json").write_text(json.dumps(body), "utf-8")
    pjais.migrate(data)
    return data


@pytest.fixture
def say(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """A command in this process: its exit code, what it printed, what it complained."""

    def said(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["--data-dir", str(folder), *map(str, arguments)])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return said


def found(say: Any, *arguments: str) -> tuple[list[str], list[str] | None]:
    """The ids of the memories and the messages that a search finds; None for messages that were not searched."""
    code, out, _ = say("search", *arguments, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["count"] == len(told["results"])
    messages = told.get("messages")
    return (
        [one["memory"]["id"] for one in told["results"]],
        None if messages is None else [one["message_id"] for one in messages["results"]],
    )


def test_messages_come_after_the_memories_in_a_part_of_their_own(say: Any) -> None:
    _, out, _ = say("search", "oolong")
    memories, messages = out.split("\n\n")
    assert memories.splitlines()[0].split() == ["memory", "type", "text"]
    assert messages.splitlines()[0].split() == ["conversation", "role", "at", "text"]
    assert "2025-03-01T10:00:05.000Z" in messages and "[Oolong] is half-way." in messages
    _, out, _ = say("search", "rain")
    assert len(out.splitlines()) == 3
    _, out, _ = say("search", "half-way")
    assert out.split()[0] == "conversation"
    assert say("search", "nowhere")[1] == "nothing found\n"


def test_the_json_of_memories_is_as_it_was_with_the_messages_beside_it(say: Any) -> None:
    told = json.loads(say("search", "oolong", "--json")[1])
    assert set(told) == {"code", "count", "total", "results", "messages"}
    assert (told["count"], told["total"]) == (1, 1)
    assert {"snippet", "rank", "memory"} <= set(told["results"][0])
    messages = told["messages"]
    assert (messages["count"], messages["total"]) == (2, 2)
    first = next(one for one in messages["results"] if one["message_id"] == "t2")
    rank = first.pop("rank")
    assert rank < 0 and first == {
        "conversation_id": "c1",
        "title": "Tea",
        "position": 1,
        "message_id": "t2",
        "role": "assistant",
        "at": "2025-03-01T10:00:05.000Z",
        "snippet": "[Oolong] is half-way.",
    }


CASES: dict[str, tuple[tuple[str, ...], list[str], set[str] | None]] = {
    "all": (("--in", "all"), ["m1"], {"t1", "t2"}),
    "memories": (("--in", "memories"), ["m1"], None),
    "messages": (("--in", "messages"), [], {"t1", "t2"}),
    "a role": (("--role", "user"), [], {"t1"}),
    "a role in all": (("--role", "user", "--in", "all"), ["m1"], {"t1"}),
    "hidden": (("--hidden",), [], {"t1", "t2", "t3"}),
    "a tier": (("--tier", "hot"), ["m1"], None),
    "a tier in all": (("--tier", "hot", "--in", "all"), ["m1"], {"t1", "t2"}),
    "a persona": (("--persona", "p1"), ["m1"], {"t1", "t2"}),
    "nobody": (("--persona", "p2"), [], set()),
    "since": (("--since", "2025-03-01T10:00:01Z"), [], {"t2"}),
    "until": (("--until", "2025-03-01T10:00:01Z"), [], {"t1"}),
}


@pytest.mark.parametrize("case", CASES)
def test_where_and_by_what_is_searched(say: Any, case: str) -> None:
    arguments, memories, messages = CASES[case]
    held, hits = found(say, "oolong", *arguments)
    assert held == memories
    assert (None if hits is None else set(hits)) == messages


@pytest.mark.parametrize(
    "arguments",
    [
        ("--in", "memories", "--role", "user"),
        ("--in", "messages", "--tier", "hot"),
        ("--in", "messages", "--semantic"),
        ("--role", "user", "--tier", "hot"),
        ("--in", "nowhere"),
        ("--since", "someday"),
    ],
)
def test_filters_that_leave_nothing_to_search_are_a_wrong_call(say: Any, arguments: tuple[str, ...]) -> None:
    assert say("search", "oolong", *arguments)[0] == 2


def test_more_of_each_part_is_told(say: Any) -> None:
    _, out, _ = say("search", "oolong", "--limit", "1")
    assert "1 of 2; more with --offset 1" in out
    assert "--offset" not in say("search", "oolong", "--limit", "1", "--offset", "1")[1]


def test_attachments_are_listed_and_saved_once(say: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (told,) = json.loads(say("attachments", "--json")[1])["records"]
    assert (told["id"], told["mediaType"], told["size"]) == (SHA, "image/png", len(BYTES))
    assert SHA in say("attachments")[1]
    file = tmp_path / "out.png"
    code, out, _ = say("attachments", "save", SHA, "-o", file, "--json")
    assert (code, json.loads(out)) == (0, {"code": "done", "file": str(file), "bytes": len(BYTES)})
    assert file.read_bytes() == BYTES
    file.write_bytes(b"mine")
    code, _, complained = say("attachments", "save", SHA, "-o", file)
    assert code == 2 and "not replaced" in complained
    assert file.read_bytes() == b"mine"
    monkeypatch.chdir(tmp_path)
    assert say("attachments", "save", SHA)[:2] == (0, "saved tea_ 1.png\n")
    assert (tmp_path / "tea_ 1.png").read_bytes() == BYTES
    assert say("attachments", "save", SHA)[0] == 2
    assert say("attachments", "save", "0" * 64)[0] == 2


@pytest.mark.parametrize("name", [None, "", "..", "/", "\\", ".", "\0", "a/", "x" * 300, "\ud800"])
def test_one_without_a_name_that_a_file_can_have_is_saved_under_its_hash(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    with pjais.open(folder) as store:
        held = store.attachments.need(SHA)._replace(name=name)
        monkeypatch.setattr(store.attachments, "need", lambda _: held)
        assert store.attachments.save(SHA) == Path(SHA)
    assert (tmp_path / SHA).read_bytes() == BYTES


MEANING = pytest.mark.skipif(not local_model.installed(), reason="the extra `semantic` is not installed")


@MEANING
def test_search_by_meaning_embeds_what_is_missing(say: Any) -> None:
    code, out, err = say("search", "weather", "--semantic", "--json")
    results = json.loads(out)["results"]
    assert (code, results[0]["memory"]["id"], results[0]["snippet"], err) == (0, "m2", "", "")
    assert "likes rain" in say("search", "weather", "--semantic")[1]


@MEANING
def test_memories_are_embedded_and_the_vectors_removed(say: Any, folder: Path) -> None:
    code, out, _ = say("memories", "embed", "--json")
    told = json.loads(out)
    assert (code, told["code"], told["made"], told["total"], told["dimension"]) == (0, "done", 2, 2, 256)
    assert say("memories", "embed")[1].startswith("embedded 0 memories; 2 have a vector of wordllama/")
    assert (folder / "pjais.sqlite.vectors").exists()
    assert json.loads(say("memories", "embed", "--off", "--json")[1]) == {"code": "done", "removed": True}
    assert not (folder / "pjais.sqlite.vectors").exists()
    assert json.loads(say("memories", "embed", "--off", "--json")[1]) == {"code": "done", "removed": False}


def test_without_the_extra_it_is_told_what_to_install(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are searched all the same; only the command that does nothing else fails."""
    monkeypatch.setattr(local_model, "installed", lambda: False)
    monkeypatch.setattr(local_model, "find", lambda: None)
    code, out, err = say("search", "oolong", "--semantic", "--json")
    assert (code, [one["memory"]["id"] for one in json.loads(out)["results"]]) == (0, ["m1"])
    assert "pip install 'pjais[semantic]'" in err
    code, _, err = say("memories", "embed")
    assert code == 2
    assert "pip install 'pjais[semantic]'" in err
