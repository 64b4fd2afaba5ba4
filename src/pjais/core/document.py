"""Documents: raw objects exactly as their source stores them, and what a reader says beside them."""

from __future__ import annotations

from typing import Any, NamedTuple

Json = Any
"""A JSON-shaped value: None, bool, int, float, str, list, dict; from SQLite also bytes."""


class Document(NamedTuple):
    """One raw object exactly as its source stores it.

    `place` tells where (`byte 1234`, `row 17`); `text` is the raw JSON where the value alone would not say
    everything (a key that occurs twice).  `database` and `origin` (the web origin) are those of a browser's store:
    together with collection and key they are its identity.  `raw` is its JSON as its file has it, where asked for.
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


class Unreadable(NamedTuple):
    """A piece of a source that cannot be read; it counts as one document and is kept as raw bytes."""

    collection: str
    place: str
    raw: bytes
    reason: str
    database: str | None = None
    origin: str | None = None


class Remark(NamedTuple):
    """Something a reader saw that concerns no single document; it becomes a finding."""

    rule: str
    collection: str
    place: str
    message: str


Piece = Document | Unreadable | Remark
"""What readers yield."""


def full_name(database: str | None, collection: str) -> str:
    """A collection as findings name it: with its database, where it has one."""
    return collection if database is None else f"{database}/{collection}"


RXDB_FIELDS = ("_rev", "_meta", "_attachments", "_deleted")
"""What RxDB adds to a document and does not show to its app (formats/rxdb.md §3)."""
