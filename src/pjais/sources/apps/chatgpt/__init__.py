"""The data export of ChatGPT: the zip, the folder it unpacks to, or one of its `conversations*.json`.

Known from reports and importers, as the service is closed (docs/formats/ai-apps.md): until early 2026 one
`conversations.json`, since then shards `conversations-000.json`, ...; attachments are beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container
    from pjais.sources.apps.contract import Content, Records


class ChatGpt(AppSource):
    """ChatGPT's export."""

    kind = "chatgpt"
    made_by = "ChatGPT"
    writes = True

    def takes(self, container: Container) -> bool:
        """Return whether any of its JSON holds conversations as trees of nodes (`mapping`)."""
        from pjais.sources.apps.chatgpt import reader

        return bool(reader.shards(container))

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield conversations, the projects and GPTs they name, attachments, and the export's other files."""
        from pjais.sources.apps.chatgpt import reader

        return reader.pieces(container, wishes)

    def native(self, collection: str, value: Any) -> Any:
        """Return the conversation as the export has it."""
        from pjais.sources.apps.chatgpt import conversation

        return conversation.native(value) if collection == "conversations" else value

    def write_files(self, records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
        """Yield `conversations.json`, in the form that other programs import, and the files beside it."""
        from pjais.sources.apps.chatgpt import export

        return export.files(records, lost)


SOURCES = (ChatGpt(),)
