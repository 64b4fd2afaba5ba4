"""Statistics of memories: the app's stats, insights and analytics, each by one or a few queries.

All take a connection that sees one consistent state, and filters; deleted memories count only if the filters say so.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from pjais import instants, sqlite
from pjais.persona import filters
from pjais.persona.filters import Filters


def stats(db: sqlite.Connection, wanted: Filters) -> dict[str, Any]:
    """Return `total`, `by_tier`, `by_type`, `average_importance` (None without memories)."""
    where, values = filters.where(wanted, db)
    sql = (
        "SELECT t.memory_tier, t.type, count(*), total(t.importance) FROM memory_entities AS t "
        f"WHERE {where} GROUP BY 1, 2"
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
