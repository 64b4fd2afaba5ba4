"""The events of our LiveStore schema and what each does to the state: declared once, pure, versioned (design §7b).

The same names were used by several versions of the app with other arguments (formats/pjais.md §3.1), so every
argument that some version lacked is optional, and `upcast` brings older shapes to the present one.  Where an
old event carries no time, the state's date stays unknown: nothing here asks a clock, so that replaying a log
twice gives the same state.

`decode` gives the operations of one event; `schema.typescript` prints the same effects for the app.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pjais import canonical
from pjais.schema.livestore import (
    CONVERSATIONS,
    MEMORIES,
    OTHERS,
    PERSONAS,
    PLUGINS,
    RELATIONSHIPS,
    Column,
    LiveTable,
)

Args = Mapping[str, Any]


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
    """One event: its arguments, what it does, and which argument says when it happened (ms)."""

    name: str
    args: tuple[Column, ...]
    effects: tuple[Effect, ...]
    time: str | None = None
    about: str = ""

    @property
    def key(self) -> str:
        """The name under which an app's code knows the event: `personaImported` for `v1.PersonaImported`."""
        bare = self.name.partition(".")[2]
        return bare[:1].lower() + bare[1:]


def _arg(name: str, form: str = "text", *, required: bool = False) -> Column:
    return Column(name, form, not required)


def _id(name: str = "id") -> Column:
    return _arg(name, required=True)


def _columns(table: LiveTable) -> tuple[Column, ...]:
    """All columns of a table as arguments; only the key is required."""
    return tuple(Column(one.name, one.form, one.name != table.key) for one in table.columns)


def _imported(subject: str, table: LiveTable) -> Event:
    return Event(f"v1.{subject}Imported", _columns(table), (Insert(table),), about="brought over by a migration")


def _updated(subject: str, table: LiveTable) -> Event:
    effects: tuple[Effect, ...] = (Merge(table),)
    args = (_id(), _arg("updates", "json", required=True))
    if "updatedAt" in table.by_name:
        effects = (*effects, Set(table, {"updatedAt": Take("updatedAt")}))
        return Event(f"v1.{subject}Updated", (*args, _arg("updatedAt", "date")), effects, "updatedAt")
    return Event(f"v1.{subject}Updated", args, effects)


def _removed(subject: str, table: LiveTable) -> Event:
    return Event(f"v1.{subject}Removed", (_id(),), (Remove(table),), about="gone for good, not only marked")


def _some(table: LiveTable, *names: str) -> tuple[Column, ...]:
    columns = table.by_name
    return (_id(), *(Column(name, columns[name].form) for name in names))


_MEMORY_ARGS = _some(
    MEMORIES, "personaId", "type", "name", "content", "summary", "tags", "importance", "memoryTier", "embedding",
    "embeddingModel", "createdAt",
)  # fmt: skip

