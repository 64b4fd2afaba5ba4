"""The tree of a conversation's messages: which branch was on screen, what is wrong with it, how an edit arrives in it.

Every message is kept, whatever is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pjais.core.document import Remark
from pjais.sources.apps.shape import Path, Turn, branch


def faults(links: Iterable[tuple[str, str | None]], where: str) -> Iterator[Remark]:
    """Yield the faults of a tree: parents that are not there, and cycles.  `links`: (id, that of its parent)."""
    links = list(links)
    above = dict(links)
    absent = [name for name, parent in links if parent is not None and parent not in above]
    if absent:
        message = f"{len(absent)} messages follow one that is missing, such as {absent[0]}; all are kept"
        yield Remark("parent-missing", "conversations", where, message)
    if _has_cycle(above):
        message = "messages that follow each other in a cycle; all are kept"
        yield Remark("parent-cycle", "conversations", where, message)


def of_turns(turns: Iterable[Turn], where: str) -> Iterator[Remark]:
    """Yield the faults of a tree of messages: `faults`, and ids that several of them have."""
    links = [(turn.id, turn.parent) for turn in turns if turn.id is not None]
    yield from faults(links, where)
    twice = [name for name, count in Counter(name for name, _ in links).items() if count > 1]
    if twice:
        message = f"{len(twice)} ids occur in several messages, such as {twice[0]}; all are kept"
        yield Remark("message-id-twice", "conversations", where, message)


def _has_cycle(above: Mapping[str, str | None]) -> bool:
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


class Links(NamedTuple):
    """How an app links the nodes of a tree: the keys of the parent and of the children, and how a new node is made.

    `make` gets a message of ours and the id of the node that it follows; `root` returns the node, if any, that the
    first message follows.
    """

    parent: str
    children: str
    make: Callable[[dict[str, Any], str | None], dict[str, Any]]
    root: Callable[[Mapping[str, Any]], str | None] = lambda _: None


def graft(
    nodes: dict[str, Any], value: dict[str, Any], kind: str, links: Links, before: Mapping[str, Any]
) -> str | None:
    """Put the messages that were written in the store into an app's tree, and close the gaps of those deleted there.

    `nodes` are changed; `before` are those of the object as it was read.  Return the node that is on screen now; None
    if nothing was added or deleted.
    """
    removed = before.keys() - nodes.keys()
    above = links.root(nodes)
    added = False
    for message in value.get("messages") or ():
        if not isinstance(message, dict):
            continue
        told = message.get("metadata")
        origin = told.get(kind) if isinstance(told, dict) else None
        path = origin.get("path") if isinstance(origin, dict) else None
        if path:
            name = path[-1]
            node = nodes.get(name) if isinstance(name, str) else None
            if not isinstance(node, dict):
                continue
            parent = node.get(links.parent)
            if isinstance(parent, str) and parent in removed:
                _link(nodes, node, name, above, links)
        else:
            name = _unused(str(message.get("id") or "message"), nodes)
            nodes[name] = links.make({**message, "id": name}, above)
            _link(nodes, nodes[name], name, above, links)
            added = True
        above = name
    for name in nodes if removed else ():
        node = nodes[name]
        children = node.get(links.children) if isinstance(node, dict) else None
        if isinstance(children, list) and any(one in removed for one in children if isinstance(one, str)):
            node[links.children] = [one for one in children if not (isinstance(one, str) and one in removed)]
    return above if added or removed else None


def _link(nodes: dict[str, Any], node: dict[str, Any], name: str, above: str | None, links: Links) -> None:
    node[links.parent] = above
    children = nodes[above].get(links.children) if above is not None else None
    if isinstance(children, list) and name not in children:
        children.append(name)


def _unused(name: str, nodes: Mapping[str, Any]) -> str:
    found, number = name, 1
    while found in nodes:
        number += 1
        found = f"{name}#{number}"
    return found
