"""What `pjais` keeps in the free places of a chat (`meta.pjais`, `pjais` of a message): a return trip is exact by it.

Open WebUI keeps both through an import and an export, though it gives the chat another id.  A clone of a chat has them,
too: it names the chat that it was made of, and is a chat of its own.
"""

from __future__ import annotations

from typing import Any

from pjais.sources.apps import free_places, values
from pjais.sources.apps.shape import Held

KEY = "pjais"
AS_NODES = "open-webui-messages"
"""The key in `extra` for the messages as the chat holds them, where it cannot hold ours."""
HELD_BY_THE_CHAT = frozenset({"title", "topics", "isArchived", "messages"})
"""Fields of a conversation that the chat itself holds."""


def of_chat(native: dict[str, Any]) -> dict[str, Any]:
    """Return what we put into a chat: `{"id", "document", "hidden", "branches"}`; nothing of any other chat."""
    found = values.as_dict(values.as_dict(native.get("meta")).get(KEY))
    cloned = "originalChatId" in values.as_dict(native.get("chat"))
    return found if isinstance(found.get("id"), str) and found["id"] and not cloned else {}


def of_message(node: dict[str, Any]) -> dict[str, Any]:
    """Return what we put into a message: `{"metadata", "timestamp", "parentId"}`."""
    return values.as_dict(node.get(KEY))


def has_no_title(native: dict[str, Any]) -> bool:
    """Return whether we wrote the chat of a conversation without a title: Open WebUI wants a text."""
    rest = _kept(of_chat(native))
    return "title" in rest and rest["title"] is None


def untitled(*path: str | int) -> Held:
    """Return the title of such a chat: an empty text is none."""
    return Held("title", path, lambda raw: raw if isinstance(raw, str) and raw else None)


def restored(native: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Return the conversation that we had written as this chat, with what Open WebUI changed; any other as it is."""
    told = of_chat(native)
    if not told:
        return made
    rest = _kept(told)
    extra = {**values.as_dict(rest.get("extra")), **made["extra"]}
    hidden = [one for one in values.as_list(told.get("hidden")) if isinstance(one, dict)]
    branches = [_with_parent(one) for one in made["extra"].get("branches", ())]
    branches += [one for one in hidden if "parentId" in one and not one.get("$shown")]
    order = {name: number for number, name in enumerate(map(str, values.as_list(told.get("branches"))))}
    branches.sort(key=lambda one: order.get(str(one.get("id")), len(order)))
    value = {**made, **rest, **{key: made[key] for key in HELD_BY_THE_CHAT if key in made}, "id": told["id"]}
    value["extra"] = {key: one for key, one in extra.items() if key != "branches"}
    if value.get("summary") is None and "summary" not in rest:
        value.pop("summary", None)
    value["messages"] = _with_hidden(made["messages"], [one for one in hidden if one.get("$shown")])
    if branches:
        value["extra"]["branches"] = branches
    odd = {"messages": rest.get("messages"), "branches": values.as_dict(rest.get("extra")).get("branches")}
    nodes = [*made["messages"], *made["extra"].get("branches", ())]
    if any(one is not None for one in odd.values()) and all(map(_is_ours, nodes)):
        value["extra"][AS_NODES] = nodes
        value["messages"] = value["messages"] if odd["messages"] is None else odd["messages"]
        value["extra"] |= {} if odd["branches"] is None else {"branches": odd["branches"]}
    if "updatedAt" in rest:
        value["updatedAt"] = _updated(native, rest)
    return value


def keep_dates(found: dict[str, Any], value: dict[str, Any]) -> None:
    """Write the fields that were edited in the store into what we put into a chat."""
    rest = _kept(of_chat(found))
    for field in rest.keys() - HELD_BY_THE_CHAT - {"id", "extra"}:
        before = _updated(found, rest) if field == "updatedAt" else rest[field]
        if field in value and value[field] != before:
            found["meta"][KEY]["document"][field] = value[field]
            if field in ("createdAt", "updatedAt"):
                ms = values.ms_of_iso(value[field])
                found["created_at" if field == "createdAt" else "updated_at"] = None if ms is None else ms // 1000


def without_hidden(native: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """Return a conversation without the messages that we keep beside the tree."""
    hidden = {one.get("id") for one in values.as_list(of_chat(native).get("hidden")) if isinstance(one, dict)}
    if not hidden:
        return value
    left = [one for one in value.get("messages") or () if not (isinstance(one, dict) and one.get("id") in hidden)]
    return {**value, "messages": left}


def _kept(told: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that we put into a chat, as far as they are what they should be."""
    rest = values.as_dict(told.get("document"))
    right = {key: one for key, one in rest.items() if key in _FIELDS and _FIELDS[key](one)}
    return free_places.with_persona(right, told.get("persona"))


_FIELDS = {
    **free_places.CONVERSATION,
    "personaId": free_places.is_text_or_none,
    "messages": lambda raw: isinstance(raw, list),
    "archivedAt": free_places.is_date_or_none,
}


def _updated(native: dict[str, Any], rest: dict[str, Any]) -> Any:
    """Return when a chat was changed: what we wrote is exact, unless Open WebUI changed it since."""
    ours, theirs = values.ms_of_iso(rest.get("updatedAt")), values.ms_of_seconds(native.get("updated_at"))
    changed = ours is not None and theirs is not None and theirs // 1000 > ours // 1000
    return values.iso(theirs) if changed else rest.get("updatedAt")


def _is_ours(message: dict[str, Any]) -> bool:
    return KEY in values.as_dict(values.as_dict(values.as_dict(message["metadata"]).get("open-webui")).get("node"))


def _with_parent(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message of a branch with the one that it follows, which may be hidden."""
    origin = values.as_dict(values.as_dict(message.get("metadata")).get("open-webui"))
    told = of_message(values.as_dict(origin.get("node")))
    return {**message, "parentId": told["parentId"]} if "parentId" in told else message


def _with_hidden(messages: list[Any], hidden: list[dict[str, Any]]) -> list[Any]:
    """Return the messages that were on screen with those among them that are hidden, each after the one it follows."""
    after: dict[Any, list[dict[str, Any]]] = {}
    for one in hidden:
        after.setdefault(values.text_or_none(one.get("parentId")), []).append(one)
    found: list[Any] = []

    def follow(name: str | None) -> None:
        waiting = after.pop(name, [])
        for one in waiting:
            found.append({key: held for key, held in one.items() if key not in ("parentId", "$shown")})
            follow(values.text_or_none(one.get("id")))

    follow(None)
    for message in messages:
        found.append(message)
        follow(message["id"])
    for name in list(after):
        follow(name)
    return found
