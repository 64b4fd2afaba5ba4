"""Helpers of the tests of SillyTavern: the golden files, and the folder of a user with something of everything."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, expected

from pjais.sources import registry

FOLDER = GOLDEN / "sillytavern"
CARDS = GOLDEN / "character-card"
KIND = registry.of_kind("sillytavern")
FILES = expected("sillytavern")["files"]
CHATS = [name for name in FILES if name.startswith("chats/")]
WORLD, PEOPLE = "worlds/Lamp Lore.json", "personas_20260504.json"
ORIGINAL = FOLDER / CHATS[0]


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().decode().split("\n") if line.strip()]


def put(path: Path, content: Any) -> Path:
    """Write JSON, lines of JSON for a list, or bytes as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, list):
        path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in content), "utf-8")
    else:
        path.write_text(json.dumps(content), "utf-8")
    return path


def message(text: str, **more: Any) -> dict[str, Any]:
    return {"name": "Tessaly", "is_user": False, "send_date": "2026-05-04T10:00:00.000Z", "mes": text, **more}


HEADER = {"chat_metadata": {"integrity": "3f1c0d9e-0000-4000-8000-00000000000a"}, "user_name": "unused"}
SECRETS = {"api_key_openai": [{"value": "sk-secret-1", "label": "x"}], "api_key_claude": "sk-secret-2"}


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """Return the folder of a user with something of everything."""
    root = tmp_path / "default-user"
    put(root / "characters" / "Tessaly.png", (CARDS / "sillytavern-1.19-export.png").read_bytes())
    put(root / "characters" / "Tessaly" / "joy.png", b"a sprite")
    shutil.copytree(FOLDER / "chats", root / "chats")
    shutil.copytree(FOLDER / "worlds", root / "worlds")
    put(root / "chats" / "Tessaly" / "Branch #1.jsonl", [_branch(), message("Or not.")])
    put(
        root / "group chats" / "2026.jsonl",
        [message("Hi.", original_avatar="Tessaly.png"), message("Ho.", is_user=True)],
    )
    put(
        root / "groups" / "17.json",
        {"id": "17", "name": "All", "members": ["Tessaly.png"], "chat_id": "2026", "chats": ["2026"]},
    )
    put(root / "User Avatars" / "user-default.png", b"a picture")
    put(root / "user" / "images" / "Tessaly" / "sea.png", b"the sea")
    power = {**json.loads((FOLDER / PEOPLE).read_text("utf-8")), "theme": "dark"}
    put(
        root / "settings.json",
        {
            "power_user": power,
            "user_avatar": "x",
            "oai_settings": {"proxy_password": "sk-secret-3"},
            "api_key_novel": "sk-secret-4",
        },
    )
    put(root / "OpenAI Settings" / "mine.json", {"temperature": 1, "proxy_password": "sk-secret-5"})
    put(root / "secrets.json", SECRETS)
    put(root / "backups" / "chat_tessaly_20260504-100000.jsonl", ORIGINAL.read_bytes())
    put(root / "backups" / "chat_gone_20260504-100000.jsonl", [HEADER, message("Lost.")])
    put(root / "backups" / "settings_20260504.json", {"api_key": "sk-secret-6"})
    put(root / "thumbnails" / "avatar" / "Tessaly.png", b"small")
    put(root / "extensions" / "a" / "index.js", b"code")
    put(root / "stats.json", {"Tessaly.png": {"total": 3}})
    return root


def _branch() -> dict[str, Any]:
    metadata = {**lines_of(ORIGINAL)[0]["chat_metadata"], "main_chat": ORIGINAL.stem}
    return {"chat_metadata": metadata, "user_name": "unused", "character_name": "unused"}
