"""Read RxDB from a browser profile: every document as RxDB itself would return it, without running it.

Reverts what RxDB's Dexie storage does to a document: key names, booleans stored as '0' and '1' because they are
indexed, key compression, encryption.  Removed documents have `_deleted: true`.  After a schema migration that was
killed half-way, the live set is the new version's rows and those of the old version that the new one lacks.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from pjais import canonical
from pjais.core.document import Document, Piece, Unreadable
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.errors import PasswordNeeded
from pjais.formats import indexeddb
from pjais.formats.indexeddb import BadRow, Row, Store
from pjais.js_values import HOLE, UNDEFINED, BlobRef, JSArray, JSBigInt, JSDate
from pjais.sources import contract
from pjais.sources.contract import Held, Opened, ReadOptions
from pjais.sources.indexeddb import layouts
from pjais.sources.indexeddb.layouts import Container
from pjais.sources.rxdb import keys, removable, secrets
from pjais.sources.rxdb.catalog import Collection, Database, databases, homeless
from pjais.sources.rxdb.local_storage import LocalStorage
from pjais.sources.rxdb.names import INTERNAL, PREFIX, made_by_rxdb
from pjais.sources.rxdb.pouchdb import PouchDb, beside_later
from pjais.sources.rxdb.removable import Holding
from pjais.sources.rxdb.schemas import schema_hash


class OpenedRxdb(Opened):
    """The RxDB databases of a snapshot.  Documents name their database and their web origin."""

    def __init__(
        self, snapshot: Snapshot, containers: list[Container], options: ReadOptions, *, as_written: bool = False
    ) -> None:
        self._snapshot = snapshot
        self._containers = containers
        self._options = options
        self._as_written = as_written
        raw = {store: one.profile for one in containers for store in one.profile.stores()}
        self._pouchdb = PouchDb(raw)
        self._home: dict[Store, indexeddb.Profile] = {
            **{store: profile for store, profile in raw.items() if store not in self._pouchdb.claimed},
            **dict.fromkeys(self._pouchdb.stores(), self._pouchdb),
        }

    @cached_property
    def _databases(self) -> list[Database]:
        return databases(
            self._home,
            lambda store: self._home[store].rows(store),
            lambda store: self._as_written or self._home[store] is self._pouchdb,
        )

    @cached_property
    def collections(self) -> Sequence[contract.Collection]:
        """Return all collections, with the schema of their newest version."""
        return tuple(
            self._known(database, one) for database in self._databases for one in database.collections.values()
        )

    def _known(self, database: Database, one: Collection) -> contract.Collection:
        schema = one.schemas[max(one.schemas)] if one.schemas else None
        docs = [stores["docs"] for stores in one.stores.values() if "docs" in stores]
        return contract.Collection(
            one.name,
            database.name,
            layouts.origin_of(self._snapshot, database.origin),
            (keys.primary_key(schema),) if schema else (),
            schema,
            f"RxDB {database.rxdb_version}" if database.rxdb_version else "RxDB",
            not any(True for store in docs for _ in self._home[store].rows(store)),
            schema_hash=None if schema is None else schema_hash(schema, database.major),
        )

    def read(self) -> Iterator[Piece]:
        """Yield all documents.

        Raises PasswordNeeded if a database has encrypted fields and the password is missing or not the one it was made
        with, unless they are to stay encrypted.
        """
        yield from layouts.faults(self._containers)
        for name in homeless(self._home, self._databases):
            yield Unreadable(name, "$file", b"", "the internal store of this RxDB database is missing")
        password = self._options.password if self._options.decrypt else None
        for database in self._databases:
            if self._options.decrypt:
                _check_password(database, password)
            origin = layouts.origin_of(self._snapshot, database.origin)
            yield from _catalog_problems(database, origin)
            for name in sorted(database.collections):
                for piece in _collection(self._home, database, origin, database.collections[name], password):
                    yield piece if piece.database else piece._replace(database=database.name, origin=origin)
        yield from layouts.problems(self._containers)

    @property
    def sizes(self) -> Mapping[tuple[str | None, str | None], int]:
        """Return the size of each database in bytes: that of all IndexedDB databases that RxDB made for it."""
        names = sorted((one.name for one in self._databases), key=len)
        found: Counter[tuple[str | None, str | None]] = Counter()
        for (origin, idb), size in self._raw_sizes().items():
            owner = _owner(idb, names)
            if idb.startswith("_pouch_") and owner is not None and beside_later(owner) in names:
                owner = beside_later(owner)
            found[origin, owner] += size
        every = ((layouts.origin_of(self._snapshot, one.origin), one.name) for one in self._databases)
        return {one: found[one] for one in every}

    def _raw_sizes(self) -> dict[tuple[str | None, str], int]:
        """Return the size of each IndexedDB database, by (web origin, name)."""
        profiles = [one.profile for one in self._containers]
        of_items = [one.sizes for one in profiles if isinstance(one, LocalStorage)]
        if of_items:
            origin_of = layouts.origin_of
            return {(origin_of(self._snapshot, its), idb): n for one in of_items for (its, idb), n in one.items()}
        origins = {store.database: store.origin for one in profiles for store in one.stores()}
        return {
            (layouts.origin_of(self._snapshot, origins.get(idb, "")), idb): size
            for idb, size in layouts.sizes(self._snapshot, self._containers).items()
        }

    def removable(self, ref: SourceRef) -> Held:
        """Return what may be removed: the databases of RxDB, where no others are in the same files."""
        if self._as_written:
            return removable.shared(ref, self.holdings())
        return removable.held(ref, self._snapshot, self.holdings())

    def holdings(self) -> list[Holding]:
        """Return every IndexedDB database, RxDB's or not, by its container."""
        within: dict[str, set[str]] = {}
        for store in (store for one in self._containers for store in one.profile.stores()):
            within.setdefault(store.database, set()).add(store.name)
        ours = made_by_rxdb(within)
        known = sorted((one.name for one in self._databases), key=len)
        found = []
        for container in self._containers:
            inside = frozenset(store.database for store in container.profile.stores())
            own = frozenset(name for idb in inside & ours if (name := _owner(idb, known)) is not None)
            bad = bool(container.fault or container.profile.problems or container.profile.torn)
            found.append(Holding(container.file, inside, own, inside - ours, bad))
        return found


