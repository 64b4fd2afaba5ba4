"""Open WebUI: its exports of chats, memories, models and prompts, and its database `webui.db`.

Chats are a JSON list, or a chat a line as newer servers stream them.  The database may stand alone, in the server's
data folder beside the uploaded files, or in an archive of that; its WAL belongs to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppDatabases
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pathlib import Path

    from pjais.core.document import Piece
    from pjais.core.source import SourceRef
    from pjais.formats.container import Container
    from pjais.sources.apps.contract import Content, Records


class OpenWebUi(AppDatabases):
    """Open WebUI's exports and database."""

    kind = "open-webui"
    made_by = "Open WebUI"
    writes = True

    def takes(self, container: Container) -> bool:
        """Return whether it holds chats, memories, models or prompts of Open WebUI, or its database."""
        from pjais.sources.apps.open_webui import recognise

        return recognise.takes(container)

    def files(self, ref: SourceRef) -> list[Path]:
        """Return its files; of the server's data folder all but the search index and the cache."""
        found = super().files(ref)
        if not ref.path.is_dir():
            return found
        return [one for one in found if one.relative_to(ref.path).parts[0] not in ("vector_db", "cache")]

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield chats, memories, models as personas, uploaded files, and the other tables of the database."""
        from pjais.sources.apps.open_webui import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the chat, memory, model or row as Open WebUI's own interface gives it."""
        from pjais.sources.apps.open_webui import records

        return records.native(collection, value)

    def write_files(self, records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
        """Yield the chats, memories and models that Open WebUI imports."""
        from pjais.sources.apps.open_webui import export

        return export.files(records, lost)


SOURCES = (OpenWebUi(),)
