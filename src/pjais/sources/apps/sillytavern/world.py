"""World Info of SillyTavern: a file of entries by number, each a memory.

Everything is known by content: a file that was renamed is the same world.  An entry that was edited is another memory.
What an entry has no place for is kept in its `extensions.pjais`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pjais import canonical
from pjais.sources.apps import free_places, values
from pjais.sources.apps.shape import copied
from pjais.sources.apps.sillytavern.chat import KIND
from pjais.sources.apps.values import as_dict

WORLDS = "sillytavern_worlds"
"""The collection of worlds, each without its entries."""
_MADE_OF_IT = (KIND, "attachments")
_KNOWN = {"entries", "name", "extensions", "originalData"}


def is_world(value: Any) -> bool:
    """Return whether a value is a world: an object of entries, not a list."""
    if not isinstance(value, dict) or not isinstance(value.get("entries"), dict):
        return False
    entries = value["entries"]
    if not entries:
        return set(value) <= _KNOWN
    found = [one for one in entries.values() if isinstance(one, dict)]
    return bool(found) and any("content" in one and ("key" in one or "keysecondary" in one) for one in found)


def without_entries(world: dict[str, Any]) -> dict[str, Any]:
    """Return a world without those of its entries that are objects."""
    entries = {key: one for key, one in world["entries"].items() if not isinstance(one, dict)}
    return {**copied(world), "entries": copied(entries)}


def own_id(entry: Any) -> str | None:
    """Return the id that we gave an entry."""
    found = _own(entry).get("id")
    return found if isinstance(found, str) and found else None


def _own(entry: Any) -> dict[str, Any]:
    return as_dict(as_dict(as_dict(entry).get("extensions")).get("pjais"))


def identities(world: dict[str, Any]) -> dict[str, str]:
    """Return the ids of a world's entries by their keys: ours, else of their content, and the number of the repeat."""
    met: Counter[str] = Counter()
    found: dict[str, str] = {}
    for key in sorted(world["entries"], key=_number):
        entry = world["entries"][key]
        if not isinstance(entry, dict):
            continue
        content = values.fingerprint([entry.get("content"), entry.get("key"), entry.get("comment")])
        met[content] += 1
        usual = values.derived(KIND, "entry", content, met[content])
        ours = own_id(entry)
        found[key] = usual if ours is None or ours in found.values() else ours
    return found


def identity(world: dict[str, Any]) -> str:
    """Return the id of a world: that of its first entry says which it is."""
    first = next(iter(identities(world).values()), None)
    return values.derived(KIND, "world", first or values.fingerprint(world))


def memories(world: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (key, memory) of each entry of a world, which has an id."""
    for number, native_id in identities(world).items():
        entry = world["entries"][number]
        found = fields(entry)
        held = {"world": key, "key": number, "entry": copied(entry)}
        extra = {**as_dict(found.get("extra")), KIND: held}
        yield number, {"id": native_id, "personaId": None, **found, "extra": extra}


def fields(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an entry's memory, besides its id."""
    return free_places.merged(_of_entry(entry), _own(entry).get("memory"), free_places.MEMORY)


def _of_entry(entry: dict[str, Any]) -> dict[str, Any]:
    comment, content, keys = entry.get("comment"), entry.get("content"), entry.get("key")
    tier = "archived" if entry.get("disable") is True else "hot" if entry.get("constant") is True else "active"
    return {
        "type": "lore",
        "name": comment if isinstance(comment, str) and comment else None,
        "content": content if isinstance(content, str) else "",
        "tags": list(keys) if isinstance(keys, list) and values.is_texts(keys) else [],
        "memoryTier": tier,
    }


# -- the way back


def new_entry(uid: int) -> dict[str, Any]:
    """Return an empty entry, with what SillyTavern needs to use it."""
    return {
        "uid": uid,
        "key": [],
        "keysecondary": [],
        "comment": "",
        "content": "",
        "constant": False,
        "selective": True,
        "order": 100,
        "position": 0,
        "disable": False,
        "probability": 100,
        "useProbability": True,
        "depth": 4,
        "displayIndex": uid,
    }


def native(document: dict[str, Any], uid: int = 0) -> dict[str, Any]:
    """Return the entry of a memory with what was edited since; `uid`: the number of a new one."""
    held = as_dict(as_dict(document.get("extra")).get(KIND)).get("entry")
    entry: dict[str, Any] = copied(held) if isinstance(held, dict) else new_entry(uid)
    if not free_places.rest(document, fields(entry), free_places.MEMORY, _MADE_OF_IT):
        return entry
    said = _of_entry(entry)
    for field, key in (("name", "comment"), ("content", "content"), ("tags", "key")):
        value = document.get(field)
        right = values.is_texts(value) if field == "tags" else isinstance(value, str)
        if right and not canonical.same(value, said[field]):
            entry[key] = value
    tier = document.get("memoryTier")
    if tier and (tier == "archived") != (said["memoryTier"] == "archived"):
        entry["disable"] = tier == "archived"
    left = free_places.rest(document, _of_entry(entry), free_places.MEMORY, _MADE_OF_IT)
    if "content" in left and not isinstance(left["content"], str):
        entry["content"] = canonical.dumps(left["content"])
    keep(entry, memory=left)
    return entry


def keep(entry: dict[str, Any], **ours: Any) -> None:
    """Keep values of ours in an entry; an empty one is removed."""
    kept = {key: one for key, one in {**_own(entry), **ours}.items() if one}
    extensions = {key: one for key, one in as_dict(entry.get("extensions")).items() if key != "pjais"}
    if kept:
        entry["extensions"] = {**extensions, "pjais": kept}
    elif "pjais" in as_dict(entry.get("extensions")):
        entry["extensions"] = extensions


def repeated(key: str, entry: str) -> str:
    """Return the id of an entry of a world that another world has, too."""
    return values.derived(KIND, key, entry)


def whole(kept: dict[str, Any], held: list[dict[str, Any]], name: str = "") -> dict[str, Any]:
    """Return a world with its memories as entries, in the order of their numbers; `name`: the world's id."""
    world: dict[str, Any] = copied(kept)
    entries: dict[str, Any] = dict(as_dict(world.get("entries")))
    found: dict[str, dict[str, Any]] = {}
    new: list[dict[str, Any]] = []
    for one in held:
        key = as_dict(as_dict(one.get("extra")).get(KIND)).get("key")
        if isinstance(key, str) and key not in found and key not in entries:
            found[key] = one
        else:
            new.append(one)
    ids: dict[str, Any] = {}
    for key, one in found.items():
        entries[key], ids[key] = native(one), one.get("id")
    for one in new:
        uid = next(number for number in range(len(entries), 1 << 53) if str(number) not in entries)
        entries[str(uid)], ids[str(uid)] = native(one, uid), one.get("id")
    world["entries"] = {key: entries[key] for key in sorted(entries, key=_number)}
    for key, usual in identities(world).items():
        if ids.get(key) not in (None, usual, repeated(name, usual)):
            keep(world["entries"][key], id=ids[key])
    return world


def _number(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isascii() and key.isdigit() and len(key) < 16 else (1 << 53, key)
