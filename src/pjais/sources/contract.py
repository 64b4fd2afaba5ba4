"""The contract of a source kind: how it is recognised, copied, read, and what may be removed of it.

Each kind is one object, in a folder of its own; `registry` lists ours and those that other packages add by the entry
points `pjais.sources`.  A source may be a file, a folder or an archive.  Everything that differs between kinds is asked
here: nothing else compares a kind or a dialect with a name.

A simple kind has a `dialect`, recognises its files (`names`, `is_file`) or its folder (`is_folder`) by their content,
and reads the copy (`read`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from pjais import files

if TYPE_CHECKING:
    from pjais.core.document import Document, Piece, Unreadable
    from pjais.core.snapshot import CopiedFile, Snapshot
    from pjais.core.source import Passed, SourceRef
    from pjais.sources.seen import Seen
    from pjais.sources.walk import Listing

Stamp = tuple[tuple[Any, ...], ...]
"""(path, inode, size, time of change) of each file; (path, None) for one that cannot be examined."""


class Wishes(NamedTuple):
    """What the owner chose about files of AI apps; kept in the run's row for verification.

    `with_memories`: take the facts that are only mentioned in conversations, too.  `timezone`: that of dates without
    one (an IANA name).  `user_personas`: personas of the user are personas, not memories about the user.  `gap`:
    minutes after which a log of prompts without conversations begins another one.
    """

    with_memories: bool = False
    timezone: str = "UTC"
    user_personas: bool = False
    gap: int = 30

    def as_dict(self) -> dict[str, Any]:
        """Return what differs from the default, as a run's row has it."""
        return {name: value for name, value in self._asdict().items() if value != getattr(NO_WISHES, name)}


NO_WISHES = Wishes()


class ReadOptions(NamedTuple):
    """How a copy is read.  `decrypt` False: what is encrypted stays so, and no `password` is needed."""

    password: str | None = None
    decrypt: bool = True
    wishes: Wishes = NO_WISHES


class Index(NamedTuple):
    """An index of a collection: one path, or those of a compound key; `multi_entry`: it has an entry per element."""

    name: str
    key_path: str | tuple[str, ...]
    unique: bool = False
    multi_entry: bool = False


class Collection(NamedTuple):
    """A collection of an opened source, as far as it is known before its documents are read.

    `key_path` names the properties or columns of its key, none if its keys are not in the documents.  `schema` is the
    stored JSON schema or the DDL, `is_empty` None if that is not known.  `auto_increment`: the browser makes its keys.
    `schema_hash`: that by which its library recognises the schema.
    """

    name: str
    database: str | None = None
    origin: str | None = None
    key_path: tuple[str, ...] = ()
    schema: Any = None
    made_by: str | None = None
    is_empty: bool | None = None
    auto_increment: bool = False
    indexes: tuple[Index, ...] = ()
    schema_hash: str | None = None


class Part(NamedTuple):
    """A removable database in files of its own: its name, the names of everything in it, its files."""

    name: str
    names: frozenset[str]
    files: tuple[Path, ...]


class Stay(NamedTuple):
    """Data that must be kept, and why; `names` are those of the databases in it."""

    path: Path
    size: int
    reason: str
    names: frozenset[str] = frozenset()


class Held(NamedTuple):
    """A location's content.  `parts` None: removable as a whole, if nothing stays.  `files` empty: the source's."""

    names: frozenset[str] = frozenset()
    files: tuple[Path, ...] = ()
    parts: tuple[Part, ...] | None = None
    stays: tuple[Stay, ...] = ()


class Frozen(NamedTuple):
    """The copy that is opened: `consistent` is its name if it was made beside the raw files; `unsound` its faults."""

    path: Path
    consistent: str | None = None
    unsound: tuple[str, ...] = ()


class Opened:
    """A snapshot, opened: its collections and its documents."""

    @property
    def collections(self) -> Sequence[Collection]:
        """Return what is known of its collections without reading the documents, and without a password."""
        return ()

    @property
    def sizes(self) -> Mapping[tuple[str | None, str | None], int]:
        """Return the size of its databases in bytes, by (web origin, name), as far as it is known."""
        return {}

    def read(self) -> Iterator[Piece]:
        """Yield all documents lazily, the same bytes always in the same order.

        A piece that cannot be read becomes an `Unreadable` with its place and bytes, and never ends the reading;
        an observation about the source as a whole becomes a `Remark`.
        """
        raise NotImplementedError

    def stored(self) -> Iterator[Piece]:
        """Yield what the source stores, without documents that say what its library means by that; for counting."""
        return self.read()

    def removable(self, ref: SourceRef) -> Held:
        """Return what `cleanup` may remove of the live source; asked of kinds that share their files (`shares`)."""
        return Held()


