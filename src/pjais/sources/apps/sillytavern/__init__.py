"""SillyTavern: a chat, World Info, personas of the user, or the whole folder of a user, also as the zip of a backup."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource, Content, Records
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class SillyTavern(AppSource):
    """Files of SillyTavern."""

    kind = "sillytavern"
    made_by = "SillyTavern"
    writes = True

    def takes(self, container: Container) -> bool:
        """Return whether it is a chat, World Info, personas or settings, or a folder of a user with some of these."""
        from pjais.sources.apps.sillytavern import reader

        return reader.holds(container)

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield cards, chats, entries of World Info, personas of the user, groups, settings and attachments."""
        from pjais.sources.apps.sillytavern import reader

        return reader.pieces(container, wishes)

    def native(self, collection: str, value: Any) -> Any:
        """Return a conversation's lines, a memory's entry, a card without its entries, or a persona of the user."""
        from pjais.sources.apps.sillytavern import natives

        return natives.native(collection, value)

    def write_files(self, records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
        """Yield cards, chats, World Info, groups and personas of the user in the layout of a user's folder."""
        from pjais.sources.apps.sillytavern import export

        return export.write_files(records, lost)


SOURCES = (SillyTavern(),)
