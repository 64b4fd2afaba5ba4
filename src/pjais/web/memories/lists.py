"""The view of many memories: filtered, searched, ordered, and counted by facets, however many there are.

A page is there before its counts: what takes long is counted in the background (`pjais.web.figures`), and the page is
told when it is known.  Programs that ask for JSON wait for the total.
"""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Query, Request

from pjais import instants
from pjais.core.shown import fields_as_json
from pjais.errors import RunActive, UsageError
from pjais.models.persona.model import MODEL
from pjais.models.persona.records import Memory
from pjais.persona import query
from pjais.persona.filters import Filters
from pjais.persona.message_search import MessageResults
from pjais.persona.statistics import Groups
from pjais.persona.store import Provenance, Store
from pjais.web import schemas
from pjais.web.figures import Figure
from pjais.web.memories import schemas as shapes
from pjais.web.memories.personas import MARKS, known_sources, persona_names, record_sources
from pjais.web.session import Session
from pjais.web.view_values import Id, InSession, Limit, Number, Offset, Words, page

SMALL = 20_000
"""Of so many memories everything is counted at once; of more, what takes long comes later."""
_AT_ONCE, _SOON, _ALL = 0.0, 0.08, 600.0
"""Seconds that a page waits for what is counted: not at all, as long as nobody notices, until it is there."""
_DEEP = 2_000
"""From this offset on, a page of a long list is found by the order of the whole list."""
_INDEXED = ("", "-created_at", "created_at")
"""The orders that an index has."""
_ASKED_NEXT = ("name", "-updated_at")
"""Orders that take long, and that somebody who sees the list may well ask for next."""
_BEGINNING, _BEGINNING_OF_MANY = 2, 4
"""From so many letters on, what is typed may be the beginning of a word; of many memories fewer begin each one's."""
_VERY_MANY = 200_000
"""Of so many, a word that is whole, and fills a page, is not the beginning of one as well."""
_FULL = 50
_MESSAGES = 10
"""Number of messages that a search shows beside the memories."""
_OF_MESSAGES = {"persona", "created", "source"}
"""The filters of memories that messages have, too."""
_VALUES = 6
"""Values of a facet beside the list; all of them are in the facet's own view."""
_MOST_VALUES = 1_000
FACETS = {"type": "Type", "tier": "Tier", "persona": "Persona", "tag": "Tag", "source": "Source"}
"""The facets by the parameter that filters by them."""
_TIERS = ("hot", "active", "warm", "cold", "archived")


class Asked(NamedTuple):
    """A request: the words, and the filters of the library."""

    q: str
    filters: Filters


def asked(
    q: Words = "",
    persona: Id = "",
    tier: Id = "",
    type: Id = "",
    source: Id = "",
    tag: Words = "",
    since: Id = "",
    until: Id = "",
    least: Number = None,
    most: Number = None,
    deleted: bool = False,
) -> Asked:
    """Return the words and filters of a request.  Raises UsageError for a date that is none."""
    wanted: Filters = {}
    if persona:
        wanted["persona"] = persona
    if tier:
        wanted["tier"] = tier
    if type:
        wanted["type"] = type
    if source:
        wanted["source"] = source
    if tag.strip():
        wanted["tags"] = tags_of(tag)
    ends = [None if not text else instants.from_text(text) for text in (since, until)]
    if any(text and end is None for text, end in zip((since, until), ends, strict=True)):
        raise UsageError("not a date: give it as 2025-03-01", where=[text for text in (since, until) if text])
    if since or until:
        wanted["created"] = (ends[0], ends[1])
    if least is not None or most is not None:
        wanted["importance"] = (least, most)
    if deleted:
        wanted["deleted"] = True
    return Asked(q.strip() and q, wanted)


InAsked = Annotated[Asked, Depends(asked)]


def tags_of(text: str) -> list[str]:
    """Return the tags of a field: separated by commas; one with a comma in it stands in quotes."""
    try:
        found = next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error:
        found = text.split(",")
    return list(dict.fromkeys(one.strip() for one in found if one.strip()))


