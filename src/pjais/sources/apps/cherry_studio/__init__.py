"""Cherry Studio's backups of every version, and the folder of its profile.

Versions 2 to 5 are JSON (`data.json`) with the files beside it, 1 is compressed JSON, 6 has the raw LevelDB folders of
IndexedDB and Local Storage, 7 a SQLite database.  All give the same documents, so that backups of several versions of
the app hold each record once.  Credentials, of which the app keeps many, are never stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import Held, Opened, ReadOptions, Stamp, Stay, Wishes, files_in, stamp_of

if TYPE_CHECKING:
    from pathlib import Path

    from pjais.core.document import Piece
    from pjais.core.snapshot import Snapshot
    from pjais.core.source import SourceRef
    from pjais.formats.container import Container


class CherryStudio(AppSource):
    """A backup of Cherry Studio, unpacked or not, or its profile."""

    kind = "cherry-studio"
    made_by = "Cherry Studio"
    in_profiles = True
    shares = True

    def takes(self, container: Container) -> bool:
        """Return whether it is a backup of any version, or the app's profile."""
        from pjais.sources.apps.cherry_studio import form

        return form.of(container) is not None

    def version_in(self, container: Container) -> str | None:
        """Return the version of the backup's format; None for a profile."""
        from pjais.sources.apps.cherry_studio import form

        found = form.of(container)
        return None if found is None or found.version is None else str(found.version)

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield assistants, topics, memories, attachments, and the app's other tables and settings."""
        from pjais.sources.apps.cherry_studio import reader

        return reader.pieces(container, wishes)

    def native(self, collection: str, value: Any) -> Any:
        """Return the app's own object; of a conversation its parts: `topic`, `meta`, `blocks`, or `messages`."""
        from pjais.sources.apps.cherry_studio import reader

        return reader.native(collection, value)

    def files(self, ref: SourceRef) -> list[Path]:
        """Return the current files that matter: the app creates and removes some while it runs, and has caches."""
        from pjais.sources.apps.cherry_studio import form

        def matters(one: Path) -> bool:
            return form.matters(one.relative_to(ref.path).as_posix())

        if not ref.path.is_dir() or not all(map(matters, ref.files)):  # many single files
            return list(ref.files)
        return [one for one in files_in(ref.path) if matters(one)]

    def still(self, ref: SourceRef) -> Stamp:
        """Return the names of LevelDB's files, which only grow while the app runs, and the stamps of all others."""
        its = self.files(ref)
        return (
            *((str(one),) for one in its if "leveldb" in one.parent.name),
            *stamp_of(one for one in its if "leveldb" not in one.parent.name and not one.name.endswith("-shm")),
        )

    @contextmanager
    def open(self, snapshot: Snapshot, options: ReadOptions) -> Iterator[Opened]:
        """Open a copy."""
        with super().open(snapshot, options) as opened:
            yield _OpenedCherryStudio(opened)


class _OpenedCherryStudio(Opened):
    """A copy of a backup, which may be removed, or of a profile, which may not: the app works in it."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def read(self) -> Iterator[Piece]:
        return self._opened.read()

    def removable(self, ref: SourceRef) -> Held:
        """Return what may be removed: nothing of a profile."""
        from pjais import files

        if not ref.path.is_dir() or any((ref.path / name).is_file() for name in ("metadata.json", "data.json")):
            return Held()
        return Held(stays=(Stay(ref.path, files.size_of(ref.files), "Cherry Studio works in this folder"),))


SOURCES = (CherryStudio(),)
