"""A conversation of ChatGPT: a tree of nodes (`mapping`), of which one branch was on screen (`current_node`).

`parent` is the truth: newer files leave `children` empty.  A node's message may lack everything but its content.  What
was not shown as a message is kept and marked hidden: system texts, reasoning, tool calls, injected context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pjais.sources.apps import free_places, shape, trees, values
from pjais.sources.apps.shape import Path, Shape, Turn

KIND = "chatgpt"
KEY = "pjais"
"""The key of what we put into a conversation, and into the metadata of its messages, that the form has no place for."""
NOT_OURS = frozenset({KIND, "branches"})
"""What of a document's `extra` is made of the conversation itself."""
FIELDS = {
    key: one
    for key, one in free_places.CONVERSATION.items()
    if key not in ("title", "createdAt", "updatedAt", "isArchived")
}
"""Fields that a conversation has no place for."""
DATES = {key: free_places.CONVERSATION[key] for key in ("createdAt", "updatedAt")}
MESSAGE = {key: free_places.MESSAGE[key] for key in ("role", "metadata")}

SHAPE = Shape(
    KIND,
    shape.text("title", "title"),
    shape.seconds("createdAt", "create_time"),
    shape.seconds("updatedAt", "update_time"),
    shape.truth("isArchived", "is_archived"),
)

_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool", "function": "tool"}
_HIDDEN_TYPES = ("thoughts", "reasoning_recap", "user_editable_context", "model_editable_context")
_SHOWN_RECIPIENTS = ("all", None)


def native_id(native: dict[str, Any]) -> str | None:
    """Return the id of a conversation, which it has twice."""
    there = (native.get("conversation_id"), native.get("id"))
    return values.first_text(*there)


def turns(native: dict[str, Any]) -> tuple[list[Turn], list[Turn]]:
    """Return all messages of a conversation, and those of the branch that was on screen, in order."""
    mapping = values.as_dict(native.get("mapping"))
    parents: dict[str, str | None] = {}
    found: list[Turn] = []
    for name, node in mapping.items():
        if not isinstance(node, dict):
            continue
        above = node.get("parent")
        parents[name] = above if isinstance(above, str) else None
        if isinstance(node.get("message"), dict):
            found.append(_turn(name, node["message"], parents[name]))
    current = native.get("current_node")
    return found, shape.branch(found, current if isinstance(current, str) else None, parents)


def ours_of(native: dict[str, Any]) -> dict[str, Any]:
    """Return what we put into a conversation that we wrote, `{"id", ...fields}`; nothing of any other."""
    found = values.as_dict(native.get(KEY))
    return found if isinstance(found.get("id"), str) and found["id"] else {}


def document(
    native: dict[str, Any], more: dict[str, Any], everything: list[Turn], shown: list[Turn] | None
) -> dict[str, Any]:
    """Return the document of a conversation; one that we wrote has its own id and fields again."""
    value = _shape(native).document(native, more, turns=everything, shown=shown)
    told = ours_of(native)
    if not told:
        return value
    value |= {key: None for key in DATES if _has_no(told, key)}
    extra = values.as_dict(told.get("extra"))
    told = {**told, "extra": {key: one for key, one in extra.items() if key not in NOT_OURS}}
    made = {**free_places.merged(value, told, FIELDS), "id": told["id"]}
    persona = free_places.persona_of(told.get("persona"))
    return made if persona is None else {**made, "personaId": persona["id"]}


def _shape(native: dict[str, Any]) -> Shape:
    """Return the form of a conversation; of one that we wrote without them, the times are those of its messages."""
    told = ours_of(native)
    return Shape(KIND, *(one for one in SHAPE.fields if not (one.field in DATES and _has_no(told, one.field))))


def _has_no(told: dict[str, Any], field: str) -> bool:
    return field in told and told[field] is None


def native(value: dict[str, Any]) -> Any:
    """Return the conversation that a document was made of, with what was edited, added and deleted since."""
    kept = values.as_dict(values.as_dict(value.get("extra")).get(KIND))
    found = _shape(kept).native(value)
    nodes = found.get("mapping") if isinstance(found, dict) else None
    if not isinstance(nodes, dict):
        return found
    for message in [*values.as_list(value.get("messages")), *values.as_list(value["extra"].get("branches"))]:
        origin = values.as_dict(values.as_dict(values.as_dict(message).get("metadata")).get(KIND))
        if "path" in origin and "text" not in origin:
            _put_text(nodes.get(origin["path"][-1]), origin["node"], message.get("content"))
    current = trees.graft(nodes, value, KIND, _LINKS, values.as_dict(kept.get("mapping")))
    if current is not None:
        found["current_node"] = current
    return found


