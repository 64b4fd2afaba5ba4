"""The knowledge graph of `@modelcontextprotocol/server-memory`: `memory.jsonl`, in older versions `memory.json`.

Each line is an entity with its observations, or a relation between two names.  The file has no ids and no times; ours
are in a side file (`memory.pjais.json`) beside a file that we wrote, and are matched by text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource, Content, Records
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class McpMemory(AppSource):
    """The memory of an assistant that uses the MCP memory server."""

    kind = "mcp-memory"
    made_by = "@modelcontextprotocol/server-memory"
    writes = True

    def takes(self, container: Container) -> bool:
        """Return whether it is a graph, alone or with its side file."""
        from pjais.sources.apps.mcp_memory import reader

        return reader.graph_in(container) is not None

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield entities and observations as memories, relations as relationships."""
        from pjais.sources.apps.mcp_memory import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the line of an entity (its observations are documents of their own) or relation, or an observation."""
        from pjais.sources.apps.mcp_memory import graph

        return graph.native(collection, value)

    def write_files(self, records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
        """Yield the graph as the server writes it, and the side file."""
        from pjais.sources.apps.mcp_memory import export

        return export.files(records, lost)


SOURCES = (McpMemory(),)
