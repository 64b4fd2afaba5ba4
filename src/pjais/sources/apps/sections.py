"""Stream an object whose members are long lists: memory holds one element of one list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pjais.core.document import Unreadable
from pjais.formats.container import Container, ContainerDamaged
from pjais.formats.json_stream import Broken, Cut, JsonStream, Malformed, Value
from pjais.sources.apps import values


class Section(NamedTuple):
    """An element of a list in a section, or a section that is no list (`is_element` False)."""

    name: str
    item: Value
    is_element: bool


def sections(
    container: Container, name: str, collection: str, within: tuple[str, ...] = ()
) -> Iterator[Section | Unreadable]:
    """Yield the members of the object in a member, element by element where they are lists.

    `within`: members that are objects of sections themselves (`{"data": {"chats": [...]}}`).  A broken piece becomes an
    `Unreadable`, and the others follow; where the file breaks off, what was not read is an `Unreadable`, too.
    """
    try:
        with container.open(name) as file, JsonStream(file) as stream:
            try:
                yield from _members(stream, name, collection, within)
            except Cut:
                return
            except Malformed as error:
                rest = stream.rest(str(error))
                yield values.unreadable(collection, name, rest or Broken(b"", stream.place, str(error)))
                return
            rest = stream.rest("text after the end of the JSON value")
            if rest is not None:
                yield values.unreadable(collection, name, rest)
    except ContainerDamaged as error:
        yield Unreadable(collection, name, b"", f"cannot be read on: {error}")


def _members(stream: JsonStream, name: str, collection: str, within: tuple[str, ...]) -> Iterator[Section | Unreadable]:
    for key in stream.members():
        begins = stream.peek()
        if begins == "{" and key in within:
            yield from _members(stream, name, collection, ())
            continue
        for item in stream.items() if begins == "[" else [stream.value()]:
            if isinstance(item, Broken):
                yield values.unreadable(collection, name, item)
            else:
                yield Section(key, item, begins == "[")
