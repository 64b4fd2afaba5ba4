"""A conversation of Claude: a list of messages, newer ones a tree by `parent_message_uuid`.

A message is made of blocks.  Its `text` repeats them for old programs, with a placeholder for each that is not text, so
the blocks are read and `text` only where there are none.  The export does not say which branch was on screen: it is
taken to be the one that ends in the newest message, unless `current_leaf_message_uuid`, which other tools write, names
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pjais.sources.apps import shape, trees, values
from pjais.sources.apps.shape import Held, Path, Shape, Turn

KIND = "claude"

SHAPE = Shape(
    KIND,
    shape.text("title", "name"),
    Held("summary", ("summary",), lambda raw: raw if isinstance(raw, str) and raw else None),
    shape.dated("createdAt", "created_at"),
    shape.dated("updatedAt", "updated_at"),
)

_NO_PARENT = frozenset({"", "00000000-0000-4000-8000-000000000000", "00000000-0000-0000-0000-000000000000"})
_PARENT = "parent_message_uuid"
_ROLES = {"human": "user"}
_TRAFFIC = frozenset(
    {"thinking", "redacted_thinking", "tool_use", "tool_result", "token_budget", "injected_prompt_block"}
)
"""Types of blocks that are not words of the person or the assistant."""
_PLACEHOLDER = re.compile(r"\s*```\s*This block is not supported on your current device yet\.\s*```\s*")


class Named(NamedTuple):
    """A file of a message: its name, its text if the export has it, and its size in bytes as told."""

    name: str | None
    text: str | None
    size: Any


def native_id(native: dict[str, Any]) -> str | None:
    """Return the id of a conversation."""
    found = native.get("uuid")
    return found if isinstance(found, str) and found else None


def account_of(native: dict[str, Any]) -> str:
    """Return the uuid of the account that a conversation belongs to; '' if it names none."""
    return values.text_or_none(values.as_dict(native.get("account")).get("uuid")) or ""


def project_of(native: dict[str, Any]) -> str | None:
    """Return the uuid of a conversation's project; only other tools write it."""
    found = native.get("project_uuid") or values.as_dict(native.get("project")).get("uuid")
    return found if isinstance(found, str) and found else None


def turns(native: dict[str, Any]) -> tuple[list[Turn], list[Turn]]:
    """Return all messages of a conversation, and those of the branch that was on screen, in order."""
    messages = [
        (index, one) for index, one in enumerate(values.as_list(native.get("chat_messages"))) if isinstance(one, dict)
    ]
    everything = [_turn(index, one) for index, one in messages]
    lacking = {turn.path for turn, (_, one) in zip(everything, messages, strict=True) if _PARENT not in one}
    current = native.get("current_leaf_message_uuid")
    ordered = trees.in_order(everything, [one.get("index") for _, one in messages])
    return trees.shown(everything, ordered, lacking, current if isinstance(current, str) else None)


def _turn(index: int, message: dict[str, Any]) -> Turn:
    text, text_at = text_of(message)
    parent = message.get(_PARENT)
    sender = message.get("sender")
    role = sender.lower() if isinstance(sender, str) and sender else "unknown"
    return Turn(
        ("chat_messages", index),
        _ROLES.get(role, role),
        text,
        values.ms_of_text(message.get("created_at")),
        values.first_text(message.get("uuid")),
        parent if isinstance(parent, str) and parent not in _NO_PARENT else None,
        text_at,
        _metadata(message),
    )


def _metadata(message: dict[str, Any]) -> dict[str, Any]:
    blocks = [one for one in values.as_list(message.get("content")) if isinstance(one, dict)]
    found: dict[str, Any] = {}
    if blocks:
        found["blocks"] = [kind if isinstance(kind := one.get("type"), str) else "unknown" for one in blocks]
        if all(_is_hidden(one) for one in blocks) and next(files_of(message), None) is None:
            found["hidden"] = True
    if isinstance(message.get("model"), str):
        found["model"] = message["model"]
    return found


def _is_hidden(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    return block.get("hidden_in_chat") is True or (isinstance(kind, str) and kind in _TRAFFIC)


def text_of(message: dict[str, Any]) -> tuple[str, Path | None]:
    """Return the text of a message, and its path if the text is stored there verbatim.

    Neighbouring texts are joined by nothing, as citations cut sentences; a blank line is where another block stood.
    """
    blocks = message.get("content")
    if isinstance(blocks, str):
        return blocks, ("content",)
    if isinstance(blocks, list) and any(_is_text(one) for one in blocks):
        return _of_blocks(blocks)
    text = message.get("text")
    if not isinstance(text, str):
        return "", None
    if isinstance(blocks, list) and blocks:
        cleaned = _PLACEHOLDER.sub("\n\n", text)
        return (text, ("text",)) if cleaned == text else (cleaned.strip(), None)
    return text, ("text",)


def _is_text(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)


def _of_blocks(blocks: list[Any]) -> tuple[str, Path | None]:
    found: list[str] = []
    places: list[int] = []
    between = False
    for place, one in enumerate(blocks):
        if not _is_text(one) or one.get("hidden_in_chat") is True:
            between = True
        elif one["text"] or not blocks[1:]:
            if between and found:
                found.append("\n\n")
            found.append(one["text"])
            places.append(place)
            between = False
    return "".join(found), ("content", places[0], "text") if len(places) == 1 else None


def files_of(message: dict[str, Any]) -> Iterator[Named]:
    """Yield the files of a message: those with their text, then those of which the export has the name alone."""
    for one in values.as_list(message.get("attachments")):
        if isinstance(one, dict):
            text = values.first_text(one.get("extracted_content"))
            yield Named(values.first_text(one.get("file_name")), text, one.get("file_size"))
    for one in values.as_list(message.get("files")):
        if isinstance(one, dict):
            name = values.text_or_none(one.get("file_name")) or values.text_or_none(one.get("file_uuid"))
            yield Named(name, None, one.get("file_size"))


def undated(native: dict[str, Any]) -> list[str]:
    """Return the dates of a conversation and its messages that cannot be read."""
    held = [native, *(one for one in values.as_list(native.get("chat_messages")) if isinstance(one, dict))]
    dates = [one[key] for one in held for key in ("created_at", "updated_at") if one.get(key) is not None]
    return [str(date) for date in dates if values.ms_of_text(date) is None]
