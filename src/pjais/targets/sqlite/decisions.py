"""Owners' decisions about quarantined documents (`migration_decisions`), so that nobody is asked twice.

A decision is about one version of a document: its identity and the digest of its content.  It outlives the ledger
entry: the document may change, change back, or vanish for a while.  A changed document needs a new decision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Literal

from pjais import sqlite
from pjais.core.document import full_name

Decision = Literal["replayed", "discarded"]
Content = tuple[str | None, bytes | None]
"""A quarantined document: its text, or its raw bytes."""

DISCARDED = "discarded"
"""The rule of the reason that marks a quarantined document as discarded."""
_SET_ASIDE = f"EXISTS (SELECT 1 FROM json_each(reasons) WHERE json_extract(value, '$.rule') = '{DISCARDED}')"
WAITING = f"replayed_at IS NULL AND NOT {_SET_ASIDE}"
"""SQL condition: a quarantined document without a decision."""


def waiting(db: sqlite.Connection) -> int:
    """Return the number of undecided documents in a store's quarantine: neither replayed nor discarded."""
    return int(sqlite.value(db, f"SELECT count(*) FROM migration_quarantine WHERE {WAITING}"))


_KEY = "source_kind, origin, database, collection, native_id"
_Key = tuple[str, ...]


def digest(content: Content) -> bytes:
    """Return the digest that tells one version of a document from another."""
    text, raw = content
    return hashlib.sha256(b"text" + text.encode() if text is not None else b"raw" + (raw or b"")).digest()


def write(
    db: sqlite.Connection, quarantine_id: int, decision: Decision, at: str, record: tuple[str | None, str | None]
) -> None:
    """Record a decision about a quarantined document; `record`: the (type, id) that it became."""
    kind, origin, database, collection, native_id, text, raw = sqlite.fetch(
        db, f"SELECT {_KEY}, document, raw FROM migration_quarantine WHERE id = ?", (quarantine_id,)
    )[0]
    db.execute(
        f"INSERT OR REPLACE INTO migration_decisions ({_KEY}, digest, decision, decided_at, record_type, record_id) "
        "VALUES (?,?,?,?,?,?,?,?,?,?)",
        (kind, origin or "", database or "", collection, native_id or "", digest((text, raw)), decision, at, *record),
    )


def discarded(db: sqlite.Connection, source: str, kind: str) -> list[tuple[int, str]]:
    """Return the ledger entries (seq, run) of a source's discarded documents."""
    return sqlite.fetch(
        db,
        "SELECT m.seq, m.run_id FROM migration_quarantine AS q "
        "CROSS JOIN migration_records AS m ON m.seq = q.record_seq "
        f"WHERE q.replayed_at IS NULL AND {_SET_ASIDE} AND m.source_path = ? AND m.source_kind = ? "
        "AND m.outcome = 'quarantined'",
        (source, kind),
    )


class Decisions:
    """The decisions of a store, looked up by a run, nearly always without reading a document's content."""

    def __init__(self, db: sqlite.Connection) -> None:
        self._db = db
        self._about: set[_Key] = set(sqlite.each(db, f"SELECT DISTINCT {_KEY} FROM migration_decisions"))

    def of(self, kind: str, identity: tuple[Any, ...], content: Callable[[], Content]) -> Decision | None:
        """Return what was decided about a document (origin, database, collection, native id, ...) of this content."""
        if not self._about:
            return None
        origin, database, collection, native_id = identity[:4]
        now = (kind, origin or "", database or "", collection, native_id or "")
        before = (kind, "", "", full_name(database, collection), native_id or "")  # quarantined before 0.2
        for key in {now, before} & self._about:
            found: Decision | None = sqlite.value(
                self._db,
                "SELECT decision FROM migration_decisions WHERE source_kind = ? AND origin = ? AND database = ? AND "
                "collection = ? AND native_id = ? AND digest = ?",
                (*key, digest(content())),
            )
            if found is not None:
                return found
        return None
