"""What a search gives: sources, and what was passed over with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pjais.model import SourceRef


class Passed(NamedTuple):
    """A file that looks like somebody's data but is not taken as a source, and why."""

    path: Path
    reason: str


class Found(NamedTuple):
    """What a search found."""

    sources: tuple[SourceRef, ...]
    passed: tuple[Passed, ...]
