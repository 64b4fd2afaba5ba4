"""Files: copy, hash, write, rename, lock, measure.  The only module that renames.

Files that must never be incomplete are written under a temporary name in the same folder, synced and renamed, and
the folder is synced.  Files are created with mode 0600, folders with 0700.  Every important side effect on the file
system goes through this module, so that faults can be injected in one place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pjais.errors import FileFailed, RunActive

_CHUNK = 1 << 20
_BINARY = getattr(os, "O_BINARY", 0)
"""Without it Windows turns every line end that `os.write` writes into two bytes."""
OPEN_FILES_MOVE = sys.platform != "win32"
"""Whether a file that a program has open can be renamed, replaced and removed."""
_SHARING = (32, 33)
"""Windows' errors for a file, or a part of it, that another program keeps for itself."""
_REFUSED_FOR_NOW = (5, *_SHARING)
_PAUSES = (0.05, 0.1, 0.2, 0.4)
"""Seconds between the tries of a rename: on Windows virus scanners and indexers open every new file for a moment."""
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.ASCII | re.IGNORECASE)


def private_folder(path: Path) -> Path:
    """Make a folder and its missing parents, each 0700; return it."""
    for folder in [*reversed(path.parents), path]:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
    return path


def sync_folder(path: Path) -> None:
    """Make renames and new names in a folder durable (a no-op where folders cannot be opened)."""
    if sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_private(path: Path, flags: int) -> int:
    """Open a private file of ours (0600) by `os.O_*` flags, for bytes; return its handle."""
    return os.open(path, flags | _BINARY, 0o600)


def is_device(name: str) -> bool:
    """Return whether Windows takes a file of this name for a device, whatever its ending is."""
    return _DEVICES.fullmatch(name) is not None


def in_use(error: OSError) -> bool:
    """Return whether Windows refused because another program has the file open."""
    return getattr(error, "winerror", None) in _SHARING


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_text(path: Path, limit: int) -> str:
    """Return the whole text of a foreign file, UTF-8.

    Raises OSError if it holds more than `limit` bytes: a device may never end.  Raises UnicodeDecodeError.
    """
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it holds more than {limit:,} bytes", str(path))
    return data.decode("utf-8")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file atomically: the path holds the old content or the new, never a part."""
    with writing(path) as file:
        file.write(data)


@contextmanager
def writing(path: Path) -> Iterator[_Writer]:
    """Write a temporary file and rename it at the end; on any error nothing is left."""
    beside = path.with_name(f".{_short(path.name)}.{os.getpid()}.part")
    writer = _Writer(beside)
    try:
        yield writer
        writer.close()
        replace(beside, path)
    except BaseException:
        writer.abandon()
        beside.unlink(missing_ok=True)
        raise


def _short(name: str) -> str:
    """Shorten a name to leave room for a prefix and suffix: a file's name has at most 255 bytes."""
    return os.fsdecode(os.fsencode(name)[:200])


class _Writer:
    """A private file that is synced when closed."""

    def __init__(self, path: Path) -> None:
        handle = open_private(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        self._file = os.fdopen(handle, "wb")

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)

    def write_at(self, position: int, data: bytes) -> None:
        """Write bytes at a place; those before it that were not written are zeros."""
        self._file.seek(position)
        self._file.write(data)

    def resize(self, size: int) -> None:
        """Set the size of the file in bytes."""
        self._file.truncate(size)

    def text(self, text: str) -> None:
        """Append text as UTF-8."""
        self._file.write(text.encode("utf-8", "surrogatepass"))

    def close(self) -> None:
        """Flush, sync and close."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        """Close and ignore errors: the content is no longer needed."""
        with contextlib.suppress(OSError):
            self._file.close()


def append(path: Path, text: str) -> None:
    """Append to a private log file of ours, and create it if missing."""
    private_folder(path.parent)
    handle = open_private(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    try:
        os.write(handle, text.encode("utf-8", "surrogateescape"))
    finally:
        os.close(handle)


def write_hint(path: Path, data: bytes) -> None:
    """Write a private file that may be lost or torn without harm: no copy beside it, no sync, no error."""
    with contextlib.suppress(OSError):
        handle = open_private(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        try:
            os.write(handle, data)
        finally:
            os.close(handle)


def replace(source: Path, destination: Path) -> None:
    """Rename `source` to `destination` durably; the only rename of the package."""
    for pause in (*_PAUSES, None):
        try:
            source.replace(destination)
            break
        except PermissionError as error:
            if pause is None or getattr(error, "winerror", None) not in _REFUSED_FOR_NOW:
                raise
            time.sleep(pause)
    sync_folder(destination.parent)


def remove(path: Path) -> None:
    """Remove a file of ours, if it exists."""
    path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove a folder of ours with all its content, if it exists."""
    if path.exists():
        import shutil  # like hashlib and filelock below: a search does without them

        shutil.rmtree(path)


