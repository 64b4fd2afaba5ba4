"""Read one JSON object entry by entry: for files that are a store or a database in a single object.

Memory holds one value at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pjais.core.document import Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Broken, JsonStream, Value
from pjais.sources.apps import values

Keys = tuple[str, ...]
"""The keys that lead to a value; elements of a list have those of the list."""

_TAIL = 4096


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
    broken: Callable[[str, str, Broken], Unreadable] = values.hidden,
) -> Iterator[Entry]:
    """Yield the values of the object in a member, in order.

    `objects`: objects that are entries of entries themselves.  `lists`: whether each element of a list is yielded; an
    empty one is a value itself.  `collection`: that of what is broken there.  `broken`: what stands for it; by default
    it is without its bytes, as it may have run into another entry, where credentials are.
    """
    at = _At()

    def each(stream: JsonStream) -> Iterator[Entry]:
        for item in _object(stream, at, objects, lists):
            made = item if isinstance(item, Value) else broken(collection(at.keys), name, item)
            yield Entry(at.keys, made, at.is_element)
        at.keys = ()

    for one in values.streamed(container.open(name), name, "$file", each, broken):
        yield one if isinstance(one, Entry) else Entry(at.keys, one._replace(collection=collection(at.keys)))


class _At:
    """Where the reading is."""

    keys: Keys = ()
    is_element = False


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
            yield stream.value()


def tail(container: Container) -> str:
    """Return the last 4 KiB of a file, where programs write what they would not know before; of a file alone."""
    try:
        with container.path.open("rb") as file:
            file.seek(max(0, container.path.stat().st_size - _TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
