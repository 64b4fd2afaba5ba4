"""Read a PNG as its chunks and write it again, byte for byte: pictures carry texts that programs keep data in.

A chunk is kept as it is, also with a wrong checksum (`is_sound` tells), and so is whatever follows the last one.  Texts
are read from `tEXt`, `zTXt` and `iTXt`; new ones are written as `tEXt`, which every reader knows.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

MAGIC = b"\x89PNG\r\n\x1a\n"
_LARGEST_TEXT = 256 << 20
"""Bytes that a compressed text may unpack to."""
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_KEYWORD = 80
"""A keyword has at most 79 bytes and ends with NUL."""


class Chunk(NamedTuple):
    """A chunk: its name (4 bytes), its data, the checksum that stands after them, and the byte where it begins."""

    name: bytes
    data: bytes
    crc: int
    place: int = 0

    @property
    def is_sound(self) -> bool:
        """Return whether the checksum is that of the chunk."""
        return zlib.crc32(self.data, zlib.crc32(self.name)) == self.crc

    def text(self) -> Text | None:
        """Return the text of a chunk that holds one, None of any other; a compressed one that is damaged is None."""
        if self.name not in _TEXTS:
            return None
        keyword, nul, rest = self.data.partition(b"\0")
        if not nul:
            return None
        if self.name == b"zTXt":
            unpacked = _inflated(rest[1:])
        elif self.name == b"iTXt":
            flags, rest = rest[:2], rest[2:].partition(b"\0")[2].partition(b"\0")[2]
            unpacked = _inflated(rest) if flags[:1] == b"\1" else rest
        else:
            unpacked = rest
        return None if unpacked is None else Text(keyword.decode("latin-1"), unpacked)


class Text(NamedTuple):
    """A text in a picture: its keyword, and its bytes (latin-1 in `tEXt` and `zTXt`, UTF-8 in `iTXt`)."""

    keyword: str
    data: bytes


class Png(NamedTuple):
    """A picture as its chunks; `rest` are the bytes after the last whole one, of which a whole file has none."""

    chunks: tuple[Chunk, ...]
    rest: bytes = b""

    def to_bytes(self) -> bytes:
        """Return the bytes of the file."""
        parts = [MAGIC]
        for one in self.chunks:
            parts += (struct.pack(">I", len(one.data)), one.name, one.data, struct.pack(">I", one.crc))
        return b"".join([*parts, self.rest])

    def with_texts(self, texts: Iterable[Text]) -> Png:
        """Return the picture with more texts, before its end."""
        added = tuple(_text_chunk(one) for one in texts)
        at = next((index for index, one in enumerate(self.chunks) if one.name == b"IEND"), len(self.chunks))
        return self._replace(chunks=(*self.chunks[:at], *added, *self.chunks[at:]))


def is_png(head: bytes) -> bool:
    """Return whether a file begins as a PNG or APNG."""
    return head.startswith(MAGIC)


def parse(data: bytes) -> Png:
    """Return a file's chunks.  A chunk that is cut off, and all after `IEND`, is the rest."""
    found: list[Chunk] = []
    at = len(MAGIC)
    while len(data) - at >= 12:
        size, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + size
        if end > len(data):
            break
        (crc,) = struct.unpack_from(">I", data, end - 4)
        found.append(Chunk(name, data[at + 8 : end - 4], crc, at))
        at = end
        if name == b"IEND":
            break
    return Png(tuple(found), data[at:])


def keywords(file: BinaryIO) -> Iterator[str]:
    """Yield the keywords of the texts in a file that can seek; only their beginnings are read."""
    at = len(MAGIC)
    while True:
        file.seek(at)
        head = file.read(8 + _KEYWORD)
        if len(head) < 8:
            return
        size, name = struct.unpack_from(">I4s", head)
        if name in _TEXTS:
            yield head[8 : 8 + min(size, _KEYWORD)].partition(b"\0")[0].decode("latin-1")
        if name == b"IEND":
            return
        at += 12 + size


def _text_chunk(text: Text) -> Chunk:
    data = text.keyword.encode("latin-1", "replace") + b"\0" + text.data
    return Chunk(b"tEXt", data, zlib.crc32(data, zlib.crc32(b"tEXt")))


def _inflated(data: bytes) -> bytes | None:
    try:
        unpacking = zlib.decompressobj()
        found = unpacking.decompress(data, _LARGEST_TEXT)
    except zlib.error:
        return None
    return found if unpacking.eof else None
