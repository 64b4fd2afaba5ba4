"""The graph in answers of a limited size: as much as fits, then a cursor for the rest.

Over the pages every entity, observation and relation is told once.  An entity that does not fit into the rest of an
answer begins the next one; one that is larger than an answer goes on there, under its name, with further observations.

A cursor is a random word that this server remembers: it tells nothing of what is hidden, and nobody can make one.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from pjais.errors import UsageError
from pjais.mcp.answers import MOST, NOTE, Answer, cost, cut, dumps
from pjais.persona.graph import Entity, Found, Relation, Rows

_ROOM = MOST - NOTE
_NAME = 2000
"""Bytes of a name or type that are told at most."""
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Position:
    """How far a list was told: behind an entity, within one, or up to a relation; and how many were told so far."""

    entity: int = 0
    within: int | None = None
    """The last observation that was told of the entity `inside`: 0 is its own text; None: nothing of it."""
    inside: int = 0
    relations: bool = False
    relation: tuple[int, str] = (0, "")
    told: tuple[int, int] = (0, 0)


class Cursors:
    """The cursors of one server: each stands for a call and how far its answer went."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, tuple[object, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def give(self, call: object, position: Any) -> str:
        """Return a new cursor."""
        made = secrets.token_urlsafe(9)
        with self._lock:
            self._held[made] = call, position
            while len(self._held) > _REMEMBERED:
                self._held.popitem(last=False)
        return made

    def take(self, call: object, cursor: str) -> Any:
        """Return where a call goes on.  Raises UsageError for a cursor of another call, or of long ago."""
        with self._lock:
            held = self._held.get(cursor)
        if held is None:
            raise UsageError("this cursor is not known (any more); make the call again without a cursor")
        if held[0] != call:
            raise UsageError("this cursor is of another call; give the same arguments with it as before")
        return held[1]


@dataclass(slots=True)
class _Page:
    """An answer as it grows."""

    limit: int
    position: Position
    entities: list[dict[str, Any]] = field(default_factory=list)
    relations: list[dict[str, Any]] = field(default_factory=list)
    used: int = 60
    whole: bool = True

    @property
    def is_empty(self) -> bool:
        return not self.entities and not self.relations

    def stop(self, position: Position) -> None:
        self.position, self.whole = position, False


def page(rows: Rows, found: Found, start: Position, limit: int) -> tuple[dict[str, Any], Position | None]:
    """Return a part of the graph as the memory server's answers have it, and where the next one begins (None: end)."""
    made = _Page(limit, start)
    if not start.relations:
        _fill_entities(made, rows, found)
    if made.whole:
        _fill_relations(made, rows.relations(found.ids))
    entities, relations = start.told
    continued = start.within is not None
    told = (entities + len(made.entities) - continued, relations + len(made.relations))
    graph = {"entities": made.entities, "relations": made.relations}
    return graph, None if made.whole else replace(made.position, told=told)


def _fill_entities(made: _Page, rows: Rows, found: Found) -> None:
    after, within = made.position.entity, made.position.within
    for one in rows.entities(found.places, after):
        if len(made.entities) >= made.limit:
            made.stop(Position(after))
            return
        told = within if one.place == made.position.inside else None
        shown, last, taken = _entity(rows, one, told, _ROOM - made.used)
        if last is not None and not made.is_empty:  # it does not fit here; it may into an answer of its own
            made.stop(Position(after))
            return
        made.entities.append(shown)
        made.used += taken
        if last is not None:
            made.stop(Position(after, last, one.place))
            return
        after = one.place
    made.position = Position(relations=True)


def _entity(rows: Rows, one: Entity, within: int | None, room: int) -> tuple[dict[str, Any], int | None, int]:
    """Return an entity with as many observations as fit, the last of these if more follow, and the bytes."""
    name, kind = cut(one.name, _NAME, one.id), cut(one.type, _NAME, one.id)
    shown: dict[str, Any] = {"name": name, "entityType": kind, "observations": []}
    used = cost({**shown, "observations": [0]}, 2)
    longest = _ROOM - used - 100  # so that on a page of its own one text always fits
    last = within if within is not None else -1
    own = [(0, one.id, one.text)] if one.text and within is None else []
    others = ((said.place, said.id, said.text) for said in rows.observations([one], within or 0))
    for place, key, text in (each for some in (own, others) for each in some):
        told = cut(text, longest, key)
        taken = cost(told, 4)
        if used + taken > room:
            return shown, last, used
        shown["observations"].append(told)
        used += taken
        last = place
    return shown, None, used


def _fill_relations(made: _Page, relations: list[Relation]) -> None:
    at, key = made.position.relation
    if at and (at > len(relations) or relations[at - 1].id != key):
        at = next((number for number, one in enumerate(relations, 1) if one.id == key), min(at, len(relations)))
    for number, one in enumerate(relations[at:], at):
        names = [cut(text, _NAME, one.id) for text in (one.source, one.target, one.type)]
        shown = dict(zip(("from", "to", "relationType"), names, strict=True))
        taken = cost(shown, 2)
        if made.used + taken > _ROOM or len(made.entities) + len(made.relations) >= made.limit:
            last = relations[number - 1].id if number else ""
            made.stop(Position(relations=True, relation=(number, last)))
            return
        made.relations.append(shown)
        made.used += taken


def answer(tool: str, graph: dict[str, Any], cursor: str | None, told: str) -> Answer:
    """Return a part of the graph as an answer; `told`: which part it is."""
    texts = [dumps(graph)]
    if cursor is not None:
        texts.append(f"{told} For the rest call {tool} again with the same arguments and cursor={cursor}.")
    return Answer(tuple(texts), graph, cursor)
