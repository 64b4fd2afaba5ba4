"""A run's append-only account on disk: what was begun, and what is done.

One JSON object a line, synced line by line.  A line that was cut by a crash is the last one and is passed
over.  From the journals alone it follows which runs ended, which were interrupted, and in which phase.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from pjais import instants, paths

NAME = "journal.jsonl"


class Entry(NamedTuple):
    """One line: when (ms), which event, and its details."""

    at: int
    event: str
    details: dict[str, Any]


def now_ms() -> int:
    """The time, as integer milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_run_id() -> str:
    """A name for a run: its time to the millisecond, and four random digits so that it never repeats."""
    stamp = instants.to_text(now_ms()).replace("-", "").replace(":", "").replace(".", "")
    return f"{stamp}-{os.urandom(2).hex()}"


def record(folder: Path, event: str, **details: Any) -> None:
    """Append one line to the journal of the run in `folder`, durably."""
    line = json.dumps({"at": now_ms(), "event": event, **details}, ensure_ascii=False) + "\n"
    handle = os.open(folder / NAME, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        os.write(handle, line.encode("utf-8", "surrogateescape"))
        os.fsync(handle)
    finally:
        os.close(handle)


def entries(folder: Path) -> tuple[Entry, ...]:
    """What the journal of a run says; empty where there is none."""
    path = folder / NAME
    if not path.is_file():
        return ()
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            value = json.loads(line)
            found.append(Entry(value.pop("at"), value.pop("event"), value))
        except (ValueError, KeyError, AttributeError):
            continue
    return tuple(found)


def events(folder: Path) -> frozenset[str]:
    """The events that a run's journal holds."""
    return frozenset(entry.event for entry in entries(folder))


def run_folders(data_dir: Path) -> tuple[Path, ...]:
    """The folders of all runs and backups, oldest first."""
    backups = data_dir / paths.BACKUPS
    if not backups.is_dir():
        return ()
    return tuple(sorted(folder for folder in backups.iterdir() if folder.is_dir()))
