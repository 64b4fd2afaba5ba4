"""Actions: `POST /do/NAME` with a form of the page.  Each is one call of the library.

An action returns the next address.  Long work is started here and continues as a job of the session (`Session.start`).
No path is ever taken from a form: an action names records, runs, backups and stores, which are looked up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from pjais import canonical, instants
from pjais.choices import OnInvalid
from pjais.core.results import Progress
from pjais.core.table import Column, Table
from pjais.errors import BackupFailed, UsageError
from pjais.exchange import guide_backup
from pjais.livestore_tools import restore_record as record_restore
from pjais.migration import backups, quarantine, run
from pjais.migration import rollback as migration_rollback
from pjais.migration import verify as migration_verify
from pjais.models.persona.model import MODEL
from pjais.models.persona.tables import CONVERSATIONS, MEMORIES, PERSONAS
from pjais.persona.store import Store
from pjais.side_by_side import follow, shadow
from pjais.side_by_side import switch as side_switch
from pjais.sources import backup
from pjais.store import undo as store_undo
from pjais.web import bulk, history_views, rendering, shell
from pjais.web.session import Session

Form = dict[str, str]


class Next(NamedTuple):
    """Where to look next, and what the browser is to remember of its owner's taste (cookies)."""

    address: str
    remember: dict[str, str]


Action = Callable[[Session, Form], str | Next]
_DIGITS = 18

_EDITABLE: dict[str, tuple[Table, tuple[str, ...]]] = {
    table.title: (table, (*names, *(column.name for column in table.later)))
    for table, names in (
        (PERSONAS, ("name", "description", "personality", "settings")),
        (MEMORIES, ("name", "content", "summary", "tags", "importance", "type", "memory_tier")),
        (CONVERSATIONS, ("title", "summary")),
    )
}
"""The fields that a form may change: those named here, and whatever the model was given since."""


def _need(form: Form, name: str) -> str:
    found = form.get(name, "")
    if not found:
        raise UsageError(f"the form lacks {name}")
    return found


def _address(kind: str, key: str) -> str:
    return rendering.record(_EDITABLE[kind][0].name, key) or "/"


def _name(store: Store, kind: str, key: str) -> str:
    record = getattr(store, kind).get(key)
    name = getattr(record, "title" if kind == "conversations" else "name", None) or getattr(record, "summary", None)
    return f"“{rendering.short(name, 60)}”" if name else f"this {kind.removesuffix('s').replace('memorie', 'memory')}"


# -- records


def edit(session: Session, form: Form) -> str:
    """Change fields of a record."""
    kind, key = _need(form, "kind"), _need(form, "id")
    if kind not in _EDITABLE:
        raise UsageError("unknown kind of record", where=[kind])
    table, names = _EDITABLE[kind]
    with session.store() as store:
        records = getattr(store, kind)
        record = records.get(key)
        columns = [column for column in table.columns if column.name in names and column.name in form]
        written = [column for column in columns if not _untouched(record, column, form[column.name])]
        if written or record is None:
            with bulk.operation(session, store, f"Changed {_name(store, kind, key)}"):
                records.update(key, **{column.name: _typed(column, form, form[column.name]) for column in written})
    return _address(kind, key)


def _untouched(record: Any, column: Column, text: str) -> bool:
    """Return whether a field is unchanged: the form sends every field, and not always with the same characters.

    A browser sends other ends of lines, none at all in a field of one line, and U+FFFD for NUL.
    """
    held = getattr(record, column.name, None)
    if column.kind == "instant" and held is not None:
        held = instants.to_text(held)
    shown = _lines(rendering.typed(held, column)).replace("\0", "\ufffd") if record is not None else ""
    one_line = column.kind == "texts" or column.name == "name"
    return _lines(text) in ((shown, shown.replace("\n", "")) if one_line else (shown,))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _typed(column: Column, form: Form, text: str) -> Any:
    """A field as its column holds it; what is typed as JSON, a number or a time must be one."""
    name, text = column.name, _lines(text)
    if column.kind == "texts":
        return [one.strip() for one in text.split(",") if one.strip()]
    if not text.strip() and column.later:
        return copy(column.default)
    if column.form == "number":
        return _number(name, text)
    if column.form == "instant":
        return _instant(name, text)
    if column.form in ("json", "bool") or (column.form == "content" and form.get("content_format") == "json"):
        found = _json(name, text)
        if isinstance(found, str) and not canonical.encodable(found):
            raise UsageError(f"{name}: no text: it holds half of a character", where=[text[:80]])
        return found
    return text if text or name in ("name", "content", "type") else None


