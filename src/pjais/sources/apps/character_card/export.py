"""Write personas as character cards: JSON, a PNG with the card in it, or a CHARX archive; one file each.

A card that came in comes out in its own version, equal key by key, in the picture or archive in which it came.  Any
other persona is a V3 card: in its picture if it has one that is a PNG, in an archive if it has other files.
"""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, count
from typing import Any, NamedTuple

from pjais.display import counted
from pjais.files import is_device
from pjais.formats import png
from pjais.sources.apps import data_urls, values
from pjais.sources.apps.character_card import book
from pjais.sources.apps.character_card import card as cards
from pjais.sources.apps.character_card.card import KIND
from pjais.sources.apps.character_card.pictures import ASSET, INLINE, plain_picture
from pjais.sources.apps.character_card.reader import LOREBOOKS
from pjais.sources.apps.contract import Records
from pjais.sources.apps.values import as_dict

_DATED = (1980, 1, 1, 0, 0, 0)
"""Equal data give equal bytes."""
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_LONGEST = 200
"""Bytes of a name without its ending; file systems take 255."""


class Packed(NamedTuple):
    """A card as a file: the ending of its name, and its bytes."""

    suffix: str
    data: bytes


def write_files(records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
    """Yield the file of each persona, and of each lorebook that is in no card."""
    for what in losses(records):
        lost(what)
    names = Names()
    for persona in records.personas():
        made = packed(persona, _living(records.memories(persona["id"])), records)
        yield names.file(persona.get("name"), persona["id"], made.suffix), made.data
    for name, key, lorebook in lorebooks(records):
        yield names.file(name, key, ".json"), as_json(lorebook)


def losses(records: Records) -> Iterator[str]:
    """Yield what of the records no card can hold: how many of what."""
    embeddings = deleted = loose = 0
    for one in records.memories():
        embeddings += bool(one.get("embedding"))
        deleted += bool(one.get("deletedAt"))
        loose += one.get("personaId") is None and book_of(one) is None and not one.get("deletedAt")
    conversations = sum(1 for _ in records.conversations())
    relationships = sum(1 for _ in records.relationships())
    told: tuple[tuple[int, str, str], ...] = (
        (conversations, "conversation", "conversations"),
        (relationships, "relationship", "relationships"),
        (loose, "memory without a persona", "memories without a persona"),
        (deleted, "deleted memory", "deleted memories"),
        (embeddings, "embedding", "embeddings"),
    )
    for number, one_of, many in told:
        if number:
            yield counted(number, one_of, many)


def _living(memories: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in memories if not one.get("deletedAt")]


def book_of(memory: dict[str, Any]) -> str | None:
    """Return the id of the lorebook on its own that a memory is an entry of."""
    found = as_dict(as_dict(memory.get("extra")).get(KIND)).get("book")
    return found if isinstance(found, str) else None


def lorebooks(records: Records) -> Iterator[tuple[str | None, str, dict[str, Any]]]:
    """Yield (name, id, lorebook) of those that are in no card."""
    for one in records.others(LOREBOOKS):
        key, kept = one.get("id"), one.get("lorebook")
        if isinstance(key, str) and isinstance(kept, dict) and cards.is_lorebook(kept):
            held = [each for each in _living(records.memories()) if book_of(each) == key]
            yield values.text_or_none(one.get("name")), key, book.whole_lorebook(kept, key, held)


# -- one card


def packed(
    persona: dict[str, Any], memories: list[dict[str, Any]], records: Records, *, always_png: bool = False
) -> Packed:
    """Return the file of a persona; `always_png`: in a plain picture if it has none."""
    card = book.whole(persona, memories)
    kept = _files(persona, records)
    picture = next((data for one, data in kept if one.get("role") == "avatar" and "path" not in one), None)
    if picture is None and not kept:
        picture = _of_address(persona.get("avatar"))
    is_png = picture is not None and png.is_png(picture)
    form = as_dict(as_dict(persona.get("extra")).get(KIND)).get("form")
    if always_png:
        plain = next((data for one, data in kept if one.get("role") == "avatar" and png.is_png(data)), plain_picture())
        return Packed(".png", _as_png(card, persona["id"], picture if is_png and picture else plain, []))
    others = [(one, data) for one, data in kept if one.get("role") != "avatar" or "path" in one]
    if is_png and picture is not None and (form == "png" or not others):
        return Packed(".png", _as_png(card, persona["id"], picture, others))
    if kept or picture is not None:
        before = next((data for one, data in kept if one.get("role") == "before"), picture or b"")
        return Packed(".charx", before + _as_archive(_newest(card, persona["id"]), others))
    return Packed(".json", as_json(card))


def _files(persona: dict[str, Any], records: Records) -> list[tuple[dict[str, Any], bytes]]:
    """Return the files of a persona that are in the store: what it says of each, and the bytes."""
    found: list[tuple[dict[str, Any], bytes]] = []
    for one in values.as_list(as_dict(persona.get("extra")).get("attachments")):
        if isinstance(one, dict) and isinstance(one.get("sha256"), str) and one.get("role") != INLINE:
            data = records.attachment(one["sha256"])
            if data is not None:
                found.append((one, data))
    return found


def _of_address(avatar: Any) -> bytes | None:
    """Return the picture that an avatar itself is, as an address with data."""
    found = data_urls.attachment(avatar, "") if isinstance(avatar, str) and avatar.startswith("data:image/") else None
    return None if found is None else next(iter(found.blobs.values()))


def as_json(card: dict[str, Any]) -> bytes:
    """Return a card as JSON, for people to read, too."""
    return _encoded(card, indent=2)


def _encoded(card: dict[str, Any], indent: int | None = None) -> bytes:
    separators = None if indent else (",", ":")
    try:
        return json.dumps(card, ensure_ascii=False, indent=indent, separators=separators).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can only write as an escape
        return json.dumps(card, indent=indent, separators=separators).encode()


def _newest(card: dict[str, Any], persona: str) -> dict[str, Any]:
    """Return a card as V3 that is read as the same persona."""
    made = cards.as_v3(card)
    if cards.identity(made) != persona:
        made = {**made, "data": dict(made["data"])}
        cards.keep(made["data"], id=persona)
    return made


def _as_png(card: dict[str, Any], persona: str, picture: bytes, assets: list[tuple[dict[str, Any], bytes]]) -> bytes:
    """Return a picture with the card in it, as V2 and as V3; all its other chunks stay."""
    texts = [
        png.Text(f"{ASSET}:{one['path']}", base64.b64encode(data))
        for one, data in assets
        if isinstance(one.get("path"), str)
    ]
    newest = _newest(card, persona)
    older = card if card.get("spec") == "chara_card_v2" else cards.as_v2(newest, persona)
    texts += [
        png.Text("chara", base64.b64encode(_encoded(older))),
        png.Text("ccv3", base64.b64encode(_encoded(newest))),
    ]
    return png.parse(picture).with_texts(texts).to_bytes()


def _as_archive(card: dict[str, Any], members: list[tuple[dict[str, Any], bytes]]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("card.json", _DATED), as_json(card), zipfile.ZIP_DEFLATED)
        met = {"card.json"}
        for one, data in members:
            if one.get("role") == "before":
                continue
            name = str(one.get("name") or "file")
            path = one["path"] if isinstance(one.get("path"), str) else f"assets/other/other/{safe(name)}"
            if path not in met and ".." not in path.split("/"):
                met.add(path)
                archive.writestr(zipfile.ZipInfo(path, _DATED), data, zipfile.ZIP_DEFLATED)
    return target.getvalue()


# -- names


def safe(name: str) -> str:
    """Return a name that every file system takes, empty if nothing is left of it."""
    bare = _FORBIDDEN.sub("_", name.encode("utf-8", "replace").decode()).strip(" .")
    found = bare.encode()[:_LONGEST].decode("utf-8", "ignore").rstrip(" .")
    return f"_{found}" if is_device(found) else found


class Names:
    """Gives each file a name of its own, also where case does not count."""

    def __init__(self) -> None:
        self._met: set[str] = set()

    def file(self, name: object, key: str, suffix: str) -> str:
        """Return the name of the file of a record: that of the record, with a part of its id if that is taken."""
        stem = safe(name) if isinstance(name, str) else ""
        stem = stem or "character"
        short = re.sub(r"[^A-Za-z0-9]", "", key)[:8]
        tried = chain((stem, f"{stem}-{short}"), (f"{stem}-{short}-{number}" for number in count(2)))
        one = next(each for each in tried if f"{each}{suffix}".casefold() not in self._met)
        self._met.add(f"{one}{suffix}".casefold())
        return f"{one}{suffix}"
