"""Statistics of memories: the app's stats, insights and analytics, each by one or a few queries.

All take a connection that sees one consistent state, and filters; deleted memories count only if the filters say so.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from pjais import instants, sqlite
from pjais.models.persona.tables import MEMORIES
from pjais.persona import filters, narrowing
from pjais.persona.filters import HOT, Filters
from pjais.store import provenance


def stats(db: sqlite.Connection, wanted: Filters) -> dict[str, Any]:
    """Return `total`, `by_tier`, `by_type`, `average_importance` (None without memories)."""
    where, values = filters.where(wanted, db)
    sql = (
        "SELECT t.memory_tier, t.type, count(*), total(t.importance) FROM memory_entities AS t "
        f"WHERE {where} GROUP BY t.persona_id, 1, 2"  # the order of the index that holds all of them
    )
    tiers: Counter[str] = Counter()
    types: Counter[str] = Counter()
    importance = 0.0
    for tier, kind, number, sum_ in sqlite.each(db, sql, values):
        tiers[tier] += number
        types[kind] += number
        importance += sum_
    total = tiers.total()
    return {
        "total": total,
        "by_tier": dict(sorted(tiers.items(), key=str)),
        "by_type": dict(sorted(types.items())),
        "average_importance": importance / total if total else None,
    }


class Groups(NamedTuple):
    """The number of memories of each persona, tier and type, by these three."""

    counts: dict[tuple[str | None, str, str], int]

    def by(self, place: int, wanted: Filters) -> Counter[Any]:
        """Return the numbers by persona (0), tier (1) or type (2) among those that the other two filters select."""
        return self._selected(place, wanted, but=place)

    def total_of(self, wanted: Filters) -> int:
        """Return how many the filters by persona, tier and type select."""
        return self._selected(0, wanted).total()

    def _selected(self, place: int, wanted: Filters, but: int | None = None) -> Counter[Any]:
        chosen = [
            None if wanted.get(name) is None else filters.several(name, wanted[name])
            for name in ("persona", "tier", "type")
        ]
        if chosen[1] is not None and "hot" in chosen[1]:
            chosen[1] += HOT
        found: Counter[Any] = Counter()
        for key, count in self.counts.items():
            if all(at == but or some is None or key[at] in some for at, some in enumerate(chosen)):
                found[key[place]] += count
        return found


def groups(db: sqlite.Connection, wanted: Filters) -> Groups:
    """Return the number of memories of each persona, tier and type."""
    where, values = _where(db, wanted)
    sql = (
        f"SELECT t.persona_id, t.memory_tier, t.type, count(*) FROM memory_entities AS t WHERE {where} GROUP BY 1, 2, 3"
    )
    return Groups({(owner, tier, kind): count for owner, tier, kind, count in sqlite.each(db, sql, values)})


def tags(db: sqlite.Connection, wanted: Filters) -> Counter[str]:
    """Return how many memories have each tag."""
    where, values = _where(db, wanted)
    sql = (
        "SELECT j.value, count(*) FROM memory_entities AS t, json_each(t.tags) AS j "
        f"WHERE j.type = 'text' AND {where} GROUP BY 1"
    )
    return Counter(sqlite.pairs(db, sql, values))


def sources(db: sqlite.Connection, wanted: Filters) -> Counter[provenance.Provenance]:
    """Return how many memories came from each source."""
    where, values = _where(db, wanted)
    return provenance.counts(db, MEMORIES, where, values)


def _where(db: sqlite.Connection, wanted: Filters) -> tuple[str, list[Any]]:
    """Return the filters as SQL, and the values to bind; what selects few is found by an index."""
    where, values = filters.where(wanted, db)
    few, named = narrowing.condition(db, wanted, most=None)
    return f"{few} AND {where}", [*named, *values]


def insights(db: sqlite.Connection, wanted: Filters, now: int) -> dict[str, Any]:
    """Return stats, the number created in the last 24 hours, and the links among the memories."""
    day: Filters = {**wanted, "created": (now - instants.DAY_MS, now)}
    where, values = filters.where(wanted, db)
    links = sqlite.fetch(
        db,
        "SELECT r.type, count(*), avg(r.strength) FROM relationships AS r WHERE "
        f"r.from_id IN (SELECT t.id FROM memory_entities AS t WHERE {where}) AND "
        f"r.to_id IN (SELECT t.id FROM memory_entities AS t WHERE {where}) GROUP BY 1 ORDER BY 1",
        (*values, *values),
    )
    return {
        **stats(db, wanted),
        "last_24_hours": _count(db, day),
        "links": sum(row[1] for row in links),
        "links_by_type": {row[0]: {"count": row[1], "average_strength": row[2]} for row in links},
    }


def months(db: sqlite.Connection, wanted: Filters) -> dict[str, int]:
    """Return the number of memories created in each month (UTC, `2025-03`), oldest first; `unknown` without a date."""
    where, values = filters.where(wanted, db)
    sql = f"SELECT coalesce(substr(t.created_at, 1, 7), 'unknown'), count(*) FROM memory_entities AS t WHERE {where} "
    return dict(sorted(sqlite.pairs(db, f"{sql} GROUP BY 1", values).items()))


def importance(db: sqlite.Connection, wanted: Filters) -> dict[str, int]:
    """Return the number of memories in each tenth of the importance (`0-9` ... `90-100`), and beyond the scale."""
    where, values = filters.where(wanted, db)
    sql = (
        "SELECT CASE WHEN t.importance < 0 THEN -1 WHEN t.importance > 100 THEN 10 "
        "ELSE min(9, cast(t.importance / 10 AS INTEGER)) END, count(*) "
        f"FROM memory_entities AS t WHERE {where} GROUP BY 1"
    )
    counts = sqlite.pairs(db, sql, values)
    names = {-1: "below 0", **{ten: f"{ten * 10}-{ten * 10 + 9}" for ten in range(9)}, 9: "90-100", 10: "above 100"}
    return {name: counts.get(ten, 0) for ten, name in names.items() if 0 <= ten <= 9 or ten in counts}


def analytics(db: sqlite.Connection, wanted: Filters, now: int) -> dict[str, Any]:
    """Return sizes in characters, importance, tiers, types, and the activity of each of the last 7 days.

    Days are those of UTC, oldest first.
    """
    where, values = filters.where(wanted, db)
    size, largest, low, high, accesses, embedded = sqlite.fetch(
        db,
        "SELECT coalesce(sum(length(t.content)), 0), max(length(t.content)), min(t.importance), "
        "max(t.importance), coalesce(sum(t.access_count), 0), count(t.embedding) "
        f"FROM memory_entities AS t WHERE {where}",
        values,
    )[0]
    held = stats(db, wanted)
    total = held["total"]
    return {
        "total": total,
        "size": {"total": size, "average": size / total if total else None, "largest": largest},
        "importance": {"min": low, "max": high, "average": held["average_importance"]},
        "by_tier": held["by_tier"],
        "by_type": held["by_type"],
        "accesses": accesses,
        "with_embedding": embedded,
        "activity": _activity(db, wanted, now),
    }


def _activity(db: sqlite.Connection, wanted: Filters, now: int) -> list[dict[str, Any]]:
    where, values = filters.where(wanted, db)
    first = (now // instants.DAY_MS - 6) * instants.DAY_MS
    days = [instants.to_text(first + number * instants.DAY_MS)[:10] for number in range(7)]
    counts = {}
    for column in ("created_at", "last_accessed"):
        counts[column] = sqlite.pairs(
            db,
            f"SELECT substr(t.{column}, 1, 10), count(*) FROM memory_entities AS t "
            f"WHERE t.{column} >= ? AND {where} GROUP BY 1",
            (days[0], *values),
        )
    return [
        {"day": day, "made": counts["created_at"].get(day, 0), "accessed": counts["last_accessed"].get(day, 0)}
        for day in days
    ]


def _count(db: sqlite.Connection, wanted: Filters) -> int:
    where, values = filters.where(wanted, db)
    return int(sqlite.value(db, f"SELECT count(*) FROM memory_entities AS t WHERE {where}", values))
