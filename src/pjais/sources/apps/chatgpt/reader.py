"""Read ChatGPT's export, one conversation at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pjais import canonical
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import free_places, trees, values
from pjais.sources.apps.chatgpt import conversation
from pjais.sources.apps.chatgpt.conversation import (
    KIND,
    facts_of,
    files_of,
    lists_of,
    native_id,
    ours_of,
    project_of,
    turns,
)
from pjais.sources.contract import Wishes

OTHERS = "chatgpt_files"
"""The collection of the export's other files, each whole."""

_ITS_OWN = ("user.json", "user_settings.json", "export_manifest.json", "chat.html", "message_feedback.json")
_KEEP_NOT = ("chat.html",)
"""A copy of the conversations for browsers."""


def shards(container: Container) -> tuple[str, ...]:
    """Return the members that hold conversations, in order; none if the container is not an export of ChatGPT."""
    if container.form == "folder" and not _is_unpacked(container):
        return ()
    names = container.names if container.form == "file" else container.called("*.json")
    return tuple(name for name in names if _is_shard(container, name))


def _is_unpacked(container: Container) -> bool:
    """Return whether a folder is one export, unpacked; of a folder of downloads each file stands for itself."""
    top = container.top
    own = any(name in _ITS_OWN or name.startswith(("file-", "file_")) for name in top)
    return own and any(name.startswith("conversations") for name in top) and not any(map(_is_archive, top))


def _is_archive(name: str) -> bool:
    return name.lower().endswith(".zip")


def _is_shard(container: Container, name: str) -> bool:
    head = values.json_head(container, name)
    if head.form == "list" and ("mapping" in head.keys or _has_conversation(head.text, 2)):
        return True
    if head.form in ("object", "lines"):
        if "mapping" in head.keys and head.keys & {"title", "current_node", "create_time", "conversation_id"}:
            return True
        return "conversations" in head.keys and _has_conversation(head.text, 3)
    likely = container.form != "file" and name.rpartition("/")[2].startswith("conversations")
    return likely and head.form == "list" and (not head.keys or bool(head.keys & {"conversation_id", "current_node"}))


def _has_conversation(text: str, level: int) -> bool:
    """Return whether a conversation is there, though the first element may be broken, or an empty shell.

    `level`: how deep its keys stand.  Deeper ones may be those of a conversation that another app's object holds.
    """
    return {"mapping", "current_node"} <= set(canonical.top_keys(text, level))


def pieces(container: Container, wishes: Wishes) -> Iterator[Piece]:
    """Yield everything in an export."""
    found = shards(container)
    attached = _Attachments(container)
    met: set[str] = set()
    facts = _Facts()
    for name in found:
        for item in _conversations(container, name):
            if isinstance(item, Unreadable):
                yield item
                continue
            yield from _of_conversation(name, item, attached, met)
            if wishes.with_memories:
                facts.mentioned(name, item)
    yield from facts.documents()
    for name in container.names:
        if container.form != "file" and name not in found and name not in attached.taken:
            if name.endswith(".json"):
                yield from values.kept_whole(OTHERS, container, name)
            elif name.rpartition("/")[2] not in _KEEP_NOT:
                yield values.attachment(container, name)


def _conversations(container: Container, name: str) -> Iterator[Value | Unreadable]:
    """Yield the conversations of a shard, also of one that is `{"conversations": [...]}`."""
    for item in values.items(container, name, "conversations"):
        if isinstance(item, Unreadable):
            yield item
        elif not isinstance(item.value, dict):
            yield values.unexpected("conversations", name, item, "not a conversation: not an object")
        elif "mapping" not in item.value and isinstance(item.value.get("conversations"), list):
            for one in item.value["conversations"]:
                inner = item._replace(value=one, text=None)
                if isinstance(one, dict):
                    yield inner
                else:
                    yield values.unexpected("conversations", name, inner, "not a conversation: not an object")
        else:
            yield item


