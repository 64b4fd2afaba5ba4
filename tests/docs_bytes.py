"""Decodes the hex of the documentation with our readers.

A comment `<!-- bytes: READER of KIND/NAME -->` stands before a block of hex; the block after it is what the reader
makes of it, as JSON.  The bytes must lie in a file of that golden profile or store as they are.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import cramjam

from docs_pages import ROOT, Block, pages, sections
from pjais.formats.indexeddb import scopes
from pjais.formats.indexeddb.keys import counted_text, decode, externals, prefix
from pjais.formats.leveldb import log
from pjais.formats.leveldb.codings import varint
from pjais.formats.opfs import path_index
from pjais.formats.structured_clone import decode_chromium, decode_gecko, decode_v8
from pjais.js_values import BlobRef
from pjais.sources.indexeddb.libraries import yjs_update

_BYTES = re.compile(r"<!-- bytes: (\S+) of (\S+) -->")
_HEX = re.compile(r"(?:[0-9a-f]{2} ?)+")


class Example(NamedTuple):
    """A block of hex, its reader, the golden folder that it is out of, and what it stands for."""

    where: str
    reader: str
    golden: Path
    data: bytes
    value: Any

    def __str__(self) -> str:
        return self.where


def examples() -> Iterator[Example]:
    """Every block of hex in the documentation."""
    for page in pages():
        blocks = [block for section in sections(page) for block in section.blocks]
        for block, after in pairwise([*blocks, Block("", "", 0)]):
            if block.language != "hex":
                continue
            where = f"{page.relative_to(ROOT)}:{block.line}"
            match = _BYTES.fullmatch(block.comment)
            assert match is not None and after.language == "json", where
            lines = [_HEX.match(line) for line in block.text.splitlines()]
            data = bytes.fromhex("".join(line[0] for line in lines if line is not None))
            golden = ROOT / "tests" / "golden" / match[2]
            yield Example(where, match[1], golden, data, json.loads(after.text))


def lies_there(example: Example) -> bool:
    """Whether the bytes are in a file of the golden folder; of Firefox, whether their Snappy data are."""
    if example.reader == "gecko":
        return any(_unsnapped(path.read_bytes(), example.data) for path in example.golden.rglob("*.sqlite"))
    return any(example.data in content for content in _contents(example.golden))


def _contents(golden: Path) -> Iterator[bytes]:
    """The bytes of each file of a golden folder, also of those in an archive."""
    for path in golden.rglob("*"):
        if path.name.endswith(".tar.gz"):
            with tarfile.open(path) as archive:
                yield from (file.read() for one in archive if (file := archive.extractfile(one)) is not None)
        elif path.is_file():
            yield path.read_bytes()


def _unsnapped(file: bytes, wanted: bytes) -> bool:
    """Whether a raw Snappy stream of these bytes begins somewhere in a file."""
    length, at = len(wanted), -1
    while (at := file.find(bytes([length]), at + 1)) >= 0:
        for size in range(40, length + 20):
            try:
                if bytes(cramjam.snappy.decompress_raw(file[at : at + size])) == wanted:
                    return True
            except cramjam.DecompressionError:
                continue
    return False


def _log(data: bytes) -> Any:
    (record,) = log.records(data)
    assert isinstance(record, log.Record)
    payload = record.payload(data)
    changes, sequence, fault = log.batch(payload)
    assert not fault
    return {"sequence": sequence, "changes": [[one.key.hex(), payload[one.start : one.end].hex()] for one in changes]}


def _footer(data: bytes) -> Any:
    assert len(data) == 48
    at = varint(data, varint(data, 0)[1])[1]
    offset, at = varint(data, at)
    return {"index": [offset, varint(data, at)[0]]}


def _key(data: bytes) -> Any:
    ids = prefix(data)
    found = {"database": ids.database, "store": ids.store, "part": ids.part}
    if data[ids.end] == 1 and ids.part == 1:
        found["key"] = counted_text(data, ids.end + 1)[0]  # type: ignore[assignment]
    return found


def _block_key(data: bytes) -> Any:
    return decode(data[prefix(data).end :])


def _blobs(data: bytes) -> Any:
    return [{"kind": one.kind, "number": one.number, "type": one.type, "size": one.size} for one in externals(data)]


def _undo(data: bytes) -> Any:
    inner = scopes.fields(data)[2]
    assert isinstance(inner, bytes)
    key = scopes.fields(inner)[1]
    assert isinstance(key, bytes)
    return {"delete": _key(key)}


def _gecko(data: bytes) -> Any:
    found = decode_gecko(data).value
    return {key: f"blob {one.index}" if isinstance(one, BlobRef) else one for key, one in found.items()}


def _pickle(data: bytes) -> Any:
    info = path_index.file_info(data)
    return None if info is None else info._asdict()


def _yjs(data: bytes) -> Any:
    structs, deletions = yjs_update.parse(data)
    assert not deletions
    names = ("client", "clock", "length", "parent", "key", "content")
    return [{name: getattr(one, name) for name in names} for one in structs]


READERS: dict[str, Callable[[bytes], Any]] = {
    "log": _log,
    "footer": _footer,
    "key": _key,
    "block-key": _block_key,
    "blobs": _blobs,
    "record": lambda data: decode_chromium(data[varint(data, 0)[1] :]).value,
    "undo": _undo,
    "v8": lambda data: decode_v8(b"\xff\x10" + data).value,
    "gecko": _gecko,
    "yjs": _yjs,
    "pickle": _pickle,
    "pool-tail": lambda data: {
        "flags": int.from_bytes(data[:4], "big"),
        "digest": [f"{int.from_bytes(data[at : at + 4], 'little'):08x}" for at in (4, 8)],
    },
}
