"""Count the items of a browser's localStorage, sessionStorage or extension storage by origin.

A LevelDB each: localStorage's keys are `_<origin>`, NUL, and the name; sessionStorage's `map-<n>-`
and the name; an extension's are the names themselves.  The rest is the browser's housekeeping.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pjais.formats.leveldb.folder import LevelDB

LOCAL, SESSION, EXTENSION = "localStorage", "sessionStorage", "chrome.storage"
_RXDB = b"RxDB-ls-doc-"


def area_of(folder: Path) -> str | None:
    """Return which storage a LevelDB folder is, by its place in a profile; None for another one."""
    if folder.parent.name == "Local Storage":
        return LOCAL
    if folder.parent.name.endswith("Extension Settings"):
        return EXTENSION
    return SESSION if folder.name == "Session Storage" else None


def items(folder: Path, area: str) -> tuple[dict[str, int], bool]:
    """(items by origin, whether documents of RxDB's localstorage storage are among them)."""
    found: Counter[str] = Counter()
    rxdb = False
    with LevelDB(folder) as raw:
        for key in raw.live_keys():
            if area == LOCAL and key[:1] == b"_" and b"\x00" in key:
                origin, _, name = key[1:].partition(b"\x00")
                found[origin.decode("utf-8", "replace")] += 1
                rxdb = rxdb or _RXDB in name
            elif area == SESSION and key.startswith(b"map-"):
                found[""] += 1
            elif area == EXTENSION:
                found[f"chrome-extension://{folder.name}"] += 1
    return dict(sorted(found.items())), rxdb
