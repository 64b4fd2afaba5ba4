"""The data export of Grok: `prod-grok-backend.json`, alone or in its archive with files.

Known from reports and importers, as the service is closed (docs/formats/ai-apps/grok.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class Grok(AppSource):
    """Grok's export."""

    kind = "grok"
    made_by = "Grok"

    def takes(self, container: Container) -> bool:
        """Return whether any of its JSON holds conversations with `responses`."""
        from pjais.sources.apps.grok import reader

        return reader.is_export(container)

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield conversations, the files they name, projects, tasks, and the export's other files."""
        from pjais.sources.apps.grok import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the conversation as the export has it, with its responses."""
        from pjais.sources.apps.grok.conversation import SHAPE

        return SHAPE.native(value) if collection == "conversations" else value


SOURCES = (Grok(),)
