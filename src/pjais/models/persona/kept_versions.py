"""Bring together what some apps keep of a memory in two places: the memory, and its earlier versions.

mem0 exports memories without their versions, and its history has versions without owner and metadata
(`extra.history`).  Whichever comes second, the live copy is the newer one, and has what only the other one says.
`extra.historyKept` says which part that is: true for the versions, else the fields that the live copy had itself.
"""

from __future__ import annotations

from typing import Any

from pjais.models.persona.records import Memory

RULE = "versions-kept"
HISTORY, MARK = "history", "historyKept"
_OWN = "$pjais"
"""The key under which a document holds what the store notes about it."""
_FIELDS = ("persona_id", "type", "tags")
"""The fields that a version lacks."""


def told(count: int) -> str:  # noqa: ARG001
    """Return what a report says of it."""
    return "the memory and its earlier versions come from different files; it has both"


def with_kept(earlier: Memory, newer: Memory) -> tuple[Memory, int] | None:
    """Return a memory with what it lacks of another copy, and the number of parts (1); None if it lacks nothing."""
    old, new = earlier.extra, newer.extra
    if not isinstance(old, dict) or not isinstance(new, dict):
        return None  # another program's
    if HISTORY not in new:
        if not isinstance(old.get(HISTORY), list):
            return None
        return newer._replace(extra={**new, HISTORY: old[HISTORY], MARK: True}), 1
    more = {key: value for key, value in old.items() if key not in (HISTORY, MARK, _OWN)}
    if not isinstance(new[HISTORY], list) or not more or not new.keys() <= {HISTORY, _OWN}:
        return None
    own: dict[str, Any] = {name: getattr(newer, name) for name in _FIELDS}
    taken = {name: getattr(earlier, name) for name in _FIELDS}
    return newer._replace(**taken, extra={**more, **new, MARK: own}), 1


def bare(record: Memory) -> Memory:
    """Return a memory without what it has of another copy: as its source has it."""
    mark = record.extra.get(MARK) if isinstance(record.extra, dict) else None
    if mark is True:
        extra = {key: value for key, value in record.extra.items() if key not in (HISTORY, MARK)}
        return record._replace(extra=extra)
    if isinstance(mark, dict) and mark.keys() == set(_FIELDS):
        fields: dict[str, Any] = mark
        return record._replace(
            **fields, extra={key: record.extra[key] for key in (HISTORY, _OWN) if key in record.extra}
        )
    return record