class Attachment(NamedTuple):
    """An attachment of a document: its name there, its media type if it is known."""

    name: str
    media_type: str | None = None


class File(NamedTuple):
    """A file to be recognised: its beginning (64 KiB), its size, and whether its owner named it."""

    path: Path
    head: bytes
    size: int
    named: bool


class Tables(NamedTuple):
    """A SQLite file to be recognised: the columns of its tables, in lower case, as names in SQL have no case.

    `expected`: the kind that its name suggests.  `is_browsers`: it is a database of the browser itself.
    """

    columns: Mapping[str, Set[str]]
    application_id: int
    user_version: int
    expected: str | None
    is_browsers: bool = False


class Members(NamedTuple):
    """A JSON file to be recognised, by what its first value begins with.

    `keys`: those of an object; `first`: those of the first object in a list, none if it is empty; None for any other
    value.  `text` is its beginning, `ends()` that and its end.  `familiar`: its name is one that a kind's files have.
    """

    keys: Set[str]
    first: Set[str] | None
    text: str
    ends: Callable[[], str]
    named: bool
    familiar: bool


Layout = Literal["leveldb", "sqlite", "firefox"]


class Databases(NamedTuple):
    """The IndexedDB of an origin to be shared out: its databases by name with their object stores.

    `doubtful`: a LevelDB's folder, or those files, that cannot be read as a whole.
    """

    layout: Layout
    stores: Mapping[str, Set[str]]
    doubtful: tuple[Path, ...] = ()

    def without(self, taken: Set[str]) -> Databases:
        """Return those that are left."""
        stores = {name: one for name, one in self.stores.items() if name not in taken}
        return self._replace(stores=stores, doubtful=tuple(one for one in self.doubtful if str(one) not in taken))


class Search(NamedTuple):
    """A search of one folder: its root, whether its owner named it, the store that is written to, what is known."""

    root: Path
    named: bool
    target: Path | None
    seen: Seen
    sources: tuple[Source, ...]
    aside: list[SourceRef]
    """Sources that lie where no browser keeps them, usually copies."""


class Detector(Protocol):
    """Looks into the folders of a profile, which hold data of several kinds."""

    def look(self, folder: Listing, search: Search) -> Iterator[SourceRef | Passed] | None:
        """Return what a folder as a whole holds, sources or not; None if it is an ordinary folder.

        Folders below it that are no longer to be searched are taken out of the listing.
        """
        ...


