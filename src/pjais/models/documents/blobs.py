"""Find bytes in a store: of the Blobs in a document, or by their SHA-256."""

from __future__ import annotations

from typing import Any

from pjais import sqlite
from pjais.core import blobs


def of(db: sqlite.Connection, value: Any) -> dict[str, bytes]:
    """Return the bytes of the Blobs in a tagged value, by their SHA-256, as far as a store has them."""
    return named(db, {str(one["sha256"]) for one in blobs.within(value) if one.get("sha256")})


def named(db: sqlite.Connection, wanted: set[str]) -> dict[str, bytes]:
    """Return bytes by their SHA-256, as far as a store has them."""
    if not wanted or not sqlite.column_names(db, "_blobs"):
        return {}
    rows = (sqlite.first(db, "SELECT sha256, data FROM _blobs WHERE sha256 = ?", (one,)) for one in sorted(wanted))
    return {row[0]: row[1] for row in rows if row is not None}


def digest(data: bytes) -> str:
    """Return the name of bytes: their SHA-256 in lower-case hex."""
    import hashlib  # loaded on demand: opening a store computes no digest

    return hashlib.sha256(data).hexdigest()
