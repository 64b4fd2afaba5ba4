"""restore-record: one record, or one field of it, as it was."""

from __future__ import annotations

from contextlib import closing

import click

from pjais.cli import store_history
from pjais.cli.context import Context, common
from pjais.cli.lists import told
from pjais.cli.time_options import event_option, store_and, time_option
from pjais.core.results import Restored
from pjais.display import snake
from pjais.errors import UsageError
from pjais.persona.store import Store
from pjais.workspace import resolve_workspace


@click.command("restore-record")
@click.argument("record", nargs=-1, required=True, metavar="[STORE] ID")
@event_option
@time_option
@click.option("--field", help="Restore only this field.")
@click.option("--table", "table_name", help="Table of the record, if several have this id (SQLite).")
@common
def restore_record_command(
    context: Context,
    record: tuple[str, ...],
    event: str | None,
    time: str | None,
    field: str | None,
    table_name: str | None,
) -> int:
    """Restore an earlier version of a record, or of one field.

    The history grows by one event; nothing is erased.  STORE is a SQLite store, or a LiveStore store written by pjais
    (default: the current store of the data folder).
    """
    from pjais.livestore_tools import restore_record

    if (event is None) == (time is None):
        raise UsageError("give exactly one of --event and --time")
    path, (record_id,) = store_and(record, "ID")
    found = store_history.opened(context, path)
    if isinstance(found, Store):
        with closing(found):
            done = _restored(found, record_id, table_name, event, time, field)
    else:
        here = resolve_workspace(context.data_dir)
        live = found.expanduser().absolute()
        done = restore_record.restore(here, live, record_id, event=event, time=time, field=field)
    if done.event is None:
        told(context, done.as_dict(), f"{record_id} already has that version: nothing to do")
    else:
        line = f"{done.table} {record_id}: {', '.join(done.fields)} restored by event {done.event}"
        told(context, done.as_dict(), line)
    return 0


def _restored(
    store: Store, record_id: str, table_name: str | None, event: str | None, time: str | None, field: str | None
) -> Restored:
    name, key = store_history.table_of(store, record_id, table_name)
    seq = None if event is None else store_history.number(event)
    return store.restore_record(name, key, seq, time=time, field=None if field is None else snake(field))