class Source:
    """A kind of source.  Each method has a default; a kind overrides what differs."""

    kind: str = ""
    """Its name, as people see it; of a kind that another package adds that of its entry point."""
    dialect: str = "json"
    """The mapping of its documents, kept with each of them: `json` for camelCase objects as the app writes them."""
    precedence: int = -1
    """Of two equally recent copies of one record, that of the higher wins."""
    made_by: str | None = None
    """The library or program that makes it."""
    absence_means_removed: bool = True
    """False if a document that is missing may merely have been purged: only a tombstone removes its record."""
    later_wins: bool = False
    """True if, of two equally recent copies of one record, that of a later run wins, whatever the files are called."""
    tolerates_invalid: bool = False
    """True if an invalid document does not keep the others out, unless the owner says so: of a person's export of
    thousands of conversations the rest is wanted."""
    of_browser: bool = False
    """True if its documents belong to web origins, whose personas are never merged."""
    is_ours: bool = False
    """True for what pjais itself wrote."""
    has_log: bool = False
    """True for a LiveStore store, which has an event log."""
    shares: bool = False
    """True if data of others may be in the same files: `Opened.removable` tells them apart."""
    opens_stream: bool = False
    """True if it is one file, whose copy it reads by `Snapshot.open` alone: a backup may keep that in parts."""
    comes_and_goes: bool = False
    """True if each record is a file: one that came since is no change of the others."""
    takes_rest: bool = False
    """True for a kind that takes the IndexedDB databases which no other kind recognises."""
    guide_backup: bool = False
    """True if its backup also holds the JSON of the RxDB guide."""
    is_rxdb: bool = False
    """True for the databases of an RxDB app, which takes documents back by `importJSON()`."""

    # -- recognised by content

    names: tuple[str, ...] = ()
    """Patterns of the names of its files (`*.txt`): they are looked into wherever they are, and shown to `is_file`."""
    takes_any: bool = False
    """True for the kind that takes a file of its format which its owner names and no other kind recognises."""

    may_be_empty: bool = False
    """True if a file of 0 bytes is none that was lost."""

    def is_called(self, relative: str) -> bool:
        """Return whether a file is named as those of this kind; `relative` is its path in the searched folder."""
        return any(fnmatchcase(relative.rpartition("/")[2], one) for one in self.names)

    def is_file(self, file: File) -> bool:
        """Return whether a file is a source of this kind, by its head."""
        return False

    def is_folder(self, folder: Listing) -> bool:
        """Return whether a folder as a whole is one source of this kind, by the names in it, or the heads of files."""
        return False

    def is_database(self, tables: Tables) -> bool:
        """Return whether a SQLite file is a source of this kind."""
        return False

    def version_of(self, tables: Tables) -> str | None:
        """Return the version of such a file, for people."""
        return None

    def is_json(self, members: Members) -> bool:
        """Return whether a JSON file is a source of this kind."""
        return False

    def in_indexeddb(self, there: Databases) -> frozenset[str] | None:
        """Return the names of the IndexedDB databases, and doubtful paths, that a source takes; None for no source."""
        return None

    item_prefix: str = ""
    """Prefix of the names of the localStorage items that it takes: no other kind reads these."""

    def at_root(self, folder: Path) -> Iterator[SourceRef | Passed]:
        """Yield what a searched folder holds in fixed places."""
        return iter(())

    gathers: bool = False
    """True if the files of a folder are one source together."""

    def gathered(self, paths: Sequence[Path], root: Path) -> Iterator[SourceRef]:
        """Yield the sources that these files are, of a kind that gathers."""
        return iter(())

    # -- copied

    def files(self, ref: SourceRef) -> list[Path]:
        """Return all current files of a source that a copy needs; of a folder everything in it."""
        return files_in(ref.path) if ref.path.is_dir() else list(ref.files)

    def stamp(self, ref: SourceRef) -> Stamp:
        """Return a stamp of its current files, by stat alone: equal stamps mean that nothing is new."""
        return stamp_of(one for one in self.files(ref) if not one.name.endswith("-shm"))

    def still(self, ref: SourceRef) -> Stamp:
        """Return what must not change while it is copied."""
        return self.stamp(ref)

    def freeze(self, folder: Path, opened: Path, copied: Sequence[CopiedFile], at_ms: int) -> Frozen:
        """Make the copy in a backup ready to be opened; `opened` is the copied file, or the copied folder."""
        return Frozen(opened)

    # -- read

    @contextmanager
    def open(self, snapshot: Snapshot, options: ReadOptions) -> Iterator[Opened]:
        """Open a snapshot.  Raises PasswordNeeded (when it is read) if the password is missing or wrong."""
        yield _Read(self, snapshot)

    def read(self, snapshot: Snapshot) -> Iterator[Piece]:
        """Yield the documents of the copy at `snapshot.path`, as `Opened.read`."""
        raise NotImplementedError(f"{type(self).__name__} has no `read`")

    def moved_ids(self, snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
        """Yield (table of the target, old id, new id) of each record that an earlier import gave a new id."""
        return iter(())

    def native(self, collection: str, value: Any) -> Any:
        """Return a document as its own app has it: without the fields that its library adds, and in the app's form."""
        return value

    def attachments(self, document: Document) -> Mapping[tuple[str, str], Attachment]:
        """Return which of the pieces that follow are a document's attachments, by (collection, native id).

        Each has its bytes in `data`.
        """
        return {}

    # -- removed

    def folders(self, path: Path) -> tuple[Path, ...]:
        """Return the folders that belong to a source at this path alone; they are removed once they are empty."""
        return (path,) if path.is_dir() else ()

    def left(self, path: Path) -> tuple[Path, ...] | None:
        """Return what is to be removed of a source whose removal has begun; None: the files that were migrated."""
        return None

    def belonging(self, name: str, names: frozenset[str]) -> set[str]:
        """Return those of a location's names that mean the same as `name`, or a part of it."""
        return set()


class _Read(Opened):
    """A snapshot of a kind that has only `read`."""

    def __init__(self, source: Source, snapshot: Snapshot) -> None:
        self._source, self._snapshot = source, snapshot

    def read(self) -> Iterator[Document | Unreadable | Any]:
        return self._source.read(self._snapshot)


def files_in(folder: Path) -> list[Path]:
    """Return every file below a folder, links left out, in a fixed order."""
    return sorted(one for one in folder.rglob("*") if not one.is_symlink() and files.is_plain_file(one))


def stamp_of(paths: Iterator[Path]) -> Stamp:
    """Return the stamp of some files."""
    found: list[tuple[Any, ...]] = []
    for path in paths:
        try:
            status = path.stat()
            found.append((str(path), status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            found.append((str(path), None))
    return tuple(found)
