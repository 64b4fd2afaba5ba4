"""Keep a new version of a file as what differs from an earlier one, at the cost of comparing both in large blocks.

A delta holds the bytes that the earlier file, its base, does not have; after them, on a last line of their own, the
pieces of the new file in order as JSON: `[place in the base, size]`, or `[null, size]` for the next bytes of the delta
itself.  Any program puts the file together from that in a few lines.  Both files are read as streams, and a delta
larger than its limit is given up, so that neither time nor memory depends on how the versions differ.
"""

from __future__ import annotations

import errno
import io
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

_CHUNK = 1 << 20
"""Bytes of the new file that are read at once."""
_BLOCK = 1 << 12
"""Size of the first block that is compared after a difference; each following one is twice as large."""
_CERTAIN, _LIKELY = 1 << 10, 1 << 8
"""Bytes that both have from a place on by which it is the continuation; by which it is not searched for far away."""
_WINDOW = 1 << 16
"""Bytes of the new file in which the continuation of the base is searched, and distance of the far places."""
_FAR = 1 << 24
"""How far in the base a continuation is searched, in bytes."""
_ANCHOR = 32
"""Bytes that both must have for a continuation; fewer are not worth a piece."""
_NEAR = tuple(sorted({0, *(1 << bit for bit in range(5, 16)), *(3 << bit for bit in range(4, 15))}))
"""Places in the base, from where it ceased to be equal, whose bytes are searched for in the new file."""

Piece = list[int | None]


class TooDifferent(Exception):
    """The delta would be larger than its limit."""


