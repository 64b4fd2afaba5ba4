"""The vectors that the local model makes of all memories, in memory, for comparison: 270 bytes each.

They follow every write of anyone.  Before each use the memories that changed are read again; the vector of a text that
was met before comes from the file (`vector_file`), that of a new text is made then and there and kept in the file.  So
what is compared is always complete and never of an earlier text, also if nothing was embedded in advance; the work in
the background only moves the wait.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pjais import canonical, sqlite
from pjais.persona import local_model, vector_file
from pjais.persona.following import Following
from pjais.persona.local_model import LocalModel
from pjais.persona.vector_file import VectorFile
from pjais.store.pool import Pool

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

Progress = Callable[[int, int], None]
"""Called with the number of texts that are embedded, and of all that were to be, so far as is known."""

_COLUMNS = ("name", "summary", "content", "content_format")
_TEXTS = ", ".join(f"t.{name}" for name in _COLUMNS)
_ALL = f"SELECT t.id, {_TEXTS} FROM memory_entities AS t"
_SOME = (
    f"SELECT wanted.value, {_TEXTS} FROM json_each(?) AS wanted LEFT JOIN memory_entities AS t ON t.id = wanted.value"
)
_BATCH = 256
"""Texts that are embedded, and written in one transaction, at once: 0.03 s."""
_BLOCK = 1024
"""Vectors that are compared at once: 1 MB as floats, in this thread alone (BLAS would take every core)."""


class Stopped(Exception):
    """The caller asked to end before all was embedded."""


class LocalVectors:
    """The vectors of a store's memories by the local model.  Thread-safe: one thread at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lock = threading.RLock()
        self._following = Following(pool, _COLUMNS)
        self._held: _Held | None = None

    @property
    def is_on(self) -> bool:
        """True if the extra is installed and somebody embedded this store's memories before."""
        return vector_file.is_on(self._pool.path) and local_model.installed()

    def close(self) -> None:
        """Discard the copy."""
        with self._lock:
            self._held = None
            self._following.restart()

    def update(
        self, db: sqlite.Connection, progress: Progress | None = None, stop: Callable[[], bool] = lambda: False
    ) -> tuple[int, int]:
        """Embed what has no vector yet; return how many texts were embedded now, and how many memories have one.

        Raises UsageError if the extra is not installed, Stopped if `stop` says so; what is done is kept in the file.
        """
        with self._lock:
            held, made = self._ready(db, progress, stop)
            return made, len(held)

    def tidy(self, db: sqlite.Connection) -> None:
        """Remove from the file what no memory needs any longer."""
        model = local_model.need()
        with self._lock:
            held, _ = self._ready(db)
            if not self._pool.writing:
                with vector_file.opened(self._pool.path, model.name, model.dimension) as file:
                    file.keep(held.digests())

    def vector_of(self, db: sqlite.Connection, memory_id: str) -> bytes | None:
        """Return a memory's vector; None if its text has no direction, or there is no such memory."""
        with self._lock:
            return self._ready(db)[0].vector_of(memory_id)

    def nearest(self, db: sqlite.Connection, vector: bytes, threshold: float) -> Iterator[tuple[str, float]]:
        """Return (id, cosine similarity) of all memories from a threshold on, the most similar first."""
        with self._lock:
            return self._ready(db)[0].nearest(vector, threshold)

    def _ready(
        self, db: sqlite.Connection, progress: Progress | None = None, stop: Callable[[], bool] = lambda: False
    ) -> tuple[_Held, int]:
        """Return the copy, updated to the state that `db` sees, and how many texts were embedded for it."""
        model = local_model.need()
        changed = self._following.changed(db)
        held = self._held
        if held is None or changed is None:
            held, self._held = _Held(model.dimension), None
            total = int(sqlite.value(db, "SELECT count(*) FROM memory_entities"))
            made = self._fill(held, model, sqlite.each(db, _ALL), _Report(progress, total, stop))
            changed = held.keys()
            self._held = held
        elif changed:
            rows = sqlite.each(db, _SOME, (canonical.dumps(sorted(changed)),))
            made = self._fill(held, model, rows, _Report(progress, len(changed), stop))
        else:
            made = 0
        self._following.done(db, changed)
        return held, made

    def _fill(self, held: _Held, model: LocalModel, rows: Iterator[tuple[Any, ...]], report: _Report) -> int:
        """Put the vectors of these rows into the copy; return how many texts had to be embedded."""
        made = 0
        with ExitStack() as stack:
            file: VectorFile | None = None
            while batch := list(islice(rows, _BATCH)):
                texts = {key: _text(*columns) for key, *columns in batch}
                digests = {key: b"" if text is None else _digest(text) for key, text in texts.items()}
                new = {key: digest for key, digest in digests.items() if held.digest_of(key) != digest}
                if new and file is None:
                    opened = vector_file.opened(self._pool.path, model.name, model.dimension)
                    file = stack.enter_context(opened)
                report.check()
                wanted = {digest: text for key, digest in new.items() if (text := texts[key]) is not None}
                vectors = {} if file is None else file.get(wanted)
                fresh = {digest: model.embed(text) for digest, text in wanted.items() if digest not in vectors}
                if fresh and file is not None:
                    file.put(fresh)
                vectors |= fresh
                for key in [key for key, digest in new.items() if not digest]:
                    held.drop(key)
                    del new[key]
                held.put(new, vectors)
                made += len(fresh)
                report.done(len(batch))
        return made


