"""Chromium's own index of the origin-private file system: the folder of each origin, the name of each file.

Two kinds of LevelDB: `Origins` (origin -> folder number) and, per storage, `Paths` (a tree of names whose files are
stored under numbers).  Sources: Chromium's sandbox_directory_database.cc, sandbox_origin_database.cc and
database_identifier.cc.  Unreadable parts are described in words; nothing raises.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pjais.formats.leveldb.folder import LevelDB

DATA = re.compile(r"\d\d/\d{8,}")
"""A data file: two digits as a folder, then its number (obfuscated_file_util.cc)."""

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)_([^\x00-\x20%/\\:@?#]*)_(\d{1,5})")


class Problem(NamedTuple):
    """A problem of the index: the file, and the reason."""

    file: Path
    reason: str


class Info(NamedTuple):
    """The entry of a file or a directory in `Paths`.  `data` is "00/00000001", "" for a directory."""

    parent: str
    data: str
    name: str


def origin_of(identifier: str) -> str:
    """An origin out of Chromium's identifier: http_localhost_41739 is http://localhost:41739, port 0 the default one.

    A host may hold "_", a scheme and a port may not; in [ ] a "_" stands for ":".  What does not read so is given back.
    """
    match = _ORIGIN.fullmatch(identifier)
    if not match or int(match[3]) > 65535 or (not match[2] and match[1] != "file"):
        return identifier
    host = match[2].replace("_", ":") if match[2].startswith("[") else match[2]
    return f"{match[1]}://{host}" + (f":{int(match[3])}" if int(match[3]) else "")


def file_info(pickle: bytes) -> Info | None:
    """A value of Paths; None if it makes no sense.

    base::Pickle: u32 payload size, then i64 parent, string, string, i64 time; strings are i32 length and bytes padded
    to 4.  On Windows the data path has a backslash.
    """
    if len(pickle) < 12 or int.from_bytes(pickle[:4], "little") > len(pickle) - 4:
        return None
    texts, at = [], 12
    for _ in range(2):
        length = int.from_bytes(pickle[at : at + 4], "little")
        if at + 4 + length > len(pickle):
            return None
        texts.append(pickle[at + 4 : at + 4 + length].decode("utf-8", "replace"))
        at += 4 + length + -length % 4
    parent = int.from_bytes(pickle[4:12], "little", signed=True)
    return Info(str(parent), texts[0].replace("\\", "/"), texts[1])


def origins(folder: Path) -> tuple[dict[str, str], list[Problem]]:
    """Folder -> origin, for the origins that have a folder."""
    entries, problems = _entries(folder, "which origin a folder belongs to may not be known")
    found = {
        value.decode("utf-8", "replace"): origin_of(key[7:].decode("utf-8", "replace"))
        for key, value in entries.items()
        if key.startswith(b"ORIGIN:")
    }
    return found, problems


class Paths:
    """The tree of names of one storage.  `problems` is empty only if it is valid, and not empty beside files."""

    def __init__(self, folder: Path) -> None:
        loss = "which directory a file belongs to may not be known"
        entries, self.problems = _entries(folder, loss)
        if any(one.reason == _EMPTY + loss for one in self.problems) and not _has_files(folder.parent):
            self.problems = []  # a page has opened its file system, and put nothing into it
        self.infos: dict[str, Info] = {}
        for key, value in entries.items():
            if not key.isdigit():
                continue
            info = file_info(value)
            if info is None:
                self.problems.append(Problem(folder, f"the entry {key.decode()} is garbled: {loss}"))
            else:
                self.infos[key.decode()] = info
        self.by_data = {info.data: info for info in self.infos.values() if info.data}

    def directory(self, number: str) -> str | None:
        """The path of a directory by its id; "" is the root, None one that is not there any more."""
        names: list[str] = []
        while number != "0":
            info = self.infos.get(number)
            if info is None or info.data or len(names) > 100:  # a circle
                return None
            names.append(info.name)
            number = info.parent
        return "/".join(reversed(names))


_EMPTY = "empty: "


def _has_files(storage: Path) -> bool:
    """Return whether a storage holds the content of any file: those lie in numbered folders."""
    return any(one.is_file() for one in storage.glob("[0-9]*/*"))


def _entries(folder: Path, loss: str) -> tuple[dict[bytes, bytes], list[Problem]]:
    """The live entries of a LevelDB, and what could not be read of it."""
    if not folder.is_dir():
        return {}, [Problem(folder, f"missing: {loss}")]
    with LevelDB(folder) as database:
        found = {key: value for key, value, _ in database.entries()}
        problems = [Problem(folder / one.file, f"byte {one.offset}: {one.reason}: {loss}") for one in database.damage]
    if not found and not problems:  # so Chromium leaves it when it gives up on a damaged one
        problems = [Problem(folder, _EMPTY + loss)]
    return found, problems
