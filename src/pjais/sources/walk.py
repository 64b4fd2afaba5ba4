"""Walk a folder tree once: names and kinds of entries, without a stat or a resolve per file.

The nearest folders come first, so that a bounded search leaves out the farthest.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pjais import paths

DEPTH = 6
"""Depth of a search, in folders."""

_SKIPPED = frozenset(
    {
        paths.BACKUPS,
        paths.LOGS,
        "node_modules",
        "Cache",
        "Code Cache",
        "GPUCache",
        "ShaderCache",
        "GrShaderCache",
        "DawnCache",
        "DawnGraphiteCache",
        "DawnWebGPUCache",
        "Service Worker",
        "blob_storage",
        "Crashpad",
        "Extensions",
        "component_crx_cache",
        "extensions_crx_cache",
        "Safe Browsing",
        "__pycache__",
    }
)
"""Our own folders, programs, and a browser's caches: nobody's documents."""
_RECORDS = frozenset({"personas", "memory", "plugins"})
"""The app's folders with one file per record, which are one source together."""
_BROWSER = frozenset(
    {
        "IndexedDB",
        "Local Storage",
        "Session Storage",
        "WebStorage",
        "File System",
        "Preferences",
        "Local State",
        "Network Persistent State",
        "Cookies",
        "prefs.js",
    }
)


@dataclass(slots=True)
class Listing:
    """One folder: its path, its parts below the root, and the names in it.  Subfolders removed from it are not walked.

    `browser`: it is a browser's profile, or is inside one.  `text` holds the names of all files, a NUL before and
    after each, so that one search covers them all.
    """

    path: str
    parts: tuple[str, ...]
    files: list[str]
    folders: list[str]
    links: list[str]
    browser: bool
    text: str

    @property
    def name(self) -> str:
        """Return the folder's own name."""
        return os.path.basename(self.path)  # noqa: PTH119

    def has(self, name: str) -> bool:
        """Return whether the folder has a file of this name."""
        return f"\0{name}\0" in self.text

    def mentions(self, *words: str) -> bool:
        """Return whether any of the words occurs in any name."""
        return any(one in self.text for one in words)

    def count(self, endings: tuple[str, ...]) -> int:
        """Return how many names have one of these endings, none of which may be the end of another."""
        return sum(self.text.count(f"{one}\0") for one in endings)

    def ending(self, endings: tuple[str, ...]) -> list[str]:
        """Return the files whose names have one of these endings."""
        there = tuple(one for one in endings if f"{one}\0" in self.text)
        return [name for name in self.files if name.endswith(there)] if there else []

    def at(self, name: str) -> Path:
        """Return an entry's path."""
        return Path(self.path, name)


def walk(root: Path) -> Iterator[Listing]:
    """Yield the folders of a tree, nearest first.  Links are listed, not followed; unreadable folders are left out."""
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
    """List one folder; None if it cannot be listed.  Hidden entries are left out."""
    names: list[str] = []
    folders: list[str] = []
    links: list[str] = []
    try:
        with os.scandir(path) as found:
            for entry in found:
                # Links are not followed: resolving one fails for a link to itself.
                if entry.is_file(follow_symlinks=False):
                    names.append(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                else:
                    (links if entry.is_symlink() else names).append(entry.name)
    except OSError:
        return None
    text = _text(names)
    if "\0." in text:
        names = [name for name in names if name[0] != "."]
        text = _text(names)
    folders = [name for name in folders if name[0] != "." and name not in _SKIPPED]
    links = [name for name in links if name[0] != "."]
    inside = browser or sum(one in folders or f"\0{one}\0" in text for one in _BROWSER) > 1
    return Listing(path, parts, names, folders, links, inside, text)


def _text(names: list[str]) -> str:
    return "\0".join(("", *names, ""))
