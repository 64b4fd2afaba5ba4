"""A model as a value: what documents mean, which tables their records have, and how a store of them is upgraded.

The engine is handed a model and knows no table by name.  A model may be made at run time, out of what a store holds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from pjais import sqlite
from pjais.core.mapping import Carried, Mapping
from pjais.core.own_files import DOCUMENTS, EXPORT, mappings_of, title_of_carried
from pjais.core.table import Parts, Record, Search, Table, camel

if TYPE_CHECKING:
    from pjais.core.events import EventSchema

APPLICATION_ID = 0x504A4149
"""`PJAI` in the SQLite header: this file is a store of ours."""

Observation = tuple[str, str, str]
"""(rule, where, message)."""

Dialects = dict[tuple[str, str, str], str]
"""(run, source kind, source) -> dialect, from the manifests of the backups."""


def _no_obstacle(_: sqlite.Connection) -> str | None:
    return None


class DocumentMapping(Mapping, ABC):
    """The mapping of documents that have a table for each collection."""

    @abstractmethod
    def within(self, source: str) -> DocumentMapping:
        """Return the mapping of the documents of a source, by its name in the store."""

    @abstractmethod
    def stored_key(self, table: Table, key: Any) -> tuple[Any, ...] | None:
        """Return the values of the key's columns for a key in tagged JSON; None for one that the table cannot hold."""

    @abstractmethod
    def exported(self, record: Record) -> dict[str, Any]:
        """Return a document as our export has it: where it came from, its key, and its value in tagged JSON."""


class Upgrade(NamedTuple):
    """The upgrade of a store from schema `version - 1` to `version`.

    `does`: one line, the changes that it will make.  `sql` is written out: it must go on producing that version,
    whatever the tables are later.  `then` does what SQL alone cannot.  `obstacle` returns the reason why it cannot be
    applied to a store; None if it can.  `adds_only`: it changes nothing that a run wrote, so runs of before can be
    reverted after it.
    """

    version: int
    does: str
    sql: str = ""
    then: Callable[[sqlite.Connection, Dialects], None] | None = None
    obstacle: Callable[[sqlite.Connection], str | None] = _no_obstacle
    adds_only: bool = False

    @property
    def event(self) -> str:
        """Return the event of its link in the chain."""
        return f"upgraded to schema {self.version}"


def _nothing(_: sqlite.Connection) -> Iterable[Observation]:
    return ()


