"""The export of TypingMind: one JSON file with chats, folders, prompts and characters.

Known from reports and importers, as its source is closed (docs/formats/ai-apps/typingmind.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class TypingMind(AppSource):
    """TypingMind's export."""

    kind = "typingmind"
    made_by = "TypingMind"

    def takes(self, container: Container) -> bool:
        """Return whether its JSON holds `chats` with a `chatID`."""
        from pjais.sources.apps.typingmind import reader

        return container.form != "folder" and bool(reader.exports(container))

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield chats, characters as personas, and everything else as tables."""
        from pjais.sources.apps.typingmind import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the chat or character as the export has it."""
        from pjais.sources.apps.typingmind import chat

        shapes = {"conversations": chat.SHAPE, "personas": chat.CHARACTER}
        return shapes[collection].native(value) if collection in shapes else value


SOURCES = (TypingMind(),)
