"""automerge-repo: documents put together from their chunks, snapshots and what was changed after them."""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import groupby
from typing import Any

from pjais.formats.indexeddb import BadRow, Record
from pjais.js_values import JSBuffer, JSView
from pjais.sources.indexeddb.libraries.automerge_chunks import operations
from pjais.sources.indexeddb.libraries.automerge_document import AutomergeDocument
from pjais.sources.indexeddb.libraries.contract import Library, Meaning, Rows, Strange, member, refused

DOCUMENTS = "automerge/documents"
_CHUNKS = ("snapshot", "incremental")


class Automerge(Library):
    """Chunks by document: `[document id, "snapshot" or "incremental", hash]` -> `{key, binary}`."""

    name = "Automerge (automerge-repo)"
    decodes = True

    def recognises(self, database: str, version: int, stores: Set[str]) -> bool:
        """Return whether the database has the default names; an app may choose others."""
        return database == "automerge" and stores == {"documents"}

    def read(self, rows: Rows, stores: Set[str]) -> Iterator[Meaning | BadRow]:
        """Yield each document; one at a time is held."""
        for document, chunks in groupby(rows("documents"), _document_of):
            if document is None:
                yield from (one for one in chunks if isinstance(one, BadRow))  # others are the library's own
            else:
                yield from _read(document, chunks)


def _document_of(row: Record | BadRow) -> str | None:
    if isinstance(row, BadRow) or type(row.key) is not list or len(row.key) != 3 or row.key[1] not in _CHUNKS:
        return None
    return str(row.key[0])


def _read(name: str, chunks: Iterator[Any]) -> Iterator[Meaning | BadRow]:
    document, last = AutomergeDocument(), None
    for row in chunks:
        try:
            document.add(operations(_binary(row)))
            last = row
        except Strange as error:
            yield refused(row, error)
    if last is None:
        return
    try:
        yield Meaning(DOCUMENTS, name, document.value(), last.place, {})
    except Strange as error:
        yield refused(last, f"the document {name!r} cannot be put together: {error}")
    except RecursionError:
        yield refused(last, f"the document {name!r} is nested too deeply")


def _binary(row: Record) -> bytes:
    member(row.value, "key", list)
    binary = row.value.get("binary")
    if isinstance(binary, JSView | JSBuffer):
        return binary.data
    raise Strange("a chunk is no bytes")
