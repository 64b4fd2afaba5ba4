"""The folder in which Jan keeps its threads: each a folder with `thread.json` and `messages.jsonl`.

Known from its documentation (docs/formats/ai-apps/jan.md).  Only the folders `threads` and `assistants` are read, as
the models beside them are large and none of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class Jan(AppSource):
    """Jan's threads and assistants."""

    kind = "jan"
    made_by = "Jan"

    def takes(self, container: Container) -> bool:
        """Return whether it is a folder of threads or assistants, or an archive with them."""
        from pjais.sources.apps.jan import reader

        return reader.is_jan(container)

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield threads as conversations, and assistants as personas."""
        from pjais.sources.apps.jan import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return `{"thread", "messages"}` of a conversation, and the assistant of a persona."""
        from pjais.sources.apps.jan import thread

        shapes = {"conversations": thread.SHAPE, "personas": thread.ASSISTANT}
        return shapes[collection].native(value) if collection in shapes else value


SOURCES = (Jan(),)
