"""A vault of notes in our own convention, one record a file, and a single note.

Ours (docs/formats/ai-apps/markdown.md), so that people read and edit their records in Obsidian or any editor.  A note
is ours if its front matter has `pjais`; all other notes are the person's own, and left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource, Content, Records
from pjais.sources.contract import Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.formats.container import Container


class Markdown(AppSource):
    """Notes with `pjais` in their front matter."""

    kind = "markdown"
    made_by = "pjais"

    def takes(self, container: Container) -> bool:
        """Return whether it is a note of ours, or a folder or archive of notes with one."""
        from pjais.sources.apps.markdown import reader

        return reader.is_vault(container)

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield the records of all notes, and the attachments; what is not ours is named."""
        from pjais.sources.apps.markdown import reader

        return reader.pieces(container)

    def native(self, collection: str, value: Any) -> Any:
        """Return the text of the note, without the links that an export adds."""
        from pjais.sources.apps.markdown import note

        return note.text(collection, value) if collection in note.OF_COLLECTION else value

    writes = True

    def write_files(self, records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
        """Yield the files of a vault; `lost` is called first for what a note cannot hold."""
        from pjais.sources.apps.markdown import export

        return export.files(records, lost)


SOURCES = (Markdown(),)
