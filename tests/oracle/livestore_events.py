"""Random histories of our LiveStore schema: every event, nasty values, and only what LiveStore itself would take."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from pjais.core.events import Column, Event, Insert, LiveTable, Remove
from pjais.models.persona import events, livestore
from pjais.sources.livestore.replay import Row

Args = dict[str, Any]

IDS = ["a", "Ü", "日本-3", "🌊", "'; DROP TABLE personas;--", 'quote"\\', "half \ud83d", " ", "__proto__", "$id"]
TEXTS = [
    "",
    "plain",
    "zwei\nZeilen\t",
    "日本語 👩🏽\u200d🚀",
    "é and e\u0301",
    "before\0after",
    "\0",
    "half \ud83d a pair",
    "\udc4b",
    "\u2028\u2029\ufeff",
    "null",
    '{"looks":"like JSON"}',
    "[]",
    "'; DROP TABLE memoryEntities;--",
    "x" * 3000,
]
NUMBERS = [0, 1, -1, 50, 100, 0.1 + 0.2, 1e-7, 1.5e300, 5e-324, 2**53 - 1, -(2**53) + 1, 2**53 + 1, 2**70, 3.0, -0.0]
DATES = [0, -1, 1714555800250, -815356800001, 8_640_000_000_000_000, -8_640_000_000_000_000]
STAMPS = [0, 1714555800250, -5, 3.0, 0.5, 2**53 - 1, 2**53, 2**60, "2024-05-01", None, True, [1714555800250]]


class Maker:
    """Makes one history after the other out of a seed; remembers which rows there are."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._there: dict[str, set[str]] = {table.name: set() for table in livestore.TABLES}

    def history(self, count: int) -> Iterator[tuple[str, Args]]:
        """Events of all kinds: each at least once, those that make rows more often."""
        makes = [one for one in events.EVENTS if any(isinstance(effect, Insert) for effect in one.effects)]
        first = [*makes, *events.EVENTS]
        kinds = [*first, *self._random.choices([*events.EVENTS, *makes], k=count - len(first))]
        for event in kinds:
            args = self._args(event)
            if args is not None:
                yield event.name, args

    def _args(self, event: Event) -> Args | None:
        table = event.effects[0].table if event.effects else None
        args = {one.name: value for one in event.args for value in self._argument(one, table)}
        if table is None:
            return args
        there = self._there[table.name]
        if isinstance(event.effects[0], Insert):
            free = [one for one in map(self._key_of(table), IDS) if one not in there]
            if not free:
                return None
            args[table.key] = self._random.choice(free)
            there.add(args[table.key])
        else:
            name = "conversationId" if "conversationId" in args else table.key
            known = (
                sorted(there) if there and self._random.random() < 0.9 else [self._key_of(table)(one) for one in IDS]
            )
            args[name] = self._random.choice(known)
            if isinstance(event.effects[0], Remove):
                there.discard(args[name])
        return args

    def _key_of(self, table: LiveTable) -> Any:
        return (lambda one: json.dumps(["strange", one])) if table is livestore.OTHERS else str

    def _argument(self, one: Column, table: LiveTable | None) -> Iterator[Any]:
        """The value of an argument; none where it is left out."""
        pick = self._random
        columns = table.by_name if table is not None else {}
        if one.name == "updates" and table is not None:
            some = pick.sample(table.columns, pick.randint(0, 4))
            yield {column.name: value for column in some if column.name != "id" for value in self._optional(column)}
        elif one.name == "message":
            if pick.random() < 0.8:
                yield self._message()
        elif not one.null:
            yield self._value(one)
        else:
            known = columns.get(one.name)
            yield from self._optional(known if known is not None and known.form == one.form else one)

    def _optional(self, column: Column) -> Iterator[Any]:
        may_be_null = column.null and column.form != "boolean"
        luck = self._random.random()
        if luck < 0.65:
            yield self._value(column)
        elif luck < 0.8 and may_be_null:
            yield None

    def _value(self, column: Column) -> Any:
        pick = self._random
        if column.default == []:
            return [self._message() if column.name == "messages" else self.json() for _ in range(pick.randint(0, 3))]
        if column.form == "json":
            return self.json()
        if column.form == "boolean":
            return pick.random() < 0.5
        choices: dict[str, list[Any]] = {"text": [*TEXTS], "real": [*NUMBERS], "integer": DATES, "date": DATES}
        return pick.choice(choices[column.form])

    def _message(self) -> Any:
        pick = self._random
        if pick.random() < 0.15:
            return pick.choice(["only a text", [], 5, None, False, {"timestamp": 1714555800250}])
        message = {"id": pick.choice(IDS), "role": "user", "content": self.json()}
        return message | ({"timestamp": pick.choice(STAMPS)} if pick.random() < 0.8 else {})

    def json(self, depth: int = 3) -> Any:
        """Any JSON value."""
        pick = self._random
        if depth and pick.random() < 0.5:
            inner = [self.json(depth - 1) for _ in range(pick.randint(0, 3))]
            names = pick.sample(["a", "", "10", "2", "ключ", "__proto__", "half \ud83d", "nul\0", "$date"], len(inner))
            return inner if pick.random() < 0.5 else dict(zip(names, inner, strict=True))
        return pick.choice([None, True, False, *NUMBERS, *TEXTS])


def as_livestore_has_it(table: LiveTable, row: Row) -> Row:
    """A row of our replay as LiveStore holds it: texts end at NUL, half a character is U+FFFD, numbers are doubles.

    A null in a JSON column is a null or the JSON text `null`, depending on where it came from.
    """
    return {name: _as_column(table.by_name[name], value) for name, value in row.items()}


def _as_column(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.form == "json":
        return in_javascript(json.loads(value))
    if column.form == "text":
        return mended(str(value).partition("\0")[0])
    return float(value)


def as_told(table: LiveTable, row: Row) -> Row:
    """A row that LiveStore told, its JSON parsed, for comparing with ours."""
    return {name: _as_told(table.by_name[name], value) for name, value in row.items()}


def _as_told(column: Column, value: Any) -> Any:
    if value is None or column.form == "text":
        return value
    return in_javascript(json.loads(value)) if column.form == "json" else float(value)


def in_javascript(value: Any) -> Any:
    """A JSON value as JavaScript has it: every number a double."""
    if isinstance(value, dict):
        return {name: in_javascript(item) for name, item in value.items()}
    if isinstance(value, list):
        return [in_javascript(item) for item in value]
    return float(value) if type(value) in (int, float) else value


def mended(text: str) -> str:
    """A text with U+FFFD for each half of a character."""
    return "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= one <= "\udfff" else one for one in text)
