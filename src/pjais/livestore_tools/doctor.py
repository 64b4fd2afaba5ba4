"""Check a LiveStore store for problems that LiveStore itself never reports.

Each check says what it means for the store's owner and what to do about it.  Nothing is written; the store is
read as a private copy.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pjais import canonical, files, journal, models
from pjais.core.document import Document, Remark, Unreadable
from pjais.core.shown import Named, fields_as_json
from pjais.core.snapshot import Snapshot
from pjais.display import counted
from pjais.errors import NoSourceFound
from pjais.sources import backup
from pjais.sources.livestore import locations, store
from pjais.sources.livestore.log import Event, Number
from pjais.sources.livestore.reader import merged
from pjais.sources.livestore.store import Store
from pjais.sources.registry import source_of
from pjais.targets.sqlite.target import SqliteTarget
from pjais.workspace import Workspace

_HEAP_EVENTS = 3300
"""Approximate number of events that LiveStore 0.3 can boot with its fixed memory of 16 MiB."""
_SHOWN = 10
_NOTED = {"state-differs", "log-only", "state-lossy", "state-dates"}


class Check(NamedTuple):
    """One check: whether it passed, the findings, their meaning, and the remedy (both empty if it passed)."""

    store: str
    name: Annotated[str, Named("check")]
    ok: bool
    found: str
    meaning: str = ""
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the check as a JSON object."""
        return fields_as_json(self)


def examine(here: Workspace, path: Path) -> list[Check]:
    """Return all checks of every LiveStore store at a path.  Raises NoSourceFound if there is none."""
    place = replace(here, target=SqliteTarget(here.data_dir / "-"), sources=(path,), named=True)
    if not path.exists():
        raise NoSourceFound("store not found", where=[str(path)])
    refs = [ref for ref in place.find().sources if source_of(ref).has_log]
    if not refs:
        raise NoSourceFound("LiveStore store not found", where=[str(path)], next_command="pjais detect --help")
    checks: list[Check] = []
    with tempfile.TemporaryDirectory(prefix="pjais-doctor-") as folder:
        scratch = Path(folder)
        users = {str(ref.path): files.users(ref.files) for ref in refs}
        for number, snapshot in enumerate(backup.snapshot_all(scratch / "copy", refs, at_ms=journal.now_ms())):
            groups = list(locations.groups(snapshot, scratch / f"store{number}"))
            name = snapshot.origin
            open_in = users[snapshot.origin]
            line = f"open in process {', '.join(map(str, open_in))}" if open_in else "closed"
            meaning = "reading a copy as of now; LiveStore takes no locks" if open_in else ""
            checks.append(Check(name, "in use", True, line, meaning))
            logs: list[tuple[str, Store]] = []
            for group in groups:
                label = name if len(groups) == 1 else f"{name} ({group.label})"
                found = store.open_store(group.databases, group.scratch, group.written)
                checks += [one._replace(store=label) for one in _checks(found, snapshot, group)]
                logs += [(group.label, found)] if found.facts is not None else []
            checks += _stranded(name, logs)
    return checks


def _checks(found: Store, snapshot: Snapshot, group: locations.Group) -> Iterator[Check]:
    yield from _files(found, group)
    if found.log is not None:
        numbers: list[Number] = []
        yield from _events(found, numbers)
        yield from _position(found, numbers)
    yield from _sides(found, snapshot, group)


def _files(found: Store, group: locations.Group) -> Iterator[Check]:
    bad = [piece for piece in (*group.pieces, *found.pieces) if isinstance(piece, Unreadable)]
    unsound = [part for part in (found.log, found.state.part if found.state else None) if part and part.unsound]
    lines = [f"{one.place}: {one.reason}" for one in bad] + [f"{part.name}: {part.unsound[0]}" for part in unsound]
    yield Check(
        "",
        "files",
        not lines,
        "; ".join(lines[:_SHOWN]) or "every file can be read and is valid",
        "a file is damaged; LiveStore may refuse to boot, or drop it in silence" if lines else "",
        "pjais migrate --on-invalid quarantine saves what can be read" if lines else "",
    )
    wal = [name for name, path in group.databases if _is_wal(path)]
    yield Check(
        "",
        "journal mode",
        not wal,
        ", ".join(wal) or "none is in WAL mode",
        "LiveStore cannot open a database in WAL mode" if wal else "",
        "pjais livestore upgrade STORE --to 6 -o NEW writes it again" if wal else "",
    )
    if found.log is None:
        yield Check(
            "",
            "log",
            False,
            "event log not found",
            "the rows are still shown, but the next change of the schema loses them",
            "pjais migrate, now",
        )
    if found.older:
        names = ", ".join(state.part.name for state in found.older)
        yield Check("", "old states", True, names, "left behind by earlier schemas; they hold nothing of their own")


