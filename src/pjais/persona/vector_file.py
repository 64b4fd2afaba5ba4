"""The file of the vectors that the local model made: `pjais.sqlite.vectors`, beside the store.

These vectors are derived: they follow from the texts and the model, and may be deleted at any time.  So they are no
part of the store, its history, its proof or its backups: embedding blocks no writer, cannot be undone, and changes
nothing that a migration, a rollback or `verify` looks at.

A vector is kept by the digest of its text, not by a memory.  So one of an earlier text is never found, whatever
happened to the store: an edit, an undo, a rollback, another copy put in its place.  The name and the dimension of its
model are kept with each; other models' vectors are never read.

The file is also the switch: where it exists, new memories are embedded in the background.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pjais import canonical, files, paths, sqlite
from pjais.errors import FileFailed

_SCHEMA = """
CREATE TABLE IF NOT EXISTS models (id INTEGER PRIMARY KEY, name TEXT NOT NULL, dimension INTEGER NOT NULL,
    UNIQUE (name, dimension));
CREATE TABLE IF NOT EXISTS vectors (model INTEGER NOT NULL REFERENCES models (id), digest BLOB NOT NULL,
    vector BLOB NOT NULL, PRIMARY KEY (model, digest)) WITHOUT ROWID;
"""
_WAIT_MS = 2000
_OURS = 0x706A7631
"""SQLite's `application_id` of such a file."""

log = logging.getLogger("pjais.vectors")


def path_of(store: Path) -> Path:
    """Return the place of a store's file of vectors."""
    return store.with_name(paths.vectors_name(store.name))


def is_on(store: Path) -> bool:
    """Return whether somebody began to search this store by meaning with the local model."""
    return path_of(store).exists()


def remove(store: Path) -> None:
    """Remove the file, if it exists."""
    sqlite.remove(path_of(store))


@contextmanager
def opened(store: Path, model: str, dimension: int) -> Iterator[VectorFile]:
    """Yield the file of a store, made if it is missing; one that cannot be used is logged, and holds nothing."""
    file = VectorFile(path_of(store), model, dimension)
    try:
        yield file
    finally:
        file.close()


class VectorFile:
    """The vectors of one model, by the digests of their texts.

    The file is private, as the store is: vectors tell something of the texts.  It raises no error, since all works
    without it: what cannot be read or written is logged.  A damaged one is removed; another program's is left alone.
    """

    def __init__(self, path: Path, model: str, dimension: int) -> None:
        self._path = path
        self._dimension = dimension
        self._model = 0
        self._db: sqlite.Connection | None = None
        with self._careful():
            files.append(path, "")
            self._db = db = sqlite.open_writer(path, wait_ms=_WAIT_MS)
            if sqlite.pragma_int(db, "application_id") != _OURS:
                if sqlite.first(db, "SELECT 1 FROM sqlite_schema"):
                    raise FileExistsError("it is the database of another program")
                db.execute(f"PRAGMA application_id = {_OURS}")
            with sqlite.transaction(db):
                db.execute(_SCHEMA)
                db.execute("INSERT OR IGNORE INTO models (name, dimension) VALUES (?, ?)", (model, dimension))
            self._model = sqlite.value(db, "SELECT id FROM models WHERE name = ? AND dimension = ?", (model, dimension))

    def get(self, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the vectors that are there, by digest; an empty one: the text has no direction."""
        found: dict[bytes, bytes] = {}
        sql = (
            "SELECT digest, vector FROM vectors WHERE model = ? AND digest IN (SELECT unhex(value) FROM json_each(?)) "
            "AND typeof(vector) = 'blob' AND length(vector) IN (0, ?)"
        )
        with self._careful():
            if self._db is not None:
                wanted = canonical.dumps([digest.hex() for digest in digests])
                found.update(sqlite.each(self._db, sql, (self._model, wanted, self._dimension)))
        return found

    def put(self, vectors: dict[bytes, bytes]) -> None:
        """Add vectors, in one small transaction."""
        rows = [(self._model, digest, vector) for digest, vector in sorted(vectors.items())]
        with self._careful():
            if self._db is not None and rows:
                with sqlite.transaction(self._db):
                    self._db.executemany("REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    def keep(self, digests: Iterable[bytes]) -> None:
        """Remove the vectors of other models, and of texts that no memory has any longer."""
        with self._careful():
            wanted = set(digests)
            if self._db is None or sqlite.value(self._db, "SELECT count(*) FROM vectors") == len(wanted):
                return
            self._db.execute("CREATE TEMP TABLE held (digest BLOB PRIMARY KEY) WITHOUT ROWID")
            with sqlite.transaction(self._db):
                self._db.executemany("INSERT OR IGNORE INTO held VALUES (?)", ((one,) for one in wanted))
                gone = "model <> ? OR digest NOT IN (SELECT digest FROM held)"
                self._db.execute(f"DELETE FROM vectors WHERE {gone}", (self._model,))
                self._db.execute("DELETE FROM models WHERE id <> ?", (self._model,))
            self._db.execute("DROP TABLE held")

    def close(self) -> None:
        """Close the file.  Closing again does nothing."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    @contextmanager
    def _careful(self) -> Iterator[None]:
        try:
            yield
        except (OSError, FileFailed, sqlite.Error) as error:
            log.warning("%s cannot be used, so vectors are kept in memory only: %s", self._path, error)
            damaged = isinstance(error, sqlite.Corrupt) and self._is_ours()
            self.close()
            if damaged:
                with suppress(OSError):
                    sqlite.remove(self._path)

    def _is_ours(self) -> bool:
        with suppress(sqlite.Error):
            return self._db is not None and sqlite.pragma_int(self._db, "application_id") == _OURS
        return False
