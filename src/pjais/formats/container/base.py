"""A container: the names of its members, their sizes, and their bytes as streams."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

HEAD = 1 << 16
"""Bytes of a member that are looked at to recognise it."""

_LOOKS = 32
"""Members of which is remembered what they begin with, since one kind of app after the other asks."""

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
    cut: str | None = None
    """Why only a part of the archive can be read; None: all of it can."""
    _failures: tuple[type[Exception], ...] = (OSError,)
    """The errors that reading a member may raise."""

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

    def _checksum(self, name: str) -> int | None:  # noqa: ARG002 - only an archive knows it
        """Return the CRC-32 of a member's bytes, as far as it is known."""
        return None

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
            yield cast(BinaryIO, _Checked(file, name, size, self._checksum(name), self._failures))

    def read(self, name: str, most: int = -1) -> bytes:
        """Return the bytes of a member, or as many as asked.  Raises ContainerDamaged."""
        parts: list[bytes] = []
        with self.open(name) as file:
            while (most < 0 or sum(map(len, parts)) < most) and (data := file.read(most)):
                parts.append(data)
        return b"".join(parts)

    def head(self, name: str) -> bytes:
        """Return the first 64 KiB of a member, or what can be read of them."""
        found: bytes = self.looked("head", name, lambda: self._head(name))
        return found

    def _head(self, name: str) -> bytes:
        try:
            with self.open(name) as file:
                return file.read(HEAD)
        except ContainerDamaged:
            return b""

    def looked(self, what: str, name: str, look: Callable[[], Any]) -> Any:
        """Return what a look at a member's beginning found; `look` is called once for many that ask."""
        found = self._looks.get((what, name))
        if found is None:
            if len(self._looks) >= 2 * _LOOKS:
                self._looks.clear()
            found = self._looks[what, name] = look()
        return found

    @cached_property
    def _looks(self) -> dict[tuple[str, str], Any]:
        return {}

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
    """A member while it is read: never more than its size, and failures are ContainerDamaged.

    What was read before a failure is given out first, so that a damaged end costs nothing but itself.
    """

    def __init__(
        self, file: IO[bytes], name: str, size: int, checksum: int | None, failures: tuple[type[Exception], ...]
    ) -> None:
        self._file, self._name, self._left, self._failures = file, name, size, failures
        self._checksum, self._sum = checksum, 0
        self._failed: str | None = None

    def readable(self) -> bool:
        return True

    def read(self, most: int = -1) -> bytes:
        parts: list[bytes] = []
        wanted = self._left + 1 if most < 0 else most
        while wanted > 0 and self._failed is None:
            data = self._more(min(wanted, 1 << 18))
            parts.append(data)
            wanted -= len(data)
            if not data:
                break
        found = b"".join(parts)
        if not found and self._failed is not None:
            raise ContainerDamaged(f"{self._name}: {self._failed}")
        return found

    def _more(self, most: int) -> bytes:
        try:
            data = self._file.read(most)
        except self._failures as error:
            self._failed = str(error)
            return b""
        self._left -= len(data)
        if self._left < 0:
            self._failed = "larger than it says"
            return b""
        if self._checksum is not None:
            self._sum = zlib.crc32(data, self._sum)
            if not data and self._left == 0 and self._sum != self._checksum:
                self._failed = "its checksum is wrong, so a part of it is not what it was"
        return data

    def readall(self) -> bytes:
        return self.read()
