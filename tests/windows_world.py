"""Windows' file semantics on this system, as far as they can be simulated.

Windows refuses what POSIX allows: to rename or remove a file that any program has open, to rename over one, and to
open one that another program has opened for itself alone.  Here the calls of `os` and `io` refuse as Windows does,
for files that this process has open (SQLite's handles included, by /proc/self/fd) and for those that a test locks.

Not simulated: SQLite's own removal of its side files, mapped files, and whatever Windows itself does differently.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from pjais import files

SHARING_VIOLATION = 32
_HANDLES = Path("/proc/self/fd")
available = pytest.mark.skipif(not _HANDLES.is_dir(), reason="this system does not show the handles of a process")


def violation(path: str, number: int = SHARING_VIOLATION) -> PermissionError:
    """The error that Python raises on Windows for a file that another program has open."""
    error = PermissionError(13, "The process cannot access the file because it is being used by another process", path)
    error.winerror = number  # type: ignore[attr-defined]  # an attribute of Windows
    return error


class Windows:
    """Makes this process meet Windows' refusals; `refused` lists them."""

    def __init__(self, patch: pytest.MonkeyPatch, locked: Iterable[Path] = ()) -> None:
        self.locked = {os.path.realpath(path) for path in locked}
        self.refused: list[str] = []
        for name in ("replace", "rename"):
            patch.setattr(os, name, self._guarded(getattr(os, name), 2))
        for name in ("unlink", "remove"):
            patch.setattr(os, name, self._guarded(getattr(os, name), 1))
        patch.setattr(files, "OPEN_FILES_MOVE", False)
        patch.setattr(os, "open", self._opening(os.open))
        patch.setattr(io, "open", self._opening(io.open))

    def _guarded(self, call: Callable[..., Any], count: int) -> Callable[..., Any]:
        def guarded(*given: Any, **more: Any) -> Any:
            for path in given[:count]:
                self._refuse_open(_whole(path, more.get("dir_fd")), call.__name__)
            return call(*given, **more)

        return guarded

    def _opening(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def opening(path: Any, *given: Any, **more: Any) -> Any:
            if not isinstance(path, int) and _whole(path, more.get("dir_fd")) in self.locked:
                raise violation(os.fspath(path))
            return call(path, *given, **more)

        return opening

    def _refuse_open(self, path: str, what: str) -> None:
        if path in self.locked or path in _held():
            self.refused.append(f"{what} {path}")
            raise violation(path)


def _whole(path: Any, folder: int | None) -> str:
    text = os.fsdecode(path)
    if folder is not None:
        text = os.path.join(os.readlink(_HANDLES / str(folder)), text)  # noqa: PTH115, PTH118
    return os.path.join(os.path.realpath(os.path.dirname(text)), os.path.basename(text))  # noqa: PTH118, PTH119, PTH120


def _held() -> set[str]:
    """The files that this process has open."""
    found = set()
    for name in os.listdir(_HANDLES):  # noqa: PTH208 - Path.iterdir may be what is being called
        try:
            found.add(os.readlink(_HANDLES / name))  # noqa: PTH115
        except OSError:
            continue
    return found
