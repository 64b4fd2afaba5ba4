"""automerge-repo: recognised by its store; its chunks stay raw rows, as no package for Python reads them."""

from __future__ import annotations

from collections.abc import Iterator, Set

from pjais.formats.indexeddb import BadRow
from pjais.sources.indexeddb.libraries.contract import Library, Meaning, Rows


class Automerge(Library):
    """Chunks by document: `[document id, "snapshot" or "incremental", hash]` -> `{key, binary}`."""

    name = "Automerge (automerge-repo)"
    decodes = False

    def recognises(self, database: str, version: int, stores: Set[str]) -> bool:
        """Return whether the database has the default names; an app may choose others."""
        return database == "automerge" and stores == {"documents"}

    def read(self, rows: Rows, stores: Set[str]) -> Iterator[Meaning | BadRow]:
        """Yield nothing."""
        return iter(())
