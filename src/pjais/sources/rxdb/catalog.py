"""Catalogue the RxDB databases and collections of a profile, with their schemas.

RxDB creates one IndexedDB database for each collection and schema version.  Its internal store holds the schemas,
the version of RxDB that created a database, and the hash of its password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pjais.formats.indexeddb import BadRow, Row, Store
from pjais.sources.rxdb.names import INTERNAL, NAME, PREFIX, is_local, is_shaped

_BOOKKEEPING = re.compile(r"rx-migration-state-meta-.*", re.DOTALL)


@dataclass
class Collection:
    """One collection: its stores by schema version, and the schema of each version that is known."""

    database: str
    name: str
    stores: dict[int, dict[str, Store]] = field(default_factory=dict)
    schemas: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """True if this holds RxDB's local documents."""
        return is_local(self.name)


@dataclass
class Database:
    """One RxDB database.  `rxdb_version` is that which created it, absent before 15."""

    name: str
    origin: str
    collections: dict[str, Collection] = field(default_factory=dict)
    rxdb_version: str | None = None
    password_hash: str | None = None
    opened: bool = False
    """True if the password has decrypted anything in it."""
    as_written: bool = False
    """True if its storage keeps documents as RxDB hands them over: no key and no boolean is written otherwise."""
    internal: Store | None = None
    unreadable: list[BadRow] = field(default_factory=list)
    """Rows of the internal store that cannot be read: a schema or the token may be among them."""
    missing: list[str] = field(default_factory=list)
    """Collections that the internal store names and that are missing."""

    @property
    def major(self) -> int:
        """Return the major version of RxDB that created it; 14 stands for all earlier ones."""
        first = (self.rxdb_version or "").split(".")[0]
        return int(first) if first.isascii() and first.isdigit() and len(first) < 4 else 14


def databases(
    stores: Iterable[Store], rows: Callable[[Store], Iterable[Any]], as_written: Callable[[Store], bool]
) -> list[Database]:
    """Return the RxDB databases among a profile's stores, by origin and name.

    Names may contain `--`, so only the internal stores show where a database's name ends.
    """
    everything = list(stores)
    found: dict[tuple[str, str], Database] = {}
    for store in everything:
        match = NAME.fullmatch(store.database)
        if match is not None and match[3] == INTERNAL:
            database = found.setdefault((store.origin, match[1]), Database(match[1], store.origin))
            database.as_written = as_written(store)
            database.internal = store if store.name == "docs" else database.internal
    for store in everything:
        _sort_in(store, found)
    for database in found.values():
        if database.internal is not None:
            _read_internal(database, rows(database.internal))
    return [found[key] for key in sorted(found)]


def homeless(stores: Iterable[Store], known: Iterable[Database]) -> list[str]:
    """Return IndexedDB databases of RxDB whose internal store is missing, so that they cannot be interpreted."""
    names = {(database.origin, database.name) for database in known}
    inside: dict[tuple[str, str], set[str]] = {}
    for store in stores:
        inside.setdefault((store.origin, store.database), set()).add(store.name)
    return sorted(
        {
            idb
            for (origin, idb), within in inside.items()
            if is_shaped(idb, within)
            and not any(origin == home and idb.startswith(f"{PREFIX}{name}--") for home, name in names)
        }
    )


def _sort_in(store: Store, found: dict[tuple[str, str], Database]) -> None:
    """Put a store into the collection of the database that it belongs to."""
    known = [
        name for origin, name in found if origin == store.origin and store.database.startswith(f"{PREFIX}{name}--")
    ]
    for name in sorted(known, key=len, reverse=True):
        match = re.fullmatch(r"(\d+)--(.+)", store.database[len(PREFIX) + len(name) + 2 :], re.DOTALL)
        if match is None:
            continue
        if match[2] != INTERNAL and not _BOOKKEEPING.fullmatch(match[2]):
            collection = found[store.origin, name].collections.setdefault(match[2], Collection(name, match[2]))
            collection.stores.setdefault(int(match[1]), {})[store.name] = store
        return


def _read_internal(database: Database, rows: Iterable[Any]) -> None:
    """Take the token and the schemas from the internal store; skip other rows.

    What a collection names as connected is bookkeeping of its replication: checkpoints, and copies of documents.
    """
    connected: set[str] = set()
    for row in rows:
        if isinstance(row, BadRow):
            database.unreadable.append(row)
        value = row.value if isinstance(row, Row) else None
        if not isinstance(value, dict) or value.get("_deleted") in ("1", True):
            continue
        data = value.get("data")
        if not isinstance(data, dict):
            continue
        if value.get("key") == "storageToken" or str(value.get("id", "")).endswith("|storageToken"):
            version, secret = data.get("rxdbVersion"), data.get("passwordHash")
            database.rxdb_version = version if isinstance(version, str) else None
            database.password_hash = secret if isinstance(secret, str) else None
        elif isinstance(data.get("schema"), dict) and isinstance(data.get("name"), str):
            number = data.get("version", data["schema"].get("version", 0))
            collection = database.collections.get(data["name"])
            if collection is not None and isinstance(number, int):
                collection.schemas[number] = data["schema"]
            elif collection is None:
                database.missing.append(data["name"])
            connected.update(_connected(data.get("connectedStorages")))
    for name in connected:
        if name in database.collections and not database.collections[name].schemas:
            del database.collections[name]


def _connected(storages: Any) -> Iterator[str]:
    for one in storages if isinstance(storages, list) else ():
        if isinstance(one, dict) and isinstance(one.get("collectionName"), str):
            yield one["collectionName"]
