"""PouchDB: the winning revision of each document, its conflicts and attachments, from both of its adapters.

Every revision that was not compacted away is stored, and the tree of revisions says which one counts: of the leaves
those that are not deleted, of these the deepest, of these the one with the highest id.  A document whose winner is
deleted is deleted.
"""

from __future__ import annotations

import base64
import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from pjais.formats.indexeddb import BadRow, Record
from pjais.js_values import JSBlob
from pjais.sources.indexeddb.libraries import javascript_json
from pjais.sources.indexeddb.libraries.contract import Library, Meaning, Rows, Strange, member, refused

DOCUMENTS = "pouchdb/documents"
CONFLICTS = "pouchdb/conflicts"
LOCAL = "pouchdb/local"

_PREFIX = "_pouch_"
"""The beginning of the names of databases, unless the app chose another."""
_LOCAL = "_local/"
"""The beginning of the ids of documents that are not replicated."""
_AT_ONCE = 64 << 20
"""Bytes of attachments that are held at once."""
_NEWER = 10**13
"""The versions of databases of the `indexeddb` adapter begin here: a number of the library and a time in ms."""


class Leaves(NamedTuple):
    """The ends of a tree of revisions that count: the winner (None: it is deleted), and who conflicts with it."""

    winner: str | None
    conflicts: tuple[str, ...]


def leaves(tree: Any, told: Any) -> Leaves:
    """Return the leaves of a `rev_tree`.  Raises Strange for no tree, or if `told`, the stored winner, is another."""
    found: list[tuple[int, str, bool]] = []
    if type(tree) is not list or not tree:
        raise Strange("it has no tree of revisions")
    visit = [(member(root, "pos", int), root.get("ids")) for root in tree]
    while visit:
        depth, node = visit.pop()
        if type(node) is not list or len(node) != 3 or tuple(map(type, node)) != (str, dict, list):
            raise Strange("its tree of revisions is damaged")
        if node[2]:
            visit += [(depth + 1, child) for child in node[2]]
        else:
            found.append((depth, node[0], bool(node[1].get("deleted"))))
    depth, name, deleted = max(found, key=lambda leaf: (not leaf[2], leaf[0], leaf[1]))
    winner = f"{depth}-{name}"
    if told is not None and told != winner:
        raise Strange(f"its winning revision is {winner} by its tree, and {str(told)[:80]!r} by its row")
    in_order = sorted(found, key=lambda leaf: leaf[0])[::-1]
    alive = tuple(f"{depth}-{name}" for depth, name, gone in in_order if not gone)
    return Leaves(None if deleted else winner, tuple(one for one in alive if one != winner))


class _PouchDb(Library):
    """The common part of both adapters; RxDB up to version 11 stored its collections in PouchDB."""

    decodes = True

    def __init__(self, name: str = "PouchDB", of_rxdb: bool = False) -> None:
        self._name = name
        self._of_rxdb = of_rxdb

    @property
    def name(self) -> str:
        """Return the library's name."""
        return self._name

    def recognises(self, database: str, version: int, stores: Set[str]) -> bool:
        """Return whether the stores are those of the adapter; the index of a view is another library's."""
        return (
            self._has(database, version, stores)
            and "-mrview-" not in database
            and ("-rxdb-" in database) == self._of_rxdb
        )

    @abstractmethod
    def _has(self, database: str, version: int, stores: Set[str]) -> bool: ...


@dataclass
class _Wanted:
    """The place of a revision of `by-sequence` in its document, known from `document-store`."""

    collection: str
    conflicts: tuple[str, ...]
    row: Record


@dataclass
class _Pending:
    """A document whose attachments are still to be found: by name, with their declarations."""

    meaning: Meaning
    wanted: dict[str, dict[str, Any]]


