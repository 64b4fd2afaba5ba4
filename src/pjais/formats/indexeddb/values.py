"""Content of IndexedDB as the same values for every browser: stores, rows, unreadable rows, blobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pjais.formats.leveldb.codings import Bad
from pjais.formats.leveldb.folder import Damage

__all__ = ["BadRow", "Blob", "Damage", "Index", "KeyPath", "Profile", "Row", "Schema", "Store"]


class Store(NamedTuple):
    """An object store: the site it belongs to, its database and that one's version, its name."""

    origin: str
    database: str
    version: int
    name: str


KeyPath = str | tuple[str, ...] | None
"""Where the key stands in a value: one path, several (the key is then an array), or nowhere (an out-of-line key)."""


class Index(NamedTuple):
    """An index of an object store."""

    name: str
    key_path: KeyPath
    unique: bool = False
    multi_entry: bool = False


class Schema(NamedTuple):
    """The declaration of an object store: where the key stands, whether the browser makes it, the indexes.

    `puts_key_back`: the browser puts the key into each value that it gives, over what is stored there.
    """

    key_path: KeyPath = None
    auto_increment: bool = False
    indexes: tuple[Index, ...] = ()
    puts_key_back: bool = False


class Blob(NamedTuple):
    """The target of a BlobRef: a Blob or a File, by its bytes or by the file that holds them.

    `size` is what the database says, -1 where it says nothing.  `name` and `last_modified` (ms since 1970) are those
    of a File.
    """

    type: str
    size: int
    name: str | None = None
    path: Path | None = None
    data: bytes | None = None
    last_modified: float | None = None

    def load(self) -> bytes:
        """Its bytes.  Raises Bad if they are not there, or not as many as they should be."""
        content = self.data
        try:
            if content is None and self.path is not None:
                content = self.path.read_bytes()
        except OSError as error:
            if self.size != 0:  # Chromium makes no file for a blob of no bytes
                raise Bad(f"the file of a blob is missing ({error.strerror})") from error
        if content is None and self.size != 0:
            raise Bad("the bytes of a blob are missing")
        content = content or b""
        if self.size not in (-1, len(content)):
            raise Bad(f"a blob has {len(content)} bytes instead of {self.size}")
        return content


class Row(NamedTuple):
    """One record: its encoded key, its value, its location; BlobRef(n) in the value stands for `blobs[n]`.

    A handle of the File System Access API is None: it has no bytes.
    """

    key: bytes
    value: Any
    place: str
    blobs: tuple[Blob | None, ...] = ()

    def blob(self, index: int) -> bytes | None:
        """The bytes that a BlobRef stands for; None if they are not there, or not as many as they should be."""
        found = self.blobs[index] if 0 <= index < len(self.blobs) else None
        try:
            return found.load() if found is not None else None
        except Bad:
            return None


class BadRow(NamedTuple):
    """A record that is there but cannot be read: where, its bytes as far as they go, and why."""

    place: str
    raw: bytes
    reason: str


class Profile(Protocol):
    """The object stores of one origin (or of one database) in a closed browser profile.

    `problems` tells what could not be read apart from rows; it grows while stores and rows are read.
    """

    @property
    def problems(self) -> list[Damage]:
        """Return unreadable parts other than rows."""
        ...

    @property
    def torn(self) -> list[Damage]:
        """Return where a log ends in an incomplete write of a stopped browser."""
        ...

    def stores(self) -> list[Store]:
        """Every object store, empty ones too, in order."""
        ...

    def rows(self, store: Store, *, ordered: bool = False) -> Iterator[Row | BadRow]:
        """The live records of a store, in an order that the same bytes always give; `ordered`: in that of the keys."""
        ...

    def schema(self, store: Store) -> Schema:
        """Return what the app declared of a store; nothing for one whose declaration is lost."""
        ...

    def key(self, row: Row) -> Any:
        """Return a row's key as JavaScript has it: a number, text, JSDate, JSBuffer, or a list of keys.

        Raises Bad for bytes that are no key.
        """
        ...
