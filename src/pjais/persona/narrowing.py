"""Find few memories among many: by an index where a filter selects few, instead of a look at each in turn.

A list in the order of an index stops as soon as it is full, which is soon where many memories pass.  Where few do, it
would look at all of them (7 s of 1,000,000); then the memories are found first, by the index that holds types and
tiers, or by the search index for tags.
"""

from __future__ import annotations

import re
from typing import Any

from pjais import sqlite
from pjais.persona import filters
from pjais.persona.filters import HOT, Filters

FEW = 5_000
"""Up to so many are found first, then sorted."""
PLAIN_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]*")
"""Tags that are literal in the JSON of `tags`, whoever wrote it: the search index can find them."""


def tags_query(wanted: Filters) -> str:
    """Return the plain tags of a filter as an FTS5 query that every memory with them matches; empty without any."""
    plain = [tag for tag in filters.several("tags", wanted.get("tags")) if PLAIN_TAG.fullmatch(tag)]
    return " AND ".join(f'tags : "{tag}"' for tag in plain)


def condition(db: sqlite.Connection, wanted: Filters, most: int | None = FEW) -> tuple[str, list[Any]]:
    """Return SQL over the row `t` that holds for all memories that pass the filters, and the values to bind.

    It is `1` where it would not help: where more than `most` are selected (None: as many as there are, which helps
    who looks at all of them anyway).
    """
    if sqlite.first(db, "SELECT 1 FROM temp.sqlite_schema WHERE name IN ('past_keys', 'memory_entities')"):
        return "1", []  # a point in time has no index
    if wanted.get("deleted"):
        return "t.rowid IN (SELECT rowid FROM memory_entities WHERE deleted_at IS NOT NULL)", []
    if match := tags_query(wanted):
        found = "SELECT rowid FROM memory_fts WHERE memory_fts MATCH ?"
        if _few(db, found, [match], most):
            return f"t.search_id IN ({found})", [match]
    kinds = filters.several("type", wanted.get("type"))
    tiers = [one for tier in filters.several("tier", wanted.get("tier")) for one in (HOT if tier == "hot" else (tier,))]
    if most is not None and wanted.get("persona") is None and (kinds or tiers):
        some = (("type", kinds), ("memory_tier", tiers))
        parts = [f"{name} IN ({', '.join('?' * len(values))})" for name, values in some if values]
        found = f"SELECT rowid FROM memory_entities INDEXED BY memories_persona_tier WHERE {' AND '.join(parts)}"
        if _few(db, found, [*kinds, *tiers], most):
            return f"t.rowid IN ({found})", [*kinds, *tiers]
    return "1", []


def _few(db: sqlite.Connection, found: str, values: list[Any], most: int | None) -> bool:
    if most is None:
        return True
    return int(sqlite.value(db, f"SELECT count(*) FROM ({found} LIMIT {most + 1})", values)) <= most
