"""A target in memory: the smallest implementation of the contract, for tests, notebooks, and as an example.

    target = MemoryTarget()
    pjais.migrate("~/.config/SomeApp", to=target)
    for name, document in target.documents: ...

It lives as long as the object: its account is a file in a folder of its own, removed with it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from weakref import finalize

from pjais import canonical, files, paths
from pjais.core.model import Model
from pjais.display import counted
from pjais.errors import MigrationFailed, UsageError
from pjais.targets import documents
from pjais.targets.contract import Before, Compared, Head, Kept, Prepared, Target
from pjais.targets.sqlite import cutover
from pjais.targets.sqlite import target as sqlite_target

Document = tuple[str, dict[str, Any]]


class MemoryTarget(Target):
    """Every document of a migration in a list, by the name of its list in our export."""

    kind = "memory"

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="pjais-memory-"))
            finalize(self, files.remove_folder, folder)
        self.store = folder / paths.account_name(self.kind)
        self.documents: list[Document] = []
        self._new: list[Document] = []

    @property
    def location(self) -> Path:
        """Return the account: there is nothing else to point at."""
        return self.store

    def not_opened(self) -> UsageError:
        """The documents are in the object."""
        return UsageError("a target in memory is read from its object", where=[str(self.store)])

    def keep(self, folder: Path) -> Kept | None:
        """Copy the account: the documents can be made from it again."""
        kept = sqlite_target.keep(self.store, folder)
        return None if kept is None else Kept(kept.files, Head(kept.head.change, self._mark()))

    def begin(self, run_id: str) -> Path:
        """Return a path beside the account."""
        return sqlite_target.beside(self.store, run_id)

    def write(self, prepared: Prepared) -> None:
        """Read the documents of the run's store."""
        self._new = list(documents.of_store(prepared.store, prepared.model))

    def compare(self, model: Model, prepared: Prepared | None = None) -> Compared:
        """Compare the documents with the store."""
        store, held = (self.store, self.documents) if prepared is None else (prepared.store, self._new)
        count, differences = documents.compare(store, model, held)
        return Compared(differences, (("documents", not differences, f"{counted(count, 'document')} compared"),))

    def commit(self, run_id: str, store: Path, head: Head | None) -> None:  # noqa: ARG002 - of the contract
        """Replace the account, and then the list, which cannot fail."""
        if head is not None and head.content != self._mark():
            raise MigrationFailed("the documents were changed meanwhile; not committed")
        cutover.cut_over(store, self.store, expected_change=None if head is None else head.change)
        self.documents, self._new = self._new, []

    def discard(self, run_id: str) -> None:
        """Remove the unfinished account."""
        sqlite_target.discard(self.store, run_id)
        self._new = []

    def put_back(self, before: Before) -> None:
        """Replace the account with the one of before, and make the documents from it again."""
        earlier = [] if before.store is None else list(documents.of_store(before.store, before.model))
        sqlite_target.put_back(self.store, before)
        self.documents = earlier

    def push(self, model: Model, run_id: str) -> None:  # noqa: ARG002 - of the contract
        """Make the documents from the account again."""
        self.documents = list(documents.of_store(self.store, model))

    def _mark(self) -> str:
        marks = (canonical.weight((name, canonical.dumps(document, sort=True))) for name, document in self.documents)
        return f"{sum(marks):x}"
