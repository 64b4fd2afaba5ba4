"""LobeChat's export: one JSON file, in the older form or as tables of its database (docs/formats/ai-apps/lobechat.md).

Read in the program's source (1.143): `{exportType, state, version}`, and since it has a database
`{mode, schemaHash, data}`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class LobeChat(AppSource):
    """LobeChat's export."""

    kind = "lobechat"
    made_by = "LobeChat"

    def takes(self, container: Container) -> bool:
        """Return whether it is a JSON object of one of the two forms."""
        from pjais.sources.apps.lobechat import export_file

        return export_file.version(container) is not None

    def version_in(self, container: Container) -> str | None:
        """Return the version of the older form, or the database that the tables are of."""
        from pjais.sources.apps.lobechat import export_file

        return export_file.version(container)

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield agents, conversations with their threads, and every other table whole."""
        from pjais.sources.apps.lobechat import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the row, or the rows that a conversation was put together from: `{topic, messages, threads}`."""
        from pjais.sources.apps.lobechat import rows

        return rows.native(collection, value)


SOURCES = (LobeChat(),)
