"""The contract of a target: the destination of data, which is always the old or the new state, never half of one.

Every run builds a *store*: a SQLite file of ours with the records, the outcome of every document, the quarantine and
the history (`pjais.targets.sqlite`).  For the kind `sqlite` the store itself is what apps open.  Any other target has
*content* of its own, made from the store: an event log, a folder of files, tables of a server.  The contract is about
that content, so that the engine knows one way to migrate, verify and roll back:

    inspect, catch_up                       before a run: is it ours; take over what apps wrote since
    keep, begin, write, compare, commit     during a run: all out of sight, up to the last step
    recover, put_back, push                 afterwards: interrupted, rolled back, changed in the store only

`pjais.targets.memory` is the smallest implementation; `tests/contract/test_targets.py` holds what all promise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pjais.core.model import Model
    from pjais.core.results import Difference
    from pjais.errors import UsageError

Check = tuple[str, bool, str]
"""A check of a proof: its name, whether it passed, and what was seen."""


class Head(NamedTuple):
    """The reach of a target: the last change of its store, and a mark of its content.

    Equal heads mean that nobody has written to it meanwhile.
    """

    change: int
    content: int | str = 0


class Kept(NamedTuple):
    """Copies of a target, made before a run changes it: by their names in the manifest; and the head they reach."""

    files: Mapping[str, Path]
    head: Head


class Prepared(NamedTuple):
    """A run's new store, complete but out of sight: what the content is made of."""

    model: Model
    run: Mapping[str, Any]
    """The run's row of `migration_runs`."""
    folder: Path
    """The run's folder, with what `keep` copied."""
    store: Path
    since: int | None
    """The last change of the store that it was built on; None if there was none."""


class Compared(NamedTuple):
    """The result of reading the content back: what differs from the store, and further checks."""

    differences: Sequence[Difference] = ()
    checks: Sequence[Check] = ()


class Before(NamedTuple):
    """The state before a run, to be put back."""

    model: Model
    folder: Path
    """The run's folder, with what `keep` copied."""
    store: Path | None
    """The store of before, out of sight in the location that `begin` gave; None if there was none."""
    kept: Path
    """A copy of the current store.  What is kept of the current content is named after it."""
    head: Head
    resumed: bool = False
    """True if an interrupted call has put the content back already, and the store follows."""


class Target(ABC):
    """One destination of data.  Objects are values: they hold locations, nothing that is open.

    Each method raises what its docstring says, and lets errors of SQLite and the disk pass, which the engine explains.
    Whoever calls one that writes holds the lock of the data folder.
    """

    kind: str
    """The name that `--to` takes; a plug-in's is that of its entry point."""
    store: Path
    """The store of this target: for the kind `sqlite` the target itself."""
    in_place: bool = False
    """True if the store is what apps open and write to: later runs change it in one transaction."""
    document_tables: bool = True
    """True if each collection of an app that no model claims gets a table; else its store has one for all of them."""
    keeps_references: bool = True
    """False if apps may remove records that others refer to."""
    keeps_events: bool = False
    """True if the content is a log of events: `events`, `history` and `at` read it, not the history of the store."""
    suffix: str = ""
    """The end of a name that is proposed for a further target of this kind."""
    format: int | None = None
    """The storage format, for a kind that has several."""
    writing: str = "write the target"
    """The name of the phase that writes the content."""
    comparing: str = "compare the target"
    """The name of the phase that reads the content back."""

    @property
    @abstractmethod
    def location(self) -> Path:
        """Return what an app opens, as people are told it."""

    @property
    def replaced(self) -> tuple[Path, ...]:
        """Return the files and folders that a commit replaces."""
        return (self.store,)

    def not_opened(self) -> UsageError | None:
        """Return why the records of this target are not opened as a SQLite store, and the next command; or None."""
        return None

    def figures(self) -> Mapping[str, Callable[[], Any]]:
        """Return functions that count for a support bundle, by the names of their figures; never content."""
        return {}

    def inspect(self) -> None:  # noqa: B027 - a target without content of its own has nothing to add
        """Raise ForeignTarget if the location holds content that is not ours, or content and store do not belong.

        The store itself is inspected by `cutover.inspect`.
        """

    def catch_up(self, model: Model) -> int:  # noqa: ARG002 - of the contract
        """Take over what apps wrote to the content since into the store; return the number of changes.

        Raises MigrationFailed if the content was replaced or is damaged.
        """
        return 0

    def refuse_if_open(self) -> None:  # noqa: B027 - one that takes locks needs no look at processes
        """Raise MigrationFailed while another program has the target open and would not notice a change."""

    @abstractmethod
    def keep(self, folder: Path) -> Kept | None:
        """Copy what a rollback needs into a run's folder; None if there is nothing yet."""

    @abstractmethod
    def begin(self, run_id: str) -> Path:
        """Prepare the location out of sight; return the file in which a run builds its store."""

    def write(self, prepared: Prepared) -> None:  # noqa: B027 - the store may be all there is
        """Write the content of a run out of sight, from its store."""

    def compare(self, model: Model, prepared: Prepared | None = None) -> Compared:  # noqa: ARG002 - of the contract
        """Read back the content and compare it with the store, record by record: a run's own, or what is in place."""
        return Compared()

    @abstractmethod
    def commit(self, run_id: str, store: Path, head: Head | None) -> None:
        """Put a run's content and store in place; whatever stops it, `recover` finishes it, or the old ones stay.

        `head`: that of the target when the run began; None if there was none.  Raises MigrationFailed if it has moved
        since, or is open in another program; then nothing was changed.
        """

    @abstractmethod
    def discard(self, run_id: str) -> None:
        """Remove what a run left out of sight."""

    def recover(self, run_id: str) -> None:
        """Finish a run's interrupted commit if it has begun; discard what else the run left."""
        self.discard(run_id)

    def holds(self, run_id: str) -> bool:  # noqa: ARG002 - of the contract
        """Return whether the content, as opposed to the store, holds a run."""
        return True

    @abstractmethod
    def put_back(self, before: Before) -> None:
        """Put the state before a run back in place, or remove the target if there was none.

        What was written since is kept beside `before.kept`.  Raises as `commit`.
        """

    def push(self, model: Model, run_id: str) -> None:  # noqa: B027 - the store may be all there is
        """Write to the content what was changed in the store only (a replayed quarantine, an increment)."""