@dataclass(frozen=True, eq=False)
class Model:
    """The meaning of an app's documents.

    `tables`: in an order in which references point backwards.  `claims`: the mapping of a collection of a dialect, None
    for one that the model does not know; those of our own stores and exports are derived from the tables.  `reading`
    goes up with every change after which a document makes another record or other notes: what a run with another number
    found unchanged is read again.  `upgrades`: one for each schema version after the first.  `events` returns those of
    a LiveStore store with the model's records.  `observations`: notes about the records of a store as a whole, never a
    reason to refuse a document.  `makes_documents` returns the mapping of the collections that have tables of their
    own, of which `catalogue` tells, in the store by the tables of `catalogue_ddl`; None for a model that keeps them
    whole in one table.
    `fixed`: the model that it was made of.
    """

    name: str
    tables: tuple[Table, ...]
    claims: Callable[[str, str], Mapping | None]
    reading: int = 1
    upgrades: tuple[Upgrade, ...] = ()
    events: Callable[[], EventSchema] | None = None
    observations: Callable[[sqlite.Connection], Iterable[Observation]] = _nothing
    makes_documents: Callable[[], DocumentMapping] | None = None
    catalogue: tuple[Any, ...] = ()
    catalogue_ddl: str = ""
    fixed: Model | None = None
    by_name: dict[str, Table] = field(init=False, repr=False)
    by_record: dict[type[Any], Table] = field(init=False, repr=False)
    _known: dict[tuple[str, str], Mapping | None] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {table.name: table for table in self.tables})
        object.__setattr__(self, "by_record", {table.record: table for table in self.tables})

    @cached_property
    def documents(self) -> DocumentMapping | None:
        """Return the mapping of the collections that have tables of their own; None for a model that has none."""
        return None if self.makes_documents is None else self.makes_documents()

    @property
    def schema_version(self) -> int:
        """Return the version of the store's schema (`user_version`); a newer store is of a newer program."""
        return self.upgrades[-1].version if self.upgrades else 1

    def upgrades_after(self, version: int) -> tuple[Upgrade, ...]:
        """Return the steps that a store of this schema version needs, in order."""
        return tuple(step for step in self.upgrades if step.version > version)

    @property
    def searched(self) -> tuple[tuple[Table, Search], ...]:
        """Return the tables with a full-text index."""
        return tuple((table, table.search) for table in self.tables if table.search is not None)

    @property
    def divided(self) -> tuple[tuple[Table, Parts], ...]:
        """Return the tables from which others are derived, with these."""
        return tuple((table, table.parts) for table in self.tables if table.parts is not None)

    @property
    def derived(self) -> tuple[str, ...]:
        """Return the names of the derived tables: they hold nothing of their own."""
        return tuple(parts.name for _, parts in self.divided)

    @property
    def indexes(self) -> tuple[Search, ...]:
        """Return all full-text indexes."""
        return (*(search for _, search in self.searched), *(parts.search for _, parts in self.divided))

    @property
    def lists(self) -> dict[str, tuple[Table, ...]]:
        """Return the lists of our export, in order, each with its tables: those of all documents are one list."""
        found: dict[str, tuple[Table, ...]] = {
            table.title: (table,) for table in self.tables if not table.is_of_documents
        }
        documents = sorted((table for table in self.tables if table.is_of_documents), key=lambda one: one.name)
        return found if self.documents is None else {**found, DOCUMENTS: tuple(documents)}

    def mapping_of_carried(self, collection: str) -> Mapping | None:
        """Return the mapping of a document that a store with one table for all of them kept whole with its bytes."""
        title = title_of_carried(collection)
        found = None if title is None else self.mapping(EXPORT, title)
        return found if found is not None and found.has_bytes else None

    def list_of(self, record: Record) -> str:
        """Return the name of the list of our export that holds a record."""
        table = self.table_of(record)
        return DOCUMENTS if table.is_of_documents else table.title

    @property
    def carrying(self) -> Table | None:
        """Return the table of the documents that no mapping claims."""
        return next((table for table in self.tables if table.carries), None)

    def table_of(self, record: Record) -> Table:
        """Return the table that a record belongs to."""
        return self.by_record[type(record)]

    def record_key(self, record: Record) -> str:
        """Return the record's key as `changes` and `migration_records` write it."""
        return self.by_record[type(record)].record_key(record)

    def is_carried(self, table_name: str | None) -> bool:
        """Return whether the table of this name takes documents that no mapping claims."""
        return table_name in self.by_name and self.by_name[table_name].carries

    def mapping(self, dialect: str, collection: str) -> Mapping | None:
        """Return the mapping of a collection; None for one that the model does not know."""
        if not self._known:  # those of our own stores and exports, which opening a store does without
            self._known.update(mappings_of(table for table in self.tables if not table.is_of_documents))
        key = (dialect, collection)
        if key not in self._known:
            found = self.claims(dialect, collection)
            if len(self._known) >= _MAPPINGS:
                return found
            self._known[key] = found
        return self._known[key]

    def reader(self, dialect: str, collection: str) -> Mapping:
        """Return the mapping of a collection, or what carries its documents whole.

        Raises LookupError for a collection that is not known if the model carries nothing.
        """
        found = self.mapping(dialect, collection)
        if found is not None:
            return found
        if self.documents is not None:
            return self.documents
        if self.carrying is None:
            raise LookupError(f"the model {self.name} has no mapping for {collection}")
        return Carried(self.carrying)

    def rebuild(self, dialect: str, collection: str, record: Record) -> Any:
        """Return the document that a record was made of."""
        table = self.table_of(record)
        if self.documents is not None and table.is_of_documents:
            return self.documents.rebuild(record)
        mapping = self.reader(dialect, collection)
        if mapping.table is table:
            return mapping.rebuild(record)
        return Carried(table).rebuild(record) if table.carries else record._asdict()

    def exported(self, record: Record) -> dict[str, Any]:
        """Return a record as our export has it: camelCase, instants as ISO-8601; a field added later only if set."""
        table = self.table_of(record)
        if self.documents is not None and table.is_of_documents:
            return self.documents.exported(record)
        document: dict[str, Any] = self.reader(EXPORT, table.title).rebuild(record)
        return document if table.carries else {**document, "extra": record.extra}

    def as_document(self, record: Record) -> dict[str, Any]:
        """Return a record as `--json` and the page show it: the export's form, with every field."""
        return {**self.exported(record), **self._missing(record)}

    def _missing(self, record: Record) -> dict[str, Any]:
        later = self.table_of(record).later
        return {camel(column.name): None for column in later if getattr(record, column.name) is None}


_MAPPINGS = 4096
"""Number of collections whose mapping is remembered."""
