"""The content of a message in the form that OpenAI made common: a text, or parts of several types."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from pjais.core.document import Piece
from pjais.sources.apps import data_urls, values
from pjais.sources.apps.shape import Path, joined

_LONGEST_NAME = 300


def text_of(content: Any, at: Path) -> tuple[str, Path | None]:
    """Return the text of a content that stands at a path, and the text's own path if it is stored there verbatim.

    It is the texts of its parts (`text`, or `text.value`), joined by a blank line.
    """
    if isinstance(content, str):
        return content, at
    found: list[tuple[str, Path]] = []
    for place, part in enumerate(values.as_list(content)):
        held = part.get("text") if isinstance(part, dict) else part
        way: Path = ("text",) if isinstance(part, dict) else ()
        if isinstance(held, dict):
            held, way = held.get("value"), (*way, "value")
        if isinstance(held, str) and held:
            found.append((held, (*at, place, *way)))
    return joined(found)


def attached(content: Any, where: str, met: set[str]) -> Generator[Piece, None, list[dict[str, Any]]]:
    """Yield the attachments of a content that are in it (`data:` addresses); return what it says of all.

    `met`: the hashes of those that came before.
    """
    told: list[dict[str, Any]] = []
    for part in values.as_list(content):
        address = _address(part)
        if address is None:
            continue
        told.append((yield from values.attached(data_urls.attachment(address, where), met, address[:_LONGEST_NAME])))
    return told


def _address(part: Any) -> str | None:
    held = part.get("image_url") or part.get("file_url") if isinstance(part, dict) else None
    found = held.get("url") if isinstance(held, dict) else held
    return found if isinstance(found, str) and found else None
