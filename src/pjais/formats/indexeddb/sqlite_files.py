"""SQLite files that libraries keep in IndexedDB: put together again from their pages, or taken out whole.

    for one in sqlite_files(profile):
        one.path, one.size, one.made_by      # wa-batch/notes.db, 40960, wa-sqlite
        if not one.damage:
            one.write(destination)           # a plain SQLite file, its journal beside it

wa-sqlite (IDBBatchAtomicVFS, IDBMirrorVFS, IDBMinimalVFS) has a record for each page in the store `blocks`: `path`,
`offset`, mostly negative, so that a file ends with its first page, `data`, and in IDBBatchAtomicVFS a `version`, which
counts down.  Of each page the newest version up to the committed one counts; newer ones are of a transaction that was
not committed.  The committed version and the size are in the store `metadata`, earlier in the block at 0.  A journal
is a file like any other.  jeep-sqlite has each file as one value, by its name, in the store `databases`.

Guarantee: a page that is missing, or a record that cannot be read, is the `damage` of the files that it may belong to.
Nothing raises for bad data.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from pjais import files
from pjais.formats.indexeddb.records import Record, records
from pjais.formats.indexeddb.values import BadRow, Profile, Store
from pjais.formats.sqlite_libraries import BLOCKS, JEEP, METADATA, WA_SQLITE, WHOLE, is_of
from pjais.js_values import JSBuffer, JSView

_JOURNAL = "-journal"
_MAGIC = b"SQLite format 3\x00"
_NAMED = 5
"""Missing pages that are named one by one."""


class _Block(NamedTuple):
    """A page, or what was written at once of a journal: its place in the file, its version, its length."""

    position: int
    version: float
    length: int


class StoredFile(NamedTuple):
    """A SQLite file in the IndexedDB database `database` of an origin (as the browser writes it).

    `name` is that which SQLite knows it by, `path` the same with the database before it.  `damage` is the reason why
    it is not whole; with `partial`, what is left of it may be read.
    """

    origin: str
    database: str
    name: str
    size: int
    made_by: str
    damage: str
    partial: bool
    profile: Profile
    store: Store
    plan: tuple[_Block, ...] = ()
    journal: StoredFile | None = None

    @property
    def path(self) -> str:
        """Return the name with that of the IndexedDB database before it: "wa-sqlite/notes.db"."""
        return f"{self.database}/{self.name.lstrip('/')}"

    def write(self, destination: Path) -> Path:
        """Write it as a plain private file, its journal beside it.  Where a page is missing, there are zeros."""
        if self.journal is not None:
            self.journal.write(destination.with_name(destination.name + _JOURNAL))
        wanted = {(one.position, one.version): one for one in self.plan}
        with files.writing(destination) as out:
            for one in records(self.profile, self.store):
                if isinstance(one, BadRow):
                    continue
                if self.made_by == JEEP:
                    if one.key == self.name:
                        out.write(_bytes(one.value) or b"")
                elif (found := _block(one)) is not None and found[0] == self.name:
                    planned = wanted.get((found[1].position, found[1].version))
                    if planned is not None:
                        out.write_at(planned.position, found[2][: planned.length])
            out.resize(self.size)
        return destination


def sqlite_files(profile: Profile) -> Iterator[StoredFile]:
    """Yield the SQLite files in all databases of an opened profile that is_of names, in order."""
    stores: dict[tuple[str, str], dict[str, Store]] = {}
    for store in profile.stores():
        stores.setdefault((store.origin, store.database), {})[store.name] = store
    for (_, database), its in sorted(stores.items()):
        library = is_of(database, frozenset(its))
        if library == JEEP:
            yield from _whole(profile, its[WHOLE])
        elif library is not None:
            yield from _paged(profile, its[BLOCKS], its.get(METADATA))


def _whole(profile: Profile, store: Store) -> Iterator[StoredFile]:
    """Yield jeep-sqlite's files."""
    for one in records(profile, store):
        if isinstance(one, BadRow):
            yield StoredFile(store.origin, store.database, one.place, 0, JEEP, one.reason, False, profile, store)
            continue
        content, name = _bytes(one.value), one.key if isinstance(one.key, str) else one.place
        if content is None and one.value is None:
            continue  # a database that was opened and never saved
        damage = one.missing[0] if one.missing else ""
        if not damage and (content is None or (content and not content.startswith(_MAGIC))):
            damage = "its value is not a SQLite file"
        size = len(content or b"")
        yield StoredFile(store.origin, store.database, name, size, JEEP, damage, False, profile, store)