class PouchDbIdb(_PouchDb):
    """The `idb` adapter: trees in `document-store`, revisions in `by-sequence`, attachments in `attach-store`."""

    def _has(self, database: str, version: int, stores: Set[str]) -> bool:
        return {"document-store", "by-sequence", "attach-store"} <= stores

    def read(self, rows: Rows, stores: Set[str]) -> Iterator[Meaning | BadRow]:
        """Yield documents in the order of their sequence; the name of each is held, and 64 MB of attachments."""
        wanted: dict[str, _Wanted] = {}
        known: set[str] = set()
        for row in rows("document-store"):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                known.add(_want(row, wanted))
            except Strange as error:
                yield refused(row, error)
        yield from self._attached(self._revisions(rows, wanted, known), rows)
        for name, one in wanted.items():
            yield refused(one.row, f"its revision {name.rpartition('::')[2]} is not there")
        for row in rows("local-store"):
            yield row if isinstance(row, BadRow) else _local(row)

    def _revisions(self, rows: Rows, wanted: dict[str, _Wanted], known: set[str]) -> Iterator[_Pending | BadRow]:
        for row in rows("by-sequence"):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                name = member(row.value, "_doc_id_rev", str)
                key, colons, revision = name.rpartition("::")
                if not colons:
                    raise Strange("it names no document and revision")
                one = wanted.pop(name, None)
                if one is not None:
                    yield _pending(row, one.collection, key, revision, row.value, one.conflicts)
                elif key not in known:
                    raise Strange(f"it is a revision of {key!r}, which is not in document-store")
            except Strange as error:
                yield refused(row, error)

    def _attached(self, found: Iterable[_Pending | BadRow], rows: Rows) -> Iterator[Meaning | BadRow]:
        """Yield documents at once if they have no attachments, the others as often as theirs fill the memory."""
        waiting: list[_Pending] = []
        size = 0
        for one in found:
            if isinstance(one, BadRow):
                yield one
            elif not one.wanted:
                yield one.meaning
            else:
                waiting.append(one)
                size += sum(_length(told) for told in one.wanted.values())
                if size > _AT_ONCE:
                    yield from _filled(waiting, rows)
                    waiting, size = [], 0
        yield from _filled(waiting, rows)


def _want(row: Record, wanted: dict[str, _Wanted]) -> str:
    """Note which revisions of a document count; return its id.  Raises Strange."""
    key = member(row.value, "id", str)
    told = row.value
    if "data" in told:  # databases of before PouchDB 3 have the members in the row
        try:
            told = javascript_json.parse(member(told, "data", str))
        except ValueError as error:
            raise Strange(f"its metadata is no JSON: {error}") from error
    found = leaves(told.get("rev_tree") if type(told) is dict else None, row.value.get("winningRev"))
    if found.winner is not None:
        wanted[f"{key}::{found.winner}"] = _Wanted(DOCUMENTS, found.conflicts, row)
        for revision in found.conflicts:
            wanted[f"{key}::{revision}"] = _Wanted(CONFLICTS, (), row)
    return key


def _pending(
    row: Record, collection: str, key: str, revision: str, body: dict[str, Any], conflicts: tuple[str, ...]
) -> _Pending:
    """Return a revision as a document, with the attachments that it still lacks.  Raises Strange."""
    value = {name: one for name, one in body.items() if name != "_doc_id_rev"}
    value |= {"_id": key, "_rev": revision}
    if conflicts:
        value["_conflicts"] = list(conflicts)
    wanted: dict[str, dict[str, Any]] = {}
    for name, told in member(value, "_attachments", dict).items() if "_attachments" in value else ():
        member(told, "digest", str)
        member(told, "content_type", str)
        wanted[name] = told
    name = key if collection != CONFLICTS else [key, revision]
    return _Pending(Meaning(collection, name, value, row.place, dict(row.blobs) if not wanted else {}), wanted)


def _filled(waiting: list[_Pending], rows: Rows) -> Iterator[Meaning | BadRow]:
    """Yield documents with their attachments: one pass over `attach-store` for all of them."""
    digests = {told["digest"] for one in waiting for told in one.wanted.values()}
    bodies: dict[str, tuple[bytes | None, tuple[str, ...]]] = {}
    for row in rows("attach-store") if digests else ():
        if isinstance(row, BadRow):
            yield row
            continue
        try:
            digest = member(row.value, "digest", str)
            if digest in digests:
                bodies[digest] = _body(row.value.get("body"), row.blobs), row.missing
        except Strange as error:
            yield refused(row, error)
    for one in waiting:
        yield _with_attachments(one, bodies)


