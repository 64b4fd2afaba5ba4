"""Cards in pictures: PNG and APNG with text chunks, JPEG and WEBP with an EXIF comment.

`ccv3` wins over `chara`.  The picture of a card is the PNG without the card's chunks, so the same picture is stored
once whatever card it carries; all its other chunks stay.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from pjais import canonical
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats import exif, png
from pjais.sources.apps import data_urls, values
from pjais.sources.apps.character_card import card as cards
from pjais.sources.apps.values import as_dict

KEYWORDS = ("ccv3", "chara")
"""Keywords of the chunks that hold a card; the first one that is there wins."""
ASSET = "chara-ext-asset_"
"""Beginning of the keywords of chunks that hold files of a card."""


INLINE = "inline"
"""The role of a file whose bytes are in the card itself, as an address with data."""


class Kept(NamedTuple):
    """A file of a card as an attachment; `path`: where a card says that it is, or its name in an archive."""

    role: str
    document: Document
    path: str | None = None

    def reference(self) -> dict[str, Any]:
        """Return what the persona says of it."""
        path = {} if self.path is None else {"path": self.path}
        return {"role": self.role, **path, **values.reference(self.document)}


class Carried(NamedTuple):
    """A card that a file carries: its JSON, its files, and cards of other chunks that say something else."""

    form: str
    card: dict[str, Any]
    kept: tuple[Kept, ...] = ()
    others: tuple[dict[str, Any], ...] = ()


def is_card_text(keyword: str) -> bool:
    """Return whether the text of a PNG belongs to a card."""
    return keyword.lower() in KEYWORDS or keyword.lower().startswith(ASSET)


def of_png(data: bytes, place: str) -> Iterator[Carried | Piece]:
    """Yield the card of a PNG, and what is wrong with the file."""
    picture = png.parse(data)
    yield from _faults(picture, place)
    found: dict[str, list[bytes]] = {}
    taken: set[int] = set()
    kept: list[Kept] = []
    for index, chunk in enumerate(picture.chunks):
        text = chunk.text()
        if text is None:
            if chunk.name in (b"zTXt", b"iTXt") and is_card_text(chunk.data.partition(b"\0")[0].decode("latin-1")):
                yield Unreadable("personas", values.place(place, chunk.place), b"", "a compressed text is damaged")
        elif text.keyword.lower() in KEYWORDS:
            found.setdefault(text.keyword.lower(), []).append(text.data)
            taken.add(index)
        elif text.keyword.lower().startswith(ASSET):
            content = _of_base64(text.data)
            if content is None:
                message = f"{text.keyword}: not base64; it stays in the picture as it is"
                yield Remark("asset-unreadable", "attachments", values.place(place, chunk.place), message)
            else:
                path = text.keyword[len(ASSET) :].removeprefix(":")
                name = path.rpartition("/")[2] or path
                document = values.attachment_of(content, f"{place} {text.keyword}", name, media_type(name, content))
                kept.append(Kept("asset", document, path))
                taken.add(index)
    bare = picture._replace(chunks=tuple(one for index, one in enumerate(picture.chunks) if index not in taken))
    if (pixels := bare.to_bytes()) != plain_picture():
        avatar = values.attachment_of(pixels, place, place.rpartition("/")[2], "image/png")
        kept.insert(0, Kept("avatar", avatar))
    held: list[dict[str, Any]] = []
    for keyword in KEYWORDS:
        for raw in found.get(keyword, ()):
            value = decoded(raw)
            if cards.form_of(value) is None:
                reason = f"the text chunk {keyword} holds no card"
                yield Unreadable("personas", f"{place} {keyword}", raw[: 8 << 20], reason)
            else:
                held.append(value)
    if (cut := _cut_card(picture)) is not None:
        reason = "the PNG is cut off inside the text that holds its card; fetch it again"
        yield Unreadable("personas", place, cut[: 8 << 20], reason)
    if not held:
        yield from (one.document for one in kept)
        return
    first, *more = held
    others = tuple(one for one in more if not _agrees(one, first))
    if others:
        message = "its text chunks hold cards that say different things; the first of ccv3 and chara is read"
        yield Remark("card-chunks-differ", "personas", place, message)
    yield Carried("png", first, tuple(kept), others)


def _faults(picture: png.Png, place: str) -> Iterator[Remark]:
    unsound = [one for one in picture.chunks if not one.is_sound]
    if unsound:
        names = ", ".join(f"{one.name.decode('latin-1')} at byte {one.place}" for one in unsound[:5])
        yield Remark("wrong-checksum", "attachments", place, f"chunks of the PNG with a wrong checksum: {names}")
    if not any(one.name == b"IEND" for one in picture.chunks):
        yield Remark("picture-cut", "attachments", place, "the PNG ends before its last chunk")


def _cut_card(picture: png.Png) -> bytes | None:
    """Return the text of a card that breaks off at the end of the file; None if none does."""
    text = picture.rest[8:] if picture.rest[4:8] in (b"tEXt", b"zTXt", b"iTXt") else b""
    return text if text.partition(b"\0")[0].decode("latin-1").lower() in KEYWORDS else None


def _of_base64(raw: bytes) -> bytes | None:
    try:
        bare = b"".join(raw.split()).rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        return base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None


def decoded(raw: bytes) -> Any:
    """Return the JSON value of a text that is base64, or JSON as it is; None for anything else."""
    for data in (_of_base64(raw), raw):
        if data is not None:
            try:
                text = data.decode("utf-8-sig")
                if not canonical.deeper_than(text):
                    return json.loads(text)
            except (ValueError, RecursionError):
                continue
    return None


def _agrees(one: dict[str, Any], first: dict[str, Any]) -> bool:
    """Return whether a card says nothing else than the first one.

    A lorebook may be shortened for V2, and the notes of the creator be a warning that the card is one of V3: the
    specification wants both.
    """
    data, there = cards.data_of(one), cards.data_of(first)
    left_out = {"character_book", "extensions", "spec", "spec_version", "data"}
    if "Character Card V2" in str(data.get("creator_notes")):
        left_out.add("creator_notes")
    return all(canonical.same(value, there.get(key, value)) for key, value in data.items() if key not in left_out)


def of_exif(data: bytes, place: str) -> Iterator[Carried | Piece]:
    """Yield the card in the EXIF comment of a JPEG or WEBP."""
    comment = exif.user_comment(data)
    value = None if comment is None else decoded(comment.encode("utf-8", "replace"))
    if isinstance(value, dict) and cards.form_of(value):
        media = "image/jpeg" if exif.is_jpeg(data) else "image/webp"
        avatar = values.attachment_of(data, place, place.rpartition("/")[2], media)
        yield Carried("exif", value, (Kept("avatar", avatar),))


_MAGICS = (
    (png.MAGIC, "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
)


def media_type(name: str, data: bytes) -> str | None:
    """Return the media type of a file: by its beginning, else by its name."""
    import mimetypes

    if exif.is_webp(data[:12]):
        return "image/webp"
    return next((one for magic, one in _MAGICS if data.startswith(magic)), None) or mimetypes.guess_type(name)[0]


def inline(card: dict[str, Any], place: str) -> Iterator[Kept]:
    """Yield the files that are in a card as addresses with data; the icons, the main one first."""
    listed = [one for one in values.as_list(cards.data_of(card).get("assets")) if isinstance(one, dict)]
    listed.sort(key=lambda one: (one.get("type") != "icon", str(one.get("name")).lower() != "main"))
    for one in listed:
        uri = one.get("uri")
        found = data_urls.attachment(uri, place, values.text_or_none(one.get("name"))) if isinstance(uri, str) else None
        if found is not None:
            yield Kept(INLINE, found, values.text_or_none(one.get("type")))


def embedded(asset: Any) -> str | None:
    """Return the path of an asset whose file comes with its card; None for one that is elsewhere."""
    uri = as_dict(asset).get("uri")
    if isinstance(uri, str):
        for prefix in ("embeded://", "embedded://", "__asset:"):
            if uri.lower().startswith(prefix):
                return uri[len(prefix) :]
    return None


@cache
def plain_picture() -> bytes:
    """Return a plain grey picture, for programs that keep a card in a PNG only."""
    width, height = 400, 600
    row = b"\0" + b"\x60" * width
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(row * height, 9)), (b"IEND", b""))
    return png.Png(tuple(png.Chunk(name, data, zlib.crc32(data, zlib.crc32(name))) for name, data in parts)).to_bytes()
