"""Recognise a JSON file by its two ends and the names in it; files of other programs are never parsed.

The first 64 KiB nearly always suffice.  Otherwise the whole file is searched for the names of our collections, as
bytes; only if one occurs is the file parsed to see whether it is a key of the top level.
"""

from __future__ import annotations

import json
import re
from mmap import ACCESS_READ, mmap
from pathlib import Path

from pjais import canonical
from pjais.sources.contract import File, Members

_BETWEEN_VALUES = re.compile(r"[\s\ufeff\x1e]*")
_TAIL = 1 << 12
_CHUNK = 1 << 20
_LARGEST = 1 << 28
"""A larger file whose beginning does not suffice is searched only if it is named."""

COLLECTIONS = frozenset({"personas", "memories", "memoryEntities", "memory_entities", "conversations"})
_TELLING = COLLECTIONS | {"collections", "docs"}
OF_A_RECORD = frozenset({"personaId", "persona_id", "personality", "personality_traits", "messages"})
"""Keys that identify a record of ours in an unnamed list, or alone on a line."""
_EMPTY_LISTS = re.compile(r"(?:\[\s*\][\s\ufeff\x1e]*)*")
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def members(file: File, *, familiar: bool) -> Members:
    """Return what a JSON file begins with.  `familiar`: its name is one that a kind's files have."""
    text = file.head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("["):
        inside = _EMPTY_LISTS.sub("", text)[1:].lstrip()
        first = frozenset(canonical.top_keys(inside)) if inside[:1] == "{" else None if inside else frozenset[str]()
        return Members(frozenset(), first, text, lambda: text, file.named, familiar)
    keys = set(canonical.top_keys(text))
    if file.size > len(file.head) and not keys & (_TELLING | {"format"}) and (file.named or file.size <= _LARGEST):
        keys |= _telling_keys(file.path)
    return Members(keys, None, text, lambda: text + _tail(file), file.named, familiar)


def is_records(found: Members) -> bool:
    """Return whether a file holds lists of our collections, a list of our records, or our records one a line."""
    if found.first is not None:
        return found.named or not OF_A_RECORD.isdisjoint(found.first)
    one_a_line = (found.named or found.familiar) and "id" in found.keys and found.keys & OF_A_RECORD
    return bool(found.keys & COLLECTIONS or one_a_line)


def is_dump(found: Members) -> bool:
    """Return whether a file is RxDB's dump of a database or of a collection."""
    if found.keys & COLLECTIONS:
        return False
    within = found.keys & {"collections", "docs"}
    lists = [key for key in within if re.search(rf'"{key}"\s*:\s*\[', found.text)]
    return bool(lists or (within and found.keys & {"instanceToken", "schemaHash", "name"}))


def is_guide_export(found: Members) -> bool:
    """Return whether a file is the backup of the RxDB to LiveStore guide."""
    if not found.keys & COLLECTIONS:
        return False
    ends = found.ends()
    dated = '"exportedAt"' in ends and re.search(r'"version"\s*:\s*"1\.0"', ends) is not None
    return dated or '"_sourceSystem"' in ends


def is_text(head: bytes) -> bool:
    """Return whether a text is one JSON value, or several one after the other."""
    decode, end = json.JSONDecoder().raw_decode, 0
    try:
        text = head.decode("utf-8-sig").rstrip()
        while end == 0 or end < len(text):
            begin = _BETWEEN_VALUES.match(text, end)
            end = decode(text, begin.end() if begin else end)[1]
    except (ValueError, RecursionError):
        return False
    return True


def _tail(file: File) -> str:
    with file.path.open("rb") as opened:
        opened.seek(max(0, file.size - _TAIL))
        return opened.read().decode("utf-8", "replace")


def _telling_keys(path: Path) -> set[str]:
    """Return the kind-specific keys at the top level of a file.

    `"personas"` with both its quotes cannot occur inside a text, where quotes are escaped: it is a token.
    """
    found: set[str] = set()
    if not _occurs(path):
        return found
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        places = sorted(_occurrences(data))
        depth = begin = 0
        for at, key in places:
            if key not in found:
                structure = _TEXT.sub(b"", data[begin:at])
                depth += sum(structure.count(mark) for mark in (b"{", b"["))
                depth -= sum(structure.count(mark) for mark in (b"}", b"]"))
                begin = at
                if depth == 1:
                    found.add(key)
    return found


def _occurs(path: Path) -> bool:
    """Return whether any of the names occurs in the file at all, at the speed of the disk."""
    words = [f'"{key}"'.encode() for key in _TELLING]
    overlap = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if any(word in chunk or word in overlap + chunk[:32] for word in words):
                return True
            overlap = chunk[-32:]
    return False


def _occurrences(data: mmap) -> list[tuple[int, str]]:
    found = []
    for key in _TELLING:
        for match in re.finditer(rb'"%s"\s*:' % key.encode(), data):
            found.append((match.start(), key))
    return found
