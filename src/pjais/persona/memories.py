"""Memories: search, add, count, move between tiers, delete and restore.

Every query of the app's guides is here under its name.  Filters are those of `pjais.persona.filters.Filters`.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Unpack, cast

from pjais import choices, instants, journal, sqlite
from pjais.errors import UsageError
from pjais.models.persona.records import Memory
from pjais.models.persona.tables import MEMORIES
from pjais.persona import (
    embedding_map,
    filters,
    local_model,
    narrowing,
    search,
    semantic,
    statistics,
    tiers,
    vector_file,
)
from pjais.persona.background import Background
from pjais.persona.embedding import Embed
from pjais.persona.filters import Filters
from pjais.persona.local_vectors import LocalVectors, Progress
from pjais.persona.search import Found, Query, Results
from pjais.persona.semantic import Blended, Embeddings, Similar, Target
from pjais.persona.tiers import Move
from pjais.persona.vectors import Vectors
from pjais.store.pool import Pool
from pjais.store.provenance import Provenance, Wanted
from pjais.store.records import List, Records


class Embedded(NamedTuple):
    """The result of `embed_missing`: the model, its dimension, the texts embedded, and the memories with a vector."""

    model: str
    dimension: int
    made: int
    total: int


class Memories(Records[Memory]):
    """The memories of a store.  Lists leave out deleted ones; `get` finds those too."""

    table = MEMORIES
    order = "t.importance DESC, t.last_accessed DESC, t.id"

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self._vectors = Vectors(pool)
        self._local = LocalVectors(pool)
        self._background = Background(pool, self._local)
        self.embeddings = Embeddings(self._vectors, self._local)
        """The vectors that searches by meaning compare with (`pjais.persona.semantic`)."""
        pool.on_commit = self._background.poke

    def list(
        self,
        *,
        persona: str | None = None,
        limit: int | None = None,
        offset: int = 0,
        order: str | None = None,
        source: Wanted = None,
    ) -> List[Memory]:
        """Return memories that are not deleted, by importance and last access, or by one field (`-updated_at`)."""
        return self.filtered(limit=limit, offset=offset, order=order, persona=persona, source=source)

    def filtered(
        self, *, limit: int | None = 100, offset: int = 0, order: str | None = None, **wanted: Unpack[Filters]
    ) -> List[Memory]:
        """Return memories that pass every filter (`filteredMemories`).  Raises UsageError for an invalid filter."""
        with self._pool.view() as db:
            where, values = filters.where(wanted, db)
            few, named = narrowing.condition(db, wanted)
            rest = f"WHERE {few} AND {where} ORDER BY {self._ordering(order)} LIMIT ? OFFSET ?"
            return self._select(rest, (*named, *values, *choices.window(limit, offset)))

    def numbers(self, order: str | None = None, **wanted: Unpack[Filters]) -> array[int]:
        """Return the numbers (`search_id`) of all memories that pass the filters, in the order of a list.

        8 bytes each: pages of them are read by `numbered`, however far down the list they are.
        """
        with self._pool.view() as db:
            where, values = filters.where(wanted, db)
            few, named = narrowing.condition(db, wanted)
            rest = f"WHERE {few} AND {where} ORDER BY {self._ordering(order)}"
            found = sqlite.each(db, f"SELECT t.search_id FROM {self.table.sql} AS t {rest}", (*named, *values))
            return array("q", (number for (number,) in found))

    def numbered(self, numbers: Sequence[int]) -> List[Memory]:
        """Return the memories of these numbers, in this order; numbers of no memory are left out."""
        wanted = choices.counts("numbers", numbers)
        with self._pool.view() as db:
            found = (
                sqlite.first(db, f"SELECT {self._columns} FROM {self.table.sql} AS t WHERE t.search_id = ?", (one,))
                for one in wanted
            )
            return [cast(Memory, self.table.to_record(row)) for row in found if row is not None]

    def groups(self, **wanted: Unpack[Filters]) -> statistics.Groups:
        """Return the number of memories of each persona, tier and type."""
        with self._pool.view() as db:
            return statistics.groups(db, wanted)

    def tags(self, **wanted: Unpack[Filters]) -> Counter[str]:
        """Return how many memories have each tag."""
        with self._pool.view() as db:
            return statistics.tags(db, wanted)

    def by_source(self, **wanted: Unpack[Filters]) -> Counter[Provenance]:
        """Return how many memories came from each source."""
        with self._pool.view() as db:
            return statistics.sources(db, wanted)

    def hot(self, persona: str | None = None, limit: int = 50) -> List[Memory]:
        """Return the memories of the hot tier, including `active` (`hotMemories`, `activePersonaMemories`)."""
        return self.filtered(persona=persona, tier="hot", limit=limit)

    def important(self, persona: str | None = None, above: float = 80, limit: int = 100) -> List[Memory]:
        """Return memories with an importance above a bound (0-100), most important first (`importantMemories`)."""
        where, values = self._where({"persona": persona})
        rest = f"WHERE {where} AND t.importance > ? ORDER BY {self.order} LIMIT ? OFFSET ?"
        return self._select(rest, (*values, choices.number("above", above), *choices.window(limit)))

    def recent(self, persona: str | None = None, limit: int = 20) -> List[Memory]:
        """Return the memories created last, latest first."""
        return self.filtered(persona=persona, order="-created_at", limit=limit)

    def by_tier(self, tier: str | Iterable[str], persona: str | None = None, limit: int | None = None) -> List[Memory]:
        """Return the memories of one or several tiers (`MemoriesByTier`; `hot` includes `active`)."""
        return self.filtered(persona=persona, tier=tier, limit=limit)

    def by_type(self, type: str | Iterable[str], persona: str | None = None, limit: int | None = None) -> List[Memory]:
        """Return the memories of one or several types (`memoriesByType`)."""
        return self.filtered(persona=persona, type=type, limit=limit)

    def by_importance(
        self, low: float = 0, high: float = 100, persona: str | None = None, limit: int | None = None
    ) -> List[Memory]:
        """Return memories with an importance (0-100) between two bounds, both included (`ByImportance`)."""
        return self.filtered(persona=persona, importance=(low, high), limit=limit)

    def by_date_range(
        self, since: int | None, until: int | None, persona: str | None = None, limit: int | None = None
    ) -> List[Memory]:
        """Return memories created between two instants (ms, both included), latest first (`ByDateRange`)."""
        return self.filtered(persona=persona, created=(since, until), order="-created_at", limit=limit)

    def by_tags(self, *tags: str, persona: str | None = None, limit: int | None = None) -> List[Memory]:
        """Return memories that have all of these tags (`ByTags`)."""
        if not tags:
            raise UsageError("name at least one tag")
        return self.filtered(persona=persona, tags=tags, limit=limit)

    def archived(self, persona: str | None = None, limit: int | None = None) -> List[Memory]:
        """Return archived memories: those of the tiers `cold` and `archived`."""
        return self.filtered(persona=persona, tier=("cold", "archived"), limit=limit)

    def performing(self, persona: str | None = None, limit: int | None = 100) -> List[Memory]:
        """Return memories in heavy use: importance of 80 or more, over 10 accesses, or accessed in the last 24 hours.

        The app's `MemoryPerformance` names the three conditions, but not how they combine.
        """
        where, values = self._where({"persona": persona})
        used = "(t.importance >= 80 OR t.access_count > 10 OR t.last_accessed >= ?)"
        rest = f"WHERE {where} AND {used} ORDER BY t.access_count DESC, {self.order} LIMIT ? OFFSET ?"
        day = instants.to_text(journal.now_ms() - instants.DAY_MS)
        return self._select(rest, (*values, day, *choices.window(limit)))

    def deleted(self, persona: str | None = None, source: Wanted = None) -> List[Memory]:
        """Return deleted memories, which can be restored, latest first."""
        with self._pool.view() as db:
            where, values = filters.where({"persona": persona, "source": source, "include_deleted": True}, db)
            return self._select(f"WHERE t.deleted_at IS NOT NULL AND {where} ORDER BY t.deleted_at DESC, t.id", values)

    def stats(self, **wanted: Unpack[Filters]) -> dict[str, Any]:
        """Return `total`, `by_tier`, `by_type`, `average_importance` (`memoryStats`)."""
        with self._pool.view() as db:
            return statistics.stats(db, wanted)

    def insights(self, **wanted: Unpack[Filters]) -> dict[str, Any]:
        """Return stats, the number created in the last 24 hours, and the links among them (`memoryInsights`)."""
        with self._pool.view() as db:
            return statistics.insights(db, wanted, journal.now_ms())

    def analytics(self, **wanted: Unpack[Filters]) -> dict[str, Any]:
        """Return sizes, importance, tiers, types, the activity of 7 days (`MemoryAnalytics`)."""
        with self._pool.view() as db:
            return statistics.analytics(db, wanted, journal.now_ms())

    def months(self, **wanted: Unpack[Filters]) -> dict[str, int]:
        """Return the number of memories created in each month (UTC, `2025-03`; `unknown`), oldest first."""
        with self._pool.view() as db:
            return statistics.months(db, wanted)

    def importance(self, **wanted: Unpack[Filters]) -> dict[str, int]:
        """Return the number of memories in each tenth of the importance scale, and beyond it."""
        with self._pool.view() as db:
            return statistics.importance(db, wanted)

    def embedded(self) -> int:
        """Return how many memories hold an embedding."""
        with self._pool.reader() as db:
            return int(sqlite.value(db, "SELECT count(*) FROM memory_entities WHERE embedding IS NOT NULL"))

    def embed_missing(self, progress: Progress | None = None) -> Embedded:
        """Embed every memory that the model of the extra `semantic` has no vector of, and what was edited since.

        From then on searches by meaning keep up, and new memories are embedded in the background.  The vectors are
        kept in a file beside the store (`pjais.persona.vector_file`), and nothing is written into the store.
        `progress(done, total)` is called now and then.  Raises UsageError if the extra is not installed.
        """
        if progress is not None:
            choices.function("progress", progress)
        model = local_model.need()
        with self._pool.view() as db:
            made, total = self._local.update(db, progress)
            self._local.tidy(db)
        return Embedded(model.name, model.dimension, made, total)

    def embed_in_background(self) -> bool:
        """Embed what anybody writes while the store is open; return whether it will (the extra, and semantic use)."""
        self._background.follow()
        return self._background.running

    def forget_vectors(self) -> bool:
        """Remove the vectors of the extra's model and stop embedding; return whether there were any."""
        was_on = vector_file.is_on(self._pool.path)
        self._local.close()
        vector_file.remove(self._pool.path)
        return was_on

    def atlas(self, persona: str | None = None) -> tuple[List[tuple[Memory, float, float]], int]:
        """Return a map of the commonest kind of embedding: memories with x and y (-1 to 1), and their total."""
        choices.maybe("persona", persona)
        with self._pool.view() as db:
            kind, count = next(iter(self._vectors.kinds(db).items()), (None, 0))
            if kind is None:
                return [], 0
            found = self._vectors.some(db, kind, embedding_map.MOST)
            keys = [
                key
                for key in found
                if (held := self.get(key)) and not held.deleted_at and persona in (None, held.persona_id)
            ]
            points = embedding_map.project([found[key] for key in keys])
            return [(self.need(key), x, y) for key, (x, y) in zip(keys, points, strict=True)], count

    def remember(self, content: Any, *, persona: str | None = None, **fields: Any) -> Memory:
        """Add a memory; without a persona it belongs to the active one, if there is one."""
        if choices.maybe("persona", persona) is None:
            found = self._pool_value("SELECT id FROM personas WHERE is_active = 1 ORDER BY last_used DESC LIMIT 1")
            persona = found if isinstance(found, str) else None
        return self.create(content=content, persona_id=persona, **fields)

    def access(self, memory_id: str) -> Memory:
        """Return a memory and count the access."""
        now = journal.now_ms()
        with self._pool.writer() as db:
            held = self.need(memory_id)
            record = held._replace(access_count=held.access_count + 1, last_accessed=now)
            db.execute(
                "UPDATE memory_entities SET access_count = ?, last_accessed = ? WHERE id = ?",
                (record.access_count, instants.to_text(now), memory_id),
            )
        return record

    def delete(self, memory_id: str) -> Memory:
        """Mark a memory as deleted; `restore` reverts it."""
        return self.update(memory_id, deleted_at=journal.now_ms())

    def restore(self, memory_id: str) -> Memory:
        """Restore a deleted memory."""
        return self.update(memory_id, deleted_at=None)

    def search(
        self,
        text: str,
        *,
        any: bool = False,
        prefix: bool = False,
        marks: tuple[str, str] = ("[", "]"),
        highlight: bool = False,
        limit: int | None = 50,
        offset: int = 0,
        **wanted: Unpack[Filters],
    ) -> List[Found]:
        """Find memories with all words of `text` (or any), best first.  Any text is safe; see `pjais.persona.query`.

        `"quoted words"` are a phrase, `tea*` is the beginning of a word; with `prefix` the last word is one, too.
        `marks` stand around each hit in the snippet; `highlight` also gives the whole columns, marked.
        """
        asked = Query(text, any, prefix, marks, highlight, limit, offset, wanted)
        with self._pool.view() as db:
            return search.search(db, asked)

    def search_page(
        self,
        text: str,
        *,
        any: bool = False,
        prefix: bool = False,
        marks: tuple[str, str] = ("[", "]"),
        highlight: bool = False,
        limit: int | None = 50,
        offset: int = 0,
        **wanted: Unpack[Filters],
    ) -> Results:
        """Return one page of `search`, the total number of hits, and the offset of the next page."""
        asked = Query(text, any, prefix, marks, highlight, limit, offset, wanted)
        with self._pool.view() as db:
            return search.page(db, asked)

    def without_date(
        self, text: str | None = None, *, any: bool = False, prefix: bool = False, **wanted: Unpack[Filters]
    ) -> int:
        """Return how many memories the date ranges of a search or list exclude because they have no such date."""
        with self._pool.view() as db:
            rest = filters.undated(wanted, db)
            asked = Query("" if text is None else text, any, prefix, filters=wanted if rest is None else rest)
            search.check(asked)
            if rest is None:
                return 0
            return int(statistics.stats(db, rest)["total"]) if text is None else search.count(db, asked)

    def similar(
        self,
        text: str | None = None,
        *,
        vector: Sequence[float] | None = None,
        model: str | None = None,
        embed: Embed | None = None,
        threshold: float | None = None,
        limit: int | None = 20,
        **wanted: Unpack[Filters],
    ) -> List[Similar]:
        """Find memories with an embedding similar to a vector, most similar first; cosine of at least `threshold`.

        A text is embedded by `embed`, else by `model`, else by the model of the extra `semantic`, which embeds every
        memory first; without the extra by the model of most embeddings in the store.  `threshold` None: what fits the
        model (.3, .1 for that of the extra).  Raises UsageError if the vector matches no stored embedding or those of
        several models, or no local model is installed.
        """
        if text is not None and vector is not None:
            raise UsageError("give a text or a vector, not both")
        with self._pool.view() as db:
            target = Target(vector, text, model, embed)
            return semantic.similar(db, self.embeddings, target, threshold, limit, wanted)

    def similar_to(
        self, memory_id: str, *, threshold: float | None = None, limit: int | None = 20, **wanted: Unpack[Filters]
    ) -> List[Similar]:
        """Find memories similar to another one, which is left out: by its stored embedding, else by the extra's model.

        Raises UsageError if that one cannot be compared.
        """
        with self._pool.view() as db:
            self.need(memory_id)
            return semantic.similar_to(db, self.embeddings, memory_id, threshold, limit, wanted)

    def hybrid(
        self,
        text: str,
        *,
        vector: Sequence[float] | None = None,
        model: str | None = None,
        embed: Embed | None = None,
        any: bool = False,
        threshold: float | None = None,
        limit: int | None = 20,
        offset: int = 0,
        **wanted: Unpack[Filters],
    ) -> List[Blended]:
        """Merge `search` and `similar` into one list, by reciprocal rank fusion.  Raises as `similar`."""
        asked = Query(text, any=any, limit=limit, offset=offset, filters=wanted)
        target = Target(vector, None if vector is not None else text, model, embed)
        with self._pool.view() as db:
            return semantic.hybrid(db, self.embeddings, asked, target, threshold)

    def score(self, memory_id: str) -> float:
        """Return how much a memory is used and needed, 0-100 (see `pjais.persona.tiers`)."""
        with self._pool.view() as db:
            held = self.need(memory_id)
            links = sqlite.value(db, f"SELECT {_LINKS} FROM memory_entities AS t WHERE t.id = ?", (memory_id,))
            return tiers.score(tiers.standing(held, int(links or 0)), journal.now_ms())

    def promote(self, memory_id: str) -> Memory:
        """Move a memory one tier up; a hot one stays.  Raises UsageError for a tier that is none of the three."""
        return self._moved(memory_id, tiers.above)

    def demote(self, memory_id: str) -> Memory:
        """Move a memory one tier down; a cold one stays.  Raises UsageError for a tier that is none of the three."""
        return self._moved(memory_id, tiers.below)

    def set_tier(self, memory_id: str, tier: str) -> Memory:
        """Put a memory into a tier: hot, active, warm or cold.  Raises UsageError for any other."""
        checked = tiers.check(tier)
        return self._moved(memory_id, lambda _: checked)

    def optimise(self, persona: str | None = None, *, dry_run: bool = False) -> List[Move]:
        """Move the memories of a persona (None: of each) to the tiers of their scores, and return the moves.

        With `dry_run` nothing is moved.  Contents and `updated_at` stay: a tier is about a memory, not part of it.
        """
        choices.flag("dry_run", dry_run)
        with self._pool.view() if dry_run else self._pool.writer() as db:
            found = self._out_of_place(db, persona)
            if not dry_run:
                sql = "UPDATE memory_entities SET memory_tier = ? WHERE id = ?"
                db.executemany(sql, [(move.after, move.id) for move in found])
        return found

    def close(self) -> None:
        """Release cached data, and end the work in the background."""
        self._background.close()
        self._local.close()
        self._vectors.close()

    def _out_of_place(self, db: sqlite.Connection, persona: str | None) -> List[Move]:
        where, values = filters.where({"persona": persona}, db)
        sql = (
            "SELECT t.persona_id, t.id, t.memory_tier, t.importance, t.access_count, t.last_accessed, t.created_at, "
            f"{_LINKS} FROM memory_entities AS t WHERE {where} ORDER BY t.persona_id, t.id"
        )
        groups: dict[str | None, List[tiers.Standing]] = {}
        for owner, key, tier, importance, accesses, accessed, made, links in sqlite.each(db, sql, values):
            groups.setdefault(owner, []).append(
                tiers.Standing(key, tier, importance, accesses, _ms(accessed), _ms(made), links)
            )
        now = journal.now_ms()
        return [move for group in groups.values() for move in tiers.moves(group, now)]

    def _moved(self, memory_id: str, step: Any) -> Memory:
        with self._pool.writer() as db:
            held = self.need(memory_id)
            record = held._replace(memory_tier=step(held.memory_tier))
            if record != held:
                db.execute("UPDATE memory_entities SET memory_tier = ? WHERE id = ?", (record.memory_tier, memory_id))
        return record

    def _where(self, wanted: Filters) -> tuple[str, List[Any]]:
        with self._pool.reader() as db:
            return filters.where(wanted, db)

    def _pool_value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        with self._pool.reader() as db:
            found = db.execute(sql, tuple(values)).fetchone()
        return None if found is None else found[0]


_LINKS = (
    "((SELECT count(*) FROM relationships WHERE from_id = t.id) + (SELECT count(*) FROM relationships "
    "WHERE to_id = t.id AND from_id <> t.id))"
)
"""SQL: the number of relationships of a memory."""


def _ms(text: str | None) -> int | None:
    return None if text is None else instants.from_text(text)
