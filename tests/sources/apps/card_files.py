"""Helpers of the tests of character cards: the golden ones, cards in other containers, cards that are written."""

from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from app_files import GOLDEN, documents, read
from held_records import held_of

from pjais.core.document import Piece
from pjais.exchange.export import What, to_file
from pjais.formats import png
from pjais.sources import registry
from pjais.sources.apps.character_card import export
from pjais.workspace import resolve_workspace

FOLDER = GOLDEN / "character-card"
KIND = registry.of_kind("character-card")
JSON_CARDS = ("v1.json", "v2.json", "v3.json", "sillytavern-1.19-export-of-v2.json")
PNG_CARDS = ("v3-with-v2-backfill.png", "sillytavern-1.19-export.png")
ALL = (*JSON_CARDS, *PNG_CARDS, "tessaly.charx")


def card_in(path: Path) -> Any:
    """Return the card that a file carries, read without our reader of cards."""
    if path.suffix == ".json":
        return json.loads(path.read_text("utf-8"))
    if path.suffix == ".png":
        return chunks(path.read_bytes())["ccv3"]
    data = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(data[data.index(b"PK\x03\x04") :])) as packed:
        return json.loads(packed.read("card.json"))


def chunks(data: bytes) -> dict[str, Any]:
    """Return the JSON of the text chunks of a PNG, by keyword."""
    found, at = {}, 8
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + size]
        assert zlib.crc32(name + body) == struct.unpack_from(">I", data, at + 8 + size)[0]
        if name == b"tEXt":
            keyword, _, text = body.partition(b"\0")
            found[keyword.decode()] = json.loads(base64.b64decode(text))
        at += 12 + size
    return found


def with_chunks(picture: bytes, *texts: tuple[str, bytes], kind: bytes = b"tEXt", first: bool = False) -> bytes:
    """Return a PNG with chunks of text, at its end or before its pixels."""
    parts = b""
    for keyword, text in texts:
        body = kind + keyword.encode() + b"\0" + text
        parts += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    at = 33 if first else len(picture) - 12
    return picture[:at] + parts + picture[at:]


def of(pieces: list[Piece]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the persona and the memories among pieces."""
    (persona,) = documents(pieces, "personas").values()
    return persona, list(documents(pieces, "memories").values())


def exported(folder: Path, output: Path) -> list[Path]:
    """Export the store of a folder as cards; return the files."""
    done = to_file(resolve_workspace(folder), None, output, What(format="character-card"))
    return sorted(done.files)


def written_to(folder: Path, *sources: Path) -> list[Path]:
    """Write what is read of sources as cards, without a store between; return the files."""
    folder.mkdir()
    found = export.write_files(held_of([one for source in sources for one in read(source)]), lambda _: None)
    paths = []
    for name, content in found:
        (folder / name).write_bytes(content)
        paths.append(folder / name)
    return sorted(paths)


BARE = png.parse((FOLDER / PNG_CARDS[0]).read_bytes())
PICTURE = BARE._replace(chunks=tuple(one for one in BARE.chunks if one.name != b"tEXt")).to_bytes()
V3 = card_in(FOLDER / "v3.json")


def chunks_but_card(data: bytes) -> list[bytes]:
    parsed = png.parse(data)
    return [one.name + one.data for one in parsed.chunks if not one.data.startswith((b"chara\0", b"ccv3\0"))]


def json_file(folder: Path, value: Any, name: str = "card.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(value), "utf-8")
    return path
