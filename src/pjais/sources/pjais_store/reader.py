"""Read a store of ours: records as rows, documents of any app as what they are, with the place that they came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

from pjais import canonical, models, sqlite
from pjais.core.document import Document, Piece
from pjais.core.snapshot import Snapshot
from pjais.errors import SourceDamaged
from pjais.models.documents import blobs
from pjais.sources.sqlite_tables import reader


def read(snapshot: Snapshot) -> Iterator[Piece]:
    """Yield everything that a store holds; of a damaged one what can be salvaged."""
    with ExitStack() as stack:
        yield from _pieces(snapshot, _opened(snapshot, stack))


def _pieces(snapshot: Snapshot, db: sqlite.Connection | None) -> Iterator[Piece]:
    model = None if db is None else models.in_store(models.named(), db)
    tables = {table.name: table for table in model.tables if table.is_of_documents} if model is not None else {}
    of_bytes = frozenset(table.name for table in models.named().tables if table.of_bytes)
    for piece in reader.read(snapshot, own=True, derived=models.named().derived):
        if db is not None and isinstance(piece, Document) and piece.collection in of_bytes:
            yield piece._replace(blobs=blobs.named(db, {str(piece.native_id)}))
            continue
        if not isinstance(piece, Document) or piece.collection not in tables:
            yield piece
            continue
        table = tables[piece.collection]
        assert db is not None and model is not None and model.documents is not None
        try:
            told = model.documents.exported(table.to_record(tuple(piece.value[name] for name in table.column_names)))
        except (KeyError, ValueError, TypeError):
            yield piece  # a salvaged row that is no document any more
            continue
        key = told["key"]
        yield Document(
            told["collection"],
            key if isinstance(key, str) else canonical.dumps(key),
            piece.place,
            told["document"],
            database=told["database"],
            origin=told["origin"],
            key=key,
            blobs=blobs.of(db, told["document"]),
            is_tagged=True,
        )


def _opened(snapshot: Snapshot, stack: ExitStack) -> sqlite.Connection | None:
    """Return the store, open for its catalogue and Blobs; None if SQLite cannot open it."""
    try:
        return stack.enter_context(closing(sqlite.open_frozen(snapshot.path)))
    except (sqlite.Error, SourceDamaged, OSError):
        return None
