"""Verify a LiveStore log: replayed from its first event it must produce its account, row by row, by digest."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pjais import canonical, models, sqlite
from pjais.core import own_files
from pjais.core.document import Document
from pjais.core.events import LiveTable
from pjais.core.model import Model
from pjais.core.results import Difference
from pjais.core.table import Record, Table
from pjais.core.table import Row as StoredRow
from pjais.display import counted
from pjais.sources.livestore import log
from pjais.sources.livestore.log import Event
from pjais.sources.livestore.replay import Replay, Row

_DIALECT = "livestore"


def record_of(model: Model, live: LiveTable, row: Row) -> Record:
    """Return the record in a row of our LiveStore schema."""
    value = {name: held for name, held in row.items() if name != "sourceId"}
    extra = own_files.whole_extra(value.get("extra"))
    if extra is not None:
        value["extra"] = None
    document = Document(models.events().own + live.name, str(row[live.key]), "log", value)
    mapping = model.reader(_DIALECT, document.collection)
    record = mapping.read(document).record
    if extra is None or mapping.table.carries:
        return record
    residue, more = extra.get("$pjais"), record.extra.get("$pjais")
    both = {**residue, **more} if isinstance(residue, dict) and isinstance(more, dict) else more or residue
    return record._replace(extra=extra if both is None else {**extra, "$pjais": both})


def compare(log_path: Path, account: Path, model: Model) -> tuple[int, list[Difference]]:
    """Compare every row of the replayed log with the account, both ways; return their number and the differences."""
    differences: list[Difference] = []
    count = 0
    with (
        tempfile.TemporaryDirectory(prefix="pjais-log-") as folder,
        closing(Replay(Path(folder) / "replay.db")) as replay,
        closing(sqlite.open_frozen(log_path)) as log_db,
        closing(sqlite.open_reader(account)) as db,
    ):
        for event in log.read_events(log_db):
            if not isinstance(event, Event):
                differences.append(Difference("eventlog", event.place, None, event.reason))
                continue
            try:
                replay.apply(models.events().decode(event.name, event.args))
            except KeyError:
                continue  # an event of the app's own: it does nothing to our tables
            except ValueError as error:
                differences.append(Difference("eventlog", f"event {event.number}", None, str(error)))
        differences += [
            Difference(name, key, None, "inserted twice by events of the log") for name, key, _ in replay.settle()
        ]
        for live in models.events().tables:
            table = model.by_record[live.record]
            for row in replay.rows(live):
                count += 1
                differences += _compare_row(db, table, table.to_row(record_of(model, live, row)), str(row[live.key]))
            missing = int(sqlite.value(db, f"SELECT count(*) FROM {table.sql}")) - replay.counts()[live.name]
            if missing:
                line = f"{counted(missing, 'record is', 'records are')} not in the log"
                differences.append(Difference(table.name, "$count", None, line))
    return count, differences


def _compare_row(db: sqlite.Connection, table: Table, wanted: StoredRow, name: str) -> Iterator[Difference]:
    names = table.column_names
    where = " AND ".join(f"{column} = ?" for column in table.key)
    key = tuple(wanted[names.index(column)] for column in table.key)
    held = sqlite.first(db, f"SELECT {', '.join(names)} FROM {table.sql} WHERE {where}", key)
    if held is None:
        yield Difference(table.name, canonical.replace_surrogates(name), None, "in the log, not in its ledger")
    elif held != wanted and table.digest(held) != table.digest(wanted):
        for column, one, other in zip(names, held, wanted, strict=True):
            if not canonical.same(one, other):
                yield Difference(table.name, str(key[-1]), column, "the log differs from its ledger")
