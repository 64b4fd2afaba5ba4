"""The tree of a conversation's messages: which branch was on screen, and what is wrong with it.

Every message is kept, whatever is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pjais.core.document import Remark
from pjais.sources.apps.shape import Path, Turn, branch


def faults(links: Iterable[tuple[str, str | None]], where: str) -> Iterator[Remark]:
    """Yield the faults of a tree: parents that are not there, and circles.  `links`: (id, that of its parent)."""
    links = list(links)
    above = dict(links)
    absent = [name for name, parent in links if parent is not None and parent not in above]
    if absent:
        message = f"{len(absent)} messages follow one that is not there, {absent[0]} among them; all are kept"
        yield Remark("parent-missing", "conversations", where, message)
    if _has_circle(above):
        message = "messages that follow each other in a circle; all are kept"
        yield Remark("parent-cycle", "conversations", where, message)


def of_turns(turns: Iterable[Turn], where: str) -> Iterator[Remark]:
    """Yield the faults of a tree of messages: `faults`, and ids that several of them have."""
    links = [(turn.id, turn.parent) for turn in turns if turn.id is not None]
    yield from faults(links, where)
    twice = [name for name, count in Counter(name for name, _ in links).items() if count > 1]
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


def shown(
    everything: list[Turn], ordered: list[Turn], lacking: Collection[Path], leaf: str | None
) -> tuple[list[Turn], list[Turn]]:
    """Return all messages of a conversation, and those of the branch that was on screen.

    `ordered`: the same messages in order of time; without any parent they are the branch.  `lacking`: the paths of
    those that are older than the tree, and have no field for a parent: each follows the one before it.  `leaf`: the
    last message on screen, if it is known; else it is the newest one.
    """
    if all(turn.parent is None for turn in everything):
        return everything, ordered
    joined: dict[Path, Turn] = {}
    before: str | None = None
    for turn in ordered:
        follows = turn.path in lacking and before != turn.id
        joined[turn.path] = turn._replace(parent=before) if follows else turn
        before = turn.id
    everything = [joined[turn.path] for turn in everything]
    return everything, branch(everything, leaf)


def in_order(everything: list[Turn], keys: Sequence[Any] | None = None) -> list[Turn]:
    """Return messages by their numbers if each has its own, else by their time if each has one, else as they stand."""
    if keys is None or any(type(key) is not int for key in keys) or len(set(keys)) < len(keys):
        keys = [turn.at for turn in everything]
    if any(key is None for key in keys):
        return everything
    return [turn for _, turn in sorted(zip(keys, everything, strict=True), key=lambda one: one[0])]
