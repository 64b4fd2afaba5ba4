"""Types of the views of moving data: the overview, a migration, its proof, backups, quarantine, cutover.

As in `schemas`: the JSON of `GET /api/...` and the values of the pages; the rest is named as the command line names it.
"""

from __future__ import annotations

from typing import Any

from pjais.web.schemas import Page, Persona, Problem, Shape


class Counts(Shape):
    """The outcomes of the documents of a source: the four outcomes add up to `read`."""

    read: int
    migrated: int
    superseded: int
    removed: int
    quarantined: int
    unchanged: int
    repaired: int
    discarded: int = 0


class Source(Shape):
    """Earlier data that was found; `size` in bytes."""

    kind: str
    name: str
    path: str
    version: str | None
    size: int
    in_use: bool
    damage: str | None
    notes: list[str]


class Rule(Shape):
    """A rule: its meaning, and how often it was applied."""

    level: str
    rule: str
    field: str
    meaning: str
    times: int


class SourceCounts(Shape):
    """A source and what becomes of its documents."""

    kind: str
    name: str
    counts: Counts


class Plan(Shape):
    """The actions of a migration; bytes, and seconds as a guess."""

    target: str
    sources: list[SourceCounts]
    total: Counts
    rules: list[Rule]
    bytes_needed: int
    bytes_free: int
    seconds: float
    nothing_to_do: bool


class Phase(Shape):
    """The progress of a phase; `total` null: not known beforehand.  `unit` is what is counted.

    `percent`, `rate` (units a second) and `seconds_left` are null where they are not known; nothing is guessed.
    """

    name: str
    done: int
    total: int | None
    seconds: float
    unit: str
    percent: float | None
    rate: float | None
    seconds_left: float | None


class Job(Shape):
    """Work in progress, or the last one that ended: running, done or failed."""

    id: int
    kind: str
    started: str
    finished: str | None
    state: str
    phases: list[Phase]
    result: Any
    error: Problem | None
    pid: int | None
    """The process that is running it, if it is another one than this."""
    stoppable: bool


class Run(Shape):
    """One migration, as its journal tells it."""

    id: str
    state: str
    pid: int | None
    """The process that is at work on it now."""
    code: str | None
    started_at: str | None
    finished_at: str | None
    target: str | None
    folder: str


class Store(Shape):
    """The store that is in use: where, of which kind, its size in bytes, and its records by table."""

    path: str
    kind: str
    size: int
    records: dict[str, int]


class Verdict(Shape):
    """The one sentence of a view: `tone` success (only after a proof), warning, danger, info or plain."""

    tone: str
    title: str
    text: str
    proved: str | None


class SourceStatus(Shape):
    """A source, what became of its documents (null: not migrated yet), and how it stands to the store."""

    kind: str
    name: str
    path: str | None
    counts: Counts | None
    tone: str
    status: str


class Todo(Shape):
    """Something to do: why, and where it is done."""

    icon: str
    tone: str
    title: str
    text: str
    address: str
    label: str


class Tile(Shape):
    """A figure of the store, and where its records are."""

    name: str
    icon: str
    value: int
    more: str
    address: str | None


class Event(Shape):
    """Something that happened lately."""

    icon: str
    tone: str
    at: str | None
    title: str
    text: str
    address: str | None


class Safety(Shape):
    """The latest backup, the number of all, and the run that a rollback would undo."""

    backup: str | None
    backup_at: str | None
    backups: int
    rollback: str | None
    rollback_at: str | None


class Overview(Shape):
    """The sources, the store, and what to do next."""

    code: str
    data_dir: str
    store: Store | None
    active: Persona | None
    quarantined: int
    sources: int
    new_data: bool
    side: str
    runs: list[Run]
    message: str
    next: str
    job: Job | None
    verdict: Verdict
    total: Counts | None
    balance: list[SourceStatus]
    todo: list[Todo]
    tiles: list[Tile]
    events: list[Event]
    safety: Safety | None
    active_memories: int | None


