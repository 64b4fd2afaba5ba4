"""The document that updates of Yjs make: every change is put where its author saw it, whatever the order of arrival.

An element names its neighbours at the time it was inserted.  Where several were inserted at one place, the client with
the lower number comes first, and what was inserted behind an element stays behind it (the YATA algorithm).  Nothing is
removed from the sequences; what is deleted is marked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from pjais.sources.indexeddb.libraries.yjs_update import ANY, DELETED, GC, JSON, STRING, TYPE, Deletion, Id, Struct


class SharedType:
    """A root or a nested shared type: the first item of its sequence, and the last item of each key of its map."""

    def __init__(self) -> None:
        self.start: Item | None = None
        self.map: dict[str, Item] = {}

    def __iter__(self) -> Iterator[Item]:
        item = self.start
        while item is not None:
            yield item
            item = item.next


class Item(Struct):
    """A run of elements in its sequence, between `previous` and `next`; `inside` is the shared type that it makes."""

    __slots__ = ("deleted", "inside", "next", "place", "previous")

    def __init__(self, made: Struct, place: SharedType | None, key: str | None) -> None:
        super().__init__(
            made.client, made.clock, made.length, made.kind, made.content, made.left, made.right, None, key
        )
        self.place = place
        self.deleted = made.kind in (GC, DELETED)
        self.inside = SharedType() if made.kind == TYPE else None
        self.previous: Item | None = None
        self.next: Item | None = None


class YDocument:
    """A document that updates are added to; `finish` puts them together."""

    def __init__(self) -> None:
        self.roots: dict[str, SharedType] = {}
        self._waiting: dict[int, list[Struct]] = {}
        self._deletions: list[Deletion] = []
        self._items: dict[int, list[Item]] = {}

    def add(self, structs: Iterable[Struct], deletions: Iterable[Deletion]) -> None:
        """Add the changes of one update."""
        for one in structs:
            self._waiting.setdefault(one.client, []).append(one)
        self._deletions += deletions

    def finish(self) -> int:
        """Put everything in its place; return how many changes cannot be: they stand on changes that are missing."""
        queues = {client: deque(sorted(many, key=lambda one: one.clock)) for client, many in self._waiting.items()}
        blocked: dict[int, list[int]] = {}
        run = deque(sorted(queues))
        while run:
            client = run.popleft()
            queue, moved = queues[client], False
            while queue:
                missing = self._missing(queue[0])
                if missing is not None:
                    if missing != client:
                        blocked.setdefault(missing, []).append(client)
                    break
                self._integrate(queue.popleft())
                moved = True
            if moved:
                run.extend(blocked.pop(client, ()))
        for gone in self._deletions:
            self._delete(gone)
        return sum(map(len, queues.values()))

    def _state(self, client: int) -> int:
        items = self._items.get(client)
        return items[-1].clock + items[-1].length if items else 0

    def _missing(self, made: Struct) -> int | None:
        """Return the client whose changes must come first; None if all are there."""
        state = self._state(made.client)
        if made.clock > state:
            return made.client
        if made.clock + made.length <= state:
            return None
        for one in (made.left, made.right, made.parent if isinstance(made.parent, Id) else None):
            if one is not None and one.clock >= (made.clock if one.client == made.client else self._state(one.client)):
                return one.client
        return None

    def _at(self, one: Id) -> int:
        """Return the index of the item that holds an element, among those of its client."""
        return bisect_right(self._items[one.client], one.clock, key=lambda item: item.clock) - 1

    def _holding(self, one: Id) -> Item:
        return self._items[one.client][self._at(one)]

    def _beginning(self, one: Id) -> Item:
        """Return the item that begins with an element, which is cut off what is before it."""
        item = self._holding(one)
        return item if item.clock == one.clock else self._split(item, one.clock - item.clock)

    def _ending(self, one: Id) -> Item:
        """Return the item that ends with an element, cut off what follows."""
        item = self._holding(one)
        if item.clock + item.length - 1 != one.clock:
            self._split(item, one.clock - item.clock + 1)
        return item

    def _split(self, item: Item, offset: int) -> Item:
        """Cut an item after so many elements; return the second part."""
        before, after = _cut(item.kind, item.content, offset)
        clock = item.clock + offset
        rest = Struct(
            item.client, clock, item.length - offset, item.kind, after, Id(item.client, clock - 1), item.right
        )
        made = Item(rest, item.place, item.key)
        made.deleted = item.deleted
        item.content, item.length = before, offset
        made.previous, made.next, item.next = item, item.next, made
        if made.next is not None:
            made.next.previous = made
        elif item.place is not None and item.key is not None:
            item.place.map[item.key] = made
        self._items[item.client].insert(self._at(Id(item.client, item.clock)) + 1, made)
        return made

    def _integrate(self, made: Struct) -> None:
        """Put a change in its place; what an earlier update brought of it is passed over."""
        known = self._state(made.client) - made.clock
        if known >= made.length:
            return
        if known:
            made.content = _cut(made.kind, made.content, known)[1]
            made.clock, made.length = made.clock + known, made.length - known
            made.left = Id(made.client, made.clock - 1)
        left = None if made.left is None else self._ending(made.left)
        right = None if made.right is None else self._beginning(made.right)
        parent, key = self._parent(made, left, right)
        item = Item(made, parent, key)
        if parent is not None and made.kind != GC:
            self._place(item, parent, left, right)
        else:
            item.deleted = True
        self._items.setdefault(made.client, []).append(item)

    def _parent(self, made: Struct, left: Item | None, right: Item | None) -> tuple[SharedType | None, str | None]:
        """Return the type that a change is in, and its key there; None if that was deleted and is collected."""
        if isinstance(made.parent, str):
            return self.roots.setdefault(made.parent, SharedType()), made.key
        if made.parent is not None:
            return self._holding(made.parent).inside, made.key
        for near in (left, right):
            if near is not None and near.place is None:
                return None, None
        near = left or right
        return (None, None) if near is None else (near.place, near.key)

    def _place(self, item: Item, parent: SharedType, left: Item | None, right: Item | None) -> None:
        if (left is None and (right is None or right.previous is not None)) or (left and left.next is not right):
            left = self._after(item, parent, left, right)
        item.previous = left
        if left is not None:
            item.next, left.next = left.next, item
        else:
            item.next = _first(parent, item.key)
            if item.key is None:
                parent.start = item
        if item.next is not None:
            item.next.previous = item
            item.deleted = item.deleted or item.key is not None  # an older value of its key
        elif item.key is not None:
            parent.map[item.key] = item
            if left is not None:
                left.deleted = True

    def _after(self, item: Item, parent: SharedType, left: Item | None, right: Item | None) -> Item | None:
        """Return the item behind which one belongs, of those that were inserted at the same place."""
        other = _first(parent, item.key) if left is None else left.next
        conflicting: set[Item] = set()
        before: set[Item] = set()
        while other is not None and other is not right:
            before.add(other)
            conflicting.add(other)
            if item.left == other.left:
                if other.client < item.client:
                    left = other
                    conflicting.clear()
                elif item.right == other.right:
                    break
            elif other.left is not None and (origin := self._holding(other.left)) in before:
                if origin not in conflicting:
                    left = other
                    conflicting.clear()
            else:
                break
            other = other.next
        return left

    def _delete(self, gone: Deletion) -> None:
        """Mark a range as deleted, as far as it is there."""
        end = min(gone.clock + gone.length, self._state(gone.client))
        clock = gone.clock
        while clock < end:
            item = self._beginning(Id(gone.client, clock))
            if item.clock + item.length > end:
                self._split(item, end - item.clock)
            item.deleted = True
            clock = item.clock + item.length


def _first(parent: SharedType, key: str | None) -> Item | None:
    """Return the first item of the sequence, or of a key's older and newer values."""
    if key is None:
        return parent.start
    item = parent.map.get(key)
    while item is not None and item.previous is not None:
        item = item.previous
    return item


def _cut(kind: int, content: Any, offset: int) -> tuple[Any, Any]:
    """Return both parts of a content; a pair of surrogates that is cut becomes two replacement characters, as there."""
    if kind in (ANY, JSON):
        return content[:offset], content[offset:]
    if kind != STRING:
        return content, content
    before, after = content[: 2 * offset], content[2 * offset :]
    if 0xD8 <= before[-1] <= 0xDB:
        before, after = before[:-2] + b"\xfd\xff", b"\xfd\xff" + after[2:]
    return before, after
