"""Write records as the folder of a user of SillyTavern: characters, chats, groups, worlds, personas of the user."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from pjais.display import counted
from pjais.sources.apps import values
from pjais.sources.apps.character_card import export as cards
from pjais.sources.apps.character_card.reader import LOREBOOKS
from pjais.sources.apps.contract import Records
from pjais.sources.apps.sillytavern import chat, people, world
from pjais.sources.apps.sillytavern.chat import KIND
from pjais.sources.apps.sillytavern.reader import FILES, GROUPS
from pjais.sources.apps.values import as_dict, as_list

_NOBODY = "Assistant"
"""The folder of chats without a persona."""
_LOOSE = "Memories"
"""The World Info of memories without a persona."""


def write_files(records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
    """Yield (path in the folder, content) of each file."""
    for what in _losses(records):
        lost(what)
    folders = _folders(records)
    yield from _characters(records, folders)
    yield from _chats(records, folders)
    yield from _worlds(records)
    for one in records.others(GROUPS):
        group = as_dict(one.get("group"))
        name = cards.safe(str(group.get("id"))) or "group"
        yield f"groups/{name}.json", _encoded(group, 4)
    found = [people.native(one) for one in (*records.personas(), *records.memories()) if _is_of_person(one)]
    if found:
        yield "personas.json", _encoded(people.file_of(found), 2)
    yield from _attachments(records)


def _is_of_person(one: dict[str, Any]) -> bool:
    return people.is_one(one) and not one.get("deletedAt")


def _losses(records: Records) -> Iterator[str]:
    embeddings = deleted = 0
    for one in records.memories():
        embeddings += bool(one.get("embedding"))
        deleted += bool(one.get("deletedAt"))
    links = sum(1 for one in records.relationships() if as_dict(one.get("extra")).get(KIND) != "main_chat")
    settings = sum(1 for _ in records.others(FILES))
    named = _named(records)
    loose = sum(1 for one in records.attachments() if one.get("id") not in named)
    told: tuple[tuple[int, str, str], ...] = (
        (links, "relationship", "relationships"),
        (deleted, "deleted memory", "deleted memories"),
        (embeddings, "embedding", "embeddings"),
        (settings, "file of settings", "files of settings"),
        (loose, "attachment that nothing names", "attachments that nothing names"),
    )
    for count, one_of, many in told:
        if count:
            yield counted(count, one_of, many)


# -- characters and chats


def _folders(records: Records) -> dict[str, str]:
    """Return the name of each persona's files by its id: that of the folder of its chats, else its own."""
    wanted: dict[str, str] = {}
    for one in records.conversations():
        folder = as_dict(one.get("extra")).get("folder")
        if isinstance(one.get("personaId"), str) and isinstance(folder, str) and cards.safe(folder) == folder:
            wanted.setdefault(one["personaId"], folder)
    names = cards.Names()
    found: dict[str, str] = {}
    personas = [(one["id"], one.get("name")) for one in records.personas() if not people.is_one(one)]
    for key, name in sorted(personas, key=lambda one: one[0] not in wanted):
        found[key] = names.file(wanted.get(key, name), key, "")
    return found


