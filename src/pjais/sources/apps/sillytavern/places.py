"""Sort the files of a SillyTavern folder: recognised by content, placed by location."""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

from pjais import canonical
from pjais.formats import png
from pjais.formats.container import Container
from pjais.sources.apps import values
from pjais.sources.apps.character_card import pictures, reader
from pjais.sources.apps.sillytavern import chat, people

What = Literal["chat", "world", "people", "settings", "group", "card", "copy", "secret", "derived", "json", "file"]

_FOLDERS = ("chats", "characters", "worlds", "group chats", "groups", "User Avatars")
"""Folders of a user: enough to look at the files in them."""
_DERIVED = {
    "thumbnails": "small copies of pictures",
    "vectors": "an index for searches",
    "extensions": "programs",
    "_cache": "a cache",
    "_uploads": "uploads under way",
}
_SECRETS = re.compile(r"secrets.*\.json")
_WORLD = re.compile(r'"entries"\s*:\s*\{')


class Place(NamedTuple):
    """A member: its name in the container, its path in the user's folder, and what it is."""

    name: str
    path: str
    what: What


def of_file(container: Container, name: str) -> What | None:
    """Return what a file is by its content alone; None if SillyTavern did not write it."""
    head = values.json_head(container, name)
    if head.form in ("object", "lines") and is_chat_head(head.keys):
        return "chat"
    if _is_chat_behind(head.text):
        return "chat"
    if head.form != "object":
        return None
    if {people.NAMES, people.DESCRIPTIONS} <= head.keys:
        return "people"
    if "power_user" in head.keys and head.keys & {"user_avatar", "username", "main_api", "firstRun", "amount_gen"}:
        return "settings"
    if {"id", "members", "chat_id"} <= head.keys:
        return "group"
    if _WORLD.search(head.text) and "entries" in head.keys and is_world_head(head.text, head.keys):
        return "world"
    return None


def is_chat_head(keys: frozenset[str]) -> bool:
    """Return whether the first line of a file has the keys of a chat: of its first line, or of a message."""
    if "members" in keys:
        return False
    named = "chat_metadata" in keys or {"user_name", "character_name"} <= keys
    return named or {"name", "is_user", "mes"} <= keys


def is_world_head(text: str, keys: frozenset[str]) -> bool:
    """Return whether an object of entries begins as a world."""
    empty = re.search(r'"entries"\s*:\s*\{\s*\}', text) is not None
    return (empty and keys <= {"entries", "name", "extensions", "originalData"}) or (
        '"keysecondary"' in text or ('"key"' in text and '"content"' in text)
    )


def _is_chat_behind(text: str) -> bool:
    """Return whether a broken first line is followed by messages."""
    for line in text.split("\n")[1:4]:
        if line.startswith("{") and {"name", "is_user", "mes"} <= set(canonical.top_keys(line)):
            return True
    return False


def root_of(container: Container) -> str | None:
    """Return the folder of the user in a container, `""` or one that ends in `/`; None if it is of no SillyTavern."""
    if container.form == "folder":
        there = [one for one in _FOLDERS if (container.path / one).is_dir()]
        if not there and "settings.json" not in container.top:
            return None
        roots = [""]
    else:
        roots = _roots(container)
    return next((root for root in roots if _is_users(container, root)), None)


def _roots(container: Container) -> list[str]:
    """Return the folders that hold folders of a user, the outermost first."""
    found: set[str] = set()
    for name in container.names:
        parts = name.split("/")
        for at, part in enumerate(parts):
            if (part in _FOLDERS and at < len(parts) - 1) or (part == "settings.json" and at == len(parts) - 1):
                found.add("/".join(parts[:at]) + "/" if at else "")
                break
    return sorted(found, key=lambda one: (one.count("/"), one))


def _is_users(container: Container, root: str) -> bool:
    """Return whether a file in a folder is what SillyTavern writes there; a few of each are looked at."""
    looked: dict[str, int] = {}
    for name in container.names:
        if not name.startswith(root):
            continue
        path = name.removeprefix(root)
        folder, _, rest = path.partition("/")
        if folder == "settings.json" and of_file(container, name) == "settings":
            return True
        if folder not in _FOLDERS or not rest or looked.get(folder, 0) >= 5:
            continue
        wanted = {"chats": "chat", "group chats": "chat", "worlds": "world", "groups": "group"}.get(folder)
        if wanted is not None and name.endswith((".json", ".jsonl")):
            looked[folder] = looked.get(folder, 0) + 1
            if of_file(container, name) == wanted:
                return True
        if folder == "characters" and name.lower().endswith(".png"):
            looked[folder] = looked.get(folder, 0) + 1
            if is_card(container, name):
                return True
    return False


def is_card(container: Container, name: str) -> bool:
    """Return whether a PNG carries a card."""
    data = container.head(name)
    if not png.is_png(data):
        return False
    texts = (chunk.text() for chunk in png.parse(container.read(name)).chunks)
    return any(text is not None and text.keyword.lower() in pictures.KEYWORDS for text in texts)


def sort(container: Container, root: str) -> list[Place]:
    """Return what every member of a container is."""
    return [_place(container, name, name.removeprefix(root)) for name in container.names if name.startswith(root)]


def _place(container: Container, name: str, path: str) -> Place:
    folder, _, rest = path.partition("/")
    last = path.rpartition("/")[2]
    lower = last.lower()
    if _SECRETS.fullmatch(lower) and folder not in _FOLDERS:
        return Place(name, path, "secret")
    if folder in _DERIVED and rest:
        return Place(name, path, "derived")
    if folder == "backups" and rest:
        return Place(name, path, "copy")
    if folder in ("chats", "group chats") and lower.endswith(".jsonl"):
        return Place(name, path, "chat")
    if folder == "characters" and "/" not in rest and _may_be_card(container, name):
        return Place(name, path, "card")
    if path == "settings.json":  # whatever stands first in it
        return Place(name, path, "settings")
    if lower.endswith((".json", ".jsonl")):
        found = of_file(container, name)
        return Place(name, path, found or ("json" if lower.endswith(".json") else "file"))
    return Place(name, path, "file")


def _may_be_card(container: Container, name: str) -> bool:
    lower = name.lower()
    return lower.endswith(".png") or (lower.endswith(".json") and reader.is_card_json(container, name))


def derived(path: str) -> str:
    """Return what a file is that SillyTavern regenerates by itself."""
    return _DERIVED.get(path.partition("/")[0], "")


def stem(path: str) -> str:
    """Return the name of a file without its ending."""
    last = path.rpartition("/")[2]
    return last.rpartition(".")[0] or last


def chat_place(path: str) -> dict[str, Any]:
    """Return what a conversation says about the location of its chat."""
    folder, _, rest = path.partition("/")
    if folder == "group chats":
        return {"file": stem(rest), "group": True}
    inside = rest.rpartition("/")[0] if folder == "chats" else ""
    return {"folder": inside, "file": stem(path)} if inside else {"file": stem(path)}


def header(container: Container, name: str) -> dict[str, Any]:
    """Return the first line of a chat, as far as the first 64 KiB hold it; an empty object for any other."""
    text = container.head(name).decode("utf-8", "replace").lstrip("\ufeff \t\r\n").partition("\n")[0]
    try:
        value = canonical.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if chat.is_header(value) else {}
