"""The overview: is everything there, and what is to be done next.

Its verdict is green only after a proof: a run that is in place was proved before its commit, and `verify` proves it
again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from pjais import sqlite
from pjais.core.results import Counts
from pjais.display import counted
from pjais.migration import balance, origins, rollback, state
from pjais.migration import status as migration_status
from pjais.migration.balance import SourceBalance
from pjais.migration.state import RunState
from pjais.report import sentences
from pjais.side_by_side import switch
from pjais.web import view_values
from pjais.web.moving import schemas
from pjais.web.schemas import Persona
from pjais.web.session import Session
from pjais.web.view_values import InSession
from pjais.workspace import Workspace

_EVENTS = 6
_NAMED = 3


def front(session: InSession) -> schemas.Overview:
    """Return the status, and the next step."""
    here = session.workspace()
    status = migration_status.status(here)
    told = status["store"]
    store = told and schemas.Store(path=told["path"], kind=status["live"], size=told["size"], records=told["records"])
    runs = [one for one in state.runs(here.data_dir) if one.state != "backup"]
    known, new = _sources(session, here)
    active, active_memories = _active(session, here)
    total = sum((one.counts for one in known), Counts()) if store else None
    return schemas.Overview(
        code="done",
        data_dir=status["data_dir"],
        store=store,
        active=active,
        active_memories=active_memories,
        quarantined=status["quarantined"],
        sources=len(status["sources"]),
        new_data=status["new_data"],
        side=switch.live(here).side,
        runs=[schemas.Run(**one.as_dict()) for one in reversed(runs)],
        message=status["message"],
        next=session.typed(status["next"]),
        job=view_values.job(session.job),
        verdict=_verdict(session, runs, total, len(new), stored=store is not None),
        total=None if total is None else view_values.counts(total),
        balance=_balance(known, new, {(one["kind"], one["path"]) for one in status["sources"]}),
        todo=_todo(status, known, new),
        tiles=[] if store is None else _tiles(session, here, store.records),
        events=_events(session, here, runs),
        safety=_safety(here) if runs else None,
    )


def _sources(session: Session, here: Workspace) -> tuple[list[SourceBalance], list[Any]]:
    """Return the balance of the store's sources, and the sources with data that is not in it."""
    found = here.find()
    over = origins.passed_over(here, found.sources)
    taken = [ref for ref in found.sources if ref not in over]
    if not here.store.exists():
        return [], taken
    with closing(sqlite.open_reader(here.store)) as db:
        mark = balance.mark(db)
        if session.balance is None or session.balance[0] != mark:
            session.balance = mark, balance.of_store(db)
        known = state.known_sources(db)
    return session.balance[1], [ref for ref in taken if state.is_new(ref, known, exact=False)]


def _active(session: Session, here: Workspace) -> tuple[Persona | None, int | None]:
    if not here.target.in_place or not here.store.exists():
        return None, None
    with session.store() as store:
        record = store.personas.active()
        if record is None:
            return None, None
        sql = "SELECT count(*) FROM memory_entities WHERE persona_id = ? AND deleted_at IS NULL"
        with store.pool.reader() as db:
            count = session.figure(store, ("memories of", record.id), lambda: int(sqlite.value(db, sql, (record.id,))))
    return view_values.persona(record), count


