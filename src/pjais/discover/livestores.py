"""LiveStore stores: folders of a log and its states, and the pools in a browser profile (formats/livestore.md §1, §4).

A folder is one source, whatever formats lie in it: LiveStore leaves the files of an earlier format beside those
of the next and shows them no more, and all of them are somebody's data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pjais import files, sqlite
from pjais.discover.found import Passed
from pjais.model import SourceRef

_NAME = re.compile(
    r"(?:livestore-)?(?:eventlog|mutationlog)(?:@\d+)?\.db|(?:state|app|livestore-)-?(?:\d+|fixed)(?:@\d+)?\.db"
)
"""What LiveStore's versions and adapters call their files."""
_PLACES = ("", "File System", "*/File System")
_DATA = "[a-z]/[0-9][0-9]/[0-9]*"
_POOLED = (b"/eventlog.db", b"/mutationlog.db", b"/state", b"/app")
_HEAD = 16
_HEADER = 4096
"""Bytes of a pool's own header before SQLite's (formats/livestore.md §4)."""


def is_store_file(path: Path) -> bool:
    """Whether a file is named as LiveStore names its own."""
    return bool(_NAME.fullmatch(path.name))


def stores(paths: Iterable[Path], root: Path) -> Iterator[SourceRef]:
    """One source for each folder in which some of these files lie: logs, states, and what is named like them."""
    for folder in sorted({path.parent for path in paths}):
        there = [one for one in sorted(folder.iterdir()) if is_store_file(one) or one in paths]
        there = [one for one in there if files.is_plain_file(one)]
        sides = [
            one for main in there for suffix in sqlite.SIDE_FILES if files.is_plain_file(one := _side(main, suffix))
        ]
        formats = sorted({found[1] for one in there if (found := re.search(r"@(\d+)\.db$", one.name))}, key=int)
        version = f"format {', '.join(formats)}" if formats else None
        yield SourceRef("livestore", "livestore", folder, root, (*there, *sides), version)


def _side(main: Path, suffix: str) -> Path:
    return main.with_name(main.name + suffix)


def in_profile(folder: Path) -> Iterator[SourceRef | Passed]:
    """LiveStore in the origin-private file system of a Chromium or Electron profile: one source for each origin."""
    for pattern in _PLACES:
        for place in sorted(folder.glob(pattern)) if pattern else [folder]:
            if place.name != "File System" or not place.is_dir():
                continue
            if not files.is_inside(place, folder):
                yield Passed(place, "a link that leaves the folder; name it to follow it")
                continue
            for origin in sorted(one for one in place.iterdir() if one.is_dir() and one.name != "Origins"):
                yield from _origin(origin, place, folder)


def _origin(origin: Path, place: Path, root: Path) -> Iterator[SourceRef | Passed]:
    data = sorted(one for one in origin.glob(_DATA) if one.is_file())
    for one in data:
        if reason := _unreadable(one):  # it may have been somebody's store: said, and not passed over in silence
            yield Passed(one, f"it cannot be read: {reason}")
    pooled = [one for one in data if _is_pooled(one)]
    if not any(_begins(one, _HEADER, sqlite.MAGIC) or _begins(one, 0, *_POOLED) for one in pooled):
        return
    books = [one for one in (*origin.glob("*/Paths/*"), *place.glob("Origins/*")) if one.is_file()]
    yield SourceRef("livestore-opfs", "livestore-opfs", origin, root, (*sorted(books), *pooled))


def _is_pooled(path: Path) -> bool:
    """Whether a file may be of a pool, its header damaged or not; other programs' files are not copied."""
    own = _begins(path, 0, b"/", b"\0", sqlite.MAGIC) or _begins(path, _HEADER, sqlite.MAGIC)
    return own or not path.stat().st_size


def _unreadable(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return error.strerror or str(error)
    return None


def _begins(path: Path, offset: int, *marks: bytes) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(_HEAD).startswith(marks)
    except OSError:
        return False
