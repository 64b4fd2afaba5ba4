"""Character cards: V1, V2 and V3 as JSON, in PNG, JPEG and WEBP pictures, in CHARX archives; lorebooks on their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource, Content, Records
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class CharacterCard(AppSource):
    """A character card."""

    kind = "character-card"
    made_by = "character card"
    writes = True

    def takes(self, container: Container) -> bool:
        """Return whether it is a card or a lorebook: JSON, a picture with a card in it, an archive with `card.json`."""
        from pjais.sources.apps.character_card import reader

        return reader.holds(container)

    def version_in(self, container: Container) -> str | None:
        """Return the version of the card."""
        from pjais.sources.apps.character_card import reader

        return reader.version(container)

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield the persona, its memories and its attachments."""
        from pjais.sources.apps.character_card import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return a persona's card, with a hole for each entry of its lorebook, or a memory's entry.

        `book.whole` puts a card together of both.
        """
        from pjais.sources.apps.character_card import fields

        if collection == "personas":
            return fields.native_persona(value)
        if collection == "memories":
            return fields.native_entry(value)
        return value.get("lorebook", value) if collection == "character_card_lorebooks" else value

    def write_files(self, records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
        """Yield a card for each persona: a PNG, a CHARX archive, or JSON."""
        from pjais.sources.apps.character_card import export

        return export.write_files(records, lost)


SOURCES = (CharacterCard(),)
