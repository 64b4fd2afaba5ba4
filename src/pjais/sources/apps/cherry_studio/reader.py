"""Read a backup of Cherry Studio: first everything into the scratch, then assistants, topics, and all other tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pjais import canonical
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.sources.apps import values
from pjais.sources.apps.cherry_studio import assistants, content, databases, form, members, topic, version7
from pjais.sources.apps.cherry_studio.assistants import Assistants
from pjais.sources.apps.cherry_studio.attachments import Attachments
from pjais.sources.apps.cherry_studio.content import LOCAL_STORAGE, Content, Row, collection
from pjais.sources.apps.cherry_studio.credentials import cleaned, item
from pjais.sources.apps.cherry_studio.form import Form
from pjais.sources.apps.cherry_studio.topic import KIND
from pjais.sources.apps.redaction import remarks
from pjais.sources.contract import Wishes


def pieces(container: Container, wishes: Wishes) -> Iterator[Piece]:
    """Yield everything in a backup."""
    its = form.of(container)
    if its is None:
        return
    if its.version is not None and its.version > form.NEWEST:
        message = (
            f"a backup of version {its.version}, newer than what is known; what is not known of it is kept as it is"
        )
        yield Remark("newer-version", "$file", "version", message)
    with Content() as gathered:
        yield from content.gathered(container, its, gathered)
        if its.sqlite:
            yield from databases.gathered(container, f"{its.prefix}{form.SQLITE}", _NEW, gathered)
        for name in container.called("memories.db") if container.form != "file" else ():
            yield from databases.gathered(container, name, _MEMORY_DB, gathered, _OF_MEMORY_DB)
        yield from _Reading(container, its, gathered, wishes).pieces()


_NEW, _MEMORY_DB = "sqlite", "memories"
"""The tables of the two SQLite files are in the scratch under these names."""
_OF_MEMORY_DB = frozenset({"memories", "memory_history"})
_TOLD = ("topics", f"{_NEW}/topic", f"{_NEW}/assistant", f"{_MEMORY_DB}/memories")
"""Tables of which every row became a record."""
_TEXTS = frozenset(
    {"files", "knowledge_notes", "translate_history", "translate_languages", "quick_phrases", "note", "prompt"}
)
"""Tables with what people wrote: text in them that looks like JSON is not looked into."""


class _Reading:
    """One reading of what was gathered."""

    def __init__(self, container: Container, its: Form, gathered: Content, wishes: Wishes) -> None:
        self.container, self.its, self.content, self.wishes = container, its, gathered, wishes
        self.attachments = Attachments(container)
        self.personas: set[str] = set()
        self.memories: set[str] = set()

    def pieces(self) -> Iterator[Piece]:
        """Yield everything: what others refer to first."""
        state, found = self._state()
        yield from found
        its = Assistants(state.pop("assistants", None))
        for one in self._assistants(its):
            if isinstance(one, Document) and one.collection == "personas":
                self.personas.add(one.value["id"])
            yield one
        yield from self._memories()
        met: set[str] = set()
        for row in self.content.rows("topics"):
            yield from self._topic(row, its, met)
        for name in its.metas:
            if name not in met:
                yield from self._joined(None, name, _STATE_AT, its)
        yield from self._new_topics()
        for name, value in {**state, **({"assistants": its.left} if its.left else {})}.items():
            yield from self._named("cherry_studio_state", name, _STATE_AT, value)
        yield from self._others()

    # -- the state

    def _state(self) -> tuple[dict[str, Any], list[Unreadable]]:
        """Return the slices of the state, and what of them cannot be read; they are JSON texts in a JSON text."""
        text = self.content.item(form.STATE)
        if text is None:
            return {}, []
        told, bad = _parsed(text), "not JSON; it is only in the raw backup, as it may hold credentials"
        if not isinstance(told, dict):
            return {}, [Unreadable("cherry_studio_state", _STATE_AT, b"", bad)]
        slices: dict[str, Any] = {}
        unread: list[Unreadable] = []
        for name, one in told.items():
            slices[name] = _parsed(one)
            if slices[name] is _BROKEN:
                del slices[name]
                unread.append(Unreadable("cherry_studio_state", f"{_STATE_AT} {name}", b"", bad))
        return slices, unread

    def _assistants(self, its: Assistants) -> Iterator[Document | Unreadable | Remark]:
        yield from its.pieces()
        for row in self.content.rows(f"{_NEW}/assistant"):
            if row.id:
                yield from assistants.of_row(row.value, row.place)
            else:
                yield Unreadable("personas", row.place, b"", "an assistant without an id; it is only in the raw backup")

    def _persona(self, name: object) -> str | None:
        """Return the id of the persona of an assistant; None if it is not there."""
        found = values.identity(KIND, name) if isinstance(name, str) and name else None
        return found if found in self.personas else None

    # -- memories

    def _memories(self) -> Iterator[Piece]:
        for row in self.content.rows(f"{_MEMORY_DB}/memories"):
            found = databases.memory(row.value, KIND, frozenset(self.personas))
            if found is None:
                yield Unreadable(
                    "memories", row.place, b"", "a memory without an id or a text; it is only in the raw backup"
                )
            else:
                self.memories.add(found.value["id"])
                yield found._replace(place=row.place)

    def _cited(self, blocks: list[dict[str, Any]], persona: str | None, place: str) -> Iterator[Document]:
        """Yield the memories that an answer names, if they are asked for and not in the app's own memory database."""
        for block in blocks if self.wishes.with_memories else ():
            for one in values.as_list(block.get("memories")) if block.get("type") == "citation" else ():
                name, text = values.as_dict(one).get("id"), values.as_dict(one).get("memory")
                if not isinstance(text, str) or not text or not isinstance(name, str | None):
                    continue
                key = values.identity(KIND, name) if name else values.derived(KIND, "memory", text)
                if key not in self.memories:
                    self.memories.add(key)
                    created, updated = (values.iso(values.ms_of_text(one.get(at))) for at in ("createdAt", "updatedAt"))
                    value = {
                        "id": key,
                        "personaId": persona,
                        "type": "fact",
                        "content": text,
                        "createdAt": created,
                        "updatedAt": updated,
                        "extra": {KIND: one},
                    }
                    yield Document("memories", name, place, value)

    # -- topics

    def _topic(self, row: Row, its: Assistants, met: set[str]) -> Iterator[Piece]:
        name = row.value.get("id")
        if not isinstance(name, str) or not name:
            yield Unreadable("conversations", row.place, b"", "a topic without an id; it is only in the raw backup")
            return
        met.add(name)
        yield from self._joined(row, name, row.place, its)

    def _joined(self, row: Row | None, name: str, place: str, its: Assistants) -> Iterator[Piece]:
        """Yield a topic with the files that it shows; `row`: None for one that is only in the state."""
        meta = its.metas.get(name)
        whole = topic.joined(None if row is None else row.value, None if meta is None else meta.entry, self._block)
        whole, found = _safe(whole)
        yield from remarks("conversations", place, found)
        yield from self._faults(whole, name, place, has_meta=meta is not None)
        persona = self._persona(meta.owner) if meta is not None else None
        attached: dict[int, list[dict[str, Any]]] = {}
        for number, message, blocks in topic.messages_of(whole):
            for one in self.attachments.of_message(message, blocks, place):
                if isinstance(one, dict):
                    attached.setdefault(number, []).append(one)
                else:
                    yield one
            yield from self._cited(blocks, persona, place)
        more = {"id": values.identity(KIND, name), "personaId": persona}
        yield Document("conversations", name, place, topic.document(whole, more, attached))

    def _block(self, name: str) -> Any:
        found = self.content.take("message_blocks", name)
        return None if found is None else found.value

    def _faults(self, whole: dict[str, Any], name: str, place: str, *, has_meta: bool) -> Iterator[Remark]:
        """Yield what is wrong with a topic: the dirt that the app itself has to sweep."""
        base = whole.get("topic") or whole.get("meta") or {}
        listed = base.get("messages")
        faults = {
            "topic-without-metadata": 0 if has_meta else 1,
            "odd-messages": 0 if isinstance(listed, list) or listed is None else 1,
            "odd-message": 0,
            **dict.fromkeys(("other-topic-id", "message-in-two-topics", "block-missing", "message-empty"), 0),
        }
        messages = list(topic.messages_of(whole))
        faults["odd-message"] = len(values.as_list(listed)) - len(messages)
        for _, message, blocks in messages:
            ids = message.get("blocks")
            faults["other-topic-id"] += isinstance(message.get("topicId"), str) and message["topicId"] != name
            faults["block-missing"] += len(values.as_list(ids)) - len(blocks)
            empty = not blocks and "content" not in message and message.get("type") != "clear"
            faults["message-empty"] += empty
            own = message.get("id")
            faults["message-in-two-topics"] += isinstance(own, str) and self.content.first_topic(own, name) != name
        for rule, count in faults.items():
            if count:
                yield Remark(rule, "conversations", place, _FAULTS[rule].format(count=count))

    def _new_topics(self) -> Iterator[Piece]:
        """Yield the topics of version 7."""
        for row in self.content.rows(f"{_NEW}/topic"):
            if row.id is None or not row.id:
                yield Unreadable("conversations", row.place, b"", "a topic without an id; it is only in the raw backup")
                continue
            messages = [one.value for one in self.content.all_of(f"{_NEW}/message", row.id)]
            persona = self._persona(databases.column(row.value, "assistantId"))
            more = {"id": values.identity(KIND, row.id), "personaId": persona}
            if databases.column(row.value, "deletedAt"):
                yield Remark(
                    "deleted-in-app", "conversations", row.place, "a topic that was deleted in the app; archived"
                )
            yield Document("conversations", row.id, row.place, version7.document(row.value, messages, more))

    # -- everything else

    def _others(self) -> Iterator[Piece]:
        """Yield the rows of all other tables, the items of localStorage, the files, and what is not kept."""
        for table in self.content.tables():
            if table in _TOLD:
                continue
            name, texts = collection(table), table.rpartition("/")[2] not in _TEXTS
            for row in self.content.rows(table, unused=True):  # of blocks and messages those that no topic has
                if table == "files":
                    yield from self._file(row)
                yield from self._row(name, row, texts=texts)
        for row in self.content.rows(LOCAL_STORAGE, unused=True):
            yield from self._named(collection(LOCAL_STORAGE), row.id or "", row.place, row.value)
        yield from self.attachments.rest()
        yield from members.pieces(self.container, self.its)

    def _row(self, of: str, row: Row, *, texts: bool) -> Iterator[Document | Remark]:
        value, found = cleaned(row.value, texts=texts)
        key = row.value.get("id", row.value.get("key"))
        if texts and "value" in value:
            value["value"], its = item(key, row.value["value"])
            found = (*found, *its)
        yield from remarks(of, row.place, found)
        by_key = (isinstance(key, str) and key != "") or (type(key) is int and not of.endswith("_history"))
        name = str(key) if by_key else values.fingerprint(value)  # a history counts anew in each database
        yield Document(of, name, row.place, value)

    def _named(self, of: str, name: str, place: str, value: Any) -> Iterator[Document | Remark]:
        value, found = item(name, value)
        yield from remarks(of, place, found)
        yield Document(of, name, place, {"id": name, "value": value})

    def _file(self, row: Row) -> Iterator[Document | Remark]:
        for one in self.attachments.of_file(row.value):
            if not isinstance(one, dict):
                yield one


