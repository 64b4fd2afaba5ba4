"""Which library made an IndexedDB database, as far as its name, version and object stores tell (formats/any-app.md)."""

from __future__ import annotations

from collections.abc import Collection


def maker(name: str, version: int, stores: Collection[str]) -> str | None:
    """The library's name; None where it is not known.  RxDB's own are told elsewhere, by its internal store."""
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
