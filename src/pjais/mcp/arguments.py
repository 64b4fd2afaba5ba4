"""Check the arguments of a tool against its schema, and say what is wrong so that a model can put it right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pjais.errors import UsageError

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_NAMES = {"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}


def checked(tool: str, schema: Mapping[str, Any], given: Mapping[str, Any] | None, *, strict: bool) -> dict[str, Any]:
    """Return the arguments of a call, without those that the schema does not know; defaults are filled in.

    `strict`: unknown ones are refused.  Raises UsageError that names every fault.
    """
    wrong: list[str] = []
    found = _value(schema, dict(given or {}), "", wrong, strict=strict)
    if wrong:
        raise UsageError(f"Invalid arguments for tool {tool}: {'; '.join(wrong[:20])}")
    assert isinstance(found, dict)
    return found


def _value(schema: Mapping[str, Any], value: Any, where: str, wrong: list[str], *, strict: bool) -> Any:
    kind = schema.get("type", "object")
    fits = isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))
    if not fits:
        wrong.append(f"{where or 'arguments'}: {_NAMES.get(kind, f'a JSON {kind}')} is needed")
        return value
    if "enum" in schema and value not in schema["enum"]:
        wrong.append(f"{where}: one of {', '.join(schema['enum'])} is needed")
    least, most = schema.get("minimum"), schema.get("maximum")
    if (least is not None and value < least) or (most is not None and value > most):
        wrong.append(f"{where}: a number from {least} to {most} is needed")
    if kind == "array":
        return [
            _value(schema.get("items", {}), one, f"{where}[{at}]", wrong, strict=strict) for at, one in enumerate(value)
        ]
    if kind != "object" or "properties" not in schema:
        return value
    return _object(schema, value, where, wrong, strict=strict)


def _object(
    schema: Mapping[str, Any], value: dict[str, Any], where: str, wrong: list[str], *, strict: bool
) -> dict[str, Any]:
    known: Mapping[str, Any] = schema["properties"]
    path = f"{where}." if where else ""
    wrong += [f"{path}{name}: missing" for name in schema.get("required", ()) if name not in value]
    if strict:
        there = ", ".join(known) or "none"
        wrong += [f"{path}{name}: unknown; known: {there}" for name in value if name not in known]
    found = {name: one["default"] for name, one in known.items() if "default" in one}
    for name, one in value.items():
        if name in known:
            found[name] = _value(known[name], one, f"{path}{name}", wrong, strict=strict)
    return found
