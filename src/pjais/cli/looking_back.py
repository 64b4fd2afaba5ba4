"""The faces of a SQLite store's history: what `at`, `diff`, `history`, `restore-record` show of it; undo, redo.

`travelling` holds the commands, which serve LiveStore stores, too; `opened` says which of both a call means.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from pjais import files, instants, paths, sqlite, switch
from pjais.cli.context import Context, common
from pjais.cli.locations import OUTPUT_PLACE
from pjais.cli.output import print_json, safe, say, table
from pjais.errors import NoSourceFound, UsageError
from pjais.model import Persona, Record
from pjais.pipeline import state, transfer
from pjais.schema import rows
from pjais.schema.tables import APPLICATION_ID
from pjais.store import Operation, Past, Store
from pjais.store.history import When

Documents = Iterator[tuple[str, dict[str, Any]]]


def opened(context: Context, path: Path | None) -> Store | Path:
    """The SQLite store that a call means, opened; or the path of the LiveStore store that it means instead.

    Without a path it is the store of the data folder.  Raises NoSourceFound, ForeignTarget.
    """
    if path is not None:
        path = path.expanduser().absolute()
        return Store(path) if _is_ours(path) else path
    here = state.chosen(context.data_dir, None)
    if here.log is not None:
        return here.live
    return _store(here.target)


def _store(target: Path) -> Store:
    if switch.inspect(target) is None:
        raise NoSourceFound("there is no store here", where=[str(target)], next_command="pjais migrate")
    return Store(target)


def _is_ours(path: Path) -> bool:
    if not path.is_file() or path.name == paths.ACCOUNT_NAME or path.name.startswith("eventlog@"):
        return False
    try:
        with closing(sqlite.open_reader(path)) as db:
            ours = sqlite.pragma_int(db, "application_id") == APPLICATION_ID
    except sqlite.Error:
        return False
    return ours and switch.inspect(path) is not None


def at(store: Store, event: str | None, time: str | None) -> Past:
    """The moment that `--event` or `--time` names."""
    return store.at(None if event is None else number(event), time=time)


def number(event: str) -> int:
    """A change's number.  Raises UsageError."""
    if not event.isdecimal():
        raise UsageError("a change of a SQLite store is a whole number, such as 12", where=[event])
    return int(event)


def when(text: str) -> When:
    """A moment of `diff`: a number of a change where it can be one, else a time or `now`."""
    return int(text) if text.isdecimal() and len(text) < 12 else text


def documents(store: Store, past: Past, record_id: str | None) -> Documents:
    """The records of a moment as our export shows them, all or those of one id."""
    for record in past.records() if record_id is None else _of_id(store, past, record_id):
        yield transfer.export_name(rows.table_of(record)), transfer.as_document(record)


def _of_id(store: Store, past: Past, record_id: str) -> Iterator[Record]:
    for name, key in store.find(record_id):
        found = past.get(name, key)
        if found is not None:
            yield found


def print_state(store: Store, past: Past) -> None:
    """The counts and the personas of a moment, for people."""
    moment = past.at
    where = "right after the migration" if past.seq == 0 else f"after change {past.seq:,}"
    where += "" if moment is None else f" ({instants.to_text(moment)})"
    say(f"{store.path}, {where}:\n")
    table(("table", "records"), [one for one in past.counts().items() if one[1]] or [("(nothing)", 0)], ("records",))
    personas = [_line(one) for one in past.personas.list()]
    if personas:
        say()
        table(("persona", "name", "", "changed"), personas)


def _line(one: Persona) -> tuple[str, str, str, str]:
    changed = "" if one.updated_at is None else instants.to_text(one.updated_at)
    return one.id, one.name, "active" if one.is_active else "", changed


def snake(field: str) -> str:
    """A field's name as the store has it; camelCase, as LiveStore and our export have it, is understood."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in field)


def table_of(store: Store, record_id: str, name: str | None) -> tuple[str, str]:
    """The table and key that an id means.  Raises UsageError where it is none, or records of several tables."""
    found = store.find(record_id, name)
    if not found:
        raise UsageError("there is no such record, and never was since the migration", where=[record_id])
    if len(found) > 1:
        raise UsageError("several records have this id; say which", where=[f"--table {one}" for one, _ in found])
    return found[0]


_TARGET = click.option("--target", type=OUTPUT_PLACE, help="The store (default: the data folder's).")


@click.command("undo")
@click.argument("count", metavar="[N]", type=click.IntRange(min=1), required=False)
@click.option("--list", "listing", is_flag=True, help="Only list what can be undone, the last operation first.")
@_TARGET
@common
def undo_command(context: Context, count: int | None, listing: bool, target: Path | None) -> int:
    """Take back the last operation, or the last N, all or none; nothing is erased, `redo` does them again.

    An operation is one transaction made through pjais.  Refused where another program has since changed a record
    of it.
    """
    with closing(_of_folder(context, target)) as store:
        if listing:
            _print_operations(context, store.undoable(count or 20), "undoable")
        else:
            _print_operations(context, store.undo(count or 1), "undone")
    return 0


@click.command("redo")
@click.argument("count", metavar="[N]", type=click.IntRange(min=1), required=False)
@click.option("--list", "listing", is_flag=True, help="Only list what can be redone, the last undone one first.")
@_TARGET
@common
def redo_command(context: Context, count: int | None, listing: bool, target: Path | None) -> int:
    """Do the last undone operation again, or the last N; a new operation ends what can be redone."""
    with closing(_of_folder(context, target)) as store:
        if listing:
            _print_operations(context, store.redoable(count or 20), "redoable")
        else:
            _print_operations(context, store.redo(count or 1), "redone")
    return 0


def _of_folder(context: Context, target: Path | None) -> Store:
    here = state.chosen(context.data_dir, target)
    if here.log is not None:
        raise UsageError(
            "the events of a LiveStore store are not taken back; bring records back one by one",
            where=[str(here.live)], next_command=f"pjais events {shlex.quote(str(here.live))}",
        )  # fmt: skip
    return _store(here.target)


def _print_operations(context: Context, found: list[Operation], what: str) -> None:
    if context.as_json:
        print_json({"code": "done", "count": len(found), what: [one.as_dict() for one in found]})
        return
    if not found:
        say(f"nothing {what}")
        return
    body = [
        (one.id, "" if one.at is None else instants.to_text(one.at), safe(one.label), one.last_seq - one.first_seq + 1)
        for one in found
    ]
    table((what, "at", "operation", "changes"), body, (what, "changes"))


def write_export(output: Path, records: Documents) -> int:
    """Write documents as an export; returns how many.  Raises UsageError for a file that is there."""
    if output.exists():
        raise UsageError("the file exists already", where=[str(output)])
    with files.writing(output.absolute()) as file:
        return transfer.write_documents(records, file.text)
