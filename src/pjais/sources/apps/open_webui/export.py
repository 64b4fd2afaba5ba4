"""Write conversations, memories and personas in the form that Open WebUI imports.

What came from Open WebUI is written as it was, with what was edited since.  Anything else is written from our fields;
those that a chat lacks, and messages that nobody should see as such, go into its free places (`ours`), so that a return
trip is exact.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any

from pjais.display import counted
from pjais.sources.apps import free_places, values
from pjais.sources.apps.contract import Content, Records
from pjais.sources.apps.open_webui import chat, ours, records
from pjais.sources.apps.open_webui.chat import KIND

Personas = Mapping[str, dict[str, Any]]
"""What a record says of its persona, by that one's id."""
_PICTURE = 20 << 20
"""The largest picture, in bytes, that is written into its message."""
_OTHER_TABLES = (
    *("channel", "chat_message", "document", "feedback", "file", "folder", "function", "knowledge", "knowledge_file"),
    *("message", "model", "note", "shared_chat", "skill", "tag", "tool"),
)
"""Tables whose rows its page does not import with chats."""
_MESSAGE = frozenset({"id", "role", "content", "timestamp", "metadata"})


def files(held: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
    """Yield `chat-export.json`, `memories.json`, `models.json` and `prompts.json`, as far as there is anything."""
    for number, what in _losses(held):
        if number:
            noun, rest = what.partition(" ")[::2]
            lost(f"{counted(number, noun)} {rest}".rstrip())
    personas = {one["id"]: free_places.told_of(one) for one in held.personas()}
    lists: list[tuple[str, Iterator[Any]]] = [
        ("chat-export.json", (of_conversation(one, held.attachment, personas) for one in held.conversations())),
        ("memories.json", (of_memory(one, personas) for one in held.memories())),
        ("models.json", map(of_persona, held.personas())),
        ("prompts.json", (records.native(f"{records.PREFIX}prompt", one) for one in _prompts(held))),
    ]
    for name, found in lists:
        first = next(found, None)
        if first is not None:
            yield name, values.json_list(chain([first], found))


def _prompts(held: Records) -> Iterator[dict[str, Any]]:
    return held.others(f"{records.PREFIX}prompt")


def _losses(held: Records) -> Iterator[tuple[int, str]]:
    """Yield what the form cannot hold: how many, and what."""
    vectors = sum(1 for one in held.memories() if one.get("embedding"))
    yield vectors, "embedding"
    yield sum(1 for _ in held.relationships()), "relationship"
    others = sum(1 for one in held.attachments() if not _is_picture(one))
    yield others, "attachment other than a picture"
    rows = sum(1 for table in _OTHER_TABLES for _ in held.others(f"{records.PREFIX}{table}"))
    yield rows, "row of Open WebUI's other tables"


def _is_picture(told: dict[str, Any]) -> bool:
    media, size = told.get("mediaType"), told.get("size")
    return isinstance(media, str) and media.startswith("image/") and isinstance(size, int) and size <= _PICTURE


# -- conversations


def of_conversation(
    value: dict[str, Any], bytes_of: Callable[[str], bytes | None], personas: Personas = MappingProxyType({})
) -> Any:
    """Return a conversation as a chat; `bytes_of`: the bytes of an attachment by its SHA-256."""
    value = values.without_residue(value)
    extra = values.as_dict(value.get("extra"))
    if isinstance(extra.get(KIND), dict):
        return chat.native(value)
    messages = [_well(one) for one in values.as_list(value.get("messages"))]
    branches = [one for one in values.as_list(extra.get("branches")) if _is_well(one)]
    shown = _named(messages)
    all_of = {one["id"]: one for one in branches} | {one["id"]: one for one in shown}
    parents: dict[str, str | None] = {name: values.text_or_none(one.get("parentId")) for name, one in all_of.items()}
    parents |= {one["id"]: before for one, before in zip(shown, [None, *(each["id"] for each in shown)], strict=False)}
    nodes: dict[str, Any] = {}
    hidden: list[dict[str, Any]] = []
    on_screen = {one["id"] for one in shown}
    for name, message in all_of.items():
        if values.as_dict(message.get("metadata")).get("hidden") is True:
            at: dict[str, Any] = {"parentId": parents[name], **({"$shown": True} if name in on_screen else {})}
            hidden.append({**message, **at})
        else:
            nodes[name] = _node(message, name, parents, all_of, bytes_of)
    for name, node in nodes.items():
        above = nodes.get(node["parentId"])
        if above is not None:
            above["childrenIds"].append(name)
    current = next((one["id"] for one in reversed(shown) if one["id"] in nodes), None)
    is_exact = messages == value.get("messages") == shown
    rest = {
        key: one
        for key, one in value.items()
        if key not in ours.HELD_BY_THE_CHAT or (key == "messages" and not is_exact)
    }
    if isinstance(extra.get("branches"), list):
        told_apart = len(all_of) == len(shown) + len(branches) == len(shown) + len(extra["branches"])
        kept = {} if told_apart else {"branches": extra["branches"]}
        rest["extra"] = {key: one for key, one in extra.items() if key != "branches"} | kept
    if not isinstance(value.get("title"), str):
        rest["title"] = None
    told: dict[str, Any] = {"id": value["id"], "document": rest}
    if value.get("personaId") in personas:
        told["persona"] = personas[value["personaId"]]
    if hidden:
        told["hidden"] = hidden
    if branches:
        told["branches"] = [one["id"] for one in branches]
    return _chat(value, nodes, current, told)


def _chat(value: dict[str, Any], nodes: dict[str, Any], current: str | None, told: dict[str, Any]) -> dict[str, Any]:
    title, topics = value.get("title"), values.as_list(value.get("topics"))
    models = dict.fromkeys(one["model"] for one in nodes.values() if "model" in one)
    created, updated = (values.ms_of_iso(value.get(key)) for key in ("createdAt", "updatedAt"))
    content: dict[str, Any] = {
        "title": title if isinstance(title, str) else "",
        "models": list(models),
        "params": {},
        "history": {"messages": nodes, "currentId": current},
        "tags": topics,
        "files": [],
    }
    if created is not None:
        content["timestamp"] = created
    return {
        "id": value["id"],
        "title": title,
        "chat": content,
        "meta": {"tags": topics, ours.KEY: told},
        "pinned": False,
        "archived": value.get("isArchived") is True,
        "folder_id": None,
        "created_at": None if created is None else created // 1000,
        "updated_at": None if updated is None else updated // 1000,
    }


def _node(
    message: dict[str, Any],
    name: str,
    parents: dict[str, str | None],
    all_of: dict[str, Any],
    bytes_of: Callable[[str], bytes | None],
) -> dict[str, Any]:
    """Return a message that is to be seen; it follows the nearest one that is."""
    above = parents[name]
    met = {name}
    while above in all_of and values.as_dict(all_of[above].get("metadata")).get("hidden") is True and above not in met:
        met.add(above)
        above = parents[above]
    node = chat.node_of(message, above if above in all_of and above not in met else None)
    told: dict[str, Any] = {"metadata": values.as_dict(message.get("metadata"))}
    if message.get("timestamp") is not None and message["timestamp"] % 1000:
        told["timestamp"] = message["timestamp"]
    if parents[name] != node["parentId"]:
        told["parentId"] = parents[name]
    attached = list(_attached(values.as_list(told["metadata"].get("attachments")), bytes_of))
    if attached:
        node["files"] = attached
    node[ours.KEY] = told
    return node


def _attached(listed: list[Any], bytes_of: Callable[[str], bytes | None]) -> Iterator[dict[str, Any]]:
    for one in listed:
        if not isinstance(one, dict):
            continue
        name, media, data = one.get("name"), one.get("mediaType"), None
        if _is_picture(one) and isinstance(one.get("sha256"), str):
            data = bytes_of(one["sha256"])
        if data is None:
            yield {"type": "file", "name": name, "content_type": media, "size": one.get("size")}
        else:
            text = base64.b64encode(data).decode("ascii")
            yield {"type": "image", "name": name, "url": f"data:{media};base64,{text}"}


def _well(message: Any) -> dict[str, Any]:
    """Return a message as a chat can hold it: an object, with an instant in milliseconds or none."""
    made = dict(message) if isinstance(message, dict) else {"content": message}
    made["timestamp"] = values.ms_of_iso(made.get("timestamp"))
    made["metadata"] = values.as_dict(made.get("metadata"))
    return made


def _named(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages with ids that are texts, each another one."""
    met: set[str] = set()
    found = []
    for number, one in enumerate(messages):
        name = one.get("id")
        if not isinstance(name, str) or not name or name in met:
            name = f"message-{number}"
            while name in met:
                name += "-"
        met.add(name)
        found.append(one if one.get("id") == name else {**one, "id": name})
    return found


def _is_well(one: Any) -> bool:
    """Return whether a message of a branch can be in a chat's tree, or beside it, as it is."""
    return (
        isinstance(one, dict)
        and isinstance(one.get("id"), str)
        and isinstance(one.get("content"), str)
        and isinstance(one.get("metadata", {}), dict)
        and (one.get("timestamp") is None or type(one["timestamp"]) is int)
        and one.keys() <= _MESSAGE | {"parentId"}
    )


# -- memories and personas


def of_memory(value: dict[str, Any], personas: Personas = MappingProxyType({})) -> Any:
    """Return a memory as a row of the program's own table."""
    if isinstance(values.as_dict(value.get("extra")).get(KIND), dict):
        return records.native("memories", value)
    persona = personas.get(value.get("personaId") or "")
    return {
        "id": value["id"],
        "user_id": None,
        "type": records.kind_of(value.get("type")),
        "path": None,
        "content": records.as_text(value.get("content")),
        "meta": {ours.KEY: {**_bare(value), **({"persona": persona} if persona else {})}},
        "updated_at": chat.whole_seconds(value.get("updatedAt")),
        "created_at": chat.whole_seconds(value.get("createdAt")),
    }


def of_persona(value: dict[str, Any]) -> Any:
    """Return a persona as a model; which model it is made of is for its owner to choose, if nothing says so."""
    if isinstance(values.as_dict(value.get("extra")).get(KIND), dict):
        return records.native("personas", value)
    settings = values.as_dict(value.get("settings"))
    system, base = (values.text_or_none(settings.get(key)) for key in ("systemPrompt", "model"))
    meta: dict[str, Any] = {"description": value.get("description"), ours.KEY: _bare(value)}
    if isinstance(value.get("avatar"), str):
        meta["profile_image_url"] = value["avatar"]
    dates = {key: chat.whole_seconds(value.get(field)) for field, key in records.DATED.items()}
    return {
        "id": value["id"],
        "user_id": None,
        "base_model_id": base,
        "name": value.get("name"),
        "params": {} if system is None else {"system": system},
        "meta": meta,
        "is_active": True,
        **{key: one for key, one in dates.items() if one is not None},
    }


def _bare(value: dict[str, Any]) -> dict[str, Any]:
    """Return a document without its vector, and without what the store notes of its source."""
    return {key: one for key, one in values.without_residue(value).items() if key != "embedding"}
