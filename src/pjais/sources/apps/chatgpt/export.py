"""Write conversations in the form of ChatGPT's export, which many programs import.

What came from ChatGPT is written as it was, with what was edited since.  Anything else is a tree of nodes made of our
fields; those that the form has no place for are beside them (`pjais`), so that a return trip is exact.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from pjais.display import counted
from pjais.sources.apps import free_places, values
from pjais.sources.apps.chatgpt import conversation
from pjais.sources.apps.chatgpt.conversation import DATES, FIELDS, KEY, KIND, MESSAGE, NOT_OURS
from pjais.sources.apps.contract import Content, Records

_ROOT = "client-created-root"
_NOT_IN_A_NAME = re.compile(r"[^\w.() +-]")
_LONGEST_NAME = 100


def files(held: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
    """Yield `conversations.json`, and the files that its messages point to, as `file-<id>-<name>`."""
    personas = {one["id"]: free_places.told_of(one) for one in held.personas()}
    told = {
        "memory": sum(1 for _ in held.memories()),
        "persona": sum(1 for one in held.personas() if KIND not in values.as_dict(one.get("extra"))),
        "relationship": sum(1 for _ in held.relationships()),
    }
    for what, number in told.items():
        if number:
            lost(counted(number, what, "memories" if what == "memory" else None))
    if kept := sum(1 for _ in held.others("chatgpt_files")):
        lost(counted(kept, "other file of ChatGPT's export", "other files of ChatGPT's export"))
    everything = (of_conversation(one, personas) for one in held.conversations())
    first = next(everything, None)
    if first is None:
        return
    yield "conversations.json", values.json_list(chain([first], everything))
    written: set[str] = set()
    for one in held.conversations():
        for name, sha256 in attachments(one):
            data = None if name in written else held.attachment(sha256)
            if data is not None:
                written.add(name)
                yield name, data


def of_conversation(value: dict[str, Any], personas: Mapping[str, dict[str, Any]]) -> Any:
    """Return a conversation as ChatGPT's export has it; `personas`: what it says of each."""
    value = values.without_residue(value)
    extra = values.as_dict(value.get("extra"))
    if isinstance(extra.get(KIND), dict):
        return conversation.native(value)
    shown = _named(values.as_list(value.get("messages")), set())
    taken = {one["id"] for one in shown} | {_ROOT}
    branches = _named(values.as_list(extra.get("branches")), taken)
    nodes: dict[str, Any] = {_ROOT: {"id": _ROOT, "message": None, "parent": None, "children": []}}
    before = _ROOT
    for message in shown:
        nodes[message["id"]] = _node(message, before)
        before = message["id"]
    for message in branches:
        nodes[message["id"]] = _node(message, values.text_or_none(message.get("parentId")) or _ROOT)
    for name, node in nodes.items():
        if node["parent"] in nodes:
            nodes[node["parent"]]["children"].append(name)
    native = _native(value, nodes, before)
    _keep(native, value, shown, branches)
    if value.get("personaId") in personas:
        native[KEY]["persona"] = personas[value["personaId"]]
    return native


def _native(value: dict[str, Any], nodes: dict[str, Any], current: str) -> dict[str, Any]:
    """Return the object; of a conversation without times those of its messages, which some programs insist on."""
    sent = [one["message"]["create_time"] for one in nodes.values() if one["message"]]
    known = [one for one in sent if one is not None]
    created, updated = (values.ms_of_iso(value.get(key)) for key in ("createdAt", "updatedAt"))
    begun = min(known, default=None) if created is None else created / 1000
    ended = max(known, default=begun) if updated is None else updated / 1000
    models = [
        one["message"]["metadata"]["model_slug"]
        for one in nodes.values()
        if one["message"] and "model_slug" in one["message"]["metadata"]
    ]
    return {
        "title": values.text_or_none(value.get("title")),
        "create_time": ended if begun is None else begun,
        "update_time": ended,
        "mapping": nodes,
        "moderation_results": [],
        "current_node": current,
        "conversation_id": value["id"],
        "id": value["id"],
        "is_archived": value.get("isArchived") is True,
        "default_model_slug": models[-1] if models else None,
        KEY: {"id": value["id"]},
    }


