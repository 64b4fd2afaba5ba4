"""A conversation of Grok: its own fields in `conversation`, its messages in `responses`, each in a `response`.

Its fields have dates as ISO-8601, its messages as MongoDB writes them: `{"$date": {"$numberLong": "<ms>"}}`.
"""

from __future__ import annotations

import re
from typing import Any

from pjais import canonical
from pjais.sources.apps import shape, trees, values
from pjais.sources.apps.shape import Held, Shape, Turn

KIND = "grok"

_ROLES = {"human": "user"}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def ms_of(raw: Any) -> int | None:
    """Return the milliseconds of a date in any of its forms."""
    if isinstance(raw, dict):
        raw = raw.get("$date")
    if isinstance(raw, dict):
        raw = raw.get("$numberLong")
        if isinstance(raw, str) and re.fullmatch(r"-?\d{1,16}", raw, re.ASCII):
            raw = int(raw)
    return values.ms_of_text(raw) if isinstance(raw, str) else values.ms_of_ms(raw)


def _dated(field: str, key: str) -> Held:
    return Held(field, ("conversation", key), lambda raw: values.iso(ms_of(raw)))


SHAPE = Shape(
    KIND,
    shape.text("title", "conversation", "title"),
    _dated("createdAt", "create_time"),
    _dated("updatedAt", "modify_time"),
)


def native_id(native: dict[str, Any]) -> str | None:
    """Return the id of a conversation."""
    return _id(values.as_dict(native.get("conversation")).get("id"))


def account_of(native: dict[str, Any]) -> str:
    """Return the id of the user of a conversation; '' if it names none."""
    return values.text_or_none(values.as_dict(native.get("conversation")).get("user_id")) or ""


def _id(raw: Any) -> str | None:
    if isinstance(raw, dict):
        raw = raw.get("$oid")
    return raw if isinstance(raw, str) and raw else None


def response_of(held: Any) -> dict[str, Any]:
    """Return the response in an element of `responses`."""
    found = held.get("response") if isinstance(held, dict) else None
    return found if isinstance(found, dict) else {}


def turns(native: dict[str, Any]) -> tuple[list[Turn], list[Turn]]:
    """Return all messages of a conversation, and those of the branch that was on screen, in order."""
    held = [(place, response_of(one)) for place, one in enumerate(values.as_list(native.get("responses")))]
    everything = [_turn(place, one) for place, one in held if one]
    lacking = {("responses", place) for place, one in held if "parent_response_id" not in one}
    leaf = _id(values.as_dict(native.get("conversation")).get("leaf_response_id"))
    return trees.shown(everything, trees.in_order(everything), lacking, leaf)


def _turn(place: int, response: dict[str, Any]) -> Turn:
    text, sender = values.text_or_none(response.get("message")), response.get("sender")
    role = sender.lower() if isinstance(sender, str) and sender else "unknown"
    model = response.get("model")
    return Turn(
        ("responses", place),
        _ROLES.get(role, role),
        text or "",
        ms_of(response.get("create_time")),
        _id(response.get("_id")),
        _id(response.get("parent_response_id")),
        None if text is None else ("response", "message"),
        {"model": model} if isinstance(model, str) and model else {},
    )


def assets_of(response: dict[str, Any], there: dict[str, str]) -> list[str]:
    """Return the ids of the files of a response: those it names as attachments, and those of the export it mentions."""
    found: list[str] = []
    for one in values.as_list(response.get("file_attachments")):
        named = one if isinstance(one, str) else values.as_dict(one).get("id")
        if isinstance(named, str) and named:
            found.append(named)
    if there:
        rest = canonical.dumps({key: one for key, one in response.items() if key != "message"})
        found += [one for one in _UUID.findall(rest) if one in there]
    return list(dict.fromkeys(found))


def undated(native: dict[str, Any]) -> list[Any]:
    """Return the dates of a conversation and its messages that cannot be read."""
    own = values.as_dict(native.get("conversation"))
    dates = [own.get("create_time"), own.get("modify_time")]
    dates += [response_of(one).get("create_time") for one in values.as_list(native.get("responses"))]
    return [date for date in dates if date is not None and ms_of(date) is None]