def _paged(profile: Profile, blocks: Store, metadata: Store | None) -> Iterator[StoredFile]:
    """Yield wa-sqlite's databases."""
    told, unread = _told(profile, metadata)
    found: dict[str, list[_Block]] = {name: [] for name in told}
    firsts: dict[str, dict[float, Any]] = {}
    for one in records(profile, blocks):
        if isinstance(one, BadRow):
            unread = unread or f"{one.place}: {one.reason}"
            continue
        block = _block(one)
        if block is None:
            if not _is_purge(one):
                unread = unread or f"{one.place}: a record that is no page"
            continue
        name, place, _ = block
        found.setdefault(name, []).append(place)
        if place.position == 0:
            firsts.setdefault(name, {})[place.version] = one.value.get("fileSize")
    made = {
        name: _file(profile, blocks, name, its, told.get(name) or _by_first(firsts.get(name, {})), unread)
        for name, its in found.items()
    }
    for name, file in sorted(made.items()):
        journal = made.get(name + _JOURNAL)
        if name.endswith(_JOURNAL) and name.removesuffix(_JOURNAL) in made:
            continue
        yield file if journal is None or not journal.size else _with_journal(file, journal)


def _with_journal(file: StoredFile, journal: StoredFile) -> StoredFile:
    """Return a database with its journal; one that is damaged may have been needed."""
    damage = file.damage or (f"{journal.path}: {journal.damage}" if journal.damage else "")
    return file._replace(journal=journal, damage=damage, partial=file.partial and not journal.damage)


def _told(profile: Profile, metadata: Store | None) -> tuple[dict[str, tuple[float, int | None]], str]:
    """Return the committed version and the size of each file by the store `metadata`, and what of it is unreadable."""
    told: dict[str, tuple[float, int | None]] = {}
    unread = ""
    for one in records(profile, metadata) if metadata is not None else ():
        value = one.value if isinstance(one, Record) else None
        if not (isinstance(value, dict) and isinstance(value.get("name"), str) and _is_number(value.get("version"))):
            unread = unread or f"{one.place}: what it says of a file cannot be read"
            continue
        told[value["name"]] = float(value["version"]), _size(value.get("fileSize"))
    return told, unread


def _by_first(firsts: dict[float, Any]) -> tuple[float, int | None]:
    """Return the committed version and the size by the blocks at 0, which are written last; no version: any."""
    newest = min(firsts, default=0.0)
    return newest, _size(firsts.get(newest))


def _size(value: Any) -> int | None:
    return int(value) if _is_number(value) and value >= 0 else None


def _file(
    profile: Profile, store: Store, name: str, its: list[_Block], told: tuple[float, int | None], unread: str
) -> StoredFile:
    """Choose the pages of a file, and find what is missing of it."""
    committed, size = told
    newest: dict[int, _Block] = {}
    for one in its:
        known = newest.get(one.position)
        if one.version >= committed and (known is None or one.version < known.version):
            newest[one.position] = one
    ordered = [newest[at] for at in sorted(newest) if newest[at].length or at]
    size = max((one.position + one.length for one in ordered), default=0) if size is None else size
    plan, gaps, end = [], [], 0
    for one, after in zip(ordered, [*(each.position for each in ordered[1:]), size], strict=False):
        if one.position >= size:
            break
        if one.position > end:
            gaps.append((end, one.position))
        end = min(one.position + one.length, after, size)
        plan.append(one._replace(length=end - one.position))
    if end < size:
        gaps.append((end, size))
    damage, partial = "", False
    if unread:
        damage = f"a record cannot be read, which may be a newer page of it: {unread}"
        partial = _is_mostly_there(gaps, size)
    elif gaps:
        named = ", ".join(f"{begin:,} to {end:,}" for begin, end in gaps[:_NAMED])
        more = f" and {len(gaps) - _NAMED:,} more stretches" if len(gaps) > _NAMED else ""
        damage = f"pages are missing: bytes {named}{more} of {size:,}"
        partial = _is_mostly_there(gaps, size)
    return StoredFile(store.origin, store.database, name, size, WA_SQLITE, damage, partial, profile, store, tuple(plan))


def _is_mostly_there(gaps: list[tuple[int, int]], size: int) -> bool:
    """Return whether the first page and half of the file are there, so that what is left can be read page by page."""
    return not gaps or (gaps[0][0] > 0 and sum(end - begin for begin, end in gaps) * 2 <= size)


def _block(one: Record) -> tuple[str, _Block, bytes] | None:
    """Return a page: the name of its file, its place, its bytes; None for a record that is none."""
    value = one.value
    if not isinstance(value, dict) or one.missing:
        return None
    name, offset, data, version = (
        value.get("path"),
        value.get("offset"),
        _bytes(value.get("data")),
        value.get("version", 0),
    )
    if not isinstance(name, str) or not _is_number(offset) or not _is_number(version) or data is None:
        return None
    return name, _Block(abs(int(offset)), float(version), len(data)), data


def _is_purge(one: Record) -> bool:
    """Return whether a record lists pages that are to be removed (IDBBatchAtomicVFS up to 1.0)."""
    return isinstance(one.value, dict) and one.value.get("offset") == "purge"


def _is_number(value: Any) -> TypeGuard[int | float]:
    return type(value) in (int, float) and abs(value) < 2**53


def _bytes(value: Any) -> bytes | None:
    return value.data if isinstance(value, JSBuffer | JSView) else None
