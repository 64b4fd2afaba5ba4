"""A profile's localStorage, sessionStorage or extension storage as a whole (`pjais.profile`)."""

from __future__ import annotations

from pjais.core.source import SourceRef
from pjais.sources.contract import Source, Stamp


class AnyWebStorage(Source):
    """One LevelDB of web storage.  A search takes none of them by itself."""

    kind = "web-storage"
    dialect = "web-storage"
    of_browser = True

    def still(self, ref: SourceRef) -> Stamp:
        """Return the names of the files: a LevelDB only appends to its logs and never changes a table."""
        return tuple((str(path),) for path in self.files(ref))


SOURCES = (AnyWebStorage(),)
