"""Documents and records on their way into a store: their identities, their rows, what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pjais import canonical
from pjais.core.document import Document, Unreadable
from pjais.core.model import Model
from pjais.core.table import Record, Row, Table
from pjais.targets.sqlite.decisions import Content


class Origin(NamedTuple):
    """The source of the documents that follow."""

    kind: str
    dialect: str
    name: str


class Identity(NamedTuple):
    """The identity of a document in the ledger, apart from its source, as SQLite can hold it."""

    origin: str | None
    database: str | None
    collection: str
    native_id: str | None
    place: str


class Entry(NamedTuple):
    """A record to be added: its document's identity, and its row as it is bound."""

    origin: str | None
    database: str | None
    collection: str
    native_id: str | None
    place: str
    table: str
    row: Row
    digest: bytes
    removed: bool
    """A tombstone: only entered in the ledger."""
    blobs: Mapping[str, bytes] = {}
    """The bytes that the record is about, by their SHA-256."""

    @property
    def identity(self) -> Identity:
        """Return the identity of its document in the ledger."""
        return Identity._make(self[:5])

    def under(self, table: Table, key: Sequence[str]) -> Entry:
        """Return the same record under another key."""
        row = (*key, *self.row[len(key) :])
        return self if row == self.row else self._replace(row=row, digest=table.digest(row))


class Arrival(NamedTuple):
    """An entry in the ledger; the record is rebuilt from its row on demand."""

    seq: int
    entry: Entry
    table: Table
    origin: Origin
    before: tuple[int, ...]
    """The ledger entries of earlier versions of the same document."""

    @property
    def key(self) -> str:
        """Return the record's key as `changes` and `migration_records` write it."""
        return self.table.row_key(self.entry.row)

    @property
    def record(self) -> Record:
        """Return the record itself."""
        return self.table.to_record(self.entry.row)

    def name_of(self, source: str, database: str | None) -> str:
        """Return how this document's entry names the winning copy: with its database if both have one source."""
        one_source = source == self.origin.name and database != self.entry.database
        return f"{source} (database {database})" if one_source else source

    def name_beside(self, source: str, database: str | None) -> str:
        """Return how the entry of another copy names this one, which won."""
        one_source = source == self.origin.name and database != self.entry.database
        return f"{source} (database {self.entry.database})" if one_source else self.origin.name


class Rival(NamedTuple):
    """The ledger entry of the copy of a record that is live; `is_earlier`: an earlier run made it."""

    seq: int
    source_kind: str
    source_path: str
    collection: str
    digest: bytes
    database: str | None
    dialect: str
    is_earlier: bool


class Refusal(NamedTuple):
    """A document that had to be rejected after all: its location, and the reason."""

    source: str
    collection: str
    native_id: str | None
    place: str
    rule: str
    field: str
    message: str
    record_type: str
    record_id: str


class Heir(NamedTuple):
    """A superseded copy that may replace its successor."""

    seq: int
    dialect: str
    source: str
    document: Document


class Known(NamedTuple):
    """A row of `migration_records`: the outcome of one document."""

    seq: int
    run_id: str
    source_kind: str
    source_path: str
    dialect: str | None
    origin: str | None
    database: str | None
    collection: str
    native_id: str | None
    place: str
    record_type: str | None
    record_id: str | None
    digest: bytes | None
    outcome: str
    superseded_by: str | None
    document: str | None

    def is_same(self, entry: Entry, *, carried: bool) -> bool:
        """Return whether a document is unchanged since this entry.

        One kept whole that a document of another file had superseded (before 0.2) is not: it is imported after all.
        """
        lost = carried and self.outcome == "superseded" and self.document is not None
        return self.digest == entry.digest and (self.outcome == "removed") == entry.removed and not lost


def entry(model: Model, document: Document, record: Record, *, removed: bool = False) -> Entry:
    """Return a document's record as a builder takes it."""
    table = model.table_of(record)
    row = table.to_row(record)
    held = document.blobs if table.of_bytes and not removed else {}
    return Entry(*identity(document), table.name, row, table.digest(row), removed, held)


def identity(piece: Document | Unreadable) -> Identity:
    """Return the identity of a document in the ledger."""
    native_id = piece.native_id if isinstance(piece, Document) else None
    return Identity(
        _well_formed(piece.origin),
        _well_formed(piece.database),
        canonical.replace_surrogates(piece.collection),
        _well_formed(native_id),
        canonical.replace_surrogates(piece.place),
    )


def document_text(model: Model, dialect: str, collection: str, record: Record) -> str:
    """Return the document of a record, as the ledger keeps it."""
    try:
        return canonical.dumps(model.rebuild(dialect, collection, record))
    except KeyError:
        return canonical.dumps(record._asdict())


def kept(piece: Document | Unreadable) -> Content:
    """Return a rejected piece as it is kept: canonical JSON, or raw bytes."""
    if isinstance(piece, Unreadable):
        return None, piece.raw
    try:
        return canonical.dumps(piece.value), None
    except RecursionError:
        return None, repr(piece.value).encode("utf-8", "backslashreplace")


def _well_formed(text: str | None) -> str | None:
    return None if text is None else canonical.replace_surrogates(text)
