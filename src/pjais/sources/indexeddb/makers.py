"""Identify the library that made an IndexedDB database by its name, version and object stores."""

from __future__ import annotations

from collections.abc import Collection


def maker(name: str, version: int, stores: Collection[str]) -> str | None:
    """Return the library's name; None if unknown.  RxDB is recognised elsewhere, by its internal store."""
    inside = set(stores)
    if {"document-store", "by-sequence", "attach-store"} <= inside or {"docs", "attachments", "meta"} <= inside:
        return "PouchDB (RxDB up to 11)" if "-rxdb-" in name else "PouchDB"
    if "local-forage-detect-blob-support" in inside or (name == "localforage" and "keyvaluepairs" in inside):
        return "localForage"
    if (name, inside) == ("keyval-store", {"keyval"}):
        return "idb-keyval"
    if name.startswith("firestore/"):
        return "Firestore"
    if inside == {"updates", "custom"}:
        return "Yjs (y-indexeddb)"
    if inside == {"t", "v"}:
        return "TinyBase"
    if inside == {"blocks"}:
        return "wa-sqlite (SQLite in IndexedDB)"
    if version >= 10 and version % 10 == 0:
        return "probably Dexie"
    return None
