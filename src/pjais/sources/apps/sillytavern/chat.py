"""A chat of SillyTavern: lines of JSON, the first of which is about the chat and the others messages.

The chosen text of a message is `mes`; its other drafts (`swipes`) are siblings of it, and stay in `extra.branches`.
Messages have no ids: they are called by their line.  What a line has no place for is kept in `chat_metadata.pjais` and
`extra.pjais`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo
from typing import Any

from pjais.sources.apps import free_places, values
from pjais.sources.apps.shape import Shape, Turn
from pjais.sources.apps.sillytavern import dates
from pjais.sources.apps.values import as_dict, as_list

KIND = "sillytavern"

SHAPE = Shape(KIND)

_HEADER = ("chat_metadata", "user_name", "character_name")
UNUSED = "unused"
"""The placeholder for both names in the first line since 2025."""
_PLACE = ("folder", "file", "group")
"""The keys of `extra` that locate a chat."""
MADE_OF_IT = (KIND, "branches", *_PLACE, "attachments")
"""The keys of `extra` and `metadata` that are derived from the chat."""
SHOWN = ("author", "model", "api", "kind", "inPrompt", "attachments", KIND)
"""The keys of `metadata` that describe a line of SillyTavern."""


def is_header(line: Any) -> bool:
    """Return whether a line is about the chat, and no message."""
    return isinstance(line, dict) and "mes" not in line and any(key in line for key in _HEADER)


def is_message(line: Any) -> bool:
    """Return whether a line is a message."""
    return isinstance(line, dict) and "mes" in line and ("is_user" in line or "name" in line)


def header_of(lines: list[Any]) -> dict[str, Any]:
    """Return the first line, an empty object if that is a message: old chats of groups have none."""
    return lines[0] if lines and is_header(lines[0]) else {}


def metadata_of(lines: list[Any]) -> dict[str, Any]:
    """Return what a chat says about itself."""
    return as_dict(header_of(lines).get("chat_metadata"))


def own(line: Any) -> dict[str, Any]:
    """Return what we keep in a line."""
    return as_dict(as_dict(as_dict(line).get("extra")).get("pjais"))


def turns(lines: list[Any], zone: tzinfo = UTC, numbers: list[int] | None = None) -> tuple[list[Turn], list[Turn]]:
    """Return all messages of a chat, and those that are shown; `numbers`: those of the lines in the file."""
    everything: list[Turn] = []
    shown: list[Turn] = []
    above: str | None = None
    for index, line in enumerate(lines):
        if not isinstance(line, dict) or (index == 0 and is_header(line)):
            continue
        number = str(index + 1 if numbers is None else numbers[index])
        turn = _turn(index, number, line, above, zone)
        everything.append(turn)
        shown.append(turn)
        everything += _swipes(index, number, line, turn, above, zone)
        above = turn.id
    return everything, shown


def _turn(index: int, number: str, line: dict[str, Any], above: str | None, zone: tzinfo) -> Turn:
    said = line.get("mes")
    text_at: tuple[str | int, ...] | None = ("mes",)
    if isinstance(said, dict) and isinstance(said.get("message"), str):  # as Chub writes it
        said, text_at = said["message"], ("mes", "message")
    found: dict[str, Any] = {
        "role": _role(line),
        "content": said if isinstance(said, str) else "",
        "timestamp": dates.sent(line.get("send_date"), zone),
        "metadata": _shown(line),
    }
    ours = own(line)
    free_places.merged(found, ours, free_places.MESSAGE)
    key = ours.get("id")
    number = key if isinstance(key, str) and key else number
    if not isinstance(said, str) or found["content"] != said:
        text_at = None
    return Turn(
        (index,), found["role"], found["content"], found["timestamp"], number, above, text_at, found["metadata"]
    )


def _role(line: dict[str, Any]) -> str:
    return "system" if line.get("is_system") is True else "user" if line.get("is_user") is True else "assistant"


def _shown(line: dict[str, Any]) -> dict[str, Any]:
    more = as_dict(line.get("extra"))
    found = {"author": line.get("name"), "model": more.get("model"), "api": more.get("api"), "kind": more.get("type")}
    shown: dict[str, Any] = {key: one for key, one in found.items() if isinstance(one, str) and one}
    if line.get("is_system") is True:
        shown["inPrompt"] = False
    return shown


def _swipes(
    index: int, number: str, line: dict[str, Any], turn: Turn, above: str | None, zone: tzinfo
) -> Iterator[Turn]:
    """Yield the drafts of a message that are not the chosen one."""
    swipes, infos = as_list(line.get("swipes")), as_list(line.get("swipe_info"))
    chosen = line.get("swipe_id")
    for place, raw in enumerate(swipes):
        text, text_at = (raw.get("message"), ("message",)) if isinstance(raw, dict) else (raw, ())
        if not isinstance(text, str) or (place == chosen and text == line.get("mes")):
            continue
        info = as_dict(infos[place]) if place < len(infos) else {}
        metadata = {"author": turn.metadata.get("author"), "model": as_dict(info.get("extra")).get("model")}
        yield Turn(
            (index, "swipes", place),
            turn.role,
            text,
            dates.sent(info.get("send_date"), zone),
            f"{number}.swipe{place}",
            above,
            text_at,
            {key: one for key, one in metadata.items() if isinstance(one, str)},
        )


def character_of(lines: list[Any]) -> str | None:
    """Return the name of the character: that of the first line, else of the first one who is not the user."""
    named = header_of(lines).get("character_name")
    if isinstance(named, str) and named and named != UNUSED:
        return named
    for line in lines:
        if is_message(line) and line.get("is_user") is not True and line.get("is_system") is not True:
            name = line.get("name")
            return name if isinstance(name, str) and name else None
    return None


def document(
    lines: list[Any],
    key: str,
    place: dict[str, Any],
    persona: str | None,
    zone: tzinfo = UTC,
    numbers: list[int] | None = None,
) -> dict[str, Any]:
    """Return the conversation of a chat; `place`: its folder and its file, as far as they are known."""
    everything, shown = turns(lines, zone, numbers)
    times = [turn.at for turn in shown if turn.at is not None]
    begun = dates.sent(header_of(lines).get("create_date"), zone)
    value: dict[str, Any] = {
        "title": place.get("file"),
        "createdAt": values.iso(begun if begun is not None else min(times, default=None)),
        "updatedAt": values.iso(max(times, default=begun)),
    }
    free_places.merged(value, as_dict(metadata_of(lines).get("pjais")).get("conversation"), free_places.CONVERSATION)
    extra = {**as_dict(value.get("extra")), **place}
    more = {"id": key, "personaId": persona, **value}
    return SHAPE.document(lines, more, turns=everything, shown=shown, extra=extra)


# -- the way back


def native(value: dict[str, Any], place: dict[str, Any] | None = None) -> list[Any]:
    """Return the lines of a conversation: those of its chat with what was edited since, or new ones.

    `place`: the folder and the file that it is written to, None where it was.
    """
    extra = as_dict(value.get("extra"))
    is_new = not isinstance(extra.get(KIND), list)
    lines: list[Any] = [] if is_new else SHAPE.native(_without_orphans(value))
    for message in as_list(value.get("messages")):
        if isinstance(message, dict) and KIND not in as_dict(message.get("metadata")):
            lines.append(_line(message, len(lines) + (1 if lines and is_header(lines[0]) else 2)))
    before = document(lines, "", place or {key: one for key, one in extra.items() if key in _PLACE}, None)
    left = free_places.rest(value, before, free_places.CONVERSATION, MADE_OF_IT)
    derived = {"createdAt", "updatedAt"} if place else {"createdAt", "updatedAt", "title"}
    if not is_new and not left.keys() - derived:
        return lines
    if not lines or not is_header(lines[0]):
        lines.insert(0, new_header())
    keep(lines, id=value.get("id"), conversation=left)
    return lines


def new_header() -> dict[str, Any]:
    """Return the first line of a new chat."""
    return {"chat_metadata": {}, "user_name": UNUSED, "character_name": UNUSED}


def keep(lines: list[Any], **ours: Any) -> None:
    """Keep values of ours in the first line of a chat, which is about it."""
    metadata = metadata_of(lines)
    lines[0] = {**lines[0], "chat_metadata": {**metadata, "pjais": {**as_dict(metadata.get("pjais")), **ours}}}


def _without_orphans(value: dict[str, Any]) -> dict[str, Any]:
    """Return a conversation without the drafts of messages that were deleted in the store."""
    extra = as_dict(value.get("extra"))
    there = {_index(one) for one in as_list(value.get("messages"))}
    branches = [one for one in as_list(extra.get("branches")) if _index(one) in there]
    return {**value, "extra": {**extra, "branches": branches}}


def _index(message: Any) -> Any:
    origin = as_dict(as_dict(as_dict(message).get("metadata")).get(KIND))
    return next(iter(as_list(origin.get("path"))), None)


def _line(message: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the line of a message that was never in a chat of SillyTavern."""
    role, content, metadata = message.get("role"), message.get("content"), as_dict(message.get("metadata"))
    line: dict[str, Any] = {
        "name": metadata.get("author") or ("User" if role == "user" else "Assistant"),
        "is_user": role == "user",
        "is_system": role not in ("user", "assistant"),
        "send_date": values.iso(message.get("timestamp") if type(message.get("timestamp")) is int else None) or "",
        "mes": content if isinstance(content, str) else "",
        "extra": {},
    }
    if isinstance(metadata.get("model"), str):
        line["extra"]["model"] = metadata["model"]
    said = _turn(0, str(number), line, None, UTC)
    there = {"role": said.role, "content": said.content, "timestamp": said.at, "metadata": said.metadata}
    ours = free_places.rest(message, there, free_places.MESSAGE, (KIND,))
    if message.get("id") != str(number):
        ours["id"] = message.get("id")
    if ours:
        line["extra"]["pjais"] = ours
    return line
