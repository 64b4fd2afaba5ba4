"""The places where a run found the documents of a source: the first byte of each, and its entry in the ledger.

A later run that finds the same bytes again knows from it which entries they stand for, without reading them
(`pjais.assembly.unchanged`).  16 bytes for each document while a run lasts, about two on disk.
"""

from __future__ import annotations

import importlib
import json
import sys
from array import array
from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property
from itertools import accumulate, pairwise
from operator import sub
from typing import Any

_FORM = f"pjais-places 1 {sys.byteorder}"
_BYTE = "byte "
_NOWHERE = -1


class Places:
    """The documents of one source: `starts` are their first bytes, `seqs` the numbers of their entries."""

    def __init__(self, starts: array[int] | None = None, seqs: array[int] | None = None) -> None:
        self.starts = array("q") if starts is None else starts
        self.seqs = array("q") if seqs is None else seqs

    def __len__(self) -> int:
        return len(self.starts)

    def add(self, place: str, seq: int) -> None:
        """Add a document.  Its place has the form `byte 123`; of any other form it ends the use of them all."""
        number = place.removeprefix(_BYTE)
        self.starts.append(int(number) if number.isdecimal() else _NOWHERE)
        self.seqs.append(seq)

    def extend(self, others: Places) -> None:
        """Add documents."""
        self.starts.extend(others.starts)
        self.seqs.extend(others.seqs)

    def between(self, first: int, end: int, offset: int) -> Places:
        """Return the documents from one position up to another, as many bytes farther on as `offset`."""
        starts = self.starts[first:end]
        return Places(array("q", [start + offset for start in starts]) if offset else starts, self.seqs[first:end])

    def position(self, seq: int) -> int | None:
        """Return the position of the document of an entry."""
        entries, positions = self._by_entry
        at = bisect_left(entries, seq)
        return positions[at] if at < len(entries) and entries[at] == seq else None

    @cached_property
    def _by_entry(self) -> tuple[array[int], range | array[int]]:
        """The entries in order, and the position of the document of each."""
        if _ascend(self.seqs):
            return self.seqs, range(len(self.seqs))
        order = array("q", sorted(range(len(self.seqs)), key=self.seqs.__getitem__))
        return array("q", map(self.seqs.__getitem__, order)), order

    @cached_property
    def ranges(self) -> list[list[int]]:
        """The entries as ranges of numbers, [first, last] each; asked when all documents were added."""
        seqs = self.seqs
        if seqs and seqs == array("q", range(seqs[0], seqs[0] + len(seqs))):  # most often
            return [[seqs[0], seqs[-1]]]
        seqs = seqs if _ascend(seqs) else array("q", sorted(seqs))
        breaks = [at for at, (one, following) in enumerate(pairwise(seqs), 1) if following != one + 1]
        return [[seqs[first], seqs[end - 1]] for first, end in zip([0, *breaks], [*breaks, len(seqs)], strict=True)]

    def in_order(self) -> Places | None:
        """Return the documents in the order of the file; None if two have the same place, or one has none."""
        made = self
        if not _ascend(self.starts):
            order = sorted(range(len(self)), key=self.starts.__getitem__)
            made = Places(*(array("q", map(numbers.__getitem__, order)) for numbers in (self.starts, self.seqs)))
        return made if _ascend(made.starts) and made.starts[:1] != array("q", [_NOWHERE]) else None


def _ascend(numbers: array[int]) -> bool:
    """Return whether each number is larger than the one before."""
    return all(map(int.__lt__, numbers, numbers[1:]))


def packed(sources: Mapping[str, Places]) -> bytes:
    """Return the places of sources, by their names, as the bytes of a file."""
    head = {"form": _FORM, "sources": [[name, len(places)] for name, places in sources.items()]}
    columns = [numbers for places in sources.values() for numbers in (places.starts, places.seqs)]
    steps = [array("q", map(sub, numbers, array("q", [0]) + numbers[:-1])) for numbers in columns]
    body = b"".join([json.dumps(head).encode("ascii") + b"\n", *(one.tobytes() for one in steps)])
    return bytes(_zstd().compress(body, 1))


def unpacked(data: bytes) -> dict[str, Places]:
    """Return the places that were packed.  Raises ValueError for any other bytes."""
    try:
        head, _, rest = bytes(_zstd().decompress(data)).partition(b"\n")
        told = json.loads(head)
        if told["form"] != _FORM:
            raise ValueError("of another form")
        found: dict[str, Places] = {}
        at = 0
        for name, count in told["sources"]:
            columns = []
            for _ in range(2):
                steps = array("q")
                steps.frombytes(rest[at : at + 8 * count])
                columns.append(array("q", accumulate(steps)))
                at += 8 * count
            found[name] = Places(*columns)
        if at != len(rest):
            raise ValueError("of another length")
    except (TypeError, KeyError, _zstd_error()) as error:
        raise ValueError("not the places of documents") from error
    return found


def _zstd() -> Any:
    """Load the compression on demand."""
    return importlib.import_module("cramjam").zstd


def _zstd_error() -> type[Exception]:
    return importlib.import_module("cramjam").DecompressionError  # type: ignore[no-any-return]
