"""Unpack an archive that its owner names, so that what is in it is found as in a folder.

It is unpacked into a private temporary folder, which is removed when the process ends.  Its place depends on the
archive alone, so that a later call knows the same files.  Nothing is written outside of it: a member whose path leads
out, a link, and an archive that would unpack to far more than any profile are refused.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO

from pjais.errors import SourceDamaged

_MOST_FILES = 200_000
_MOST_BYTES = 16 << 30
_RATIO = 200
_SMALL = 64 << 20
"""What an archive may unpack to, whatever its own size."""

_made: dict[tuple[Path, int, int], Path] = {}
"""Archive (path, size, time of change) -> the folder with all of its content."""


def is_archive(path: Path) -> bool:
    """Return whether a file is an archive that can be unpacked, by its first bytes."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def holds(path: Path) -> bool:
    """Return whether a path is in an archive that was unpacked."""
    return shown(path) != path


def shown(path: Path) -> Path:
    """Return a path for people: in an archive that was unpacked, its place there; any other as it is."""
    return next(
        (archive / path.relative_to(folder) for (archive, *_), folder in _made.items() if path.is_relative_to(folder)),
        path,
    )


def folder_of(archive: Path) -> Path:
    """Return the folder with the content of an archive; it bears the archive's name.

    Raises SourceDamaged for one that cannot be unpacked, or must not be.
    """
    import lzma  # only where there is an archive
    import zipfile
    import zlib

    failures = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
    try:
        status = archive.stat()
        key = (archive.absolute(), status.st_size, status.st_mtime_ns)
        if key not in _made:
            _made[key] = _unpacked(archive, key)
    except FileExistsError as error:
        raise _damaged(archive, f"two of its members are one file: {Path(error.filename).name}") from error
    except (*failures, NotImplementedError, RuntimeError, ValueError, OverflowError, OSError) as error:
        raise _damaged(archive, f"it cannot be unpacked: {error}") from error
    return _made[key]


def _unpacked(archive: Path, key: tuple[Path, int, int]) -> Path:
    """Unpack an archive into a new folder, which is removed at exit, or at once if that fails."""
    import atexit
    import shutil
    import tempfile

    place = _own_place(key) or Path(tempfile.mkdtemp(prefix="pjais-archive-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    try:
        _unpack(archive, place / archive.name)
    except BaseException:  # a part of an archive must not pass for the whole
        shutil.rmtree(place, ignore_errors=True)
        raise
    return place / archive.name


def _own_place(key: tuple[Path, int, int]) -> Path | None:
    """Return a new private folder whose name depends on the archive; None if it is in use, or not ours alone."""
    import hashlib
    import tempfile

    parent = Path(tempfile.gettempdir()) / f"pjais-archives-{getattr(os, 'getuid', int)()}"
    place = parent / hashlib.sha256("\0".join(map(str, key)).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    with suppress(OSError):
        parent.mkdir(mode=0o700, exist_ok=True)
        status = parent.lstat()
        if parent.is_symlink() or status.st_mode & 0o077 or status.st_uid != getattr(os, "getuid", int)():
            return None
        place.mkdir(mode=0o700)
        return place
    return None


def _unpack(archive: Path, folder: Path) -> None:
    import time
    import zipfile

    with zipfile.ZipFile(archive) as packed:
        members = packed.infolist()
        size = sum(one.file_size for one in members)
        if len(members) > _MOST_FILES or size > min(_MOST_BYTES, max(_SMALL, _RATIO * archive.stat().st_size)):
            raise _damaged(archive, f"it would unpack to {size:,} bytes in {len(members):,} files")
        for one in members:
            path = PurePosixPath(one.filename.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
                raise _damaged(archive, f"a member's path leads out of it: {one.filename}")
            if (one.external_attr >> 28) == _LINK:
                continue  # no browser keeps data behind one
            target = folder.joinpath(*path.parts)
            if one.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            if one.flag_bits & _ENCRYPTED:
                raise _damaged(archive, f"{one.filename} is encrypted; unpack it yourself, and name the folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(one) as source, target.open("xb") as file:
                _copied(source, file, one.file_size, archive)
            at = time.mktime((*one.date_time, 0, 0, -1))
            os.utime(target, (at, at))


_ENCRYPTED = 1
"""The flag of a member that needs a password."""

_LINK = 0o12
"""The kind of file in the upper bits of a member's attributes: a symbolic link."""


def _copied(source: IO[bytes], file: IO[bytes], size: int, archive: Path) -> None:
    """Copy a member, and not a byte more than it says."""
    left = size
    while data := source.read(1 << 20):
        left -= len(data)
        if left < 0:
            raise _damaged(archive, "a member is larger than it says")
        file.write(data)


def _damaged(archive: Path, reason: str) -> SourceDamaged:
    return SourceDamaged(
        "the archive is not read",
        where=[f"{archive}: {reason}"],
        advice="unpack it yourself, and name the folder",
        next_command="pjais detect --help",
    )
