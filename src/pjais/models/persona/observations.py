"""Observations about the records of a store as a whole: notes for the report, never a reason to refuse a document."""

from __future__ import annotations

from pjais import sqlite
from pjais.core.model import Observation


def observations(db: sqlite.Connection) -> list[Observation]:
    """Find several active personas, embeddings of mixed lengths, and personas of one name."""
    found = []
    active = [row[0] for row in sqlite.each(db, "SELECT id FROM personas WHERE is_active = 1")]
    if len(active) > 1:
        found.append(("several-active", ", ".join(active[:20]), f"{len(active)} personas are active; all kept"))
    sizes = sqlite.fetch(
        db,
        "SELECT embedding_model, count(DISTINCT json_array_length(embedding)) FROM memory_entities "
        "WHERE embedding IS NOT NULL GROUP BY embedding_model "
        "HAVING count(DISTINCT json_array_length(embedding)) > 1",
    )
    found += [
        ("embedding-mix", str(model), f"embeddings of {count} different lengths under one model name")
        for model, count in sizes
    ]
    twins = sqlite.fetch(db, "SELECT group_concat(id, ', ') FROM personas GROUP BY name HAVING count(*) > 1")
    found += [
        ("likely-twins", ids[:500], "personas of the same name; nothing is merged on likeness") for (ids,) in twins
    ]
    return found