def _owner(idb: str, known: list[str]) -> str | None:
    """Return the RxDB database of an IndexedDB database: the longest matching name."""
    names = (name for name in reversed(known) if idb.startswith((f"{PREFIX}{name}--", f"_pouch_{name}-rxdb-")))
    return next(names, None)


def _catalog_problems(database: Database, origin: str | None) -> Iterator[Unreadable]:
    """Yield the problems of a database as a whole: unreadable rows of its internal store, missing collections."""
    for row in database.unreadable:
        yield Unreadable(INTERNAL, row.place, row.raw, row.reason, database.name, origin)
    for name in sorted(set(database.missing)):
        reason = "RxDB knows this collection, but its data are missing"
        yield Unreadable(name, "$file", b"", reason, database.name, origin)


def _check_password(database: Database, password: str | None) -> None:
    needed = any(schema.get("encrypted") for one in database.collections.values() for schema in one.schemas.values())
    if not needed:
        return
    if password is None:
        raise PasswordNeeded("this RxDB database is encrypted", where=[database.name])
    if len(database.password_hash or "") == 64 and not secrets.matches(password, str(database.password_hash)):
        raise PasswordNeeded("the password is not the one this RxDB database was made with", where=[database.name])


def _collection(
    home: dict[Store, indexeddb.Profile],
    database: Database,
    origin: str | None,
    collection: Collection,
    password: str | None,
) -> Iterator[Document | Unreadable]:
    """Yield the documents of one collection, newest schema version first; of older ones only what newer lack.

    Up to RxDB 14 removed documents are in a separate store, which may still hold one that was created again: then
    `docs` wins.
    """
    name = collection.name
    seen: set[str | None] = set()
    for version in sorted(collection.stores, reverse=True):
        stores = collection.stores[version]
        schemas = collection.schemas  # up to 14 only the newest version's is kept
        schema = schemas.get(version) or (schemas[max(schemas)] if schemas and database.major < 15 else None)
        if schema is None and not collection.is_local:
            yield from _without_schema(home, name, stores)
            continue
        decoder = _Decoder(database, origin, schema, password)
        attachments = stores.get("attachments")
        attached: dict[str, _Facts] = {}
        for store_name in ("docs", "deleted-docs"):
            newer = seen.copy()
            store = stores.get(store_name)
            for row in home[store].rows(store) if store else ():
                piece = decoder.document(name, row)
                if isinstance(piece, Unreadable):
                    yield piece
                elif piece.native_id not in newer:
                    seen.add(piece.native_id)
                    if attachments is not None:
                        attached.update(_attached(piece))
                    yield piece
        for row in home[attachments].rows(attachments) if attachments else ():
            found = _attachment(f"{name}/attachments", row, attached, decoder)
            if found is not None:
                yield found


def _without_schema(home: dict[Store, indexeddb.Profile], name: str, stores: dict[str, Store]) -> Iterator[Unreadable]:
    """Yield rows whose schema is lost, so that their key names and encrypted fields are unknown."""
    for store_name in ("docs", "deleted-docs"):
        store = stores.get(store_name)
        for row in home[store].rows(store) if store else ():
            raw = row.raw if isinstance(row, BadRow) else repr(row.value).encode("utf-8", "replace")[: 1 << 20]
            yield Unreadable(name, row.place, raw, "the schema of this collection cannot be read")