_STATE_AT = f"localStorage {form.STATE}"
_BROKEN: Any = object()
_FAULTS = {
    "topic-without-metadata": "the state does not name this topic: it has no title and belongs to no assistant",
    "odd-messages": "its messages are not a list; kept as they are",
    "odd-message": "{count} of its messages are not objects; kept as they are",
    "other-topic-id": "{count} messages name another topic; they belong to the one that lists them",
    "message-in-two-topics": "{count} messages have the id of one in another topic; both are kept",
    "block-missing": "{count} blocks that messages name are not there",
    "message-empty": "{count} messages have no block; kept without a text",
}


def _parsed(text: Any) -> Any:
    """Return the value of a JSON text, `_BROKEN` if it is none; anything but a text is itself."""
    if not isinstance(text, str):
        return text
    try:
        return _BROKEN if canonical.deeper_than(text) else canonical.loads_plain(text)
    except (ValueError, RecursionError):
        return _BROKEN


def _safe(whole: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a topic without the credentials that messages bring along: servers that were switched on, errors."""
    found: list[str] = []
    for _, message, blocks in topic.messages_of(whole):
        for holder, keys in ((message, _OF_MESSAGES), *((block, _OF_BLOCKS) for block in blocks)):
            for key in keys:
                if isinstance(holder.get(key), dict | list):
                    holder[key], its = cleaned(holder[key])
                    found.extend(f"{key}{'' if one[:1] == '[' else '.'}{one}" for one in its)
    return whole, tuple(found)


_OF_MESSAGES = ("enabledMCPs", "model", "mentions", "error", "providerMetadata")
_OF_BLOCKS = ("model", "error")


def native(of: str, value: Any) -> Any:
    """Return the app's own object, or the parts, that a document was made of."""
    extra = values.as_dict(value.get("extra")) if isinstance(value, dict) else {}
    if of == "conversations":
        return version7.native(value) if version7.is_one(extra.get(KIND)) else topic.native(value)
    if of == "personas":
        return assistants.native(value)
    return extra.get(KIND, value) if of == "memories" else value
