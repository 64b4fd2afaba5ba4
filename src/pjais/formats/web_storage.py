"""Read a browser's localStorage, sessionStorage or extension storage: what apps keep as texts.

A LevelDB each (docs/formats/web-storage.md).  localStorage's keys are `_<origin>`, NUL, and the name; sessionStorage's
`map-<n>-` and the name, where `namespace-<tab>-<origin>/` has the number; an extension's are the names themselves, and
its values JSON.  The rest is the browser's housekeeping.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from pjais.formats.leveldb.folder import Damage

Area = Literal["localStorage", "sessionStorage", "chrome.storage"]
"""The kinds of web storage."""

LOCAL: Final = "localStorage"
SESSION: Final = "sessionStorage"
EXTENSION: Final = "chrome.storage"
_NAMESPACE = re.compile(rb"namespace-([0-9a-f_]{36})-(.*?)/?", re.DOTALL)
_MAP = re.compile(rb"map-(\d+)-(.*)", re.DOTALL)
_OF_LOCAL = re.compile(rb"META(?:ACCESS)?:[a-z][a-z0-9+.-]*:|_[a-z][a-z0-9+.-]*:[^\0]*\0[\0\1]")
_HOUSEKEEPING = (b"version", b"next-map-id")
_EXTENSION_ID = re.compile(r"(?<![a-z])[a-p]{32}(?![a-z])")
_EXTENSION_AREA = re.compile(r"(Local|Sync|Managed) Extension Settings")


class Item(NamedTuple):
    """One item: the origin as the browser writes it, its name, its value, its location.

    `value` is a text; of an extension the JSON value.  `tab` tells the tabs of sessionStorage apart.
    """

    origin: str
    name: str
    value: Any
    place: str
    tab: str | None = None


class BadItem(NamedTuple):
    """An item that is there but cannot be read: its origin, where, its bytes, and why."""

    origin: str
    place: str
    raw: bytes
    reason: str


class Items(NamedTuple):
    """The items of an origin in a storage: their number, and the bytes of their names and values."""

    number: int
    size: int


class Storage:
    """One storage area of a profile, open; `problems` grows while it is read.

    `owner` is the origin of an extension, whose folder has its id otherwise.
    """

    def __init__(self, folder: Path, area: Area, owner: str = "") -> None:
        from pjais.formats.leveldb.folder import LevelDB  # loaded on demand: folders are told apart by name without it

        self.area = area
        self._owner = owner or f"chrome-extension://{folder.name}"
        self._raw = LevelDB(folder)

    def __enter__(self) -> Storage:
        self._raw.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._raw.__exit__(*error)

    @property
    def problems(self) -> list[Damage]:
        """Return unreadable parts other than items."""
        return self._raw.damage

    @property
    def torn(self) -> list[Damage]:
        """Return where a log ends in an incomplete write of a stopped browser."""
        return self._raw.torn

    def items(self, without: Sequence[str] = ()) -> Iterator[Item | BadItem]:
        """Yield every item, by origin and name, except those of localStorage whose names begin with `without`."""
        read = {LOCAL: self._local, SESSION: self._session, EXTENSION: self._extension}[self.area]
        for key in self._raw.live_keys():
            if self._begins(key, without):
                continue
            found = self._raw.get(key)
            if found is None:
                yield BadItem("", f"key {key!r}", b"", "its file has changed while it was read")
                continue
            try:
                one = read(key, *found)
            except (ValueError, RecursionError) as error:
                yield BadItem(self._origin_of(key), found[1], found[0], str(error) or "nested too deeply")
                continue
            if one is not None:
                yield one

    def origins(self, without: Sequence[str] = ()) -> dict[str, Items]:
        """Return what is here of each origin, but for items of localStorage whose names begin with one of `without`."""
        found: dict[str, Items] = {}
        for key in self._raw.live_keys():
            if not self._is_item(key) or self._begins(key, without):
                continue
            one = found.get(self._origin_of(key), Items(0, 0))
            value = self._raw.get(key)
            size = len(key) + (len(value[0]) if value else 0)
            found[self._origin_of(key)] = Items(one.number + 1, one.size + size)
        return dict(sorted(found.items()))

    def has(self, prefix: str) -> bool:
        """Return whether localStorage has items whose names begin so, of any origin."""
        return any(self._is_item(key) and self._begins(key, (prefix,)) for key in self._raw.live_keys())

    def _begins(self, key: bytes, prefixes: Sequence[str]) -> bool:
        """Return whether a key is of an item of localStorage whose name begins so, in either of its two encodings."""
        if self.area != LOCAL or not prefixes:
            return False
        name = key.partition(b"\0")[2]
        both = (part for one in prefixes for part in (b"\1" + one.encode("latin-1"), b"\0" + one.encode("utf-16-le")))
        return name.startswith(tuple(both))

    def _is_item(self, key: bytes) -> bool:
        """Return whether a key is that of an item, not the browser's housekeeping."""
        if self.area == LOCAL:
            return key[:1] == b"_" and b"\0" in key
        return self.area == EXTENSION or _MAP.fullmatch(key) is not None

    def _origin_of(self, key: bytes) -> str:
        if self.area == LOCAL:
            return key[1:].partition(b"\0")[0].decode("utf-8", "replace")
        if self.area == SESSION and (match := _MAP.fullmatch(key)):
            return self._tabs.get(match[1], ("", ""))[0]
        return self._owner if self.area == EXTENSION else ""

    def _local(self, key: bytes, value: bytes, place: str) -> Item | None:
        if not self._is_item(key):
            return None
        name = key.partition(b"\0")[2]
        return Item(self._origin_of(key), _text(name), _text(value), place)

    def _session(self, key: bytes, value: bytes, place: str) -> Item | None:
        match = _MAP.fullmatch(key)
        if match is None:
            return None
        origin, tab = self._tabs.get(match[1], ("", match[1].decode()))
        if len(value) % 2:
            raise ValueError("a text of half a character")
        text = value.decode("utf-16-le", "surrogatepass")
        return Item(origin, match[2].decode("utf-8"), text, place, tab)

    @cached_property
    def _tabs(self) -> dict[bytes, tuple[str, str]]:
        """Number of a map -> (origin, tab).  A tab that was copied shares the map of the first one."""
        found: dict[bytes, tuple[str, str]] = {}
        for key in self._raw.live_keys(b"namespace-"):
            match, number = _NAMESPACE.fullmatch(key), self._raw.get(key)
            if match is not None and number is not None:
                found.setdefault(number[0], (match[2].decode("utf-8", "replace"), match[1].decode().replace("_", "-")))
        return found

    def _extension(self, key: bytes, value: bytes, place: str) -> Item | None:
        return Item(self._origin_of(key), key.decode("utf-8"), json.loads(value), place)


