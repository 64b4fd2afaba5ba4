"""The accounts of what was done: findings, counts, plan, proof, report.  All are frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pjais.core.source import Passed, SourceRef


class Finding(NamedTuple):
    """Something validation saw.  Carries no content of a memory, only where and what.

    `level`: `error` (the record cannot go in), `repair` (a declared rule changed it, the original is kept)
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
        """The finding as a JSON object, without the fields that say nothing."""
        return {key: value for key, value in self._asdict().items() if value is not None}


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the documents of one source; the four outcomes add up to `read` (promise 4)."""

    read: int = 0
    migrated: int = 0
    superseded: int = 0
    removed: int = 0
    quarantined: int = 0
    unchanged: int = 0
    """How many of the migrated were there already, from an earlier run."""
    repaired: int = 0
    """How many of the migrated had at least one value changed by a declared rule."""
    discarded: int = 0  # of the quarantined, those that their owner has decided about

    waiting = property(lambda self: int(self.quarantined - self.discarded), doc="How many wait for a decision.")

    def balanced(self) -> bool:
        """Return whether every document read ended as exactly one of the four outcomes."""
        return self.read == self.migrated + self.superseded + self.removed + self.quarantined

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def as_dict(self) -> dict[str, int]:
        """The counts as a JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a migration would do, as data: a dry run prints it, a run executes it."""

    sources: tuple[tuple[SourceRef, Counts], ...]
    target: str
    findings: Mapping[str, int]
    examples: tuple[Finding, ...]
    bytes_needed: int
    bytes_free: int
    seconds: float
    nothing_to_do: bool = False
    passed: tuple[Passed, ...] = ()
    """What was found and is not taken."""

    @property
    def total(self) -> Counts:
        """The counts of all sources together."""
        return sum((counts for _, counts in self.sources), Counts())


@dataclass(frozen=True, slots=True)
class Difference:
    """One record whose two sides are not the same.  `field` is None where the whole record is concerned."""

    record_type: str
    record_id: str
    field: str | None
    problem: str

    def as_dict(self) -> dict[str, Any]:
        """The difference as a JSON object."""
        return {"type": self.record_type, "id": self.record_id, "field": self.field, "problem": self.problem}


class Changed(NamedTuple):
    """One field of one record at two moments; `field` None means the whole record, which one side lacks."""

    table: str
    key: str
    field: str | None
    before: Any
    after: Any

    def as_dict(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {"table": self.table, "id": self.key, "field": self.field, "before": self.before, "after": self.after}


class Restored(NamedTuple):
    """What was brought back: the record, which fields, and the change that did it (None: it was as it had been)."""

    table: str
    key: str
    fields: tuple[str, ...]
    event: int | None

    def as_dict(self) -> dict[str, Any]:
        """The outcome as a JSON object."""
        return {"code": "done", "table": self.table, "id": self.key, "fields": list(self.fields), "event": self.event}


@dataclass(frozen=True, slots=True)
class Proof:
    """What a verification looked at and found."""

    records: int = 0
    documents: int = 0
    edited_since: int = 0
    added_since: int = 0
    removed_since: int = 0
    differences: tuple[Difference, ...] = ()
    difference_count: int = 0
    checks: tuple[tuple[str, bool, str], ...] = ()
    """(what was checked, whether it holds, one line about it)."""
    edits: tuple[tuple[str, str, str], ...] = ()
    """The first records that were changed since the migration: (edited, added or removed; table; id)."""

    @property
    def passed(self) -> bool:
        """Whether nothing differs that the history does not explain."""
        return self.difference_count == 0 and all(ok for _, ok, _ in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """The proof as a JSON object."""
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
    """The account of one run, or of why there was none to make.

    `code` is `done`, `already_migrated`, `empty`, `quarantined` or an error's code; `exit_code` is design
    §8's.
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
    """How often each rule found something, keyed `level:rule:field`."""
    findings: tuple[Finding, ...] = ()
    """The first findings; all of them are in the run's report.json, and `finding_count` says how many."""
    finding_count: int = 0
    proof: Proof | None = None
    backup: Path | None = None
    phases: tuple[tuple[str, float], ...] = ()
    next_command: str = ""
    message: str = ""
    passed: tuple[Passed, ...] = ()
    """What was found and was not taken."""

    def as_dict(self) -> dict[str, Any]:
        """The report as a JSON object: what `--json` prints (the findings are counted, see report.json)."""
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
