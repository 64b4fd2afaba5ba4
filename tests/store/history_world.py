"""What the tests of the history share: a store made once, its rows by plain SQL, and another program at it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from history_model import Row, State

import another
import pjais
from pjais import sqlite
from pjais.models.persona.model import MODEL
from pjais.models.persona.tables import TABLES
from pjais.persona.as_of import Past
from pjais.persona.store import Store
from world import memory, persona, write_json

_template: list[tuple[tempfile.TemporaryDirectory[str], Path]] = []


def migrated() -> Path:
    """A migrated data folder, made once: two personas, two memories, a link between them."""
    if not _template:
        folder = tempfile.TemporaryDirectory(prefix="pjais-history-")
        data = Path(folder.name) / "data"
        data.mkdir()
        write_json(
            data,
            personas=[persona("p0", isActive=True), persona("p1")],
            memories=[memory("m0", "p0"), memory("m1", "p1", content={"text": "x"})],
            relationships=[{"id": "r0", "fromId": "m0", "toId": "m1", "type": "t"}],
        )
        pjais.migrate(data)
        _template.append((folder, data))
    return _template[0][1]


def foreign(store: Store, sql: str, *values: Any) -> None:
    """A statement of another program."""
    another.sql(store.path, sql, *values)


def seq_of(store: Store) -> int:
    with store.pool.reader() as db:
        return int(sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM changes"))


def read(store: Store) -> State:
    """Every row as it lies there, by plain SQL."""
    with store.pool.view() as db:
        return {
            (table.name, row[0]): dict(zip(table.column_names, row, strict=True))
            for table in TABLES[:4]
            for row in sqlite.fetch(db, f"SELECT {', '.join(table.column_names)} FROM {table.name}")
        }


def seen(past: Past) -> State:
    """Every row of a moment."""
    return {(MODEL.table_of(one).name, one.id): as_row(one) for one in past.records()}


def as_row(record: Any) -> Row:
    return dict(zip(MODEL.table_of(record).column_names, MODEL.table_of(record).to_row(record), strict=True))


def replayed(store: Store, first: State) -> Iterator[tuple[int, State]]:
    """The state after every change, forwards from the first one: by another way than the store's."""
    state = dict(first)
    for seq, table, key, op, after in another.sql(
        store.path, "SELECT seq, table_name, record_id, op, after FROM changes ORDER BY seq"
    ):
        if op == "delete":
            del state[table, key]
        else:
            state[table, key] = {**state.get((table, key), {}), **json.loads(after)}
        yield seq, dict(state)
