"""The contract of a kind of file that an AI app writes.

A kind says whether a container (a file, a folder or an archive, seen as names and streams) is its own (`takes`), and
yields the documents in it (`pieces`).  A document has the form of our own export: `personas`, `memories`,
`conversations`, `relationships`, `attachments`; any other collection is kept whole as a table of its own.

`native` returns the app's own object that a document was made of: `native(document) == object`, for every object.  Only
credentials are an exception: they are replaced before anything is stored (`redaction`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from pjais.sources.contract import NO_WISHES, Opened, ReadOptions, Source, Stamp, Wishes, files_in
from pjais.sources.sqlite_source import SqliteFiles

if TYPE_CHECKING:
    from pathlib import Path

    from pjais.core.document import Piece
    from pjais.core.snapshot import Snapshot
    from pjais.core.source import SourceRef
    from pjais.formats.container import Container


Content = bytes | Iterable[bytes]
"""The content of a file: as a whole, or piece by piece where it may be large."""


class Records(Protocol):
    """The records of a store as documents of our export, read as they are asked for; each list is sorted by id."""

    def personas(self) -> Iterator[dict[str, Any]]:
        """Yield the personas."""
        ...

    def memories(self, persona: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the memories, deleted ones too; `persona`: those of one persona."""
        ...

    def conversations(self) -> Iterator[dict[str, Any]]:
        """Yield the conversations."""
        ...

    def relationships(self) -> Iterator[dict[str, Any]]:
        """Yield the relationships."""
        ...

    def others(self, collection: str) -> Iterator[dict[str, Any]]:
        """Yield the values of the documents of a collection that a kind keeps whole, none if there is none."""
        ...

    def attachments(self) -> Iterator[dict[str, Any]]:
        """Yield what is known of the attachments: `id` (their SHA-256), `name`, `mediaType`, `size`."""
        ...

    def attachment(self, sha256: str) -> bytes | None:
        """Return the bytes of an attachment; None if the store has none of this hash."""
        ...


class AppSource(Source):
    """A kind of file, folder or archive that an AI app writes."""

    dialect = "pjais-app"
    """`core.own_files.APP`, which a search does without."""
    absence_means_removed = False
    """An export never says that what is not in it was deleted."""
    tolerates_invalid = True
    later_wins = True
    """An export holds what the app had when it was made: of two that tell no time, the one that came later counts."""
    in_profiles = False
    """True if it also takes a folder that looks like a browser's profile."""

    def takes(self, container: Container) -> bool:
        """Return whether a container is of this kind, by its content; heads of members suffice.

        Asked of every file and archive that is named, and of every folder in a folder that is named: look at `top` and
        `form` first, and read nothing of what cannot be yours.  Never raises for what a file may hold; a
        ContainerDamaged means no.
        """
        raise NotImplementedError

    def instead(self, container: Container) -> str | None:
        """Return what to do instead, if a container is of this app but holds nothing that can be read of it.

        Asked of a container that no kind takes: a manifest without its files, an export in a form for people.
        """
        return None

    def version_in(self, container: Container) -> str | None:
        """Return the version of its format, for people."""
        return None

    def pieces(self, container: Container, wishes: Wishes) -> Iterator[Piece]:
        """Yield the documents in a container, as `Opened.read`: lazily, and in the same order each time."""
        raise NotImplementedError

    def native(self, collection: str, value: Any) -> Any:
        """Return the app's own object that a document was made of."""
        raise NotImplementedError

    @contextmanager
    def open(self, snapshot: Snapshot, options: ReadOptions) -> Iterator[Opened]:
        """Open a copy."""
        yield _Read(self, snapshot, options.wishes)

    writes = False
    """True if it can write files of its form, too: `pjais export --format <kind>`."""

    def write_files(self, records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
        """Yield (relative path, content) of each file that holds the records in the app's form; the main one first.

        What the form cannot hold is reported before anything is yielded: `lost("12 embeddings")`.
        """
        raise NotImplementedError

    def read(self, snapshot: Snapshot, wishes: Wishes = NO_WISHES) -> Iterator[Piece]:
        """Yield the documents in a copy; what cannot be read of it is an `Unreadable`."""
        from pjais.core.document import Unreadable
        from pjais.formats import container

        paths = [snapshot.path]
        try:
            with container.of(snapshot.path) as opened:
                if opened.form == "folder" and not self.takes(opened):  # single files, which are one source together
                    paths = [snapshot.path / name for name in opened.names]
        except container.ContainerDamaged:
            pass  # said below
        for path in paths:
            try:
                with self._opened(path) as opened:
                    yield from _or_empty(self._of(opened, wishes)) if len(paths) == 1 else self._of(opened, wishes)
            except container.ContainerDamaged as error:
                yield Unreadable("$file", f"{path.name} byte 0", b"", f"cannot be read on: {error}")

    def _opened(self, path: Path) -> Container:
        """Return a path as this kind sees it: maybe the archive at the end of a file that begins otherwise."""
        from pjais.formats import container

        for opened in container.ways(path):
            if opened.form == "file" and self.takes(opened):
                break
            if opened.form == "zip" and not container.is_zip(path) and self.takes(opened):
                return container.zip_of(path)
        return container.of(path)

    def _of(self, opened: Container, wishes: Wishes) -> Iterator[Piece]:
        from pjais.core.document import Remark, Unreadable

        for name in opened.unsafe:
            reason = "a member whose path leads out of the archive, a link, or a second one of its name; not read"
            yield Remark("unsafe-member", "$file", name, reason)
        yield from self.pieces(opened, wishes)
        if opened.cut is not None:
            yield Unreadable("$file", "the end", b"", f"{opened.cut}; download it again")

    def files(self, ref: SourceRef) -> list[Path]:
        """Return its files: those that were found; at first, of a folder, all of them."""
        return list(ref.files) or files_in(ref.path)


def _or_empty(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Yield all pieces, and a remark if none is a record that people would look for."""
    from pjais.core.document import Remark

    empty = True
    for piece in pieces:
        empty = empty and (isinstance(piece, Remark) or piece.collection not in _LOOKED_FOR)
        yield piece
    if empty:
        yield Remark("empty-export", "$file", "", "it holds no persona, no memory and no conversation")


_LOOKED_FOR = frozenset({"personas", "memories", "conversations"})


class _Read(Opened):
    """A copy of what an AI app wrote."""

    def __init__(self, source: AppSource, snapshot: Snapshot, wishes: Wishes) -> None:
        self._source, self._snapshot, self._wishes = source, snapshot, wishes

    def read(self) -> Iterator[Piece]:
        return self._source.read(self._snapshot, self._wishes)


class AppDatabases(SqliteFiles, AppSource):
    """A kind whose file may be a SQLite database: its WAL and journal are copied with it (`apps.database` reads it)."""

    def files(self, ref: SourceRef) -> list[Path]:
        """Return its files, with the WAL and journal of each database, there since when it may be."""
        return super().files(replace(ref, files=tuple(AppSource.files(self, ref))))

    def still(self, ref: SourceRef) -> Stamp:
        """Return the stamps of its files, and of a WAL its header alone."""
        return super().still(replace(ref, files=tuple(self.files(ref))))
