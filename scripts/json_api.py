"""Describes the JSON API of the web UI in Markdown, from its own OpenAPI document; `make_docs.py` writes the page."""

from __future__ import annotations

from typing import Any, cast

from pjais.web.app import make
from pjais.web.guard import Guard

JSON = dict[str, Any]
_REF = "#/components/schemas/"
_INTRO = """\
# JSON API

Made by `scripts/make_docs.py`; do not edit.

`pjais ui` answers each address below with JSON, on this machine alone. Programs send `Authorization: Bearer TOKEN`, \
with the token that `pjais ui --json` prints; how requests are checked is on the page about \
[the web UI](page.md#who-has-access). `/api/openapi.json` is the same as an OpenAPI document, from which clients can \
be generated. Only GET is offered: programs that write use the [Python API](api.md) or the [command line](cli.md).

An error is the object that `--json` prints, with status 400, 403, 404, 409, 414, 421 or 422: see [Problem](#problem). \
Instants are ISO-8601 in UTC; sizes are bytes.
"""


def page() -> str:
    """Return the whole page."""
    guarded = make(cast(Any, None), cast(Any, None))  # the document needs neither a session nor keys
    assert isinstance(guarded, Guard)
    document: JSON = cast(Any, guarded.app).openapi()
    lines = [_INTRO, "## Addresses", ""]
    for path, methods in document["paths"].items():
        lines += _address(path, methods["get"])
    lines += ["## Shapes", ""]
    for name, shape in document["components"]["schemas"].items():
        lines += _shape(name, shape)
    return "\n".join(lines).rstrip() + "\n"


def _address(path: str, operation: JSON) -> list[str]:
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    lines = [f"### `GET {path}`", "", f"{_line(operation)} Answers {_type(answer)}.", ""]
    if given := operation.get("parameters"):
        lines += ["| parameter | type | default |", "|---|---|---|"]
        lines += [f"| `{one['name']}` | {_type(one['schema'])} | {_default(one)} |" for one in given]
        lines.append("")
    return lines


def _shape(name: str, shape: JSON) -> list[str]:
    lines = [f"### {name}", "", _line(shape), "", "| key | type |", "|---|---|"]
    return [*lines, *(f"| `{key}` | {_type(one)} |" for key, one in shape.get("properties", {}).items()), ""]


def _line(described: JSON) -> str:
    return " ".join(str(described.get("description", "")).split())


def _default(parameter: JSON) -> str:
    if parameter.get("required"):
        return "required"
    value = parameter["schema"].get("default")
    return "" if value is None or value == "" else f"`{value}`".replace("True", "true").replace("False", "false")


def _type(schema: JSON) -> str:
    """Return a JSON schema as people write types; shapes are links to their headings."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return str(kind)
