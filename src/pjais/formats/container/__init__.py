"""See a file, a folder or a zip archive as names and streams of bytes.

Nothing is unpacked and nothing is written.  A member of an archive whose path leads out of it, or that is a link, is
never read, only named (`unsafe`); an archive that would unpack to far more than its size is refused.  Members that
operating systems add (`__MACOSX/`, `.DS_Store`) are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO

from pjais.formats.container.base import HEAD, JUNK, Container, ContainerDamaged

__all__ = ["HEAD", "Container", "ContainerDamaged", "inside", "is_zip", "of", "ways", "zip_of"]


def of(path: Path) -> Container:
    """Return a file, folder or archive as a container.  Raises ContainerDamaged for an archive that is damaged."""
    if path.is_dir():
        return _Folder(path)
    return zip_of(path) if is_zip(path) else _File(path)


def is_zip(path: Path) -> bool:
    """Return whether a file begins as an archive."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def ways(path: Path) -> Iterator[Container]:
    """Yield the ways to see a path: as it is, and as the archive in which a file ends that begins as something else.

    Each is closed before the next.  Raises ContainerDamaged as `of`.
    """
    with of(path) as opened:
        yield opened
    if opened.form == "file" and _ends_as_zip(path):
        with zip_of(path) as archive:
            yield archive


def _ends_as_zip(path: Path) -> bool:
    """Return whether the directory of an archive stands at the end of a file."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - (1 << 16) - 22))
        return b"PK\x05\x06" in file.read()


def zip_of(path: Path) -> Container:
    """Return the archive in a file, also one after other bytes, as after a picture.  Raises ContainerDamaged."""
    from pjais.formats.container import zip_archive

    return zip_archive.Zip(path, path.open("rb"), path.stat().st_size)


@contextmanager
def inside(outer: Container, name: str) -> Iterator[Container]:
    """Open a member that is itself an archive.  Raises ContainerDamaged."""
    import shutil
    import tempfile

    from pjais.formats.container import zip_archive

    with outer.open(name) as file, tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.seek(0)
        with zip_archive.Zip(Path(outer.path.name, name), copy, outer.size(name)) as found:
            yield found


class _File(Container):
    form = "file"

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def names(self) -> tuple[str, ...]:
        return (self.path.name,)

    def size(self, name: str) -> int:  # noqa: ARG002 - it has one member
        return self.path.stat().st_size

    def _open(self, name: str) -> IO[bytes]:  # noqa: ARG002
        return self.path.open("rb")


class _Folder(Container):
    form = "folder"

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _all(self) -> tuple[str, ...]:
        found: list[str] = []
        for one in self.path.rglob("*"):
            name = one.relative_to(self.path)
            if not JUNK.intersection(name.parts) and not one.is_symlink() and one.is_file():
                found.append(name.as_posix())
        return tuple(sorted(found))

    @property
    def names(self) -> tuple[str, ...]:
        return self._all

    @cached_property
    def _top(self) -> tuple[str, ...]:
        found = (one for one in self.path.iterdir() if not one.is_symlink() and one.is_file())
        return tuple(sorted(one.name for one in found if one.name not in JUNK))

    @property
    def top(self) -> tuple[str, ...]:
        return self._top

    def size(self, name: str) -> int:
        return (self.path / name).stat().st_size

    def _open(self, name: str) -> IO[bytes]:
        return (self.path / name).open("rb")