def memories(
    session: InSession, request: Request, chosen: InAsked, order: Id = "", offset: Offset = 0, limit: Limit = 50
) -> shapes.Memories:
    """Memories that pass the filters, most important first; with words those that hold them, best first."""
    with session.store() as store:
        for_page = not request.url.path.startswith("/api") and "text/html" in request.headers.get("accept", "text/html")
        counting = Counting(session, store, _ALL if not for_page or len(store.memories) <= SMALL else _SOON)
        wanted, messages = chosen.filters, MessageResults([], 0, None)
        if chosen.q:
            begins = counting.begins(chosen)
            found = store.memories.search(chosen.q, prefix=begins, marks=MARKS, limit=limit, offset=offset, **wanted)
            hits = hits_of(store, ((one.memory, one.snippet) for one in found))
            if not offset and not wanted.keys() - _OF_MESSAGES:
                messages = _messages(store, chosen.q, wanted, begins=begins)
        else:
            hits = hits_of(store, ((one, None) for one in _listed(session, store, wanted, order, offset, limit)))
        total = counting.total(chosen, len(hits), offset, limit)
        by_persona = counting.groups({})
        of_persona: Filters = {"persona": wanted["persona"]} if "persona" in wanted else {}
        known = known_sources(store)
        personas = persona_names(store)
        found_facets, facets_counted = counting.facets(store, chosen, personas, known, _VALUES)
        return shapes.Memories(
            code="done",
            q=chosen.q,
            page=page(total.value, offset, limit),
            counted=total.is_current,
            hits=hits,
            messages=[schemas.MessageFound(**fields_as_json(one)) for one in messages.found],
            messages_total=messages.total,
            tiers=_sorted(by_persona.value.by(1, of_persona)) if by_persona else {},
            types=_sorted(by_persona.value.by(2, of_persona)) if by_persona else {},
            personas=personas,
            sources=known,
            facets=found_facets,
            facets_counted=facets_counted,
        )


def facets(
    session: InSession,
    chosen: InAsked,
    facet: Annotated[str, Query(pattern="^(type|tier|persona|tag|source)$")] = "tag",
) -> shapes.Facets:
    """One facet of the memories that pass the other filters, with all its values."""
    with session.store() as store:
        personas = persona_names(store)
        known = known_sources(store)
        found, _ = Counting(session, store, _ALL).facets(store, chosen, personas, known, _MOST_VALUES, (facet,))
        if not found:
            raise RunActive("the memories are still being counted", advice="look again in a moment")
        return shapes.Facets(code="done", facet=found[0], personas=personas)


def hits_of(store: Store, found: Iterable[tuple[Memory, str | None]]) -> list[schemas.Hit]:
    """Memories with their snippets, as lists show them."""
    pairs = list(found)
    sources = record_sources(store.memories, (one for one, _ in pairs))
    return [schemas.Hit(memory=memory_shape(one), snippet=snippet, source=sources[one.id]) for one, snippet in pairs]


def memory_shape(record: Memory) -> schemas.Memory:
    """A memory as the export shows it."""
    return schemas.Memory(**MODEL.as_document(record))


def with_words(store: Store, chosen: Asked, *, begins: bool | None = None) -> Filters:
    """Return the filters, and the words as one more: for what needs no ranks."""
    if not chosen.q:
        return chosen.filters
    begins = begins_word(store, chosen) if begins is None else begins
    return {**chosen.filters, "words": query.as_typed(chosen.q) if begins else chosen.q}


class Counting:
    """The figures of one request; all of them together are waited for as long as it allows."""

    def __init__(self, session: Session, store: Store, patience: float) -> None:
        """`patience`: seconds."""
        self._session, self._store = session, store
        self._until = time.monotonic() + patience
        self._begins: bool | None = None

    def begins(self, chosen: Asked) -> bool:
        """Return whether what is typed counts as the beginning of a word."""
        if self._begins is None:
            self._begins = begins_word(self._store, chosen)
        return self._begins

    def groups(self, wanted: Filters) -> Figure[Groups] | None:
        """Return the numbers by persona, tier and type."""
        found: Figure[Groups] | None = self._of(f"groups {wanted}", lambda store: store.memories.groups(**wanted))
        return found

    def total(self, chosen: Asked, there: int, offset: int, limit: int) -> Figure[int]:
        """Return how many pass; while that is not known, the least that there must be."""
        if there < limit and (there or not offset):
            return Figure(offset + there, True)
        if chosen.q:
            begins = self.begins(chosen)
            found = self._of(
                f"hits {begins} {chosen}",
                lambda store: store.memories.search_page(chosen.q, prefix=begins, limit=0, **chosen.filters).total,
            )
        else:
            groups = self.groups(_without(chosen.filters, "persona", "tier", "type"))
            found = groups and Figure(groups.value.total_of(chosen.filters), groups.is_current)
        least = offset + there + (there == limit)
        return found if found is not None and found.value >= offset + there else Figure(least, False)

    def facets(
        self,
        store: Store,
        chosen: Asked,
        personas: Mapping[str, str],
        known: Sequence[schemas.RecordSource],
        most: int,
        wanted: Iterable[str] = tuple(FACETS),
    ) -> tuple[list[shapes.Facet], bool]:
        """Return the facets that are counted, and whether all of them are there, and of the present state."""
        of_words = with_words(store, chosen, begins=bool(chosen.q) and self.begins(chosen))
        rest = _without(of_words, "source")
        counts: dict[str, Figure[Counter[Any]] | None] = {}
        for name in wanted:
            if name == "tag":
                counts[name] = self._slow(f"tags {of_words}", lambda store: store.memories.tags(**of_words))
            elif name == "source":
                counts[name] = self._slow(f"sources {rest}", lambda store: store.memories.by_source(**rest))
            else:
                groups = self.groups(_without(of_words, "persona", "tier", "type"))
                place = ("persona", "tier", "type").index(name)
                counts[name] = groups and Figure(groups.value.by(place, chosen.filters), groups.is_current)
        made = _Facets(chosen.filters, personas, known)
        found = [made.facet(name, one.value, most) for name, one in counts.items() if one is not None]
        return found, all(one is not None and one.is_current for one in counts.values())

    def _of(self, name: str, count: Callable[[Store], Any]) -> Any:
        return self._session.figures.ask(self._store, name, count, max(0.0, self._until - time.monotonic()))

    def _slow(self, name: str, count: Callable[[Store], Any]) -> Any:
        return self._session.slow_figures.ask(self._store, name, count, max(0.0, self._until - time.monotonic()))


