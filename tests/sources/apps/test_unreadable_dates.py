"""A date that cannot be read becomes null, and is named; so are bytes that are no text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from app_files import documents, read

from pjais.core.document import Remark

FILES: dict[str, Any] = {
    "chatbox": {
        "configVersion": 13,
        "chat-sessions-list": [],
        "session:s1": {
            "id": "s1",
            "name": "S",
            "messages": [{"id": "1", "role": "user", "content": "hello", "timestamp": "soon"}],
        },
    },
    "lobechat": {
        "exportType": "all",
        "state": {
            "topics": [{"id": "t", "title": "T", "createdAt": 1740823200001}],
            "messages": [{"id": "1", "role": "user", "content": "hello", "createdAt": "soon", "topicId": "t"}],
        },
        "version": 7,
    },
    "big-agi": {
        "conversations": [
            {"id": "c", "messages": [{"id": "1", "role": "user", "text": "hello", "created": "soon"}], "created": 5}
        ],
        "models": {"sources": []},
        "folders": {"folders": [], "enableFolders": False},
    },
    "typingmind": {
        "data": {
            "chats": [
                {
                    "chatID": "c",
                    "chatTitle": "C",
                    "messages": [{"uuid": "1", "role": "user", "content": "hello", "createdAt": "soon"}],
                }
            ],
            "folders": [],
        }
    },
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_it_is_null_and_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(FILES[name]), "utf-8")
    pieces = read(path)
    (found,) = documents(pieces, "conversations").values()
    assert [one["timestamp"] for one in found["messages"]] == [None]
    told = [one for one in pieces if isinstance(one, Remark) and one.rule == "date-unreadable"]
    assert [one.message.partition(",")[0] for one in told] == ["1 dates that cannot be read"]
    path.write_text(json.dumps(FILES[name]).replace('"soon"', "1740823200001"), "utf-8")
    assert not [one for one in read(path) if isinstance(one, Remark) and one.rule == "date-unreadable"]


def test_bytes_that_are_no_text_are_named_in_rows_that_are_put_together(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(json.dumps(FILES["lobechat"]).encode().replace(b"hello", b"he\xffllo"))
    pieces = read(path)
    (found,) = documents(pieces, "conversations").values()
    assert found["messages"][0]["content"] == "he\udcffllo"
    assert [one.collection for one in pieces if isinstance(one, Remark) and one.rule == "invalid-utf8"] == [
        "lobechat_messages"
    ]
