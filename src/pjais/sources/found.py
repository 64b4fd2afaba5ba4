"""The result of a search: sources, and other stores with the reason why they are not migrated."""

from __future__ import annotations

from typing import NamedTuple

from pjais.core.source import Passed, SourceRef

__all__ = ["Found", "Passed"]


class Found(NamedTuple):
    """The result of a search."""

    sources: tuple[SourceRef, ...]
    passed: tuple[Passed, ...]
