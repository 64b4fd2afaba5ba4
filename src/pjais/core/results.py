"""Results as frozen values: findings, counts, plan, proof, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pjais.core.shown import Named, fields_as_json
from pjais.core.source import Passed, SourceRef

Progress = Callable[[str, int, int | None], None]
"""Called with the name of a phase, how much of it is done, and of how much (None: not known)."""


class Finding(NamedTuple):
    """One result of validation.  Carries the location and the rule, never the content of a memory.

    `level`: `error` (the record cannot be imported), `repair` (a declared rule changed it, the original is kept)
    or `note`.  `rule` is a code that `pjais explain` knows.
    """

    level: str
    rule: str
    source: str
    collection: str
    native_id: str | None
    place: str
    field: str | None
    message: str

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as a JSON object, without empty fields."""
        return {key: value for key, value in fields_as_json(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Counts:
    """Outcomes of the documents of one source; the four add up to `read`, so none is lost in silence."""

    read: int = 0
    migrated: int = 0
    superseded: int = 0
    removed: int = 0
    quarantined: int = 0
    unchanged: int = 0
    """Migrated documents that were in the target already, from an earlier run."""
    repaired: int = 0
    """Migrated documents with at least one value changed by a declared rule."""
    discarded: int = 0  # of the quarantined, those that their owner has decided about

    waiting = property(lambda self: int(self.quarantined - self.discarded), doc="How many wait for a decision.")

    def balanced(self) -> bool:
        """Return whether every document read ended as exactly one of the four outcomes."""
        return self.read == self.migrated + self.superseded + self.removed + self.quarantined

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def as_dict(self) -> dict[str, int]:
        """Return the counts as a JSON object."""
        return fields_as_json(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """The actions of a migration as data: a dry run prints it, a run executes it."""

    sources: tuple[tuple[SourceRef, Counts], ...]
    target: str
    findings: Mapping[str, int]
    examples: tuple[Finding, ...]
    bytes_needed: int
    bytes_free: int
    seconds: float
    nothing_to_do: bool = False
    passed: tuple[Passed, ...] = ()
    """Stores and files that were found and are not migrated."""

    @property
    def total(self) -> Counts:
        """Return the counts of all sources together."""
        return sum((counts for _, counts in self.sources), Counts())


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that differs between two sides.  `field` is None if the whole record differs."""

    record_type: Annotated[str, Named("type")]
    record_id: Annotated[str, Named("id")]
    field: str | None
    problem: str

    def as_dict(self) -> dict[str, Any]:
        """Return the difference as a JSON object."""
        return fields_as_json(self)


class Changed(NamedTuple):
    """One field of one record at two versions; `field` None means the whole record, which one side lacks."""

    table: str
    key: Annotated[str, Named("id")]
    field: str | None
    before: Any
    after: Any

    def as_dict(self) -> dict[str, Any]:
        """Return the change as a JSON object."""
        return fields_as_json(self)


class Restored(NamedTuple):
    """A restored record: its fields, and the change that restored them (None: nothing had to change)."""

    table: str
    key: Annotated[str, Named("id")]
    fields: tuple[str, ...]
    event: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as a JSON object."""
        return {"code": "done", **fields_as_json(self)}


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of a verification: what was checked, and every difference found."""

    records: int = 0
    documents: int = 0
    edited_since: int = 0
    added_since: int = 0
    removed_since: int = 0
    differences: tuple[Difference, ...] = ()
    difference_count: int = 0
    checks: tuple[tuple[str, bool, str], ...] = ()
    """(check, passed, one line of detail)."""
    edits: tuple[tuple[str, str, str], ...] = ()
    """The first records that were changed since the migration: (edited, added or removed; table; id)."""

    @property
    def passed(self) -> bool:
        """True if the history explains every difference."""
        return self.difference_count == 0 and all(ok for _, ok, _ in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return the proof as a JSON object."""
        return {
            "passed": self.passed,
            "records": self.records,
            "documents": self.documents,
            "edited_since": self.edited_since,
            "added_since": self.added_since,
            "removed_since": self.removed_since,
            "edits": [{"change": what, "type": table, "id": key} for what, table, key in self.edits],
            "difference_count": self.difference_count,
            "differences": [difference.as_dict() for difference in self.differences],
            "checks": [{"check": what, "ok": ok, "about": about} for what, ok, about in self.checks],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The report of one run, or of why no run was necessary.

    `code` is `done`, `already_migrated`, `empty`, `quarantined` or an error's code; `exit_code` is that of the
    command line.
    """

    code: str
    exit_code: int
    run_id: str | None
    data_dir: Path
    target: Path
    started_at: int
    finished_at: int
    sources: tuple[dict[str, Any], ...] = ()
    total: Counts = field(default_factory=Counts)
    rules: Mapping[str, int] = field(default_factory=dict)
    """Number of findings of each rule, keyed `level:rule:field`."""
    findings: tuple[Finding, ...] = ()
    """The first findings; all of them are in the run's report.json, and `finding_count` says how many."""
    finding_count: int = 0
    proof: Proof | None = None
    backup: Path | None = None
    phases: tuple[tuple[str, float], ...] = ()
    next_command: str = ""
    message: str = ""
    passed: tuple[Passed, ...] = ()
    """Stores and files that were found and not migrated."""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as `--json` prints it (findings are counted there; report.json lists them)."""
        return {
            "code": self.code,
            "exit_code": self.exit_code,
            "message": self.message,
            "run": self.run_id,
            "data_dir": str(self.data_dir),
            "target": str(self.target),
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "sources": list(self.sources),
            "passed": [one.as_dict() for one in self.passed],
            "total": self.total.as_dict(),
            "rules": dict(self.rules),
            "finding_count": self.finding_count,
            "findings_shown": len(self.findings),
            "findings": [finding.as_dict() for finding in self.findings],
            "proof": None if self.proof is None else self.proof.as_dict(),
            "backup": None if self.backup is None else str(self.backup),
            "phases": {name: round(seconds, 3) for name, seconds in self.phases},
            "next": self.next_command,
        }


class Notice(NamedTuple):
    """A pending migration: why an automatic one failed, and what to do about it."""

    code: str
    what: str
    where: tuple[str, ...]
    next_command: str

    @property
    def line(self) -> str:
        """Return the notice in one line, without the next command."""
        named = f" ({self.where[0]}{', ...' if len(self.where) > 1 else ''})" if self.where else ""
        return f"new data not migrated, opening the store without it: {self.code}: {self.what}{named}"