class _Facets(NamedTuple):
    """Name the values of facets, and tell which are chosen."""

    filters: Filters
    personas: Mapping[str, str]
    known: Sequence[schemas.RecordSource]

    def facet(self, name: str, counts: Counter[Any], most: int) -> shapes.Facet:
        """Return a facet: the chosen values first, then the commonest."""
        values = [self._value(name, one, count) for one, count in counts.items()]
        there = {one.value for one in values}
        values += [self._value(name, one, 0) for one in self._chosen(name) if one not in there]
        if name == "tier":
            values.sort(key=lambda one: (_TIERS.index(one.value) if one.value in _TIERS else len(_TIERS), one.name))
        else:
            values.sort(key=lambda one: (not one.chosen, -one.count, one.name))
        return shapes.Facet(name=name, title=FACETS[name], values=values[:most], more=max(0, len(values) - most))

    def _chosen(self, name: str) -> list[Any]:
        found: Any = self.filters.get("tags" if name == "tag" else name)
        return [] if found is None else found if isinstance(found, list) else [found]

    def _value(self, name: str, one: Any, count: int) -> shapes.FacetValue:
        value, told = one, str(one)
        if isinstance(one, Provenance):
            kinds = [known.kind for known in self.known].count(one.kind)
            value = one.name if one.name is not None and kinds > 1 else one.kind
            told = one.name or "Added in pjais"
        elif name == "persona":
            told = self.personas.get(str(one), "No persona" if one is None else str(one))
        return shapes.FacetValue(value=value, name=told or "none", count=count, chosen=value in self._chosen(name))


def _listed(session: Session, store: Store, wanted: Filters, order: str, offset: int, limit: int) -> list[Memory]:
    """Return a page of the list; of very many, and where no index has the order, by the order of the whole list."""
    many = len(store.memories) > SMALL
    if many and (order not in _INDEXED or offset > _DEEP):
        numbers = _order(session, store, wanted, order, _ALL if offset > _DEEP else _SOON)
        if numbers is not None:
            return store.memories.numbered(numbers.value[offset : offset + limit])
    elif many and not wanted:
        for one in _ASKED_NEXT:
            _order(session, store, wanted, one, _AT_ONCE)
    return store.memories.filtered(limit=limit, offset=offset, order=order or None, **wanted)


def _order(session: Session, store: Store, wanted: Filters, order: str, wait: float) -> Figure[Any] | None:
    name = f"{order} {wanted}"
    return session.orders.ask(store, name, lambda store: store.memories.numbers(order or None, **wanted), wait)


def begins_word(store: Store, chosen: Asked) -> bool:
    """Return whether what is typed counts as the beginning of a word."""
    there = len(store.memories)
    if len(chosen.q.split()[-1]) < (_BEGINNING if there <= SMALL else _BEGINNING_OF_MANY):
        return False
    return there <= _VERY_MANY or len(store.memories.search(chosen.q, limit=_FULL, **chosen.filters)) < _FULL


def _without(wanted: Filters, *left_out: str) -> Filters:
    rest: Filters = {**wanted}
    for name in left_out:
        rest.pop(name, None)  # type: ignore[misc]  # all of them may be missing
    return rest


def _sorted(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(name): count for name, count in sorted(counts.items(), key=str)}


def _messages(store: Store, q: str, wanted: Filters, *, begins: bool) -> MessageResults:
    since, until = (None if time is None else int(time) for time in wanted.get("created") or (None, None))
    return store.conversations.search_page(
        q,
        prefix=begins,
        marks=MARKS,
        limit=_MESSAGES,
        persona=wanted.get("persona"),
        since=since,
        until=until,
        source=wanted.get("source"),
    )
