"""The data export of Claude: one zip, or since September 2026 a manifest with one zip for each kind of data.

Known from reports and importers, as the service is closed (docs/formats/ai-apps/claude.md).  A folder that holds a
manifest and its parts is one source; so is each part alone.  A manifest alone holds no data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class Claude(AppSource):
    """Claude's export."""

    kind = "claude"
    made_by = "Claude"

    def takes(self, container: Container) -> bool:
        """Return whether it holds conversations (`chat_messages`), projects, memories or the user of Claude."""
        from pjais.sources.apps.claude import parts

        return parts.is_export(container)

    def instead(self, container: Container) -> str | None:
        """Return which files to fetch, of a manifest that is alone."""
        from pjais.sources.apps.claude import parts

        return parts.to_fetch(container)

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield projects and their documents, conversations, attachments, memories, and the export's other files."""
        from pjais.sources.apps.claude import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the conversation, project, document or memory as the export has it."""
        from pjais.sources.apps.claude import records
        from pjais.sources.apps.claude.conversation import SHAPE

        if collection == "conversations":
            return SHAPE.native(value)
        return records.native(collection, value)


SOURCES = (Claude(),)
