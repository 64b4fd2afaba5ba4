"""Read a store of ours: records as rows, documents of any app as what they are, with the place that they came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from pjais import canonical, models, sqlite
from pjais.core.document import Document, Piece
from pjais.core.snapshot import Snapshot
from pjais.core.table import Table
from pjais.sources.sqlite_tables import reader


def read(snapshot: Snapshot) -> Iterator[Piece]:
    """Yield everything that a store holds; rows of a damaged one as they can be salvaged."""
    tables: dict[str, Table] = {}
    if not snapshot.unsound:
        with closing(sqlite.open_frozen(snapshot.path)) as db:
            model = models.in_store(models.named(), db)
        tables = {table.name: table for table in model.tables if table.is_of_documents}
    for piece in reader.read(snapshot, own=True):
        if isinstance(piece, Document) and piece.collection in tables and model.documents is not None:
            table = tables[piece.collection]
            row = tuple(piece.value[name] for name in table.column_names)
            told = model.documents.exported(table.to_record(row))
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
        else:
            yield piece
