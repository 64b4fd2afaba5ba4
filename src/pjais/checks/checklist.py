"""The checklists of guide B (before, during, after, and rollback), checked automatically where possible.

Each line is `ok`, `failed`, `skip` (not applicable, with the reason) or `ask` (only a person can answer).  Nothing
is changed: trials run on scratch copies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pjais import files, instants, journal, sqlite
from pjais.checks import live_queries, verify_app
from pjais.checks.livestore_app import AppCheck
from pjais.core.shown import Named, fields_as_json
from pjais.core.source import SourceRef
from pjais.display import counted
from pjais.errors import BackupFailed, PjaisError
from pjais.exchange import guide_export
from pjais.migration import backups, origins, run, state, verify
from pjais.side_by_side import shadow, switch
from pjais.sources import backup
from pjais.sources.registry import source_of
from pjais.targets.sqlite import cutover, decisions
from pjais.workspace import Workspace

PHASES = ("pre", "during", "post", "rollback")
_SHOWN = 3
Answer = tuple[str, str]
"""(state, one line about it)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a checklist: the requirement, its state, the details, and the next command if there is one."""

    phase: str
    text: str
    state: str
    about: str
    command: Annotated[str | None, Named("next")] = None

    def as_dict(self) -> dict[str, Any]:
        """Return the line as a JSON object."""
        told = fields_as_json(self)
        return told if self.command is not None else {name: value for name, value in told.items() if name != "next"}


def check(workspace: Workspace, phases: tuple[str, ...] = PHASES, *, password: str | None = None) -> list[Line]:
    """Return the lines of these checklists, in the guide's order."""
    facts = _Facts(workspace, password)
    return [_checked(phase, text, look, facts, command) for phase, text, look, command in _LINES if phase in phases]


def answered(line: Line, yes: bool) -> Line:
    """Return a line that a person answered."""
    return replace(line, state="yes" if yes else "no")


def passed(lines: list[Line]) -> bool:
    """Return whether no check fails."""
    return all(line.state != "failed" for line in lines)


def _checked(phase: str, text: str, look: Callable[[_Facts], Answer], facts: _Facts, command: str | None) -> Line:
    try:
        told, about = look(facts)
    except PjaisError as error:
        told, about = "failed", "; ".join((error.what, *error.where[:_SHOWN]))
    except (OSError, sqlite.Error) as error:
        told, about = "failed", str(error)
    return Line(phase, text, told, about, command if told == "failed" else None)


class _Facts:
    """The data that the lines check, each read once."""

    def __init__(self, workspace: Workspace, password: str | None) -> None:
        self.workspace = workspace
        self.password = password

    @cached_property
    def sources(self) -> tuple[SourceRef, ...]:
        """Return the current old side, without excluded sources; empty if it was removed."""
        found = self.workspace.find().sources
        over = origins.passed_over(self.workspace, found)
        return tuple(ref for ref in found if ref not in over)

    @cached_property
    def live(self) -> switch.Live:
        """Return the live side."""
        return switch.live(self.workspace)

    @cached_property
    def there(self) -> bool:
        """True if there is a new side."""
        return cutover.inspect(self.workspace.store, self.workspace.model) is not None

    @cached_property
    def sound(self) -> tuple[list[Path], list[str]]:
        """Return the valid backups, newest last, and the problems of the others."""
        sound, wrong = [], []
        for folder in journal.run_folders(self.workspace.data_dir):
            try:
                bad = backup.check(folder)
            except BackupFailed as error:
                if "done" in journal.events(folder) or "backup" in journal.events(folder):
                    wrong.append(f"{folder.name}: {error.what}")
                continue
            wrong += [f"{folder.name}: {line}" for line in bad]
            sound += [] if bad else [folder]
        return sound, wrong

    @cached_property
    def app(self) -> dict[str, AppCheck]:
        """Return the verification after a migration, by name."""
        return {one.name: one for one in verify_app.verify_app(self.workspace)}

    @cached_property
    def counts(self) -> tuple[int, int]:
        """Return (documents read, documents in quarantine) of all sources, from the ledger."""
        with closing(sqlite.open_reader(self.workspace.store)) as db:
            documents = int(sqlite.value(db, "SELECT count(*) FROM migration_records"))
            return documents, decisions.waiting(db)

    def users(self) -> tuple[int, ...]:
        """Return the processes that have the old side open."""
        return files.users(path for ref in self.sources for path in ref.files)


