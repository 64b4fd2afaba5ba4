"""Detect sources in files and folders, each of one kind, decided by content; name what is not migrated, and why.

A search lists names and reads the heads of likely stores; a file with the same stamp as last time is not opened
again.  `identify` recognises files, `profiles` IndexedDB, `storage` web storage, `livestores` LiveStore and the
origin-private file system.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pjais import extensions, files, paths
from pjais.core.source import Passed, SourceRef
from pjais.sources.detect import livestores, profiles, storage
from pjais.sources.detect.cache import Seen
from pjais.sources.detect.found import Found
from pjais.sources.detect.grouping import gathered
from pjais.sources.detect.identify import LEAVES, LIKELY, familiar, identify, is_familiar, is_likely
from pjais.sources.detect.walk import Listing, listing, walk

_FILES_DEPTH = 3
"""Depth to which all files are inspected; below it only those named like stores are."""
_LIKELY_LOOKS, _OTHER_LOOKS = 500, 250
"""Limits on the files that a search opens: with likely names, with any others; our own names are always opened."""
_ASIDE = "{} in a folder that is no profile's own; name it to take it"


def detect(
    places: Sequence[Path], *, target: Path | None = None, named: bool = False, seen: Seen | None = None
) -> Found:
    """Return all sources in the locations: files are identified, folders searched.

    `target` is the store written to, never a source.  `named`: the owner named these locations, so our own files
    among them count, and links are followed.  `seen` caches earlier verdicts.
    """
    sources: dict[Path, SourceRef] = {}
    passed: dict[tuple[Path, str | None, str | None], Passed] = {}
    seen = seen or Seen()
    for place in places:
        for one in _at(place, target, named, seen):
            if isinstance(one, SourceRef):
                sources.setdefault(one.path.absolute(), one)
            elif one is not None:
                passed.setdefault((one.path.absolute(), one.database, one.origin), one)
    seen.save()
    return Found(tuple(sources.values()), gathered(passed.values()))


def _at(place: Path, target: Path | None, named: bool, seen: Seen) -> Iterator[SourceRef | Passed | None]:
    """Yield the sources and other stores at one location."""
    if place.is_dir():
        yield from _Search(place, target, named, seen).found()
    elif named and place.suffix in (".ldb", ".log", ".sst") and place.stem.isdigit():  # saved by a recovery tool
        yield from profiles.leveldb(place.parent, place.parent, seen)
    elif named and files.is_plain_file(place):
        one = _added(place) or identify(place, place.parent, named=True, seen=seen)
        is_live = isinstance(one, SourceRef) and one.kind == "livestore"
        yield from livestores.stores([place], place.parent) if is_live else [one]
    elif named:
        yield Passed(place, "no such file or folder")


def _added(file: Path) -> SourceRef | None:
    """Return a named file as a source of a kind that another package adds."""
    for kind, added in extensions.source_kinds().items():
        if any(files.same(one, file) for one in added.find(file.parent)):
            return SourceRef(kind, kind, file, file.parent, (file,))
    return None


class _Search:
    """The search of one folder."""

    def __init__(self, folder: Path, target: Path | None, named: bool, seen: Seen) -> None:
        self.folder, self.target, self.named, self.seen = folder, target, named, seen
        self.aside: list[SourceRef] = []
        """RxDB in folders where no browser keeps it: usually copies."""
        self.live: list[Path] = []
        self.looks = [_LIKELY_LOOKS, _OTHER_LOOKS]
        self.target_is = _identity(target) if target is not None else None
        self.account = target.parent if target is not None and target.name == paths.ACCOUNT_NAME else None

    def found(self) -> Iterator[SourceRef | Passed | None]:
        """Yield everything in the folder, files first."""
        stores: list[SourceRef | Passed] = []
        single: list[SourceRef | Passed] = []
        for one in walk(self.folder):
            special = list(self._special(one))
            if special or (not one.folders and not one.files):
                stores += [each for each in special if each is not None]
            else:
                single += [each for each in self._files(one) if each is not None]
            stores += self._links(one)
        yield from sorted(single, key=lambda each: each.path)
        yield from livestores.stores(self.live, self.folder)
        yield from _record_files(self.folder)
        yield from stores
        yield from self._copies(any(isinstance(one, SourceRef) and one.kind == "rxdb-profile" for one in stores))
        yield from self._extensions()

    def _special(self, one: Listing) -> Iterator[SourceRef | Passed | None]:
        """Yield the findings of a folder that is a store as a whole; None alone if that store is empty."""
        path = Path(one.path)
        if profiles.is_leveldb(one):
            one.folders.clear()
            yield None
            if profiles.is_indexeddb(one, self.seen):
                yield from self._profile(one, list(profiles.leveldb(path, self.folder, self.seen)))
            else:
                yield from storage.other_leveldb(one, self.seen)
        elif ".indexeddb.blob" in one.name:  # the large values of the LevelDB beside it
            one.folders.clear()
            yield None
        elif _is_opfs(one):
            one.folders.clear()
            yield None
            standard = one.name == "File System" and len(one.parts) < 3
            reason = None if standard or self.named else _ASIDE.format("it lies")
            yield from livestores.in_opfs(path, self.folder, self.seen, taken=reason)
        elif inside := list(profiles.in_files(one, self.folder, self.seen, self.target)):
            one.folders.clear()
            yield from self._profile(one, inside)

    def _profile(self, one: Listing, found: list[SourceRef | Passed]) -> Iterator[SourceRef | Passed]:
        for each in found:
            if isinstance(each, SourceRef) and not _is_in_place(one):
                self.aside.append(each)
            else:
                yield each

    def _copies(self, beside_a_profile: bool) -> Iterator[SourceRef | Passed]:
        """Yield RxDB where no browser keeps it: a source only if the owner named the folder, and it is the only one."""
        folders = {ref.path.parent for ref in self.aside}
        if self.named and not beside_a_profile and len(folders) == 1:
            yield from self.aside
            return
        for ref in self.aside:
            size = sum(path.stat().st_size for path in ref.files if path.exists())
            yield Passed(ref.path, _ASIDE.format("RxDB"), size, "rxdb-profile", "RxDB")

    def _files(self, one: Listing) -> Iterator[SourceRef | Passed | None]:
        """Yield the findings among the files of an ordinary folder."""
        deep = len(one.parts) >= _FILES_DEPTH
        chosen = set(familiar(one))
        if self.looks[0]:
            chosen.update(self._chosen(0, [name for name in one.ending(LIKELY) if name not in chosen]))
        left = one.count(LIKELY) - len(chosen)
        if not deep and self.looks[1]:
            chosen.update(self._chosen(1, [name for name in one.files if not name.endswith(LIKELY)]))
        for name in sorted(chosen):
            if not name.endswith(("-wal", "-shm", "-journal")) and not name.startswith(paths.SINCE_SWITCH):
                yield self._file(name, one)
        if left:
            reason = f"{left:,} more files were not looked into; name one to take it"
            yield Passed(Path(one.path), reason, kind="folder")

    def _chosen(self, looks: int, names: list[str]) -> list[str]:
        """Return as many of the names as the limit still allows."""
        taken = sorted(names)[: self.looks[looks]]
        self.looks[looks] -= len(taken)
        return taken

    def _file(self, name: str, among: Listing) -> SourceRef | Passed | None:
        path = among.at(name)
        if self.target_is is not None and (_identity(path) == self.target_is or self._beside_account(path)):
            return None
        found = identify(path, self.folder, named=False, seen=self.seen, among=among)
        if not isinstance(found, SourceRef):
            return found
        if len(among.parts) >= _FILES_DEPTH:
            size = sum(one.stat().st_size for one in found.files)
            return Passed(path, f"{found.kind}, more than three folders deep; name it to take it", size, found.kind)
        if found.kind == "livestore":
            self.live.append(path)
            return None
        return found

    def _beside_account(self, path: Path) -> bool:
        """Return whether a file belongs to the LiveStore store that is written to."""
        return self.account is not None and files.same(path.parent, self.account)

    def _links(self, one: Listing) -> Iterator[SourceRef | Passed]:
        """Follow links to files within the folder; report all others."""
        for name in sorted(one.links):
            path = one.at(name)
            is_folder = path.is_dir()
            if not is_folder and not (is_familiar(name) or is_likely(name)):
                continue
            if not files.is_inside(path, self.folder):
                yield Passed(path, LEAVES, kind="link")
            elif not is_folder and (found := self._file(name, one)) is not None:
                yield found

    def _extensions(self) -> Iterator[SourceRef]:
        for kind, added in extensions.source_kinds().items():
            for path in sorted(added.find(self.folder)):
                apart = path.relative_to(self.folder).parts if path.is_relative_to(self.folder) else ()
                if not any(one.startswith(".") or one in (paths.BACKUPS, paths.LOGS) for one in apart):
                    yield SourceRef(kind, kind, path, self.folder, (path,))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_in_place(one: Listing) -> bool:
    """Return whether a folder is where a browser keeps IndexedDB, relative to the searched location."""
    parents, suffix = one.parts[:-1], one.name.endswith(".indexeddb.leveldb")
    if one.name == "idb":
        return not parents or (parents[-3:-1] == ("storage", "default") and len(parents) < 5)
    if not (suffix or _is_hashed(one)):
        return not one.parts
    if not parents:
        return True
    return parents[-1] == "IndexedDB" and (len(parents) < 3 or (parents[0] == "Partitions" and len(parents) == 3))


def _is_hashed(one: Listing) -> bool:
    """Return whether a folder belongs to Chromium's SQLite backend and is named after its origin alone."""
    return any(len(name) == 52 for name in one.files) and one.name.count("_") > 1


