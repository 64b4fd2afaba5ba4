"""Build what sources would become in a scratch store, which is removed afterwards.

`plan`, `shadow`, the export of a source and the old side of a pair all ask the same question; they read a copy of the
source by the same steps as a migration, so that none of them can answer differently.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pjais import files, journal, sqlite
from pjais.assembly.assemble import Source, assemble, items
from pjais.assembly.findings import Findings
from pjais.assembly.normalise import Choices
from pjais.core.model import Model
from pjais.core.results import Progress
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.sources import backup
from pjais.targets.sqlite import cutover
from pjais.targets.sqlite.builder import Builder


@dataclass(frozen=True, slots=True)
class Scratch:
    """A scratch store with every document of the sources in it, or in its quarantine."""

    builder: Builder
    snapshots: tuple[Snapshot, ...]
    findings: Findings
    _copy: Path

    def finish(self) -> Path:
        """Complete the store and return its path; the copies of the sources are removed, as nothing reads them now."""
        self.builder.finish({"id": "scratch", "started_at": "", "program_version": "", "sources": "[]"})
        self.builder.close()
        files.remove_folder(self._copy)
        return self.builder.path


@contextmanager
def scratch_store(
    model: Model,
    refs: Sequence[SourceRef],
    choices: Choices,
    *,
    base: Path | None = None,
    decisions: sqlite.Connection | None = None,
    progress: Progress = lambda *_: None,
    source: Callable[[Builder], Source] = lambda _: items,
) -> Iterator[Scratch]:
    """Copy the sources and put them into a scratch store: a new one, or a copy of the store at `base`.

    `decisions`: an open store whose owners' decisions about rejected documents apply here too.  `source` gets the
    builder before anything is put into it, and returns what reads the documents.  Raises what reading a source raises
    (SourceInUse, SourceDamaged, PasswordNeeded).
    """
    with tempfile.TemporaryDirectory(prefix="pjais-scratch-") as folder:
        copy, store = Path(folder) / "copy", Path(folder) / "store.sqlite"
        snapshots = backup.snapshot_all(copy, refs, at_ms=journal.now_ms())
        if base is not None:
            cutover.copy_target(base, store)
        builder = Builder(store, model, "scratch", existing=base is not None)
        try:
            if decisions is not None:
                builder.heed(decisions)
            findings = Findings()
            assemble(builder, snapshots, findings, choices, progress, source=source(builder))
            yield Scratch(builder, snapshots, findings, copy)
        finally:
            builder.close()
