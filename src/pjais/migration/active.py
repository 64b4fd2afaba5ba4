"""The live side, as the last `switch` recorded it in the data folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pjais import instants
from pjais.core.shown import INSTANT, Named, fields_as_json
from pjais.errors import UsageError

LIVE = "live.json"


@dataclass(frozen=True, slots=True)
class Live:
    """The live side (`old` or `new`), since when (ms), and the last change of the store's history at that time."""

    side: Annotated[str, Named("live")]
    at: Annotated[int | None, INSTANT]
    target: str | None
    changes: int
    sources: tuple[str, ...]
    backup: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return fields_as_json(self)


def live(data_dir: Path) -> Live:
    """Return the live side from the data folder's record; the old one if nothing was ever switched."""
    path = data_dir / LIVE
    if not path.exists():
        return Live("old", None, None, 0, (), None)
    try:
        told = json.loads(path.read_text("utf-8"))
        at = instants.from_text(told["at"]) if told["at"] else None
        return Live(told["live"], at, told["target"], int(told["changes"]), tuple(told["sources"]), told["backup"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError("cannot read which side is active", where=[str(path)]) from error
