"""LiveStore's side of a model: the tables of its state, its events, and what each event does to the state.

Declared once as values.  `EventSchema` materializes events: it decodes an event's arguments and returns its effects as
operations on rows.  Pure: the same event always gives the same operations.  Older shapes of arguments are converted to
the current one first; arguments that do not fit the event's name are refused, with the reason.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import NoneType
from typing import Any, NamedTuple

from pjais import canonical

Args = Mapping[str, Any]


class Column(NamedTuple):
    """One column, or one argument of an event.

    `form`: text, json (any JSON value; in the state its text), boolean (in the state 0/1), integer, real or
    date (integer milliseconds).  `null`: may be null.  `default`: what an absent one becomes in the state.
    """

    name: str
    form: str = "text"
    null: bool = True
    default: Any = None


@dataclass(frozen=True, eq=False)
class LiveTable:
    """One table of the state."""

    name: str
    record: type[Any]
    columns: tuple[Column, ...]
    key: str = "id"
    carries: bool = False
    """True for the table of documents of unknown collections."""

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}


class Take(NamedTuple):
    """A column becomes the value of an argument; where the argument is absent, the column stays."""

    arg: str


class Add(NamedTuple):
    """A counter grows; with `when` only if that argument is there."""

    amount: int
    when: str | None = None


class Insert(NamedTuple):
    """A new row out of the arguments of the columns' names; `renamed` names the argument of a column."""

    table: LiveTable
    renamed: Mapping[str, str] = {}


class Merge(NamedTuple):
    """The columns that the object `updates` names become its values."""

    table: LiveTable


class Set(NamedTuple):
    """Columns of one row change; `key_arg` None means of every row."""

    table: LiveTable
    values: Mapping[str, Any]
    key_arg: str | None = "id"


class Append(NamedTuple):
    """An argument is appended to the JSON list in a column; `stamp` takes the item's own time, if it has one."""

    table: LiveTable
    key_arg: str
    column: str
    arg: str
    stamp: str


class Remove(NamedTuple):
    """A row goes."""

    table: LiveTable
    key_arg: str = "id"


Effect = Insert | Merge | Set | Append | Remove


class Event(NamedTuple):
    """One event: its arguments, what it does, and which argument says when it happened (ms).

    `time` may name a member of an argument: `message.timestamp`.
    """

    name: str
    args: tuple[Column, ...]
    effects: tuple[Effect, ...]
    time: str | None = None
    about: str = ""
    parts: tuple[str, Mapping[str, str]] | None = None
    """An argument that older versions wrote in parts: its name, and the argument of each member."""

    @property
    def key(self) -> str:
        """The name under which an app's code knows the event: `personaImported` for `v1.PersonaImported`."""
        bare = self.name.partition(".")[2]
        return bare[:1].lower() + bare[1:]


class NewRow(NamedTuple):
    """Operation: a row, its values in the order of the table's columns, as the state stores them."""

    table: LiveTable
    key: str
    values: tuple[Any, ...]


class Change(NamedTuple):
    """Operation: values for some columns, and what others grow by; `key` None means every row."""

    table: LiveTable
    key: str | None
    values: dict[str, Any]
    grown: dict[str, int]


class Appended(NamedTuple):
    """Operation: one more item (JSON text) in the list of a column."""

    table: LiveTable
    key: str
    column: str
    item: str


class Gone(NamedTuple):
    """Operation: the row is no longer there."""

    table: LiveTable
    key: str


Operation = NewRow | Change | Appended | Gone


class Undecodable(ValueError):
    """The arguments of an event are not what its name promises; the text says which and why."""


def _upcast(event: Event, args: Args) -> Args:
    """Return the arguments in their present shape: what was written in parts becomes one value."""
    if event.parts is None or args.get(event.parts[0]) is not None:
        return args
    whole, parts = event.parts
    return {**args, whole: {name: args[arg] for name, arg in parts.items() if arg in args}}


def _unfolded(held: Any) -> Any:
    if type(held) is not str or held[:1] not in ("[", "{"):
        return held
    try:
        return json.loads(held)
    except (ValueError, RecursionError):
        return held


def stored(column: Column, value: Any, what: str = "") -> Any:
    """A value as the state stores it.  Raises Undecodable where the column cannot hold it."""
    if value is None:
        if column.null:
            return None
        raise Undecodable(f"{what or column.name}: null")
    return _STORED[column.form](value, what or column.name)


