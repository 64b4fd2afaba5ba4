"""Faults at a chosen operation: the disk is full, fails, refuses, tears a write, or the process is killed there.

Every operation on files below one folder is counted, whether Python does it (`os`, `io`) or SQLite (`sqlite_calls`),
and one of them, by its number, gets the fault.  Nothing of the product is replaced: it meets the fault where the
system would give it.  Installed in a process that does one thing and ends (see `fault_world`).

Syncs are counted and not done: nothing here cuts the power, so what was written is there in any case.
"""

from __future__ import annotations

import errno
import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import sqlite_calls

KINDS: dict[str, tuple[str, ...]] = {
    "read": ("io", "denied"),
    "create": ("full", "denied", "kill"),
    "write": ("full", "io", "torn", "kill", "torn kill"),
    "sync": ("io", "kill"),
    "truncate": ("io", "kill"),
    "rename": ("io", "denied", "kill"),
    "remove": ("denied", "kill"),
    "folder": ("full", "denied", "kill"),
}
"""Which faults an operation can meet.  `read` and `create` are opening a file, to read or to write it."""

_ERRNO = {"io": errno.EIO, "denied": errno.EACCES, "full": errno.ENOSPC, "torn": errno.ENOSPC}
_GROWS = ("create", "write", "folder")


class Fault(NamedTuple):
    """What happens at which operation, counted from 1.  A disk that is `full` stays so; all else happens once."""

    number: int
    kind: str


class Injector:
    """Counts the operations below a folder, and does harm at one of them."""

    def __init__(self, root: Path, fault: Fault | None = None) -> None:
        self.met: list[str] = []
        """Every operation so far: what and on which file."""
        self._root = f"{root}{os.sep}"
        self._fault = fault
        self._open: dict[int, str] = {}

    def install(self) -> None:
        """From here on this process meets the fault.  There is no way back but the process's end."""
        sqlite_calls.install(self.meet, self.inside)
        for name, what in (("unlink", "remove"), ("remove", "remove"), ("rmdir", "remove"), ("mkdir", "folder")):
            setattr(os, name, self._named(getattr(os, name), what))
        os.rename = self._renaming(os.rename)
        os.replace = self._renaming(os.replace)
        self._patch_handles()
        setattr(io, "open", self._opening(io.open))  # noqa: B010 - mypy sees overloads that a plain function has not

    def meet(self, what: str, path: str, tear: Callable[[], object] | None = None) -> None:
        """Count an operation; raise the fault's OSError, or end the process, if it is this one's turn."""
        self.met.append(f"{what} {path.removeprefix(self._root)}")
        fault, number = self._fault, len(self.met)
        if fault is None or number < fault.number:
            return
        if number > fault.number and not (fault.kind == "full" and what in _GROWS):
            return
        if fault.kind.startswith("torn") and tear is not None:
            tear()
        if fault.kind.endswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(_ERRNO[fault.kind], os.strerror(_ERRNO[fault.kind]), path)

    def inside(self, path: Any, folder: int | None = None) -> str | None:
        """The path as text if it lies below the folder; names may be relative to an open folder."""
        if isinstance(path, int):
            return self._open.get(path)
        text = os.fsdecode(path)
        if folder is not None:
            text = os.path.join(self._open.get(folder, ""), text)  # noqa: PTH118 - this is below pathlib
        return text if text.startswith(self._root) else None

    def _named(self, real: Callable[..., Any], what: str) -> Callable[..., Any]:
        def call(path: Any, *more: Any, dir_fd: int | None = None, **rest: Any) -> Any:
            full = self.inside(path, dir_fd)
            if full is not None:
                self.meet(what, full)
            return real(path, *more, dir_fd=dir_fd, **rest)

        return call

    def _renaming(self, real: Callable[..., None]) -> Callable[..., None]:
        def call(source: Any, destination: Any, **rest: Any) -> None:
            full = self.inside(destination)
            if full is not None:
                self.meet("rename", full)
            real(source, destination, **rest)

        return call

    def _patch_handles(self) -> None:
        """What goes by a file's number: `os.open`, `os.write`, `os.fsync`, `os.ftruncate`."""
        real_open, real_write, real_sync, real_cut = os.open, os.write, os.fsync, os.ftruncate

        def opened(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            full = self.inside(path, dir_fd)
            if full is not None:
                self.meet("create" if flags & (os.O_WRONLY | os.O_RDWR) else "read", full)
            handle = real_open(path, flags, mode, dir_fd=dir_fd)
            self._open.pop(handle, None)
            if full is not None:
                self._open[handle] = full
            return handle

        def write(handle: int, data: Any) -> int:
            if handle in self._open:
                self.meet("write", self._open[handle], lambda: real_write(handle, bytes(data)[: len(data) // 2]))
            return real_write(handle, data)

        def sync(handle: int) -> None:
            if handle not in self._open:
                real_sync(handle)
                return
            self.meet("sync", self._open[handle])

        def cut(handle: int, length: int) -> None:
            if handle in self._open:
                self.meet("truncate", self._open[handle])
            real_cut(handle, length)

        for one in (("open", opened), ("write", write), ("fsync", sync), ("ftruncate", cut)):
            setattr(os, *one)

    def _opening(self, real: Callable[..., IO[Any]]) -> Callable[..., IO[Any]]:
        def call(
            file: Any,
            mode: str = "r",
            buffering: int = -1,
            encoding: str | None = None,
            errors: str | None = None,
            newline: str | None = None,
            closefd: bool = True,
            opener: Any = None,
        ) -> IO[Any]:
            full = self.inside(file)
            if full is not None and not isinstance(file, int):
                self.meet("create" if set(mode) & set("wax+") else "read", full)
            if full is None or not set(mode) & set("wax+"):
                return real(file, mode, buffering, encoding, errors, newline, closefd, opener)
            raw = _Raw(self, full, file, mode.translate({ord("b"): None, ord("t"): None}), closefd, opener)
            if buffering == 0:
                return raw
            made = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return made if "b" in mode else io.TextIOWrapper(made, encoding, errors, newline)

        return call


class _Raw(io.FileIO):
    """A file whose writes are counted."""

    def __init__(self, injector: Injector, path: str, file: Any, mode: str, closefd: bool, opener: Any) -> None:
        super().__init__(file, mode, closefd, opener)
        self._injector = injector
        self._path = path

    def write(self, data: Any, /) -> int:
        """Write, if nothing happens; a torn write leaves the first half."""
        plain = super().write
        self._injector.meet("write", self._path, lambda: plain(bytes(data)[: len(data) // 2]))
        return plain(data)
