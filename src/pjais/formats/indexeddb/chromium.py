"""IndexedDB in Chromium's LevelDB backend: the default of every Chromium and Electron that was tried (108 to 156).

Source: Chromium's `content/browser/indexed_db/docs/leveldb_coding_scheme.md` (docs/formats/indexeddb.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pjais.formats.indexeddb.keys import (
    BLOBS,
    RECORDS,
    blob_key,
    counted_text,
    decode,
    externals,
    is_idle,
    is_wanted,
    key_path,
    order,
    prefix,
    text,
    twins,
)
from pjais.formats.indexeddb.scopes import Undone
from pjais.formats.indexeddb.values import BadRow, Blob, Damage, Index, Row, Schema, Store
from pjais.formats.indexeddb.wire import unwrapped
from pjais.formats.leveldb.codings import Bad, varint
from pjais.formats.leveldb.folder import LevelDB
from pjais.formats.structured_clone import CloneError, decode_chromium

_DATABASE_NAME = b"\x00\x00\x00\x00\xc9"
_DATA_VERSION = b"\x00\x00\x00\x00\x02"
_NAME, _VERSION, _STORE, _INDEX = 1, 4, 50, 100  # what the first byte of a database's metadata says
_OF_STORE = (0, 1, 2)  # name, key path, whether keys are generated
_OF_INDEX = (0, 1, 2, 3)  # name, whether unique, key path, whether it has an entry for each element of an array


class _Database(NamedTuple):
    """The metadata of one database; `origin` is None if it is not among the named ones."""

    origin: str | None
    name: str
    version: int
    stores: dict[int, str]
    declared: dict[tuple[int, ...], bytes]
    """The declarations of its stores, (store, field), and of their indexes, (store, index, field)."""


class Named(NamedTuple):
    """A database by its metadata alone."""

    origin: str
    name: str
    version: int
    stores: tuple[str, ...]


class ChromiumLevelDB:
    """The databases of one origin."""

    def __init__(self, folder: Path, blobs: Path | None, raw: LevelDB | None = None) -> None:
        self._blobs = blobs
        self._raw = raw if raw is not None else LevelDB(folder, is_wanted, idle=is_idle, twins=twins)
        self._live = Undone(self._raw)
        self._own: list[Damage] = []
        self._keys: dict[tuple[int, int], list[bytes]] = {}
        self._with_blobs: set[tuple[int, int]] = set()
        """The stores of which any record refers to blobs."""
        self._databases: dict[int, _Database] = {}
        self._ids: dict[Store, list[tuple[int, int]]] = {}
        self._read_keys()
        self._name_stores()

    @property
    def problems(self) -> list[Damage]:
        """Return unreadable parts other than rows."""
        return [*self._raw.damage, *self._live.problems, *self._own]

    @property
    def torn(self) -> list[Damage]:
        """Return where a log ends in an incomplete write of a stopped browser, which reads everything before it."""
        return self._raw.torn

    @property
    def data_version(self) -> tuple[int, int] | None:
        """The versions of V8's and Blink's serialization that the folder was last written with."""
        found = self._live.get(_DATA_VERSION)
        if found is None:
            return None
        number = int.from_bytes(found[0], "little")
        return number >> 32, number & 0xFFFFFFFF

    def stores(self) -> list[Store]:
        """Every object store, empty ones too, in order."""
        return sorted(self._ids)

    def databases(self) -> dict[int, Named]:
        """Every database that has a name, also one without object stores, by its number in the folder."""
        return {
            number: Named(one.origin, one.name, one.version, tuple(sorted(one.stores.values())))
            for number, one in self._databases.items()
            if one.origin is not None
        }

    def rows(self, store: Store, *, ordered: bool = False) -> Iterator[Row | BadRow]:
        """The live records of a store in the byte order of their keys, or in the order of IndexedDB."""
        for ids in self._ids.get(store, ()):
            keys = self._keys.get(ids, [])
            with_blobs = ids in self._with_blobs
            for key in sorted(keys, key=_rank) if ordered else keys:
                yield self._row(ids[0], key, with_blobs=with_blobs)

    def key(self, row: Row) -> Any:
        """Return a row's key as JavaScript has it.  Raises Bad."""
        return decode(row.key)

    def schema(self, store: Store) -> Schema:
        """Return what the app declared of a store."""
        ids = self._ids.get(store)
        if not ids:
            return Schema()
        database, number = ids[0]
        declared = self._databases.get(database, _Database(None, "", 0, {}, {})).declared
        indexes = sorted({one[1] for one in declared if len(one) == 3 and one[0] == number})
        try:
            path, generates = key_path(declared.get((number, 1), b"\0\0\0")), declared.get((number, 2)) == b"\x01"
            return Schema(
                path,
                generates,
                tuple(
                    Index(
                        text(declared.get((number, index, 0), b"")),
                        key_path(declared.get((number, index, 2), b"\0\0\0")),
                        declared.get((number, index, 1)) == b"\x01",
                        declared.get((number, index, 3)) == b"\x01",
                    )
                    for index in indexes
                ),
                generates and isinstance(path, str),
            )
        except (Bad, UnicodeError):
            return Schema()

    def _read_keys(self) -> None:
        """Sort the live keys into metadata and records."""
        names: dict[int, tuple[str, str]] = {}
        for key in self._live.live_keys():
            try:
                ids = prefix(key)
                if key.startswith(_DATABASE_NAME):
                    origin, at = counted_text(key, len(_DATABASE_NAME))
                    name, _ = counted_text(key, at)
                    names[int.from_bytes(self._value(key), "little")] = (origin, name)
                elif ids.database and not ids.store and not ids.part:
                    self._metadata(ids.database, key, key[ids.end :])
                elif ids.part == RECORDS:
                    self._keys.setdefault(ids[:2], []).append(key)
                elif ids.part == BLOBS:
                    self._with_blobs.add(ids[:2])
            except Bad as error:
                self._problem(key, f"metadata that make no sense: {error}")
        for number, (origin, name) in names.items():
            known = self._databases.get(number, _Database(None, "", 0, {}, {}))
            self._databases[number] = known._replace(origin=origin, name=name)

    def _metadata(self, number: int, key: bytes, tail: bytes) -> None:
        """Note what one entry says of its database.  Raises Bad."""
        known = self._databases.setdefault(number, _Database(None, "", 0, {}, {}))
        if tail[:1] == bytes((_NAME,)):
            self._databases[number] = known._replace(name=text(self._value(key)))
        elif tail[:1] == bytes((_VERSION,)):
            self._databases[number] = known._replace(version=varint(self._value(key), 0)[0])
        elif tail[:1] == bytes((_STORE,)):
            store, at = varint(tail, 1)
            if tail[at:] == b"\x00":
                known.stores[store] = text(self._value(key))
            elif len(tail) == at + 1 and tail[at] in _OF_STORE:
                known.declared[store, tail[at]] = self._value(key)
        elif tail[:1] == bytes((_INDEX,)):
            store, at = varint(tail, 1)
            index, at = varint(tail, at)
            if len(tail) == at + 1 and tail[at] in _OF_INDEX:
                known.declared[store, index, tail[at]] = self._value(key)

    def _name_stores(self) -> None:
        """Name the stores.  Rows of a store without a name are leftovers, unless the folder is damaged."""
        damaged = bool(self._raw.damage)
        for number, database in self._databases.items():
            if database.origin is not None or damaged:
                for store, name in database.stores.items():
                    label = Store(database.origin or "", database.name or f"#{number}", database.version, name)
                    self._ids.setdefault(label, []).append((number, store))
        named = {ids for many in self._ids.values() for ids in many}
        for ids in sorted(self._keys.keys() - named):
            if damaged:
                database = self._databases.get(ids[0], _Database(None, "", 0, {}, {}))
                name = database.name or f"#{ids[0]}"
                label = Store(database.origin or "", name, database.version, f"#{ids[1]}")
                self._ids.setdefault(label, []).append(ids)
            else:
                del self._keys[ids]

    def _row(self, database: int, key: bytes, *, with_blobs: bool) -> Row | BadRow:
        """One record."""
        found = self._live.get(key)
        if found is None:
            return BadRow(f"key {key.hex()}", b"", "its file has changed while it was read")
        raw, place = found
        try:
            blobs = self._externals(database, key) if with_blobs else ()
            _, at = varint(raw, 0)
            value = decode_chromium(unwrapped(raw[at:], blobs)).value
        except (Bad, CloneError) as error:
            return BadRow(f"{place}{_named(key)}", raw, str(error))
        return Row(key[prefix(key).end :], value, place, blobs)

    def _externals(self, database: int, key: bytes) -> tuple[Blob | None, ...]:
        """The blobs that a record refers to.  Raises Bad if their list makes no sense."""
        listed = blob_key(key)
        if listed not in self._live:
            return ()
        blobs: list[Blob | None] = []
        for one in externals(self._value(listed)):
            if one.kind > 1:
                blobs.append(None)
                continue
            name = f"{database:x}/{one.number >> 8 & 0xFF:02x}/{one.number:x}"
            path = self._blobs / name if self._blobs is not None else None
            blobs.append(Blob(one.type, one.size, one.name, path, None, one.modified))
        return tuple(blobs)

    def _value(self, key: bytes) -> bytes:
        """The value of a live key.  Raises Bad if it cannot be had."""
        found = self._live.get(key)
        if found is None:
            raise Bad("an entry that has changed while it was read")
        return found[0]

    def _problem(self, key: bytes, reason: str) -> None:
        raw, place = self._live.get(key) or (b"", "? byte 0")
        name, _, at = place.partition(" byte ")
        self._own.append(Damage(name, int(at.split()[0]), key + raw, reason))


def _rank(key: bytes) -> tuple[Any, ...]:
    """Return a sort key for a record's key; one that makes no sense comes last, and its row says so."""
    try:
        return order(key)
    except Bad:
        return (float("inf"), key)


def _named(key: bytes) -> str:
    """The key of a record for people, where it is a text."""
    tail = key[prefix(key).end :]
    try:
        return f", key {counted_text(tail, 1)[0]}" if tail[:1] == b"\x01" else ""
    except (Bad, UnicodeError):
        return ""
