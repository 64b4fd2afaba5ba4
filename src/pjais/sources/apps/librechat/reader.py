"""Read LibreChat's files: conversations message by message, and memories."""

from __future__ import annotations

from collections.abc import Iterator

from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import values
from pjais.sources.apps.librechat import conversation
from pjais.sources.apps.librechat.stream import LIST, TREE, Read, objects

_OF_CONVERSATION = frozenset({"endpoint", "exportAt", "branches", "recursive", "options", "title"})
_OF_MEMORY = frozenset({"_id", "userId", "agentId", "key", "value", "tokenCount", "updated_at", "__v"})


def members(container: Container) -> dict[str, str]:
    """Return what each member is: name -> `conversations` or `memories`; a folder as a whole is nothing."""
    if container.form == "folder":
        return {}
    names = container.names if container.form == "file" else container.called("*.json", "*.jsonl")
    return {name: what for name in names if (what := _what(values.json_head(container, name))) is not None}


def _what(head: values.Head) -> str | None:
    keys = head.keys
    if "conversationId" in keys:
        told = keys & {LIST, TREE} or "exportAt" in keys
        return "conversations" if told and len(keys & _OF_CONVERSATION) >= 2 else None
    is_memory = head.form in ("list", "lines") and {"userId", "key", "value"} <= keys <= _OF_MEMORY
    return "memories" if is_memory else None


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in a file or an archive."""
    found = members(container)
    for name, what in found.items():
        yield from _memories(container, name) if what == "memories" else _conversations(container, name)
    rest = [name for name in container.names if name not in found]
    if rest and container.form != "file":
        message = f"{len(rest)} files that are not from LibreChat, such as {rest[0]}; not read"
        yield Remark("left-out", "$file", rest[0], message)


def _conversations(container: Container, name: str) -> Iterator[Piece]:
    for one in objects(container, name, "conversations"):
        if isinstance(one, Unreadable):
            yield one
        else:
            yield from _conversation(name, one)


def _conversation(name: str, read: Read) -> Iterator[Piece]:
    native, where = read.value, values.place(name, read.place)
    if not isinstance(native, dict) or not values.text_or_none(native.get("conversationId")):
        reason = "not a conversation: not an object" if not isinstance(native, dict) else "a conversation without an id"
        yield values.unexpected("conversations", name, Value(native, read.place), reason)
        return
    found, shown = conversation.turns(native)
    if not read.is_whole:
        message = f"the file breaks off in it; the {len(found)} messages before that are kept"
        yield Remark("cut-conversation", "conversations", where, message)
    if not found:
        yield Remark("empty-conversation", "conversations", where, "a conversation without messages, kept as it is")
    listed = values.as_list(native.get(TREE)) or values.as_list(native.get(LIST))
    if odd := len(listed) - len(found):
        yield Remark("odd-message", "conversations", where, f"{odd} messages are no objects; kept as they are")
    if native.get("branches") is False:
        yield Remark("one-branch", "conversations", where, "exported without its other branches")
    yield from conversation.faults(found, where)
    yield Document("conversations", native["conversationId"], where, conversation.document(native, found, shown))


def _memories(container: Container, name: str) -> Iterator[Piece]:
    for item in values.items(container, name, "memories"):
        if isinstance(item, Unreadable):
            yield item
        elif not isinstance(item.value, dict) or not isinstance(item.value.get("key"), str):
            yield values.unexpected("memories", name, item, "not a memory: no key")
        else:
            yield values.document("memories", item.value["key"], name, item, conversation.memory(item.value))
