"""The libraries that keep SQLite files in IndexedDB, by their databases and object stores.

A module of its own, so that a search asks without what reads profiles.
"""

from __future__ import annotations

WA_SQLITE, JEEP = "wa-sqlite", "jeep-sqlite"

BLOCKS, METADATA, TRANSACTIONS, WHOLE = "blocks", "metadata", "tx", "databases"
"""The object stores of wa-sqlite, and that of jeep-sqlite."""
_JEEP = "jeepSqliteStore"


def is_of(database: str, stores: frozenset[str]) -> str | None:
    """Return the library that keeps SQLite files in a database with these object stores; None for any other."""
    if stores in ({BLOCKS}, {BLOCKS, METADATA}, {BLOCKS, TRANSACTIONS}):
        return WA_SQLITE
    return JEEP if database == _JEEP and WHOLE in stores else None