def _verdict(
    session: Session, runs: Sequence[RunState], total: Counts | None, new: int, *, stored: bool
) -> schemas.Verdict:
    done = [one.finished_at for one in runs if one.state == "done" and one.finished_at]
    again = session.job if session.job is not None and session.job.kind == "verify" else None
    if again is not None and again.state == "done" and again.finished:
        done.append(again.finished)
    proved = view_values.text(max(done)) if done else None

    def verdict(tone: str, title: str, text: str) -> schemas.Verdict:
        return schemas.Verdict(tone=tone, title=title, text=text, proved=proved if tone == "success" else None)

    if any(one.pid is not None for one in runs) or (session.job is not None and session.job.state == "running"):
        return verdict("info", "Work on your data is in progress", "The store is replaced only at its last step.")
    if again is not None and again.state == "failed":
        what = (again.error or {}).get("what", "")
        return verdict("danger", "The verification found differences", f"{what[:1].upper()}{what[1:]}.")
    if not stored:
        if new:
            title = f"{counted(new, 'source')} found, nothing migrated yet"
            return verdict("info", title, "Review what a migration would do. Nothing is changed before you start it.")
        return verdict("plain", "No data found yet", "Choose a folder or files to import, or search again.")
    if not done or total is None:
        return verdict("plain", "Not verified yet", "This store was not made in this data folder. Verify it now.")
    if not total.read:
        return verdict("plain", "The store is empty", "The sources were read completely, and hold no documents.")
    documents = "The one document is" if total.read == 1 else f"All {total.read:,} documents are"
    return verdict(
        "success",
        f"{documents.removesuffix(' are').removesuffix(' is')} reconciled",
        "Every migrated record was compared with its original by digest.",
    )


def _balance(
    known: Sequence[SourceBalance], new: Sequence[Any], there: set[tuple[str, str]]
) -> list[schemas.SourceStatus]:
    changed = {(ref.kind, str(ref.path)) for ref in new}
    rows = [_status(one, (one.kind, one.origin), changed, there) for one in known]
    before = {(one.kind, one.origin) for one in known}
    rows += [
        schemas.SourceStatus(
            kind=ref.kind, name=ref.name, path=str(ref.path), counts=None, tone="info", status="Not migrated"
        )
        for ref in new
        if (ref.kind, str(ref.path)) not in before
    ]
    return rows


def _status(
    one: SourceBalance, key: tuple[str, str], changed: set[tuple[str, str]], there: set[tuple[str, str]]
) -> schemas.SourceStatus:
    tone, said = "success", "In sync"
    if key in changed:
        tone, said = "warning", "New data"
    elif one.counts.waiting:
        tone, said = "warning", f"{one.counts.waiting:,} in quarantine"
    elif key not in there:
        tone, said = "", "Imported"
    return schemas.SourceStatus(
        kind=one.kind,
        name=sentences.source(one.name),
        path=one.origin,
        counts=view_values.counts(one.counts),
        tone=tone,
        status=said,
    )


def _todo(status: Mapping[str, Any], known: Sequence[SourceBalance], new: Sequence[Any]) -> list[schemas.Todo]:
    found = []
    if waiting := status["quarantined"]:
        title = counted(waiting, "document is", "documents are") + " in quarantine"
        where = ", ".join(sentences.source(one.name) for one in known if one.counts.waiting)
        text = f"From {where}. Kept unchanged." if where else "Kept unchanged."
        found.append(_do("shield-alert", "warning", title, text, "/quarantine", "Review"))
    before = {(one.kind, one.origin) for one in known}
    changed = [ref for ref in new if (ref.kind, str(ref.path)) in before]
    if changed:
        one = len(changed) == 1
        title = "A source has new data" if one else f"{len(changed):,} sources have new data"
        found.append(_do("refresh-cw", "info", title, f"{_named(changed)} changed since the migration.", *_SYNC))
    if fresh := [ref for ref in new if ref not in changed]:
        title = f"{counted(len(fresh), 'source')} found but not migrated"
        found.append(_do("hard-drive", "info", title, f"{_named(fresh)}.", "/import", "Review"))
    if status["not_chosen"]:
        title = f"{counted(len(status['not_chosen']), 'source')} of another web origin"
        text = "Not part of this store: " + ", ".join(sorted({one["origin"] for one in status["not_chosen"]}))
        found.append(_do("hard-drive", "", title, text, "/import", "Show"))
    return found


_SYNC = ("/cutover", "Sync")


def _do(icon: str, tone: str, title: str, text: str, address: str, label: str) -> schemas.Todo:
    return schemas.Todo(icon=icon, tone=tone, title=title, text=text, address=address, label=label)


