"""Read character cards: the card as a persona, the entries of its lorebook as memories, its files as attachments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats import exif, png
from pjais.formats.container import Container, ContainerDamaged
from pjais.formats.json_stream import Value
from pjais.sources.apps import values
from pjais.sources.apps.character_card import archive, book, fields, pictures
from pjais.sources.apps.character_card import card as cards
from pjais.sources.apps.character_card.card import KIND
from pjais.sources.apps.character_card.pictures import Carried

LOREBOOKS = "character_card_lorebooks"
"""The collection of lorebooks that are in no card, each without its entries."""

_LARGEST = 256 << 20
_ICON = (pictures.INLINE, "icon")
_SAYS = re.compile(r'"spec"\s*:\s*"(?:chara_card_v\d+|lorebook_v3)"', re.ASCII)
_FAMILIAR = re.compile(r'"(?:first_mes|mes_example|character_book|post_history_instructions)"')


# -- recognised


def holds(container: Container) -> bool:
    """Return whether a container is a card, or a lorebook on its own."""
    if container.form == "file":
        (name,) = container.names
        head = container.head(name)
        return _is_picture_with_card(container, head) or is_card_json(container, name)
    if container.form == "folder" and not (
        archive.CARD in container.top and any(name.startswith("assets/") for name in container.names)
    ):
        return False
    named = archive.card_name(container)
    return named is not None and is_card_json(container, named)


def _is_picture_with_card(container: Container, head: bytes) -> bool:
    if png.is_png(head):
        try:
            with container.path.open("rb") as file:
                if any(keyword.lower() in pictures.KEYWORDS for keyword in png.keywords(file)):
                    return True
        except OSError:
            return False
    elif exif.may_have_comment(head):
        try:
            data = container.read(container.names[0], exif.LARGEST_SEGMENTS if exif.is_jpeg(head) else _LARGEST)
            if any(isinstance(one, Carried) for one in pictures.of_exif(data, "")):
                return True
        except ContainerDamaged:
            return False
    found = archive.after_picture(container, head)
    if found is None:
        return False
    found.close()
    return True


def is_card_json(container: Container, name: str) -> bool:
    """Return whether a member's JSON is a card or a lorebook; what its beginning leaves open the rest of it says."""
    head = values.json_head(container, name)
    if head.form is None:
        return False
    if "spec" in head.keys and _SAYS.search(head.text):
        return True
    if head.keys >= set(cards.V1) or ("char_name" in head.keys and head.keys & set(list(cards.GRADIO.values())[1:])):
        return "mapping" not in head.keys
    may_be = _FAMILIAR.search(head.text) and head.keys & {"data", "name", "description"}
    if not may_be or head.form != "object" or container.size(name) > _LARGEST:
        return False
    try:
        value = json.loads(container.read(name).decode("utf-8-sig"))
    except (ContainerDamaged, ValueError, RecursionError):
        return False
    return cards.form_of(value) is not None or cards.is_lorebook(value)


def version(container: Container) -> str | None:
    """Return the version of a card, for people."""
    packed = container
    if container.form == "file":
        head = container.head(container.names[0])
        packed = archive.after_picture(container, head) or container
    if packed.form == "file":
        found: Iterator[dict[str, Any]] = (one.card for one in carried(packed) if isinstance(one, Carried))
    else:
        found = archive.cards_of(packed)
    version = next((cards.version_of(one) for one in found), None)
    if packed is not container:
        packed.close()
    return version


# -- read


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in a container."""
    names = Names()
    for one in carried(container):
        if isinstance(one, Carried):
            yield from of_card(one, container.names[0] if container.form == "file" else archive.CARD, names)
        else:
            yield one


def carried(container: Container) -> Iterator[Carried | Piece]:
    """Yield the cards in a container, and whatever else is in it."""
    if container.form != "file":
        yield from archive.of_archive(container, container.path.name)
        return
    (name,) = container.names
    head = container.head(name)
    packed = archive.after_picture(container, head)
    if packed is not None:
        with packed:
            yield from archive.of_archive(packed, name, archive.bytes_before(container, name))
    elif png.is_png(head):
        yield from pictures.of_png(container.read(name), name)
    elif exif.is_jpeg(head) or exif.is_webp(head):
        yield from pictures.of_exif(container.read(name), name)
    else:
        yield from _of_json(container, name)


def _of_json(container: Container, name: str) -> Iterator[Carried | Piece]:
    for item in values.items(container, name, "personas"):
        if isinstance(item, Unreadable):
            yield item
        elif cards.form_of(item.value):
            yield Carried("json", item.value)
        elif cards.is_lorebook(item.value):
            yield from _of_lorebook(item, name)
        else:
            yield values.unexpected("personas", name, item, "not a character card")


class Names:
    """The personas of one source by their names: another one of a name looks like another version of it."""

    def __init__(self) -> None:
        self._met: dict[str, dict[str, str]] = {}

    def others(self, name: str, key: str, place: str) -> list[str]:
        """Return the places of the other cards of this name, and remember this one."""
        met = self._met.setdefault(name, {})
        found = [there for other, there in met.items() if other != key]
        met[key] = place
        return found


def of_card(found: Carried, place: str, names: Names) -> Iterator[Piece]:
    """Yield the attachments, the persona and the memories of a card, and remarks about it."""
    card = found.card
    key = cards.identity(card)
    if cards.is_newer(card):
        message = f"a card of version {cards.version_of(card)}, newer than what is known; all of it is kept"
        yield Remark("newer-version", "personas", place, message)
    kept = (*found.kept, *pictures.inline(card, place))
    yield from (one.document for one in kept)
    value = fields.persona(card)
    held: dict[str, Any] = {"card": book.without_entries(card), "form": found.form}
    if found.others:
        held["others"] = list(found.others)
    extra = {**values.as_dict(value.get("extra")), KIND: held}
    if kept:
        extra["attachments"] = [one.reference() for one in kept]
    icons = [one for one in kept if one.role == "avatar"] or [one for one in kept if (one.role, one.path) == _ICON]
    picture = next((one.document.value["id"] for one in icons), None)
    if picture is not None:
        value.setdefault("avatar", picture)
    yield from _missing_assets(found, place)
    if others := names.others(value["name"], key, place):
        message = (
            f"another card of the same name, {value['name']!r}: looks like another version of {', '.join(others[:3])}"
        )
        yield Remark("same-name", "personas", place, f"{message}; it is a persona of its own")
    if not value["name"]:
        yield Remark("no-name", "personas", place, "a card without a name")
    yield Document("personas", key, place, {"id": key, **value, "extra": extra})
    for entry, memory in book.memories(card, key):
        yield Document("memories", entry.id, f"{place} entry {entry.place}", memory)


def _missing_assets(found: Carried, place: str) -> Iterator[Remark]:
    there = {one.path for one in found.kept}
    listed = values.as_list(cards.data_of(found.card).get("assets"))
    absent = [path for one in listed if (path := pictures.embedded(one)) is not None and path not in there]
    if absent:
        message = f"{len(absent)} files that the card names are not with it: {', '.join(absent[:5])}"
        yield Remark("asset-missing", "attachments", place, message)


def _of_lorebook(item: Value, name: str) -> Iterator[Piece]:
    value = item.value
    key = cards.identity(value)
    document = {
        "id": key,
        "name": values.text_or_none(value["data"].get("name")),
        "lorebook": book.without_entries(value),
    }
    yield values.document(LOREBOOKS, key, name, item, document)
    for entry, memory in book.memories(value, key, is_persona=False):
        yield Document("memories", entry.id, f"{values.place(name, item.place)} entry {entry.place}", memory)
