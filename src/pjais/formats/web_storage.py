"""Read a browser's localStorage, sessionStorage or extension storage: what apps keep as texts.

A LevelDB each (docs/formats/web-storage.md).  localStorage's keys are `_<origin>`, NUL, and the name; sessionStorage's
`map-<n>-` and the name, where `namespace-<tab>-<origin>/` has the number; an extension's are the names themselves, and
its values JSON.  The rest is the browser's housekeeping.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pjais.formats.leveldb.codings import Bad
from pjais.formats.leveldb.folder import Damage, LevelDB

Area = Literal["localStorage", "sessionStorage", "chrome.storage"]
"""The kinds of web storage."""

LOCAL: Final = "localStorage"
SESSION: Final = "sessionStorage"
EXTENSION: Final = "chrome.storage"
_NAMESPACE = re.compile(rb"namespace-([0-9a-f_]{36})-(.*?)/?", re.DOTALL)
_MAP = re.compile(rb"map-(\d+)-(.*)", re.DOTALL)


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


class Storage:
    """One storage area of a profile, open; `problems` grows while it is read."""

    def __init__(self, folder: Path, area: Area) -> None:
        self.area = area
        self._folder = folder
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

    def items(self) -> Iterator[Item | BadItem]:
        """Yield every item, by origin and name."""
        read = {LOCAL: self._local, SESSION: self._session, EXTENSION: self._extension}[self.area]
        for key in self._raw.live_keys():
            found = self._raw.get(key)
            if found is None:
                yield BadItem("", f"key {key!r}", b"", "its file has changed while it was read")
                continue
            try:
                one = read(key, *found)
            except (Bad, ValueError, RecursionError) as error:
                yield BadItem(self._origin_of(key), found[1], found[0], str(error) or "nested too deeply")
                continue
            if one is not None:
                yield one

    def _origin_of(self, key: bytes) -> str:
        if self.area == LOCAL:
            return key[1:].partition(b"\0")[0].decode("utf-8", "replace")
        return f"chrome-extension://{self._folder.name}" if self.area == EXTENSION else ""

    def _local(self, key: bytes, value: bytes, place: str) -> Item | None:
        if key[:1] != b"_" or b"\0" not in key:
            return None
        name = key.partition(b"\0")[2]
        return Item(self._origin_of(key), _text(name), _text(value), place)

    def _session(self, key: bytes, value: bytes, place: str) -> Item | None:
        match = _MAP.fullmatch(key)
        if match is None:
            return None
        origin, tab = self._tabs.get(match[1], ("", match[1].decode()))
        if len(value) % 2:
            raise Bad("a text of half a character")
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
    """A text of localStorage: 1 and Latin-1, or 0 and UTF-16, little-endian.  Raises Bad."""
    kind, content = data[:1], data[1:]
    if kind == b"\x01":
        return content.decode("latin-1")
    if kind != b"\x00" or len(content) % 2:
        raise Bad("a text of unknown form")
    return content.decode("utf-16-le", "surrogatepass")


def area_of(folder: Path) -> Area | None:
    """Return which storage a LevelDB folder is, by its place in a profile; None for another one."""
    if folder.parent.name == "Local Storage":
        return LOCAL
    if folder.parent.name.endswith("Extension Settings"):
        return EXTENSION
    return SESSION if folder.name == "Session Storage" else None


def items(folder: Path, area: Area, without: tuple[str, ...] = ()) -> dict[str, int]:
    """Return the number of items by origin, but for those of localStorage whose names begin with one of `without`."""
    found: Counter[str] = Counter()
    with LevelDB(folder) as raw:
        for key in raw.live_keys():
            if area == LOCAL and key[:1] == b"_" and b"\x00" in key:
                if not _begins(key, without):
                    found[key[1:].partition(b"\x00")[0].decode("utf-8", "replace")] += 1
            elif area == SESSION and key.startswith(b"map-"):
                found[""] += 1
            elif area == EXTENSION:
                found[f"chrome-extension://{folder.name}"] += 1
    return dict(sorted(found.items()))


def has_items(folder: Path, prefix: str) -> bool:
    """Return whether localStorage has items whose names begin so, of any origin."""
    with LevelDB(folder) as raw:
        return any(key[:1] == b"_" and _begins(key, (prefix,)) for key in raw.live_keys())


def _begins(key: bytes, prefixes: tuple[str, ...]) -> bool:
    """Return whether the name in a key of localStorage begins with a prefix, in either of its two encodings."""
    name = key.partition(b"\0")[2]
    both = (part for one in prefixes for part in (b"\x01" + one.encode("latin-1"), b"\0" + one.encode("utf-16-le")))
    return name.startswith(tuple(both))
