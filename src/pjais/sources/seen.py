"""Cache verdicts about files by their stamps, so that searching again costs a stat and no read.

A stamp is size, times and inode of every file that a verdict depends on.  The times include that of the last change
of the inode, which no program can set back.  The cache is one small file in the backups folder: it may be removed at
any time, a torn or foreign one is ignored, and it is never created before the backups folder is.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pjais import extensions, files
from pjais.version import __version__

NAME = ".seen.json"

Stamp = list[list[Any]]
"""[name, size, time of change, time of the inode's change, inode] of each file."""


def stamp(paths: Iterable[str | os.PathLike[str]]) -> Stamp | None:
    """Return the stamp of some files; None if one of them cannot be examined."""
    found: Stamp = []
    try:
        for path in paths:
            status = os.stat(path)  # noqa: PTH116 - for very many
            found.append([os.fsdecode(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino])
    except OSError:
        return None
    return found


class Seen:
    """Verdicts by name and stamp.  With `backups` None nothing is kept beyond this search."""

    def __init__(self, backups: Path | None = None) -> None:
        self._file = None if backups is None else backups / NAME
        self._before = self._load()
        self._now: dict[str, list[Any]] = {}

    def verdict(self, name: str, of: Stamp | None, judge: Callable[[], Any]) -> Any:
        """Return the result of `judge` (any JSON value); it is called only if the files' stamps have changed."""
        if of is not None:
            known = self._before.get(name)
            if known is not None and known[0] == of:
                self._now[name] = known
                return known[1]
        said = judge()
        if of is not None:
            self._now[name] = [of, said]
        return said

    def save(self) -> None:
        """Save the verdicts of this search.  If that fails, the next one starts from the old cache."""
        if self._file is None or self._now == self._before or not self._file.parent.is_dir():
            return
        text = json.dumps({"form": _form(), "seen": self._now}).encode()
        files.write_hint(self._file, b"%08x %s" % (zlib.crc32(text), text))

    def _load(self) -> dict[str, list[Any]]:
        if self._file is None:
            return {}
        try:
            data = self._file.read_bytes()
            if int(data[:8], 16) == zlib.crc32(data[9:]) and (kept := json.loads(data[9:]))["form"] == _form():
                return dict(kept["seen"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return {}


def _form() -> str:
    """Return what verdicts depend on besides the files: this program, and the packages that add kinds."""
    return "/".join((__version__, "2", *extensions.versions("sources")))
