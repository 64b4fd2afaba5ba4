"""big-AGI's export: all conversations, or one (docs/formats/ai-apps/big-agi.md); read in the program's source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class BigAgi(AppSource):
    """An export of big-AGI."""

    kind = "big-agi"
    made_by = "big-AGI"

    def takes(self, container: Container) -> bool:
        """Return whether it is a JSON object with conversations of big-AGI, or one of them."""
        from pjais.sources.apps.big_agi import reader

        return reader.form(container) is not None

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield conversations, documents attached to messages, and folders and settings whole."""
        from pjais.sources.apps.big_agi import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the conversation, the folder or the entry as the export has it."""
        from pjais.sources.apps.big_agi import conversation

        return conversation.native(collection, value)


SOURCES = (BigAgi(),)