class Delta:
    """Takes the new file apart: yields the bytes that the base does not have, and collects the pieces."""

    def __init__(self, base: BinaryIO, limit: int) -> None:
        self.pieces: list[Piece] = []
        self.size = 0
        """Bytes that the base does not have."""
        self._base, self._limit = base, limit
        self._at = 0
        """The place in the base from which the next bytes are expected."""
        self._size = _BLOCK
        self._missed = 0
        """How often the base went on nowhere near since it last did for certain."""

    def parts(self, new: BinaryIO, seen: Callable[[bytes], None]) -> Iterator[bytes]:
        """Yield the bytes of the new file that the base does not have.  Raises TooDifferent.

        `seen` is called with all bytes of the new file, in order.
        """
        data, at, ended = b"", 0, False
        while True:
            if not ended and len(data) - at < _WINDOW:
                more = new.read(_CHUNK)
                seen(more)
                data, at, ended = data[at:] + more, 0, not more
                continue
            if at == len(data):
                return
            same = self._equal(data, at)
            if same:
                self._add(self._at, same)
                self._at, at = self._at + same, at + same
                self._missed = 0 if same >= _CERTAIN else self._missed
                continue
            skipped, self._at = self._continuation(data[at : at + _WINDOW])
            if skipped:
                self._add(None, skipped)
                yield data[at : at + skipped]
                at += skipped

    def _add(self, at: int | None, size: int) -> None:
        last = self.pieces[-1] if self.pieces else None
        if last is not None and (at is None) == (last[0] is None) and (at is None or at == last[0] + last[1]):  # type: ignore[operator]
            last[1] += size  # type: ignore[operator]
        else:
            self.pieces.append([at, size])
        if at is None:
            self.size += size
            if self.size > self._limit:
                raise TooDifferent

    def _equal(self, data: bytes, at: int) -> int:
        """Return how many bytes from here on are those that the base goes on with, if that is worth a piece."""
        same = 0
        while at + same < len(data):
            new = data[at + same : at + same + self._size]
            old = read_at(self._base, self._at + same, len(new))
            found = len(new) if new == old else common(new, old)
            same += found
            if found < len(new):
                self._size = _BLOCK
                break
            self._size = min(2 * self._size, _CHUNK)
        return same if same >= min(_ANCHOR, len(data) - at) else 0

    def _continuation(self, window: bytes) -> tuple[int, int]:
        """Return after how many bytes the base goes on, and where; all of them if it does not."""
        base = read_at(self._base, self._at, _WINDOW)
        best, found = 0, (len(window), 0)
        for ahead in _NEAR:
            place, same = _place_of(window, base[ahead : ahead + _CERTAIN])
            if same > best:
                best, found = same, (place, ahead)
            if best == _CERTAIN:
                break
        if best < _LIKELY:
            self._missed += 1
            far = range(len(base), _FAR, _WINDOW // 2) if self._missed & (self._missed - 1) == 0 else ()
            for ahead in far:  # ever more seldom
                place, same = _place_of(window, read_at(self._base, self._at + ahead, _CERTAIN))
                if same > max(best, _LIKELY):
                    found = (place, ahead)
                    break
        place, ahead = found
        before = read_at(self._base, self._at + max(0, ahead - place), min(ahead, place))
        back = common(window[:place][::-1], before[::-1])
        return place - back, self._at + ahead - back


def _place_of(window: bytes, following: bytes) -> tuple[int, int]:
    """Return where a window has the bytes of a base, by the first of these, and how many of them."""
    place = window.find(following[:_ANCHOR]) if len(following) >= _ANCHOR else -1
    return (place, common(window[place : place + len(following)], following)) if place >= 0 else (place, 0)


def common(one: bytes, other: bytes) -> int:
    """Return how many bytes two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def are_equal(one: BinaryIO, other: BinaryIO) -> bool:
    """Return whether two streams have the same bytes."""
    at = 0
    while data := read_at(one, at, _CHUNK):
        if data != read_at(other, at, len(data)):
            return False
        at += len(data)
    return not read_at(other, at, 1)


def tail(pieces: Iterable[Piece]) -> bytes:
    """Return the end of a delta, after the bytes that the base does not have."""
    return b"\n" + json.dumps(list(pieces), separators=(",", ":")).encode("ascii") + b"\n"


class Restored(io.RawIOBase):
    """The file that a base and a delta are, as a stream for reading.  Raises OSError if these were changed."""

    def __init__(self, base: Path, delta: Path) -> None:
        super().__init__()
        self._at = 0
        self._files: list[Any] = []
        try:
            self._files += (one.open("rb", buffering=0) for one in (base, delta))
            self._pieces = _pieces(self._files[1])
        except (ValueError, TypeError) as error:
            self.close()
            raise OSError(errno.EIO, "not a delta", str(delta)) from error
        except OSError:
            self.close()
            raise
        self._ends = list(accumulate(size for _, _, size in self._pieces))

    def close(self) -> None:
        """Close both files."""
        for one in self._files:
            one.close()
        super().close()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ends[-1] if self._ends else 0}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; leave a rest only at the end, or where the base is cut."""
        view = memoryview(buffer).cast("B")
        done, number = 0, bisect_right(self._ends, self._at)
        while done < len(view) and number < len(self._pieces):
            source, start, size = self._pieces[number]
            left = self._ends[number] - self._at
            self._files[source].seek(start + size - left)
            count = self._files[source].readinto(view[done : done + left])
            if not count:
                raise OSError(errno.EIO, "a file was cut off", self._files[source].name)
            done, self._at = done + count, self._at + count
            number += count == left
        return done


def _pieces(delta: BinaryIO) -> list[tuple[int, int, int]]:
    """Return the pieces of a file: 0 for the base or 1 for the delta, the place there, the size."""
    end = delta.seek(0, io.SEEK_END)
    text, start = b"", end
    while b"\n" not in text[:-1] and start > 0:
        start = max(0, start - max(_WINDOW, end - start))
        text = read_at(delta, start, end - start)
    found, own = [], 0
    for at, size in json.loads(text[text.rfind(b"\n", 0, -1) + 1 :]):
        found.append((0, int(at), int(size)) if at is not None else (1, own, int(size)))
        own += size if at is None else 0
    if own != start + text.rfind(b"\n", 0, -1) or any(at < 0 or size <= 0 for _, at, size in found):
        raise ValueError("not a delta")
    return found


def read_at(file: BinaryIO, at: int, size: int) -> bytes:
    """Return the bytes of a file at a place; fewer only at its end."""
    file.seek(at)
    data = file.read(size)
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data
