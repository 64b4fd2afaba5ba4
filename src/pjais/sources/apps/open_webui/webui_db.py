"""Read `webui.db`: chats, memories and models as records, all other tables as they are.

`chat_message` repeats the messages of chats; a row of it that says more is kept.  A folder is a row of its own table,
and each chat in it has its id (`folder_id`) in `extra`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pjais import canonical
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.sources.apps import database, redaction, trees, values
from pjais.sources.apps.open_webui import chat, ours, records, rows
from pjais.sources.apps.open_webui.files import Files

_ORDER = ("file", "model", "chatidtag", "chat", "memory", "chat_message")
"""Tables that are read before all others: each needs what the ones before it say."""
_UPLOAD = re.compile(r"(?:^|/)uploads/([^/]+)$")


class WebuiDb:
    """A database while it is read; `taken` gets the names of the members that belong to its rows."""

    def __init__(self, container: Container, name: str, files: Files, taken: set[str]) -> None:
        self._container, self._name, self._files, self._taken = container, name, files, taken
        self._uploads = {found[1]: one for one in container.names if (found := _UPLOAD.search(one))}
        self._personas: dict[str, str] = {}
        self._tags: dict[str, list[str]] = {}
        self._said: set[int] = set()
        self._repeats = 0

    def pieces(self) -> Iterator[Piece]:
        """Yield everything that is read of it."""
        read = {"file": self._file, "model": self._model, "chatidtag": self._old_tag, "chat": self._chat}
        read |= {"memory": self._memory, "chat_message": self._message}
        for piece in database.rows(self._container, self._name, rows.is_read, _ORDER):
            if isinstance(piece, Document):
                told = rows.as_told(piece.collection, piece.value)
                yield from read.get(piece.collection, self._row)(piece, told)
            else:
                yield piece
        if self._repeats:
            message = f"{self._repeats} rows repeat the messages of their chats; not read twice"
            yield Remark("copies", "open_webui_chat_message", self._name, message)
        left = [one for one in database.tables(self._container, self._name) if not rows.is_read(one)]
        tables = ", ".join(sorted(left))
        message = f"accounts, credentials and settings of the server are never read: the tables {tables}"
        yield Remark("left-out", "$file", self._name, message)

    def _row(self, piece: Document, told: dict[str, Any]) -> Iterator[Piece]:
        """Yield a row of a table that no model of ours claims."""
        held, found = rows.without_secrets(piece.collection, told)
        collection = f"{records.PREFIX}{piece.collection}"
        yield from redaction.remarks(collection, piece.place, found)
        native_id, value = records.table_document(piece.collection, held)
        yield piece._replace(collection=collection, native_id=native_id, value=value, key=None)

    def _file(self, piece: Document, told: dict[str, Any]) -> Iterator[Piece]:
        """Yield an uploaded file: its bytes, if they are there, and its row."""
        file_id, called = str(told.get("id")), values.text_or_none(told.get("filename"))
        stored = str(told.get("path") or "").replace("\\", "/").rpartition("/")[2]
        there = self._uploads.get(stored) or self._uploads.get(f"{file_id}_{called}")
        reference = None
        if there is not None:
            self._taken.add(there)
            media = values.text_or_none(values.as_dict(told.get("meta")).get("content_type"))
            found = values.attachment(self._container, there, called, media)
            if isinstance(found, Remark):
                yield found
            else:
                reference = values.reference(found)
                if self._files.add(file_id, found):
                    yield found
        for one in self._row(piece, told):
            if isinstance(one, Document) and reference is not None:
                one.value["attachment"] = reference
            yield one

    def _model(self, piece: Document, told: dict[str, Any]) -> Iterator[Piece]:
        """Yield a model: a persona if a person made it of another one, else the row."""
        if not records.is_persona(told):
            yield from self._row(piece, told)
            return
        told, hidden = rows.without_secrets("model", told)
        yield from redaction.remarks("personas", piece.place, hidden)
        value = records.persona(told)
        self._personas[str(told.get("id"))] = value["id"]
        self._files.personas.add(value["id"])
        yield piece._replace(collection="personas", native_id=str(told.get("id")), value=value, key=None)

    def _old_tag(self, piece: Document, told: dict[str, Any]) -> Iterator[Piece]:
        """Yield a tag of a chat of the first versions, and remember it for the chat."""
        if isinstance(told.get("tag_name"), str):
            self._tags.setdefault(str(told.get("chat_id")), []).append(told["tag_name"])
        yield from self._row(piece, told)

    def _chat(self, piece: Document, told: dict[str, Any]) -> Iterator[Piece]:
        content = told.get("chat")
        if isinstance(content, str):
            raw = content.encode("utf-8", "surrogateescape")[: 8 << 20]
            yield Unreadable("conversations", piece.place, raw, "the content of the chat is not JSON")
            return
        tags = self._tags.get(str(told.get("id")))
        if tags and not values.as_dict(told.get("meta")).get("tags"):
            told["meta"] = {**values.as_dict(told.get("meta")), "tags": tags}  # as the program's own migration does
        for name, node in chat.nodes_of(told).items():
            self._said.add(_saying(told.get("id"), name, values.as_dict(node).get("content")))
        for one in conversation(told, piece.place, self._files, self._personas):
            yield one._replace(notes=piece.notes) if isinstance(one, Document) and not one.blobs else one

    def _memory(self, piece: Document, told: dict[str, Any]) -> Iterator[Piece]:
        native_id, value = records.memory(told)
        yield from self._files.persona(records.ours_of(told).get("persona"), piece.place)
        yield piece._replace(collection="memories", native_id=native_id, value=value, key=None)

    def _message(self, piece: Document, told: dict[str, Any]) -> Iterator[Piece]:
        """Yield a row of the second copy of messages only if it says what its chat does not."""
        chat_id = str(told.get("chat_id"))
        name = str(told.get("id")).removeprefix(f"{chat_id}-")
        more = told.get("context_summary") or told.get("meta")
        if not more and _saying(chat_id, name, told.get("content")) in self._said:
            self._repeats += 1
        else:
            yield from self._row(piece, told)


def _saying(chat_id: object, name: str, content: object) -> int:
    return hash((str(chat_id), name, canonical.dumps(content or "")))


def conversation(
    native: dict[str, Any], where: str, files: Files, personas: dict[str, str]
) -> Iterator[Document | Remark | Unreadable]:
    """Yield the document of a chat, and before it the pictures in it.

    `personas`: model -> persona, of a database.
    """
    native, hidden = rows.chat_without_secrets(native)
    yield from redaction.remarks("conversations", where, hidden)
    if odd := sum(not isinstance(one, dict) for one in chat.nodes_of(native).values()):
        yield Remark("odd-message", "conversations", where, f"{odd} of its messages are no objects; kept as they are")
    found = chat.tree(native, files)
    made = records.chat_id(native, found.turns)
    if made is None:
        raw = canonical.dumps(native).encode("utf-8", "replace")[: 8 << 20]
        yield Unreadable("conversations", where, raw, "a chat without an id and without messages")
        return
    yield from files.drained()
    yield from files.persona(ours.of_chat(native).get("persona"), where)
    if not found.turns:
        yield Remark("empty-conversation", "conversations", where, "a chat without messages, kept as it is")
    if not found.is_list:
        if found.current not in found.parents and not ours.of_chat(native):
            message = "the message on screen is not named; the branch with the newest one is shown"
            yield Remark("current-missing", "conversations", where, message)
        yield from trees.faults(found.parents.items(), where)
    more: dict[str, Any] = {"id": made}
    used = {one for one in values.as_list(chat.body(native)[1].get("models")) if isinstance(one, str)}
    of = {personas[one] for one in used if one in personas}
    if len(of) == 1:
        more["personaId"] = of.pop()
    native_id = values.first_text(native.get("id"))
    yield Document("conversations", native_id, where, chat.document(native, more, found))
