"""The names that RxDB's Dexie storage gives its IndexedDB databases, by which they are recognised.

A module of its own, so that a search that finds nothing loads no reader.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

INTERNAL = "_rxdb_internal"
LOCAL = "plugin-local-documents"
PREFIX = "rxdb-dexie-"
"""Prefix of the names of all IndexedDB databases of RxDB's Dexie storage."""
ITEMS = "RxDB-ls-"
"""Prefix of the names of all items of RxDB's localstorage storage."""
NAME = re.compile(r"rxdb-dexie-(.+)--(\d+)--(.+)", re.DOTALL)
POUCHDB = re.compile(r"_pouch_(.+)-rxdb-(\d+)-([^-]*)(-local|-mrview-.*)?", re.DOTALL)
"""The same up to RxDB 11, whose names hold no `-`."""

FIELDS = frozenset({"_rev", "_meta", "_attachments", "_deleted"})
"""Fields that RxDB adds to a stored document and hides from its app."""
_TABLES = (".ldb", ".sst", ".log")
_RXDB_MARKS = ("rxdb-dexie-".encode("utf-16-be"), b"storageToken", b"instanceToken", b"rxdbVersion", b'"\x03lwt')
"""Traces of RxDB in a LevelDB, used only if the metadata cannot be read: compression may split any one of them."""
_RXDB = ("rxdb-dexie-".encode("utf-16-le"), b"rxdb-dexie-")


def made_by_rxdb(inside: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Return those of an origin's IndexedDB databases (name -> its object stores) that RxDB made.

    They are recognised by RxDB's internal store beside them; if that is lost, by the form of the name and the object
    stores.  A name that merely contains `rxdb` or `dexie` proves nothing.
    """
    homes = [
        f"{PREFIX}{match[1]}--"
        for idb, stores in inside.items()
        if (match := NAME.fullmatch(idb)) and match[3] == INTERNAL and (not stores or "docs" in stores)
    ]
    return in_pouchdb(inside) | frozenset(
        idb
        for idb, stores in inside.items()
        if (NAME.fullmatch(idb) and idb.startswith(tuple(homes))) or is_shaped(idb, stores)
    )


def in_pouchdb(inside: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Return those of an origin's IndexedDB databases that RxDB 9 to 11 made, by its internal store beside them."""
    ours = {
        match[1]
        for idb, stores in inside.items()
        if (match := POUCHDB.fullmatch(idb))
        and match[3] == INTERNAL
        and not match[4]
        and ("document-store" in stores or {"docs", "meta"} <= set(stores))
    }
    return frozenset(idb for idb in inside if (match := POUCHDB.fullmatch(idb)) and match[1] in ours)


def is_shaped(idb: str, stores: Collection[str]) -> bool:
    """Return whether a database has RxDB's form of name and object stores."""
    return bool(NAME.fullmatch(idb)) and {"docs", "changes"} <= set(stores)


def is_local(collection: str) -> bool:
    """Return whether a collection holds RxDB's local documents."""
    return collection.startswith(LOCAL)


def mentions_rxdb(path: Path) -> bool:
    """Return whether an unreadable LevelDB, or SQLite file with its WAL, has traces of RxDB."""
    if path.is_dir():
        tables = [one for one in sorted(path.iterdir()) if one.suffix in _TABLES and one.is_file()]
        return any(mark in one.read_bytes() for one in tables for mark in _RXDB_MARKS)
    both = (path, path.with_name(f"{path.name}-wal"))
    return any(one.is_file() and any(name in one.read_bytes() for name in _RXDB) for one in both)


def shown(value: Any) -> Any:
    """Return a document without the fields that RxDB hides from its app."""
    return {key: item for key, item in value.items() if key not in FIELDS} if isinstance(value, dict) else value
