"""Read a conversation message by message, also one that is a tree: no depth is too deep for it.

A tree of answers is as deep as its conversation is long, deeper than JSON readers go.  It is read into a flat list
`[{"depth", "message"}]`, each message before those that follow it; a list of answers is left empty in its message, as a
sign that it was there.  `nested` makes the tree of it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pjais.core.document import Unreadable
from pjais.formats.container import Container, ContainerDamaged
from pjais.formats.json_stream import Broken, JsonStream, Malformed
from pjais.sources.apps import values

TREE, LIST, CHILDREN = "messagesTree", "messages", "children"


class Read(NamedTuple):
    """An object of a file, at a byte of it: its tree is flat.  `is_whole` False: the file breaks off inside."""

    value: Any
    place: int
    is_whole: bool = True


def objects(container: Container, name: str, collection: str) -> Iterator[Read | Unreadable]:
    """Yield the objects of a file: one, several one after the other, or those of a list."""

    def each(stream: JsonStream) -> Iterator[Read | Unreadable]:
        while True:
            for _ in stream.elements() if stream.peek() == "[" else [None]:
                yield from _Object(stream, name, collection).read()
            if not stream.another():
                break

    return values.streamed(container.open(name), name, collection, each)


class _Object:
    """One object while it is read.  What is broken in it is reported, and costs nothing else."""

    def __init__(self, stream: JsonStream, name: str, collection: str) -> None:
        self._stream, self._name, self._collection = stream, name, collection
        self._broken: list[Unreadable] = []
        self._value: dict[str, Any] = {}

    def read(self) -> Iterator[Read | Unreadable]:
        """Yield what is broken in it, and the object itself; Malformed goes on to the caller."""
        opening, place = self._stream.peek(), self._stream.place
        if opening != "{":
            item = self._stream.value()
            if isinstance(item, Broken):
                yield values.unreadable(self._collection, self._name, item)
            else:
                yield Read(item.value, place)
            return
        try:
            for key in self._stream.members():
                self._value[key] = self._member(key)
        except (Malformed, ContainerDamaged):
            yield from self._broken
            if self._value:
                yield Read(self._value, place, is_whole=False)
            raise
        yield from self._broken
        yield Read(self._value, place)

    def _member(self, key: str) -> Any:
        if self._stream.peek() == "[" and key in (TREE, LIST):
            held: list[Any] = []
            self._value[key] = held
            if key == TREE:
                self._tree(held)
            else:
                for item in self._stream.items():
                    if isinstance(item, Broken):
                        self._broken.append(values.unreadable(self._collection, self._name, item))
                    else:
                        held.append(item.value)
            return held
        return self._one()

    def _one(self) -> Any:
        item = self._stream.value()
        if isinstance(item, Broken):
            self._broken.append(values.unreadable(self._collection, self._name, item))
            return None
        return item.value

    def _tree(self, held: list[Any]) -> None:
        """Read the tree at the cursor into a list, without recursion."""
        lists: list[Iterator[None]] = [self._stream.elements()]
        inside: list[tuple[Iterator[str], dict[str, Any]]] = []
        while lists:
            if len(inside) == len(lists):  # in a message
                keys, message = inside[-1]
                key = next(keys, None)
                if key is None:
                    inside.pop()
                elif key == CHILDREN and self._stream.peek() == "[":
                    message[CHILDREN] = []
                    lists.append(self._stream.elements())
                else:
                    message[key] = self._one()
            elif next(lists[-1], _END) is _END:
                lists.pop()
            elif self._stream.peek() == "{":
                message = {}
                held.append({"depth": len(lists) - 1, "message": message})
                inside.append((self._stream.members(), message))
            else:
                held.append({"depth": len(lists) - 1, "message": self._one()})


_END = object()


def nested(held: list[Any]) -> list[Any]:
    """Return the tree of a flat list; a message whose own was deleted follows the nearest one above."""
    roots: list[Any] = []
    path: list[tuple[int, dict[str, Any]]] = []
    for one in held:
        depth, message = one["depth"], one["message"]
        while path and path[-1][0] >= depth:
            path.pop()
        if path:
            path[-1][1].setdefault(CHILDREN, []).append(message)
        else:
            roots.append(message)
        if isinstance(message, dict):
            path.append((depth, message))
    return roots