_NOTHING: Answer = ("failed", "target not found")


def _backup_made(facts: _Facts) -> Answer:
    sound, _ = facts.sound
    if not facts.sources:
        kept = counted(len(sound), "valid backup", "valid backups")
        return ("ok", f"the source has been removed; {kept}") if sound else _no_source()
    missing = [ref.name for ref in facts.sources if _kept_in(ref, sound) is None]
    if not missing:
        newest = max(str(_kept_in(ref, sound)) for ref in facts.sources)
        return "ok", f"current files of {counted(len(facts.sources), 'source')} backed up; latest: {newest}"
    if not sound:
        return "failed", "backup not found"
    return "failed", f"changed since the last backup: {', '.join(missing[:_SHOWN])}"


def _no_source() -> Answer:
    return "failed", "neither the source nor a backup was found"


def _kept_in(ref: SourceRef, sound: list[Path]) -> str | None:
    """Return the newest backup that holds every current file of a source."""
    wanted = {str(path): path for path in ref.files if path.exists() and not path.name.endswith("-shm")}
    hashes: dict[str, str] = {}
    for folder in reversed(sound):
        for entry in backup.manifest(folder)["sources"]:
            held = {one["source"]: one["sha256"] for one in entry["files"]}
            if (entry["kind"], entry["origin"]) != (ref.kind, str(ref.path)) or not wanted.keys() <= held.keys():
                continue
            hashes = hashes or {name: files.sha256(path) for name, path in wanted.items()}
            if all(held[name] == digest for name, digest in hashes.items()):
                return folder.name
    return None


def _backup_sound(facts: _Facts) -> Answer:
    sound, wrong = facts.sound
    if wrong:
        return "failed", "; ".join(wrong[:_SHOWN])
    if not sound:
        return "failed", "no backup to verify"
    return "ok", f"{counted(len(sound), 'backup')}, sizes and hashes match"


def _tried(facts: _Facts) -> Answer:
    """Run a dry run of the new side, in a scratch store."""
    if facts.there and not state.anything_new(facts.workspace, facts.sources, exact=False):
        return "ok", f"target in sync with the source: {facts.workspace.live}"
    if not facts.sources:
        return _no_source()
    plan = run.plan(facts.workspace, run.Options(password=facts.password))
    total = plan.total
    if total.waiting:
        verb = "is" if total.waiting == 1 else "are"
        return "failed", f"dry run: {total.waiting:,} of {counted(total.read, 'document')} {verb} invalid"
    return "ok", f"dry run: {counted(total.read, 'document')} read, none rejected"


def _way_back(facts: _Facts) -> Answer:
    """Return whether the old side can be restored."""
    sound, _ = facts.sound
    old = facts.live.sources or tuple(str(ref.path) for ref in facts.sources)
    if old and all(Path(path).exists() for path in old):
        return "ok", f"source in place, {counted(len(sound), 'valid backup')}"
    kept = [folder for folder in sound if backup.manifest(folder)["sources"]]
    if not kept:
        return "failed", "neither the source nor a valid backup of it was found"
    return "ok", f"pjais backup restore {kept[-1].name}"


def _held(valid: guide_export.Validation) -> str:
    return f"{counted(valid.personas, 'persona')}, {counted(valid.memories, 'memory', 'memories')}"


def _only_a_person(about: str) -> Callable[[_Facts], Answer]:
    return lambda _: ("ask", about)


def _exported(facts: _Facts) -> Answer:
    if not facts.there:
        return _NOTHING
    accounted = counted(facts.counts[0], "document is", "documents are")
    if not facts.sources:
        return "ok", f"{accounted} reconciled; the source has been removed since"
    if facts.live.side == "new" and not facts.users():
        return "ok", f"{accounted} reconciled; the source ended with the cutover"
    if state.anything_new(facts.workspace, facts.sources, exact=False):
        return "failed", "the source has data that is not synced yet"
    return "ok", f"{accounted} reconciled, from {counted(len(facts.sources), 'source')}"


