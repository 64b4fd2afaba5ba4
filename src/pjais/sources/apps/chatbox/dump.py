"""The dump of Chatbox's key-value store: recognise it, and read it entry by entry.

Memory holds one entry at a time (of the older `chat-sessions` one session), so a dump with many pictures can be read.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from pjais.core.document import Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import entries, values

SESSIONS = "chat-sessions"
"""The list of all sessions, until configuration version 7."""

OLDER = "session:"
"""The key that each of them is given."""

INDEX = "chat-sessions-list"
NEWEST = 13
"""The newest configuration version that was seen."""

_SURE = frozenset({SESSIONS, INDEX, "myCopilots", "__exported_items"})
_KNOWN = _SURE | {"configVersion", "settings", "configs", "remoteConfig", "__exported_at"}
_KNOWN |= {"chat-session-settings", "picture-session-settings"}
_NAMED = re.compile(r"(?:session|picture|file|link):")
_BLOB = re.compile(r"(?:picture|file|link):|parse(?:File|Url)-")
_VERSION = re.compile(r'"configVersion"\s*:\s*(\d{1,9})\b')
_DATA_URL = re.compile(r"data:([^,]*?)(;base64)?,", re.IGNORECASE)


def is_dump(container: Container) -> bool:
    """Return whether a file is a dump: the first entry is one of Chatbox's, and an entry is that no other app has."""
    if container.form != "file":
        return False
    head = values.json_head(container, container.names[0])
    if head.form != "object" or not head.keys:
        return False
    if not any(key in _KNOWN or _NAMED.match(key) for key in head.keys):
        return False
    if head.keys & _SURE and _is_index(head.text):
        return True
    return '"__exported_items"' in entries.tail(container) or "__exported_items" in head.keys


def _is_index(text: str) -> bool:
    """Return whether one of the sure keys has a list as its value."""
    return any(re.search(rf'"{key}"\s*:\s*\[', text) is not None for key in _SURE)


def version(container: Container) -> str | None:
    """Return the configuration version, if it is in the first 64 KiB."""
    found = _VERSION.search(values.json_head(container, container.names[0]).text)
    return None if found is None else found[1]


def read(container: Container, name: str) -> Iterator[tuple[str, Value | Unreadable]]:
    """Yield the entries of the dump as (key, value); those of the list `chat-sessions` have the key `session:`."""
    found = entries.entries(container, name, _collection, lists=lambda keys: keys == (SESSIONS,))
    for keys, item, is_element in found:
        yield OLDER if is_element else keys[0] if keys else "", item


def _collection(keys: entries.Keys) -> str:
    key = keys[0] if keys else ""
    return "conversations" if key == SESSIONS or key.startswith(OLDER) else "chatbox_entries"


# -- blobs


class Blob(NamedTuple):
    """A picture or a file's text: its bytes, its media type, and whether it was a data URL that cannot be decoded."""

    data: bytes
    media_type: str | None
    is_broken: bool = False

    @property
    def digest(self) -> str:
        """Return the SHA-256 of its bytes."""
        import hashlib

        return hashlib.sha256(self.data).hexdigest()


def is_blob(key: str, value: Any, named: frozenset[str]) -> bool:
    """Return whether an entry is a blob, by its key, or as messages point to it (`named`)."""
    return isinstance(value, str) and (key in named or _BLOB.match(key) is not None)


def blob(text: str) -> Blob:
    """Return what an entry's text holds: the bytes of a data URL, or the text itself."""
    found = _DATA_URL.match(text[:1024])
    if found is None:
        return Blob(text.encode("utf-8", "surrogatepass"), "text/plain")
    media, rest = found[1] or "text/plain", text[found.end() :]
    if not found[2]:
        return Blob(unquote_to_bytes(rest), media)
    try:
        return Blob(base64.b64decode(rest + "=" * (-len(rest) % 4), validate=True), media)
    except (binascii.Error, ValueError):
        return Blob(text.encode("utf-8", "surrogatepass"), "text/plain", is_broken=True)
