"""A run's append-only account on disk: what was begun, and what is done.

One JSON object a line, each with its checksum, synced line by line.  A line that was cut by a crash is passed over;
one that was changed is named by `problems`.  From the journals alone it follows which runs ended, which were
interrupted, and in which phase.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from pjais import files, instants, paths

NAME = "journal.jsonl"
_CUT = b"\x18\n"
"""Ends a line that a crash cut, before the next one begins."""


class Entry(NamedTuple):
    """One line: when (ms), which event, and its details."""

    at: int
    event: str
    details: dict[str, Any]


def now_ms() -> int:
    """The time, as integer milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_run_id(backups: Path | None = None) -> str:
    """A name for a run that no folder of `backups` bears: its time to the millisecond, and four random digits.

    It says when the run was made by the clock of then, and nothing about the order of runs: clocks are set back.
    """
    while True:
        stamp = instants.to_text(now_ms()).replace("-", "").replace(":", "").replace(".", "")
        name = f"{stamp}-{os.urandom(2).hex()}"
        if backups is None or not (backups / name).exists():
            return name


def begin(folder: Path, event: str, **details: Any) -> None:
    """Append the first line of the run in `folder`: it names the run before it, and so its place in the order.

    The number keeps the order where runs in between have been removed.
    """
    before = [one for one in _ordered(folder.parent) if one.folder != folder]
    previous, number = (before[-1].folder.name, before[-1].number + 1) if before else (None, 1)
    record(folder, event, previous=previous, number=number, **_at_work(), **details)


def resume(folder: Path) -> None:
    """Note that this process goes on with the run in `folder`."""
    record(folder, "resumed", **_at_work())


def stop(folder: Path) -> None:
    """Note that nobody is at work on the run in `folder`, though it neither ended nor failed."""
    record(folder, "stopped", pid=None, process=None)


def _at_work() -> dict[str, Any]:
    return {"pid": os.getpid(), "process": files.process_mark(os.getpid())}


def record(folder: Path, event: str, **details: Any) -> None:
    """Append one line to the journal of the run in `folder`, durably."""
    text = json.dumps({"at": now_ms(), "event": event, **details}, ensure_ascii=False)
    line = text.encode("utf-8", "surrogateescape")
    handle = os.open(folder / NAME, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)
    try:
        length = os.fstat(handle).st_size
        os.lseek(handle, max(0, length - 1), os.SEEK_SET)
        begin = _CUT if length and os.read(handle, 1) != b"\n" else b""
        os.write(handle, begin + _sealed(line) + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


def _sealed(line: bytes) -> bytes:
    """A line's JSON object with the checksum of all that stands before it as its last value."""
    return line[:-1] + b', "crc": "%08x"}' % zlib.crc32(line)


_SEAL = len(b', "crc": "00000000"}')


def _is_whole(line: bytes) -> bool:
    return _sealed(line[:-_SEAL] + b"}") == line


def entries(folder: Path) -> tuple[Entry, ...]:
    """Return what the journal of a run says; empty where there is none."""
    found = []
    for line in _lines(folder):
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
    """The lines of a run's journal that are not what was written; a line that a crash cut is none of them."""
    *lines, last = _lines(folder) or [b""]
    wrong = [number for number, line in enumerate(lines, 1) if not line.endswith(_CUT[:-1]) and not _is_whole(line)]
    if _is_whole(last[:-1]):  # all of it, and then something else than its end
        wrong.append(len(lines) + 1)
    return [f"{NAME}: line {number} was changed" for number in wrong]


def extent(folder: Path) -> tuple[int, str]:
    """Return how much the journal of a run holds now: its size in bytes, and their SHA-256 in hex."""
    data = (folder / NAME).read_bytes()
    return len(data), hashlib.sha256(data).hexdigest()


def begins_with(folder: Path, size: int, digest: str) -> bool:
    """Return whether the journal of a run still begins with what `extent` gave."""
    path = folder / NAME
    data = path.read_bytes()[:size] if path.is_file() else b""
    return len(data) == size and hashlib.sha256(data).hexdigest() == digest


def events(folder: Path) -> frozenset[str]:
    """The events that a run's journal holds."""
    return frozenset(entry.event for entry in entries(folder))


def run_folders(data_dir: Path) -> tuple[Path, ...]:
    """The folders of all runs and backups, oldest first: by what each says of the one before it, not by the clock.

    Runs of version 0.1 say nothing: they come first, by id.
    """
    return tuple(one.folder for one in _ordered(data_dir / paths.BACKUPS))


class _Link(NamedTuple):
    """A run's place in the order: its number, and the run that it followed."""

    number: int
    folder: Path
    previous: str | None


def _ordered(backups: Path) -> list[_Link]:
    """All runs in their order; one whose first line is lost stands where the next one saw it."""
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
