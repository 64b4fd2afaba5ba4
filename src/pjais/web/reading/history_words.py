"""Say entries of the history in words: what was done to which records, and who did it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from pjais import instants
from pjais.sources.livestore.log import Event
from pjais.store.change_log import Entry, Run, Touched
from pjais.web import view_values
from pjais.web.reading import schemas as reading_schemas

_NOUNS = {
    "memory_entities": ("memory", "memories"),
    "personas": ("persona", "personas"),
    "conversations": ("conversation", "conversations"),
    "relationships": ("relationship", "relationships"),
    "plugins": ("plugin", "plugins"),
    "attachments": ("attachment", "attachments"),
}
_RECORD = ("record", "records")
_NAMED = 3
"""Number of records that an entry names."""
_TYPES = 3
"""Number of kinds of records that a title counts; with more it counts records."""


def entry(one: Entry, run: Run | None) -> reading_schemas.HistoryEntry:
    """Return an entry of a store's history in words; `run`: the one that made it."""
    by = one.by if run is None else ", ".join(run.kinds)
    return reading_schemas.HistoryEntry(
        first=one.first,
        last=one.last,
        at=view_values.text(one.at),
        who=one.who,
        by=by,
        run=None if run is None else run.id,
        kind=one.kind,
        operation=one.operation,
        undone=one.undone,
        title=title(one.counts, one.touched),
        detail=detail(one),
        records=sum(one.counts.values()),
        touched=[
            reading_schemas.TouchedRecord(
                table=each.table, id=each.key, name=each.name, done=each.done, fields=list(each.fields)
            )
            for each in one.touched
        ],
    )


def title(counts: Mapping[tuple[str, str], int], touched: tuple[Touched, ...]) -> str:
    """Return what was done: a single record by its name, several by their number."""
    total = sum(counts.values())
    if total == 1 and touched:
        return f"“{touched[0].name}” {touched[0].done}"
    if len(counts) <= _TYPES:
        return ", ".join(_counted(table, done, count) for (table, done), count in counts.items()) or "Nothing"
    by_what: Counter[str] = Counter()
    for (_, done), count in counts.items():
        by_what[done] += count
    return ", ".join(_counted("", done, count) for done, count in by_what.items())


def _counted(table: str, done: str, count: int) -> str:
    return f"{count:,} {_NOUNS.get(table, _RECORD)[count != 1]} {done}"


def detail(one: Entry) -> str:
    """Return what else is to be said: the label, the fields of a single record, or the names of several."""
    total = sum(one.counts.values())
    if total == 1:
        fields = [name.replace("_", " ") for name in one.touched[0].fields] if one.touched else []
        return ", ".join([*([one.label] if _told(one) else []), *fields])
    names = [f"“{each.name}”" for each in one.touched[:_NAMED] if each.name != each.key]
    rest = f" and {total - len(names):,} more" if names and total > len(names) else ""
    return ": ".join(part for part in (one.label if _told(one) else "", ", ".join(names) + rest) if part)


def _told(one: Entry) -> bool:
    """Return whether the label says more than what was done: not the words that pjais gives to every operation."""
    plain = re.match(r"(insert|update|delete|restore|undo of) ", one.label) is not None
    again = one.who == "page" and (sum(one.counts.values()) == 1 or one.label == title(one.counts, one.touched))
    return bool(one.label) and not plain and not again


def migrated(run: Run) -> reading_schemas.HistoryEntry:
    """Return the first migration as an entry: it is what the history begins with."""
    return reading_schemas.HistoryEntry(
        first=0,
        last=0,
        at=view_values.text(run.at),
        who="app",
        by=", ".join(run.kinds),
        run=run.id,
        kind="",
        operation=None,
        undone=False,
        title=f"{run.migrated:,} {_RECORD[run.migrated != 1]} migrated",
        detail="",
        records=run.migrated,
        touched=[],
    )


def event(place: int, one: Event) -> reading_schemas.HistoryEntry:
    """Return an event of a LiveStore log as an entry; `place` counts from 1."""
    told = one.args if isinstance(one.args, dict) else {}
    named = next((told[key] for key in ("name", "title", "content") if isinstance(told.get(key), str)), "")
    key = told.get("id")
    words = re.sub(r"^v\d+\.", "", one.name)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[_.]", " ", words).strip().lower()
    at = one.at if one.at is not None else one.created
    known = at is not None and abs(at) <= instants.LIMIT_MS
    return reading_schemas.HistoryEntry(
        first=place,
        last=place,
        at=view_values.text(at) if known else None,
        who="app",
        by=one.client_id,
        run=None,
        kind="",
        operation=None,
        undone=False,
        title=(words[:1].upper() + words[1:]) or "Event",
        detail=f"“{' '.join(named.split())[:120]}”" if named.strip() else (key if isinstance(key, str) else ""),
        records=1,
        touched=[],
    )


def tally(changes: Iterable[tuple[str, str, str | None, object, object]]) -> dict[str, int]:
    """Return how many records were added, edited and deleted, of changes (table, id, field, before, after)."""
    done: dict[tuple[str, str], str] = {}
    for table, key, field, before, _ in changes:
        done[table, key] = "edited" if field is not None else "added" if before is None else "deleted"
    counts = Counter(done.values())
    return {name: counts[name] for name in ("added", "edited", "deleted")}
