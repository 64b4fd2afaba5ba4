"""The three layouts of IndexedDB on disk: what belongs to a copy, and how its databases are opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pjais import files, web_origin
from pjais.core.document import Remark, Unreadable
from pjais.sources.contract import Layout, Source, Stamp
from pjais.sources.sqlite_source import SqliteFiles
from pjais.sqlite_files import SIDE_FILES

if TYPE_CHECKING:
    from pjais.core.snapshot import Snapshot
    from pjais.core.source import SourceRef
    from pjais.formats.indexeddb import Profile


class Container(NamedTuple):
    """An opened LevelDB (`file` None), or one SQLite file of a snapshot, by its name there; `fault` of the file."""

    profile: Profile
    file: str | None = None
    fault: str | None = None


class InIndexedDb(Source):
    """A kind whose documents are in the IndexedDB of one web origin."""

    layout: Layout
    of_browser = True
    shares = True

    @contextmanager
    def containers(self, snapshot: Snapshot) -> Iterator[list[Container]]:
        """Open everything in a snapshot."""
        import tempfile  # only where there is a profile

        with tempfile.TemporaryDirectory(prefix="pjais-profile-") as scratch:
            yield self._containers(snapshot, Path(scratch))

    def _containers(self, snapshot: Snapshot, scratch: Path) -> list[Container]:
        raise NotImplementedError


class InLevelDb(InIndexedDb):
    """In one LevelDB, with its folder of large values beside it."""

    layout: Layout = "leveldb"

    def files(self, ref: SourceRef) -> list[Path]:
        """Return the current files: a browser creates and removes some while it runs."""
        return files.beside(ref.path)

    def still(self, ref: SourceRef) -> Stamp:
        """Return the names of the files: a LevelDB only appends to its logs and never changes a table."""
        return tuple((str(path),) for path in files.beside(ref.path))

    def folders(self, path: Path) -> tuple[Path, ...]:
        """Return the folder of the LevelDB and that of its large values."""
        blobs = _blobs(path)
        return (path,) if blobs == path else (path, blobs)

    def _containers(self, snapshot: Snapshot, scratch: Path) -> list[Container]:
        from pjais.formats import indexeddb

        path = snapshot.path
        blobs = _blobs(path)
        return [Container(indexeddb.open_chromium(path, _existing(blobs) if blobs != path else None))]


class InSqlite(InIndexedDb, SqliteFiles):
    """In a SQLite file for each database: Chromium's next backend."""

    layout: Layout = "sqlite"

    def folders(self, path: Path) -> tuple[Path, ...]:
        """Return the folder of the files."""
        return (path,)

    def _containers(self, snapshot: Snapshot, scratch: Path) -> list[Container]:
        """Open copies of the files with their WAL applied: after a crash it may hold all of the data."""
        names = [file.stored for file in snapshot.files if self._is_database(file.stored)]
        opened = []
        for name in names:
            whole, fault = _whole(snapshot.folder / name, scratch)
            opened.append(Container(self._profile(snapshot.folder / name, whole), name, fault))
        return opened

    def _is_database(self, name: str) -> bool:
        return not name.endswith(SIDE_FILES)

    def _profile(self, file: Path, whole: Path) -> Profile:
        from pjais.formats import indexeddb

        return indexeddb.open_chromium_sqlite(whole)


class InFirefox(InSqlite):
    """In Firefox's SQLite files, each with a folder of large values."""

    layout: Layout = "firefox"

    def _is_database(self, name: str) -> bool:
        return name.endswith(".sqlite")

    def _profile(self, file: Path, whole: Path) -> Profile:
        from pjais.formats import indexeddb

        return indexeddb.open_firefox(whole, _existing(file.with_name(f"{file.stem}.files")))


def origin_of(snapshot: Snapshot, named: str) -> str | None:
    """Return the web origin of a database: from its location, which includes the partition, else its metadata."""
    return snapshot.web_origin or web_origin.named(named)


def faults(containers: Sequence[Container]) -> Iterator[Unreadable]:
    """Yield the SQLite files of a snapshot that are damaged."""
    for one in containers:
        if one.fault is not None:
            yield Unreadable("$file", Path(one.file or "").name, b"", f"SQLite: {one.fault}")


def problems(containers: Sequence[Container]) -> Iterator[Unreadable | Remark]:
    """Yield what could not be read apart from records, and where a log ends early; asked after the records are read."""
    for container in containers:
        for problem in container.profile.problems:
            yield Unreadable("$file", f"{problem.file} byte {problem.offset}", problem.raw, problem.reason)
        for one in container.profile.torn:
            yield Remark("torn-tail", "$file", f"{one.file} byte {one.offset}", one.reason)


def sizes(snapshot: Snapshot, containers: Sequence[Container]) -> dict[str, int]:
    """Return the size in bytes of each IndexedDB database of a snapshot, by its name."""
    from pjais.formats.indexeddb import metadata

    found: dict[str, int] = {}
    for one in containers:
        if one.file is None:
            found.update((database.name, database.size) for database in metadata.leveldb(snapshot.path).databases)
            continue
        beside = (f"{one.file}-", f"{one.file.removesuffix('.sqlite')}.files/")
        its = sum(each.size for each in snapshot.files if each.stored == one.file or each.stored.startswith(beside))
        found.update((store.database, its) for store in one.profile.stores())
    return found


def _blobs(leveldb: Path) -> Path:
    return leveldb.with_name(leveldb.name.replace(".indexeddb.leveldb", ".indexeddb.blob"))


def _existing(folder: Path) -> Path | None:
    return folder if folder.is_dir() else None


def _whole(path: Path, scratch: Path) -> tuple[Path, str | None]:
    """Return a consistent copy of one SQLite file of a snapshot, and the first finding of its integrity check."""
    from pjais import sqlite

    copy = scratch / "raw" / path.name
    sqlite.copy_files(path, copy)
    whole = scratch / path.name
    try:
        lost = sqlite.copy_source(copy, whole).lost
        with closing(sqlite.open_frozen(whole)) as db:
            problems = [*([lost] if lost else []), *sqlite.problems(db)]
    except sqlite.Error as error:
        whole, problems = path, [str(error)]
    return whole, problems[0] if problems else None
