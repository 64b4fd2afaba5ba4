"""The stored embeddings as vectors in memory, for comparison: a copy that follows every write of anyone.

The store keeps an embedding as JSON text, of whatever model made it.  Here each is a row of float32 in a private
in-memory database; nothing is added to the store's file, so no other program can be confused by it.  Before each use
the copy is updated (`following`).

An embedding is left out while its memory has another content than the one that it was made of: one that was edited
here after its app embedded it, and not embedded again.

Distances are those of `sqlite-vec` (the extra `semantic`; about 1 µs for 384 numbers).  Without it a function in
Python takes its place, which gives the same numbers, thirty times slower: there are machines without a wheel of
it, and a few thousand memories do not need it.
"""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import mul
from typing import Any, NamedTuple

from pjais import canonical, sqlite
from pjais.errors import UsageError
from pjais.persona.following import Following
from pjais.store.pool import Pool

_TABLE = """
CREATE TABLE vectors (id TEXT PRIMARY KEY, model TEXT, dimension INTEGER, vector BLOB);
CREATE INDEX vectors_kind ON vectors (model, dimension);
"""
_COLUMNS = ("embedding", "embedding_model", "content")
_ALL = "SELECT id, embedding_model, embedding FROM memory_entities WHERE embedding IS NOT NULL"
_SOME = (
    "SELECT wanted.value, t.embedding_model, t.embedding FROM json_each(?) AS wanted "
    "LEFT JOIN memory_entities AS t ON t.id = wanted.value"
)
_EDITED = """
SELECT record_id, op = 'update' AND json_type(after, '$.embedding') IS NULL, json_type(after, '$.content') IS NOT NULL,
    json_extract(before, '$.content') FROM changes AS c WHERE table_name = 'memory_entities' AND %s ORDER BY seq
"""
"""Of each change: whether it left the embedding as it was, whether it changed the content, and the content before."""
_ANY_EDITED = (
    "record_id IN (SELECT record_id FROM changes WHERE table_name = 'memory_entities' AND op = 'update' "
    "AND json_type(after, '$.content') IS NOT NULL)"
)
_AMONG = "record_id IN (SELECT value FROM json_each(?))"


class Kind(NamedTuple):
    """A set of comparable embeddings: those of one model (None: unknown) and one dimension."""

    model: str | None
    dimension: int

    def __str__(self) -> str:
        return f"{self.model or 'no model named'}, {self.dimension} numbers"


class Vectors:
    """The embeddings of a store.  Thread-safe: one thread at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._db: sqlite.Connection | None = None
        self._following = Following(pool, _COLUMNS)

    def close(self) -> None:
        """Discard the copy."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None
            self._following.restart()

    def kinds(self, db: sqlite.Connection) -> dict[Kind, int]:
        """Return how many embeddings there are of each kind, the commonest first."""
        with self._lock:
            found = sqlite.fetch(
                self._ready(db), "SELECT model, dimension, count(*) FROM vectors GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
            )
        return {Kind(model, dimension): count for model, dimension, count in found}

    def vector_of(self, db: sqlite.Connection, memory_id: str) -> tuple[Kind, bytes] | None:
        """Return a memory's embedding, if it has a usable one."""
        with self._lock:
            sql = "SELECT model, dimension, vector FROM vectors WHERE id = ?"
            found = sqlite.first(self._ready(db), sql, (memory_id,))
        return None if found is None else (Kind(found[0], found[1]), found[2])

    def some(self, db: sqlite.Connection, kind: Kind, most: int) -> dict[str, bytes]:
        """Return the vectors of a kind by memory; if there are more than `most`, a sample, evenly over the ids."""
        sql = (
            "SELECT id, vector FROM (SELECT id, vector, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () "
            "AS total FROM vectors WHERE model IS ?1 AND dimension = ?2) WHERE place * ?3 / total <> "
            "(place - 1) * ?3 / total OR place = 0 OR total <= ?3"
        )
        with self._lock:
            return dict(sqlite.fetch(self._ready(db), sql, (*kind, most)))

    def nearest(
        self, db: sqlite.Connection, kind: Kind, vector: bytes, threshold: float
    ) -> Iterator[tuple[str, float]]:
        """Yield (id, cosine similarity) of all memories of a kind from a threshold on, the most similar first."""
        sql = (
            "SELECT id, similarity FROM (SELECT id, 1.0 - vec_distance_cosine(vector, ?) AS similarity FROM vectors "
            "NOT INDEXED WHERE model IS ? AND dimension = ?) WHERE similarity >= ? ORDER BY similarity DESC, id"
        )
        with self._lock:
            found = sqlite.fetch(self._ready(db), sql, (vector, *kind, threshold))
        return ((str(key), min(1.0, similarity)) for key, similarity in found)

    def _ready(self, db: sqlite.Connection) -> sqlite.Connection:
        """Return the copy, updated to the state that `db` sees."""
        changed = self._following.changed(db)
        if self._db is None or changed is None:
            self._db = self._filled(sqlite.each(db, _ALL))
            changed = {key for (key,) in sqlite.each(self._db, "SELECT id FROM vectors")}
            _leave_out(self._db, _outdated(db, None))
        elif changed:
            with sqlite.transaction(self._db):
                _put(self._db, sqlite.each(db, _SOME, (canonical.dumps(sorted(changed)),)))
                _leave_out(self._db, _outdated(db, changed))
        self._following.done(db, changed)
        return self._db

    def _filled(self, rows: Iterator[tuple[Any, ...]]) -> sqlite.Connection:
        if self._db is not None:
            self._db.close()
        self._db = None
        made = sqlite.scratch()
        if not sqlite.load_vectors(made):
            made.create_scalar_function("vec_distance_cosine", _distance, 2, deterministic=True)
        made.execute(_TABLE)
        with sqlite.transaction(made):
            _put(made, rows)
        return made


