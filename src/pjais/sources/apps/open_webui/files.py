"""The files of messages: uploaded ones by their id, pictures in the message itself, as data URLs."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from pjais.core.document import Document
from pjais.sources.apps import free_places, values

_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[^,;]*)*;base64,", re.ASCII)
_IN_ADDRESS = re.compile(r"/files/([^/?#]+)")
_NO_FILES = frozenset({"collection", "folder", "note", "chat", "web_search", "websearch", "text"})
"""What else may stand among the files of a message: knowledge, other chats, searches."""


class Files:
    """The files that are there: id -> what a message says of it.  `found` are pictures not yet yielded."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self.found: list[Document] = []
        self.met: set[str] = set()
        self.personas: set[str] = set()
        """The personas that were yielded."""

    def add(self, file_id: str, document: Document) -> bool:
        """Remember an uploaded file; return whether its bytes are new."""
        self.known[file_id] = values.reference(document)
        return self._is_new(document)

    def of(self, node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield what a message says of each of its files."""
        for one in values.as_list(node.get("files")):
            if not isinstance(one, dict) or str(one.get("type")) in _NO_FILES:
                continue
            inner = values.as_dict(one.get("file"))
            meta = values.as_dict(inner.get("meta"))
            address = values.text_or_none(one.get("url")) or ""
            name = _first(one.get("name"), inner.get("filename"), meta.get("name"))
            media = _first(one.get("content_type"), meta.get("content_type"))
            inline = _decoded(address)
            if inline is not None:
                document = values.attachment_of(inline[1], "data URL", name, media or inline[0])
                if self._is_new(document):
                    self.found.append(document)
                yield values.reference(document)
                continue
            in_address = _IN_ADDRESS.search(address)
            file_id = _first(one.get("id"), inner.get("id"), in_address[1] if in_address else None)
            if file_id in self.known:
                told = self.known[str(file_id)]
                yield {**told, "name": name} if name else told
            elif file_id or address or name:
                size = one.get("size") if type(one.get("size")) is int else meta.get("size")
                shown = "" if address.startswith("data:") else address
                yield values.missing(name or file_id or shown, media, size)

    def persona(self, told: Any, place: str) -> Iterator[Document]:
        """Yield the persona of which a record that we wrote tells, once."""
        found = free_places.persona_of(told)
        if found is not None and found["id"] not in self.personas:
            self.personas.add(found["id"])
            yield Document("personas", found["id"], place, found)

    def drained(self) -> Iterator[Document]:
        """Yield the pictures that were found in messages since the last call."""
        yield from self.found
        self.found.clear()

    def _is_new(self, document: Document) -> bool:
        new = document.native_id not in self.met
        self.met.add(str(document.native_id))
        return new


def _first(*raw: object) -> str | None:
    return values.first_text(*raw)


def _decoded(address: str) -> tuple[str | None, bytes] | None:
    """Return the media type and the bytes of a data URL; None for any other address, or a broken one."""
    head = _DATA.match(address)
    if head is None:
        return None
    try:
        return head[1], base64.b64decode(address[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        return None
