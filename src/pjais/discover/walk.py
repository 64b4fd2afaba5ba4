"""One pass over a folder tree: names and kinds of entries, no stat and no resolving for a file.

The nearest folders come first, so that where a search has to be bounded it is the farthest that is left out.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pjais import paths

DEPTH = 6
"""How many folders deep a search looks."""

_SKIPPED = frozenset(
    {paths.BACKUPS, paths.LOGS, "node_modules", "Cache", "Code Cache", "GPUCache", "ShaderCache", "GrShaderCache",
     "DawnCache", "DawnGraphiteCache", "DawnWebGPUCache", "Service Worker", "blob_storage", "Crashpad", "Extensions",
     "component_crx_cache", "extensions_crx_cache", "Safe Browsing", "__pycache__"}
)  # fmt: skip
"""Our own folders, programs, and a browser's caches: nobody's documents."""
_RECORDS = frozenset({"personas", "memory", "plugins"})
"""The app's folders of one file a record, which are one source (formats/pjais.md §1.7)."""
_BROWSER = frozenset(
    {"IndexedDB", "Local Storage", "Session Storage", "WebStorage", "File System", "Preferences", "Local State",
     "Network Persistent State", "Cookies", "prefs.js"}
)  # fmt: skip


@dataclass(slots=True)
class Listing:
    """One folder: its path, its place below the root, and the names in it.  What is cleared is not walked into.

    `browser`: it is a browser's profile, or lies in one.
    """

    path: str
    parts: tuple[str, ...]
    files: list[str]
    folders: list[str]
    links: list[str]
    browser: bool
    _text: str = ""

    @property
    def name(self) -> str:
        """The folder's own name."""
        return os.path.basename(self.path)  # noqa: PTH119

    def ending(self, *endings: str) -> list[str]:
        """The files whose names end so; where none does, that is seen at one glance at all of them."""
        if not self._text:
            self._text = "\0".join(self.files)
        if not any(one in self._text for one in endings):
            return []
        return [name for name in self.files if name.endswith(endings)]

    def at(self, name: str) -> Path:
        """An entry's path."""
        return Path(self.path, name)


def walk(root: Path) -> Iterator[Listing]:
    """The folders of a tree, nearest first.  Links are listed and not followed; what cannot be listed is left out."""
    waiting: deque[tuple[str, tuple[str, ...], bool]] = deque([(str(root), (), False)])
    while waiting:
        path, parts, browser = waiting.popleft()
        one = listing(path, parts, browser)
        if one is None:
            continue
        yield one
        if len(parts) < DEPTH:
            for name in sorted(one.folders):
                if not parts and name in _RECORDS:
                    continue
                waiting.append((f"{path}{os.sep}{name}", (*parts, name), one.browser))


def listing(path: str, parts: tuple[str, ...] = (), browser: bool = False) -> Listing | None:
    """One folder; None where it cannot be listed.  What is hidden is left out.

    Several passes, since one that does all is the slower one for folders of very many files.
    """
    try:
        with os.scandir(path) as found:
            entries = [entry for entry in found if entry.name[0] != "."]
        links = [entry.name for entry in entries if entry.is_symlink()]
        # Links are not followed: to ask what one leads to fails for a link to itself.
        folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        names = (
            [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]
            if folders
            else [entry.name for entry in entries]
        )
    except OSError:
        return None
    if links:
        apart = set(links)
        names = [name for name in names if name not in apart]
        folders = [name for name in folders if name not in apart]
    folders = [name for name in folders if name not in _SKIPPED]
    inside = browser or len(_BROWSER.intersection(folders)) + len(_BROWSER.intersection(names)) > 1
    return Listing(path, parts, names, folders, links, inside)
