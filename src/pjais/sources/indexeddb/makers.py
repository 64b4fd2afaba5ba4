"""Identify the library that made an IndexedDB database by its name, version and object stores."""

from __future__ import annotations

from collections.abc import Collection


def maker(name: str, version: int, stores: Collection[str]) -> str | None:
    """Return the library's name; None if unknown.  RxDB is recognised elsewhere, by its internal store."""
    from pjais.sources.indexeddb.libraries import library_of  # only where there is a database that nobody takes

    library = library_of(name, version, stores)
    return None if library is None else library.name
