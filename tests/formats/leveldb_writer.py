"""A tiny writer of LevelDB folders, made from the format's description alone; the reader's tests are built on it.

It shares no code with the reader: its checksum is the textbook one, bit by bit into a table.  At the end stand three
shortcuts for the tests.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import cramjam

from pjais.formats.leveldb.folder import LevelDB

Op = tuple[bytes, bytes | None]
"""A key and its value; None deletes."""


def _table() -> list[int]:
    found = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        found.append(number)
    return found


_CRC = _table()


def checksum(data: bytes) -> bytes:
    """The masked CRC-32C of some bytes, as it is stored."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes((*found, number))


def counted(data: bytes) -> bytes:
    return varint(len(data)) + data


def batch(sequence: int, ops: Iterable[Op]) -> bytes:
    """A write batch."""
    changes = [b"\0" + counted(k) if v is None else b"\1" + counted(k) + counted(v) for k, v in ops]
    return struct.pack("<QI", sequence, len(changes)) + b"".join(changes)


def log(records: Iterable[bytes]) -> bytes:
    """A log: records cut into fragments, none across a block of 32 KiB."""
    out = bytearray()
    for record in records:
        at, first = 0, True
        while first or at < len(record):
            left = 32768 - len(out) % 32768
            if left < 7:
                out += bytes(left)
                continue
            part = record[at : at + left - 7]
            at += len(part)
            last = at == len(record)
            kind = bytes(((1 if last else 2) if first else (4 if last else 3),))
            out += checksum(kind + part) + struct.pack("<H", len(part)) + kind + part
            first = False
            if last:
                break
    return bytes(out)


def block(entries: Sequence[tuple[bytes, bytes]], every: int = 16) -> bytes:
    """A block with prefix compression, restarted every so many entries."""
    out, restarts, before = bytearray(), [], b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % every == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    restarts = restarts or [0]
    return bytes(out) + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def table(entries: Sequence[tuple[bytes, int, bytes | None]], *, snappy: bool = True, per_block: int = 10) -> bytes:
    """A table of (key, sequence, value or None for a delete), which must be sorted, with a filter block."""
    out = bytearray()

    def append(content: bytes, *, packed: bool) -> bytes:
        raw = bytes(cramjam.snappy.compress_raw(content)) if packed else content
        handle = varint(len(out)) + varint(len(raw))
        kind = b"\1" if packed else b"\0"
        out.extend(raw + kind + checksum(raw + kind))
        return handle

    index = []
    for at in range(0, len(entries), per_block):
        rows = [
            (key + struct.pack("<Q", sequence << 8 | (value is not None)), value or b"")
            for key, sequence, value in entries[at : at + per_block]
        ]
        index.append((rows[-1][0], append(block(rows), packed=snappy)))
    filters = append(b"\x12\x34\x56" * 9 + b"\x0b", packed=False)
    meta = append(block([(b"filter.leveldb.BuiltinBloomFilter2", filters)]), packed=False)
    top = append(block(index, every=1), packed=snappy)
    return bytes(out) + (meta + top).ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")


def manifest(tables: Iterable[int], log_number: int = 0, gone: Iterable[int] = ()) -> bytes:
    """A MANIFEST: comparator and numbers, then every table at level 0, then those that are gone again."""
    edits = [b"\1" + counted(b"idb_cmp1") + b"\2" + varint(log_number) + b"\3" + varint(99) + b"\4" + varint(7)]
    edits += [b"\7\0" + varint(n) + varint(1000) + counted(b"a" * 9) + counted(b"z" * 9) for n in tables]
    edits += [b"\6\0" + varint(n) + b"\5\1" + counted(b"k" * 9) for n in gone]
    return log(edits)


def folder(path: Path, files: dict[str, bytes], tables: Iterable[int] = (), log_number: int = 0) -> Path:
    """A LevelDB folder of these files, with a MANIFEST that names these tables."""
    path.mkdir(parents=True, exist_ok=True)
    content = {"CURRENT": b"MANIFEST-000001\n", "MANIFEST-000001": manifest(tables, log_number), "LOCK": b"", **files}
    for name, data in content.items():
        (path / name).write_bytes(data)
    return path


def flipped(path: Path, at: int, bit: int = 0) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


def content(path: Path) -> dict[bytes, bytes]:
    with LevelDB(path) as database:
        return {key: value for key, value, _ in database.entries()}


def reasons(path: Path) -> list[str]:
    with LevelDB(path) as database:
        list(database.entries())
        return [f"{one.file}: {one.reason}" for one in database.damage]


def rows(count: int, sequence: int = 1) -> list[tuple[bytes, int, bytes | None]]:
    return [(b"key-%04d" % n, sequence + n, b"value %d " % n * 9) for n in range(count)]
