"""Validate drafts and return records, checked by Pydantic, all errors at once.

The types of a model's records are the schema.  Rules have already converted the values, so an error here
is either a refused value or a fault of a rule; both reject the record, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pjais.core.mapping import Draft
from pjais.core.problems import Problem

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


def check(draft: Draft) -> tuple[Problem, ...]:
    """All problems of a draft: those of its rules, and what its record's types do not allow."""
    record = draft.record
    problems = draft.problems
    if record is None or getattr(record, "is_row", False):
        return problems
    try:
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
