"""Hold back the documents that no fixed table takes until all of their source are known.

Their tables follow from what they hold.  So they wait, in memory or in a scratch file, until the source is read; then
the catalogue is extended, and they are written in reading order.  They are read from the source once.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

from pjais import models
from pjais.core.document import Document
from pjais.core.model import Model
from pjais.core.snapshot import Snapshot
from pjais.errors import SourceDamaged
from pjais.models.documents.catalogue import Catalogue, Place
from pjais.sources.registry import opened

_IN_MEMORY = 500


class Held:
    """The documents of one source that wait."""

    def __init__(self) -> None:
        self._first: list[Document] = []
        self._rest: IO[bytes] | None = None

    def __bool__(self) -> bool:
        return bool(self._first)

    def add(self, document: Document) -> None:
        """Add a document."""
        if len(self._first) < _IN_MEMORY:
            self._first.append(document)
            return
        if self._rest is None:
            self._rest = tempfile.TemporaryFile(prefix="pjais-held-")  # noqa: SIM115 - closed by `close`
        pickle.dump(tuple(document), self._rest, pickle.HIGHEST_PROTOCOL)

    def __iter__(self) -> Iterator[Document]:
        """Yield all documents in the order in which they came."""
        yield from self._first
        if self._rest is None:
            return
        self._rest.seek(0)
        while True:
            try:
                yield Document._make(pickle.load(self._rest))
            except EOFError:
                return

    def close(self) -> None:
        """Remove the scratch file."""
        if self._rest is not None:
            self._rest.close()


def catalogue(
    model: Model, snapshot: Snapshot, documents: Held, sources: frozenset[str], password: str | None
) -> Catalogue:
    """Return a store's catalogue with the tables that the documents of a source need.

    `sources`: the names of all sources of the run.
    """
    survey = models.survey(model.catalogue, sources, model)
    with opened(snapshot, password) as there, suppress(SourceDamaged):  # what can be read of it is read without
        for one in there.collections:
            place = Place(snapshot.name, one.origin, one.database, one.name)
            survey.expect(place, models.known(one))
    for document in documents:
        survey.add(document, snapshot.name)
    return survey.catalogue()
