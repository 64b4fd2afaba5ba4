"""NextChat's backup: its whole state as one JSON object.

Sessions, masks (personas), prompts, settings.  What gives access (`access-control`) is never stored.  A message's date
is the text that its browser made of it, in any language and order (`dates`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class NextChat(AppSource):
    """A backup of NextChat (ChatGPT-Next-Web)."""

    kind = "nextchat"
    made_by = "NextChat"

    def takes(self, container: Container) -> bool:
        """Return whether it holds the app's stores by their names."""
        from pjais.sources.apps.nextchat import reader

        return reader.member(container) is not None

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield masks, sessions with the pictures in them, prompts, and the rest of the state."""
        from pjais.sources.apps.nextchat import reader

        return reader.pieces(container, wishes)

    def native(self, collection: str, value: Any) -> Any:
        """Return the app's own object."""
        from pjais.sources.apps.nextchat import session

        return session.native(collection, value)


SOURCES = (NextChat(),)
