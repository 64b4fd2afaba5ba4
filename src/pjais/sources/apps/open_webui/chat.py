"""A chat of Open WebUI: a tree of messages by id (`history.messages`), of which one branch was on screen (`currentId`).

`chat.messages` repeats that branch; chats of the first versions have it alone.  A copy that equals its message is kept
as a reference, so that an edit of the message arrives in both.  The title is there twice, too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pjais import canonical
from pjais.sources.apps import shape, trees, values
from pjais.sources.apps.open_webui import ours
from pjais.sources.apps.open_webui.files import Files
from pjais.sources.apps.shape import Held, Path, Shape, Turn

KIND = "open-webui"
COPIES = "open-webui-copies"
"""The key in `extra` that says that equal copies of messages were left out."""

_MS, _MICROSECONDS = 10_000_000_000, 100_000_000_000_000
"""A time above the one is in milliseconds, above the other in microseconds, below both in seconds."""


def moment(raw: object) -> int | None:
    """Return the milliseconds of an instant, whose unit only its size tells; None for what is not a date."""
    if isinstance(raw, str):
        return values.ms_of_text(raw)
    if type(raw) not in (int, float) or raw != raw:
        return None
    assert isinstance(raw, int | float)
    if raw > _MICROSECONDS:
        return values.ms_of_ms(raw // 1000)
    return values.ms_of_ms(raw) if raw > _MS else values.ms_of_seconds(raw)


def whole_seconds(value: Any) -> int | None:
    """Return an instant as Open WebUI stores it: whole seconds."""
    ms = values.ms_of_iso(value)
    return None if ms is None else ms // 1000


def instant(field: str, *path: str | int) -> Held:
    """Return a field that is an instant of Open WebUI."""
    return Held(field, path, lambda raw: values.iso(moment(raw)), whole_seconds)


class Tree(NamedTuple):
    """The messages of a chat: all of them, those that were on screen, in order, and what each follows."""

    turns: list[Turn]
    shown: list[Turn] | None
    parents: dict[str, str | None]
    current: str | None
    is_list: bool


def body(native: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Return where a chat's content is in the object, and the content; an object without `chat` is the content."""
    if "chat" not in native and ("history" in native or "messages" in native):
        return (), native
    return ("chat",), values.as_dict(native.get("chat"))


def nodes_of(native: dict[str, Any]) -> dict[str, Any]:
    """Return the messages of a chat's tree by their id; none of a chat that has a list alone."""
    return values.as_dict(values.as_dict(body(native)[1].get("history")).get("messages"))


def tree(native: dict[str, Any], files: Files) -> Tree:
    """Return the messages of a chat."""
    at, content = body(native)
    nodes = nodes_of(native)
    parents: dict[str, str | None] = {}
    found: list[Turn] = []
    for name, node in nodes.items():
        if isinstance(node, dict):
            parents[name] = values.text_or_none(node.get("parentId"))
            found.append(_turn((*at, "history", "messages", name), name, node, parents[name], files))
    listed: list[Turn] = []
    before: str | None = None
    for index, node in enumerate(values.as_list(content.get("messages"))):
        if isinstance(node, dict) and not (isinstance(node.get("id"), str) and node["id"] in nodes):
            own, parent = values.text_or_none(node.get("id")), values.text_or_none(node.get("parentId"))
            listed.append(_turn((*at, "messages", index), own, node, parent or before, files))
        before = values.text_or_none(node.get("id")) if isinstance(node, dict) else before
    if not found:
        return Tree(listed, None, {}, None, is_list=True)
    current = values.as_dict(content.get("history")).get("currentId")
    if not isinstance(current, str) or current not in parents:
        current = native.get("current_message_id")
    leaf = current if isinstance(current, str) else None
    if leaf is None and ours.of_chat(native):
        return Tree([*found, *listed], [], parents, None, is_list=False)  # as we wrote it: nothing was on screen
    return Tree([*found, *listed], shape.branch(found, leaf, parents), parents, leaf, is_list=False)


