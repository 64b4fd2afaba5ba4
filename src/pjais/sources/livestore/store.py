"""Assemble one LiveStore store from its files: the log, the matching state, and other databases.

Nothing records which state file is the current one; it is the one whose changesets reach furthest into the log.
Files are told apart by their tables, never by their names alone.  A file with a journal or a WAL is first recovered
in a copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pjais import models, sqlite
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.errors import SourceDamaged
from pjais.formats import sqlite_pages
from pjais.formats.eventlog import LOG_TABLES, format_of
from pjais.formats.opfs.pool import cut_off
from pjais.sources.livestore import log
from pjais.sources.livestore.log import Applied, Broken, Event, Facts

SCHEMA_TABLE = "__livestore_schema"


@dataclass(frozen=True)
class Part:
    """One database of a store, complete in one file."""

    name: str
    path: Path
    known: tuple[str, ...] = ()
    """Its damage, apart from the findings of SQLite's integrity check."""
    readable: bool = True
    """False if SQLite does not open it."""

    @cached_property
    def unsound(self) -> tuple[str, ...]:
        """Return what is wrong with it: a file with any finding is read page by page."""
        if not self.readable:
            return self.known
        with closing(sqlite.open_frozen(self.path)) as db:
            problems = sqlite.problems(db)
        with self.path.open("rb") as file:
            head, size = file.read(100), self.path.stat().st_size
        return (*self.known, *(problems or ([cut] if size and (cut := cut_off(head, size)) else [])))


@dataclass(frozen=True, slots=True)
class State:
    """A state file and how far into the log it reaches; `seen` is None if it does not record that."""

    part: Part
    seen: Applied | None
    ours: bool = False
    """True if it has the tables of our own schema."""
    written: int = 0


@dataclass(frozen=True, slots=True)
class Store:
    """The parts of one store.  `facts` is None if the log is missing or cannot be read at all."""

    log: Part | None
    facts: Facts | None
    state: State | None
    older: tuple[State, ...] = ()
    foreign: tuple[Part, ...] = ()
    """Databases beside them that are neither log nor state."""
    pieces: tuple[Piece, ...] = ()
    """Problems of the files themselves."""


def open_store(databases: Sequence[tuple[str, Path]], scratch: Path, written: Sequence[int] = ()) -> Store:
    """Assemble the store of these (name, file); files that must be recovered are copied to `scratch`.

    `written` holds when each was last written (ns), which decides between states that reach equally far.

    Files that cannot be opened at all become `Unreadable` in `pieces`.
    """
    logs: list[tuple[Part, Facts]] = []
    states: list[State] = []
    foreign: list[Part] = []
    pieces: list[Piece] = []
    empty: list[str] = []
    for number, (name, path) in enumerate(databases):
        try:
            part = _whole(name, path, scratch / f"part{number}.db")
            facts, state = _look(part)
        except (sqlite.Error, OSError, UnicodeDecodeError, SourceDamaged) as error:
            part, facts, state = _saved(name, path, str(error))
            if facts is None and state is None:
                pieces.append(_unreadable(name, path, str(error)))
                continue
        if facts is not None:
            logs.append((part, facts))
        elif state is not None:
            states.append(replace(state, written=written[number] if written else 0))
        elif path.stat().st_size:
            foreign.append(part)
        else:
            empty.append(name)
        pieces += [Unreadable("$file", name, b"", line) for line in part.known if line.startswith(sqlite.NOT_APPLIED)]
    if not logs:  # a failed boot leaves a 0-byte state; without a log it may be all there was
        pieces += [Unreadable("$file", name, b"", "the file has 0 bytes") for name in empty]
    else:
        pieces += [Unreadable("$file", one, b"", "the log has 0 bytes") for one in empty if "log" in one]
    logs.sort(key=lambda one: (one[1].events, one[0].name), reverse=True)
    pieces += [Remark("another-log", "eventlog", one[0].name, "another log beside this one") for one in logs[1:]]
    ordered = sorted(states, key=_reach, reverse=True)
    return Store(
        logs[0][0] if logs else None,
        logs[0][1] if logs else None,
        ordered[0] if ordered else None,
        tuple(ordered[1:]),
        tuple(foreign),
        tuple(pieces),
    )


def _reach(state: State) -> tuple[tuple[int, int], int, str]:
    """Return how far into the log a state reaches; of two equal ones the later written."""
    highest = state.seen.highest if state.seen and state.seen.highest else (-1, -1)
    return highest, state.written, state.part.name


