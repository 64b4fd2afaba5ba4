"""Libraries whose rows are the documents already, or none at all: only their names are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set

from pjais.formats.indexeddb import BadRow
from pjais.sources.indexeddb.libraries.contract import Library, Meaning, Rows


class Named(Library):
    """A library that is recognised and has nothing to decode."""

    decodes = False

    def __init__(self, name: str, its: Callable[[str, int, Set[str]], bool]) -> None:
        self._name = name
        self._its = its

    @property
    def name(self) -> str:
        """Return the library's name."""
        return self._name

    def recognises(self, database: str, version: int, stores: Set[str]) -> bool:
        """Return whether the library made the database."""
        return self._its(database, version, stores)

    def read(self, rows: Rows, stores: Set[str]) -> Iterator[Meaning | BadRow]:
        """Yield nothing."""
        return iter(())


IDB_KEYVAL = Named("idb-keyval", lambda database, _version, stores: (database, stores) == ("keyval-store", {"keyval"}))
WA_SQLITE = Named("wa-sqlite (SQLite in IndexedDB)", lambda _name, _version, stores: stores == {"blocks"})
DEXIE = Named("probably Dexie", lambda _name, version, _stores: version >= 10 and version % 10 == 0)
"""Dexie multiplies the app's version by ten, and has no store of its own: asked last."""
