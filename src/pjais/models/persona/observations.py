"""Observations about the records of a store as a whole: notes for the report, never a reason to refuse a document."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterator

from pjais import canonical, sqlite
from pjais.core.model import Observation
from pjais.models.persona.records import SAME_AS
from pjais.models.persona.tables import OTHERS

_SHOWN = 20
"""Personas of one name that a note lists."""
_SOURCES = (
    "SELECT record_id, source_kind || ' ' || source_path FROM migration_records "
    "WHERE record_type = 'personas' AND outcome = 'migrated' AND record_id IN (SELECT value FROM json_each(?))"
)


def observations(db: sqlite.Connection) -> list[Observation]:
    """Find several active personas, embeddings of mixed lengths, and personas that are likely the same."""
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
    return [*found, *_twins(db)]


def likely_same(db: sqlite.Connection) -> list[list[str]]:
    """Return the ids of personas that are likely the same: of one name, and not linked yet.

    Names are compared without case, width, and white space or punctuation around them.  Of personas that are linked
    with each other the first one stands for all.
    """
    by_name: dict[str, list[str]] = {}
    for key, name in sqlite.each(db, "SELECT id, name FROM personas ORDER BY id"):
        if known_as := _plain(str(name or "")):
            by_name.setdefault(known_as, []).append(key)
    groups = [keys for keys in by_name.values() if len(keys) > 1]
    if not groups:
        return []
    first_of = _linked(db)
    groups = [list(dict.fromkeys(first_of.get(key, key) for key in keys)) for keys in groups]
    return [keys for keys in groups if len(keys) > 1]


def _twins(db: sqlite.Connection) -> Iterator[Observation]:
    groups = likely_same(db)
    ids = [key for keys in groups for key in keys[:_SHOWN]]
    sources = dict(sqlite.fetch(db, _SOURCES, (canonical.dumps(ids),))) if ids else {}
    opens = not sqlite.column_names(db, OTHERS.name)  # it is only beside a LiveStore log, which takes no such write
    for keys in groups:
        shown = keys[:_SHOWN]
        told = ", ".join(f"{key} ({sources.get(key, 'pjais')})" for key in shown)
        more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
        command = f"; to link them: {shlex.join(['pjais', 'personas', 'link', *shown])}" if opens else ""
        message = f"likely the same persona: {told}{more}; nothing is merged{command}"
        yield "likely-twins", ", ".join(shown)[:500], message


def _plain(name: str) -> str:
    """Return a name as it is compared."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    characters = " ".join(folded.split())
    start, end = 0, len(characters)
    while start < end and _is_outer(characters[start]):
        start += 1
    while end > start and _is_outer(characters[end - 1]):
        end -= 1
    return characters[start:end]


def _is_outer(character: str) -> bool:
    """Return whether a character at an end of a name says nothing: white space, punctuation, controls."""
    return unicodedata.category(character)[0] in "ZPC"


def _linked(db: sqlite.Connection) -> dict[str, str]:
    """Return each linked persona with the first of those that it is linked with, directly or through others."""
    first: dict[str, str] = {}

    def of(key: str) -> str:
        while (next_ := first.setdefault(key, key)) != key:
            first[key] = first[next_]
            key = next_
        return key

    for one, other in sqlite.each(db, "SELECT from_id, to_id FROM relationships WHERE type = ?", (SAME_AS,)):
        low, high = sorted((of(one), of(other)))
        first[high] = low
    return {key: of(key) for key in list(first)}
