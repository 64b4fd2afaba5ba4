"""CHARX: a zip with `card.json` and the files of the card, also one that follows a picture in the same file.

Every other member is kept as an attachment, with its path: assets, and what programs put beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pjais.core.document import Document, Piece, Unreadable
from pjais.formats import exif, png
from pjais.formats.container import Container, ContainerDamaged, zip_of
from pjais.formats.json_stream import Value
from pjais.sources.apps import values
from pjais.sources.apps.character_card import card as cards
from pjais.sources.apps.character_card.pictures import Carried, Kept, embedded, media_type

CARD = "card.json"
_BEFORE = 256 << 20
"""Bytes before an archive that are looked at."""


def card_name(container: Container) -> str | None:
    """Return the member that is the card; it may be in folders that only wrap everything."""
    if CARD in container.top:
        return CARD
    named = [name for name in container.called(CARD) if name.endswith(CARD)]
    if container.form == "zip" and len(named) == 1:
        folder = named[0].removesuffix(CARD)
        return named[0] if all(name.startswith(folder) for name in container.names) else None
    return None


def may_follow(head: bytes) -> bool:
    """Return whether a file begins as one that archives are appended to: a picture, or a program."""
    return png.is_png(head) or exif.is_jpeg(head) or exif.is_webp(head) or head[:4] == b"GIF8" or head[:2] == b"MZ"


def after_picture(container: Container, head: bytes) -> Container | None:
    """Return the archive that follows a picture, if it holds a card."""
    if container.form != "file" or not may_follow(head):
        return None
    try:
        found = zip_of(container.path)
    except (ContainerDamaged, OSError):
        return None
    if card_name(found) is not None:
        return found
    found.close()
    return None


def cards_of(archive: Container) -> Iterator[dict[str, Any]]:
    """Yield the card of an archive alone."""
    named = card_name(archive)
    for one in values.items(archive, named, "personas") if named is not None else ():
        if isinstance(one, Value) and cards.form_of(one.value):
            yield one.value


def of_archive(archive: Container, place: str, before: bytes | None = None) -> Iterator[Carried | Piece]:
    """Yield the card of an archive with its files; `before`: the file's bytes before the archive."""
    named = card_name(archive)
    if named is None:
        return
    folder = named.removesuffix(CARD)
    read = list(values.items(archive, named, "personas"))
    found = [one for one in read if isinstance(one, Value) and cards.form_of(one.value)]
    for one in read:
        if isinstance(one, Unreadable):
            yield one
        elif one not in found[:1]:
            yield values.unexpected("personas", named, one, "not a character card")
    card = found[0].value if found else {}
    icon = _icon(card, {name.removeprefix(folder) for name in archive.names})
    kept: list[Kept] = []
    for name in archive.names:
        if name == named:
            continue
        document = values.attachment(archive, name)
        if isinstance(document, Document):
            data = document.blobs[document.value["id"]]
            document.value["mediaType"] = media_type(name, data)
            path = name.removeprefix(folder)
            role = "avatar" if path == icon else "asset" if path.startswith("assets/") else "member"
            kept.append(Kept(role, document, path))
        else:
            yield document
    if before:
        picture = values.attachment_of(before, place, place.rpartition("/")[2], media_type(place, before))
        kept.append(Kept("before" if any(one.role == "avatar" for one in kept) else "avatar", picture))
    if found:
        yield Carried("charx", card, tuple(kept))
    else:
        yield from (one.document for one in kept)


def _icon(card: dict[str, object], names: set[str]) -> str | None:
    """Return the path of the picture of a card: its main icon, else its first."""
    data = cards.data_of(card) if card else {}
    listed = [one for one in values.as_list(data.get("assets")) if isinstance(one, dict) and one.get("type") == "icon"]
    listed.sort(key=lambda one: str(one.get("name")).lower() != "main")
    return next((path for one in listed if (path := embedded(one)) in names), None)


def bytes_before(container: Container, name: str) -> bytes:
    """Return what stands before the archive in a file."""
    data = container.read(name, _BEFORE)
    at = data.find(b"PK\x03\x04")
    return data[:at] if at > 0 else b""
