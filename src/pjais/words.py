"""Counts in sentences: `1 record`, `2 records`, `1,234 records were added`."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """A count and what is counted; `many` is needed where the plural is more than an `s` at the end."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
