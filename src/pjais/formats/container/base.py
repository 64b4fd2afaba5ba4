"""What a container offers: the names of its members, their sizes, and their bytes as streams."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, BinaryIO, Literal, cast

HEAD = 1 << 16
"""Bytes of a member that are looked at to recognise it."""

JUNK = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})
"""Files and folders that operating systems add."""

Form = Literal["file", "folder", "zip"]


class ContainerDamaged(Exception):
    """A container, or a member of it, cannot be read; the text says why."""


class Container:
    """A file, a folder or an archive.  `names` are relative paths with `/`, sorted; a file has one: its own name."""

    form: Form
    path: Path
    unsafe: tuple[str, ...] = ()
    """Names of members that are never read: their path leads out of the archive, or they are links."""
    _failures: tuple[type[Exception], ...] = (OSError,)
    """What reading a member may raise."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all members."""
        raise NotImplementedError

    @property
    def top(self) -> tuple[str, ...]:
        """Return the names of the members that are in no folder; cheap also for a large folder."""
        return tuple(name for name in self.names if "/" not in name)

    def size(self, name: str) -> int:
        """Return the size of a member in bytes."""
        raise NotImplementedError

    def _open(self, name: str) -> IO[bytes]:
        raise NotImplementedError

    def close(self) -> None:
        """Close the archive."""

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def called(self, *patterns: str) -> tuple[str, ...]:
        """Return the members whose last part fits one of the patterns, in any folder; case is ignored."""
        return tuple(
            name
            for name in self.names
            if any(fnmatchcase(name.rpartition("/")[2].lower(), one.lower()) for one in patterns)
        )

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a member to be read once from its beginning.  Raises ContainerDamaged, also while it is read."""
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self._open(name))
                size = self.size(name)
            except self._failures as error:
                raise ContainerDamaged(f"{name}: {error}") from error
            yield cast(BinaryIO, _Checked(file, name, size, self._failures))

    def read(self, name: str, most: int = -1) -> bytes:
        """Return the bytes of a member, or as many as asked.  Raises ContainerDamaged."""
        with self.open(name) as file:
            return file.read(most)

    def head(self, name: str) -> bytes:
        """Return the first 64 KiB of a member, nothing of one that cannot be read."""
        try:
            return self.read(name, HEAD)
        except ContainerDamaged:
            return b""

    @contextmanager
    def as_file(self, name: str) -> Iterator[Path]:
        """Give a member as a file of its own, for programs that need a path (SQLite); it is gone afterwards."""
        import shutil
        import tempfile

        with tempfile.TemporaryDirectory(prefix="pjais-member-") as folder:
            path = Path(folder) / "member"
            with self.open(name) as file, path.open("wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
            yield path


class _Checked(io.RawIOBase):
    """A member while it is read: never more than its size, and failures are ContainerDamaged."""

    def __init__(self, file: IO[bytes], name: str, size: int, failures: tuple[type[Exception], ...]) -> None:
        self._file, self._name, self._left, self._failures = file, name, size, failures

    def readable(self) -> bool:
        return True

    def read(self, most: int = -1) -> bytes:
        try:
            data = self._file.read(self._left + 1 if most < 0 else most)
        except self._failures as error:
            raise ContainerDamaged(f"{self._name}: {error}") from error
        self._left -= len(data)
        if self._left < 0:
            raise ContainerDamaged(f"{self._name}: larger than it says")
        return data

    def readall(self) -> bytes:
        return self.read()
