"""The contract between a database's raw rows and the library that wrote them.

A library decodes rows into the documents that its own user would read.  It is pure: it gets rows and gives values,
reads no files, and nothing in a row makes it raise.  A row whose shape the library never writes is yielded as a
`BadRow` with its reason, never guessed at; a row that could not be read is passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from typing import Any, NamedTuple, Protocol, TypeVar

from pjais import tagged
from pjais.formats.indexeddb import BadRow, Record

T = TypeVar("T")

Rows = Callable[[str], Iterator[Record | BadRow]]
"""Yields the records of an object store in the order of keys, anew at each call; none for a store that is not there."""


class Meaning(NamedTuple):
    """One document as the library gives it to its user: its collection, key and value, and where its row is.

    `collection` begins with the library's name and a slash, so that it is no object store of the same database.
    `blobs` has the bytes of the JSBlobs in the value by SHA-256; `missing` names those whose bytes are gone.
    """

    collection: str
    key: Any
    value: Any
    place: str
    blobs: dict[str, bytes]
    missing: tuple[str, ...] = ()

    def json(self) -> str:
        """Return the value as tagged JSON (docs/formats/tagged-json.md)."""
        return tagged.dumps(self.value)


class Library(Protocol):
    """One library, or one of the forms in which it stores its data."""

    @property
    def name(self) -> str:
        """Return the library's name, as shown to people."""
        ...

    @property
    def decodes(self) -> bool:
        """Return whether its documents are others than its rows; if not, `read` yields nothing."""
        ...

    def recognises(self, database: str, version: int, stores: Set[str]) -> bool:
        """Return whether the library made a database of this name, version (0: unknown) and these stores."""
        ...

    def read(self, rows: Rows, stores: Set[str]) -> Iterator[Meaning | BadRow]:
        """Yield the documents of a database that was recognised."""
        ...


class Strange(ValueError):
    """A value that the library never writes; the message says what was expected."""


def member(value: Any, name: str, kind: type[T]) -> T:
    """Return a member of an object, which is of exactly this Python type.  Raises Strange."""
    if type(value) is not dict:
        raise Strange("it is no object")
    found = value.get(name)
    if type(found) is not kind:
        raise Strange(f"its member {name!r} is {'missing' if name not in value else f'no {kind.__name__}'}")
    return found


def refused(row: Record, reason: object) -> BadRow:
    """Return a row that the library would not have written, with its value as tagged JSON and the reason."""
    try:
        raw = tagged.dumps(row.value).encode()
    except (RecursionError, TypeError, ValueError) as error:
        raw = repr(error).encode()
    return BadRow(row.place, raw, str(reason))
