"""Many files that are not taken for one reason become one line, so that those which matter are seen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pjais.core.source import Passed

_MANY = 10
_GATHERED = ("json", "opfs", "file")


def gathered(passed: Iterable[Passed]) -> tuple[Passed, ...]:
    """The same, with more than ten of one folder, kind and maker as one line for the folder."""
    groups: dict[tuple[Path, str, str | None, str | None] | int, list[Passed]] = {}
    for number, one in enumerate(passed):
        reason = one.reason if one.kind != "opfs" else ""
        key = (one.path.parent, f"{one.kind} {reason}", one.made_by, one.origin) if one.kind in _GATHERED else number
        groups.setdefault(key, []).append(one)
    found: list[Passed] = []
    for many in groups.values():
        if len(many) <= _MANY:
            found += many
            continue
        first = many[0]
        reason = f"{len(many):,} files, {first.path.name} among them: {first.reason}"
        found.append(first._replace(path=first.path.parent, reason=reason, size=sum(one.size for one in many)))
    return tuple(found)
