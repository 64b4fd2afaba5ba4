"""Documents exactly as their source stores them, and what else a reader yields: unreadable pieces and remarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Json = Any
"""A JSON-shaped value: None, bool, int, float, str, list, dict; from SQLite also bytes."""


NO_BLOBS: Mapping[str, bytes] = {}


class Document(NamedTuple):
    """One raw object exactly as its source stores it.

    `place` is its location in the source (`byte 1234`, `row 17`).  `text` is the raw JSON where the parsed value would
    lose something (a duplicate key).  `database` and `origin` (the web origin) are set for browser stores; together
    with collection and key they identify the document.  `raw` is its JSON text as the file has it, on request.
    `key` is its key in tagged JSON where that is not just `native_id`; `blobs` the bytes of its Blobs by SHA-256.
    `is_tagged`: the value is the tagged JSON of a JavaScript value (docs/formats/tagged-json.md), not plain JSON.
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
    blobs: Mapping[str, bytes] = NO_BLOBS
    is_tagged: bool = False


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