def packed(vector: Iterable[Any]) -> bytes:
    """Return a vector as float32.  Raises UsageError for one that cannot be compared."""
    found = _packed(list(vector)) if isinstance(vector, Iterable) and not isinstance(vector, str | bytes) else None
    if found is None:
        raise UsageError("a vector is a list of numbers, not all of them 0")
    return found


def _packed(vector: Any) -> bytes | None:
    """Return the numbers as float32; None for anything that is no vector, or has no direction."""
    if not isinstance(vector, list):
        return None
    try:
        floats = array("f", vector)
    except (TypeError, OverflowError):
        return None
    length = math.hypot(*floats)
    return floats.tobytes() if 0.0 < length < math.inf else None


def _put(db: sqlite.Connection, rows: Iterator[tuple[Any, ...]]) -> None:
    """Add (id, model, embedding as JSON text); a memory without a usable embedding is left out."""
    for key, model, text in rows:
        vector = _packed(_loaded(text)) if isinstance(text, str) else None
        if vector is None:
            db.execute("DELETE FROM vectors WHERE id = ?", (key,))
        else:
            db.execute("REPLACE INTO vectors VALUES (?, ?, ?, ?)", (key, model, len(vector) // 4, vector))


def _leave_out(db: sqlite.Connection, keys: Iterable[str]) -> None:
    db.executemany("DELETE FROM vectors WHERE id = ?", ((key,) for key in keys))


def _outdated(db: sqlite.Connection, among: set[str] | None) -> list[str]:
    """Return the memories whose embedding was made of another content; among these, or all."""
    where, values = (_ANY_EDITED, ()) if among is None else (_AMONG, (canonical.dumps(sorted(among)),))
    embedded: dict[str, Any] = {}
    for key, kept, edited, before in sqlite.each(db, _EDITED % where, values):
        if not kept:
            embedded.pop(key, None)
        elif edited:
            embedded.setdefault(key, before)
    now = "SELECT content FROM memory_entities WHERE id = ?"
    return [key for key, content in embedded.items() if sqlite.value(db, now, (key,)) != content]


def _loaded(text: str) -> Any:
    try:
        return canonical.loads(text)
    except (ValueError, RecursionError):
        return None


def _distance(*vectors: Any) -> float:
    """Return 1 - cosine of two vectors of float32."""
    first: Sequence[float] = array("f", vectors[0])
    second: Sequence[float] = array("f", vectors[1])
    product = float(sum(map(mul, first, second)))
    return 1.0 - product / (math.hypot(*first) * math.hypot(*second))
