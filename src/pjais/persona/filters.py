"""Filters for memories: one set for lists, full-text and vector search.

The values are always bound, never written into SQL.  A missing filter lets everything pass, except that deleted
memories are only included on request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict
from weakref import WeakSet

from pjais import choices, instants, sqlite
from pjais.errors import UsageError
from pjais.models.persona.tables import MEMORIES, SEARCH
from pjais.persona import query
from pjais.store import provenance

Span = tuple[int | float | None, int | float | None]
"""A lower and an upper bound, both included; None: open."""

_DATES = {"created": "created_at", "updated": "updated_at", "accessed": "last_accessed"}
_KNOWN = (
    "persona",
    "tier",
    "type",
    "tags",
    *_DATES,
    "importance",
    "include_deleted",
    "deleted",
    "undated",
    "source",
    "words",
    "without_tiers",
    "without_tags",
)
HOT = ("hot", "active")
"""`active` is the default of the app's later stores for what its earlier ones called `hot`."""
OBSERVATION_OF = "observation_of"
"""The type of a relationship between a memory and the memory that it says something about (docs/assistants.md)."""

_FOLD = "pjais_folded"
_folding: WeakSet[sqlite.Connection] = WeakSet()
"""The connections that have the function."""


class Filters(TypedDict, total=False):
    """The filters by name.

    `persona`: an id.  `tier`, `type`: one or several; `hot` finds `active`, too.  `tags`: memories that have
    all of them.  `created`, `updated`, `accessed`: (from, to) in ms since 1970, both included, within the years
    0 to 9999.  `importance`: (from, to), 0-100.  `include_deleted`: those marked as deleted come, too.
    `deleted`: only those.
    `undated`: only those that lack one of these dates (`created`, ...), which no range of them finds.
    `source`: one or several: a kind of source, or the name or path of one as `status` shows it; `pjais`: what was
    written in the store (`pjais.store.provenance`).
    `words`: all of these words, as `search` takes them; unranked, and for the current state only.
    `without_tiers`, `without_tags`: memories in none of these tiers (`hot` leaves out `active`, too), and with none of
    these tags, however a tag is written (`Private`, ` private`).  A memory that is an observation of one that is left
    out is left out with it, so that these filters hide a thing with all that is said about it.
    """

    persona: str | None
    tier: str | Iterable[str] | None
    type: str | Iterable[str] | None
    tags: str | Iterable[str]
    created: Span | None
    updated: Span | None
    accessed: Span | None
    importance: Span | None
    include_deleted: bool
    deleted: bool
    undated: Iterable[str]
    source: provenance.Wanted
    words: str
    without_tiers: str | Iterable[str] | None
    without_tags: str | Iterable[str] | None


NONE: Filters = {}
"""No filter: all memories that are not deleted."""


def where(filters: Filters, db: sqlite.Connection) -> tuple[str, list[Any]]:
    """Return the filters as SQL over `t` (memory_entities), and the values to bind.  Raises UsageError if invalid.

    `db`: the store, which knows its sources.
    """
    unknown = sorted(set(filters) - set(_KNOWN))
    if unknown:
        raise UsageError("unknown filters", where=unknown)
    # `+`: nearly all are not deleted, so the index of deleted ones does not help
    with_deleted = choices.flag("include_deleted", filters.get("include_deleted", False))
    parts: list[str] = [] if with_deleted else ["+t.deleted_at IS NULL"]
    if choices.flag("deleted", filters.get("deleted", False)):
        parts = ["t.deleted_at IS NOT NULL"]
    values: list[Any] = []
    if (persona := filters.get("persona")) is not None:
        parts.append("t.persona_id = ?")
        values.append(choices.text("persona", persona))
    tiers = [one for tier in several("tier", filters.get("tier")) for one in (HOT if tier == "hot" else (tier,))]
    for column, wanted in (("memory_tier", tiers), ("type", several("type", filters.get("type")))):
        if wanted:
            parts.append(f"t.{column} IN ({', '.join('?' * len(wanted))})")
            values += wanted
    for tag in several("tags", filters.get("tags")):
        parts.append("EXISTS (SELECT 1 FROM json_each(t.tags) WHERE json_each.value = ?)")
        values.append(tag)
    hidden, bound = _hidden(filters, db)
    parts += hidden
    values += bound
    for column, span in (
        ("created_at", _instants(filters.get("created"))),
        ("updated_at", _instants(filters.get("updated"))),
        ("last_accessed", _instants(filters.get("accessed"))),
        ("importance", _numbers(filters.get("importance"))),
    ):
        for sign, bound in zip((">=", "<="), _span(span), strict=True):
            if bound is not None:
                parts.append(f"t.{column} {sign} ?")
                values.append(bound)
    if lacking := [_date(name) for name in several("undated", filters.get("undated"))]:
        parts.append(f"({' OR '.join(f't.{column} IS NULL' for column in lacking)})")
    if (source := filters.get("source")) is not None:
        of_source, bound_ = provenance.condition(db, MEMORIES, source)
        parts.append(of_source)
        values += bound_
    if (words := filters.get("words")) is not None:
        holds, bound = _holding(db, words)
        parts.append(holds)
        values += bound
    return " AND ".join(parts) or "1", values