def _characters(records: Records, folders: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    for persona in records.personas():
        key = persona["id"]
        if not people.is_one(persona):
            held = [one for one in records.memories(key) if not one.get("deletedAt") and _is_of_card(one)]
            made = cards.packed(persona, held, records, always_png=True)
            yield f"characters/{folders[key]}{made.suffix}", made.data


def _is_of_card(memory: dict[str, Any]) -> bool:
    """Return whether a memory of a persona goes into its card, and not into a world."""
    return _world_of(memory) is None and not people.is_one(memory)


def _chats(records: Records, folders: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    taken: dict[str, cards.Names] = defaultdict(cards.Names)
    for one in records.conversations():
        extra = as_dict(one.get("extra"))
        held = extra.get("folder") if isinstance(extra.get("folder"), str) else None
        if extra.get("group") is True:
            folder = "group chats"
        else:
            folder = f"chats/{folders.get(str(one.get('personaId'))) or cards.safe(held or '') or _NOBODY}"
        title = one.get("title") if isinstance(one.get("title"), str) else extra.get("file")
        name = taken[folder].file(title or "Chat", str(one["id"]), ".jsonl")
        yield f"{folder}/{name}", _lines(one, folder, name)


def _lines(conversation: dict[str, Any], folder: str, name: str) -> bytes:
    """Return the lines of a chat; it keeps its id where folder and file would give it another one."""
    file, inside = name.removesuffix(".jsonl"), folder.removeprefix("chats/")
    is_group = folder == "group chats"
    place = {"file": file, "group": True} if is_group else {"folder": inside, "file": file}
    lines = chat.native(conversation, place)
    metadata = chat.metadata_of(lines)
    if as_dict(metadata.get("pjais")).get("id") != conversation["id"]:
        integrity = metadata.get("integrity")
        usual = values.derived(KIND, "chat", inside, file)
        if isinstance(integrity, str) and integrity:
            derived = values.derived(KIND, "chat", integrity, file)
            usual = derived if conversation["id"] == derived else values.identity(KIND, integrity)
        if usual != conversation["id"]:
            if not lines or not chat.is_header(lines[0]):
                lines.insert(0, chat.new_header())
            chat.keep(lines, id=conversation["id"])
    return b"\n".join(_encoded(line) for line in lines)


# -- worlds


def _world_of(memory: dict[str, Any]) -> str | None:
    found = as_dict(as_dict(memory.get("extra")).get(KIND)).get("world")
    return found if isinstance(found, str) else None


def _worlds(records: Records) -> Iterator[tuple[str, bytes]]:
    held: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
    personas = {one["id"] for one in records.personas()}
    for one in records.memories():
        if one.get("deletedAt") or people.is_one(one):
            continue
        owner = _world_of(one)
        if owner is not None or one.get("personaId") not in personas:
            held[owner or cards.book_of(one)].append(one)
    names = cards.Names()
    shells = [*records.others(world.WORLDS), *records.others(LOREBOOKS)]
    for kept in sorted(shells, key=lambda one: str(one.get("name"))):
        shell = as_dict(kept.get("world"))
        if not isinstance(shell.get("entries"), dict):
            shell = {"entries": {}}
        made = world.whole(shell, held.pop(str(kept.get("id")), []), str(kept.get("id")))
        yield f"worlds/{names.file(kept.get('name'), str(kept.get('id')), '.json')}", _encoded(made, 4)
    loose = [one for each in held.values() for one in each]
    if loose:
        yield f"worlds/{names.file(_LOOSE, '', '.json')}", _encoded(world.whole({"entries": {}}, loose), 4)


# -- files


def _references(records: Records) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, reference) of the files that messages and personas of the user name."""
    for conversation in records.conversations():
        for message in as_list(conversation.get("messages")):
            for one in as_list(as_dict(as_dict(message).get("metadata")).get("attachments")):
                if isinstance(one, dict) and isinstance(one.get("sha256"), str):
                    name = cards.safe(str(one.get("name") or "")) or one["sha256"]
                    path = one["path"] if isinstance(one.get("path"), str) else f"user/files/{one['sha256'][:8]}-{name}"
                    yield path, one
    for owner in (*records.personas(), *records.memories()):
        if people.is_one(owner):
            for one in as_list(as_dict(owner.get("extra")).get("attachments")):
                if isinstance(one, dict) and isinstance(one.get("path"), str) and isinstance(one.get("sha256"), str):
                    yield one["path"], one


def _named(records: Records) -> set[str]:
    named = {one["sha256"] for _, one in _references(records)}
    for persona in records.personas():
        for one in as_list(as_dict(persona.get("extra")).get("attachments")):
            if isinstance(one, dict) and isinstance(one.get("sha256"), str):
                named.add(one["sha256"])
    return named


def _attachments(records: Records) -> Iterator[tuple[str, bytes]]:
    met: set[str] = set()
    for path, one in _references(records):
        parts = path.split("/")
        if path.casefold() in met or path.startswith("/") or any(part in ("", ".", "..") for part in parts):
            continue
        data = records.attachment(one["sha256"])
        if data is not None:
            met.add(path.casefold())
            yield path, data


def _encoded(value: Any, indent: int | None = None) -> bytes:
    separators = None if indent else (",", ":")
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators).encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent, separators=separators).encode()