def _attached(document: Document) -> Iterator[tuple[str, _Facts]]:
    """Yield (row id, facts) of the attachments that a live document names; all other rows are leftovers."""
    named = document.value.get("_attachments")
    if isinstance(named, dict) and document.value.get("_deleted") is not True:
        for attachment, facts in named.items():
            told = facts if isinstance(facts, dict) else {}
            yield f"{document.native_id}||{attachment}", _Facts(str(told.get("digest")), told.get("type"))


class _Facts(NamedTuple):
    """What a document says of its attachment; the media type may be any value, and is a text."""

    digest: str
    media_type: Any


class _Decoder:
    """The decoding of the rows of one schema version."""

    def __init__(
        self, database: Database, origin: str | None, schema: dict[str, Any] | None, password: str | None
    ) -> None:
        self.database = database
        self.origin = origin
        self.schema = schema or {}
        self.password = password
        self.primary = keys.primary_key(self.schema)
        encrypted = self.schema.get("encrypted")
        self.encrypted: list[str] = (
            [one for one in encrypted if isinstance(one, str)] if isinstance(encrypted, list) else []
        )
        attachments = self.schema.get("attachments")
        self.attachments_encrypted = isinstance(attachments, dict) and attachments.get("encrypted") is True
        self.tables = self._tables(database.major) if self.schema.get("keyCompression") else []
        self.booleans = [] if database.as_written else _indexed_booleans(self.schema)

    def _tables(self, major: int) -> list[dict[str, str]]:
        """Return possible key tables, most likely first, which depend on what encryption left of the schema.

        Up to 15 that is all of it; 16 drops everything below an encrypted field, 17 replaces the field.
        """
        whole = keys.table(self.schema)
        below = keys.table(keys.without(self.schema, self.encrypted, replace=False))
        replaced = keys.table(keys.without(self.schema, self.encrypted, replace=True))
        return [whole, below, replaced] if major < 16 else [below, whole] if major == 16 else [replaced, whole, below]

    def document(self, collection: str, row: Row | BadRow) -> Document | Unreadable:
        """Return one row as RxDB would return it."""
        if isinstance(row, BadRow):
            return Unreadable(collection, row.place, row.raw, row.reason)
        try:
            value = shown(row.value, renamed=not self.database.as_written)
        except RecursionError:
            return Unreadable(collection, row.place, b"", "nested too deeply, or in a circle")
        if not isinstance(value, dict):
            return Unreadable(collection, row.place, repr(value).encode("utf-8", "replace"), "not a document")
        if self.tables:
            names = next((one for one in self.tables if self._fits(value, one)), None)
            if names is None:
                raw = repr(value).encode("utf-8", "replace")
                return Unreadable(collection, row.place, raw, "compressed keys that the stored schema does not name")
            value = keys.decompress(value, names)
        for parents, last in self.booleans:
            inner = _inside(value, parents) if parents else value
            if isinstance(inner, dict) and inner.get(last) in ("0", "1"):
                inner[last] = inner[last] == "1"
        for path in self.encrypted:
            try:
                self._decrypt(value, path)
            except secrets.WrongPassword as error:
                if not self.database.opened:
                    raise PasswordNeeded(
                        "the password does not open this RxDB database", where=[f"{collection}, {path}"]
                    ) from error
                raw = repr(row.value).encode("utf-8", "replace")
                return Unreadable(collection, row.place, raw, f"{path} does not decrypt: {error}")
        if "_deleted" in value:
            value["_deleted"] = value["_deleted"] in ("1", True)
        key = value.get(self.primary)
        native_id = None if key is None else str(key)
        return Document(collection, native_id, row.place, value, None, (), self.database.name, self.origin)

    def _fits(self, value: dict[str, Any], names: dict[str, str]) -> bool:
        """Return whether a key table is the right one: all keys have names, and fields to be encrypted are."""
        if keys.unknown_keys(value, names):
            return False
        restored = keys.decompress(value, names)
        tops = [path for path in self.encrypted if "." not in path and restored.get(path) is not None]
        return all(str(restored[path]).startswith(secrets.PREFIX) for path in tops)

    def _decrypt(self, value: dict[str, Any], path: str) -> None:
        *parents, last = path.split(".")
        inner = _inside(value, parents)
        if isinstance(inner, dict) and isinstance(inner.get(last), str) and self.password is not None:
            inner[last] = secrets.decrypt_value(inner[last], self.password)
            self.database.opened = True