EVENTS = (
    Event(
        "v1.MigrationStarted",
        (_arg("fromSystem"), _arg("toSystem"), _arg("startedAt", "date"), _arg("runId"), _arg("program"),
         _arg("schemaVersion", "integer")),
        (),
        "startedAt",
        "frames an import",
    ),
    Event(
        "v1.MigrationCompleted",
        (_arg("runId"), _arg("completedAt", "date"), _arg("counts", "json"), _arg("upTo", "integer")),
        (),
        "completedAt",
        "frames an import",
    ),
    _imported("Persona", PERSONAS),
    _imported("MemoryEntity", MEMORIES),
    _imported("Conversation", CONVERSATIONS),
    _imported("Relationship", RELATIONSHIPS),
    _imported("Plugin", PLUGINS),
    _imported("OtherRecord", OTHERS),
    Event(
        "v1.PersonaCreated",
        _some(PERSONAS, "name", "description", "avatar", "personality", "settings", "memoryConfiguration",
              "privacySettings", "isActive", "createdAt"),
        (Insert(PERSONAS, {"updatedAt": "createdAt"}),),
        "createdAt",
    ),
    _updated("Persona", PERSONAS),
    Event(
        "v1.PersonaActivated",
        (_id(), _arg("activatedAt", "date")),
        (
            Set(PERSONAS, {"isActive": False}, None),
            Set(PERSONAS, {"isActive": True, "lastUsed": Take("activatedAt"), "usageCount": Add(1, "activatedAt")}),
        ),
        "activatedAt",
        "the others are deactivated",
    ),
    Event(
        "v1.PersonaDeactivated",
        (_id(), _arg("deactivatedAt", "date")),
        (Set(PERSONAS, {"isActive": False}),),
        "deactivatedAt",
    ),
    _removed("Persona", PERSONAS),
    Event("v1.MemoryEntityCreated", _MEMORY_ARGS, (Insert(MEMORIES, {"updatedAt": "createdAt"}),), "createdAt"),
    Event("v1.MemoryAdded", _MEMORY_ARGS, (Insert(MEMORIES, {"updatedAt": "createdAt"}),), "createdAt",
          "the name in the integration guide's schema"),
    _updated("MemoryEntity", MEMORIES),
    Event(
        "v1.MemoryEntityAccessed",
        (_id(), _arg("accessedAt", "date")),
        (Set(MEMORIES, {"lastAccessed": Take("accessedAt"), "accessCount": Add(1)}),),
        "accessedAt",
    ),
    Event(
        "v1.MemoryEntityDeleted",
        (_id(), _arg("deletedAt", "date", required=True)),
        (Set(MEMORIES, {"deletedAt": Take("deletedAt")}),),
        "deletedAt",
        "marked as deleted; the row stays",
    ),
    Event(
        "v1.MemoryEntityRestored",
        (_id(), _arg("restoredAt", "date")),
        (Set(MEMORIES, {"deletedAt": None, "updatedAt": Take("restoredAt")}),),
        "restoredAt",
    ),
    Event(
        "v1.MemoryEntityEmbedded",
        (_id(), _arg("embedding", "json"), _arg("embeddingModel")),
        (Set(MEMORIES, {"embedding": Take("embedding"), "embeddingModel": Take("embeddingModel")}),),
    ),
    Event(
        "v1.MemoryEntityTierChanged",
        (_id(), _arg("memoryTier", required=True), _arg("changedAt", "date")),
        (Set(MEMORIES, {"memoryTier": Take("memoryTier"), "updatedAt": Take("changedAt")}),),
        "changedAt",
    ),
    _removed("MemoryEntity", MEMORIES),
    Event(
        "v1.ConversationStarted",
        (*_some(CONVERSATIONS, "personaId", "sessionId", "title"), _arg("startedAt", "date")),
        (Insert(CONVERSATIONS, {"createdAt": "startedAt", "updatedAt": "startedAt"}),),
        "startedAt",
    ),
    _updated("Conversation", CONVERSATIONS),
    Event(
        "v1.MessageAdded",
        (_id("conversationId"), _arg("message", "json"), _arg("messageId"), _arg("role"), _arg("content")),
        (Append(CONVERSATIONS, "conversationId", "messages", "message", "updatedAt"),),
    ),
    Event(
        "v1.ConversationArchived",
        (_id(), _arg("archivedAt", "date")),
        (Set(CONVERSATIONS, {"isArchived": True, "archivedAt": Take("archivedAt")}),),
        "archivedAt",
    ),
    _removed("Conversation", CONVERSATIONS),
    _updated("Relationship", RELATIONSHIPS),
    _removed("Relationship", RELATIONSHIPS),
    _updated("Plugin", PLUGINS),
    _removed("Plugin", PLUGINS),
    Event(
        "v1.OtherRecordUpdated",
        (_id("key"), _arg("document", "json", required=True)),
        (Set(OTHERS, {"document": Take("document")}, "key"),),
    ),
    Event("v1.OtherRecordRemoved", (_id("key"),), (Remove(OTHERS, "key"),)),
)  # fmt: skip
"""Every event that our schema knows, in the order of the printed schema."""

BY_NAME = {event.name: event for event in EVENTS}


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


def decode(name: str, args: Any) -> tuple[Operation, ...]:
    """What an event does to the state.  Raises KeyError for a name nobody knows, Undecodable for bad arguments.

    `args` is the parsed `argsJson`, in any of the shapes that the app used under this name.
    """
    operations = _DECODERS[name]
    if type(args) is not dict:
        raise Undecodable("the arguments are no object")
    return operations(args)


def upcast(name: str, args: Args) -> Args:
    """The arguments in their present shape: a message in parts becomes one message."""
    if name == "v1.MessageAdded" and args.get("message") is None:
        parts = {"id": "messageId", "role": "role", "content": "content"}
        return {**args, "message": {name: args[arg] for name, arg in parts.items() if arg in args}}
    return args


def unfolded(name: str, args: Any) -> Any:
    """Arguments that format 2 wrote as JSON inside of JSON, as values again (formats/livestore.md §2)."""
    event = BY_NAME.get(name)
    if event is None or type(args) is not dict:
        return args
    as_json = {one.name for one in event.args if one.form == "json"}
    return {key: _unfolded(held) if key in as_json else held for key, held in args.items()}


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


_STORED: dict[str, Callable[[Any, str], Any]] = {
    "text": _as_text,
    "json": _as_json,
    "boolean": _as_truth,
    "integer": _as_whole,
    "real": _as_number,
    "date": _as_whole,
}

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
        given = upcast(event.name, args)
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
    plan = [
        (
            effect.renamed.get(one.name, one.name),
            _STORED[one.form],
            None if one.default is None else _STORED[one.form](one.default, one.name),
            one.name,
        )
        for one in table.columns
    ]

    def insert(args: dict[str, Any]) -> tuple[Operation, ...]:
        key = _key(args, table.key)
        find = args.get
        values = tuple(
            [
                default if (value := find(arg)) is None else encode(value, column)
                for arg, encode, default, column in plan
            ]
        )
        return (NewRow(table, key, values),)

    return insert


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


_DECODERS = {event.name: _decoder(event) for event in EVENTS}


def time_of(name: str, args: Any) -> int | None:
    """When an event happened (ms), where its arguments say so."""
    event = BY_NAME.get(name)
    at = args.get(event.time) if event and event.time and isinstance(args, dict) else None
    if at is None and name == "v1.MessageAdded" and isinstance(args, dict) and isinstance(args.get("message"), dict):
        at = args["message"].get("timestamp")
    return at if type(at) is int else None