class _Report:
    """The progress of one update, and whether it is to end."""

    def __init__(self, progress: Progress | None, total: int, stop: Callable[[], bool]) -> None:
        self._progress, self._total, self._stop = progress, total, stop
        self._done = 0

    def check(self) -> None:
        """Raise Stopped if the update is to end."""
        if self._stop():
            raise Stopped

    def done(self, count: int) -> None:
        """Report that so many more memories are done."""
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)


class _Held:
    """Vectors by memory: one matrix, whose rows are used again when a memory is gone."""

    def __init__(self, dimension: int) -> None:
        import numpy as np

        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self._ids: list[str] = []
        self._digests: list[bytes] = []
        self._matrix: Array = np.zeros((1024, dimension), np.int8)
        self._lengths: Array = np.zeros(1024, np.float32)
        """The length of each vector; 0: the row is free, or its text has no direction."""

    def __len__(self) -> int:
        return len(self._rows)

    def keys(self) -> set[str]:
        """Return the ids of the memories."""
        return set(self._rows)

    def digests(self) -> Iterable[bytes]:
        """Yield the digests of their texts."""
        return (self._digests[row] for row in self._rows.values())

    def digest_of(self, key: str) -> bytes:
        """Return the digest of a memory's text; empty if it is not there."""
        row = self._rows.get(key)
        return b"" if row is None else self._digests[row]

    def put(self, digests: dict[str, bytes], vectors: dict[bytes, bytes]) -> None:
        """Add or replace memories, given the digests of their texts, and the vector of each digest."""
        import numpy as np

        if not digests:
            return
        rows = [self._row(key, digest) for key, digest in digests.items()]
        width = self._matrix.shape[1]
        numbers = b"".join(vectors[digest] or bytes(width) for digest in digests.values())
        self._matrix[rows] = np.frombuffer(numbers, np.int8).reshape(-1, width)
        floats = self._matrix[rows].astype(np.float32)
        self._lengths[rows] = np.sqrt(np.einsum("ij,ij->i", floats, floats))

    def _row(self, key: str, digest: bytes) -> int:
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._free.pop() if self._free else self._grown()
        self._ids[row], self._digests[row] = key, digest
        return row

    def drop(self, key: str) -> None:
        """Remove a memory, if it is there."""
        row = self._rows.pop(key, None)
        if row is not None:
            self._lengths[row] = 0
            self._digests[row] = b""
            self._free.append(row)

    def vector_of(self, key: str) -> bytes | None:
        """Return the vector of a memory, if it has one."""
        row = self._rows.get(key)
        return None if row is None or not self._lengths[row] else self._matrix[row].tobytes()

    def nearest(self, vector: bytes, threshold: float) -> Iterator[tuple[str, float]]:
        """Return (id, cosine) from a threshold on, the most similar first, equally similar ones by their ids."""
        import numpy as np

        if not vector:
            return iter(())
        query = np.frombuffer(vector, np.int8).astype(np.float32)
        query /= np.linalg.norm(query)
        count = len(self._ids)
        cosines = np.empty(count, np.float32)
        for start in range(0, count, _BLOCK):
            block = slice(start, min(start + _BLOCK, count))
            cosines[block] = np.einsum("ij,j->i", self._matrix[block].astype(np.float32), query)
        lengths = self._lengths[:count]
        cosines = np.divide(cosines, lengths, out=np.full(count, -2, np.float32), where=lengths > 0)
        near = np.flatnonzero(cosines >= max(threshold, -1.0001))
        order = near[np.argsort(-cosines[near], kind="stable")]
        ids = list(map(self._ids.__getitem__, order.tolist()))  # now: the copy may change before these are used
        return _by_id(zip(ids, np.minimum(cosines[order], 1).tolist(), strict=True))

    def _grown(self) -> int:
        import numpy as np

        row = len(self._ids)
        if row == len(self._matrix):
            self._matrix = np.concatenate((self._matrix, np.zeros_like(self._matrix[: max(1024, row // 2)])))
            self._lengths = np.concatenate((self._lengths, np.zeros(len(self._matrix) - row, np.float32)))
        self._ids.append("")
        self._digests.append(b"")
        return row


def _by_id(found: Iterable[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    for _, equal in groupby(found, itemgetter(1)):
        yield from sorted(equal)


def _text(name: Any, summary: Any, content: Any, form: Any) -> str | None:
    """Return the text of a memory that is embedded; None if there is no such memory."""
    if content is None:
        return None
    parts = [name, summary, *(_strings(content) if form == "json" else [content])]
    return "\n".join(one for one in parts if isinstance(one, str) and one)


def _strings(content: Any) -> Sequence[str]:
    """Return the texts in a content that is JSON, in order."""
    try:
        waiting: list[Any] = [canonical.loads(content)]
    except (ValueError, TypeError, RecursionError):
        return [str(content)]
    found: list[str] = []
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            waiting.extend(reversed(value.values()))
        elif isinstance(value, list):
            waiting.extend(reversed(value))
    return found


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