def _export_valid(facts: _Facts) -> Answer:
    """Check the guide's own validation of its export, and that nothing is undecided in quarantine."""
    if not facts.there:
        return _NOTHING
    documents, held = facts.counts
    if held:
        return "failed", f"{held:,} of {counted(documents, 'document')} in quarantine"
    exports = sorted(facts.workspace.backups.glob("*/rxdb-backup-*.json"))
    latest = [(one.name, guide_export.verify(one)) for one in exports if one.parent == exports[-1].parent]
    for name, valid in latest:
        if valid.errors:
            return "failed", f"{name}: {'; '.join(valid.errors[:_SHOWN])}"
    told = "".join(f"; export {name}: {_held(valid)}" for name, valid in latest)
    return "ok", f"{counted(documents, 'document is', 'documents are')} reconciled, none missing{told}"


def _imported(facts: _Facts) -> Answer:
    if not facts.there:
        return _NOTHING
    found = state.record_counts(facts.workspace.store, facts.workspace.model)
    return "ok", ", ".join(f"{count:,} {name}" for name, count in found.items() if count) or "empty, like its sources"


def _proved(facts: _Facts) -> Answer:
    proof = verify.verify(facts.workspace, password=facts.password)
    since = proof.edited_since + proof.added_since + proof.removed_since
    documents = counted(proof.documents, "document")
    return "ok", f"{counted(proof.records, 'record')} verified against {documents}; {since:,} changed since"


def _agree(facts: _Facts) -> Answer:
    """Return the check of the discrepancy log."""
    seen = shadow.agreement(facts.workspace)
    if seen.last is None:
        return "skip", "never compared: run pjais shadow; pjais switch compares before the cutover"
    if seen.since is None:
        return "failed", f"out of sync when last compared, {instants.to_text(seen.last)}"
    return "ok", f"in sync since {instants.to_text(seen.since)}, over {counted(seen.comparisons, 'comparison')}"


def _no_errors(facts: _Facts) -> Answer:
    runs = state.runs(facts.workspace.data_dir)
    bad = [f"{one.id}: {one.state}" for one in runs[-1:] if one.state in ("failed", "interrupted") and not one.pid]
    if bad:
        return "failed", "last run: " + "; ".join(bad)
    return ("ok", f"{len(runs)} runs and backups, the last one successful") if runs else ("skip", "no runs yet")


def _named(*names: str) -> Callable[[_Facts], Answer]:
    """Return checks of the verification after a migration; without names all of them."""

    def look(facts: _Facts) -> Answer:
        if not facts.there:
            return _NOTHING
        found = [one for name, one in facts.app.items() if not names or name in names]
        bad = [f"{one.name}: {one.message}" for one in found if not one.passed]
        return ("failed", "; ".join(bad)) if bad else ("ok", found[0].message if len(found) == 1 else _all(found))

    return look


def _all(found: list[AppCheck]) -> str:
    return f"{', '.join(one.name for one in found)}: passed"


def _reactive(facts: _Facts) -> Answer:
    if not facts.there:
        return _NOTHING
    done = live_queries.check(facts.workspace)
    return "ok" if done.passed else "failed", done.message


def _new_is_live(facts: _Facts) -> Answer:
    live = facts.live
    if live.side == "new":
        same = live.target in (None, str(facts.workspace.live))
        about = f"{live.target}, since {'' if live.at is None else instants.to_text(live.at)}"
        return ("ok", about) if same else ("failed", f"another store is active: {live.target}")
    follows = any(one.follow for one in state.runs(facts.workspace.data_dir))
    if live.at is None and not follows and facts.there:
        return "ask", "no cutover recorded: does the app open the target?"
    return "failed", "the source is active"


def _old_is_closed(facts: _Facts) -> Answer:
    users = facts.users()
    if users:
        return "failed", f"the source is open in process {', '.join(map(str, users))}"
    if facts.there and facts.sources and state.anything_new(facts.workspace, facts.sources, exact=False):
        return "failed", "the source has changed since the last sync"
    return "ok", "the source is closed and has nothing new"