def _instant(name: str, text: str) -> int:
    found = instants.from_text(text.strip())
    if found is None:
        raise UsageError(f"{name}: not a time", where=[text[:80]])
    return found


def _number(name: str, text: str) -> int | float:
    try:
        found = float(text)
    except ValueError as error:
        raise UsageError(f"{name}: not a number", where=[text[:80]]) from error
    if not math.isfinite(found):
        raise UsageError(f"{name}: not a number that can be kept", where=[text[:80]])
    return int(found) if found.is_integer() else found


def _whole(name: str, text: str) -> int:
    """A number that says which: a document in quarantine, a change, a store."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise UsageError(f"{name}: not a valid number", where=[text[:80]])
    return int(text)


def _json(name: str, text: str) -> Any:
    if not text.strip():
        return None
    try:
        if canonical.deeper_than(text):
            raise UsageError(f"{name}: this JSON is nested too deep", where=[f"at most {canonical.DEPTH} levels"])
        return canonical.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: not JSON: {error}") from error


def _of_records(kind: str, call: str, told: str) -> Action:
    def action(session: Session, form: Form) -> str:
        key = _need(form, "id")
        with session.store() as store, bulk.operation(session, store, f"{told} {_name(store, kind, key)}"):
            getattr(getattr(store, kind), call)(key)
        return bulk.back_of(form, _address(kind, key))

    action.__doc__ = f"`{call}` of a record of {kind}."
    return action


def remember(session: Session, form: Form) -> str:
    """Write a memory down."""
    with session.store() as store:
        content, persona = _lines(_need(form, "content")), form.get("persona") or None
        with bulk.operation(session, store, "Memory added"):
            record = store.memories.remember(content, persona=persona)
    return _address("memories", record.id)


def restore_record(session: Session, form: Form) -> str:
    """Bring a record, or one field of it, back as it was at a moment."""
    key, at, field = _need(form, "id"), _need(form, "at"), form.get("field") or None
    here = session.workspace()
    kind, path = history_views.chosen(here, _whole("where", form.get("where") or "0"))
    back = bulk.back_of(form, "/history")
    if kind == "livestore":
        session.start("restore", lambda _: record_restore.restore(here, path, key, event=at, field=field).as_dict())
        return "/work"
    table = _need(form, "table")
    with session.store() as store:
        label = f"Restored {rendering.spaced(field) if field else 'an earlier version'}"
        with bulk.operation(session, store, label):
            store.restore_record(table, key, _whole("at", at), field=field)
    return back


def undo(session: Session, form: Form) -> str:
    """Undo the last operation; with `operation` only if it is that one: nothing else is undone in its place."""
    with session.store() as store:
        if form.get("operation"):
            found = store.undo_operation(_whole("operation", form["operation"]))
        else:
            (found,) = store.undo()
    session.tell(f"Undone: {found.label}")
    return bulk.back_of(form, "/history")


def undo_change(session: Session, form: Form) -> str:
    """Undo the changes from one to another, whoever made them, as far as nothing newer stands on them."""
    first, last = _whole("first", _need(form, "first")), _whole("last", _need(form, "last"))
    with session.store() as store:
        newest = store.undoable(1)
        if newest and (newest[0].first_seq, newest[0].last_seq) == (first, last):
            store.undo()
            session.tell("The change is undone. That is in the history, too.")
        else:
            with bulk.operation(session, store, f"Undone: change {last}"):
                store_undo.revert(store.pool, first, last)
    return bulk.back_of(form, "/history")


def _history(call: str) -> Action:
    def action(session: Session, form: Form) -> str:
        with session.store() as store:
            getattr(store, call)()
        return "/history"

    action.__doc__ = f"`{call}` one operation."
    return action


# -- migrations


def migrate(session: Session, form: Form) -> str:
    """Migrate what was found."""
    here = session.workspace()
    options = replace(session.options, on_invalid="quarantine" if form.get("quarantine") == "yes" else "stop")
    session.start("migrate", lambda progress: run.migrate(here, options, progress).as_dict())
    return "/import"


def import_files(session: Session, form: Form) -> str:
    """Import the files of a batch that the page was handed: of any kind, told by their content."""
    batch = _need(form, "batch")
    sources = session.inbox.sources(batch)
    here = replace(session.workspace(), sources=sources)
    on_invalid: OnInvalid = "quarantine" if form.get("quarantine") == "yes" else "stop"
    options = replace(session.options, on_invalid=on_invalid, imported=True)

    def work(progress: Progress) -> dict[str, Any]:
        try:
            return run.migrate(here, options, progress).as_dict()
        finally:
            session.inbox.remove(batch)

    session.start("import", work)
    return "/import"


def unlock(session: Session, form: Form) -> str:
    """Take the password of an encrypted source; a new plan is made with it."""
    session.options = replace(session.options, password=_need(form, "password"))
    return "/import"


def verify(session: Session, form: Form) -> str:
    """Prove every record against the backups."""
    here, password = session.workspace(), session.options.password
    session.start(
        "verify",
        lambda progress: migration_verify.verify(here, None, progress, password=password).as_dict(),
        alone=False,
    )
    return "/work"


def rollback(session: Session, form: Form) -> str:
    """Restore the state before a run; later writes are kept in a file of the run's folder, or discarded."""
    here, name = session.workspace(), _need(form, "run")
    if form.get("later") not in ("keep", "discard"):
        raise UsageError("choose what becomes of what was written since: keep or discard it")
    found, _ = migration_rollback.preview(here)
    if found.id != name:
        raise UsageError("another run is the last one now; reload the page", where=[found.id])
    file = _free(found.folder / "later.pjais.json") if form["later"] == "keep" else None
    session.start(
        "rollback",
        lambda _: migration_rollback.rollback(here, name, keep_later=file, discard_later=file is None).as_dict(),
    )
    return "/work"