def _named(refs: Sequence[Any]) -> str:
    names = [sentences.source(ref.name) for ref in refs[:_NAMED]]
    rest = len(refs) - len(names)
    return ", ".join([*names, f"{rest:,} more"] if rest else names)


def _tiles(session: Session, here: Workspace, records: Mapping[str, int]) -> list[schemas.Tile]:
    deleted = 0
    if here.target.in_place:
        with session.store() as store, store.pool.reader() as db:
            gone = "SELECT count(*) FROM memory_entities WHERE deleted_at IS NOT NULL"
            deleted = session.figure(store, "deleted memories", lambda: int(sqlite.value(db, gone)))
    known = {
        "personas": ("Personas", "users", "/personas", "with their memories"),
        "memory_entities": (
            "Memories",
            "brain",
            "/memories",
            f"{deleted:,} deleted, can be restored" if deleted else "none deleted",
        ),
        "conversations": ("Conversations", "messages-square", "/conversations", "with all their messages"),
        "relationships": ("Relationships", "git-branch", None, "between memories"),
        "documents": ("App table rows", "table-2", "/tables", "from other apps"),
        "attachments": ("Attachments", "paperclip", None, "whole, with their digests"),
        "plugins": ("Plugins", "app-window", None, "of the app"),
    }
    return [
        schemas.Tile(
            name=name,
            icon=icon,
            address=address,
            value=records[table] - (deleted if table == "memory_entities" else 0),
            more=more,
        )
        for table, (name, icon, address, more) in known.items()
        if records.get(table) or (table in ("personas", "memory_entities", "conversations") and table in records)
    ]


def _events(session: Session, here: Workspace, runs: Sequence[RunState]) -> list[schemas.Event]:
    """Return what happened lately, the last first: migrations, proofs, edits."""
    said = {
        "done": ("import", "success", "Sources synced", "Migrated and verified"),
        "failed": ("circle-alert", "warning", "Migration failed", "Migration failed"),
        "interrupted": ("circle-alert", "warning", "Migration interrupted", "Migration interrupted"),
        "rolled-back": ("rotate-ccw", "", "Rolled back", "Migration rolled back"),
    }
    found = []
    for run in runs[-_EVENTS:]:
        if run.state not in said or run.pid is not None:
            continue
        icon, tone, synced, title = said[run.state]
        at = run.finished_at or run.started_at
        found.append(_event(icon, tone, at, synced if run.follow else title, run.target, f"/run?id={run.id}"))
    job = session.job
    if job is not None and job.kind == "verify" and job.state == "done":
        found.append(_event("shield-check", "success", job.finished, "Verified, no differences", None, "/work"))
    if here.target.in_place and here.store.exists():
        with session.store() as store:
            for one in store.undoable(_EVENTS):
                title = one.label[:1].upper() + one.label[1:] if one.label else "Records edited"
                count = one.last_seq - one.first_seq + 1
                found.append(_event("pencil", "accent", one.at, title, counted(count, "change"), "/history"))
    return sorted(found, key=lambda one: one.at or "", reverse=True)[:_EVENTS]


def _event(icon: str, tone: str, at: int | None, title: str, text: str | None, address: str) -> schemas.Event:
    shown = text.rpartition("/")[2] if text else ""
    return schemas.Event(icon=icon, tone=tone, at=view_values.text(at), title=title, text=shown, address=address)


def _safety(here: Workspace) -> schemas.Safety:
    backups = [one for one in state.runs(here.data_dir) if (one.folder / "manifest.json").is_file()]
    undone = [one for one in rollback.in_place(here) if one.started_at is not None] if here.store.exists() else []
    last = backups[-1] if backups else None
    at = None if last is None else last.started_at or int(last.folder.stat().st_mtime * 1000)
    return schemas.Safety(
        backup=None if last is None else last.id,
        backup_at=view_values.text(at),
        backups=len(backups),
        rollback=undone[-1].id if undone else None,
        rollback_at=view_values.text(undone[-1].started_at) if undone else None,
    )
