"""Actions: `POST /do/NAME` with a form of the page.  Each is one call of the library.

An action returns the next address.  Long work is started here and continues as a job of the session (`Session.start`).
No path is ever taken from a form: an action names records, runs, backups and stores, which are looked up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from typing import Any, NamedTuple

from pjais import canonical, instants
from pjais.core.table import Column, Table
from pjais.errors import UsageError
from pjais.livestore_tools import restore_record as record_restore
from pjais.models.persona.tables import CONVERSATIONS, MEMORIES, PERSONAS
from pjais.persona.store import Store
from pjais.store import undo as store_undo
from pjais.web import rendering, shell
from pjais.web.forms import Form
from pjais.web.forms import json as _json
from pjais.web.forms import need as _need
from pjais.web.forms import whole as _whole
from pjais.web.memories import bulk
from pjais.web.moving.actions import MOVING
from pjais.web.reading import history as history_views
from pjais.web.session import Session


class Next(NamedTuple):
    """The next address, and the settings that the browser keeps (cookies)."""

    address: str
    remember: dict[str, str]


Action = Callable[[Session, Form], str | Next]

_EDITABLE: dict[str, tuple[Table, tuple[str, ...]]] = {
    table.title: (table, (*names, *(column.name for column in table.later)))
    for table, names in (
        (PERSONAS, ("name", "description", "personality", "settings")),
        (MEMORIES, ("name", "content", "summary", "tags", "importance", "type", "memory_tier")),
        (CONVERSATIONS, ("title", "summary")),
    )
}
"""The fields that a form may change: those named here, and whatever the model was given since."""


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
    **MOVING,
}
"""Every action by its name."""