def _inside(value: Any, path: list[str]) -> Any:
    """Return what is at a path in a document; None where it leads nowhere."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _indexed_booleans(schema: dict[str, Any]) -> list[tuple[list[str], str]]:
    """Return the paths of indexed booleans, their last name apart: RxDB 15 and later store them as '0' and '1'."""
    found: dict[str, None] = {}
    for index in schema.get("indexes") or ():
        for path in index if isinstance(index, list) else [index]:
            inner: Any = schema
            for name in str(path).split("."):
                properties = inner.get("properties") if isinstance(inner, dict) else None
                inner = properties.get(name) if isinstance(properties, dict) else None
            if isinstance(inner, dict) and inner.get("type") == "boolean" and path != "_deleted":
                found[str(path)] = None
    return [(parents, last) for *parents, last in (path.split(".") for path in found)]


def _attachment(
    collection: str, row: Row | BadRow, attached: dict[str, _Facts], decoder: _Decoder
) -> Document | Unreadable | None:
    """Return an attachment: base64 text up to RxDB 16, a Blob from 17 on, encrypted if its schema says so.

    Its digest is that of the text up to 16, of the bytes from 17 on.  Up to 16 an encrypted one has one more layer of
    base64, and its digest is that of the decrypted text; up to 11 its bytes are encrypted as they are.  Without a
    password what is encrypted stays so.
    """
    if isinstance(row, BadRow):
        return Unreadable(collection, row.place, row.raw, row.reason)
    value = row.value if isinstance(row.value, dict) else {}
    name = str(value.get("id"))
    facts = attached.get(name)
    if facts is None:
        return None
    data = value.get("data")
    if isinstance(data, BlobRef):
        data = row.blob(data.index)
    if not isinstance(data, bytes | str):
        return Unreadable(collection, row.place, b"", "an attachment whose bytes are missing")
    raw = content = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    closed = decoder.attachments_encrypted and decoder.password is None
    if not closed:
        try:
            if decoder.attachments_encrypted:
                data = _opened(data, raw, decoder.password, plain=facts.digest.startswith("md5-"))
            content = data if isinstance(data, bytes) else base64.b64decode(data, validate=True)
        except (secrets.WrongPassword, ValueError) as error:
            return Unreadable(collection, row.place, raw, f"an attachment that does not decode: {error}")
    digests = {hashlib.sha256(one).hexdigest() for one in (raw, content, str(data).encode("utf-8", "replace"))}
    if not closed and facts.digest not in digests and len(facts.digest) == 64:
        return Unreadable(collection, row.place, raw, "an attachment that does not match its digest")
    document = {"id": name, "length": len(content), "digest": facts.digest, "type": facts.media_type, "data": content}
    return Document(collection, name, row.place, document)


def _opened(data: bytes | str, raw: bytes, password: str | None, *, plain: bool) -> bytes | str:
    """Return an attachment decrypted, as base64 text, `plain` (up to 11) as its bytes; as it is if not encrypted."""
    cipher = base64.b64decode(raw, validate=True) if raw.startswith(_PREFIX_TWICE) else raw
    if password is None or not cipher.startswith(secrets.PREFIX.encode()):
        return data
    content = secrets.decrypt(cipher.decode("ascii"), password)
    return content if plain else content.decode("utf-8").strip('"')


_PREFIX_TWICE = base64.b64encode(secrets.PREFIX.encode())[:13]
"""The constant prefix of the base64 of an encrypted text."""
_ATOMS = frozenset({str, int, float, bool, type(None)})


def shown(value: Any, depth: int = 0, renamed: bool = True) -> Any:
    """Return a decoded value as RxDB shows it: JSON-like; `renamed`: keys stored as `__x` as `|x`.

    Works in place where possible, since it runs for every value of every document.  Raises RecursionError for values
    that are nested too deeply.
    """
    kind = type(value)
    if kind is not dict and kind is not list:
        if value is UNDEFINED or value is HOLE:
            return None
        if kind is JSArray:
            return shown(list(value.items), depth, renamed)
        if kind is JSBigInt:
            return value.value
        return value.ms if kind is JSDate else value
    if depth >= canonical.DEPTH:
        raise RecursionError
    if kind is list:
        if not _ATOMS.issuperset(map(type, value)):
            value[:] = [item if type(item) in _ATOMS else shown(item, depth + 1, renamed) for item in value]
        return value
    if renamed and "__" in "\0".join(value):  # in one of the keys
        return {
            keys.shown(key): item if type(item) in _ATOMS else shown(item, depth + 1) for key, item in value.items()
        }
    for key, item in value.items():
        if type(item) not in _ATOMS:
            value[key] = shown(item, depth + 1, renamed)
    return value
