"""Tell the forms of Cherry Studio's data apart: JSON, compressed JSON, raw LevelDB folders, SQLite.

A member is known by its content: `data.json` by its first keys, the LevelDB folders by `metadata.json`, or by the name
of the database in them.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from pjais import canonical
from pjais.formats.container import HEAD, Container, ContainerDamaged

DATABASE = "CherryStudio"
"""The name of the app's IndexedDB database."""
STATE = "persist:cherry-studio"
"""The item of localStorage with the app's state."""
INDEXEDDB = "IndexedDB/file__0.indexeddb.leveldb"
BLOBS = "IndexedDB/file__0.indexeddb.blob"
LOCAL_STORAGE = "Local Storage/leveldb"
SQLITE = "Data/cherrystudio.sqlite"
NEWEST = 7
"""The newest version of the format that is known."""
_RAW = 6
"""The version that always has the LevelDB folders."""

_GZIP = b"\x1f\x8b"
_RATIO = 400
_SMALL = 256 << 20
"""What compressed JSON may unpack to, whatever its own size."""
_UNPACK = (OSError, EOFError, zlib.error)
_MOST_META = 1 << 20
_NAMES_APP = b"Cherry"
_DEEPEST, _MOST_PLACES = 3, 20
"""How many folders may wrap a backup, and how many of such places are looked at."""


class Form(NamedTuple):
    """Where the data are: the JSON member, if any; whether there are LevelDB folders, and a SQLite file.

    `prefix`: the wrapping folder of the latter two.  `version`: None if nothing tells it.
    """

    version: int | None
    json: str | None = None
    prefix: str = ""
    raw: bool = False
    sqlite: bool = False


def of(container: Container) -> Form | None:
    """Return the form of a container; None if it is not Cherry Studio's."""
    if container.form == "folder":
        return _of_folder(container)
    if container.form == "file":
        (name,) = container.names
        return _of_json(container, name, known=False)
    data = sorted(container.called("data.json"), key=lambda name: name.count("/"))
    for name in [*data, *(one for one in container.top if one not in data and len(container.names) <= 3)]:
        if found := _of_json(container, name, known=bool(data)):
            return found
    ends = (SQLITE, f"{INDEXEDDB}/CURRENT", "metadata.json")
    its = {name.removesuffix(end) for name in container.names for end in ends if f"/{name}".endswith(f"/{end}")}
    likely = sorted((one for one in its if one.count("/") <= _DEEPEST), key=lambda one: (one.count("/"), one))
    forms = (_of_members(container, prefix) for prefix in likely[:_MOST_PLACES])
    return next((one for one in forms if one is not None), None)


def _of_folder(container: Container) -> Form | None:
    """Return the form of a folder; what is in it is listed only if it may be one."""
    if "data.json" in container.top and (found := _of_json(container, "data.json", known=True)):
        return found
    told = "metadata.json" in container.top and _NAMES_APP in container.head("metadata.json")
    if told or (container.path / INDEXEDDB).is_dir() or (container.path / SQLITE).is_file():
        return _of_members(container, "")
    return None


def _of_members(container: Container, prefix: str) -> Form | None:
    there = set(container.names)
    sqlite = f"{prefix}{SQLITE}" in there
    told = meta(container, prefix)
    version = told.get("version")
    known = isinstance(told.get("appName"), str) and "cherry" in told["appName"].lower()
    if not known and not sqlite and (f"{prefix}{INDEXEDDB}/CURRENT" not in there or not _is_named(container, prefix)):
        return None
    raw = version == _RAW or any(
        name.startswith((f"{prefix}{INDEXEDDB}/", f"{prefix}{LOCAL_STORAGE}/")) for name in there
    )
    return Form(version if type(version) is int else None, prefix=prefix, raw=raw, sqlite=sqlite)


