"""mem0: what `get_all` gives, as JSON, and `history.db`, which has earlier versions and deleted memories.

A folder with any of these is one source.  Vectors are in another program's store, and not exported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource, Content, Records
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class Mem0(AppSource):
    """The memories of mem0."""

    kind = "mem0"
    made_by = "mem0"
    writes = True

    def takes(self, container: Container) -> bool:
        """Return whether it holds results of `get_all`, or a `history.db`."""
        from pjais.sources.apps.mem0 import reader

        return reader.is_mem0(container)

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield memories, deleted ones too, the agents they are of, and the rest of the database."""
        from pjais.sources.apps.mem0 import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the memory as mem0 has it; of one that only its history has, the rows of that."""
        from pjais.sources.apps.mem0 import item

        return item.native(collection, value)

    def write_files(self, records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
        """Yield the memories as `get_all` gives them."""
        from pjais.sources.apps.mem0 import export

        return export.files(records, lost)


SOURCES = (Mem0(),)
