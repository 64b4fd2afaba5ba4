"""The records of a store, held in memory: what a kind's writer asks for, made of lists or of what a reader yielded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pjais.core.document import Document, Piece


class Held:
    """Records in lists, as a store gives them (`pjais.sources.apps.contract.Records`)."""

    def __init__(self, **lists: list[dict[str, Any]]) -> None:
        self._lists = lists
        self.blobs: dict[str, bytes] = {}

    def personas(self) -> Iterator[dict[str, Any]]:
        return self.others("personas")

    def memories(self, persona: str | None = None) -> Iterator[dict[str, Any]]:
        return (one for one in self.others("memories") if persona is None or one.get("personaId") == persona)

    def conversations(self) -> Iterator[dict[str, Any]]:
        return self.others("conversations")

    def relationships(self) -> Iterator[dict[str, Any]]:
        return self.others("relationships")

    def others(self, collection: str) -> Iterator[dict[str, Any]]:
        return iter(self._lists.get(collection, []))

    def attachments(self) -> Iterator[dict[str, Any]]:
        return self.others("attachments")

    def attachment(self, sha256: str) -> bytes | None:
        return self.blobs.get(sha256)


def held_of(pieces: Iterable[Piece]) -> Held:
    """Return the records of what a reader yielded: one of each id, sorted by it, as JSON gives them back."""
    lists: dict[str, dict[str, dict[str, Any]]] = {}
    blobs: dict[str, bytes] = {}
    for one in pieces:
        if isinstance(one, Document):
            value = json.loads(json.dumps(one.value))
            lists.setdefault(one.collection, {})[value.get("id", one.native_id)] = value
            blobs.update(one.blobs)
    found = Held(**{name: [by_id[key] for key in sorted(by_id)] for name, by_id in lists.items()})
    found.blobs = blobs
    return found