def meta(container: Container, prefix: str) -> dict[str, Any]:
    """Return what `metadata.json` says; nothing if there is none that can be read."""
    name = f"{prefix}metadata.json"
    if name not in container.names or container.size(name) > _MOST_META:
        return {}
    try:
        found = json.loads(container.read(name).decode("utf-8-sig", "replace"))
    except (ContainerDamaged, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_named(container: Container, prefix: str) -> bool:
    """Return whether the LevelDB holds the app's database."""
    from pjais.formats.indexeddb import metadata

    with unpacked(container, prefix, INDEXEDDB) as folder:
        return any(one.name == DATABASE for one in metadata.leveldb(folder / INDEXEDDB).databases)


def _of_json(container: Container, name: str, *, known: bool) -> Form | None:
    """Return the form of a member that begins as the JSON of a backup; `known`: its name is that of one."""
    text = _head(container, name).decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    keys = set(canonical.top_keys(text)) if text.startswith("{") else set()
    if not keys >= {"version", "localStorage"} or not keys & {"time", "indexedDB"}:
        return None
    if STATE not in text and not (known or "indexedDB" not in keys):
        return None
    return Form(_version(text), json=name)


def _head(container: Container, name: str) -> bytes:
    """Return the beginning of a member that is JSON, or compressed JSON, as far as it can be read."""
    head = container.head(name)
    if not head.startswith(_GZIP):
        return head
    head = b""
    with suppress(ContainerDamaged), text_of(container, name) as file:
        while len(head) < HEAD and (more := file.read(1 << 12)):
            head += more
    return head


def _version(text: str) -> int | None:
    """Return the number under `version` at the beginning of a JSON text."""
    rest = text.partition('"version"')[2].lstrip().removeprefix(":").lstrip()
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return int(digits) if 0 < len(digits) < 6 else None


@contextmanager
def text_of(container: Container, name: str) -> Iterator[BinaryIO]:
    """Open a member that is JSON, or compressed JSON.  Raises ContainerDamaged, also while it is read."""
    with container.open(name) as file:
        is_packed = file.read(2) == _GZIP
    with container.open(name) as file:
        if not is_packed:
            yield file
            return
        most = max(_SMALL, container.size(name) * _RATIO)
        with gzip.GzipFile(fileobj=file) as opened:
            yield cast(BinaryIO, _Unpacked(opened, name, most))


class _Unpacked:
    """Compressed JSON while it is read: no more than a limit, and failures are ContainerDamaged."""

    def __init__(self, file: gzip.GzipFile, name: str, most: int) -> None:
        self._file, self._name, self._left = file, name, most

    def read(self, most: int = -1) -> bytes:
        try:
            data = self._file.read(most)
        except _UNPACK as error:
            raise ContainerDamaged(f"{self._name}: {error}") from error
        self._left -= len(data)
        if self._left < 0:
            raise ContainerDamaged(f"{self._name}: it unpacks to far more than any backup")
        return data

    def close(self) -> None:
        """Leave the file to who opened it."""


@contextmanager
def unpacked(container: Container, prefix: str, *folders: str) -> Iterator[Path]:
    """Give some folders of a container as folders on disk, and no other member of it.

    An archive's are copied into a private temporary folder, under their own names; a folder's are where they are.
    """
    import shutil
    import tempfile

    if container.form == "folder":
        yield container.path / prefix
        return
    wanted = tuple(f"{prefix}{one}/" for one in folders)
    with tempfile.TemporaryDirectory(prefix="pjais-cherry-") as place:
        for name in container.names:
            if name.startswith(wanted):
                path = Path(place, name.removeprefix(prefix))
                path.parent.mkdir(parents=True, exist_ok=True)
                with container.open(name) as file, path.open("wb") as copy:
                    shutil.copyfileobj(file, copy, 1 << 20)
        yield Path(place)


_MATTERS = ("IndexedDB/file__0.", f"{LOCAL_STORAGE}/", "Data/")
_TOP = frozenset({"data.json", "metadata.json", "cache.json", "memories.db", "memories.db-wal", "memories.db-shm"})


def matters(name: str) -> bool:
    """Return whether a file of a folder is the app's data, by its path there."""
    return name in _TOP or (name.startswith(_MATTERS) and not name.endswith(("/LOCK", "/LOG", "/LOG.old")))
