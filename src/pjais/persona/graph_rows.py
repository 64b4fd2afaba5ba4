"""Read the parts of a knowledge graph: entities, observations and relations, out of the memories that somebody may see.

The mapping is that of the source and export `mcp-memory` (`pjais.sources.apps.mcp_memory.graph`): an entity is a memory
of type `entity` whose first tag is its type, an observation a memory of type `observation` with a relationship
`observation_of`, a relation a relationship.  Any other memory is an entity, too: its type is its own, its text the
first observation.

Who may see what is said by filters (`pjais.persona.filters`), which are part of every query here.  An observation or
a relation is there if both of its ends are.  The end of a relation that is no entity yet is a memory as well, marked
as missing and deleted, so that it is in no list; it obeys the same filters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pjais import canonical, sqlite
from pjais.models.persona.records import Memory
from pjais.models.persona.tables import MEMORIES
from pjais.persona import filters
from pjais.persona.filters import OBSERVATION_OF, Filters
from pjais.sources.apps.mcp_memory import graph as mapping

_KEPT = f'$."{mapping.KIND}"'
_NAME = (
    f"CASE WHEN t.name <> '' OR (t.name = '' AND json_type(t.extra, '{_KEPT}.line') IS NOT NULL) "
    "THEN t.name ELSE t.id END"
)
"""SQL: the name of a memory in the graph."""
_IS_MISSING = f"json_extract(t.extra, '{_KEPT}.{mapping.MISSING}') IS TRUE"
_COLUMNS = MEMORIES.columns_of("t")
_WIDTH = len(MEMORIES.columns)
_IS_ABOUT = f"SELECT 1 FROM relationships AS r WHERE r.from_id = t.id AND r.type = '{OBSERVATION_OF}'"
_OWN = f"NOT (t.type = '{mapping.OBSERVATION}' AND EXISTS ({_IS_ABOUT}))"
"""SQL: a memory is no observation of another one."""
_SAYS = (
    f"r.type = '{OBSERVATION_OF}' AND EXISTS (SELECT 1 FROM memory_entities AS o "
    f"WHERE o.id = r.from_id AND o.type = '{mapping.OBSERVATION}')"
)
"""SQL: a relationship joins an observation to its entity."""
_WORDS = 200
"""A name of more characters than these is looked for without the index."""
_BATCH = 50


class Entity(NamedTuple):
    """An entity: its place in the order of storing, id, name, type, and the text of the memory itself, if any."""

    place: int
    id: str
    name: str
    type: str
    text: str


class Observation(NamedTuple):
    """An observation of an entity: its place, id and text.  `of`: the place of the entity."""

    of: int
    place: int
    id: str
    text: str


class Relation(NamedTuple):
    """A relation between two names.  `id` is that of the relationship, or of the row in `mcp_memory_relations`."""

    id: str
    source: str
    target: str
    type: str
    table: str = "relationships"


class Rows:
    """The rows of a graph in one connection, under one set of filters."""

    def __init__(self, db: sqlite.Connection, scope: Filters) -> None:
        self.db = db
        self.whole = not any(value for value in scope.values())
        """True if nothing is hidden but what is deleted."""
        self.where, self.values = filters.where(scope, db)
        deleted, self._deleted_values = filters.where({**scope, "include_deleted": True}, db)
        self._missing = f"t.deleted_at > '' AND {_IS_MISSING} AND {deleted}"  # by the index of the deleted

    # -- entities

    def count(self, most: int | None = None) -> int:
        """Return how many memories are entities or observations; at most so many are counted."""
        sql = f"SELECT 1 FROM memory_entities AS t WHERE {self.where}"
        limit = "" if most is None else f" LIMIT {most}"
        return int(sqlite.value(self.db, f"SELECT count(*) FROM ({sql}{limit})", self.values))

    def places(self) -> list[tuple[int, str]]:
        """Return (place, id) of every entity, in the order of storing."""
        sql = f"SELECT t.search_id, t.id FROM memory_entities AS t WHERE {self.where} AND {_OWN} ORDER BY t.search_id"
        return [(int(place), str(key)) for place, key in sqlite.each(self.db, sql, self.values)]

    def count_entities(self) -> int:
        """Return the number of entities."""
        sql = f"SELECT count(*) FROM memory_entities AS t WHERE {self.where} AND {_OWN}"
        return int(sqlite.value(self.db, sql, self.values))

    def entities(self, places: Sequence[int] | None, after: int) -> Iterator[Entity]:
        """Yield entities behind a place, in order: those of `places`, None: all."""
        if places is None:
            sql = (
                f"SELECT t.search_id, {_COLUMNS} FROM memory_entities AS t WHERE t.search_id > ? AND {self.where} "
                f"AND {_OWN} ORDER BY t.search_id"
            )
            for place, *row in sqlite.each(self.db, sql, (after, *self.values)):
                yield entity(place, _memory(row))
            return
        sql = (
            f"SELECT t.search_id, {_COLUMNS} FROM memory_entities AS t WHERE t.search_id IN "
            f"(SELECT value FROM json_each(?)) AND {self.where} AND {_OWN} ORDER BY t.search_id"
        )
        rest = [place for place in places if place > after]
        for start in range(0, len(rest), _BATCH):
            asked: Any = canonical.dumps(rest[start : start + _BATCH])
            for place, *row in sqlite.fetch(self.db, sql, (asked, *self.values)):
                yield entity(place, _memory(row))

    def entities_among(self, some: Iterable[tuple[int, str]]) -> tuple[list[int], set[str]]:
        """Return the places, in order, and the ids of those of these memories (place, id) that are entities."""
        places: Any = canonical.dumps(sorted({place for place, _ in some}))
        sql = (
            "SELECT t.search_id, t.id FROM memory_entities AS t WHERE t.search_id IN (SELECT value FROM json_each(?)) "
            f"AND {self.where} AND {_OWN} ORDER BY t.search_id"
        )
        found = sqlite.fetch(self.db, sql, (places, *self.values))
        return [int(place) for place, _ in found], {str(key) for _, key in found}

    def named(self, names: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
        """Return (place, id) of the entities of each name, in order; of a name that none has, the memory of that id."""
        wanted = [name for name in dict.fromkeys(names) if canonical.encodable(name)]
        found: dict[str, list[tuple[int, str]]] = {name: [] for name in wanted}
        for part in ([one for one in wanted if self._indexed(one)], [one for one in wanted if not self._indexed(one)]):
            for start in range(0, len(part), _BATCH):
                self._add_named(found, part[start : start + _BATCH])
        ids: Any = canonical.dumps([name for name, held in found.items() if not held])
        by_id = f"t.id IN (SELECT value FROM json_each(?)) AND {self.where} AND {_OWN}"
        sql = f"SELECT t.search_id, t.id FROM memory_entities AS t WHERE {by_id} ORDER BY t.search_id"
        for place, key in sqlite.fetch(self.db, sql, (ids, *self.values)):
            found[key].append((place, key))
        return found

    def _indexed(self, name: str) -> bool:
        return 0 < len(name) <= _WORDS and "\0" not in name and bool(sqlite.words(self.db, name))

    def _add_named(self, found: dict[str, list[tuple[int, str]]], names: list[str]) -> None:
        if not names:
            return
        narrow, values = "1", []
        if all(map(self._indexed, names)):
            phrases = " OR ".join('"' + name.replace('"', '""') + '"' for name in names)
            narrow = "t.search_id IN (SELECT rowid FROM memory_fts WHERE memory_fts MATCH ?)"
            values = [f"name : ({phrases})"]
        sql = (
            f"SELECT t.search_id, t.id, {_NAME} FROM memory_entities AS t WHERE {narrow} AND t.name IN "
            f"(SELECT value FROM json_each(?)) AND {self.where} AND {_OWN} ORDER BY t.search_id"
        )
        for place, key, name in sqlite.fetch(self.db, sql, (*values, canonical.dumps(names), *self.values)):
            if name in found:
                found[name].append((place, key))

    def missing(self, name: str) -> str | None:
        """Return the id of the memory that stands for an entity that is not there yet."""
        sql = (
            f"SELECT t.id FROM memory_entities AS t WHERE {self._missing} AND t.name = ? ORDER BY +t.search_id LIMIT 1"
        )
        found = sqlite.value(self.db, sql, (*self._deleted_values, name))
        return None if found is None else str(found)

    # -- observations

    def observations(self, entities: Sequence[Entity], after: int = 0) -> Iterator[Observation]:
        """Yield the observations of these entities, entity by entity; of the first one only those behind a place."""
        sql = (
            "SELECT DISTINCT e.search_id, t.search_id FROM memory_entities AS e "
            f"CROSS JOIN relationships AS r ON r.to_id = e.id AND r.type = '{OBSERVATION_OF}' "
            "CROSS JOIN memory_entities AS t ON t.id = r.from_id "
            f"WHERE e.id IN (SELECT value FROM json_each(?)) AND t.type = '{mapping.OBSERVATION}' AND {self.where} "
            "ORDER BY e.search_id, t.search_id"
        )
        ids: Any = canonical.dumps([one.id for one in entities])
        found = sqlite.fetch(self.db, sql, (ids, *self.values))
        if after and entities:
            found = [(of, place) for of, place in found if of != entities[0].place or place > after]
        text = f"SELECT {_COLUMNS} FROM memory_entities AS t WHERE t.search_id = ?"
        for of, place in found:
            for row in sqlite.fetch(self.db, text, (place,)):
                record = _memory(row)
                yield Observation(of, place, record.id, said(record))

    # -- relations

    def relations(self, ids: set[str] | None = None) -> list[Relation]:
        """Return the relations in the order of storing: those with one of these ends, None: all."""
        touching, bound = self._touching(ids)
        sql = (
            f"SELECT r.id, r.type, (SELECT {_NAME} FROM memory_entities AS t WHERE t.id = r.from_id), "
            f"(SELECT {_NAME} FROM memory_entities AS t WHERE t.id = r.to_id), "
            f"json_extract(r.extra, '{_KEPT}.place'), r.rowid FROM relationships AS r "
            f"WHERE {touching} AND {self._seen()} ORDER BY r.rowid"
        )
        found = [
            (_order(place), number, Relation(str(key), str(source), str(target), str(kind)))
            for key, kind, source, target, place, number in sqlite.fetch(self.db, sql, (*bound, *self._seen_values()))
        ]
        dangling = self.dangling()
        if dangling:
            names = None if ids is None else self._names(ids)
            found += [
                (_order(place), -1, one)
                for place, one in dangling
                if names is None or one.source in names or one.target in names
            ]
            found.sort(key=lambda each: each[:2])
        return [one for _, _, one in found]

    def count_relations(self) -> int:
        """Return the number of all relations."""
        sql = f"SELECT count(*) FROM relationships AS r WHERE {self._seen()}"
        return int(sqlite.value(self.db, sql, self._seen_values())) + len(self.dangling())

    def between(self, source: Sequence[str], target: Sequence[str], kind: str) -> list[str]:
        """Return the ids of the relations of a type from one of these memories to one of those."""
        sql = (
            "SELECT r.id FROM relationships AS r WHERE r.from_id IN (SELECT value FROM json_each(?)) AND r.to_id IN "
            f"(SELECT value FROM json_each(?)) AND r.type = ? AND {self._seen()} ORDER BY r.rowid"
        )
        ends: tuple[Any, ...] = (canonical.dumps(list(source)), canonical.dumps(list(target)), kind)
        return [str(key) for (key,) in sqlite.fetch(self.db, sql, (*ends, *self._seen_values()))]

    def dangling(self) -> list[tuple[Any, Relation]]:
        """Return the imported relations of which an end is not there, each with its place in the graph it is from.

        Nobody can say to whom a name belongs that is not there: they are shown only where nothing is hidden.
        """
        if not self.whole or not sqlite.column_names(self.db, "_collections"):
            return []
        tables = "SELECT DISTINCT tbl FROM _collections WHERE collection = ? AND origin IS NULL AND database IS NULL"
        found = []
        for (name,) in sqlite.fetch(self.db, tables, (mapping.DANGLING,)):
            quoted = '"' + name.replace('"', '""') + '"'
            for key, text, place in sqlite.each(self.db, f"SELECT id, line, place FROM {quoted}"):
                line = canonical.loads(text) if isinstance(text, str) else None
                if mapping.is_relation(line):
                    assert isinstance(line, dict)
                    one = Relation(str(key), line["from"], line["to"], line["relationType"], name)
                    found.append((place, one))
        return found

    def _touching(self, ids: set[str] | None) -> tuple[str, tuple[Any, ...]]:
        if ids is None:
            return "1", ()
        some: Any = canonical.dumps(sorted(ids))
        ends = "SELECT value FROM json_each(?)"
        either = " UNION ".join(f"SELECT rowid FROM relationships WHERE {end} IN ({ends})" for end in _ENDS)
        return f"r.rowid IN ({either})", (some, some)

    def _seen(self) -> str:
        there = f"(({self.where}) OR ({self._missing}))"
        seen = " AND ".join(
            f"EXISTS (SELECT 1 FROM memory_entities AS t WHERE t.id = r.{end} AND {there})" for end in _ENDS
        )
        return f"{seen} AND NOT ({_SAYS})"

    def _seen_values(self) -> list[Any]:
        return [*self.values, *self._deleted_values] * 2

    def _names(self, ids: set[str]) -> set[str]:
        sql = f"SELECT {_NAME} FROM memory_entities AS t WHERE t.id IN (SELECT value FROM json_each(?))"
        some: Any = canonical.dumps(sorted(ids))
        return {str(name) for (name,) in sqlite.fetch(self.db, sql, (some,))}


_ENDS = ("from_id", "to_id")
_LAST = 1 << 60


def _order(place: Any) -> int:
    return place if type(place) is int else _LAST


def entity(place: int, memory: Memory) -> Entity:
    """Return a memory as an entity."""
    if memory.type != mapping.ENTITY:
        return Entity(place, memory.id, name_of(memory), memory.type, said(memory))
    document = {"tags": memory.tags, "extra": memory.extra, "name": memory.name, "id": memory.id}
    kind = mapping.entity_line(document, []).get("entityType")
    return Entity(place, memory.id, name_of(memory), kind if isinstance(kind, str) else mapping.ENTITY, said(memory))


def name_of(memory: Memory) -> str:
    """Return the name of a memory in the graph: its own, else its id."""
    return mapping.name_of({"name": memory.name, "id": memory.id, "extra": memory.extra})


def said(memory: Memory) -> str:
    """Return the text of a memory; of any other content its JSON text."""
    return memory.content if isinstance(memory.content, str) else canonical.dumps(memory.content)


def _memory(row: Sequence[Any]) -> Memory:
    record = MEMORIES.to_record(tuple(row))
    assert isinstance(record, Memory)
    return record
