"""The stored embeddings as vectors in memory, for comparison: a copy that follows every write of anyone.

The store keeps an embedding as JSON text, of whatever model made it.  Here each is a row of float32 in a private
in-memory database; nothing is added to the store's file, so no other program can be confused by it.  Before each use
the copy is updated from `changes`, to which the store's triggers write whoever writes: only memories that changed
since are read again, or all of them if the history is not the one that was followed (the file was replaced, or an
old state was copied into it).  This thread's uncommitted writes count for this thread, and are read again next time.

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
from pjais.store.pool import Pool

_TABLE = """
CREATE TABLE vectors (id TEXT PRIMARY KEY, model TEXT, dimension INTEGER, vector BLOB);
CREATE INDEX vectors_kind ON vectors (model, dimension);
"""
_ALL = "SELECT id, embedding_model, embedding FROM memory_entities WHERE embedding IS NOT NULL"
_SOME = (
    "SELECT wanted.value, t.embedding_model, t.embedding FROM json_each(?) AS wanted "
    "LEFT JOIN memory_entities AS t ON t.id = wanted.value"
)
_CHANGED = """
SELECT DISTINCT record_id FROM changes WHERE seq > ? AND table_name = 'memory_entities' AND (op <> 'update'
    OR json_type(after, '$.embedding') IS NOT NULL OR json_type(after, '$.embedding_model') IS NOT NULL)
"""
_MOMENT = """
SELECT coalesce((SELECT max(seq) FROM changes), 0), (SELECT id FROM migration_runs ORDER BY rowid DESC LIMIT 1),
    (SELECT at || record_id FROM changes WHERE seq = ?)
"""
"""The last change, the last run, and a mark of the last change that was read."""


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
        self._seq = 0
        self._marks: tuple[Any, Any] = (None, None)
        self._unsure: set[str] = set()
        """Memories that were read inside a transaction, which may have been rolled back since."""

    def close(self) -> None:
        """Discard the copy."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

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

    def nearest(self, db: sqlite.Connection, kind: Kind, vector: bytes, threshold: float) -> list[tuple[str, float]]:
        """Return (id, cosine similarity) of all memories of a kind from a threshold on, the most similar first."""
        sql = (
            "SELECT id, similarity FROM (SELECT id, 1.0 - vec_distance_cosine(vector, ?) AS similarity FROM vectors "
            "NOT INDEXED WHERE model IS ? AND dimension = ?) WHERE similarity >= ? ORDER BY similarity DESC, id"
        )
        with self._lock:
            found = sqlite.fetch(self._ready(db), sql, (vector, *kind, threshold))
        return [(str(key), min(1.0, similarity)) for key, similarity in found]

    def _ready(self, db: sqlite.Connection) -> sqlite.Connection:
        """Return the copy, updated to the state that `db` sees."""
        last, *marks = sqlite.fetch(db, _MOMENT, (self._seq,))[0]
        if self._db is None or tuple(marks) != self._marks or (last < self._seq):
            self._db = self._filled(sqlite.each(db, _ALL))
            self._note(db, last, {key for (key,) in sqlite.each(self._db, "SELECT id FROM vectors")})
            return self._db
        changed = {key for (key,) in sqlite.each(db, _CHANGED, (self._seq,))} if last > self._seq else set()
        again = changed | self._unsure
        if again:
            with sqlite.transaction(self._db):
                _put(self._db, sqlite.each(db, _SOME, (canonical.dumps(sorted(again)),)))
        if again or last != self._seq:
            self._note(db, last, again)
        return self._db

    def _note(self, db: sqlite.Connection, last: int, read: set[str]) -> None:
        """Record how far the history was read; inside a transaction, also what may yet be rolled back."""
        if self._pool.writing:
            self._unsure = read
            return
        self._seq, self._unsure = last, set()
        marks = sqlite.fetch(db, _MOMENT, (last,))[0][1:]
        self._marks = (marks[0], marks[1])

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