def _turn(path: Path, name: str | None, node: dict[str, Any], parent: str | None, files: Files) -> Turn:
    told = ours.of_message(node)
    metadata: dict[str, Any] = dict(values.as_dict(told.get("metadata")))
    if isinstance(node.get("model"), str) and "model" not in metadata:
        metadata["model"] = node["model"]
    if node.get("error") and "kind" not in metadata:
        metadata["kind"] = "error"
    if "attachments" not in metadata and (attached := list(files.of(node))):
        metadata["attachments"] = attached
    content, text_at = _text(node)
    sent = moment(node.get("timestamp"))
    exact = told.get("timestamp")
    if type(exact) is int and (sent is None or exact // 1000 == sent // 1000):
        sent = exact
    role = node.get("role")
    known = values.first_text(role) or "unknown"
    return Turn(path, known, content, sent, name, parent, text_at, metadata)


def _text(node: dict[str, Any]) -> tuple[str, Path | None]:
    """Return the text of a message, and its path if the text is stored there verbatim."""
    content = node.get("content")
    if isinstance(content, str) and (content or not isinstance(node.get("output"), list)):
        return content, ("content",)
    if isinstance(content, list):
        return "\n\n".join(text for text in map(_part, content) if text), None
    outputs = [values.as_dict(one) for one in values.as_list(node.get("output"))]
    parts = [values.as_list(one.get("content")) for one in outputs if one.get("type") == "message"]
    texts = ["".join(_part(part) for part in one) for one in parts]
    return "\n".join(text for text in texts if text), None


def _put_text(node: Any, before: dict[str, Any], text: Any) -> None:
    """Put a text that was edited into a message whose text is put together of parts, or of outputs."""
    if not isinstance(node, dict) or not isinstance(text, str) or text == _text(before)[0]:
        return
    held = node.get("content")
    if isinstance(held, list):
        node["content"] = [*(one for one in held if not _part(one)), {"type": "text", "text": text}]
    else:
        node["content"] = text


def _part(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) else part
    return text if isinstance(text, str) else ""


def _shape(native: dict[str, Any]) -> Shape:
    """Return the form of a chat: where it has its title and tags, and whether its times are as we gave them."""
    at, content = body(native)
    title = ("title",) if "title" in native else (*at, "title")
    own = values.as_dict(native.get("meta")).get("tags")
    listed = content.get("tags")
    tags = (*at, "tags") if not own and values.is_texts(listed) and listed else ("meta", "tags")
    dated: tuple[Held, ...] = ()
    if not ours.of_chat(native):
        old = ("timestamp",) if "timestamp" in native else None  # of the first versions, in place of both
        created = ("created_at",) if native.get("created_at") is not None else old or (*at, "timestamp")
        updated = ("updated_at",) if "updated_at" in native else old or ("updated_at",)
        dated = (instant("createdAt", *created), instant("updatedAt", *updated))
    return Shape(
        KIND,
        ours.untitled(*title) if ours.has_no_title(native) else shape.text("title", *title),
        shape.text("summary", "summary"),
        shape.texts("topics", *tags),
        shape.truth("isArchived", "archived"),
        *dated,
    )


def document(native: dict[str, Any], more: dict[str, Any], found: Tree) -> dict[str, Any]:
    """Return the document of a chat.  `more`: at least its `id`."""
    kept, has_copies = _without_copies(native)
    made = _shape(native).document(
        kept, more, turns=found.turns, shown=found.shown, extra={COPIES: True} if has_copies else None
    )
    return ours.restored(native, made)


def native(value: dict[str, Any]) -> Any:
    """Return the chat that a document was made of, with what was edited since."""
    extra = values.as_dict(value.get("extra"))
    kept = extra.get(KIND)
    if not isinstance(kept, dict):
        return shape.copied(kept)
    if isinstance(extra.get(ours.AS_NODES), list):
        value = {**value, "messages": extra[ours.AS_NODES], "extra": {KIND: kept}}
    found = _shape(kept).native(value)
    if value.get("topics") and not isinstance(found.get("meta"), dict) and "meta" in found and not _tags(kept):
        found["meta"] = {"tags": value["topics"]}
    ours.keep_dates(found, value)
    at, content = body(found)
    nodes = nodes_of(found)
    for message in [*values.as_list(value.get("messages")), *values.as_list(value["extra"].get("branches"))]:
        origin = values.as_dict(values.as_dict(values.as_dict(message).get("metadata")).get(KIND))
        if "path" in origin and "text" not in origin:
            _put_text(shape.get(found, tuple(origin["path"])), origin["node"], message.get("content"))
    current = trees.graft(nodes, ours.without_hidden(found, value), KIND, _LINKS, nodes_of(kept)) if nodes else None
    if current is not None:
        content["history"]["currentId"] = current
        if "current_message_id" in found:
            found["current_message_id"] = current
    if extra.get(COPIES) is True:
        copies = values.as_list(content.get("messages"))
        names = [one.get("$copy") if isinstance(one, dict) and one.keys() == {"$copy"} else None for one in copies]
        content["messages"] = [
            one if name is None else shape.copied(nodes[name])
            for one, name in zip(copies, names, strict=True)
            if name is None or name in nodes
        ]
    if at and found.get("title") != kept.get("title") and content.get("title") == kept.get("title"):
        content["title"] = found["title"]  # an import takes this one
    return found


def _tags(native: dict[str, Any]) -> bool:
    """Return whether a chat has its tags in its content."""
    listed = body(native)[1].get("tags")
    return values.is_texts(listed) and bool(listed)


def node_of(message: dict[str, Any], parent: str | None) -> dict[str, Any]:
    """Return a message of ours as a node of a chat's tree."""
    ms = values.ms_of_iso(message.get("timestamp"))
    role, content = message.get("role"), message.get("content")
    node: dict[str, Any] = {"id": message["id"], "parentId": parent, "childrenIds": []}
    node["role"] = role if isinstance(role, str) else "unknown"
    node["content"] = content if isinstance(content, str) else values.json_text(content)
    if ms is not None:
        node["timestamp"] = ms // 1000
    model = values.as_dict(message.get("metadata")).get("model")
    if isinstance(model, str):
        node |= {"model": model, "modelName": model}
    if role == "assistant":
        node["done"] = True
    return node


_LINKS = trees.Links("parentId", "childrenIds", node_of)


def _without_copies(native: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return a chat whose list of shown messages names those that are in the tree as they are."""
    at, content = body(native)
    nodes, listed = nodes_of(native), content.get("messages")
    if not nodes or not isinstance(listed, list) or any(isinstance(one, dict) and "$copy" in one for one in listed):
        return native, False
    names = [_copied_name(one, nodes) for one in listed]
    if not any(names):
        return native, False
    short = [one if name is None else {"$copy": name} for one, name in zip(listed, names, strict=True)]
    inner = {**content, "messages": short}
    return ({**native, "chat": inner} if at else inner), True


def _copied_name(one: Any, nodes: dict[str, Any]) -> str | None:
    name = one.get("id") if isinstance(one, dict) else None
    if not isinstance(name, str) or not isinstance(nodes.get(name), dict):
        return None
    return name if canonical.dumps(one) == canonical.dumps(nodes[name]) else None
