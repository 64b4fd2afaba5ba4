"""The records of a store, held in memory: what a kind's writer asks for, made of what a reader yielded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pjais.core.document import Document, Piece


class Held:
    """Documents as `pjais.sources.apps.contract.Records`."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._lists: dict[str, dict[str, dict[str, Any]]] = {}
        self._bytes: dict[str, bytes] = {}
        for one in pieces:
            if isinstance(one, Document):
                value = json.loads(json.dumps(one.value))
                self._lists.setdefault(one.collection, {})[value.get("id", one.native_id)] = value
                self._bytes.update(one.blobs)

    def _list(self, name: str) -> Iterator[dict[str, Any]]:
        found = self._lists.get(name, {})
        return (found[key] for key in sorted(found))

    def personas(self) -> Iterator[dict[str, Any]]:
        return self._list("personas")

    def memories(self, persona: str | None = None) -> Iterator[dict[str, Any]]:
        return (one for one in self._list("memories") if persona is None or one.get("personaId") == persona)

    def conversations(self) -> Iterator[dict[str, Any]]:
        return self._list("conversations")

    def relationships(self) -> Iterator[dict[str, Any]]:
        return self._list("relationships")

    def others(self, collection: str) -> Iterator[dict[str, Any]]:
        return self._list(collection)

    def attachments(self) -> Iterator[dict[str, Any]]:
        return self._list("attachments")

    def attachment(self, sha256: str) -> bytes | None:
        return self._bytes.get(sha256)