def _unreadable(name: str, path: Path, reason: str) -> Unreadable:
    try:
        with path.open("rb") as file:
            raw = file.read(1 << 20)
    except OSError:
        raw = b""
    return Unreadable("$file", name, raw, f"cannot be opened: {reason}")


def _whole(name: str, path: Path, copy: Path) -> Part:
    """Return the database in one file: as it is, or recovered in a copy if it has a journal or WAL."""
    lost: list[str] = []
    if sqlite.needs_recovery(path):
        work = copy.with_suffix(".work")
        sqlite.copy_files(path, work)
        line = sqlite.copy_source(work, copy).lost
        lost = [line] if line else []
        path = copy
    return Part(name, path, tuple(lost))


def _saved(name: str, path: Path, reason: str) -> tuple[Part, Facts | None, State | None]:
    """Identify a file that SQLite does not open (a truncated copy) by the rows that its pages still hold."""
    part = Part(name, path, (reason,), readable=False)
    tables = set()
    try:
        for piece in sqlite_pages.salvage(path):
            if isinstance(piece, Document):
                form = format_of(frozenset(piece.value)) if piece.collection in LOG_TABLES else None
                if form is not None:
                    return part, Facts(form, None, None, 0), None
                tables.add(piece.collection)
    except OSError:
        return part, None, None
    schema = models.events()
    if not any(schema.table_named(one) for one in tables):
        return part, None, None
    return part, None, State(part, log.Applied(), schema.carrying in tables)


def _look(part: Part) -> tuple[Facts | None, State | None]:
    """Return the log's properties or the state's reach; neither for any other database."""
    with closing(sqlite.open_frozen(part.path)) as db:
        found = log.log_table(db)
        if found is not None:
            try:
                return log.facts(db), None
            except sqlite.Error:
                return Facts(found[1], None, None, 0), None
        names = {str(name) for (name,) in sqlite.each(db, "SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if SCHEMA_TABLE not in names:
            return None, None
        try:
            return None, State(part, log.applied(db), models.events().carrying in names)
        except sqlite.Error:
            return None, State(part, None, models.events().carrying in names)


_MOVED = {
    "personas": ("v1.PersonaImported", "personas"),
    "memory_entities": ("v1.MemoryEntityImported", "memoryEntities"),
    "conversations": ("v1.ConversationImported", "conversations"),
}
"""The tables of the target, and the event or table of a store that records old ids."""


def moved(part: Part) -> Iterator[tuple[str, str, str]]:
    """Yield (table of the target, old id, new id) from the log or the state, as far as damaged files can be read."""
    with closing(sqlite.open_frozen(part.path)) as db:
        try:
            form = log.log_table(db)
        except (sqlite.Error, SourceDamaged):
            return
        for target, (event, table) in _MOVED.items():
            if form is not None:
                sql = (
                    "SELECT argsJson ->> '$.sourceId' AS old, argsJson ->> '$.id' AS new "
                    f"FROM {form[0]} WHERE {form[1].name} = '{event}' AND json_valid(argsJson)"
                )
            else:
                sql = f"SELECT sourceId AS old, id AS new FROM {table}"
            try:
                yield from (
                    (target, old, new)
                    for old, new in sqlite.each(
                        db,
                        f"WITH m AS ({sql}) SELECT old, new FROM m WHERE old <> new AND old NOT IN (SELECT new FROM m)",
                    )
                    if type(old) is str and type(new) is str
                )
            except (sqlite.Error, SourceDamaged):
                continue


def events(part: Part) -> Iterator[Event | Broken | Unreadable]:
    """Yield the events of a log; for a file that fails its integrity check those salvaged, ordered by number."""
    bad = [line for line in part.unsound if not line.startswith(sqlite.NOT_APPLIED)]
    if not bad:
        with closing(sqlite.open_frozen(part.path)) as db:
            yield from log.read_events(db)
        return
    yield from _salvaged(part)


def _salvaged(part: Part) -> Iterator[Event | Broken | Unreadable]:
    saved: list[Event | Broken] = []
    for piece in sqlite_pages.salvage(part.path):
        if isinstance(piece, Unreadable):
            if piece.collection in (*LOG_TABLES, "$file"):
                yield piece
        elif isinstance(piece, Document) and piece.collection in LOG_TABLES:
            saved.append(log.event_of_row(piece.value, piece.place))
    saved.sort(key=lambda one: one.number or log.Number(0))
    yield from saved