def _new_backup(facts: _Facts) -> Answer:
    if not facts.there:
        return _NOTHING
    done = {one.id for one in state.runs(facts.workspace.data_dir) if one.state == "done"}
    for kept in reversed(backups.listed(facts.workspace)):
        if kept.id in done:
            break
        body = backup.manifest(facts.workspace.backups / kept.id) if kept.complete else {}
        if "previous" in body and not _is_run(facts.workspace, kept.id):
            return "ok", f"{kept.id} holds the store as of {body['created_at']}"
    return "failed", "target not backed up since the last run"


def _is_run(workspace: Workspace, backup_id: str) -> bool:
    """Return whether a backup belongs to a run: that one holds the previous store."""
    return "begun" in journal.events(workspace.backups / backup_id)


def _cleaned(facts: _Facts) -> Answer:
    there = [ref for ref in facts.sources if not source_of(ref).is_ours]
    if not there:
        return "ok", "no old data left"
    size = sum(path.stat().st_size for ref in there for path in ref.files if path.exists())
    return "skip", f"optional: {counted(len(there), 'old source')} ({size:,} bytes) still there; pjais cleanup"


def _new_is_closed(facts: _Facts) -> Answer:
    users = files.users(facts.workspace.target.replaced)
    if users:
        return "skip", f"open in process {', '.join(map(str, users))}; close it before the rollback"
    return "ok", "the target is closed"


def _switch_back(facts: _Facts) -> Answer:
    if facts.live.side == "old":
        return "ok", "the source is active"
    return "skip", "pjais switch --undo exports later records, then makes the source active"


def _flags(facts: _Facts) -> Answer:
    path = facts.workspace.data_dir / switch.LIVE
    if not path.exists():
        return "ok", "no flag set: the source is active"
    told = json.loads(path.read_text("utf-8"))["live"]
    return "ok", f"{path}: {told}"


def _investigate(facts: _Facts) -> Answer:
    reports = sorted(facts.workspace.backups.glob("*/report.html"))
    return "skip", f"pjais verify-app, pjais verify, and {reports[-1] if reports else 'the report of a run'}"


Look = Callable[[_Facts], Answer]


def _lines() -> Iterator[tuple[str, str, Look, str | None]]:
    """(phase, requirement, check function, command if it fails)."""
    yield "pre", "The old data is backed up", _backup_made, "pjais backup create"
    yield "pre", "Every backup is valid", _backup_sound, "pjais backup verify"
    yield "pre", "A dry run passes", _tried, "pjais plan"
    yield "pre", "A rollback is possible", _way_back, "pjais backup create"
    yield "pre", "Stakeholders are notified", _only_a_person("have they been notified?"), None
    yield "during", "All source data is migrated", _exported, "pjais follow"
    yield "during", "No document is missing or in quarantine", _export_valid, "pjais quarantine list"
    yield "during", "The target has records", _imported, "pjais migrate"
    yield "during", "The verification passes", _proved, "pjais verify"
    yield "during", "Source and target are in sync", _agree, "pjais shadow"
    yield "during", "App features work", _named("features"), "pjais verify-app"
    yield "during", "No run failed", _no_errors, "pjais status"
    yield "post", "The target is active", _new_is_live, "pjais switch"
    yield "post", "The old app is closed", _old_is_closed, "pjais follow"
    yield "post", "The app verification passes", _named(), "pjais verify-app"
    yield "post", "The app works as before", _only_a_person("does the app itself work as before?"), None
    yield "post", "Performance is within limits", _named("performance"), "pjais verify-app"
    yield "post", "Live queries are notified of changes", _reactive, "pjais verify-app"
    yield "post", "The target is backed up", _new_backup, "pjais backup create"
    yield "post", "Old data is removed (optional)", _cleaned, "pjais cleanup"
    yield "rollback", "The target is closed", _new_is_closed, None
    yield "rollback", "The old data can be restored", _way_back, "pjais backup list"
    yield "rollback", "The source is active", _switch_back, "pjais switch --undo"
    yield "rollback", "The active side is recorded", _flags, None
    yield "rollback", "The cause is known", _investigate, None


_LINES = tuple(_lines())