def _as_text(value: Any, what: str) -> str:
    if type(value) is not str:
        raise Undecodable(f"{what}: no text")
    return value


def _as_json(value: Any, _: str) -> str:
    return canonical.dumps_plain(value)


def _as_truth(value: Any, what: str) -> int:
    if type(value) is not bool:
        raise Undecodable(f"{what}: neither true nor false")
    return int(value)


def _as_whole(value: Any, what: str) -> int:
    if type(value) is int and -(1 << 63) <= value < 1 << 63:
        return value
    if type(value) is float and value.is_integer() and abs(value) < 1 << 63:
        return int(value)
    raise Undecodable(f"{what}: no whole number that SQLite holds")


def _as_number(value: Any, what: str) -> int | float:
    if type(value) is int and -(1 << 63) <= value < 1 << 63:
        return value
    if type(value) is int and abs(value) <= sys.float_info.max:
        return float(value)
    if type(value) is float:
        return value
    raise Undecodable(f"{what}: no number")


_Conversion = Callable[[Any, str], Any]
"""From a value, and the name of its column or argument, to the value that is stored."""

_STORED: dict[str, _Conversion] = {
    "text": _as_text,
    "json": _as_json,
    "boolean": _as_truth,
    "integer": _as_whole,
    "real": _as_number,
    "date": _as_whole,
}

_KEPT = frozenset({("text", str), ("real", float)})
"""Forms of columns, and the types of values that they store as they are."""

_SAFE = 1 << 53
"""Beyond this JavaScript's numbers are no exact integers."""

_Decoder = Callable[[dict[str, Any]], tuple[Operation, ...]]


def _key(args: Args, name: str) -> str:
    key = args.get(name)
    if type(key) is not str:
        raise Undecodable(f"{name}: no text")
    return key


def _decoder(event: Event) -> _Decoder:
    """The function from an event's arguments to its operations, with everything looked up beforehand."""
    required = tuple(one.name for one in event.args if not one.null)
    parts = tuple(_part(effect) for effect in event.effects)
    if len(parts) == 1 and isinstance(event.effects[0], Insert):
        return parts[0]

    def operations(args: dict[str, Any]) -> tuple[Operation, ...]:
        for name in required:
            if args.get(name) is None:
                raise Undecodable(f"{name} is missing")
        given = _upcast(event, args)
        return tuple(operation for part in parts for operation in part(given))  # type: ignore[arg-type]

    return operations


def _part(effect: Effect) -> _Decoder:
    if isinstance(effect, Insert):
        return _inserting(effect)
    if isinstance(effect, Merge):
        return _merging(effect)
    if isinstance(effect, Set):
        return _setting(effect)
    if isinstance(effect, Append):
        return _appending(effect)
    return lambda args: (Gone(effect.table, _key(args, effect.key_arg)),)


def _inserting(effect: Insert) -> _Decoder:
    table = effect.table
    taken = tuple(effect.renamed.get(name, name) for name in table.column_names)

    @lru_cache(maxsize=256)
    def conversions(kinds: tuple[type, ...]) -> list[tuple[int, _Conversion, str]]:
        """Return what is done with values of these types: (their place, how, the column), without those kept as is."""
        found = (_conversion(column, kind) for column, kind in zip(table.columns, kinds, strict=True))
        return [(at, how, table.column_names[at]) for at, how in enumerate(found) if how is not None]

    def insert(args: dict[str, Any]) -> tuple[Operation, ...]:
        key = _key(args, table.key)
        values = [*map(args.get, taken)]
        for at, convert, name in conversions(tuple(map(type, values))):
            values[at] = convert(values[at], name)
        return (NewRow(table, key, tuple(values)),)

    return insert


def _conversion(column: Column, kind: type) -> _Conversion | None:
    """Return how a value of a type becomes that of a column; None if it is stored as it is."""
    if kind is NoneType:
        if column.default is None:
            return None
        default = _STORED[column.form](column.default, column.name)
        return lambda *_: default
    return None if (column.form, kind) in _KEPT else _STORED[column.form]


def _merging(effect: Merge) -> _Decoder:
    table = effect.table
    columns = table.by_name

    def merge(args: dict[str, Any]) -> tuple[Operation, ...]:
        updates = args.get("updates")
        if type(updates) is not dict:
            raise Undecodable("updates: no object")
        values = {
            name: stored(columns[name], value, f"updates.{name}")
            for name, value in updates.items()
            if name in columns and name != table.key
        }
        return (Change(table, _key(args, "id"), values, {}),)

    return merge


