"""What well-known libraries mean by the rows that they store in IndexedDB: one module for each, behind one contract."""

from __future__ import annotations

from collections.abc import Collection

from pjais.sources.indexeddb.libraries import others, pouchdb
from pjais.sources.indexeddb.libraries.automerge import Automerge
from pjais.sources.indexeddb.libraries.contract import Library, Meaning, Rows
from pjais.sources.indexeddb.libraries.firestore import Firestore
from pjais.sources.indexeddb.libraries.localforage import LocalForage
from pjais.sources.indexeddb.libraries.tinybase import TinyBase
from pjais.sources.indexeddb.libraries.yjs import Yjs

__all__ = ["LIBRARIES", "Library", "Meaning", "Rows", "library_of"]

LIBRARIES: tuple[Library, ...] = (
    *pouchdb.LIBRARIES,
    LocalForage(),
    others.IDB_KEYVAL,
    Firestore(),
    Yjs(),
    TinyBase(),
    Automerge(),
    others.WA_SQLITE,
    others.DEXIE,
)
"""In this order they are asked: the first that recognises a database made it."""


def library_of(database: str, version: int, stores: Collection[str]) -> Library | None:
    """Return the library that made a database of this name, version (0: unknown) and stores; None if unknown."""
    names = frozenset(stores)
    return next((one for one in LIBRARIES if one.recognises(database, version, names)), None)
