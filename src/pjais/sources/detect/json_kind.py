"""Determine the kind of a JSON file from its two ends and the names in it; files of other programs are never parsed.

The first 64 KiB nearly always suffice.  Otherwise the whole file is searched for the names of our collections, as
bytes; only if one occurs is the file parsed to see whether it is a key of the top level.
"""

from __future__ import annotations

import re
from mmap import ACCESS_READ, mmap
from pathlib import Path

from pjais import canonical

HEAD = 1 << 16
_TAIL = 1 << 12
_CHUNK = 1 << 20
_LARGEST = 1 << 28
"""A larger file whose beginning does not suffice is searched only if it is named."""

COLLECTIONS = frozenset({"personas", "memories", "memoryEntities", "memory_entities", "conversations"})
_TELLING = COLLECTIONS | {"collections", "docs"}
_OF_A_RECORD = frozenset({"personaId", "persona_id", "personality", "personality_traits", "messages"})
"""Keys that identify a record of ours in an unnamed list, or alone on a line."""
_EMPTY_LISTS = re.compile(r"(?:\[\s*\][\s\ufeff\x1e]*)*")
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def kind_of(path: Path, head: bytes, size: int, *, named: bool, familiar: bool = False) -> str | None:
    """Return the dialect of a JSON file by the keys of its top level; None for another program's file.

    `familiar`: its name is one of ours.
    """
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("["):
        first = _EMPTY_LISTS.sub("", text)[1:].lstrip()
        known = first[:1] == "{" and not _OF_A_RECORD.isdisjoint(canonical.top_keys(first))
        return "json" if known or (named and first[:1] in ("{", "]", "")) else None
    keys = set(canonical.top_keys(text))
    if size > len(head) and not keys & (_TELLING | {"format"}) and (named or size <= _LARGEST):
        keys |= _telling_keys(path)
    if "format" in keys and '"pjais-export"' in text[:200]:
        return "pjais-export"
    if not keys & COLLECTIONS:
        lists = [key for key in keys & {"collections", "docs"} if re.search(rf'"{key}"\s*:\s*\[', text)]
        exported = bool(keys & {"instanceToken", "schemaHash", "name"}) and bool(keys & {"collections", "docs"})
        if lists or exported:
            return "rxdb-dump"
        one_a_line = (named or familiar) and "id" in keys and keys & _OF_A_RECORD
        return "json" if one_a_line else None
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL))
        ends = text + file.read().decode("utf-8", "replace")
    dated = '"exportedAt"' in ends and re.search(r'"version"\s*:\s*"1\.0"', ends) is not None
    return "rxdb-export" if dated or '"_sourceSystem"' in ends else "json"


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