class Said(Shape):
    """The effect of a rule, as a sentence; `level` error, repair or note."""

    level: str
    rule: str
    text: str
    times: int
    fields: list[str]


class Place(Shape):
    """A place where sources were searched: how many were found, and why none."""

    path: str
    found: int
    why: str
    state: str


class Migration(Shape):
    """The sources found, the plan, the progress of a migration, and its outcome."""

    code: str
    data_dir: str
    sources: list[Source]
    passed: list[dict[str, str]]
    new_data: bool
    plan: Plan | None
    plan_error: Problem | None
    job: Job | None
    runs: list[Run]
    planning: Job | None
    """The plan while it is being made."""
    searched: list[Place]
    documents: dict[str, int]
    """The documents of each source that the plan has read, by its path."""
    bytes_needed: int | None
    bytes_free: int | None
    stored: bool
    step: str
    said: list[Said]
    """The repairs, notes and rejections to come, as sentences."""


class Later(Shape):
    """The writes to the store since a run; `names` by the id of the examples."""

    added: int
    edited: int
    removed: int
    examples: list[list[str]]
    names: dict[str, str]


class Rollback(Shape):
    """Which run a rollback would undo, and what was written since."""

    code: str
    run: str
    later: Later
    job: Job | None
    started_at: str | None
    message: str


class Check(Shape):
    """A check of a proof: what it shows, about what, its result."""

    title: str
    about: str
    ok: bool
    result: str


class Digest(Shape):
    """A SHA-256, and of what it is."""

    of: str
    sha256: str


class Report(Shape):
    """The report of a run, as its `report.json` holds it; null where the run left none."""

    code: str
    run: Run
    report: dict[str, Any] | None
    rules: list[Rule]
    title: str
    text: str
    checks: list[Check]
    said: list[Said]
    digests: list[Digest]
    again: str
    version: str
    """The version of pjais that ran it."""


class Backup(Shape):
    """A backup: what it holds, how large it is (bytes), and whether the store's proof needs it."""

    id: str
    created_at: str | None
    sources: list[str]
    size: int
    complete: bool
    needed: bool


class Backups(Shape):
    """All backups, oldest first."""

    code: str
    backups: list[Backup]
    job: Job | None
    kinds: dict[str, str]
    """The origin of each, by its id: a migration, a backup, an import."""


class Fix(Shape):
    """A proposed fix of a document: set `field` to a choice (value -> name), or leave it out.

    `others`: the ids of the documents that have the same problem.
    """

    kind: str
    field: str
    value: Any
    choices: dict[str, str]
    others: list[int]
    text: str


class Kept(Shape):
    """A document in quarantine, with the reasons; `document` only where one entry is asked for."""

    id: int
    run: str
    source_kind: str
    source: str
    collection: str
    native_id: str | None
    place: str
    reasons: list[dict[str, Any]]
    replayed_at: str | None
    discarded: bool
    document: Any
    raw_bytes: int
    title: str
    why: str
    """The reason in a few words."""
    fix: Fix | None
    entries: list[Kept]
    """The others of its list, where one is shown whole."""


class Quarantine(Shape):
    """The rejected documents."""

    code: str
    entries: list[Kept]
    everything: bool
    shown: Kept | None
    counts: dict[str, int]
    state: str
    page: Page


class Differing(Shape):
    """A field of a record on both sides; `field` null: the whole record, which one side lacks."""

    table: str
    id: str
    name: str
    field: str | None
    old: Any
    new: Any
    who: str
    on_sync: str


class Ready(Shape):
    """One condition of a switch, and whether it is met (null: not known)."""

    title: str
    text: str
    ok: bool | None


class Sides(Shape):
    """Source and target: which is active, for how long they have been in sync, and what differed last."""

    code: str
    side: str
    since: str | None
    agreed_since: str | None
    comparisons: int
    sources: list[Source]
    following: bool
    last: dict[str, Any] | None
    later: Later | None
    job: Job | None
    store: Store | None
    quarantined: int
    differences: list[Differing]
    edits: list[Differing]
    checks: list[Ready]
    new_data: bool