def _setting(effect: Set) -> _Decoder:
    table = effect.table
    columns = table.by_name
    fixed = {
        name: None if value is None else _STORED[columns[name].form](value, name)
        for name, value in effect.values.items()
        if not isinstance(value, Take | Add)
    }
    taken = [(name, value.arg) for name, value in effect.values.items() if isinstance(value, Take)]
    added = [(name, value) for name, value in effect.values.items() if isinstance(value, Add)]

    def change(args: dict[str, Any]) -> tuple[Operation, ...]:
        values = dict(fixed)
        for name, arg in taken:
            if arg in args and (args[arg] is not None or columns[name].form != "date"):
                values[name] = stored(columns[name], args[arg], arg)
        grown = {name: one.amount for name, one in added if one.when is None or args.get(one.when) is not None}
        key = None if effect.key_arg is None else _key(args, effect.key_arg)
        return (Change(table, key, values, grown),) if values or grown else ()

    return change


def _appending(effect: Append) -> _Decoder:
    def append(args: dict[str, Any]) -> tuple[Operation, ...]:
        item = args.get(effect.arg)
        key = _key(args, effect.key_arg)
        done: tuple[Operation, ...] = (Appended(effect.table, key, effect.column, canonical.dumps_plain(item)),)
        at = item.get("timestamp") if isinstance(item, dict) else None
        if isinstance(at, int | float) and type(at) is not bool and at == at // 1 and abs(at) < _SAFE:
            done = (*done, Change(effect.table, key, {effect.stamp: int(at)}, {}))
        return done

    return append


@dataclass(frozen=True, eq=False)
class EventSchema:
    """The tables of a state, in an order in which references point backwards, and every event.

    `aliases`: names of the tables in other versions of the app.  `own`: the prefix of the collections of a store with
    this schema, since other apps' tables have the same names.  `version`: `v1.MigrationStarted` of a log that we wrote
    carries it.
    """

    tables: tuple[LiveTable, ...]
    events: tuple[Event, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    own: str = "pjais:"
    version: int = 1
    by_name: dict[str, LiveTable] = field(init=False)
    by_record: dict[type[Any], LiveTable] = field(init=False)
    named: dict[str, Event] = field(init=False)
    _folded: dict[str, LiveTable] = field(init=False, repr=False)
    _decoders: dict[str, _Decoder] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {table.name: table for table in self.tables})
        object.__setattr__(self, "by_record", {table.record: table for table in self.tables})
        object.__setattr__(self, "named", {event.name: event for event in self.events})
        folded = {name.lower(): self.by_name[self.aliases.get(name, name)] for name in (*self.by_name, *self.aliases)}
        object.__setattr__(self, "_folded", folded)
        object.__setattr__(self, "_decoders", {event.name: _decoder(event) for event in self.events})

    @property
    def carrying(self) -> str | None:
        """Return the name of the table for documents of unknown collections."""
        return next((table.name for table in self.tables if table.carries), None)

    def table_named(self, name: str) -> LiveTable | None:
        """Return the table of this name, or of one that another version of the app gave it."""
        return self.by_name.get(self.aliases.get(name, name))

    def table_folded(self, name: str) -> LiveTable | None:
        """Return the same for a name in any case, as SQL compares them."""
        return self._folded.get(name.lower())

    def decode(self, name: str, args: Any) -> tuple[Operation, ...]:
        """Return the operations of an event.  Raises KeyError for an unknown name, Undecodable for invalid arguments.

        `args` is the parsed `argsJson`, in any of the shapes that the app used under this name.
        """
        operations = self._decoders[name]
        if type(args) is not dict:
            raise Undecodable("the arguments are no object")
        return operations(args)

    def unfolded(self, name: str, args: Any) -> Any:
        """Decode arguments that format 2 wrote as JSON inside JSON."""
        event = self.named.get(name)
        if event is None or type(args) is not dict:
            return args
        as_json = {one.name for one in event.args if one.form == "json"}
        return {key: _unfolded(held) if key in as_json else held for key, held in args.items()}

    def time_of(self, name: str, args: Any) -> int | None:
        """Return when an event happened (ms), where its arguments say so."""
        event = self.named.get(name)
        at = args if event and event.time else None
        for part in event.time.split(".") if event and event.time else ():
            at = at.get(part) if isinstance(at, dict) else None
        return at if type(at) is int else None
