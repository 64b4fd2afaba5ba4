"""Read a zip archive as a container, with limits, and turn every failure into ContainerDamaged.

Of an archive that is cut off, what is there is read (`cut`).
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from copy import copy
from pathlib import Path, PurePosixPath
from typing import IO, cast

from pjais.formats.container import cut_zip
from pjais.formats.container.base import JUNK, Container, ContainerDamaged

MOST_FILES = 200_000
MOST_BYTES = 64 << 30
RATIO = 200
SMALL = 64 << 20
"""What an archive may unpack to, whatever its own size."""

_LINK = 0o12
"""The kind of file in the upper bits of a member's attributes: a symbolic link."""

_ENCRYPTED = 1
"""The flag of a member that needs a password."""

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
        self._zip: zipfile.ZipFile | None = None
        self._found: dict[str, cut_zip.Found] = {}
        try:
            members = self._listed(packed)
            size = sum(one.file_size for one in members)
            if len(members) > MOST_FILES or size > _limit(packed):
                raise ContainerDamaged(f"it would unpack to {size:,} bytes in {len(members):,} files")
        except ContainerDamaged:
            self.close()
            raise
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

    def _listed(self, packed: int) -> list[zipfile.ZipInfo]:
        """Return the members; of an archive without its directory those that are found before it ends."""
        try:
            self._zip = zipfile.ZipFile(self._file)
            return self._zip.infolist()
        except _FAILURES as error:
            found: list[zipfile.ZipInfo] = []
            for one in cut_zip.members(self._file, packed, _limit(packed)):
                one.info.file_size = one.size
                found.append(one.info)
                self._found.setdefault(one.info.filename, one)
            if not found:
                raise ContainerDamaged(f"the archive cannot be read: {error}") from error
            if isinstance(error, zipfile.BadZipFile):
                self.cut = f"the archive is cut off: it ends after {packed:,} bytes, in or after {found[-1].filename}"
            else:
                self.cut = f"the archive's list of its members cannot be read ({error}); they were found by their data"
            return found

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all members that may be read."""
        return self._names

    def size(self, name: str) -> int:
        """Return the size of a member in bytes, as the archive tells."""
        return self._members[name].file_size

    def _open(self, name: str) -> IO[bytes]:
        member = self._members[name]
        if self._zip is None:
            return cast("IO[bytes]", _Pieces(cut_zip.stream(self._file, self._found[member.filename])))
        if member.flag_bits & _ENCRYPTED:
            raise RuntimeError("it is encrypted; unpack the archive yourself, and name the folder")
        unchecked = copy(member)
        unchecked.CRC = None  # type: ignore[assignment]  # checked here, when all of its bytes have been given out
        return self._zip.open(unchecked)

    def _checksum(self, name: str) -> int | None:
        return self._members[name].CRC if self._zip is not None else None

    def close(self) -> None:
        """Close the archive."""
        if self._zip is not None:
            self._zip.close()
        self._file.close()


class _Pieces(io.RawIOBase):
    """A stream of pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, b""

    def readable(self) -> bool:
        return True

    def read(self, most: int = -1) -> bytes:
        while not self._held:
            found = next(self._pieces, None)
            if found is None:
                return b""
            self._held = found
        data, self._held = (self._held, b"") if most < 0 else (self._held[:most], self._held[most:])
        return data


def _limit(packed: int) -> int:
    return min(MOST_BYTES, max(SMALL, RATIO * packed))


def _leads_out(path: PurePosixPath) -> bool:
    return path.is_absolute() or ".." in path.parts or (bool(path.parts) and ":" in path.parts[0])