def _keep(native: dict[str, Any], value: dict[str, Any], shown: list[Any], branches: list[Any]) -> None:
    """Put beside the fields of the form what a reader would not make of them."""
    everything, on_screen = conversation.turns(native)
    more = {"id": value["id"]}
    there = conversation.document(native, more, everything, on_screen)
    native[KEY] |= free_places.rest(value, there, {**FIELDS, **DATES}, NOT_OURS)
    made = {one["id"]: one for one in (*there["messages"], *there["extra"].get("branches", ()))}
    for message in (*shown, *branches):
        kept = free_places.rest(message, made[message["id"]], MESSAGE, (KIND,))
        if "parentId" in message and message["parentId"] is None:
            kept["parentId"] = None
        if kept:
            native["mapping"][message["id"]]["message"]["metadata"][KEY] = kept


def _node(message: dict[str, Any], parent: str) -> dict[str, Any]:
    node = conversation.node_of(message, parent)
    attached: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []
    for one in values.as_list(values.as_dict(message.get("metadata")).get("attachments")):
        if not isinstance(one, dict):
            continue
        name, media, size = one.get("name"), values.text_or_none(one.get("mediaType")), one.get("size")
        told = {"id": _file_id(one), "name": name, "mime_type": media, "size": size}
        attached.append({key: held for key, held in told.items() if held is not None})
        if media is not None and media.startswith("image/"):
            pointer = f"file-service://{_file_id(one)}"
            pictures.append({"content_type": "image_asset_pointer", "asset_pointer": pointer, "size_bytes": size})
    if attached:
        node["message"]["metadata"]["attachments"] = attached
    if pictures:
        content = node["message"]["content"]
        content |= {"content_type": "multimodal_text", "parts": [*pictures, *content["parts"]]}
    return node


def _file_id(told: dict[str, Any]) -> str:
    """Return the id of an attachment in ChatGPT's form: of its bytes, or of its name if they are not there."""
    digest = told.get("sha256")
    if not isinstance(digest, str):
        digest = hashlib.sha256(str(told.get("name")).encode("utf-8", "surrogatepass")).hexdigest()
    return f"file-{digest[:24]}"


def _named(messages: list[Any], taken: set[str]) -> list[dict[str, Any]]:
    """Return messages with ids that are texts, each another one; `taken` gets them."""
    taken.add(_ROOT)
    found: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        one = dict(message) if isinstance(message, dict) else {"content": message}
        name = one.get("id")
        if not isinstance(name, str) or not name or name in taken:
            name = f"message-{number}"
            while name in taken:
                name += "-"
        taken.add(name)
        one["id"] = name
        found.append(one)
    return found


def attachments(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (name of the file, SHA-256) of every attachment of a conversation, as its messages point to them."""
    extra = values.as_dict(value.get("extra"))
    is_theirs = isinstance(extra.get(KIND), dict)
    for message in (*values.as_list(value.get("messages")), *values.as_list(extra.get("branches"))):
        metadata = values.as_dict(values.as_dict(message).get("metadata"))
        listed = [one for one in values.as_list(metadata.get("attachments")) if isinstance(one, dict)]
        if is_theirs:
            node = values.as_dict(metadata.get(KIND)).get("node")
            ids = [one[1] for one in conversation.files_of({"mapping": {"": node}})]
        else:
            ids = [_file_id(one) for one in listed]
        for file_id, told in zip(ids, listed, strict=False):
            if isinstance(told.get("sha256"), str):
                yield _name(file_id, told.get("name")), told["sha256"]


def _name(file_id: str, called: Any) -> str:
    """Return the name of a file: its id, by which messages point to it, and what it is called."""
    bare = _NOT_IN_A_NAME.sub("_", file_id)
    name = _NOT_IN_A_NAME.sub("_", called) if isinstance(called, str) else ""
    if name.startswith(bare):
        return name
    stem, dot, suffix = name[-_LONGEST_NAME:].rpartition(".")
    return f"{bare}-{stem}{dot}{suffix}" if name else bare
