"""The JSON of a result, derived from its fields: one declaration for the library, `--json` and the page.

A field is shown under its own name; what else applies stands at the field:

    at: Annotated[int | None, INSTANT]              milliseconds, shown as ISO-8601 in UTC
    run_id: Annotated[str, Named("run")]            shown under another name
    names: Annotated[frozenset[str], HIDDEN]        not shown

Paths are shown as text, tuples as lists, sets sorted, results inside results by the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from pjais import instants


@dataclass(frozen=True, slots=True)
class Named:
    """The field's name in JSON."""

    name: str


INSTANT, HIDDEN = object(), object()
"""A time in milliseconds; a field that is not shown."""


_PLAIN = frozenset((str, int, float, bool))


def as_json(value: Any) -> Any:
    """Return a value as JSON has it; a result by its own `as_dict` where it has one."""
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "as_dict"):
        return value.as_dict()
    if isinstance(value, Mapping):
        return {str(name): as_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    if isinstance(value, frozenset | set):
        return sorted(as_json(one) for one in value)
    return value


def fields_as_json(result: Any) -> dict[str, Any]:
    """Return the fields of a NamedTuple or a dataclass as a JSON object, in their order."""
    return {key: show(getattr(result, name)) for name, key, show in _shape(type(result))}


def keys(result: type[Any]) -> tuple[str, ...]:
    """Return the names of a result's JSON."""
    return tuple(key for _, key, _ in _shape(result))


_Shape = tuple[tuple[str, str, Callable[[Any], Any]], ...]
_shapes: dict[type[Any], _Shape] = {}


def _shape(result: type[Any]) -> _Shape:
    """Return (field, its name in JSON, how it is shown) of every field that is shown."""
    if result not in _shapes:
        _shapes[result] = tuple(_read_shape(result))
    return _shapes[result]


def _read_shape(result: type[Any]) -> Iterator[tuple[str, str, Callable[[Any], Any]]]:
    for name, hint in get_type_hints(result, include_extras=True).items():
        marks = getattr(hint, "__metadata__", ())
        if HIDDEN not in marks:
            key = next((mark.name for mark in marks if isinstance(mark, Named)), name)
            yield name, key, _instant if INSTANT in marks else as_json


def _instant(at: int | None) -> str | None:
    return None if at is None else instants.to_text(at)
