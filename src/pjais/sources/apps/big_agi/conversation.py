"""A conversation of big-AGI: messages of fragments (version 4), or of one text (version 3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pjais.sources.apps import shape, values
from pjais.sources.apps.shape import Path, Shape, Turn, newest

KIND = "big-agi"
ENTRIES = "big_agi_entries"
"""The collection of what is neither a conversation nor a folder."""


def _shape(title: str) -> Shape:
    return Shape(
        KIND,
        shape.text("title", title),
        shape.milliseconds("createdAt", "created"),
        shape.truth("isArchived", "isArchived"),
    )


_BY_USER, _BY_APP = _shape("userTitle"), _shape("autoTitle")
_UNSEEN = frozenset({"tool_invocation", "tool_response", "ma", "ph", "_pt_sentinel"})


def shape_of(native: Any) -> Shape:
    """Return the shape of a conversation: its title is what the user gave it, else what the app did."""
    given = values.as_dict(native).get("userTitle")
    return _BY_USER if isinstance(given, str) and given else _BY_APP


def document(native: dict[str, Any], identity: str, turns: list[Turn]) -> dict[str, Any]:
    """Return the document of a conversation."""
    updated = values.ms_of_ms(native.get("updated"))
    at = updated if updated is not None else newest(turns)
    return shape_of(native).document(native, {"id": identity, "updatedAt": values.iso(at)}, turns=turns)


def native(collection: str, value: Any) -> Any:
    """Return the conversation, folder or entry that a document was made of."""
    if collection == "conversations":
        return shape_of(values.as_dict(value.get("extra")).get(KIND)).native(value)
    return value["value"] if collection == ENTRIES else value


def undated(native: dict[str, Any]) -> list[Any]:
    """Return the dates of a conversation and its messages that cannot be read."""
    held = [native, *(one for one in values.as_list(native.get("messages")) if isinstance(one, dict))]
    dates = [one[key] for one in held for key in ("created", "updated") if one.get(key) is not None]
    return [date for date in dates if values.ms_of_ms(date) is None]


def turns_of(native: dict[str, Any]) -> list[Turn]:
    """Return the messages of a conversation."""
    messages = values.as_list(native.get("messages"))
    return [_turn(one, ("messages", at)) for at, one in enumerate(messages) if isinstance(one, dict)]


def _turn(message: dict[str, Any], path: Path) -> Turn:
    text, text_at = _text(message)
    role = message.get("role")
    kinds = {part.get("pt") for _, part in _parts(message) if isinstance(part.get("pt"), str)}
    metadata: dict[str, Any] = {"kind": "error"} if "error" in kinds and not text else {}
    if role == "system" or (kinds and not text and kinds <= _UNSEEN):
        metadata["hidden"] = True
    model = _model(message)
    if model is not None:
        metadata["model"] = model
    known = values.first_text(role) or "unknown"
    sent, name = values.ms_of_ms(message.get("created")), values.first_text(message.get("id"))
    return Turn(path, known, text, sent, name, None, text_at, metadata)


def _text(message: dict[str, Any]) -> tuple[str, Path | None]:
    """Return the text fragments of a message, and its path if the text is stored there verbatim."""
    if not isinstance(message.get("fragments"), list):
        return (message["text"], ("text",)) if isinstance(message.get("text"), str) else ("", None)
    found = [
        (part["text"], ("fragments", at, "part", "text"))
        for at, part in _parts(message)
        if part.get("pt") == "text" and isinstance(part.get("text"), str) and part["text"]
    ]
    return shape.joined(found)


def _parts(message: dict[str, Any], *kinds: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the parts of the fragments of some kinds, those of the content if none is named."""
    for at, fragment in enumerate(values.as_list(message.get("fragments"))):
        if isinstance(fragment, dict) and isinstance(fragment.get("part"), dict):
            unattached = not kinds and fragment.get("ft") != "attachment"
            if unattached or fragment["part"].get("pt") in kinds:
                yield at, fragment["part"]


def _model(message: dict[str, Any]) -> str | None:
    maker = values.as_dict(message.get("generator"))
    found = (values.as_dict(maker.get("aix")).get("mId"), maker.get("name"), message.get("originLLM"))
    return values.first_text(*found)


def documents_in(message: dict[str, Any]) -> Iterator[tuple[str | None, str | None, str]]:
    """Yield (name, media type, text) of each document that is attached to a message."""
    for at, part in _parts(message, "doc"):
        data = values.as_dict(part.get("data"))
        if isinstance(data.get("text"), str):
            told = (message["fragments"][at].get("title"), part.get("l1Title"), part.get("ref"))
            name = values.first_text(*told)
            yield name, values.text_or_none(data.get("mimeType")), data["text"]


def pictures_in(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a message says of each picture, whose bytes are in the app's own database."""
    for _, part in _parts(message, "image_ref"):
        told = values.as_dict(part.get("dataRef"))
        names = (part.get("altText"), told.get("url"), told.get("dblobAssetId"))
        name = values.first_text(*names)
        yield values.missing(name, values.text_or_none(told.get("mimeType")), told.get("bytesSize"))