def _is_wal(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(20)
    return len(head) == 20 and head[18:20] == b"\x02\x02"


def _events(found: Store, numbers: list[Number]) -> Iterator[Check]:
    """Check each event: that it can be read, and that numbers and parents are consistent."""
    assert found.log is not None
    unread: list[str] = []
    unknown: Counter[str] = Counter()
    metadata: list[str] = []
    parents: list[str] = []
    imports = _Imports()
    for event in store.events(found.log):
        if not isinstance(event, Event):
            unread.append(f"{event.place}: {event.reason}")
            continue
        parents += _parent_problem(event, numbers)
        numbers.append(event.number)
        if event.metadata is not None and not _is_option(event.metadata):
            metadata.append(str(event.number))
        imports.see(event)
        try:
            models.events().decode(event.name, event.args)
        except KeyError:
            unknown[event.name] += 1
        except (ValueError, RecursionError) as error:
            unread.append(f"event {event.number}, {event.name}: {error}")
    yield _listed(
        "events",
        unread,
        f"{counted(len(numbers), 'event')}, each can be read",
        "LiveStore fails to boot once, and from the second boot on shows only the rows before it, in silence",
        "pjais migrate --on-invalid quarantine: the events behind it are read too",
    )
    names = ", ".join(f"{name} ({count})" for name, count in sorted(unknown.items()))
    yield Check(
        "",
        "event names",
        True,
        names or "all are known",
        "pjais does not know what these do; the state's rows are taken as the app shows them" if names else "",
    )
    yield _listed(
        "parents",
        parents,
        "every event follows the one before it",
        "the chain is broken: a sync backend may refuse it, and a rebase may go wrong",
        "pjais migrate --to livestore writes a log in one piece",
    )
    yield _listed(
        "metadata",
        metadata,
        "every event's sync metadata can be decoded",
        "LiveStore fails to boot on these events",
        "pjais migrate --to livestore",
    )
    yield imports.check()


class _Imports:
    """Check that every import that began was completed.  Guide B's importer records no end, ours does."""

    def __init__(self) -> None:
        self._begun = self._ended = self._records = 0
        self._ours = False

    def see(self, event: Event) -> None:
        """Add one event."""
        if event.name == "v1.MigrationStarted":
            self._begun += 1
            self._ours = self._ours or (isinstance(event.args, dict) and "schemaVersion" in event.args)
        elif event.name == "v1.MigrationCompleted":
            self._ended += 1
        elif event.name.endswith("Imported"):
            self._records += 1

    def check(self) -> Check:
        """Return the check of the imports in the log."""
        line = f"{self._begun} begun, {self._ended} completed, {counted(self._records, 'record')}"
        if self._begun <= self._ended:
            return Check("", "imports", True, line)
        lost = not self._records or self._ours
        meaning = (
            "LiveStore reports a commit before it is on the disk: what the app showed after its import may never "
            "have been written"
        )
        return Check("", "imports", not lost, line, meaning, "compare with the source: pjais plan SOURCE")


def _parent_problem(event: Event, before: list[Number]) -> list[str]:
    """Return the problem of an event's number or parent, if any."""
    number, parent = event.number, event.parent
    if number.global_ == 0 and parent is not None and parent.global_ >= 0:
        return ["event 0: LiveStore 0.3 and 0.4 skip it in silence"]
    if parent is None:
        return []
    if number.client:
        expected = (number.global_, number.client - 1)
    else:
        last = next((one.global_ for one in reversed(before) if not one.client), None)
        expected = (number.global_ - 1 if last is None else last, 0)
        if last is not None and number.global_ > last + 1:
            return [f"event {number}: the numbers {last + 1} to {number.global_ - 1} are missing"]
    if (parent.global_, parent.client) != expected:
        return [f"event {number}: its parent is {parent}, not {expected[0]}"]
    return []


def _is_option(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("_tag") in ("None", "Some")


def _position(found: Store, numbers: list[Number]) -> Iterator[Check]:
    facts = found.facts
    last = numbers[-1] if numbers else Number(0)
    head = facts.head if facts is not None else None
    beyond = head is not None and head > last.global_
    silent = facts is not None and facts.format.number == 2  # which did not record this
    yield Check(
        "",
        "head",
        not beyond and (head is not None or silent),
        "the log does not say what a backend confirmed" if head is None else f"{head}, the log ends at {last}",
        "LiveStore refuses to boot" if beyond else "" if head is not None else "LiveStore takes it for 0",
        "pjais livestore upgrade STORE --to 6 -o NEW" if beyond or (head is None and not silent) else "",
    )
    if facts is not None and facts.format.number == 4:
        many = len(numbers) > _HEAP_EVENTS
        yield Check(
            "",
            "size",
            not many,
            counted(len(numbers), "event"),
            "LiveStore 0.3 has 16 MiB of memory, and aborts on logs of about this length when it has to replay them"
            if many
            else "",
            "pjais livestore upgrade STORE --to 6, and LiveStore 0.4" if many else "",
        )


def _sides(found: Store, snapshot: Snapshot, group: locations.Group) -> Iterator[Check]:
    """Compare state and log: events that the state has not seen, and rows that differ."""
    if found.state is None:
        yield Check("", "state", True, "none yet; LiveStore rebuilds it from the log at the next boot")
        return
    if found.log is None:
        return
    behind = ""
    notes: Counter[str] = Counter()
    work = files.private_folder(group.scratch / "sides")
    for piece in merged(found, replace(snapshot, unsound=()), work):
        if isinstance(piece, Remark) and piece.rule == "state-behind":
            behind = piece.message
        if isinstance(piece, Document):
            notes.update({note.partition(":")[0] for note in piece.notes} & _NOTED)
    yield Check(
        "",
        "state",
        not behind,
        behind or "it has seen every event",
        "LiveStore shows the old rows until the state file is removed, and then all of them" if behind else "",
        _REMEDY_DATES if behind and notes["state-dates"] else _REMEDY if behind else "",
    )
    lines = [f"{counted(count, 'row')}: {rule}" for rule, count in sorted(notes.items()) if rule != "state-dates"]
    wrong = notes["state-differs"] + notes["log-only"]
    yield Check(
        "",
        "rows",
        not wrong,
        "; ".join(lines) or "replaying the log gives the state",
        "pjais explain state-differs | log-only | state-lossy" if lines else "",
        "pjais migrate takes each row from the side that can be trusted, and says so" if wrong else "",
    )


_REMEDY = "close the app and remove the state file; LiveStore makes it again (or: pjais migrate)"
_REMEDY_DATES = "keep the state file: only it holds the dates.  pjais migrate --to livestore writes a log that has both"


def _stranded(name: str, logs: list[tuple[str, Store]]) -> Iterator[Check]:
    """Check for events of an earlier format beside a newer one, none of which the installed app shows.

    After an upgrade the newer log holds them too, and the old one is history.
    """
    newest = max((_format(found) for _, found in logs), default=0)
    old = [(label, found) for label, found in logs if _format(found) < newest and found.facts and found.facts.events]
    if not old:
        return
    held: Counter[bytes] = Counter()
    for _, found in logs:
        held.update(_events_of(found) if _format(found) == newest else ())
    lost = [(label, (_events_of(found) - held).total()) for label, found in old]
    lines = [f"{counted(count, 'event')} in {label} only" for label, count in lost if count]
    if not lines:
        labels = ", ".join(label for label, _ in old)
        yield Check(
            name,
            "formats",
            True,
            f"every event in {labels} is in format {newest} too",
            "the older log is history: LiveStore does not look at it, and nothing is in it alone",
        )
        return
    upgrade = "" if held else f"pjais livestore upgrade STORE --to {newest}, or "  # which mixes no two logs
    yield Check(
        name,
        "formats",
        False,
        "; ".join(lines),
        "LiveStore shows the newest format only, and says nothing of these",
        f"{upgrade}pjais migrate, which reads them all",
    )


def _format(found: Store) -> int:
    return 0 if found.facts is None else found.facts.format.number


def _events_of(found: Store) -> Counter[bytes]:
    """Count each event of a log by digest, regardless of its number; every unreadable one counts as different."""
    assert found.log is not None
    return Counter(
        canonical.digest(
            (one.name, canonical.dumps(one.args, sort=True)) if isinstance(one, Event) else (found.log.name, one.place)
        )
        for one in store.events(found.log)
    )


def _listed(name: str, problems: list[str], well: str, meaning: str, remedy: str) -> Check:
    if not problems:
        return Check("", name, True, well)
    more = f" ... and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return Check("", name, False, "; ".join(problems[:_SHOWN]) + more, meaning, remedy)
