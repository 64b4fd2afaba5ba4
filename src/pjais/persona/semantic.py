"""Semantic search: memories with an embedding similar to the query's, and hybrid search.

A text is compared by the local model of the extra `semantic` if that is installed, since it covers every memory;
otherwise, or for another model that is named, by the embeddings that the app stored.  Only embeddings of one model and
one dimension are compared, since others mean something else.  The similarity is the cosine, -1 to 1; from .3 on a
memory counts as similar, as in the app, and from .1 on by the local model, whose cosines are smaller.

The hybrid search takes the best of the full text and of the vectors and adds 1 / (60 + rank) of each: reciprocal rank
fusion (Cormack, Clarke, Büttcher, SIGIR 2009), which needs no common scale.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from pjais import canonical, choices, sqlite
from pjais.errors import UsageError
from pjais.models.persona.records import Memory
from pjais.models.persona.tables import MEMORIES
from pjais.persona import embedding, filters, local_model, search
from pjais.persona.filters import Filters
from pjais.persona.local_vectors import LocalVectors
from pjais.persona.search import Query
from pjais.persona.vectors import Kind, Vectors, packed

THRESHOLD = 0.3
LOCAL_THRESHOLD = 0.1
"""The same for the local model, measured: below it nothing was relevant that was not found from it on."""
FUSION = 60
"""The constant of reciprocal rank fusion, as its authors chose it."""
DEPTH = 200
"""Minimum depth of each of the two lists of a hybrid search."""

_COLUMNS = ", ".join(f"t.{name}" for name in MEMORIES.column_names)
_BATCH, _LARGEST = 200, 6400


class Similar(NamedTuple):
    """One result: the memory, and its cosine similarity to the query."""

    memory: Memory
    similarity: float


class Blended(NamedTuple):
    """One result of the hybrid search: the memory, its fused score, and the result of each search.

    `snippet` and `rank` are those of the full text, `similarity` that of the vectors; None: not found by it.
    """

    memory: Memory
    score: float
    snippet: str | None
    rank: float | None
    similarity: float | None


class Target(NamedTuple):
    """The query to compare with the stored embeddings.  Exactly one of `vector` and `text` is given."""

    vector: Sequence[float] | None = None
    text: str | None = None
    model: str | None = None
    embed: embedding.Embed | None = None


class Embeddings(NamedTuple):
    """The vectors for a query to be compared with: the embeddings in the store, and those of the local model."""

    stored: Vectors
    local: LocalVectors

    def usable(self, db: sqlite.Connection) -> bool:
        """Return whether a text can be looked for without embedding a whole store first.

        By the app's embeddings it still takes their model, whose absence is a UsageError.
        """
        return self.local.is_on or bool(self.stored.kinds(db))


def similar(
    db: sqlite.Connection, held: Embeddings, target: Target, threshold: float | None, limit: int | None, wanted: Filters
) -> list[Similar]:
    """Return the most similar memories.  Raises UsageError if nothing can be compared."""
    return _shown(db, _similar(db, held, target, threshold, limit, wanted))


def _similar(
    db: sqlite.Connection, held: Embeddings, target: Target, threshold: float | None, limit: int | None, wanted: Filters
) -> list[tuple[str, float]]:
    """Return the ids of the most similar memories, with their similarities."""
    _check(target, threshold, limit)
    if target.vector is None and target.text is None:
        raise UsageError("give a vector, or a text to make one of")
    if target.text is not None and _is_local(target):
        vector = local_model.need().embed(target.text)
        near = held.local.nearest(db, vector, LOCAL_THRESHOLD if threshold is None else threshold)
        return _passing(db, near, limit, wanted)
    kinds = held.stored.kinds(db)
    if not kinds:
        filters.where(wanted, db)
        return []
    model = target.model or next(iter(kinds)).model
    given = target.vector
    if given is None:
        given = (target.embed or embedding.local(model))(str(target.text))
    ready = packed(given)
    kind = _kind(kinds, len(ready) // 4, target.model)
    return _passing(db, held.stored.nearest(db, kind, ready, _or_default(threshold)), limit, wanted)


def similar_to(
    db: sqlite.Connection, held: Embeddings, memory_id: str, threshold: float | None, limit: int | None, wanted: Filters
) -> list[Similar]:
    """Return the memories most similar to one of them, excluding it.  Raises UsageError if it cannot be compared.

    By its stored embedding if it has one that can be used, else by the local model.
    """
    _check(Target(), threshold, limit)
    found = held.stored.vector_of(db, memory_id)
    if found is not None:
        near = held.stored.nearest(db, *found, _or_default(threshold))
    elif local_model.installed() and (vector := held.local.vector_of(db, memory_id)) is not None:
        near = held.local.nearest(db, vector, LOCAL_THRESHOLD if threshold is None else threshold)
    else:
        raise UsageError("this memory has no embedding that could be compared", where=[memory_id])
    return _shown(db, _passing(db, (one for one in near if one[0] != memory_id), limit, wanted))


def hybrid(
    db: sqlite.Connection, held: Embeddings, asked: Query, target: Target, threshold: float | None
) -> list[Blended]:
    """Merge full-text and vector results into one list, best first."""
    window = choices.window(DEPTH if asked.limit is None else asked.limit, asked.offset)
    depth = max(DEPTH, sum(window))
    words = search.search(db, asked._replace(limit=depth, offset=0))
    near = dict(_similar(db, held, target, threshold, depth, asked.filters))
    scores: defaultdict[str, float] = defaultdict(float)
    for ranked in ([one.memory.id for one in words], near):
        for place, key in enumerate(ranked, 1):
            scores[key] += 1 / (FUSION + place)
    best = sorted(scores, key=lambda key: (-scores[key], key))[window[1] :][: window[0]]
    found = {one.memory.id: one for one in words}
    others = _records(db, [key for key in best if key not in found])
    return [
        Blended(found[key].memory, scores[key], found[key].snippet, found[key].rank, near.get(key))
        if key in found
        else Blended(others[key], scores[key], None, None, near[key])
        for key in best
    ]


def _is_local(target: Target) -> bool:
    """Return whether a text is compared by the local model."""
    if target.embed is not None or not local_model.installed():
        return False
    return target.model is None or target.model == local_model.need().name


def _or_default(threshold: float | None) -> float:
    return THRESHOLD if threshold is None else threshold


def _check(target: Target, threshold: float | None, limit: int | None) -> None:
    """Raise UsageError for an invalid request."""
    choices.window(limit)
    if threshold is not None:
        choices.number("threshold", threshold)
    choices.maybe("text", target.text)
    choices.maybe("model", target.model)
    if target.embed is not None:
        choices.function("embed", target.embed)


def _kind(held: dict[Kind, int], dimension: int, model: str | None) -> Kind:
    """Return the kind of embeddings that a query is compared with.  Raises UsageError if it is ambiguous or missing."""
    known = [str(kind) for kind in held]
    fitting = [kind for kind in held if kind.dimension == dimension and model in (None, kind.model)]
    if not fitting:
        named = "" if model is None else f" of the model {model}"
        raise UsageError(
            f"no stored embedding{named} has {dimension} numbers; a query of another dimension cannot be compared",
            where=known,
        )
    if len(fitting) > 1:
        raise UsageError(f"several models gave embeddings of {dimension} numbers; say which one", where=known)
    return fitting[0]


def _passing(
    db: sqlite.Connection, near: Iterator[tuple[str, float]], limit: int | None, wanted: Filters
) -> list[tuple[str, float]]:
    """Return the first ids that pass the filters, with their similarities; looked up in ever larger batches."""
    where, values = filters.where(wanted, db)
    sql = f"SELECT t.id FROM memory_entities AS t WHERE t.id IN (SELECT value FROM json_each(?)) AND {where}"
    found: list[tuple[str, float]] = []
    size = _BATCH
    while (limit is None or len(found) < limit) and (batch := list(islice(near, size))):
        ids: Any = canonical.dumps([key for key, _ in batch])
        passing = {key for (key,) in sqlite.each(db, sql, (ids, *values))}
        found += [one for one in batch if one[0] in passing]
        size = min(2 * size, _LARGEST)
    return found[:limit]


def _records(db: sqlite.Connection, keys: Sequence[str]) -> dict[str, Memory]:
    """Return memories by their ids."""
    sql = f"SELECT {_COLUMNS} FROM memory_entities AS t WHERE t.id IN (SELECT value FROM json_each(?))"
    return {row[0]: _memory(row) for row in sqlite.each(db, sql, (canonical.dumps(list(keys)),))}


def _memory(row: tuple[Any, ...]) -> Memory:
    record = MEMORIES.to_record(row)
    assert isinstance(record, Memory)
    return record


def _shown(db: sqlite.Connection, near: list[tuple[str, float]]) -> list[Similar]:
    records = _records(db, [key for key, _ in near])
    return [Similar(records[key], similarity) for key, similarity in near]
