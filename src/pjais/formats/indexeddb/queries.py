"""Shared by the two SQLite backends: queries on a copy that nobody writes to, and handling of SQLite's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from pjais import sqlite
from pjais.formats.indexeddb.values import BadRow, Damage, Index, KeyPath, Schema, Store


class Tables:
    """Queries on one file.  Every query opens and closes it, so that nothing stays open."""

    store_sql: str
    """The declaration of the store with a number: its key path, whether it generates keys."""
    index_sql: str
    """The indexes of the store with a number: name, key path, unique, multi-entry."""
    puts_keys_back = False
    """The browser puts keys into the values of stores that generate them, instead of storing them there."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._ids: dict[Store, list[int]] = {}
        self._problems: dict[Damage, None] = {}

    @property
    def problems(self) -> list[Damage]:
        """Unreadable parts other than rows, each once."""
        return list(self._problems)

    @property
    def torn(self) -> list[Damage]:
        """Nothing: SQLite itself leaves out what was not committed."""
        return []

    def stores(self) -> list[Store]:
        """Every object store, empty ones too, in order."""
        return sorted(self._ids)

    def schema(self, store: Store) -> Schema:
        """Return what the app declared of a store; read when it is asked for, so that no other reader needs it."""
        for number in self._ids.get(store, ()):
            for path, generates in self.query(self.store_sql, (number,)):
                indexes = tuple(self._index(*row) for row in self.query(self.index_sql, (number,)))
                where, makes = self.key_path_of(path), bool(generates)
                return Schema(where, makes, indexes, self.puts_keys_back and makes and isinstance(where, str))
        return Schema()

    def _index(self, name: Any, path: Any, unique: Any, multi_entry: Any) -> Index:
        return Index(self.name_of(name), self.key_path_of(path), bool(unique), bool(multi_entry))

    def name_of(self, value: Any) -> str:
        """Return a name as the file has it."""
        raise NotImplementedError

    def key_path_of(self, value: Any) -> KeyPath:
        """Return a key path as the file has it."""
        raise NotImplementedError

    def query(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query; none, and a problem, if the file cannot be read."""
        try:
            with closing(sqlite.open_frozen(self.file)) as db:
                return sqlite.fetch(db, sql, values)
        except (sqlite.Error, OSError, UnicodeError) as error:
            self.problem(f"SQLite cannot read its metadata: {error}")
            return []

    def each(self, what: str, sql: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...] | BadRow]:
        """The rows of a query one by one; where SQLite gives up, a last piece says so."""
        try:
            with closing(sqlite.open_frozen(self.file)) as db:
                yield from sqlite.each(db, sql, values)
        except (sqlite.Error, OSError, UnicodeError) as error:
            yield BadRow(what, b"", f"SQLite cannot read on: {error}; all rows from here on are missing")

    def problem(self, reason: str, raw: bytes = b"") -> None:
        """Note what could not be read."""
        self._problems[Damage(self.file.name, 0, raw, reason)] = None
