"""LevelDBs of a profile that are no IndexedDB: web storage, which is somebody's data, and the browser's own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from pjais import files
from pjais.core.source import Passed, SourceRef
from pjais.sources.contract import Search
from pjais.sources.indexeddb.detector import is_leveldb
from pjais.sources.seen import stamp
from pjais.sources.walk import Listing

_LOOKED_INTO = 8 << 20
"""Items of a larger storage are not counted."""


class Detector:
    """Names what is in a LevelDB that holds no IndexedDB."""

    def look(self, folder: Listing, search: Search) -> Iterator[SourceRef | Passed] | None:
        """Return what is in such a folder."""
        if not is_leveldb(folder):
            return None
        folder.folders.clear()
        return chain(_taken(folder, search), _other_leveldb(folder, search))


def _taken(listing: Listing, search: Search) -> Iterator[SourceRef]:
    """Yield the sources that kinds make of localStorage, each by the prefix of its items."""
    from pjais.formats import web_storage

    folder, its = Path(listing.path), [listing.at(name) for name in sorted(listing.files)]
    if web_storage.area_of(folder) != web_storage.LOCAL:
        return
    for source in search.sources:
        prefix = source.item_prefix
        if prefix and search.seen.verdict(
            f"{folder} {prefix}",
            stamp(its),
            lambda prefix=prefix: web_storage.has_items(folder, prefix),  # type: ignore[misc]
        ):
            yield SourceRef(source.kind, source.dialect, folder, search.root, tuple(its))


def _other_leveldb(listing: Listing, search: Search) -> Iterator[Passed]:
    """Yield the content of a LevelDB that is no IndexedDB; nothing for one of the browser's own."""
    from pjais.formats import web_storage

    folder = Path(listing.path)
    its = [listing.at(name) for name in sorted(listing.files)]
    size = files.size_of(its)
    area = web_storage.area_of(folder)
    if area is None:
        if not listing.browser and "MANIFEST" in "".join(listing.files):
            yield Passed(folder, "a LevelDB of another program", size, "leveldb")
        return
    prefixes = tuple(one.item_prefix for one in search.sources if one.item_prefix)
    reason = f"{area}: pjais does not read it yet"
    if size > _LOOKED_INTO:
        yield Passed(folder, reason, size, "web-storage")
        return

    def judge() -> list[Any]:
        return list(web_storage.items(folder, area, without=prefixes).items())

    for origin, count in search.seen.verdict(str(folder), stamp(its), judge):
        told = f"{count} item{'' if count == 1 else 's'} of {reason}"
        yield Passed(folder, told, size, "web-storage", None, origin or None)
