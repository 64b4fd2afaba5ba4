"""Credentials in settings that are JSON text inside of JSON, and in the settings of a single chat."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from app_files import exported

import pjais
from pjais.sources.apps.redaction import redacted_settings

KEY = "sk-PLANTED-NOT-A-KEY"
TEXT = json.dumps({"theme": "dark", "deeper": json.dumps([{"apiKey": KEY}])})

FILES: dict[str, Any] = {
    "nextchat": {"chat-next-web-store": {"sessions": []}, "app-config": {"saved": TEXT}},
    "chatbox": {
        "configVersion": 13,
        "chat-sessions-list": [],
        "session:s1": {"id": "s1", "name": "S", "messages": []},
        "settings": {"saved": TEXT, "mcp": {"servers": [{"env": {"X": KEY}, "transport": {"headers": {"Y": KEY}}}]}},
        "plug-in": TEXT,
    },
    "lobechat": {"exportType": "all", "state": {"messages": [], "settings": {"saved": TEXT}}, "version": 7},
    "lobechat-tables": {
        "mode": "pglite",
        "schemaHash": "x",
        "data": {"userInstalledPlugins": [{"identifier": "p", "settings": TEXT}], "messages": []},
    },
    "typingmind": {
        "data": {
            "chats": [{"chatID": "c", "chatTitle": "C", "modelInfo": {"apiKey": KEY}, "messages": []}],
            "folders": [],
            "appSettings": {"saved": TEXT},
        }
    },
    "big-agi": {"conversations": [], "models": {"saved": TEXT}, "folders": {"folders": [], "enableFolders": False}},
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_key_is_nowhere_but_in_the_backup(tmp_path: Path, name: str) -> None:
    path, data = tmp_path / "export.json", tmp_path / "data"
    path.write_text(json.dumps(FILES[name]), "utf-8")
    report = pjais.import_file(data, [path])
    assert report.rules["note:secret-redacted:"] >= 1
    assert pjais.verify(data).passed
    assert KEY not in json.dumps(exported(data))
    for file in data.rglob("*"):
        assert not file.is_file() or file.name == path.name or KEY.encode() not in file.read_bytes(), file


def test_only_what_is_a_credential_goes() -> None:
    made, found = redacted_settings({"saved": TEXT}, texts=True)
    assert found == ("saved.deeper[0].apiKey",)
    inside = json.loads(made["saved"])
    assert (inside["theme"], json.loads(inside["deeper"])) == ("dark", [{"apiKey": {"$redacted": True}}])
    for text in ('{"theme":  "dark"}', "[1, 2", "{}", '{"apiKey": ""}', "plain apiKey"):
        assert redacted_settings({"saved": text}, texts=True) == ({"saved": text}, ())
    assert redacted_settings({"saved": TEXT}) == ({"saved": TEXT}, ())