def _free(path: Path) -> Path:
    """The path, or the next one of its kind that is not taken."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"later-{number}.pjais.json")
    return found


def back_up(session: Session, form: Form) -> str:
    """Back up every source and the store."""
    here = session.workspace()
    session.start("backup", lambda _: {"backup": backups.create(here).name})
    return "/backups"


def check_backup(session: Session, form: Form) -> str:
    """Read a backup back and compare every file, its journal and its report, as `pjais backup verify` does."""
    folder = backups.folder_of(session.workspace(), _need(form, "id"))

    def work(_: Progress) -> dict[str, Any]:
        if wrong := backups.check(folder) or guide_backup.check(MODEL, folder)[0]:
            raise BackupFailed("a backup is not valid", where=wrong)
        return {"sound": folder.name}

    session.start("check backup", work, alone=False)
    return "/backups"


def restore_backup(session: Session, form: Form) -> str:
    """Write a backup's raw files into a new folder of the data folder, beside what is there."""
    here = session.workspace()
    folder = backups.folder_of(here, _need(form, "id"))
    destination = here.data_dir / "restored" / folder.name
    session.start(
        "restore backup",
        lambda _: {"folder": str(destination), "files": len(backup.restore(folder, destination))},
        alone=False,
    )
    return "/backups"


