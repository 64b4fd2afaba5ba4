"""The history of a SQLite store on the terminal: what `at`, `diff`, `history` and
`restore-record` show of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from pjais import files, instants, paths, sqlite
from pjais.cli.context import Context
from pjais.cli.output import is_interactive, say, shown_path
from pjais.cli.tables import Column, print_table
from pjais.core.model import APPLICATION_ID
from pjais.errors import NoSourceFound, UsageError
from pjais.exchange import transfer
from pjais.migration import state
from pjais.models.persona.model import MODEL
from pjais.models.persona.records import Persona, Record
from pjais.persona.as_of import Past
from pjais.persona.store import Store
from pjais.store.history import When
from pjais.targets.sqlite import cutover

Documents = Iterator[tuple[str, dict[str, Any]]]


def opened(context: Context, path: Path | None) -> Store | Path:
    """The SQLite store that a call means, opened; or the path of the LiveStore store that it means instead.

    Without a path it is the store of the data folder.  Raises NoSourceFound, ForeignTarget.
    """
    if path is not None:
        path = path.expanduser().absolute()
        return _signed(Store(path)) if _is_ours(path) else path
    here = state.chosen(context.data_dir, None)
    if here.target.keeps_events:
        return here.live
    if (refused := here.target.not_opened()) is not None:
        raise refused
    return existing_store(here.store)


def existing_store(target: Path) -> Store:
    """Open the store at this path.  Raises NoSourceFound where there is none."""
    if cutover.inspect(target, MODEL) is None:
        raise NoSourceFound("store not found", where=[str(target)], next_command="pjais migrate")
    return _signed(Store(target))


def _signed(store: Store) -> Store:
    """Let the history say that the command line made what it writes."""
    store.pool.signature = "cli"
    return store


def _is_ours(path: Path) -> bool:
    if not path.is_file() or path.name == paths.ACCOUNT_NAME or path.name.startswith("eventlog@"):
        return False
    try:
        with closing(sqlite.open_reader(path)) as db:
            ours = sqlite.pragma_int(db, "application_id") == APPLICATION_ID
    except sqlite.Error:
        return False
    return ours and cutover.inspect(path, MODEL) is not None


def at(store: Store, event: str | None, time: str | None) -> Past:
    """The moment that `--event` or `--time` names."""
    return store.at(None if event is None else number(event), time=time)


def number(event: str) -> int:
    """A change's number.  Raises UsageError."""
    if not event.isdecimal():
        raise UsageError("changes of a SQLite store are whole numbers, such as 12", where=[event])
    return int(event)


def when(text: str) -> When:
    """A moment of `diff`: a number of a change where it can be one, else a time or `now`."""
    return int(text) if text.isdecimal() and len(text) < 12 else text


def documents(store: Store, past: Past, record_id: str | None) -> Documents:
    """The records of a moment as our export shows them, all or those of one id."""
    model = store.pool.model
    for record in past.records() if record_id is None else _of_id(store, past, record_id):
        yield model.list_of(record), model.as_document(record)


def _of_id(store: Store, past: Past, record_id: str) -> Iterator[Record]:
    for name, key in store.find(record_id):
        found = past.get(name, key)
        if found is not None:
            yield found


def print_state(store: Store, past: Past) -> None:
    """The counts and the personas of a moment, for people."""
    moment = past.at
    where = "as migrated" if past.seq == 0 else f"after change {past.seq:,}"
    where += "" if moment is None else f" ({instants.to_text(moment)})"
    say(f"{shown_path(store.path)}, {where}:\n")
    print_counted([one for one in past.counts().items() if one[1]], [_line(one) for one in past.personas.list()])


_COUNTS = (Column("table", "word"), Column("records", "number"))
_PERSONAS = (
    Column("persona", "id"),
    Column("name"),
    Column("state", "outcome", drop=1),
    Column("changed", "word", drop=2),
)


def print_counted(counts: list[tuple[str, int]], personas: list[tuple[str, str, str, str]]) -> None:
    """Print how many records each table has at a point in time, and the personas then."""
    print_table(_COUNTS, counts or [("(nothing)", 0)])
    if personas:
        say()
        print_table(_PERSONAS, personas)


def _line(one: Persona) -> tuple[str, str, str, str]:
    changed = "" if one.updated_at is None else instants.to_text(one.updated_at)
    return one.id, one.name, "active" if one.is_active else "", changed


Names = dict[tuple[str, str], str]
"""The names of records by (table, key), of those that have one."""


def names(store: Store, wanted: Iterable[tuple[str, str]]) -> Names:
    """Return the names of records."""
    found = {one: store.name_of(*one) for one in dict.fromkeys(wanted)}
    return {one: name for one, name in found.items() if name}


def names_on_screen(path: Path, wanted: Iterable[tuple[str, str]]) -> Names:
    """Return the names of records of the store at a path, for a terminal only.

    What is written to a file or a pipe may be handed on, for support say: reports of the proof, of a comparison or of
    later writes hold no text of a record there.
    """
    if not is_interactive():
        return {}
    with closing(existing_store(path)) as store:
        return names(store, wanted)


def named(table: str, key: str, names: Names) -> str:
    """Return a record for people: its table, its id and its name."""
    return f"{table} {key}" + (f" ({names[table, key]})" if (table, key) in names else "")


def table_of(store: Store, record_id: str, name: str | None) -> tuple[str, str]:
    """The table and key that an id means.  Raises UsageError where it is none, or records of several tables."""
    found = store.find(record_id, name)
    if not found:
        raise UsageError("record not found at any time since the migration", where=[record_id])
    if len(found) > 1:
        raise UsageError("several records have this id: name the table", where=[f"--table {one}" for one, _ in found])
    return found[0]


def write_export(output: Path, records: Documents) -> int:
    """Write documents as an export; returns how many.  Raises UsageError for a file that is there."""
    if output.exists():
        raise UsageError("file already exists", where=[str(output)])
    with files.writing(output.absolute()) as file:
        return transfer.write_documents(records, file.text)
