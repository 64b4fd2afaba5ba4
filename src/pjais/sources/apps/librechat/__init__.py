"""LibreChat: one conversation a JSON file, flat or as a tree, and memories as a list out of its database.

Read in the program's source; its other exports (CSV, Markdown, text, a picture) have no way back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class LibreChat(AppSource):
    """LibreChat's exported conversations, and its memories."""

    kind = "librechat"
    made_by = "LibreChat"

    def takes(self, container: Container) -> bool:
        """Return whether it is a conversation of LibreChat, a list or an archive of them, or memories."""
        from pjais.sources.apps.librechat import reader

        return bool(reader.members(container))

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield the conversations and memories."""
        from pjais.sources.apps.librechat import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the conversation or memory as LibreChat has it; a tree is a tree again."""
        from pjais.sources.apps.librechat import conversation

        return conversation.native(collection, value)


SOURCES = (LibreChat(),)
