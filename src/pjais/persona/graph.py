"""The memories of a store as a knowledge graph: the nine operations of the MCP memory server, under filters.

    graph = Graph(store, {"persona": p.id, "without_tags": ["private"]})
    graph.create_entities([{"name": "Ada", "entityType": "person", "observations": ["likes tea"]}])
    graph.search("tea")

What each record is in the graph is said in `pjais.persona.graph_rows`.  The operations do what those of
`@modelcontextprotocol/server-memory` do, on the same names, in the same order; what differs is that nothing is lost:
deleted entities and observations are only marked, an operation is one transaction, and what is hidden by the filters
is neither seen nor changed nor counted.

`search` looks for a text within names, types and observations, as the server does, in graphs of up to `SCANNED`
memories; in larger ones for the beginnings of words, by the full-text index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pjais import choices, journal, sqlite
from pjais.errors import UsageError
from pjais.persona import filters, query
from pjais.persona.filters import OBSERVATION_OF, Filters
from pjais.persona.graph_rows import Entity, Observation, Relation, Rows, entity
from pjais.sources.apps.mcp_memory import graph as mapping

if TYPE_CHECKING:
    from pjais.models.persona.records import Memory
    from pjais.persona.store import Store

SCANNED = 10_000
"""Up to this number of memories a search reads all of them: 50 ms."""
_TIERS = ("hot", "warm", "cold")


class Found(NamedTuple):
    """A part of the graph: the places of its entities in order, and the ids of what its relations touch; None: all."""

    places: list[int] | None
    ids: set[str] | None


ALL = Found(None, None)


class Graph:
    """The knowledge graph of a store, as far as `scope` lets it be seen."""

    def __init__(self, store: Store, scope: Filters | None = None) -> None:
        self._store = store
        self._pool = store.pool
        self.scope: Filters = {} if scope is None else scope

    # -- reading: inside `Pool.view`, so that what is found and what is shown are of one state

    def rows(self, db: sqlite.Connection) -> Rows:
        """Return the rows of the graph in a connection."""
        return Rows(db, self.scope)

    def open(self, rows: Rows, names: Sequence[str]) -> Found:
        """Find the entities of these names (else ids), and the relations that touch one of them."""
        held = rows.named(choices.texts("names", names))
        places = sorted({place for some in held.values() for place, _ in some})
        return Found(places, {key for some in held.values() for _, key in some})

    def search(self, rows: Rows, text: str) -> Found:
        """Find the entities with a text in name, type or an observation, and the relations that touch one of them."""
        query.check(text)
        terms = query.terms(text, prefix=True)
        if rows.count(SCANNED + 1) <= SCANNED or not any(sqlite.words(rows.db, term.text) for term in terms):
            return self._scanned(rows, text.lower())
        match = f"{{name content tags}} : ({query.match([term._replace(begins=True) for term in terms])})"
        hits = "SELECT rowid FROM memory_fts WHERE memory_fts MATCH ?"
        own = f"SELECT t.search_id, t.id FROM memory_entities AS t WHERE t.search_id IN ({hits}) AND {rows.where}"
        about = (
            f"SELECT e.search_id, e.id FROM memory_entities AS t JOIN relationships AS r ON r.from_id = t.id AND "
            f"r.type = '{OBSERVATION_OF}' JOIN memory_entities AS e ON e.id = r.to_id "
            f"WHERE t.search_id IN ({hits}) AND t.type = '{mapping.OBSERVATION}' AND {rows.where}"
        )
        values = (match, *rows.values)
        some = {*sqlite.fetch(rows.db, own, values), *sqlite.fetch(rows.db, about, values)}
        return Found(*rows.entities_among(some))

    def _scanned(self, rows: Rows, text: str) -> Found:
        """Look at every entity and observation, as the server does; relations are those of the names that match."""
        held: dict[int, Entity] = {one.place: one for one in rows.entities(None, 0)}
        hits = {
            one.place for one in held.values() if any(text in part.lower() for part in (one.name, one.type, one.text))
        }
        for said in rows.observations(list(held.values())):
            if said.of not in hits and text in said.text.lower():
                hits.add(said.of)
        names = {held[place].name for place in hits}
        return Found(sorted(hits), {one.id for one in held.values() if one.name in names})

    # -- writing: each is a transaction, or a part of the caller's

    def create_entities(self, entities: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Add entities with their observations; those whose name is there already are left out of what is returned."""
        given = list(entities)
        with self._pool.writer() as db:
            rows = self.rows(db)
            there = rows.named([one["name"] for one in given])
            new = [one for one in given if not there[one["name"]]]
            persona = self.persona() if new else None
            first: dict[str, str] = {}
            for one in new:
                self.refuse_hidden([one["entityType"]])
                line = {"type": mapping.ENTITY, "name": one["name"], "entityType": one["entityType"]}
                kept = {"line": {**line, "observations": []}, "place": _next(db)}
                made = self._made(persona, mapping.ENTITY, one["name"], "", kept, tags=[one["entityType"]])
                first.setdefault(one["name"], made.id)
                for text in one["observations"]:
                    self._observe(db, made, text)
            for name, key in first.items():
                self._attach(rows, name, key)
        return new

    def add_observations(self, observations: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Add observations to entities; texts that an entity has are left out.  Raises UsageError for an unknown name.

        All are added, or none.
        """
        results = []
        with self._pool.writer() as db:
            rows = self.rows(db)
            given = list(observations)
            there = rows.named([one["entityName"] for one in given])
            for one in given:
                name = one["entityName"]
                if not there[name]:
                    raise UsageError(f"Entity with name {name} not found", next_command="pjais search --help")
                held = self._store.memories.need(there[name][0][1])
                known = self._texts(rows, held)
                new = [text for text in one["contents"] if text not in known]
                for text in new:
                    self._observe(db, held, text)
                results.append({"entityName": name, "addedObservations": new})
        return results

    def create_relations(self, relations: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Add relations; those that are there already are left out of what is returned.

        An end that is no entity is kept by its name, and becomes the entity of that name when one is made.
        """
        given = list(relations)
        with self._pool.writer() as db:
            rows = self.rows(db)
            new = [one for one in given if not self._related(rows, one)]
            for one in new:
                ends = [self._end(rows, one[end]) for end in ("from", "to")]
                line = {"type": "relation", **{key: one[key] for key in ("from", "to", "relationType")}}
                place = int(sqlite.value(db, "SELECT coalesce(max(rowid), 0) + 1 FROM relationships"))
                self._store.relationships.create(
                    from_id=ends[0],
                    to_id=ends[1],
                    type=one["relationType"],
                    extra={mapping.KIND: {"line": line, "place": place}},
                )
        return new

    def delete_entities(self, names: Sequence[str]) -> int:
        """Mark entities and their observations as deleted; return the number of entities.

        Their relations vanish with them, and come back with `Memories.restore`.  Relations to a name that is no entity
        are removed; the history keeps them.
        """
        with self._pool.writer() as db:
            rows = self.rows(db)
            held = rows.named(names)
            found = sorted({one for some in held.values() for one in some})
            gone = [entity(place, self._store.memories.need(key)) for place, key in found]
            for said in list(rows.observations(gone)):
                self._store.memories.delete(said.id)
            for one in gone:
                self._store.memories.delete(one.id)
            for name in held:
                if (missing := rows.missing(name)) is not None:
                    for link in self._store.relationships.of(missing):
                        self._store.relationships.remove(link.id)
                    self._store.memories.remove(missing)
            self._remove_dangling(rows, lambda one: one.source in held or one.target in held)
        return len(gone)

    def delete_observations(self, deletions: Iterable[Mapping[str, Any]]) -> int:
        """Mark observations of entities as deleted, by their texts; return their number.

        Of a memory that is an entity by itself its own text is emptied.
        """
        count = 0
        with self._pool.writer() as db:
            rows = self.rows(db)
            for one in deletions:
                held = rows.named([one["entityName"]])[one["entityName"]]
                if not held:
                    continue
                about = entity(held[0][0], self._store.memories.need(held[0][1]))
                texts = set(one["observations"])
                gone = [said for said in rows.observations([about]) if said.text in texts]
                for said in gone:
                    self._store.memories.delete(said.id)
                if about.text and about.text in texts:
                    self._store.memories.update(about.id, content="")
                    count += 1
                count += len(gone)
        return count

    def delete_relations(self, relations: Iterable[Mapping[str, Any]]) -> int:
        """Remove relations, by their names and type; return their number.  The history keeps them."""
        wanted = {(one["from"], one["to"], one["relationType"]) for one in relations}
        count = 0
        with self._pool.writer() as db:
            rows = self.rows(db)
            ids = self._ends_of(rows, [name for source, target, _ in wanted for name in (source, target)])
            for source, target, kind in wanted:
                for key in rows.between(ids[source], ids[target], kind):
                    self._store.relationships.remove(key)
                    count += 1
            for name in ids:
                missing = rows.missing(name)
                if missing is not None and not self._store.relationships.of(missing):
                    self._store.memories.remove(missing)
            count += self._remove_dangling(rows, lambda one: (one.source, one.target, one.type) in wanted)
        return count

    # -- what is written under the filters

    def persona(self) -> str | None:
        """Return the persona that new records belong to: that of the filters, else the active one, if there is one."""
        if (named := self.scope.get("persona")) is not None:
            self._store.personas.need(named)
            return named
        active = self._store.personas.active()
        return None if active is None else active.id

    def tier(self) -> str:
        """Return the tier of new records: the hottest that is not hidden.  Raises UsageError where all are."""
        hidden = {one.lower() for one in filters.several("without_tiers", self.scope.get("without_tiers"))}
        hidden |= {"hot"} if hidden & set(filters.HOT) else set()
        found = next((tier for tier in _TIERS if tier not in hidden), None)
        if found is None:
            raise UsageError("all tiers are hidden, so nothing can be added", safe="Nothing was written.")
        return found

    def refuse_hidden(self, tags: Iterable[str]) -> None:
        """Raise UsageError for tags that the filters hide: what is written must be seen by who wrote it."""
        hidden = {filters.folded(one) for one in filters.several("without_tags", self.scope.get("without_tags"))}
        if found := [tag for tag in tags if filters.folded(tag) in hidden]:
            raise UsageError(
                f"the tag or type {found[0]!r} is kept from assistants by the owner of the data; choose another",
                safe="Nothing was written.",
            )

    def _made(self, persona: str | None, kind: str, name: str, text: str, kept: dict[str, Any], **more: Any) -> Memory:
        fields = {"tags": [], "memory_tier": self.tier(), **more, "extra": {mapping.KIND: kept}}
        return self._store.memories.create(persona_id=persona, type=kind, name=name, content=text, **fields)

    def _observe(self, db: sqlite.Connection, about: Memory, text: str) -> None:
        name = mapping.name_of({"name": about.name, "id": about.id, "extra": about.extra})
        made = self._made(about.persona_id, mapping.OBSERVATION, name, text, {"place": _next(db)})
        self._store.relationships.create(from_id=made.id, to_id=about.id, type=OBSERVATION_OF)

    def _texts(self, rows: Rows, memory: Memory) -> set[str]:
        about = entity(0, memory)
        own = {about.text} if about.text else set()
        return own | {one.text for one in rows.observations([about])}

    def _end(self, rows: Rows, name: str) -> str:
        """Return the id of an end of a relation, which is made if it is missing."""
        held = rows.named([name])[name]
        if held:
            return held[0][1]
        missing = rows.missing(name)
        if missing is None:
            kept = {"line": {"type": mapping.ENTITY, "name": name, "observations": []}, mapping.MISSING: True}
            now = journal.now_ms()
            missing = self._made(self.persona(), mapping.ENTITY, name, "", kept, deleted_at=now).id
        return missing

    def _ends_of(self, rows: Rows, names: Iterable[str]) -> dict[str, list[str]]:
        """Return the ids that a name stands for as an end of relations."""
        found = {}
        for name, held in rows.named(names).items():
            missing = rows.missing(name)
            found[name] = [key for _, key in held] + ([] if missing is None else [missing])
        return found

    def _related(self, rows: Rows, one: Mapping[str, Any]) -> bool:
        ids = self._ends_of(rows, (one["from"], one["to"]))
        if rows.between(ids[one["from"]], ids[one["to"]], one["relationType"]):
            return True
        wanted = (one["from"], one["to"], one["relationType"])
        return any((held.source, held.target, held.type) == wanted for _, held in rows.dangling())

    def _attach(self, rows: Rows, name: str, key: str) -> None:
        """Let the relations to a name that was missing be those of its new entity."""
        missing = rows.missing(name)
        if missing is None:
            return
        for link in self._store.relationships.of(missing):
            ends = {end: key for end in ("from_id", "to_id") if getattr(link, end) == missing}
            self._store.relationships.update(link.id, **ends)
        self._store.memories.remove(missing)

    def _remove_dangling(self, rows: Rows, goes: Any) -> int:
        gone = [one for _, one in rows.dangling() if goes(one)]
        for one in gone:
            table = self._pool.model.by_name[one.table]
            rows.db.execute(f"DELETE FROM {table.sql} WHERE id = ?", (one.id,))
        return len(gone)


def _next(db: sqlite.Connection) -> int:
    """Return the place of the next memory in the graph: behind all that are stored."""
    return int(sqlite.value(db, "SELECT coalesce(max(search_id), 0) + 1 FROM memory_entities"))


__all__ = ["ALL", "Entity", "Found", "Graph", "Observation", "Relation", "Rows"]