def _holding(db: sqlite.Connection, words: str) -> tuple[str, list[str]]:
    """Return SQL for memories that hold all words, and the values to bind.  Raises UsageError for a point in time."""
    query.check(words)
    if sqlite.first(db, "SELECT 1 FROM temp.sqlite_schema WHERE name = 'past_keys'"):
        raise UsageError("the search index covers the current state only; list the memories of that time instead")
    found = query.terms(words)
    if not found:
        return "0", []
    if not any(sqlite.words(db, term.text) for term in found):
        return query.holding(found, SEARCH.columns)
    return "t.search_id IN (SELECT rowid FROM memory_fts WHERE memory_fts MATCH ?)", [query.match(found)]


def folded(tag: str) -> str:
    """Return a tag as it is compared by `without_tags`."""
    return tag.strip().casefold()


def _folded(*given: Any) -> Any:
    return folded(given[0]) if isinstance(given[0], str) else given[0]


def has_tag(db: sqlite.Connection, column: str, tags: Iterable[str]) -> tuple[str, list[Any]]:
    """Return SQL that is true if a column of JSON texts has one of these tags, and the values to bind.

    Another program may have nested them, and the name of a property counts, too: what is to be hidden is hidden.
    """
    wanted = sorted({folded(tag) for tag in tags})
    if db not in _folding:
        db.create_scalar_function(_FOLD, _folded, 1)
        _folding.add(db)
    marks = ", ".join("?" * len(wanted))
    sql = (
        f"({column} <> '[]' AND EXISTS (SELECT 1 FROM json_tree({column}) AS tag "
        f"WHERE {_FOLD}(tag.atom) IN ({marks}) OR {_FOLD}(tag.key) IN ({marks})))"
    )
    return sql, [*wanted, *wanted]


def _hidden(filters: Filters, db: sqlite.Connection) -> tuple[list[str], list[Any]]:
    """Return the conditions of `without_tiers` and `without_tags`, and the values to bind."""
    tiers = {tier.lower() for tier in several("without_tiers", filters.get("without_tiers"))}
    tags = several("without_tags", filters.get("without_tags"))
    if tiers & set(HOT):
        tiers |= set(HOT)
    found: list[str] = []
    values: list[Any] = []
    for row, form in (("t", "coalesce(NOT ({}), 1)"), ("about", _NOT_ABOUT)):
        parts = []
        if tiers:
            parts.append(f"lower(coalesce({row}.memory_tier, 'active')) IN ({', '.join('?' * len(tiers))})")
            values += sorted(tiers)
        if tags:
            sql, bound = has_tag(db, f"{row}.tags", tags)
            parts.append(sql)
            values += bound
        if parts:
            found.append(form.format(" OR ".join(parts)))
    return found, values


_NOT_ABOUT = (
    "NOT EXISTS (SELECT 1 FROM relationships AS link JOIN memory_entities AS about ON about.id = link.to_id "
    f"WHERE link.from_id = t.id AND link.type = '{OBSERVATION_OF}' AND ({{}}))"
)


def undated(filters: Filters, db: sqlite.Connection) -> Filters | None:
    """Return the filters for memories that date ranges exclude for lack of a date; None if range not found.

    Raises UsageError for an invalid filter.
    """
    where(filters, db)
    ranges = [name for name in _DATES if any(bound is not None for bound in _span(filters.get(name)))]  # type: ignore[arg-type]
    rest = {name: value for name, value in filters.items() if name not in ranges}
    return Filters(**rest, undated=ranges) if ranges else None  # type: ignore[typeddict-item]


def several(name: str, wanted: str | Iterable[str] | None) -> list[str]:
    """Return one or several values as a list.  Raises UsageError for values other than text."""
    found = choices.texts(name, wanted)
    if len(found) > 500:
        raise UsageError("too many values in one filter; 500 are the most", where=[str(len(found))])
    return found


def _date(name: str) -> str:
    """Return the column of a date.  Raises UsageError for an unknown one."""
    if name not in _DATES:
        raise UsageError(f"undated={name!r}: not a valid date", where=[f"allowed: {', '.join(_DATES)}"])
    return _DATES[name]


def _span(span: tuple[Any, Any] | None) -> tuple[Any, Any]:
    if span is None:
        return None, None
    if not isinstance(span, tuple | list) or len(span) != 2:
        raise UsageError("a range is (from, to)", where=[repr(span)])
    return span[0], span[1]


def _numbers(span: Span | None) -> tuple[float | None, float | None]:
    low, high = (None if bound is None else choices.number("importance", bound) for bound in _span(span))
    return low, high


def _instants(span: Span | None) -> tuple[str | None, str | None]:
    low, high = (instant_text(bound) for bound in _span(span))
    return low, high


def instant_text(ms: Any) -> str | None:
    """Return an instant (ms since 1970) as the store has it, within the years 0 to 9999.  Raises UsageError."""
    if ms is None:
        return None
    if isinstance(ms, bool) or not isinstance(ms, int | float) or not abs(ms) <= instants.LIMIT_MS:
        raise UsageError("an instant is a number of milliseconds since 1970", where=[repr(ms)])
    text = instants.to_text(int(ms))
    if len(text) == 24:
        return text
    return "0000-01-01T00:00:00.000Z" if ms < 0 else "9999-12-31T23:59:59.999Z"
