"""Gemini's prompts in Google Takeout (My Activity, JSON), and files of AI Studio.

Known from reports and importers, as the service is closed (docs/formats/ai-apps/gemini-takeout.md).  The activity is a
flat list of prompts with their answers; what was one conversation is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class GeminiTakeout(AppSource):
    """Gemini in a Takeout."""

    kind = "gemini-takeout"
    made_by = "Gemini"

    def takes(self, container: Container) -> bool:
        """Return whether any of its JSON lists the activity of Gemini, or is a prompt of AI Studio."""
        from pjais.sources.apps.gemini_takeout import members

        return members.is_export(container)

    def instead(self, container: Container) -> str | None:
        """Return how to get JSON, of a Takeout that has the activity as HTML."""
        from pjais.sources.apps.gemini_takeout import members

        return members.to_ask_for(container)

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield conversations, the files they name, and the activity that is not a prompt."""
        from pjais.sources.apps.gemini_takeout import reader

        return reader.pieces(container, wishes)

    def native(self, collection: str, value: Any) -> Any:
        """Return the entries that a conversation was made of, oldest first; of AI Studio its file."""
        from pjais.sources.apps.gemini_takeout.prompts import SHAPE

        return SHAPE.native(value) if collection == "conversations" else value


SOURCES = (GeminiTakeout(),)
