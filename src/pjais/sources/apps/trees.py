"""Say what is wrong with the tree of a conversation's messages; every message is kept all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from pjais.core.document import Remark
from pjais.sources.apps.shape import Turn


def faults(above: Mapping[str, str | None], where: str) -> Iterator[Remark]:
    """Yield the faults of a tree: parents that are not there, and circles.  `above`: the parent of each id."""
    absent = [name for name, parent in above.items() if parent is not None and parent not in above]
    if absent:
        message = f"{len(absent)} messages follow one that is not there, {absent[0]} among them; all are kept"
        yield Remark("parent-missing", "conversations", where, message)
    if _has_circle(above):
        message = "messages that follow each other in a circle; all are kept"
        yield Remark("parent-cycle", "conversations", where, message)


def of_turns(turns: Iterable[Turn], where: str) -> Iterator[Remark]:
    """Yield the faults of a tree of messages: `faults`, and ids that several of them have."""
    known = [turn for turn in turns if turn.id is not None]
    yield from faults({str(turn.id): turn.parent for turn in known}, where)
    twice = [name for name, count in Counter(turn.id for turn in known).items() if count > 1]
    if twice:
        message = f"{len(twice)} ids are those of several messages, {twice[0]} among them; all are kept"
        yield Remark("message-id-twice", "conversations", where, message)


def _has_circle(above: Mapping[str, str | None]) -> bool:
    done: set[str] = set()
    for name in above:
        path: set[str] = set()
        at: str | None = name
        while at is not None and at in above and at not in done:
            if at in path:
                return True
            path.add(at)
            at = above[at]
        done |= path
    return False
