"""The catalogue of a store's document tables: which collection each holds, and what each column means.

It is kept in the store (`_collections`, `_columns`, `_schemas`), so that whoever opens the file finds it, and a store
says by itself which tables it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pjais import canonical, sqlite

_DDL = """
CREATE TABLE IF NOT EXISTS _collections (
    tbl TEXT NOT NULL,
    source TEXT NOT NULL,
    origin TEXT,
    partition TEXT,
    database TEXT,
    version INTEGER,
    collection TEXT NOT NULL,
    key_path TEXT,
    auto_increment INTEGER NOT NULL DEFAULT 0,
    made_by TEXT,
    documents INTEGER NOT NULL DEFAULT 0,
    unreadable INTEGER NOT NULL DEFAULT 0,
    number INTEGER PRIMARY KEY
);
CREATE TABLE IF NOT EXISTS _columns (
    tbl TEXT NOT NULL,
    col TEXT NOT NULL,
    path TEXT NOT NULL,
    types TEXT NOT NULL CHECK (json_valid(types)),
    PRIMARY KEY (tbl, col)
);
CREATE TABLE IF NOT EXISTS _indexes (
    tbl TEXT NOT NULL,
    name TEXT NOT NULL,
    paths TEXT NOT NULL CHECK (json_valid(paths)),
    is_unique INTEGER NOT NULL,
    multi_entry INTEGER NOT NULL,
    PRIMARY KEY (tbl, name)
);
CREATE TABLE IF NOT EXISTS _schemas (
    tbl TEXT PRIMARY KEY,
    format TEXT NOT NULL,
    schema TEXT NOT NULL
);
"""

BLOBS = "_blobs"
"""The table of all bytes, by their SHA-256: Blobs in documents, and what records are about."""

BLOBS_DDL = """CREATE TABLE IF NOT EXISTS _blobs (
    sha256 TEXT PRIMARY KEY,
    media_type TEXT,
    name TEXT,
    size INTEGER NOT NULL,
    last_modified TEXT,
    data BLOB NOT NULL
);
"""

DDL = f"{_DDL}{BLOBS_DDL}"

TABLES = ("_collections", "_columns", "_indexes", "_schemas", BLOBS)

DOCUMENT, VALUE, TEXT, KEY = "$document", "$value", "$text", "$key"
"""Paths that are no property: the whole value, a value that is no object, the raw JSON, the key beside the value."""

ORIGIN, DATABASE, NAME, TAB, WHOLE = "$origin", "$database", "$name", "$tab", "$whole"
"""The same in a table that collections of several origins share: where a document is from, the two parts of its key
(an item's name, and the tab that has it), and its value, whatever it is."""

WEB_STORAGE = "web_storage"
"""The table of all items of web storage."""

AREAS = frozenset({"localStorage", "sessionStorage", "chrome.storage.local", "chrome.storage.sync"})
"""The names of web storage, which are both database and collection of its items."""

SHARED_KEY = (ORIGIN, DATABASE, NAME, TAB)


class Column(NamedTuple):
    """One column: its name, the property that it holds (a name, or one of the paths above), the kinds of its values."""

    name: str
    path: str
    types: tuple[str, ...]


class Index(NamedTuple):
    """An index that the app declared: its paths, each a property or a path into one (`a.b`)."""

    name: str
    paths: tuple[str, ...]
    unique: bool
    multi_entry: bool


class Place(NamedTuple):
    """The identity of a collection: its source, web origin, database and own name."""

    source: str
    origin: str | None
    database: str | None
    collection: str


@dataclass(frozen=True)
class Collection:
    """One collection with a table of its own.

    `key_path`: the properties of its key; None if the key is beside the value.  `columns`: those of the key first;
    later runs add theirs at the end.
    """

    table: str
    place: Place
    columns: tuple[Column, ...]
    key: int
    """The number of columns, from the first, that are the key."""
    key_path: tuple[str, ...] | None = None
    auto_increment: bool = False
    made_by: str | None = None
    version: int | None = None
    partition: str | None = None
    schema: tuple[str, str] | None = None
    """(format, text) of the schema that the source stores: `json-schema` or `sql`."""
    indexes: tuple[Index, ...] = ()

    @property
    def is_shared(self) -> bool:
        """Return whether its table holds documents of other collections, too."""
        return bool(self.columns) and self.columns[0].path == ORIGIN

    def with_columns(self, columns: Iterable[Column]) -> Collection:
        """Return it with other columns."""
        return replace(self, columns=tuple(columns))


Catalogue = tuple[Collection, ...]


def is_in(db: sqlite.Connection) -> bool:
    """Return whether a store has a catalogue."""
    return sqlite.first(db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_collections'") is not None


_TEXTS = {
    "_collections": ("tbl", "source", "collection"),
    "_columns": ("tbl", "col", "path", "types"),
    "_indexes": ("tbl", "name", "paths"),
}
"""Columns of the catalogue that a damaged store may hold anything in, and that everything else is named by."""


def load(db: sqlite.Connection) -> Catalogue:
    """Return the catalogue of a store; empty if it has none.  Raises ValueError for what no store of ours holds."""
    if not is_in(db):
        return ()
    for table, names in _TEXTS.items():
        other = " OR ".join(f"typeof({name}) <> 'text'" for name in names)
        if sqlite.first(db, f"SELECT 1 FROM {table} WHERE {other}"):
            raise ValueError(f"{table} holds names that are no texts")
    columns: dict[str, list[Column]] = {}
    for tbl, col, path, types in sqlite.each(db, "SELECT tbl, col, path, types FROM _columns ORDER BY rowid"):
        columns.setdefault(tbl, []).append(Column(col, _path(path), tuple(canonical.loads_plain(types))))
    schemas = {tbl: (form, text) for tbl, form, text in sqlite.each(db, "SELECT tbl, format, schema FROM _schemas")}
    indexes: dict[str, list[Index]] = {}
    for tbl, name, paths, unique, multi in sqlite.each(
        db, "SELECT tbl, name, paths, is_unique, multi_entry FROM _indexes ORDER BY rowid"
    ):
        indexes.setdefault(tbl, []).append(Index(name, tuple(canonical.loads_plain(paths)), bool(unique), bool(multi)))
    found = []
    for tbl, source, origin, partition, database, version, collection, path, auto, made_by in sqlite.each(
        db,
        "SELECT tbl, source, origin, partition, database, version, collection, key_path, auto_increment, made_by "
        "FROM _collections ORDER BY rowid",
    ):
        key_path = None if path is None else _key_path(path)
        there = tuple(columns.get(tbl, ()))
        found.append(
            Collection(
                tbl,
                Place(source, origin, database, collection),
                there,
                sum(is_of_key(one, key_path) for one in there),
                key_path,
                bool(auto),
                made_by,
                version,
                partition,
                schemas.get(tbl),
                tuple(indexes.get(tbl, ())),
            )
        )
    return tuple(found)


def is_of_key(column: Column, key_path: Sequence[str] | None) -> bool:
    """Return whether a column is a part of the key."""
    if key_path is not None:
        return column.path in key_path
    return column.path.split("[")[0] == KEY or column.path in SHARED_KEY


def _key_path_text(path: tuple[str, ...]) -> str:
    """Return a key path as text: the property itself, or the JSON array of several."""
    single = len(path) == 1 and path[0][:1] != "[" and canonical.encodable(path[0])
    return path[0] if single else canonical.dumps_plain(list(path))


def _key_path(text: str) -> tuple[str, ...]:
    return tuple(canonical.loads_plain(text)) if text.startswith("[") else (text,)


def rows(one: Collection) -> tuple[tuple[Any, ...], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return a collection as rows of `_collections` (without its counts), `_columns` and `_schemas`."""
    path = None if one.key_path is None else _key_path_text(one.key_path)
    place = (one.place.source, one.place.origin, one.partition, one.place.database)
    held = (one.table, *place, one.version, one.place.collection, path, int(one.auto_increment), one.made_by)
    columns = [
        (one.table, each.name, _path_text(each.path), canonical.dumps_plain(list(each.types))) for each in one.columns
    ]
    schemas = [] if one.schema is None else [(one.table, *one.schema)]
    return held, columns, schemas


def _json(paths: tuple[str, ...]) -> str:
    return canonical.dumps_plain(list(paths))


_UNITS = "$units:"
"""The beginning of a path, as it is kept, whose name is no valid Unicode: the JSON text of the name follows."""


def _path_text(path: str) -> str:
    return path if canonical.encodable(path) else f"{_UNITS}{canonical.dumps_plain(path)}"


def _path(text: str) -> str:
    return str(canonical.loads_plain(text.removeprefix(_UNITS))) if text.startswith(_UNITS) else text


def store(db: sqlite.Connection, new: Catalogue, old: Catalogue) -> None:
    """Write the entries that are new or differ from the old ones; a table keeps its entry when its source moves."""
    known = {(one.table, *one.place[1:]): one for one in old}
    for one in new:
        was = known.get((one.table, *one.place[1:]))
        if was == one:
            continue
        held, columns, schemas = rows(one)
        if was is None:
            marks = ", ".join("?" * len(held))
            db.execute(
                "INSERT INTO _collections (tbl, source, origin, partition, database, version, collection, key_path, "
                f"auto_increment, made_by) VALUES ({marks})",
                held,
            )
        else:
            db.execute(
                "UPDATE _collections SET source = ?, origin = ?, partition = ?, database = ?, version = ?, "
                "collection = ?, key_path = ?, auto_increment = ?, made_by = ? WHERE tbl = ? AND source = ? "
                "AND origin IS ? AND database IS ? AND collection = ?",
                (*held[1:], held[0], *was.place),
            )
        db.executemany(
            "INSERT INTO _columns (tbl, col, path, types) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (tbl, col) DO UPDATE SET types = excluded.types WHERE types <> excluded.types",
            columns,
        )
        db.executemany(
            "INSERT OR IGNORE INTO _indexes VALUES (?, ?, ?, ?, ?)",
            [(one.table, each.name, _json(each.paths), each.unique, each.multi_entry) for each in one.indexes],
        )
        db.executemany(
            "INSERT INTO _schemas (tbl, format, schema) VALUES (?, ?, ?) "
            "ON CONFLICT (tbl) DO UPDATE SET format = excluded.format, schema = excluded.schema "
            "WHERE schema <> excluded.schema",
            schemas,
        )


def sql_name(name: str) -> str:
    """Return a name as SQL can have it: lone surrogates and NUL replaced."""
    return canonical.replace_surrogates(name).replace("\0", "\ufffd")


def forms(place: Place) -> Iterator[str]:
    """Yield the names that a collection's table could have, shortest first."""
    longer = place.collection if place.database is None else f"{place.database}.{place.collection}"
    longest = longer if place.origin is None else f"{place.origin}/{longer}"
    seen = set()
    for form in (place.collection, longer, longest):
        if (name := sql_name(form)) and name not in seen:
            seen.add(name)
            yield name
