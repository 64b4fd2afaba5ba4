"""SQLite's own operations on files, met one by one: its system calls, and its syncs.

SQLite lets its system calls be replaced (`xSetSystemCall`, made for tests like these), so a fault reaches it as the
system would give it: by a result and `errno`.  A VFS written in Python would not do: apsw raises whatever goes wrong
in one, also what SQLite itself passes over.  `fsync` is no such call; its entry in the table of a file's methods is
replaced instead.  Linux only.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import mmap
import os
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import apsw

_IOERR_FSYNC = 10 | 4 << 8
_SYNC_ENTRY = 5
"""Where `xSync` stands in `sqlite3_io_methods`, counted in pointers: iVersion, xClose, xRead, xWrite, xTruncate."""
_HANDLE = 3
"""Where the number of the open file stands in `unixFile`, likewise."""

_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_int, use_errno=True)
_WRITE = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, use_errno=True
)
_CUT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int64, use_errno=True)
_REMOVE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, use_errno=True)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)

_kept: list[Any] = []
"""What C points to and Python must not take away."""


class Meet(Protocol):
    """Count an operation on a file, and raise OSError if it is to fail; `tear` does the half of it."""

    def __call__(self, what: str, path: str, tear: Callable[[], object] | None = None) -> None: ...


def install(meet: Meet, inside: Callable[[bytes], str | None]) -> None:
    """From here on every operation of SQLite on a file that is `inside` is met first."""
    names: dict[int, str] = {}
    vfs = apsw.VFS("unix-of-old", "unix")
    _kept.append(vfs)

    def instead(name: str, kind: Any, wrapped: Callable[[Any], Callable[..., int]]) -> None:
        real = kind(vfs.xGetSystemCall(name))
        made = kind(_failing(wrapped(real)))
        _kept.extend((real, made))
        vfs.xSetSystemCall(name, ctypes.cast(made, ctypes.c_void_p).value or 0)

    def opening(real: Any) -> Callable[..., int]:
        def call(path: bytes, flags: int, mode: int) -> int:
            full = inside(path)
            if full is not None:
                meet("create" if flags & os.O_CREAT else "read", full)
            handle = int(real(path, flags, mode))
            names.pop(handle, None)
            if full is not None and handle >= 0:
                names[handle] = full
            return handle

        return call

    def writing(real: Any) -> Callable[..., int]:
        def call(handle: int, data: int, size: int, offset: int) -> int:
            if handle in names:
                meet("write", names[handle], lambda: real(handle, data, size // 2, offset))
            return int(real(handle, data, size, offset))

        return call

    def cutting(real: Any) -> Callable[..., int]:
        def call(handle: int, size: int) -> int:
            if handle in names:
                meet("truncate", names[handle])
            return int(real(handle, size))

        return call

    def removing(real: Any) -> Callable[..., int]:
        def call(path: bytes) -> int:
            full = inside(path)
            if full is not None:
                meet("remove", full)
            return int(real(path))

        return call

    instead("open", _OPEN, opening)
    instead("pwrite64", _WRITE, writing)
    instead("ftruncate", _CUT, cutting)
    instead("unlink", _REMOVE, removing)
    _replace_sync(meet, names)


def _failing(call: Callable[..., int]) -> Callable[..., int]:
    """A call that fails as the system's do: by -1 and `errno`."""

    def wrapped(*arguments: Any) -> int:
        try:
            return call(*arguments)
        except OSError as error:
            ctypes.set_errno(error.errno or errno.EIO)
            return -1

    return wrapped


def _replace_sync(meet: Meet, names: dict[int, str]) -> None:
    """Count syncs, and do none, in the two tables of methods: that of databases and that of journals and WALs."""

    def sync(file: int, _flags: int) -> int:
        handle = ctypes.c_int.from_address(file + _HANDLE * ctypes.sizeof(ctypes.c_void_p)).value
        try:
            if handle in names:
                meet("sync", names[handle])
        except OSError:
            return _IOERR_FSYNC
        return 0

    made = _SYNC(sync)
    _kept.append(made)
    pointer = ctypes.cast(made, ctypes.c_void_p)
    libc = ctypes.CDLL(None, use_errno=True)
    for table in tables():
        entry = table + _SYNC_ENTRY * ctypes.sizeof(ctypes.c_void_p)
        page = ctypes.c_void_p(entry - entry % mmap.PAGESIZE)
        if libc.mprotect(page, ctypes.c_size_t(mmap.PAGESIZE), mmap.PROT_READ | mmap.PROT_WRITE):
            raise OSError(ctypes.get_errno(), "the table of methods cannot be changed")
        ctypes.c_void_p.from_address(entry).value = pointer.value


@functools.cache
def tables() -> frozenset[int]:
    """Where the tables lie: every open file begins with the address of its own.  Found once, before any fork."""
    found = set()
    with tempfile.TemporaryDirectory() as folder, closing(apsw.Connection(str(Path(folder) / "any.db"))) as db:
        db.execute("BEGIN; CREATE TABLE t (c)")  # so that there is a journal
        for operation in (apsw.SQLITE_FCNTL_FILE_POINTER, apsw.SQLITE_FCNTL_JOURNAL_POINTER):
            file = ctypes.c_void_p()
            db.file_control("main", operation, ctypes.addressof(file))
            found.add(ctypes.c_void_p.from_address(file.value or 0).value or 0)
    return frozenset(found)
