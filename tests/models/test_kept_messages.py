"""A newer export with fewer messages deletes none: they stay where they stood, and the proof still holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pjais
from pjais.models.persona.kept_messages import bare, with_kept
from pjais.models.persona.records import Conversation


def chat(updated: float, *said: str, title: str = "Lamps") -> dict[str, Any]:
    """A conversation of ChatGPT in which these texts follow each other."""
    nodes: dict[str, Any] = {}
    for number, text in enumerate(said):
        content = {"content_type": "text", "parts": [text]}
        at = 1_700_000_000 + ord(text[0])
        message = {"id": text, "author": {"role": "user"}, "create_time": at, "content": content}
        nodes[text] = {"id": text, "message": message, "parent": said[number - 1] if number else None}
    own = "d8940cf2-d64a-5242-bdce-1cecbd6374ae"
    told = {"conversation_id": own, "title": title, "create_time": 1.0e9, "update_time": updated}
    return {**told, "mapping": nodes, "current_node": said[-1] if said else None}


def write(path: Path, *chats: dict[str, Any]) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps(list(chats)), "utf-8")
    return path


def texts(data: Path) -> list[tuple[str, bool]]:
    with pjais.open(data) as store:
        (found,) = store.conversations.list()
        return [(one["content"], one["metadata"].get("kept", False)) for one in found.messages]


def test_what_a_newer_export_lacks_stays_where_it_stood(tmp_path: Path) -> None:
    data = tmp_path / "data"
    pjais.import_file(data, [write(tmp_path / "1" / "conversations.json", chat(1.6e9, "a", "b", "c"))])
    report = pjais.import_file(
        data, [write(tmp_path / "2" / "conversations.json", chat(1.7e9, "a", "c", "d", title="Lamps, later"))]
    )
    assert texts(data) == [("a", False), ("b", True), ("c", False), ("d", False)]
    assert [one.message for one in report.findings if one.rule == "messages-kept"] == [
        "1 message that the newest export lacks; kept, as an export deletes nothing"
    ]
    proof = pjais.verify(data)
    assert (proof.passed, proof.edited_since) == (True, 0)
    with pjais.open(data) as store:
        assert store.conversations.list()[0].title == "Lamps, later"


def test_a_still_later_export_is_taken_and_loses_nothing_either(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number, said in enumerate([("a", "b"), ("a",), ("a", "c")]):
        pjais.import_file(data, [write(tmp_path / f"{number}" / "conversations.json", chat(1.6e9 + number, *said))])
    assert texts(data) == [("a", False), ("b", True), ("c", False)]
    assert pjais.verify(data).passed
    again = pjais.import_file(data, [tmp_path / "2" / "conversations.json"])
    assert again.code == "already_migrated"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_order_in_which_exports_come_does_not_matter(tmp_path: Path, order: tuple[int, int]) -> None:
    exports = [chat(1.6e9, "a", "b"), chat(1.7e9, "a", "c")]
    one_run, two_runs = tmp_path / "one", tmp_path / "two"
    paths = [write(tmp_path / f"{at}" / f"{place}.json", exports[at]) for place, at in enumerate(order)]
    pjais.import_file(one_run, paths)
    for path in paths:
        pjais.import_file(two_runs, [path])
    assert texts(one_run) == texts(two_runs) == [("a", False), ("b", True), ("c", False)]
    assert pjais.verify(one_run).passed
    assert pjais.verify(two_runs).passed


def test_deletions_are_taken_over_if_asked(tmp_path: Path) -> None:
    data = tmp_path / "data"
    pjais.import_file(data, [write(tmp_path / "1" / "conversations.json", chat(1.6e9, "a", "b"))])
    second = write(tmp_path / "2" / "conversations.json", chat(1.7e9, "a"))
    pjais.import_file(data, [second], accept_deletions=True)
    assert texts(data) == [("a", False)]
    assert pjais.verify(data).passed


def test_a_kept_message_that_is_altered_behind_the_history_is_found(tmp_path: Path) -> None:
    import sqlite3

    data = tmp_path / "data"
    paths = [
        write(tmp_path / f"{at}.json", chat(at, *said)) for at, said in ((1.6e9, ("a", "bright")), (1.7e9, ("a",)))
    ]
    pjais.import_file(data, paths)
    with sqlite3.connect(data / "pjais.sqlite") as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE conversations SET messages = replace(messages, 'bright', 'wrong')")
        for _, sql in triggers:
            db.execute(sql)
    db.close()
    with pytest.raises(pjais.errors.VerificationFailed):
        pjais.verify(data)


def test_a_rollback_takes_back_what_was_kept(tmp_path: Path) -> None:
    data = tmp_path / "data"
    pjais.import_file(data, [write(tmp_path / "1" / "conversations.json", chat(1.6e9, "a", "b"))])
    pjais.import_file(data, [write(tmp_path / "2" / "conversations.json", chat(1.7e9, "a"))])
    pjais.rollback(data)
    assert texts(data) == [("a", False), ("b", False)]
    assert pjais.verify(data).passed


_MESSAGE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"id": st.sampled_from("abcd"), "content": st.sampled_from(["x", "y"]), "timestamp": st.sampled_from([None, 1, 2])},
    optional={"metadata": st.just({})},
)
_EMPTY = Conversation("c", None, None, None, [], None, None, [], 50, False, None, None, None, {})


@given(st.lists(_MESSAGE, max_size=5), st.lists(_MESSAGE, max_size=5), st.lists(_MESSAGE, max_size=3))
@settings(deadline=None)
def test_nothing_is_lost_and_the_newer_copy_can_be_told(earlier: Any, newer: Any, branches: Any) -> None:
    old = _EMPTY._replace(messages=earlier, extra={"branches": branches})
    new = _EMPTY._replace(messages=newer)
    found = with_kept(old, new)
    merged = new if found is None else found[0]
    assert bare(merged) == new
    assert with_kept(old, merged) is None
    assert [one for one in merged.messages if not one.get("metadata", {}).get("kept")] == newer
    seen = [(one["content"], one["timestamp"]) for one in [*merged.messages, *merged.extra.get("branches", [])]]
    kept_ids = {one["id"].partition("#")[0] for one in [*merged.messages, *merged.extra.get("branches", [])]}
    for one in [*earlier, *branches]:
        assert (one["content"], one["timestamp"]) in seen or one["id"] in kept_ids


@pytest.mark.parametrize("again", ["the same file", "a copy of it"])
def test_deletions_can_be_accepted_after_messages_were_kept(tmp_path: Path, again: str) -> None:
    data = tmp_path / "data"
    first = write(tmp_path / "1" / "conversations.json", chat(1.6e9, "a", "b"))
    second = write(tmp_path / "2" / "conversations.json", chat(1.7e9, "a"))
    pjais.import_file(data, [first])
    pjais.import_file(data, [second])
    pjais.import_file(data, [first], accept_deletions=True)
    assert texts(data) == [("a", False), ("b", True)]  # the older export has it
    if again != "the same file":
        second = second.rename(tmp_path / "conversations (1).json")
    report = pjais.import_file(data, [second], accept_deletions=True)
    assert texts(data) == [("a", False)]
    assert report.rules["note:messages-let-go:"] == 1
    assert pjais.verify(data).passed
    assert pjais.import_file(data, [second], accept_deletions=True).code == "already_migrated"
    pjais.rollback(data)
    assert texts(data) == [("a", False), ("b", True)]
    assert pjais.verify(data).passed
