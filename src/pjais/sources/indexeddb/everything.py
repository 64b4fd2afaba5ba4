"""Every database of an origin, whoever made it: what copies and opens a profile as a whole (`pjais.profile`).

A search does not share databases out to these kinds, so a migration takes none of them by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pjais.sources.contract import Opened, Secrets
from pjais.sources.indexeddb.layouts import Container, InFirefox, InIndexedDb, InLevelDb, InSqlite

if TYPE_CHECKING:
    from pjais.core.snapshot import Snapshot


class OpenedIndexedDb(Opened):
    """A snapshot of IndexedDB, as the containers that a browser keeps it in."""

    def __init__(self, containers: list[Container]) -> None:
        self.containers = containers


class AnyIndexedDb(InIndexedDb):
    """All databases of an origin."""

    kind = "indexeddb"

    @contextmanager
    def open(self, snapshot: Snapshot, secrets: Secrets) -> Iterator[OpenedIndexedDb]:
        """Open all databases in a snapshot."""
        with self.containers(snapshot) as found:
            yield OpenedIndexedDb(found)


class AnyInLevelDb(AnyIndexedDb, InLevelDb):
    """In Chromium and Electron."""

    dialect = "indexeddb"


class AnyInSqlite(AnyIndexedDb, InSqlite):
    """In Chromium's SQLite backend."""

    dialect = "indexeddb-sqlite"


class AnyInFirefox(AnyIndexedDb, InFirefox):
    """In Firefox."""

    dialect = "indexeddb-firefox"


SOURCES = (AnyInLevelDb(), AnyInSqlite(), AnyInFirefox())
