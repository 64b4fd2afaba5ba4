"""LevelDBs of a profile that are no IndexedDB: web storage, which is somebody's data, and the browser's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pjais import files, web_origin
from pjais.core.source import Passed, SourceRef
from pjais.display import counted
from pjais.sources.contract import Search
from pjais.sources.indexeddb.detector import is_leveldb
from pjais.sources.seen import stamp
from pjais.sources.walk import Listing
from pjais.sources.web_storage.everything import AnyWebStorage

_KIND = AnyWebStorage.kind
_LOOKED_INTO = 8 << 20
"""A larger storage is taken for one with items."""


class Detector:
    """Finds web storage, and names what else is in a LevelDB that holds no IndexedDB."""

    def look(self, folder: Listing, search: Search) -> Iterator[SourceRef | Passed] | None:
        """Return what is in such a folder."""
        if not is_leveldb(folder):
            return None
        folder.folders.clear()
        return _in_leveldb(folder, search)


def _in_leveldb(listing: Listing, search: Search) -> Iterator[SourceRef | Passed]:
    """Yield the content of a LevelDB that is no IndexedDB; nothing for one of the browser's own."""
    from pjais.formats import web_storage

    folder = Path(listing.path)
    its = files.beside(folder)
    size = files.size_of(its)

    takers = [one for one in search.sources if one.item_prefix]
    prefixes = [one.item_prefix for one in takers]

    def judge() -> Any:
        place = web_storage.place_of(folder)
        if place is None:
            return None
        with web_storage.Storage(folder, place.area, place.owner) as storage:
            taken = [one for one in prefixes if storage.has(one)]
            if size > _LOOKED_INTO:
                return [place.name, taken, {"": 0}, ""]
            origins = storage.origins(prefixes)
            doubt = next((one.reason for one in storage.problems), "")
        return [place.name, taken, {origin: one.number for origin, one in origins.items()}, doubt]

    said = search.seen.verdict(f"{folder} web storage {' '.join(prefixes)}".rstrip(), stamp(its), judge)
    if said is None:
        if not listing.browser and "MANIFEST" in "".join(listing.files):
            yield Passed(folder, "a LevelDB of another program", size, "leveldb")
        return
    name, taken, origins, doubt = said
    apps = {origin: count for origin, count in origins.items() if not web_origin.is_browsers(origin)}
    kinds = [(one.kind, one.dialect) for one in takers if one.item_prefix in taken]
    refs = [
        SourceRef(kind, dialect, folder, search.root, tuple(its))
        for kind, dialect in (*kinds, *([(_KIND, AnyWebStorage.dialect)] if apps else ()))
    ]
    if _is_in_place(listing):
        yield from refs
    else:
        search.aside.extend(refs)
    if doubt and not refs:
        yield Passed(folder, f"{name} that cannot be read whole: {doubt}", size, _KIND)
    elif not origins and not refs:
        yield Passed(folder, f"{name} without any item", size, _KIND)
    for origin in origins.keys() - apps.keys():
        told = f"{counted(origins[origin], 'item')} of {name}, of the browser's own pages"
        yield Passed(folder, told, size, _KIND, None, web_origin.normal(origin))


def _is_in_place(one: Listing) -> bool:
    """Return whether a folder is where a browser keeps web storage, relative to the searched location."""
    from pjais.formats import web_storage

    profile = one.parts[:-1] if one.name == "Session Storage" else one.parts[:-2]
    within = len(profile) < 2 or (profile[0] == "Partitions" and len(profile) == 2)
    return not one.parts or (web_storage.area_of(Path(one.path)) is not None and within)
