"""Entries of Gemini's activity as conversations, and files of AI Studio.

An entry is a prompt with its answer; entries that follow each other within a gap are one conversation.  Before the
prompt the title says in the owner's language that it is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pjais.sources.apps import values
from pjais.sources.apps.gemini_takeout import html_text
from pjais.sources.apps.shape import Path, Shape, Turn

KIND = "gemini-takeout"

SHAPE = Shape(KIND)
"""A conversation keeps its entries, or the file of AI Studio; it has no fields of its own."""

_PREFIX = re.compile(r"(?:Prompted|Eingegebener Prompt:)[ \u00a0\u202f]")
"""What titles of prompts begin with, as far as it is known."""
_ROLES = {"model": "assistant"}
_FILES = ("driveDocument", "driveImage", "driveVideo", "driveAudio", "youtubeVideo", "inlineFile", "inlineImage")


def has_prefix(entry: dict[str, Any]) -> bool:
    """Return whether the title of an entry says that it is a prompt."""
    title = entry.get("title")
    return isinstance(title, str) and _PREFIX.match(title) is not None


def has_answer(entry: dict[str, Any]) -> bool:
    """Return whether an entry has an answer."""
    return bool(_answers(entry))


def _answers(entry: dict[str, Any]) -> list[str]:
    items = (values.as_dict(one).get("html") for one in values.as_list(entry.get("safeHtmlItem")))
    return [one for one in items if isinstance(one, str) and one]


def time_of(entry: dict[str, Any]) -> int | None:
    """Return when a prompt was given, in ms."""
    return values.ms_of_text(entry.get("time"))


def key_of(entry: dict[str, Any]) -> str:
    """Return what an entry is known by: its time, or a fingerprint where that cannot be read."""
    return values.iso(time_of(entry)) or values.fingerprint(entry)


def turns(entries: Sequence[dict[str, Any]]) -> list[Turn]:
    """Return the messages of a conversation: of each entry the prompt and, if there is one, the answer."""
    found: list[Turn] = []
    for place, entry in enumerate(entries):
        title, at, key = values.text_or_none(entry.get("title")) or "", time_of(entry), key_of(entry)
        found.append(Turn((place,), "user", _PREFIX.sub("", title, count=1), at, key, metadata={}))
        if has_answer(entry):
            text = "\n\n".join(html_text.text_of(one) for one in _answers(entry))
            found.append(Turn((place, "safeHtmlItem"), "assistant", text, at, f"{key} answer", metadata={}))
    return found


def files_of(entry: dict[str, Any]) -> list[str]:
    """Return the names of the files of a prompt."""
    named = [*values.as_list(entry.get("attachedFiles")), entry.get("imageFile")]
    named += [values.as_dict(one).get("url") for one in values.as_list(entry.get("subtitles"))]
    texts = [one for one in named if isinstance(one, str) and one and "://" not in one]
    return list(dict.fromkeys(texts))


# -- AI Studio


class File(NamedTuple):
    """A file of a chunk: its id in Drive or elsewhere, its media type, and its bytes in base64 if they are there."""

    name: str | None
    media_type: str | None
    data: str | None


def chunks(native: dict[str, Any]) -> list[Any]:
    """Return the chunks of a file of AI Studio."""
    return values.as_list(values.as_dict(native.get("chunkedPrompt")).get("chunks"))


def studio_turns(native: dict[str, Any]) -> list[Turn]:
    """Return the messages of a file of AI Studio: the system's text, hidden, then the chunks."""
    found: list[Turn] = []
    system = native.get("systemInstruction")
    if isinstance(system, dict):
        text, at = _text(system)
        hidden = {"kind": "systemInstruction", "hidden": True}
        found.append(Turn(("systemInstruction",), "system", text, text_at=at, metadata=hidden))
    for place, chunk in enumerate(chunks(native)):
        if isinstance(chunk, dict):
            text, at = _text(chunk)
            role = values.first_text(chunk.get("role")) or "unknown"
            told: dict[str, Any] = {"kind": "thought", "hidden": True} if chunk.get("isThought") is True else {}
            sent = values.ms_of_text(chunk.get("createTime"))
            path = ("chunkedPrompt", "chunks", place)
            found.append(Turn(path, _ROLES.get(role, role), text, sent, text_at=at, metadata=told))
    return found


def _text(part: dict[str, Any]) -> tuple[str, Path | None]:
    if isinstance(part.get("text"), str):
        return part["text"], ("text",)
    parts = [values.as_dict(one).get("text") for one in values.as_list(part.get("parts"))]
    texts = [one for one in parts if isinstance(one, str)]
    return "".join(texts), ("parts", 0, "text") if len(parts) == len(texts) == 1 else None


def studio_files(chunk: Any) -> Iterator[File]:
    """Yield the files of a chunk."""
    for key in _FILES:
        held = values.as_dict(values.as_dict(chunk).get(key))
        if held:
            name, media = values.text_or_none(held.get("id")), values.text_or_none(held.get("mimeType"))
            yield File(name, media, values.text_or_none(held.get("data")))


def studio_identity(native: dict[str, Any]) -> str:
    """Return the id of a file of AI Studio, which has none: a fingerprint up to its first answer.

    So a chat that went on is the same one.  The text of an answer is seldom given twice.
    """
    begin: list[Any] = []
    for chunk in chunks(native):
        held = values.as_dict(chunk)
        begin.append([held.get("role"), held.get("text"), held.get("createTime"), held.get("isThought")])
        if held.get("role") == "model" and held.get("isThought") is not True:
            break
    return values.derived(KIND, "studio", values.fingerprint(begin))
