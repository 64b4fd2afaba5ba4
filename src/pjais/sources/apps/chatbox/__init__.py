"""Chatbox's export: a flat dump of its key-value store in one JSON file (docs/formats/ai-apps/chatbox.md).

Read in the program's source: `session:<id>` entries since configuration version 8, one list `chat-sessions` before;
pictures and texts of files are entries of their own, which messages point to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class Chatbox(AppSource):
    """Chatbox's export."""

    kind = "chatbox"
    made_by = "Chatbox"

    def takes(self, container: Container) -> bool:
        """Return whether it is a JSON object with the keys of Chatbox's store, and no others."""
        from pjais.sources.apps.chatbox import dump

        return dump.is_dump(container)

    def version_in(self, container: Container) -> str | None:
        """Return the configuration version, if it is among the first entries."""
        from pjais.sources.apps.chatbox import dump

        return dump.version(container)

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield copilots, sessions, their earlier threads, blobs as attachments, and every other entry whole."""
        from pjais.sources.apps.chatbox import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the session, thread, copilot or entry as the dump has it."""
        from pjais.sources.apps.chatbox import session

        return session.native(collection, value)


SOURCES = (Chatbox(),)