def _put_text(node: Any, before: dict[str, Any], text: Any) -> None:
    """Put a text that was edited into a message whose text is put together of parts: as its last part."""
    content = values.as_dict(values.as_dict(before.get("message")).get("content"))
    if not isinstance(node, dict) or not isinstance(text, str) or text == text_of(content)[0]:
        return
    held = node["message"].get("content")
    if not isinstance(held, dict):
        node["message"]["content"] = {"content_type": "text", "parts": [text]}
    elif isinstance(held.get("parts"), list):
        held["parts"] = [*(one for one in held["parts"] if not _part(one)), text]
    else:
        held["text"] = text


def node_of(message: dict[str, Any], parent: str | None) -> dict[str, Any]:
    """Return a message of ours as a node of a conversation's tree."""
    ms = values.ms_of_iso(message.get("timestamp"))
    role, content, told = message.get("role"), message.get("content"), values.as_dict(message.get("metadata"))
    hidden = told.get("hidden") is True
    metadata: dict[str, Any] = {"is_visually_hidden_from_conversation": True} if hidden else {}
    if isinstance(told.get("model"), str):
        metadata["model_slug"] = told["model"]
    made = {
        "id": message["id"],
        "author": {
            "role": values.first_text(role) or "unknown",
            "name": values.text_or_none(told.get("author")),
            "metadata": {},
        },
        "create_time": None if ms is None else ms / 1000,
        "update_time": None,
        "content": {
            "content_type": "text",
            "parts": [content if isinstance(content, str) else values.json_text(content)],
        },
        "status": "finished_successfully",
        "end_turn": True if role == "assistant" else None,
        "weight": 0.0 if hidden else 1.0,
        "metadata": metadata,
        "recipient": "all",
        "channel": None,
    }
    return {"id": message["id"], "message": made, "parent": parent, "children": []}


def _root(nodes: Mapping[str, Any]) -> str | None:
    """Return the node without a message with which a tree begins."""
    bare = (
        name for name, one in nodes.items() if isinstance(one, dict) and one.get("message") is one.get("parent") is None
    )
    return next(bare, None)


_LINKS = trees.Links("parent", "children", node_of, _root)


def _turn(name: str, message: dict[str, Any], parent: str | None) -> Turn:
    content = values.as_dict(message.get("content"))
    kind = content.get("content_type")
    text, text_at = text_of(content)
    author, told = values.as_dict(message.get("author")), values.as_dict(message.get("metadata"))
    role = author.get("role")
    metadata: dict[str, Any] = {"kind": kind if isinstance(kind, str) else "unknown"}
    if _is_hidden(message, role, kind, told):
        metadata["hidden"] = True
    if isinstance(told.get("model_slug"), str):
        metadata["model"] = told["model_slug"]
    if isinstance(author.get("name"), str):
        metadata["author"] = author["name"]
    at = None if text_at is None else ("message", "content", *text_at)
    sent = values.ms_of_seconds(message.get("create_time"))
    known = _ROLES.get(role, role) if isinstance(role, str) and role else "unknown"
    ours = values.as_dict(told.get(KEY))
    if ours:
        made = free_places.merged({"role": known, "metadata": metadata}, ours, MESSAGE)
        known, metadata = made["role"], made["metadata"]
    if "parentId" in ours and free_places.is_text_or_none(ours["parentId"]):
        parent = ours["parentId"]
    return Turn(("mapping", name), known, text, sent, name, parent, at, metadata)


def _is_hidden(message: dict[str, Any], role: object, kind: object, told: dict[str, Any]) -> bool:
    return (
        message.get("weight") == 0
        or role == "system"
        or told.get("is_visually_hidden_from_conversation") is True
        or kind in _HIDDEN_TYPES
        or message.get("recipient") not in _SHOWN_RECIPIENTS
        or values.as_dict(message.get("author")).get("name") == "bio"
    )


def text_of(content: dict[str, Any]) -> tuple[str, Path | None]:
    """Return the text of a message's content, and its path if the text is stored there verbatim.

    It is the non-empty texts of its parts, joined by a blank line; the parts themselves stay.
    """
    kind, parts = content.get("content_type"), content.get("parts")
    if isinstance(parts, list):
        if len(parts) == 1 and isinstance(parts[0], str):
            return parts[0], ("parts", 0)
        found = [_part(one) for one in parts]
        return "\n\n".join(one for one in found if one), None
    if kind == "reasoning_recap":
        return _as_it_is(content, "content")
    if kind in ("thoughts", "user_editable_context", "model_editable_context"):
        return "", None
    if kind == "tether_browsing_display":
        return _as_it_is(content, "result")
    return _as_it_is(content, "text")


