"""Detect sources in files and folders, each of one kind, decided by content; name what is not migrated, and why.

One walk lists names and reads the heads of likely stores; a file with the same stamp as last time is not opened
again.  What a kind looks like is in its own folder: `identify` asks the kinds about files, `registry.DETECTORS` look
into the folders of browser profiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pjais import files, paths
from pjais.core.source import LEAVES, NAME_IT, Passed, SourceRef
from pjais.errors import SourceDamaged
from pjais.formats import container
from pjais.sources import contract, registry, unpacked
from pjais.sources.apps.contract import AppSource
from pjais.sources.found import Found
from pjais.sources.grouping import gathered
from pjais.sources.identify import ARCHIVE, LIKELY, familiar, identify, is_familiar, is_likely
from pjais.sources.seen import Seen
from pjais.sources.walk import Listing, listing, walk

_FILES_DEPTH = 3
"""Depth to which all files are inspected; below it only those named like stores are."""
_LIKELY_LOOKS, _OTHER_LOOKS = 500, 250
"""Limits on the files that a search opens: with likely names, with any others; our own names are always opened."""
_NAMED_LOOKS = 50_000
"""The same in a folder that its owner names: what is in there is meant."""
_ASIDE = f"{{}} in a folder that is no profile's own; {NAME_IT}"


def detect(
    places: Sequence[Path], *, target: Path | None = None, named: bool = False, seen: Seen | None = None
) -> Found:
    """Return all sources in the locations: files are identified, folders searched.

    `target` is the store written to, never a source.  `named`: the owner named these locations, so our own files
    among them count, and links are followed.  `seen` caches earlier verdicts.
    """
    sources: dict[tuple[Path, str, str], SourceRef] = {}
    passed: dict[tuple[Path, str | None, str | None], Passed] = {}
    seen = seen or Seen()
    for place in places:
        for one in _at(place, target, named, seen):
            if isinstance(one, SourceRef):
                sources.setdefault((one.path.absolute(), one.kind, one.dialect), one)
            elif one is not None:
                passed.setdefault((one.path.absolute(), one.database, one.origin), one)
    seen.save()
    return Found(tuple(_together(sources.values())), gathered(passed.values()))


def _together(found: Iterable[SourceRef]) -> Iterator[SourceRef]:
    """Yield sources, very many files of one AI app in one folder as one source: thousands of cards, of chats."""
    groups: dict[tuple[Path, str] | SourceRef, list[SourceRef]] = {}
    for ref in found:
        alone = ref.files != (ref.path,) or not isinstance(registry.source_of(ref), AppSource)
        groups.setdefault(ref if alone else (ref.path.parent, ref.kind), []).append(ref)
    for refs in groups.values():
        if len(refs) <= _MANY:
            yield from refs
        else:
            yield replace(refs[0], path=refs[0].path.parent, files=tuple(one.path for one in refs))


_MANY = 50


def _at(place: Path, target: Path | None, named: bool, seen: Seen) -> Iterator[SourceRef | Passed | None]:
    """Yield the sources and other stores at one location."""
    if place.is_dir():
        yield from _Search(contract.Search(place, named, target, seen, registry.every(), [])).found()
    elif named and place.suffix in (".ldb", ".log", ".sst") and place.stem.isdigit():  # saved by a recovery tool
        yield from _in_folder_of(place, contract.Search(place.parent, named, target, seen, registry.every(), []))
    elif named and files.is_plain_file(place):
        one = identify(place, place.parent, named=True, seen=seen)
        if isinstance(one, Passed) and one.kind == ARCHIVE:
            yield from _in_archive(one, target, seen)
            return
        source = registry.source_of(one) if isinstance(one, SourceRef) else None
        yield from source.gathered([place], place.parent) if source is not None and source.gathers else [one]
    elif named:
        yield Passed(place, "file or folder not found")


def _in_archive(archive: Passed, target: Path | None, seen: Seen) -> Iterator[SourceRef | Passed | None]:
    """Yield what is in an archive, under names that begin with its own; the archive itself if that is nothing."""
    try:
        folder = unpacked.folder_of(archive.path)
    except SourceDamaged as error:
        yield archive._replace(reason=f"archive not read; {error.where[0].partition(': ')[2]}")
        return
    found = list(_Search(contract.Search(folder, True, target, seen, registry.every(), [])).found())
    if not found:
        yield archive._replace(reason="archive without known data")
    for one in found:
        if isinstance(one, Passed):
            yield one._replace(path=unpacked.shown(one.path))
        elif one is not None:
            yield replace(one, root=folder.parent)


def _in_folder_of(file: Path, search: contract.Search) -> Iterator[SourceRef | Passed]:
    """Yield what is in the LevelDB that a file of tables belongs to, whatever its folder is called."""
    there = listing(str(file.parent))
    found = (detector.look(there, search) for detector in registry.DETECTORS if there is not None)
    yield from next((one for one in found if one is not None), iter(()))


class _Search:
    """The search of one folder."""

    def __init__(self, search: contract.Search) -> None:
        self.search = search
        self.folder, self.target = search.root, search.target
        self.together: dict[contract.Source, list[Path]] = {}
        """Files that kinds gather, by kind."""
        self.looks = [_NAMED_LOOKS, _NAMED_LOOKS] if search.named else [_LIKELY_LOOKS, _OTHER_LOOKS]
        self.target_is = _identity(self.target) if self.target is not None else None
        account = self.target is not None and self.target.name == paths.ACCOUNT_NAME
        self.account = self.target.parent if self.target is not None and account else None

    def found(self) -> Iterator[SourceRef | Passed | None]:
        """Yield everything in the folder, files first."""
        stores: list[SourceRef | Passed] = []
        single: list[SourceRef | Passed] = []
        for one in walk(self.folder):
            if one.parts and one.mentions(paths.ACCOUNT) and any(map(_is_of_target, one.files)):
                one.folders.clear()  # files that a migration wrote
                continue
            special = self._special(one)
            if special is not None or (not one.folders and not one.files):
                stores += special or ()
            else:
                single += [each for each in self._files(one) if each is not None]
            stores += self._links(one)
        yield from sorted(single, key=lambda each: each.path)
        for source, there in self.together.items():
            yield from source.gathered(there, self.folder)
        for source in self.search.sources:
            yield from source.at_root(self.folder)
        yield from stores
        yield from self._copies([one for one in stores if isinstance(one, SourceRef)])

    def _special(self, one: Listing) -> list[SourceRef | Passed] | None:
        """Return the findings of a folder that is a store as a whole; None for an ordinary folder."""
        path = Path(one.path)
        for source in registry.added().values() if self._may_be_one(one) else ():
            with registry.asking(source.kind):
                is_its = source.is_folder(one)
            if is_its:
                one.folders.clear()
                return [SourceRef(source.kind, source.dialect, path, self.folder, tuple(contract.files_in(path)))]
        if self.search.named and self._may_be_one(one) and (written := self._of_app(path, profile=one.browser)):
            one.folders.clear()
            return [written]
        for detector in registry.DETECTORS:
            found = detector.look(one, self.search)
            if found is not None:
                return list(found)
        return None

    def _of_app(self, path: Path, *, profile: bool) -> SourceRef | None:
        """Return the source that a folder as a whole is, if an AI app wrote it."""
        with container.of(path) as opened:
            found = registry.app_of(opened, profile=profile)
            if found is None:
                return None
            ref = SourceRef(found.kind, found.dialect, path, self.folder, (), found.version_in(opened))
            return replace(ref, files=tuple(found.files(ref)))

    def _may_be_one(self, one: Listing) -> bool:
        """Return whether a folder may be one source: never the data folder, in which the store and its backups are."""
        inside = self.target is not None and self.target.is_relative_to(one.path)
        return bool(one.parts or self.search.named) and not inside

    def _copies(self, in_place: list[SourceRef]) -> Iterator[SourceRef | Passed]:
        """Yield sources where no browser keeps them: only if the owner named the folder, and they are the only ones."""
        for kind in dict.fromkeys(ref.kind for ref in self.search.aside):
            aside = [ref for ref in self.search.aside if ref.kind == kind]
            alone = kind not in {ref.kind for ref in in_place}
            if self.search.named and alone and len({ref.path.parent for ref in aside}) == 1:
                yield from aside
                continue
            for ref in aside:
                made_by = registry.source_of(ref).made_by
                size = sum(path.stat().st_size for path in ref.files if path.exists())
                yield Passed(ref.path, _ASIDE.format(made_by or ref.kind), size, ref.kind, made_by)

    def _files(self, one: Listing) -> Iterator[SourceRef | Passed | None]:
        """Yield the findings among the files of an ordinary folder."""
        deep = len(one.parts) >= _FILES_DEPTH
        chosen = set(familiar(one))
        if self.looks[0]:
            chosen.update(self._chosen(0, [name for name in one.ending(LIKELY) if name not in chosen]))
        left = one.count(LIKELY) - sum(name.endswith(LIKELY) for name in chosen)
        if not deep and self.looks[1]:
            chosen.update(self._chosen(1, [name for name in one.files if not name.endswith(LIKELY)]))
        for name in sorted(chosen):
            if not name.endswith(("-wal", "-shm", "-journal")) and not name.startswith(paths.SINCE_SWITCH):
                yield self._file(name, one)
        if left:
            reason = f"{left:,} more files were not examined; name one to include it"
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
        found = identify(path, self.folder, named=False, seen=self.search.seen, among=among, apps=self.search.named)
        if not isinstance(found, SourceRef):
            return found
        if len(among.parts) >= _FILES_DEPTH:
            size = sum(one.stat().st_size for one in found.files)
            return Passed(path, f"{found.kind}, more than three folders deep; {NAME_IT}", size, found.kind)
        source = registry.source_of(found)
        if source.gathers:
            self.together.setdefault(source, []).append(path)
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


def _is_of_target(name: str) -> bool:
    """Return whether a file's name is that of the store of a target that has content of its own."""
    return paths.account_kind(name) not in (None, "livestore")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