def _of_conversation(name: str, item: Value, attached: _Attachments, met: set[str]) -> Iterator[Piece]:
    native = item.value
    found = native_id(native)
    if found is None:
        yield values.unexpected("conversations", name, item, "a conversation without an id")
        return
    everything, shown = turns(native)
    pointers: dict[str, list[dict[str, Any]]] = {}
    for node, file_id, called, media, size in files_of(native):
        there = attached.find(file_id)
        document = None if there is None else values.attachment(attached.container, there, called, media)
        said = yield from values.attached(document, met, called or file_id, media, size)
        pointers.setdefault(node, []).append(said)
    for turn in everything:
        if turn.id in pointers and "attachments" not in turn.metadata:  # but of one that we wrote
            turn.metadata["attachments"] = pointers[turn.id]
    project = project_of(native)
    persona = None if project is None else values.identity(KIND, project)
    if project is not None and persona is not None and persona not in met:
        met.add(persona)
        what = "project" if native.get("gizmo_type") == "snorlax" else "GPT"
        named = {"id": persona, "name": f"ChatGPT {what} {project}", "extra": {KIND: {"gizmo_id": project}}}
        yield Document("personas", project, values.place(name, item.place), named)
    mine = free_places.persona_of(ours_of(native).get("persona"))
    if mine is not None and mine["id"] not in met:
        met.add(mine["id"])
        yield Document("personas", mine["id"], values.place(name, item.place), mine)
    more = {"id": values.identity(KIND, found), "personaId": persona}
    where = values.place(name, item.place)
    if not isinstance(native.get("mapping"), dict):
        yield Remark("empty-conversation", "conversations", where, "a conversation without messages, kept as it is")
    yield from _of_tree(native, where)
    value = conversation.document(native, more, everything, shown)
    yield values.document("conversations", found, name, item, value)


def _of_tree(native: dict[str, Any], where: str) -> Iterator[Remark]:
    """Yield what is wrong with a conversation's tree; every message is kept all the same."""
    mapping = values.as_dict(native.get("mapping"))
    current = native.get("current_node")
    if mapping and (not isinstance(current, str) or current not in mapping):
        message = "the message on screen is not named; the branch with the newest one is shown"
        yield Remark("current-missing", "conversations", where, message)
    above = ((name, node.get("parent") if isinstance(node, dict) else None) for name, node in mapping.items())
    yield from trees.faults(((name, parent if isinstance(parent, str) else None) for name, parent in above), where)


class _Facts:
    """The facts that conversations mention; the same text is one memory, as old as its first mention."""

    def __init__(self) -> None:
        self._found: dict[str, Document] = {}
        self._list: list[tuple[str, int | None]] = []
        """The newest list of memories that the model was given."""
        self._listed: tuple[float, str] = (float("-inf"), "")
        """When that was, in ms, and where it stands."""

    def mentioned(self, name: str, item: Value) -> None:
        """Collect those of a conversation."""
        where = values.place(name, item.place)
        for text, source, at in facts_of(item.value):
            self._add(text, source, at, where)
        for at, listed in lists_of(item.value):
            known = values.ms_of_seconds(item.value.get("update_time")) if at is None else at
            when = float("-inf") if known is None else float(known)
            if when >= self._listed[0]:
                self._list, self._listed = listed, (when, where)

    def documents(self) -> Iterator[Document]:
        """Yield a memory of each; those that were told in single messages come last."""
        for text, at in self._list:
            self._add(text, "model_set_context", at, self._listed[1])
        yield from sorted(self._found.values(), key=lambda one: one.value["extra"][KIND]["source"] == "bio")

    def _add(self, text: str, source: str, at: int | None, where: str) -> None:
        told = " ".join(text.split())
        if not told:
            return
        key = values.derived(KIND, "memory", told)
        held = self._found.get(key)
        if held is not None and (at is None or (values.ms_of_iso(held.value["createdAt"]) or at) <= at):
            return
        date = values.iso(at)
        value = {
            "id": key,
            "type": "fact",
            "content": told,
            "createdAt": date,
            "updatedAt": date,
            "extra": {KIND: {"source": source}},
        }
        self._found[key] = Document("memories", told, where, value)


class _Attachments:
    """The files beside the conversations, found by the id with which their names begin."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.taken: set[str] = set()
        self._names = [] if container.form == "file" else [one for one in container.names if _may_be_attached(one)]
        self._by_id: dict[str, str | None] = {}

    def find(self, file_id: str) -> str | None:
        """Return the member that holds a file; None if it is not in the export."""
        if file_id not in self._by_id:
            self._by_id[file_id] = next((one for one in self._names if _is_of(one, file_id)), None)
        found = self._by_id[file_id]
        if found is not None:
            self.taken.add(found)
        return found


def _may_be_attached(member: str) -> bool:
    """Return whether a member may be a file of a message; of JSON only what is named as one."""
    return not member.endswith(".json") or member.rpartition("/")[2].startswith(("file-", "file_"))


def _is_of(member: str, file_id: str) -> bool:
    name = member.rpartition("/")[2]
    return name.startswith(file_id) and name[len(file_id) : len(file_id) + 1] in ("", "-", ".")
