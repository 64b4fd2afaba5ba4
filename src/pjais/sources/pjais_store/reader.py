"""Read a store of ours: records as rows, documents of any app as what they are, with the place that they came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from pjais import canonical, models, sqlite
from pjais.core.document import Document, Piece
from pjais.core.model import Model
from pjais.core.snapshot import Snapshot
from pjais.errors import SourceDamaged
from pjais.sources.sqlite_tables import reader


def read(snapshot: Snapshot) -> Iterator[Piece]:
    """Yield everything that a store holds; of a damaged one what can be salvaged."""
    model = _model(snapshot)
    tables = {table.name: table for table in model.tables if table.is_of_documents} if model is not None else {}
    for piece in reader.read(snapshot, own=True):
        if not isinstance(piece, Document) or piece.collection not in tables:
            yield piece
            continue
        table = tables[piece.collection]
        assert model is not None and model.documents is not None
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
            is_tagged=True,
        )


def _model(snapshot: Snapshot) -> Model | None:
    """Return the model of a store, as its catalogue tells it; None for one whose catalogue cannot be read."""
    try:
        with closing(sqlite.open_frozen(snapshot.path)) as db:
            return models.in_store(models.named(), db)
    except (sqlite.Error, SourceDamaged, OSError):
        return None
