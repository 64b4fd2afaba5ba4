"""A set of row numbers: one bit each, so that a set of a million costs 125 KB."""

from __future__ import annotations


class Bitset:
    """A set of integers from 0 on that supports adding and membership only, also of ranges."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Add a number to the set."""
        at = number >> 3
        if at >= len(self._bits):
            self._bits.extend(bytes(at + 1 - len(self._bits) + len(self._bits) // 8))
        self._bits[at] |= 1 << (number & 7)

    def add_range(self, first: int, last: int) -> None:
        """Add all numbers from `first` to `last`."""
        self.add(last)
        low, high = first >> 3, last >> 3
        if high - low > 1:
            self._bits[low + 1 : high] = b"\xff" * (high - low - 1)
        for at in {low, high}:
            self._bits[at] |= _mask(first, last, at)

    def has_any(self, first: int, last: int) -> bool:
        """Return whether any number from `first` to `last` is in the set."""
        low, high = first >> 3, min(last >> 3, len(self._bits) - 1)
        ends = (self._bits[at] & _mask(first, last, at) for at in {low, high} if low <= at <= high)
        return any(ends) or any(self._bits[low + 1 : high])

    def __contains__(self, number: int) -> bool:
        at = number >> 3
        return at < len(self._bits) and bool(self._bits[at] >> (number & 7) & 1)


def _mask(first: int, last: int, at: int) -> int:
    """Return the bits of a byte that stand for numbers from `first` to `last`."""
    low, high = max(first - 8 * at, 0), min(last - 8 * at, 7)
    return (0xFF << low) & (0xFF >> (7 - high))