def _with_attachments(one: _Pending, bodies: dict[str, tuple[bytes | None, tuple[str, ...]]]) -> Meaning:
    """Return a document with the bytes of its attachments, and the names of those whose bytes are missing."""
    made: dict[str, Any] = {}
    blobs: dict[str, bytes] = {}
    missing: list[str] = []
    for name, told in one.wanted.items():
        data, reasons = bodies.get(told["digest"], (None, ()))
        if data is None:
            missing.append(f"attachment {name!r}: {'; '.join(reasons) or 'it is not in the database'}")
            blob = JSBlob(None, told["content_type"], _length(told))
        else:
            digest = hashlib.sha256(data).hexdigest()
            blobs[digest] = data
            blob = JSBlob(digest, told["content_type"], len(data))
        made[name] = {key: value for key, value in told.items() if key not in ("stub", "length")} | {"data": blob}
    value = {**one.meaning.value, "_attachments": made}
    return one.meaning._replace(value=value, blobs=blobs, missing=tuple(missing))


def _body(body: Any, blobs: dict[str, bytes]) -> bytes | None:
    """Return the bytes of an attachment, which is a Blob, or base64 where there are none; None: they are missing."""
    if isinstance(body, JSBlob):
        return None if body.sha256 is None else blobs.get(body.sha256)
    if type(body) is not str:
        raise Strange("its body is neither a Blob nor text")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        raise Strange(f"its body is no base64: {error}") from error


def _length(told: dict[str, Any]) -> int:
    length = told.get("length")
    return length if type(length) is int and length >= 0 else 0


def _local(row: Record) -> Meaning | BadRow:
    try:
        key = member(row.value, "_id", str)
    except Strange as error:
        return refused(row, error)
    value = {name: one for name, one in row.value.items() if name != "_doc_id_rev"}
    return Meaning(LOCAL, key, value, row.place, row.blobs, row.missing)


class PouchDbIndexedDb(_PouchDb):
    """The `indexeddb` adapter: a document with its tree, revisions and attachments is one row of `docs`."""

    def _has(self, database: str, version: int, stores: Set[str]) -> bool:
        return stores == {"docs", "meta"} and (database.startswith(_PREFIX) or version >= _NEWER)

    def read(self, rows: Rows, stores: Set[str]) -> Iterator[Meaning | BadRow]:
        """Yield documents in the order of their ids, row by row."""
        for row in rows("docs"):
            yield from _of_row(row, DOCUMENTS)
        for row in rows("meta"):
            if isinstance(row, BadRow) or str(row.key).startswith(_LOCAL):  # the others are the library's own
                yield from _of_row(row, LOCAL)


def _of_row(row: Record | BadRow, collection: str) -> Iterator[Meaning | BadRow]:
    if isinstance(row, BadRow):
        yield row
        return
    try:
        key = member(row.value, "id", str)
        found = leaves(row.value.get("rev_tree"), row.value.get("rev"))
        revisions = member(row.value, "revs", dict)
    except Strange as error:
        yield refused(row, error)
        return
    if found.winner is None:
        return
    for revision in (found.winner, *found.conflicts):
        won = revision == found.winner
        try:
            body = member(member(revisions, revision, dict), "data", dict)
            one = _pending(row, collection if won else CONFLICTS, key, revision, body, found.conflicts if won else ())
            yield _with_attachments(one, _bodies(row, one)) if one.wanted else one.meaning._replace(blobs={})
        except Strange as error:
            yield refused(row, f"its revision {revision} cannot be read: {error}")


def _bodies(row: Record, one: _Pending) -> dict[str, tuple[bytes | None, tuple[str, ...]]]:
    stored = member(row.value, "attachments", dict)
    there = {told["digest"] for told in one.wanted.values()} & stored.keys()
    return {digest: (_body(member(stored, digest, dict).get("data"), row.blobs), row.missing) for digest in there}


class PouchDbView(Library):
    """The index of a view, in a PouchDB database of its own: made from the documents, so it holds none."""

    name = "PouchDB (index of a view)"
    decodes = True

    def recognises(self, database: str, version: int, stores: Set[str]) -> bool:
        """Return whether the database is the index of a view, by its name."""
        made = ({"document-store", "by-sequence"} <= stores) or stores == {"docs", "meta"}
        return database.startswith(_PREFIX) and "-mrview-" in database and made

    def read(self, rows: Rows, stores: Set[str]) -> Iterator[Meaning | BadRow]:
        """Yield nothing."""
        return iter(())


RXDB = "PouchDB (RxDB up to 11)"
LIBRARIES: tuple[Library, ...] = (
    PouchDbView(),
    PouchDbIdb(),
    PouchDbIndexedDb(),
    PouchDbIdb(RXDB, True),
    PouchDbIndexedDb(RXDB, True),
)
