"""Read one JSON object entry by entry: for files that are a store or a database in a single object.

Memory holds one value at a time.  What is broken becomes an `Unreadable` without its bytes: it may have run into
another entry, where credentials are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pjais.core.document import Unreadable
from pjais.formats.container import Container, ContainerDamaged
from pjais.formats.json_stream import Broken, Cut, JsonStream, Malformed, Value
from pjais.sources.apps import values

Keys = tuple[str, ...]
"""The keys that lead to a value; elements of a list have those of the list."""

_TAIL = 4096
_UNTOLD = "its bytes are in the raw backup alone, as it may hold credentials"


class Entry(NamedTuple):
    """A value of the object: the keys that lead to it, the value itself, and whether it is an element of a list."""

    keys: Keys
    item: Value | Unreadable
    is_element: bool = False


def entries(
    container: Container,
    name: str,
    collection: Callable[[Keys], str],
    *,
    objects: frozenset[Keys] = frozenset(),
    lists: Callable[[Keys], bool],
) -> Iterator[Entry]:
    """Yield the values of the object in a member, in order.

    `objects`: objects that are entries of entries themselves.  `lists`: whether each element of a list is yielded; an
    empty one is a value itself.
    `collection`: that of what is broken there.
    """
    at = _At()

    def broken(place: int, reason: str) -> Entry:
        return Entry(at.keys, Unreadable(collection(at.keys), values.place(name, place), b"", reason))

    try:
        with container.open(name) as file, JsonStream(file) as stream:
            try:
                for item in _object(stream, at, objects, lists):
                    if isinstance(item, Value):
                        yield Entry(at.keys, item, at.is_element)
                    else:
                        yield broken(item.place, f"not JSON: {item.reason}; {len(item.raw)} bytes; {_UNTOLD}")
                at.keys = ()
                rest = stream.rest("text after the end of the JSON value")
                if rest is not None:
                    yield broken(rest.place, f"{rest.reason}; {len(rest.raw)} bytes; {_UNTOLD}")
            except Cut:
                return
            except Malformed as error:
                if not at.was_broken or stream.peek():
                    yield broken(stream.place, f"not JSON: {error}; {_UNTOLD}")
    except ContainerDamaged as error:
        yield Entry(at.keys, Unreadable(collection(at.keys), name, b"", f"cannot be read on: {error}"))


class _At:
    """Where the reading is."""

    keys: Keys = ()
    is_element = False
    was_broken = False


def _object(
    stream: JsonStream, at: _At, objects: frozenset[Keys], lists: Callable[[Keys], bool]
) -> Iterator[Value | Broken]:
    above = at.keys
    for key in stream.members():
        at.keys = (*above, key)
        begins = stream.peek()
        if begins == "{" and at.keys in objects:
            yield from _object(stream, at, objects, lists)
        elif begins == "[" and lists(at.keys):
            place, is_empty, at.is_element = stream.place, True, True
            for item in stream.items():
                is_empty = False
                yield item
            at.is_element = False
            if is_empty:
                yield Value([], place)
        else:
            item = stream.value()
            at.was_broken = isinstance(item, Broken)
            yield item


def tail(container: Container) -> str:
    """Return the last 4 KiB of a file, where programs write what they would not know before; of a file alone."""
    try:
        with container.path.open("rb") as file:
            file.seek(max(0, container.path.stat().st_size - _TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