def _is_opfs(one: Listing) -> bool:
    """Return whether a folder is a browser's "File System": by its name, or for a copy by its path index."""
    if one.name == "File System" or (one.name == "FileSystem" and "WebStorage" in one.parts):
        return True
    if "Origins" not in one.folders:
        return False
    return any(name.isdigit() and os.path.isdir(f"{one.path}/{name}/t") for name in one.folders)  # noqa: PTH112


def _record_files(folder: Path) -> Iterator[SourceRef | Passed]:
    """Yield the app's folders with one JSON file per record (`personas/`, `memory/`, `plugins/`)."""
    found: list[Path] = []
    wanted: list[tuple[Listing | None, tuple[str, ...] | None]] = [
        (listing(str(folder / name)), None) for name in ("personas", "memory") if not (folder / name).is_symlink()
    ]
    plugins = listing(str(folder / "plugins")) if not (folder / "plugins").is_symlink() else None
    for name in sorted(plugins.folders) if plugins else ():
        wanted.append((listing(str(folder / "plugins" / name)), ("plugin.json", "manifest.json")))
    for one, names in wanted:
        for name in sorted((*one.files, *one.links)) if one else ():
            if not (name.endswith(".json") if names is None else name in names) or one is None:
                continue
            path = one.at(name)
            if name in one.links and not files.is_plain_file(path):
                yield Passed(path, "not a file that can be read")
            elif name in one.links and not files.is_inside(path, folder):
                yield Passed(path, LEAVES, kind="link")
            else:
                found.append(path)
    if found:
        yield SourceRef("pjais-files", "pjais-files", folder, folder, tuple(found))
