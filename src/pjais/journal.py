"""The append-only journal of a run: the steps that were begun and completed.

One JSON object per line, each with its checksum, synced line by line.  A line truncated by a crash is ignored; a
changed one is reported by `problems`.  The journals alone show which runs ended, which were interrupted, and in which
phase.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pjais import files, instants, paths

NAME = "journal.jsonl"
_CUT = b"\x18\n"
"""Terminates a line truncated by a crash, before the next one."""


class Entry(NamedTuple):
    """One line: time (ms), event, and details."""

    at: int
    event: str
    details: dict[str, Any]


def now_ms() -> int:
    """Return the current time as integer milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_run_id(backups: Path | None = None) -> str:
    """Return a run id that no folder of `backups` has: the time to the millisecond, and four random digits.

    It shows the clock at that time, but not the order of runs: clocks are set back.
    """
    while True:
        stamp = instants.to_text(now_ms()).replace("-", "").replace(":", "").replace(".", "")
        name = f"{stamp}-{os.urandom(2).hex()}"
        if backups is None or not (backups / name).exists():
            return name


def begin(folder: Path, event: str, **details: Any) -> None:
    """Append the first line of the run in `folder`: it names the previous run, and so its position in the order.

    The number keeps the order if runs in between have been removed.
    """
    before = [one for one in _ordered(folder.parent) if one.folder != folder]
    previous, number = (before[-1].folder.name, before[-1].number + 1) if before else (None, 1)
    record(folder, event, previous=previous, number=number, **_at_work(), **details)


def resume(folder: Path) -> None:
    """Record that this process resumes the run in `folder`."""
    record(folder, "resumed", **_at_work())


def stop(folder: Path) -> None:
    """Record that no process is running the run in `folder`, though it neither ended nor failed."""
    record(folder, "stopped", pid=None, process=None)


def _at_work() -> dict[str, Any]:
    return {"pid": os.getpid(), "process": files.process_mark(os.getpid())}


def record(folder: Path, event: str, **details: Any) -> None:
    """Append one line to the journal of the run in `folder`, durably."""
    text = json.dumps({"at": now_ms(), "event": event, **details}, ensure_ascii=False)
    line = text.encode("utf-8", "surrogateescape")
    handle = files.open_private(folder / NAME, os.O_CREAT | os.O_APPEND | os.O_RDWR)
    try:
        length = os.fstat(handle).st_size
        os.lseek(handle, max(0, length - 1), os.SEEK_SET)
        begin = _CUT if length and os.read(handle, 1) != b"\n" else b""
        os.write(handle, begin + _sealed(line) + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


def _sealed(line: bytes) -> bytes:
    """Return a line's JSON object with the checksum of everything before it as its last value."""
    return line[:-1] + b', "crc": "%08x"}' % zlib.crc32(line)


_SEAL = len(b', "crc": "00000000"}')


def _is_whole(line: bytes) -> bool:
    return _sealed(line[:-_SEAL] + b"}") == line


def entries(folder: Path) -> tuple[Entry, ...]:
    """Return the entries of a run's journal; empty if there is none."""
    path = folder / NAME
    return _parsed(path.read_bytes()) if path.is_file() else ()


@lru_cache(maxsize=4096)
def _parsed(data: bytes) -> tuple[Entry, ...]:
    """Return the entries in a journal's bytes; a command asks for those of every run several times."""
    found = []
    for line in data.split(b"\n"):
        try:
            value = json.loads(line)
            value.pop("crc", None)
            found.append(Entry(value.pop("at"), value.pop("event"), value))
        except (ValueError, KeyError, AttributeError):
            continue
    return tuple(found)


def _lines(folder: Path) -> list[bytes]:
    path = folder / NAME
    return path.read_bytes().split(b"\n") if path.is_file() else []


def problems(folder: Path) -> list[str]:
    """Return the changed lines of a run's journal; a line truncated by a crash is not one of them."""
    *lines, last = _lines(folder) or [b""]
    wrong = [number for number, line in enumerate(lines, 1) if not line.endswith(_CUT[:-1]) and not _is_whole(line)]
    if _is_whole(last[:-1]):  # all of it, and then something else than its end
        wrong.append(len(lines) + 1)
    return [f"{NAME}: line {number} was changed" for number in wrong]


def extent(folder: Path) -> tuple[int, str]:
    """Return the current extent of a run's journal: its size in bytes, and its SHA-256 in hex."""
    import hashlib  # loaded on demand: opening a store computes no digest

    data = (folder / NAME).read_bytes()
    return len(data), hashlib.sha256(data).hexdigest()


def begins_with(folder: Path, size: int, digest: str) -> bool:
    """Return whether a run's journal still begins with the content of this extent."""
    import hashlib

    path = folder / NAME
    data = path.read_bytes()[:size] if path.is_file() else b""
    return len(data) == size and hashlib.sha256(data).hexdigest() == digest


def events(folder: Path) -> frozenset[str]:
    """Return the events in a run's journal."""
    return frozenset(entry.event for entry in entries(folder))


def run_folders(data_dir: Path) -> tuple[Path, ...]:
    """Return the folders of all runs and backups, oldest first: by their links to previous runs, not by the clock.

    Runs of version 0.1 have no links: they come first, by id.
    """
    return tuple(one.folder for one in _ordered(data_dir / paths.BACKUPS))


class _Link(NamedTuple):
    """A run's position in the order: its number, and the previous run."""

    number: int
    folder: Path
    previous: str | None


def _ordered(backups: Path) -> list[_Link]:
    """Return all runs in order; the next run gives the position of one whose first line is lost."""
    if not backups.is_dir():
        return []
    told = [_link(folder) for folder in backups.iterdir() if folder.is_dir()]
    seen = {one.previous: one.number - 1 for one in told if one.previous is not None}
    placed = [one if one.number else one._replace(number=max(0, seen.get(one.folder.name, 0))) for one in told]
    return sorted(placed, key=lambda one: (one.number, one.folder.name))


def _link(folder: Path) -> _Link:
    for entry in entries(folder):
        number, previous = entry.details.get("number"), entry.details.get("previous")
        if type(number) is int and number > 0:
            return _Link(number, folder, previous if isinstance(previous, str) else None)
    return _Link(0, folder, None)
