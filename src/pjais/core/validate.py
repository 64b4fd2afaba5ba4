"""Validate drafts and return records, checked by Pydantic, all errors at once.

The types of a model's records are the schema.  Rules have already converted the values, so an error here
is either a refused value or a fault of a rule; both reject the record, with the reason.

Pydantic costs more to load than a small migration to run.  So a record whose values are plainly of its types (exactly
`str`, `int`, ..., no text with half a character) passes without it; whatever else there is, Pydantic decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin, get_type_hints

from pjais import canonical
from pjais.core.mapping import Draft
from pjais.core.problems import Problem
from pjais.core.table import Column

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_adapters: dict[type[Any], TypeAdapter[Any]] = {}
_checks: dict[type[Any], Callable[..., Any]] = {}
"""The check of each record type, without what `TypeAdapter` asks before every call."""


def _adapter(record: type[Any]) -> TypeAdapter[Any]:
    if record not in _adapters:
        from pydantic import TypeAdapter  # a store that is only read does without it

        _adapters[record] = TypeAdapter(record)
    return _adapters[record]


def _check(record: type[Any]) -> Callable[..., Any]:
    if record not in _checks:
        _checks[record] = _adapter(record).validator.validate_python
    return _checks[record]


_SIMPLE = frozenset((str, int, float, bool, type(None)))
_Form = tuple[frozenset[type[Any]], frozenset[type[Any]] | None] | None
"""The types that a field's value may have, and those of the items of a list or the keys of an object, None for any;
None for a field that takes any value."""
_Plan = tuple[tuple[int, ...], tuple[tuple[int, frozenset[type[Any]]], ...]] | None
"""The rest to look at once the types of all values fit: the positions of texts, and of lists and objects with what
may be in them; None if they do not fit."""

_plans: dict[tuple[type[Any], tuple[type[Any], ...]], _Plan] = {}
_MANY = 4096


def is_plainly_valid(record: Any) -> bool:
    """Return whether the types of a record allow it, as far as that is plain; False says nothing."""
    shape = (type(record), tuple(map(type, record)))
    try:
        plan = _plans[shape]
    except KeyError:
        if len(_plans) >= _MANY:
            _plans.clear()
        plan = _plans[shape] = _plan(*shape)
    if plan is None:
        return False
    texts, held = plan
    for at in texts:
        if not canonical.encodable(record[at]):
            return False
    return all(_are_plain(record[at], allowed) for at, allowed in held) if held else True


def _are_plain(values: Iterable[Any], allowed: frozenset[type[Any]]) -> bool:
    return allowed.issuperset(map(type, values)) and (str not in allowed or all(map(canonical.encodable, values)))


def _plan(record: type[Any], kinds: tuple[type[Any], ...]) -> _Plan:
    forms = forms_of(record)
    if forms is None or not all(form is None or kind in form[0] for kind, form in zip(kinds, forms, strict=True)):
        return None
    typed = [(at, kind, form[1]) for at, (kind, form) in enumerate(zip(kinds, forms, strict=True)) if form is not None]
    held = tuple((at, inner) for at, kind, inner in typed if kind in (list, dict) and inner is not None)
    return tuple(at for at, kind, _ in typed if kind is str), held


def forms_of(record: type[Any]) -> tuple[_Form, ...] | None:
    """Return the form of each field; None for a record with a type that is not plain, or a rule of Pydantic's."""
    hints = get_type_hints(record, include_extras=True)
    try:
        return tuple(_form(hints[name]) for name in record._fields)
    except _NotPlain:
        return None


class _NotPlain(Exception):
    """A type of which only Pydantic knows what it allows."""


def _form(hint: Any) -> _Form:
    if get_origin(hint) is Annotated:
        hint, *marks = get_args(hint)
        if not all(isinstance(mark, Column) for mark in marks):
            raise _NotPlain
    if hint is Any:
        return None
    kinds: set[type[Any]] = set()
    inner: frozenset[type[Any]] | None = None
    for one in get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,):
        kind = get_origin(one) or one
        if kind is list or kind is dict:
            if kinds & {list, dict}:
                raise _NotPlain
            inner = _inner(kind, get_args(one))
        elif kind not in _SIMPLE:
            raise _NotPlain
        kinds.add(kind)
    return frozenset(kinds), inner


def _inner(kind: type[Any], given: tuple[Any, ...]) -> frozenset[type[Any]] | None:
    """Return the types of the items of a list, or of the keys of an object whose values may be anything."""
    item = given[0] if kind is list and given else Any
    if kind is dict and given:
        item, held = given
        if held is not Any:
            raise _NotPlain
    if item is Any:
        return None
    kinds = frozenset(get_args(item) if get_origin(item) in (Union, UnionType) else (item,))
    if not kinds <= _SIMPLE or (str in kinds and len(kinds) > 1):
        raise _NotPlain
    return kinds


def check(draft: Draft) -> tuple[Problem, ...]:
    """All problems of a draft: those of its rules, and what its record's types do not allow."""
    record = draft.record
    problems = draft.problems
    if record is None or getattr(record, "is_row", False):
        return problems
    try:
        if not is_plainly_valid(record):
            _check(type(record))(record, strict=True)
    except ValueError as error:
        from pydantic import ValidationError

        if not isinstance(error, ValidationError):
            raise
        found = {
            ("error", "wrong-type", str(item["loc"][0]), item["msg"]) for item in error.errors(include_input=False)
        }
        return problems + tuple(sorted(found, key=str))
    except RecursionError:
        return (*problems, ("error", "too-deep", None, "nested too deeply"))
    if not record.id:
        return (*problems, ("error", "no-id", "id", "no usable id"))
    return problems


def valid(problems: tuple[Problem, ...]) -> bool:
    """Return whether nothing keeps the record out."""
    return not any(problem[0] == "error" for problem in problems)


def json_schema(record: type[Any]) -> dict[str, Any]:
    """The JSON Schema of a record type, for the documentation."""
    return _adapter(record).json_schema()
