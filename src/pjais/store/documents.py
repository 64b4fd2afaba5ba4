"""The documents of any app's collection in a store: read, found, watched.

    todos = store.collection("todos")
    todos.get("t1").value["title"]
    for one in todos.search("milk"): ...

A document is what its app would read now: the value that was migrated, with the edits of its columns applied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pjais import choices, sqlite, tagged
from pjais.core.model import Model
from pjais.core.table import Table
from pjais.errors import UsageError
from pjais.store.live import Live
from pjais.store.pool import Pool

_BATCH = 500


class StoredDocument(NamedTuple):
    """One document: its key and its value as the app has them (values of `pjais.js_values` where JSON has none).

    `row` has the columns of its table.
    """

    key: Any
    value: Any
    row: dict[str, Any]

    def json(self) -> str:
        """Return the value as tagged JSON (docs/formats/tagged-json.md)."""
        return tagged.dumps(self.value)


class Collection:
    """One table of documents: iterate over it, or ask for some.  Objects are cheap; they hold nothing open."""

    def __init__(self, pool: Pool, name: str) -> None:
        self._pool = pool
        self.name = table_of(pool.model, name).name

    def __repr__(self) -> str:
        return f"<Collection {self.name!r}>"

    def __len__(self) -> int:
        """Return the number of documents."""
        with self._pool.reader() as db:
            return int(sqlite.value(db, f"SELECT count(*) FROM {self._table.sql}"))

    def __iter__(self) -> Iterator[StoredDocument]:
        return self.all()

    @property
    def _table(self) -> Table:
        return table_of(self._pool.model, self.name)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its table, those of the key first."""
        return self._table.column_names

    def get(self, key: Any) -> StoredDocument | None:
        """Return the document with this key, or None: 7 is not "7"."""
        model, table = self._pool.model, self._table
        assert model.documents is not None
        parts = model.documents.stored_key(table, tagged.tag(key))
        found = [] if parts is None else self._select(model, table, f"WHERE {table.matching('t')}", parts)
        return found[0] if found else None

    def all(self) -> Iterator[StoredDocument]:
        """Yield all documents, in the order of their keys; each is read as it is when it is reached."""
        model, table = self._pool.model, self._table
        after: tuple[Any, ...] | None = None
        while True:
            where = "" if after is None else f"WHERE ({table.key_list}) > ({', '.join('?' * len(after))})"
            found = self._select(model, table, f"{where} ORDER BY {table.key_list} LIMIT {_BATCH}", after or ())
            yield from found
            if len(found) < _BATCH:
                return
            after = tuple(found[-1].row[name] for name in table.key)

    def search(self, text: str, *, limit: int = 100) -> list[StoredDocument]:
        """Return documents that contain a text in any of their columns, upper and lower case ASCII letters alike."""
        choices.text("text", text)
        model, table = self._pool.model, self._table
        columns = " OR ".join(f"instr(lower(t.{column.sql}), ?1)" for column in table.columns)
        rest = f"WHERE {columns} ORDER BY {table.key_list} LIMIT ?2"
        return self._select(model, table, rest, (text.lower(), choices.count("limit", limit)))

    def live(self) -> Live[list[StoredDocument]]:
        """Return all documents as a live query."""
        return Live(self._pool, lambda: list(self.all()), [self.name])

    def _select(self, model: Model, table: Table, rest: str, values: tuple[Any, ...]) -> list[StoredDocument]:
        with self._pool.reader() as db:
            rows = sqlite.fetch(db, f"SELECT {table.columns_of('t')} FROM {table.sql} AS t {rest}", values)
        return [of_row(model, table, row) for row in rows]


def of_row(model: Model, table: Table, row: tuple[Any, ...]) -> StoredDocument:
    """Return the document in a row of a document table."""
    assert model.documents is not None
    told = model.documents.exported(table.to_record(row))
    return StoredDocument(
        tagged.untag(told["key"]), tagged.untag(told["document"]), dict(zip(table.column_names, row, strict=True))
    )


def names(model: Model) -> list[str]:
    """Return the names of the document tables of a store."""
    return [table.name for table in model.tables if table.is_of_documents]


def table_of(model: Model, name: str) -> Table:
    """Return the document table of a name.  Raises UsageError that names those there are."""
    choices.text("name", name)
    table = model.by_name.get(name)
    if table is None or not table.is_of_documents:
        there = names(model)
        raise UsageError("unknown collection", where=[name, f"one of: {', '.join(there)}" if there else "none"])
    return table
