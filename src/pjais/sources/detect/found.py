"""What a search gives: sources, and what was found and is not taken, with the reason."""

from __future__ import annotations

from typing import NamedTuple

from pjais.core.source import Passed, SourceRef

__all__ = ["Found", "Passed"]


class Found(NamedTuple):
    """What a search found."""

    sources: tuple[SourceRef, ...]
    passed: tuple[Passed, ...]
