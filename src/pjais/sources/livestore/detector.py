"""Detect LiveStore stores: folders with a log and its states, and the pools in a browser profile (`opfs_sqlite` asks).

A folder is one source, whatever formats it holds: LiveStore leaves the files of an earlier format beside those of
the next and no longer shows them, and all of them are somebody's data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pjais import files
from pjais.core.source import Passed, SourceRef
from pjais.sources.seen import Seen, stamp
from pjais.sources.walk import Listing
from pjais.sqlite_files import MAGIC, SIDE_FILES

_NAME = re.compile(
    r"(?:livestore-)?(?:eventlog|mutationlog)(?:@\d+)?\.db|(?:state|app|livestore-)-?(?:\d+|fixed)(?:@\d+)?\.db"
)
"""File names of LiveStore's versions and adapters."""
NAMES = ("eventlog*.db", "mutationlog*.db", "state*.db", "app*.db", "livestore-*.db")
"""Patterns that match at least these."""
_STORE = re.compile(r"(?:livestore-)?(.+?)@\d+", re.DOTALL)
"""Names of the folders of pools."""
_DATA = "[a-z]/[0-9][0-9]/[0-9]*"
_POOLED = (b"/eventlog.db", b"/mutationlog.db", b"/state", b"/app")
_HEAD = 16
_HEADER = 4096
"""Bytes of a pool file's own header before SQLite's."""


def is_store_file(name: str) -> bool:
    """Return whether a file is named as LiveStore names its own."""
    return bool(_NAME.fullmatch(name))


def stores(paths: Iterable[Path], root: Path) -> Iterator[SourceRef]:
    """Yield one source for each folder of these files: logs, states, and files named like them."""
    for folder in sorted({path.parent for path in paths}):
        there = [one for one in sorted(folder.iterdir()) if is_store_file(one.name) or one in paths]
        there = [one for one in there if files.is_plain_file(one)]
        sides = [one for main in there for suffix in SIDE_FILES if files.is_plain_file(one := _side(main, suffix))]
        formats = sorted({found[1] for one in there if (found := re.search(r"@(\d+)\.db$", one.name))}, key=int)
        version = f"format {', '.join(formats)}" if formats else None
        yield SourceRef("livestore", "livestore", folder, root, (*there, *sides), version)


def belonging(name: str, names: frozenset[str]) -> set[str]:
    """Return those names that mean the same store: its id, its folder."""
    found: set[str] = set()
    for one in names:
        match = _STORE.fullmatch(one)
        if match is not None and name in (one, match[1]):
            found |= {one, match[1]}
    return found


def _side(main: Path, suffix: str) -> Path:
    return main.with_name(main.name + suffix)


def is_opfs(one: Listing) -> bool:
    """Return whether a folder is a browser's "File System": by its name, or for a copy by its path index."""
    if one.name == "File System" or (one.name == "FileSystem" and "WebStorage" in one.parts):
        return True
    if "Origins" not in one.folders:
        return False
    return any(name.isdigit() and os.path.isdir(f"{one.path}/{name}/t") for name in one.folders)  # noqa: PTH112


def in_opfs(place: Path, root: Path, seen: Seen, *, taken: str | None) -> Iterator[SourceRef | Passed]:
    """Yield LiveStore in an origin-private file system as one source per origin, and files that cannot be read.

    With `taken` None LiveStore stores are sources; else it is the reason why they are not.
    """
    its = sorted(one for one in place.rglob("*") if one.is_file() and not one.is_symlink())
    said = seen.verdict(str(place), stamp(its), lambda: _looked(place))
    for path, reason in said["unreadable"]:
        yield Passed(place / path, f"it cannot be read: {reason}", kind="opfs")
    for name, pooled in sorted(said["origins"].items()):
        origin = place / name
        there = [place / one for one in pooled]
        if taken is not None:
            yield Passed(origin, f"LiveStore: {taken}", sum(one.stat().st_size for one in there), "livestore-opfs")
            continue
        books = [one for one in (*origin.glob("*/Paths/*"), *place.glob("Origins/*")) if one.is_file()]
        yield SourceRef("livestore-opfs", "livestore-opfs", origin, root, (*sorted(books), *there))


def _looked(place: Path) -> dict[str, Any]:
    """Return the verdict about an origin-private file system as JSON; paths are relative to it."""
    from pjais.formats.opfs import listing, pool  # only where there is one

    foreign = {
        each.file
        for one in listing.files(place)
        if one.made_by not in (None, pool.LIVESTORE)
        for each in (one, *(side for _, side in one.sides))
    }
    said: dict[str, Any] = {"unreadable": [], "origins": {}}
    for origin in sorted(one for one in place.iterdir() if one.is_dir() and one.name != "Origins"):
        data = sorted(one for one in origin.glob(_DATA) if one.is_file())
        for one in data:
            if reason := _unreadable(one):  # it may have been somebody's store: reported, not ignored
                said["unreadable"].append([one.relative_to(place).as_posix(), reason])
        pooled = [one for one in data if _is_pooled(one) and one not in foreign]
        if any(_begins(one, _HEADER, MAGIC) or _begins(one, 0, *_POOLED) for one in pooled):
            said["origins"][origin.name] = [one.relative_to(place).as_posix() for one in pooled]
    return said


def _is_pooled(path: Path) -> bool:
    """Return whether a file may belong to a pool, its header damaged or not; other programs' files are not copied."""
    own = _begins(path, 0, b"/", b"\0", MAGIC) or _begins(path, _HEADER, MAGIC)
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
