"""Read a LiveStore store: compare state and log row by row, and take each row from the side that is reliable for it.

The state is what the app showed; the log is what it did.  The rules, in this order:

1. a row touched by an event after the state's last changeset comes from the log: the state is stale
   (`state-behind`); values missing in the log (an old event without times) come from the state;
2. a text that the state truncated (at NUL, lone surrogates) comes from the log (`state-lossy`);
3. a date that the log does not carry comes from the state (`state-dates`);
4. for any other difference the state wins, since the app showed it, and the fields are named (`state-differs`);
5. a row that only the log has is taken (`log-only`), unless events that pjais cannot read may have removed it;
   then it counts as removed, as the app showed it;
6. a row that only the state has is taken: its events are not in the log.

Either side alone is sufficient.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from pjais import canonical, models, sqlite
from pjais.bitset import Bitset
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.core.events import LiveTable, Undecodable
from pjais.core.snapshot import Snapshot
from pjais.display import counted
from pjais.errors import SourceDamaged
from pjais.formats.eventlog import LOG_TABLES
from pjais.sources.livestore import locations, reconcile, store
from pjais.sources.livestore.log import Broken, Event
from pjais.sources.livestore.replay import Replay
from pjais.sources.livestore.store import Store
from pjais.sources.sqlite_tables import reader as sqlite_tables

"""Tables by their names and aliases; names in SQL are case-insensitive."""

LOG = "eventlog"
"""The collection of events that are carried unchanged."""


def read(snapshot: Snapshot) -> Iterator[Piece]:
    """Read the documents of a LiveStore store, personas first."""
    with tempfile.TemporaryDirectory(prefix="pjais-livestore-") as folder:
        groups = list(locations.groups(snapshot, Path(folder)))
        for group in groups:
            yield from group.pieces
            found = store.open_store(group.databases, group.scratch, group.written)
            for piece in merged(found, snapshot, group.scratch):
                yield piece if len(groups) == 1 else piece._replace(place=f"{group.label}: {piece.place}")


def merged(found: Store, snapshot: Snapshot, scratch: Path) -> Iterator[Piece]:
    """Yield the documents of one store, from state and log, by the rules above."""
    yield from found.pieces
    for state in found.older:
        yield Remark("older-state", "$file", state.part.name, "the state of an earlier schema; the current one counts")
    with closing(Replay(scratch / "replay.db")) as replay:
        reading = _Reading(found, replay)
        yield from reading.replayed()
        if found.state is None:
            yield from reading.log_alone()
        else:
            part = found.state.part
            as_file = replace(snapshot, path=part.path, unsound=part.unsound, name=part.name)
            yield from reading.compared(sqlite_tables.read(as_file))
        if found.log is not None:
            yield from _beside_events(found.log, snapshot)
        for part in found.foreign:
            as_file = replace(snapshot, path=part.path, unsound=part.unsound, name=part.name)
            unknown = False
            for piece in sqlite_tables.read(as_file):
                if piece.collection in LOG_TABLES and not unknown:
                    unknown = True
                    yield Remark("unknown-log", LOG, part.name, "a log whose columns pjais does not know")
                yield piece


def _beside_events(part: store.Part, snapshot: Snapshot) -> Iterator[Piece]:
    """Yield the rows of other tables in the file of a log."""
    with closing(sqlite.open_frozen(part.path)) as db:
        try:
            others = [name for name in sqlite_tables.data_tables(db) if name not in LOG_TABLES]
        except (sqlite.Error, SourceDamaged):
            others = []
    if others:
        as_file = replace(snapshot, path=part.path, unsound=part.unsound, name=part.name)
        yield from (piece for piece in sqlite_tables.read(as_file) if piece.collection in others)


def moved_ids(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    """Yield (table of the target, old id, new id) of each record that an import stored under a new id.

    An old id that is itself in use in the store is no mapping.
    """
    with tempfile.TemporaryDirectory(prefix="pjais-livestore-") as folder:
        for group in locations.groups(snapshot, Path(folder)):
            found = store.open_store(group.databases, group.scratch, group.written)
            for part in (found.log, found.state.part if found.state else None):
                if part is not None:
                    yield from store.moved(part)


class _Reading:
    """One reading of one store: the replay, the events that the state has not seen, and those pjais cannot read."""

    def __init__(self, found: Store, replay: Replay) -> None:
        self._found = found
        self._replay = replay
        self._schema = replay.schema
        self._behind: set[tuple[str, str | None]] = set()
        """(table, key) of rows touched by events that the state has not seen; a key of None means every row."""
        self._missed = 0
        """Number of events that the state has not seen, except those unknown to its app as well."""
        self._unread = 0
        """Events that the state has seen and pjais cannot read; any of them may have removed a row."""
        self._unknown: Counter[str] = Counter()
        self._cut: dict[str, dict[str, str]] = {}
        """Table -> keys of the log that hold NUL, by their truncated form in the state."""
        self._own = found.state is not None and found.state.ours
        """True if the store has our own schema, by its state or its log."""

    def replayed(self) -> Iterator[Piece]:
        """Replay the log; yield events that cannot become part of the state, and remarks."""
        if self._found.log is None:
            if self._found.state is not None:
                name = self._found.state.part.name
                yield Remark("no-log", "$file", name, "no event log beside this state; its rows are used")
            return
        for event in store.events(self._found.log):
            if isinstance(event, Unreadable):
                yield event
                continue
            seen = self._seen(event)
            piece = self._broken(event, seen) if isinstance(event, Broken) else self._applied(event, seen)
            if piece is not None:
                yield piece
        for table, key, values in self._replay.settle():
            row = canonical.dumps(dict(zip(self._schema.by_name[table].column_names, values, strict=True)))
            if self._found.state is not None and not self._missed:  # the state holds its effect
                yield Remark("event-unread", LOG, f"{table} {key}", "inserted twice; the state has seen it")
            else:
                yield Unreadable(LOG, f"{table} {key}", row.encode(), "inserted twice; the first one counts")
        for name, count in sorted(self._unknown.items()):
            yield Remark("unknown-event", LOG, name, f"{counted(count, 'event')} of a name that pjais does not know")
        if self._missed and self._found.state is not None:
            missed = counted(self._missed, "event is", "events are")
            yield Remark("state-behind", LOG, self._found.state.part.name, f"{missed} not in the state")

    def _seen(self, event: Event | Broken) -> bool:
        """Return whether the state holds the effect of an event."""
        state, facts = self._found.state, self._found.facts
        if state is None or event.number is None:
            return False
        return state.seen is None or state.seen.saw(event.number, facts.head if facts else None)

    def _broken(self, event: Broken, seen: bool) -> Piece:
        if seen:
            self._unread += 1
            return Remark("event-unread", LOG, event.place, f"{event.reason}; the state has seen it")
        self._missed += 1
        return Unreadable(LOG, event.place, event.raw, event.reason)

    def _applied(self, event: Event, seen: bool) -> Piece | None:
        """Apply an event; return what cannot become part of the state."""
        try:
            operations = self._schema.decode(event.name, event.args)
        except KeyError:
            self._unknown[event.name] += 1
            self._unread += seen
            return None if seen else _carried(event, "unknown-event")  # nothing else shows its effect
        except (Undecodable, ValueError, RecursionError) as error:
            raw = event.args_json.encode("utf-8", "surrogateescape")
            broken = Broken(event.number, f"event {event.number}", raw, f"{event.name}: {error}", event.name)
            return self._broken(broken, seen)
        self._own = self._own or (not operations and "schemaVersion" in event.args)
        self._replay.apply(operations)
        missed = bool(self._replay.missed)
        self._replay.missed.clear()
        if not seen:
            self._missed += 1
            if self._found.state is not None:
                self._behind.update((one.table.name, one.key) for one in operations)
        return _carried(event, "event-misses") if missed and not seen else None

    def log_alone(self) -> Iterator[Piece]:
        """Yield every row of the log alone."""
        for table in self._schema.tables:
            name = self._named(table.name)
            for row in self._replay.rows(table):
                value = reconcile.from_log(table, row, own=self._own)
                yield Document(name, str(value[table.key]), "log", value)

    def compared(self, state: Iterator[Piece]) -> Iterator[Piece]:
        """Yield every row of the state merged with its row of the log, then those that only the log has."""
        met: dict[str, Bitset] = {table.name: Bitset() for table in self._schema.tables}
        called: dict[str, str] = {}
        columns: dict[str, tuple[str, ...]] = {}
        for piece in state:
            table = self._schema.table_folded(piece.collection) if isinstance(piece, Document) else None
            if table is None or not isinstance(piece, Document):
                yield piece
                continue
            key = piece.value.get(table.key)
            whole = self._whole_key(table, key)
            found = self._replay.find(table, whole) if type(whole) is str and self._found.log is not None else None
            called[table.name] = name = piece.collection
            columns.setdefault(table.name, tuple(piece.value))
            held = reconcile.own_state(table, piece.value) if self._own else piece.value
            if found is None:
                yield piece._replace(collection=self._named(name), value=reconcile.from_state(table, held))
                continue
            number, row = found
            met[table.name].add(number)
            behind = self._is_behind(table, whole)
            value, notes = reconcile.merge(table, name, held, row, behind=behind, own=self._own)
            yield piece._replace(collection=self._named(name), value=value, notes=(*piece.notes, *notes))
        for table in self._schema.tables:
            name = called.get(table.name, table.name)
            yield from self._only_in_log(table, name, columns.get(table.name), met[table.name])

    def _whole_key(self, table: LiveTable, key: Any) -> Any:
        """Return the log's key of a row of the state, which truncates keys at NUL like any text."""
        if table.name not in self._cut:
            sql = f"SELECT {table.key} FROM {table.name} WHERE instr({table.key}, char(0)) ORDER BY rowid DESC"
            self._cut[table.name] = {str(one).partition("\0")[0]: str(one) for (one,) in self._replay.query(sql)}
        cut = self._cut[table.name].get(key) if type(key) is str else None
        return key if cut is None or self._replay.row(table, key) is not None else cut

    def _is_behind(self, table: LiveTable, key: str) -> bool:
        return (table.name, key) in self._behind or (table.name, None) in self._behind

    def _only_in_log(
        self, table: LiveTable, name: str, columns: tuple[str, ...] | None, met: Bitset
    ) -> Iterator[Document]:
        if self._found.log is None:
            return
        for row in self._replay.rows(table, but=met):
            behind = self._is_behind(table, canonical.replace_surrogates(row[table.key]))
            value = reconcile.from_log(table, row, own=self._own, columns=columns, text_content=name != table.name)
            if behind:
                yield self._document(name, table, value, ("state-behind",))
            elif self._unread:
                yield self._document(name, table, {**value, "_deleted": True}, ())
            else:
                yield self._document(name, table, value, ("log-only",))

    def _named(self, collection: str) -> str:
        return models.events().own + collection if self._own else collection

    def _document(self, name: str, table: LiveTable, value: dict[str, Any], notes: tuple[str, ...]) -> Document:
        return Document(self._named(name), str(value[table.key]), "log", value, None, notes)


def _carried(event: Event, rule: str) -> Document:
    """Return an event that is carried unchanged: its name, its arguments, and its position."""
    number = str(event.number)
    value = {
        "id": number,
        "name": event.name,
        "args": event.args,
        "at": event.at,
        "clientId": event.client_id,
        "sessionId": event.session_id,
    }
    return Document(LOG, number, f"event {number}", value, None, (rule,))