def _text(data: bytes) -> str:
    """A text of localStorage: 1 and Latin-1, or 0 and UTF-16, little-endian.  Raises ValueError."""
    kind, content = data[:1], data[1:]
    if kind == b"\x01":
        return content.decode("latin-1")
    if kind != b"\x00" or len(content) % 2:
        raise ValueError("a text of unknown form")
    return content.decode("utf-16-le", "surrogatepass")


class Place(NamedTuple):
    """The storage that a folder is: its area, its name for people (`chrome.storage.local`), an extension's origin."""

    area: Area
    name: str
    owner: str = ""


def area_of(folder: Path) -> Area | None:
    """Return which storage a LevelDB folder is, by its place in a profile; None for another one."""
    if folder.parent.name == "Local Storage":
        return LOCAL
    if folder.parent.name.endswith("Extension Settings"):
        return EXTENSION
    return SESSION if folder.name == "Session Storage" else None


def place_of(folder: Path, copy: Path | None = None) -> Place | None:
    """Return which storage a LevelDB folder is, by its place in a profile, else by its content; None: none.

    `copy`: where its files are now.
    """
    area = area_of(folder) or _by_content(folder if copy is None else copy, folder.name)
    if area != EXTENSION:
        return None if area is None else Place(area, area)
    match = _EXTENSION_AREA.fullmatch(folder.parent.name)
    found = _EXTENSION_ID.search(folder.name)
    name = EXTENSION if match is None else f"{EXTENSION}.{match[1].lower()}"
    return Place(EXTENSION, name, f"chrome-extension://{found[0] if found else folder.name}")


def _by_content(folder: Path, name: str) -> Area | None:
    """Return what a LevelDB is by its keys, wherever it is; an extension's is named by its id and holds JSON alone."""
    from pjais.formats.leveldb.folder import LevelDB

    with LevelDB(folder) as raw:
        keys = raw.live_keys()
        if any(_OF_LOCAL.match(key) for key in keys):
            return LOCAL
        if any(_NAMESPACE.fullmatch(key) for key in keys) or (
            keys and all(_MAP.fullmatch(key) or key in _HOUSEKEEPING for key in keys)
        ):
            return SESSION
        if not keys or _EXTENSION_ID.search(name) is None:
            return None
        return EXTENSION if all(_is_json(found[0]) for key in keys if (found := raw.get(key))) else None


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