def _as_it_is(content: dict[str, Any], key: str) -> tuple[str, Path | None]:
    return (content[key], (key,)) if isinstance(content.get(key), str) else ("", None)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, dict) else None
    return text if isinstance(text, str) else ""


def files_of(native: dict[str, Any]) -> Iterator[tuple[str, str, str | None, str | None, Any]]:
    """Yield (node, file id, name, media type, size) of every file that a conversation's messages point to."""
    for node, held in values.as_dict(native.get("mapping")).items():
        message = values.as_dict(values.as_dict(held).get("message"))
        met: set[str] = set()
        for one in values.as_list(values.as_dict(message.get("metadata")).get("attachments")):
            if isinstance(one, dict) and isinstance(one.get("id"), str):
                met.add(one["id"])
                name, media = values.text_or_none(one.get("name")), values.text_or_none(one.get("mime_type"))
                yield node, one["id"], name, media, one.get("size")
        for part in values.as_list(values.as_dict(message.get("content")).get("parts")):
            for pointer, size in _pointers(part):
                file_id = pointer.partition("://")[2].partition("?")[0]
                if file_id and file_id not in met:
                    met.add(file_id)
                    yield node, file_id, None, None, size


def _pointers(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield (address, size) of each file that a part points to; a part of a spoken chat has several inside of it."""
    for key, one in part.items() if isinstance(part, dict) else ():
        if not key.endswith(("asset_pointer", "asset_pointers")):
            continue
        for each in one if isinstance(one, list) else [one]:
            if isinstance(each, str) and "://" in each:
                yield each, part.get("size_bytes") if key == "asset_pointer" else None
            yield from _pointers(each)


def project_of(native: dict[str, Any]) -> str | None:
    """Return the id of the project or custom GPT of a conversation; its name is not in the export."""
    found = native.get("gizmo_id")
    return found if isinstance(found, str) and found else None


def facts_of(native: dict[str, Any]) -> Iterator[tuple[str, str, int | None]]:
    """Yield (text, its place, time in ms) of each fact about the person that a conversation mentions.

    They are a by-product: the export holds no list of memories.
    """
    for message in _messages(native):
        content = values.as_dict(message.get("content"))
        at = values.ms_of_seconds(message.get("create_time"))
        if message.get("recipient") == "bio":
            for line in text_of(content)[0].splitlines():
                yield line, "bio", at
        if content.get("content_type") == "user_editable_context":
            for key in ("user_profile", "user_instructions"):
                yield _fenced(content.get(key)), f"user_editable_context.{key}", at
        told = values.as_dict(values.as_dict(message.get("metadata")).get("user_context_message_data"))
        for key in ("about_user_message", "about_model_message"):
            yield values.text_or_none(told.get(key)) or "", f"user_context_message_data.{key}", at


def lists_of(native: dict[str, Any]) -> Iterator[tuple[int | None, list[tuple[str, int | None]]]]:
    """Yield (time in ms, facts with their times) of each list of memories that the model was given and is not empty.

    The newest one is what was remembered last; what older ones have besides was forgotten since.
    """
    for message in _messages(native):
        listed = values.as_dict(message.get("content")).get("model_set_context")
        if isinstance(listed, str) and listed.strip():
            at = values.ms_of_seconds(message.get("create_time"))
            yield at, list(_listed(listed, at))


def _messages(native: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for node in values.as_dict(native.get("mapping")).values():
        yield values.as_dict(values.as_dict(node).get("message"))


def _fenced(text: object) -> str:
    """Return what is inside a fence of backticks; a text without one as it is."""
    if not isinstance(text, str):
        return ""
    _, fence, inside = text.partition("```")
    return inside.rpartition("```")[0] if fence and "```" in inside else text


def _listed(listed: str, at: int | None) -> Iterator[tuple[str, int | None]]:
    """Yield each fact of a list, `N. [YYYY-MM-DD]. text`, and its time: its own date, else that of the list."""
    for one in re.split(r"\n(?=\s*\d+\. )", listed):
        text = re.sub(r"^\s*\d+\. ", "", one)
        date = re.match(r"\[([\d-]+)\]\. ", text)
        if date is None:
            yield text, at
        else:
            yield text[date.end() :], values.ms_of_text(date[1])
