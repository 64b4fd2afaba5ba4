"""Letta's agent file (`.af`): one agent (version 1) or several with what they share (docs/formats/ai-apps/letta-af.md).

Read in the program's source (0.16.8), whose format is frozen.  Its archival memory is not in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class LettaAgentFile(AppSource):
    """An agent file of Letta."""

    kind = "letta-af"
    made_by = "Letta"

    def takes(self, container: Container) -> bool:
        """Return whether it is a JSON object with agents, blocks and tools, or one agent with its core memory."""
        from pjais.sources.apps.letta_af import agent_file

        return agent_file.version(container) is not None

    def version_in(self, container: Container) -> str | None:
        """Return the version of the format, `1` or `2`."""
        from pjais.sources.apps.letta_af import agent_file

        return agent_file.version(container)

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield agents, their memory blocks and messages, and every other part whole."""
        from pjais.sources.apps.letta_af import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the agent without blocks and messages, a block, `{"messages"}`, or the part that is kept whole."""
        from pjais.sources.apps.letta_af import agent

        return agent.native(collection, value)


SOURCES = (LettaAgentFile(),)
