"""Documents exactly as their source stores them, and what else a reader yields: unreadable pieces and remarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Json = Any
"""A JSON-shaped value: None, bool, int, float, str, list, dict; from SQLite also bytes."""


class Document(NamedTuple):
    """One raw object exactly as its source stores it.

    `place` is its location in the source (`byte 1234`, `row 17`).  `text` is the raw JSON where the parsed value would
    lose something (a duplicate key).  `database` and `origin` (the web origin) are set for browser stores; together
    with collection and key they identify the document.  `raw` is its JSON text as the file has it, on request.

    `key` is the key in tagged JSON (docs/formats/tagged-json.md) where it is not just `native_id`: 7, "7" and a Date
    are different keys.  `blobs` are the bytes of its Blobs, by SHA-256.  `is_tagged`: `value` is the tagged form of a
    JavaScript value (`tagged.tag`), instead of plain JSON.
    """

    collection: str
    native_id: str | None
    place: str
    value: Json
    text: str | None = None
    notes: tuple[str, ...] = ()
    database: str | None = None
    origin: str | None = None
    raw: str | None = None
    key: Json = None
    blobs: Mapping[str, bytes] = {}
    is_tagged: bool = False

    @property
    def is_removed(self) -> bool:
        """Return whether it is a tombstone; a value of an app's own may have any properties, so it never is."""
        return not self.is_tagged and isinstance(self.value, dict) and self.value.get("_deleted") is True


class Unreadable(NamedTuple):
    """A piece of a source that cannot be read; it counts as one document and is kept as raw bytes."""

    collection: str
    place: str
    raw: bytes
    reason: str
    database: str | None = None
    origin: str | None = None


class Remark(NamedTuple):
    """An observation of a reader about a source as a whole; it becomes a finding."""

    rule: str
    collection: str
    place: str
    message: str


Piece = Document | Unreadable | Remark
"""Anything that a reader yields."""


def full_name(database: str | None, collection: str) -> str:
    """Return a collection's name as findings show it: `database.collection` if it has a database."""
    return collection if database is None else f"{database}/{collection}"
