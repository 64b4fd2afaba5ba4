"""Writes rows into a copy of a Chromium profile, with right checksums: what a hostile or broken browser could leave."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cramjam
import google_crc32c

from pjais.formats.indexeddb.keys import RECORDS, prefix
from pjais.formats.leveldb.folder import LevelDB
from pjais.formats.leveldb.log import Record, batch, records

BLINK = b"\xff\x15\xfe" + bytes(12)
V8 = b"\xff\x0f"


def varint(number: int) -> bytes:
    """An unsigned LEB128 number."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def masked_crc(data: bytes) -> int:
    """LevelDB's checksum of some bytes."""
    checksum: int = google_crc32c.value(data)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def v8(value: Any) -> bytes:
    """A value as V8 serializes it; bytes go in as they are."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool) or value is None:
        return {True: b"T", False: b"F", None: b"0"}[value]
    if isinstance(value, int):
        return b"I" + varint(value << 1 if value >= 0 else -value * 2 - 1)
    if isinstance(value, str):
        raw = value.encode("latin-1")
        return b'"' + varint(len(raw)) + raw
    if isinstance(value, list):
        return b"A" + varint(len(value)) + b"".join(map(v8, value)) + b"$\x00" + varint(len(value))
    return b"o" + b"".join(v8(key) + v8(one) for key, one in value.items()) + b"{" + varint(len(value))


def wire(value: Any) -> bytes:
    """A whole record of IndexedDB: its version, Blink's and V8's headers, the value."""
    return varint(1) + BLINK + V8 + v8(value)


def row_key(folder: Path, marker: str) -> bytes:
    """The key of the record whose value holds a text."""
    with LevelDB(folder) as database:
        return next(
            key
            for key, value, _ in database.entries()
            if len(key) > 4 and prefix(key).part == RECORDS and marker.encode() in value
        )


def value_of(folder: Path, key: bytes) -> bytes:
    """The live value of a key."""
    with LevelDB(folder) as database:
        found = database.get(key)
        assert found is not None
        return found[0]


def put(folder: Path, *rows: tuple[bytes, bytes | None]) -> int:
    """Write or (None) delete rows at the end of the newest log; returns the offset of the record."""
    log = sorted(folder.glob("*.log"))[-1]
    data = log.read_bytes()
    sequence = 1
    for one in records(data):
        if isinstance(one, Record):
            changes, first, _ = batch(one.payload(data))
            sequence = max(sequence, first + len(changes))
    payload = struct.pack("<QI", sequence, len(rows))
    for key, value in rows:
        text = varint(len(key)) + key
        payload += b"\x00" + text if value is None else b"\x01" + text + varint(len(value)) + value
    offset = len(data)
    log.write_bytes(data + fragments(payload, offset))
    return offset


def fragments(payload: bytes, at: int) -> bytes:
    """A record of a log that begins at an offset, cut into fragments."""
    out, first = bytearray(), True
    while True:
        room = 32768 - (at + len(out)) % 32768
        if room < 7:
            out += bytes(room)
            continue
        part, payload = payload[: room - 7], payload[room - 7 :]
        kind = (1 if not payload else 2) if first else (4 if not payload else 3)
        checked = bytes([kind]) + part
        out += struct.pack("<IH", masked_crc(checked), len(part)) + checked
        first = False
        if not payload:
            return bytes(out)


def compact(folder: Path, was: str, now: str) -> None:
    """Move all live rows into one table with Snappy blocks, as a compaction does, with a part of the keys renamed."""
    with LevelDB(folder) as database:
        rows = [(key, value) for key, value, _ in database.entries()]
    old, new = was.encode("utf-16-be"), now.encode("utf-16-be")
    table, index, block, restarts = bytearray(), bytearray(), bytearray(), 0
    for number, (key, value) in enumerate(rows):
        inner = key.replace(old, new) + struct.pack("<Q", 1 << 8 | 1)
        block += b"\x00" + varint(len(inner)) + varint(len(value)) + inner + value
        if len(block) > 4096 or number == len(rows) - 1:
            handle = _write_block(table, block, restarts, snappy=True)
            index += b"\x00" + varint(len(inner)) + varint(len(handle)) + inner + handle
            block.clear()
    meta = _write_block(table, b"", 0, snappy=False)
    footer = meta + _write_block(table, index, 0, snappy=False)
    table += footer + bytes(40 - len(footer)) + bytes.fromhex("57fb808b247547db")
    for path in folder.iterdir():
        if path.suffix == ".log" or path.name.startswith("MANIFEST"):
            path.unlink()
    (folder / "000005.ldb").write_bytes(table)
    (folder / "000006.log").write_bytes(b"")
    edges = b"".join(varint(len(one) + 8) + one + struct.pack("<Q", 1 << 8 | 1) for one in (rows[0][0], rows[-1][0]))
    edit = b"\x01\x08idb_cmp1\x02\x06\x03\x07\x04\x01\x07\x00\x05" + varint(len(table)) + edges
    (folder / "MANIFEST-000004").write_bytes(fragments(edit, 0))
    (folder / "CURRENT").write_bytes(b"MANIFEST-000004\n")


def _write_block(table: bytearray, entries: bytes | bytearray, restart: int, *, snappy: bool) -> bytes:
    content = bytes(entries) + struct.pack("<II", restart, 1)
    packed = bytes(cramjam.snappy.compress_raw(content)) if snappy else content
    handle = varint(len(table)) + varint(len(packed))
    packed += b"\x01" if snappy else b"\x00"
    table += packed + struct.pack("<I", masked_crc(packed))
    return handle