def replay(session: Session, form: Form) -> str:
    """Replay a quarantined document, unchanged or edited."""
    here, number = session.workspace(), _whole("id", _need(form, "id"))
    text = form.get("document", "")
    edited = None
    if text.strip() and text.replace("\r\n", "\n") != form.get("before", "").replace("\r\n", "\n"):
        edited = _json("document", text)
    with session.alone():
        (result,) = quarantine.replay(here, [number], edited) or (None,)
    if result is None:
        raise UsageError("this document is in the store already", next_command="pjais quarantine list")
    if result.record_id is None:
        raise UsageError(
            "it is still invalid",
            where=result.problems,
            safe="It stays in quarantine as it was.",
            next_command=f"pjais quarantine show {number}",
        )
    return rendering.record(str(result.record_type), result.record_id) or "/quarantine"


def discard(session: Session, form: Form) -> str:
    """Discard a document in quarantine."""
    with session.alone():
        quarantine.discard(session.workspace(), [_whole("id", _need(form, "id"))])
    return "/quarantine"


# -- old and new


def bring_over(session: Session, form: Form) -> str:
    """One increment of what the old app wrote since."""
    here, options = session.workspace(), session.options
    work = lambda _: follow.increment(here, options).as_dict()  # noqa: E731
    session.start("follow", work, alone=not here.store.exists(), writes=True)
    return "/cutover"


def keep_following(session: Session, form: Form) -> str:
    """Sync what the old app writes, repeatedly, until it is stopped."""
    session.follow(on=form.get("on") == "yes")
    return "/cutover"


def compare(session: Session, form: Form) -> str:
    """Compare old and new, record by record."""
    here, password = session.workspace(), session.options.password

    def work(_: Progress) -> dict[str, Any]:
        session.compared = shadow.compare(here, password=password).as_dict()
        return session.compared

    session.start("compare", work, alone=False)
    return "/cutover"


def switch(session: Session, form: Form) -> str:
    """Make the new side live, or the old one again."""
    here, options, edits = session.workspace(), session.options, form.get("edits") == "keep"
    if form.get("to") not in ("new", "old"):
        raise UsageError("choose which side is to be live: new or old")
    if form["to"] == "old":
        session.start("switch back", lambda _: side_switch.back(here).as_dict(), alone=False, writes=True)
    else:
        session.follow(on=False)
        work = lambda _: side_switch.go(here, options, keep_edits=edits).as_dict()  # noqa: E731
        session.start("switch", work, alone=False, writes=True)
    return "/cutover"


def settings(session: Session, form: Form) -> Next:
    """Remember how the page is to look: in this browser alone."""
    known = {"theme": shell.THEMES, "density": shell.DENSITIES}
    chosen = {name: form[name] if form[name] in values else "" for name, values in known.items() if name in form}
    return Next(bulk.back_of(form, "/settings"), chosen)


ACTIONS: dict[str, Action] = {
    "settings": settings,
    "activate": _of_records("personas", "activate", "Activated"),
    "edit": edit,
    "delete-memory": _of_records("memories", "delete", "Deleted"),
    "restore-memory": _of_records("memories", "restore", "Restored"),
    "promote": _of_records("memories", "promote", "Promoted"),
    "demote": _of_records("memories", "demote", "Demoted"),
    "archive": _of_records("conversations", "archive", "Archived"),
    "unarchive": _of_records("conversations", "restore", "Restored"),
    "remember": remember,
    "bulk": bulk.bulk,
    "restore-record": restore_record,
    "undo": undo,
    "redo": _history("redo"),
    "undo-change": undo_change,
    "migrate": migrate,
    "import": import_files,
    "unlock": unlock,
    "verify": verify,
    "rollback": rollback,
    "back-up": back_up,
    "check-backup": check_backup,
    "restore-backup": restore_backup,
    "replay": replay,
    "discard": discard,
    "bring-over": bring_over,
    "keep-following": keep_following,
    "compare": compare,
    "switch": switch,
}
"""Every action by its name."""
