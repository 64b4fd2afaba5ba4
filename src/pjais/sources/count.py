"""Count the documents of a source for `detect`, without a backup."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pjais import journal
from pjais.core.document import Document
from pjais.core.source import SourceRef
from pjais.errors import PjaisError
from pjais.sources import backup
from pjais.sources.registry import read


def count_documents(ref: SourceRef) -> int | None:
    """Count a source's documents on a private copy; None if it cannot be read."""
    if ref.damage is not None:
        return None
    with tempfile.TemporaryDirectory(prefix="pjais-detect-") as scratch:
        try:
            (snapshot,) = backup.snapshot_all(Path(scratch) / "copy", [ref], at_ms=journal.now_ms())
        except PjaisError:
            return None
        return sum(isinstance(piece, Document) for piece in read(snapshot, decrypt=False))
