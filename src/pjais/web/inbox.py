"""Files that the page was handed (picked, or dropped on it), until they are imported.

A batch is one gesture: its files lie in a private temporary folder under the names that they had, folders included.
They are removed once they are imported (the backup has them), and when the page ends.  A name never leads out of its
batch, and what a batch may hold is limited.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath

from pjais.errors import UsageError

LARGEST = 16 << 30
"""Bytes that one batch may hold."""
MOST = 100_000
"""Files that one batch may hold."""


class Inbox:
    """The batches of one page."""

    def __init__(self) -> None:
        self._root: Path | None = None
        self._sizes: dict[str, int] = {}
        self._counts: dict[str, int] = {}

    async def take(self, batch: str, name: str, pieces: AsyncIterator[bytes]) -> str:
        """Write a file as it comes in; return its batch, a new one where `batch` is empty.

        `name`: as the browser tells it, `folder/file` of a folder.  Raises UsageError for an unknown batch, a name
        that is none, a file that is there already, and for too much.
        """
        batch = batch or self._new()
        if batch not in self._sizes:
            raise UsageError("these files are not here any more; drop them again", where=[batch])
        path = self._folder(batch).joinpath(*_parts(name))
        self._counts[batch] += 1
        if self._counts[batch] > MOST:
            raise UsageError(f"more than {MOST:,} files at once; name their folder on the command line")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise UsageError("a file and a folder have one name", where=[name]) from error
        try:
            with path.open("xb") as file:
                async for piece in pieces:
                    self._sizes[batch] += len(piece)
                    if self._sizes[batch] > LARGEST:
                        raise UsageError("this is too large for the page; name it on the command line", where=[name])
                    file.write(piece)
        except FileExistsError as error:
            raise UsageError("two of the files have one name", where=[name]) from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return batch

    def sources(self, batch: str) -> tuple[Path, ...]:
        """Return what was handed over: files and folders.  Raises UsageError for an unknown batch."""
        if batch not in self._sizes:
            raise UsageError("these files are not here any more; drop them again", where=[batch])
        return tuple(sorted(self._folder(batch).iterdir()))

    def remove(self, batch: str) -> None:
        """Remove a batch."""
        if self._sizes.pop(batch, None) is not None:
            shutil.rmtree(self._folder(batch), ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        self._sizes.clear()
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)

    def _new(self) -> str:
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="pjais-inbox-"))
        batch = secrets.token_urlsafe(12)
        self._folder(batch).mkdir(mode=0o700)
        self._sizes[batch] = self._counts[batch] = 0
        return batch

    def _folder(self, batch: str) -> Path:
        assert self._root is not None
        return self._root / batch


def _parts(name: str) -> tuple[str, ...]:
    """Return the parts of a file's name.  Raises UsageError for one that names no file below its batch."""
    bare = unicodedata.normalize("NFC", name.replace("\\", "/"))
    parts = PurePosixPath(bare).parts
    wrong = not parts or bare.startswith("/") or any(one in ("..", ".") or ":" in one for one in parts)
    if wrong or any(unicodedata.category(each) == "Cc" or len(one.encode()) > 250 for one in parts for each in one):
        raise UsageError("this is no name of a file", where=[name])
    return parts
