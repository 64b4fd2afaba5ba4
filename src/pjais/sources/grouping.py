"""Group many files that are skipped for one reason into one line, so that the important ones are seen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pjais.core.source import Passed

_MANY = 10
_GATHERED = ("json", "opfs", "file")


def gathered(passed: Iterable[Passed]) -> tuple[Passed, ...]:
    """Merge more than ten entries of one folder, kind and maker into one line for the folder."""
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
