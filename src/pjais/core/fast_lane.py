"""The fast lane: the row of a document in which no rule changes anything, straight from its values.

The documents of a collection have few shapes: the same keys, with values of the same types.  What the rules make of a
shape is worked out once, from the plan of its mapping; what depends on a value (a limit, the form of a date) is asked
for each document.  A document that deviates in anything gets no row here and goes through `Fields.read`, which alone
changes, notes and refuses; so this module decides nothing by itself.

Promise: a row from here, with its problems, is what `Fields.read` and `Table.to_row` make of the same document, to the
last byte.  `tests/assembly/test_fast_lane.py` compares both for every golden document and generated ones; `verify`
reads every document of a backup through the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, get_args, get_type_hints

from pjais import canonical, instants
from pjais.core.document import Document
from pjais.core.mapping import NEVER, Fields, Mapping, Plan, Step
from pjais.core.problems import NO_DATE, Problem
from pjais.core.rules import Changed, Refused
from pjais.core.table import Encode, Row

_Read = Callable[[Any], Any]
_Columns = tuple[tuple[int, Encode], ...]
"""(column, encoding) of each column that is made of a value."""
_Shape = tuple[tuple[str, ...], tuple[type, ...]]
"""The keys of a document and the types of its values, in its order."""

_LIMIT = 4096
"""Number of shapes that are remembered."""
_DEVIATES = Refused("", "")
"""Returned by a reading here for a value that has to go through the rules."""


class _Recipe(NamedTuple):
    """The way to the row of a document of one shape."""

    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    """Takes the values of the document, followed by `constants`, as the columns of the row."""
    constants: tuple[Any, ...]
    steps: tuple[tuple[int, _Read, Any, _Columns], ...]
    """(position of the value, its reading, the default that documents usually leave out, its columns)."""
    originals: dict[int, str]
    """Position -> key of the values that `extra` may have to hold as they were, in the order in which it does."""
    always: frozenset[int]
    """The positions of those that it holds for every document of the shape."""
    varies: bool
    """True if `extra` depends on more than the shape."""
    plan: Plan
    dates: str | None
    """The form of the instants."""
    problems: tuple[Problem, ...]


class FastLane:
    """The fast lane of one mapping."""

    def __init__(self, mapping: Fields) -> None:
        self.table = mapping.table.name
        self._mapping = mapping
        self._extra = mapping.table.column_names.index("extra")
        self._recipes: dict[_Shape, _Recipe | None] = {}

    def row(self, document: Document) -> tuple[Row, bytes, tuple[Problem, ...]] | None:
        """Return the row of a document that is not removed, its digest and its problems; None if it deviates."""
        value = document.value
        if type(value) is not dict or document.text is not None or document.notes:
            return None
        values = tuple(value.values())
        shape = (tuple(value), tuple(map(type, values)))
        try:
            recipe = self._recipes[shape]
        except KeyError:
            recipe = self._learn(shape)
        if recipe is None:
            return None
        row = list(recipe.pick(values + recipe.constants))
        said: set[int] = set()
        for position, read, default, columns in recipe.steps:
            one = read(values[position])
            if type(one) is Changed or type(one) is Refused:
                return None
            if default is not NEVER and one == default:
                said.add(position)
            for column, encode in columns:
                row[column] = one if encode is None else encode(one)
        if said or recipe.varies:
            original = {key: values[at] for at, key in recipe.originals.items() if at in recipe.always or at in said}
            residue = self._mapping.residue(recipe.plan, value, original, recipe.dates, None)
            if self._mapping.own and residue:
                return None  # it would go into what the document itself says
            row[self._extra] = canonical.dumps(residue)
        made = tuple(row)
        digest = canonical.plain_digest(self._mapping.table.counted(made))  # None for a lone surrogate
        return None if digest is None else (made, digest, recipe.problems)

    def _learn(self, shape: _Shape) -> _Recipe | None:
        if len(self._recipes) >= _LIMIT:
            self._recipes.clear()
        try:
            recipe = _Shaped(self._mapping, shape).recipe()
        except _NoRecipe:
            recipe = None
        self._recipes[shape] = recipe
        return recipe


@lru_cache(maxsize=1024)
def fast_lane(mapping: Mapping) -> FastLane | None:
    """Return the fast lane of a mapping, one for all runs; None for a mapping that does more than its fields say."""
    if type(mapping) is not Fields or mapping.after is not None or mapping.linked:
        return None
    return FastLane(mapping)


@cache
def _needed(record: Any) -> frozenset[str]:
    """Return the fields of a record whose type does not allow null."""
    hints = get_type_hints(record)
    return frozenset(
        name for name in record._fields if hints[name] is not Any and type(None) not in get_args(hints[name])
    )


class _NoRecipe(Exception):
    """Every document of this shape deviates."""


class _Shaped:
    """Works out the recipe of one shape, with the plan that `Fields.read` follows for its keys."""

    def __init__(self, mapping: Fields, shape: _Shape) -> None:
        self._mapping = mapping
        self._table = mapping.table
        self._keys, kinds = shape
        self._kinds = dict(zip(self._keys, kinds, strict=True))
        self._plan = mapping.plan(self._keys)
        self._columns: dict[int, list[tuple[int, Encode]]] = {}
        for column, (index, encode) in enumerate(self._table.stored):
            self._columns.setdefault(index, []).append((column, encode))
        self._constants: list[Any] = list(mapping.defaults)
        """The value of each field whose columns are the same for all documents."""
        self._taken: dict[int, int] = {}
        """Columns that hold a value as it is -> its position in the document."""
        self._steps: list[tuple[int, _Read, Any, _Columns]] = []
        self._originals: dict[int, str] = {}
        self._always: set[int] = set()
        self._problems = list(self._plan.problems)

    def recipe(self) -> _Recipe:
        """Return the recipe.  Raises _NoRecipe if there is none."""
        plan, mapping = self._plan, self._mapping
        if plan.aliases or "id" in plan.absent:
            raise _NoRecipe
        if self._kinds.get("_deleted") is bool:
            self._steps.append((self._keys.index("_deleted"), _live, NEVER, ()))
        for step in plan.steps:
            self._field(step)
        dates = self._dates(plan.instants)
        if mapping.created is not None and self._is_missing(mapping.created, plan.instants):
            self._problems.append(NO_DATE)
        original = {self._originals[at]: None for at in self._originals if at in self._always}
        residue = mapping.residue(plan._replace(unknown=()), {}, original, dates, None)
        if mapping.own and (residue or plan.unknown):
            raise _NoRecipe  # it would go into what the document itself says
        if any(value is None for value in self._never_null()):
            raise _NoRecipe  # no valid record
        if not mapping.own:
            self._constants[mapping.names.index("extra")] = residue
        return _Recipe(
            self._pick(),
            self._encoded(),
            tuple(self._steps),
            self._originals,
            frozenset(self._always),
            bool(plan.unknown),
            plan,
            dates,
            tuple(self._problems),
        )

    def _never_null(self) -> Iterator[Any]:
        """Yield the constants of the fields whose type does not allow null."""
        filled = {
            step[3] for step in (*self._plan.steps, *self._plan.instants) if self._kinds[step[0]] is not type(None)
        }
        record: Any = self._table.record
        needed = _needed(record) - {"extra"}
        for index, name in enumerate(self._mapping.names):
            if index not in filled and name in needed:
                yield self._constants[index]

    def _field(self, step: Step) -> None:
        """Work out one field."""
        key, as_is, read, index, member, default = step
        kind, position = self._kinds[key], self._keys.index(key)
        if member is not None:
            raise _NoRecipe
        if kind is type(None):
            self._null(position, key, read(None), index, default)
            return
        columns = self._columns[index]
        kept = kind is str and as_is and read("") == "" and (default is NEVER or default is None)
        if kept and all(encode is None for _, encode in columns):
            self._taken.update((column, position) for column, _ in columns)
            return
        if default is not NEVER:
            self._originals[position] = key
        self._steps.append((position, read, default, tuple(columns)))

    def _null(self, position: int, key: str, value: Any, index: int, default: Any) -> None:
        """Work out a field that is null in every document of the shape."""
        keeps = default is not NEVER and value == default
        if type(value) is Refused:
            raise _NoRecipe
        if type(value) is Changed:
            keeps = value.keep
            if value.rule:
                self._problems.append((value.level, value.rule, key, value.message))
            value = value.value
        if keeps:
            self._keep(position, key)
        self._constants[index] = value

    def _keep(self, position: int, key: str) -> None:
        self._originals[position] = key
        self._always.add(position)

    def _dates(self, steps: Iterable[Step]) -> str | None:
        """Work out the instants; return their form, which all of them must have."""
        usual: tuple[str, _Read] = ("sql", _of_sqlite) if self._mapping.dates == "sql" else ("iso", _canonical)
        forms: dict[type, tuple[str, _Read]] = {str: usual, int: ("ms", _of_milliseconds)}
        found: set[str] = set()
        for key, _, _, index, _, default in steps:
            kind, position = self._kinds[key], self._keys.index(key)
            if kind is type(None):
                if default is None:
                    self._keep(position, key)
                continue
            if kind not in forms:
                raise _NoRecipe
            form, read = forms[kind]
            found.add(form)
            text: _Columns = tuple((column, None) for column, _ in self._columns[index])
            self._steps.append((position, read, NEVER, text))
        if len(found) > 1:
            raise _NoRecipe
        return next(iter(found), None)

    def _is_missing(self, index: int, steps: Iterable[Step]) -> bool:
        """Return whether an instant is null or absent in every document of the shape."""
        key = next((step[0] for step in steps if step[3] == index), None)
        return key is None or self._kinds[key] is type(None)

    def _pick(self) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
        start = len(self._keys)
        return itemgetter(*(self._taken.get(column, start + column) for column in range(len(self._table.stored))))

    def _encoded(self) -> tuple[Any, ...]:
        """Return the constant of each column, encoded; what the steps and values replace is never looked at."""
        filled = {column for *_, columns in self._steps for column, _ in columns} | self._taken.keys()
        return tuple(
            None if column in filled else self._constants[index] if encode is None else encode(self._constants[index])
            for column, (index, encode) in enumerate(self._table.stored)
        )


def _live(raw: bool) -> Any:
    return _DEVIATES if raw else raw


def _canonical(raw: str) -> Any:
    return raw if instants.is_canonical(raw) else _DEVIATES


def _of_sqlite(raw: str) -> Any:
    return instants.from_sqlite(raw) or _DEVIATES


def _of_milliseconds(raw: int) -> Any:
    if abs(raw) > instants.LIMIT_MS or instants.like_seconds(raw):
        return _DEVIATES
    return instants.to_text(raw)