def remove_if_empty(path: Path) -> bool:
    """Remove a folder if it is empty; return whether it was removed."""
    try:
        path.rmdir()
    except OSError:
        return not path.exists()
    return True


Tell = Callable[[int], None]
"""Called with how many more bytes, or records, are done."""


def silent(_: int) -> None:
    """Tell nobody."""


def copy_hashed(source: Path, destination: Path, *, limit: int = sys.maxsize, tell: Tell = silent) -> tuple[int, str]:
    """Copy one file's bytes, up to `limit`, to a new private file; return its size and SHA-256.

    The destination must not exist.  The source is opened for reading only and no lock is taken.
    """
    with source.open("rb", buffering=0) as origin:
        return write_hashed(origin, destination, limit=limit, tell=tell)


def write_hashed(
    origin: BinaryIO, destination: Path, *, limit: int = sys.maxsize, tell: Tell = silent
) -> tuple[int, str]:
    """Do the same with the bytes of a stream."""
    private_folder(destination.parent)
    import hashlib

    digest = hashlib.sha256()
    size = 0
    out = open_private(destination, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    with os.fdopen(out, "wb", buffering=0) as copy:
        while chunk := origin.read(min(_CHUNK, limit - size)):
            written = 0
            while written < len(chunk):  # a full disk shows as a short write first
                written += copy.write(chunk[written:])
            digest.update(chunk)
            size += len(chunk)
            tell(len(chunk))
        os.fsync(copy.fileno())
    return size, digest.hexdigest()


def link(source: Path, destination: Path) -> bool:
    """Hard-link a file of ours; return False if the disk has no links, or the destination exists."""
    private_folder(destination.parent)
    try:
        os.link(source, destination)
    except OSError:
        return False
    return True


def link_or_copy(source: Path, destination: Path) -> None:
    """Hard-link a file of ours, or copy it if the disk has no links; the destination must not exist."""
    if not link(source, destination):
        copy_hashed(source, destination)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with path.open("rb", buffering=0) as file:
        return digest_of(file)


def digest_of(stream: BinaryIO) -> str:
    """Return the SHA-256 of the bytes of a stream from here on, in hex."""
    import hashlib

    return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # each of ours has `readinto`


def free_space(path: Path) -> int:
    """Return the free bytes on the disk that holds `path` (or its nearest existing parent)."""
    while not path.exists() and path != path.parent:
        path = path.parent
    import shutil

    return shutil.disk_usage(path).free


def beside(leveldb: Path) -> list[Path]:
    """Return all files of one IndexedDB origin in a LevelDB folder, with its blobs.

    CURRENT and MANIFEST come first: a copy made in this order names no table that is not in it.
    """
    found = sorted(one for one in leveldb.iterdir() if one.is_file())
    found.sort(key=lambda one: not one.name.startswith(("CURRENT", "MANIFEST")))
    blobs = leveldb.with_name(leveldb.name.replace(".indexeddb.leveldb", ".indexeddb.blob"))
    if blobs != leveldb and blobs.is_dir():
        found += sorted(one for one in blobs.rglob("*") if one.is_file())
    return found


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path, its links followed, stays in a folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a link to itself
        return False


def same(left: Path, right: Path) -> bool:
    """Return whether two paths are one file: their links followed, and in whatever case their names are written."""
    try:
        if left.exists() and right.exists():
            return left.samefile(right)
        return left.resolve() == right.resolve()
    except (OSError, RuntimeError):  # a link to itself
        return False


def is_plain_file(path: str | os.PathLike[str]) -> bool:
    """Return whether the path is an ordinary file (links followed): not a device, not a pipe."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - for very many
    except OSError:
        return False


def size_of(paths: Iterable[Path]) -> int:
    """Return the total size of those paths that are files, in bytes."""
    return sum(path.stat().st_size for path in paths if is_plain_file(path))


def users(paths: Iterable[Path]) -> tuple[int, ...]:
    """Return the ids of processes that have any of these files open, if the system shows them (Linux: /proc)."""
    wanted = set()
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        wanted.add((status.st_dev, status.st_ino))
    found = set()
    if not wanted or not Path("/proc/self/fd").is_dir():
        return ()
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid() and _holds(process / "fd", wanted):
            found.add(int(process.name))
    return tuple(sorted(found))


def _holds(handles: Path, wanted: set[tuple[int, int]]) -> bool:
    try:
        for handle in handles.iterdir():
            try:
                status = handle.stat()
            except OSError:
                continue
            if (status.st_dev, status.st_ino) in wanted:
                return True
    except OSError:
        return False
    return False


def refusal(path: Path, *, writing: bool = False) -> FileFailed | None:
    """Return why this user cannot read (or write) a file, and the command that helps; None if they can.

    If the file does not exist, its folder must allow creating it.
    """
    for folder in reversed(path.absolute().parents):
        if not folder.exists():
            break
        if not os.access(folder, os.X_OK):
            return _denied(folder, "cannot be entered")
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if not os.access(there, os.R_OK):
        return _denied(there, "cannot be read")
    if not writing:
        return None
    for one in (there, there.parent) if there == path and there.is_file() else (there,):
        if not os.access(one, os.W_OK):
            return _read_only(one) if on_read_only_medium(one) else _denied(one, "cannot be written")
    return None


def on_read_only_medium(path: Path) -> bool:
    """Return whether a path is on a file system that is mounted read-only."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except (AttributeError, OSError):  # Windows has no statvfs
        return False


def _read_only(path: Path) -> FileFailed:
    return FileFailed(
        f"{path} cannot be written: it is on a read-only medium",
        where=[str(path)],
        safe="No changes were made; the data can still be read, verified and exported.",
        advice="copy the data folder to a writable disk, and name it with --data-dir",
    )


def _denied(path: Path, what: str) -> FileFailed:
    owner = _owner(path)
    whose = "" if owner is None else f"; it belongs to {owner}"
    made_by_root = " (a run made with sudo leaves such files)" if owner == "root" else ""
    return FileFailed(
        f"{path} {what}: permission denied{whose}{made_by_root}",
        where=[str(path)],
        safe="No changes were made.",
        advice="take ownership of the files, or run the command as their owner",
        next_command=f'sudo chown -R "$(id -u)" {shlex.quote(str(_common(path)))}',
    )


def _common(path: Path) -> Path:
    """Return the folder whose ownership to restore: the one that holds the path, unless it is the home folder."""
    folder = path.parent
    shared = folder in (Path.home(), folder.parent) or _owner(folder) is not None
    return path if shared else folder


def _owner(path: Path) -> str | None:
    """Return the name of a path's owner, if it is another user."""
    try:
        owner = path.stat().st_uid
        if owner == os.geteuid():
            return None
        return path.owner()
    except (AttributeError, NotImplementedError, OSError):
        return None
    except KeyError:
        return f"user {owner}"


def explained(error: OSError) -> FileFailed:
    """Convert an error of the file system to one of ours that names the path."""
    path = None if error.filename is None else Path(os.fsdecode(error.filename))
    if in_use(error):
        return FileFailed(
            "another program has a file open",
            where=[] if path is None else [str(path)],
            safe="Nothing was changed.",
            advice="close the program that has it open, and make the same call again",
        )
    if error.errno in (errno.EACCES, errno.EPERM) and path is not None:
        found = refusal(path, writing=True)
        if found is not None:
            return found
    if error.errno == errno.EROFS and path is not None:
        return _read_only(path)
    where = [] if path is None else [str(path)]
    return FileFailed(f"a file cannot be read or written: {error.strerror or error}", where=where)


def process_mark(pid: int) -> str | None:
    """Return a mark that distinguishes a process from a later one with the same id: boot and start time (Linux)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path(f'/proc/{pid}/stat').read_text('utf-8', 'replace').rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return None


def is_alive(pid: int, mark: str | None) -> bool:
    """Return whether a process is running and has this mark; false if that cannot be determined."""
    if mark is not None:
        return process_mark(pid) == mark
    if sys.platform == "win32" or pid <= 0:  # there, signal 0 would end the process
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Lock a data folder for one run.  Raises RunActive while another process (or thread) holds the lock."""
    import filelock

    path = folder / ".pjais.lock"
    lock = filelock.FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise RunActive(f"another run is active in {folder}", where=[str(folder)]) from error
    except (OSError, NotImplementedError) as error:
        raise refusal(path, writing=True) or explained(OSError(errno.EIO, str(error), str(path))) from error
    try:
        yield
    finally:
        lock.release()
