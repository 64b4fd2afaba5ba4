"""Read a zip archive as a container, with limits, and turn every failure into ContainerDamaged."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from pjais.formats.container.base import JUNK, Container, ContainerDamaged

MOST_FILES = 200_000
MOST_BYTES = 64 << 30
RATIO = 200
SMALL = 64 << 20
"""What an archive may unpack to, whatever its own size."""

_LINK = 0o12
"""The kind of file in the upper bits of a member's attributes: a symbolic link."""

_FAILURES = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    OSError,
)


class Zip(Container):
    """An archive; `packed` is its own size in bytes."""

    form = "zip"
    _failures = _FAILURES

    def __init__(self, path: Path, file: IO[bytes], packed: int) -> None:
        self.path = path
        self._file = file
        try:
            self._zip = zipfile.ZipFile(file)
            members = self._zip.infolist()
        except _FAILURES as error:
            file.close()
            raise ContainerDamaged(f"the archive cannot be read: {error}") from error
        size = sum(one.file_size for one in members)
        if len(members) > MOST_FILES or size > min(MOST_BYTES, max(SMALL, RATIO * packed)):
            self.close()
            raise ContainerDamaged(f"it would unpack to {size:,} bytes in {len(members):,} files")
        self._members: dict[str, zipfile.ZipInfo] = {}
        unsafe: list[str] = []
        for one in members:
            inside = PurePosixPath(one.filename.replace("\\", "/"))
            if one.is_dir() or JUNK.intersection(inside.parts) or inside.name.startswith("._"):
                continue
            if _leads_out(inside) or (one.external_attr >> 28) == _LINK or str(inside) in self._members:
                unsafe.append(one.filename)
            else:
                self._members[str(inside)] = one
        self.unsafe = tuple(unsafe)
        self._names = tuple(sorted(self._members))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all members that may be read."""
        return self._names

    def size(self, name: str) -> int:
        """Return the size of a member in bytes, as the archive tells."""
        return self._members[name].file_size

    def _open(self, name: str) -> IO[bytes]:
        return self._zip.open(self._members[name])

    def close(self) -> None:
        """Close the archive."""
        self._zip.close()
        self._file.close()


def _leads_out(path: PurePosixPath) -> bool:
    return path.is_absolute() or ".." in path.parts or (bool(path.parts) and ":" in path.parts[0])
