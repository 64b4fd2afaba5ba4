"""Keep the messages that a newer export of a conversation lacks: whoever deletes in an app does not delete here.

A kept message stands where it stood, marked `metadata.kept`; its text, time and id are as they were.
"""

from __future__ import annotations

from typing import Any

from pjais import canonical
from pjais.display import counted
from pjais.models.persona.records import Conversation

RULE = "messages-kept"
_MARK = "kept"


def told(count: int) -> str:
    """Return what a report says of kept messages."""
    return f"{counted(count, 'message')} that the newest export lacks; kept, as an export deletes nothing"


def with_kept(earlier: Conversation, newer: Conversation) -> tuple[Conversation, int] | None:
    """Return a conversation with the messages that it lacks of an earlier copy, and their number; None for none."""
    if not isinstance(earlier.messages, list) or not isinstance(newer.messages, list):
        return None  # another program's
    there = _There([*newer.messages, *_branches(newer)])
    messages, count = _merged(earlier.messages, newer.messages, there)
    branches, more = _merged(_branches(earlier), _branches(newer), there)
    if count + more == 0:
        return None
    extra = {**newer.extra, "branches": branches} if more else newer.extra
    return newer._replace(messages=messages, extra=extra), count + more


def bare(record: Conversation) -> Conversation:
    """Return a conversation without the messages that were kept of an earlier copy: as its source has it."""
    if not isinstance(record.messages, list) or not any(map(_is_kept, [*record.messages, *_branches(record)])):
        return record
    messages = [one for one in record.messages if not _is_kept(one)]
    branches = [one for one in _branches(record) if not _is_kept(one)]
    extra = {key: value for key, value in record.extra.items() if key != "branches" or branches}
    return record._replace(messages=messages, extra={**extra, "branches": branches} if branches else extra)


def _branches(record: Conversation) -> list[Any]:
    found = record.extra.get("branches") if isinstance(record.extra, dict) else None
    return found if isinstance(found, list) else []


def _is_kept(message: Any) -> bool:
    told = message.get("metadata") if isinstance(message, dict) else None
    return isinstance(told, dict) and told.get(_MARK) is True


class _There:
    """The messages of a conversation, to find others among them.

    A message is there if one has its id and time (its text may have been edited), or its role, text and time: in some
    apps the id is only the number of the line.
    """

    def __init__(self, messages: list[Any]) -> None:
        self._times: dict[str, set[Any]] = {}
        self._contents: set[str] = set()
        self.ids = {one.get("id") for one in messages if isinstance(one, dict)}
        for one in messages:
            if isinstance(one, dict):
                self._times.setdefault(canonical.dumps(one.get("id")), set()).add(canonical.dumps(one.get("timestamp")))
            self._contents.add(_content(one))

    def has(self, message: Any) -> bool:
        if _content(message) in self._contents:
            return True
        if not isinstance(message, dict) or message.get("id") is None:
            return False
        times = self._times.get(canonical.dumps(message["id"]), set())
        return canonical.dumps(message.get("timestamp")) in times


def _content(message: Any) -> str:
    if not isinstance(message, dict):
        return canonical.dumps(message)
    return canonical.dumps([message.get("role"), message.get("content"), message.get("timestamp")])


def _merged(earlier: list[Any], newer: list[Any], there: _There) -> tuple[list[Any], int]:
    """Return the newer messages with those of the earlier ones that are nowhere, each after the one before it."""
    places = {_content(one): at for at, one in enumerate(newer)}
    named = {canonical.dumps(one.get("id")): at for at, one in enumerate(newer) if isinstance(one, dict)}
    after: dict[int, list[Any]] = {}
    at = -1
    for message in earlier:
        if not there.has(message):
            after.setdefault(at, []).append(_kept(message, there))
            continue
        own_id = canonical.dumps(message.get("id")) if isinstance(message, dict) else ""
        at = max(at, places.get(_content(message), named.get(own_id, at)))
    found = list(after.get(-1, []))
    for number, message in enumerate(newer):
        found += [message, *after.get(number, [])]
    return found, sum(map(len, after.values()))


def _kept(message: Any, there: _There) -> Any:
    if not isinstance(message, dict):
        message = {"content": message}
    told = message.get("metadata")
    marked = {**(told if isinstance(told, dict) else {}), _MARK: True}
    taken = message.get("id") in there.ids and not str(message.get("id")).endswith("#kept")
    return {**message, **({"id": f"{message['id']}#kept"} if taken else {}), "metadata": marked}
