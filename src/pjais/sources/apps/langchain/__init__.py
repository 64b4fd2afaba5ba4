"""LangChain's messages as JSON, and items of LangGraph's store (docs/formats/ai-apps/langchain.md).

No program writes these files under a name of its own, so they are recognised by all that every element must have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class LangChain(AppSource):
    """What `messages_to_dict` gives, or items of a LangGraph store."""

    kind = "langchain"
    made_by = "LangChain"

    def takes(self, container: Container) -> bool:
        """Return whether the first element is a message or an item, whole and with no key that it cannot have."""
        from pjais.sources.apps.langchain import reader

        return reader.form(container) is not None

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield the messages as one conversation, or the items as memories."""
        from pjais.sources.apps.langchain import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the list of messages, or the item."""
        from pjais.sources.apps.langchain import records

        return records.native(collection, value)


SOURCES = (LangChain(),)
