"""The document that operations of Automerge make, whatever their order.

Of the values of a key that nothing overwrites the one with the highest name wins.  An element of a list stands behind
the one that it was inserted after; of those inserted after the same one the highest name comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pjais.sources.indexeddb.libraries.automerge_chunks import (
    DELETE,
    INCREMENT,
    MAKE_LIST,
    MAKE_MAP,
    MAKE_TABLE,
    MAKE_TEXT,
    MARK,
    ROOT,
    SET,
    Counter,
    Op,
    OpId,
)
from pjais.sources.indexeddb.libraries.contract import Strange

_MAKES = {MAKE_MAP, MAKE_LIST, MAKE_TEXT, MAKE_TABLE}
_OBJECT = "\ufffc"
"""The character that stands for an object within a text."""


class AutomergeDocument:
    """A document that operations are added to; `value` puts them together."""

    def __init__(self) -> None:
        self._ops: dict[OpId, Op] = {}
        self._after: dict[OpId, set[OpId]] = {}
        """The operations that overwrite an operation."""

    def add(self, ops: Iterable[Op]) -> None:
        """Add operations; those that are there already change nothing."""
        for op in ops:
            if op.action != DELETE:
                self._ops.setdefault(op.id, op)
            if op.after:
                self._after.setdefault(op.id, set()).update(op.after)
            for name in op.before:
                self._after.setdefault(name, set()).add(op.id)

    def value(self) -> Any:
        """Return the document, as `toJS` does.  Raises Strange if operations stand on others that are missing."""
        for name in self._after:
            self._there(name)
        keys: dict[OpId, dict[str | OpId, list[Op]]] = {}
        inserted: dict[OpId, dict[OpId, list[Op]]] = {}
        for op in self._ops.values():
            if op.object != ROOT and self._there(op.object).action not in _MAKES:
                raise Strange("an operation is on something that is no object")
            if op.insert:
                if isinstance(op.key, str):
                    raise Strange("an element is inserted at a key")
                if op.key != ROOT:
                    self._there(op.key)
                inserted.setdefault(op.object, {}).setdefault(op.key, []).append(op)
            elif op.action != INCREMENT:
                keys.setdefault(op.object, {}).setdefault(op.key, []).append(op)
        return _Values(self._ops, self._after, keys, inserted).map(ROOT)

    def _there(self, name: OpId) -> Op:
        if name not in self._ops:
            raise Strange("changes follow on others that are not there")
        return self._ops[name]


class _Values:
    """Objects by their names, as values."""

    def __init__(
        self,
        ops: dict[OpId, Op],
        after: dict[OpId, set[OpId]],
        keys: dict[OpId, dict[str | OpId, list[Op]]],
        inserted: dict[OpId, dict[OpId, list[Op]]],
    ) -> None:
        self._ops = ops
        self._after = after
        self._keys = keys
        self._inserted = inserted

    def map(self, name: OpId) -> dict[str, Any]:
        """Return a map: of each key the value that wins."""
        found = {}
        for key, ops in self._keys.get(name, {}).items():
            if type(key) is not str:
                raise Strange("an element is in a map")
            winner = self._winner(ops)
            if winner is not None:
                found[key] = self._value(winner)
        return found

    def _list(self, name: OpId) -> Iterator[Op]:
        """Yield what wins at each element that is alive."""
        updates, after = self._keys.get(name, {}), self._inserted.get(name, {})
        open_ = sorted(after.get(ROOT, ()), key=lambda op: op.id)
        while open_:
            op = open_.pop()
            if op.action != MARK:
                winner = self._winner([op, *updates.get(op.id, ())])
                if winner is not None:
                    yield winner
            open_ += sorted(after.get(op.id, ()), key=lambda one: one.id)

    def _winner(self, ops: list[Op]) -> Op | None:
        return max((op for op in ops if self._alive(op)), key=lambda op: op.id, default=None)

    def _alive(self, op: Op) -> bool:
        if type(op.value) is Counter and op.action == SET:
            return all(self._increases(one) for one in self._after.get(op.id, ()))
        return op.id not in self._after

    def _increases(self, name: OpId) -> bool:
        return name in self._ops and self._ops[name].action == INCREMENT

    def _value(self, op: Op) -> Any:
        if op.action in (MAKE_MAP, MAKE_TABLE):
            return self.map(op.id)
        if op.action == MAKE_LIST:
            return [self._value(one) for one in self._list(op.id)]
        if op.action == MAKE_TEXT:
            return "".join(one.value if type(one.value) is str else _OBJECT for one in self._list(op.id))
        if op.action != SET:
            raise Strange(f"{op.action} is no action")
        if type(op.value) is Counter:
            return op.value.value + sum(_step(self._ops[one]) for one in self._after.get(op.id, ()))
        return op.value


def _step(op: Op) -> int:
    value = op.value.value if type(op.value) is Counter else op.value
    if type(value) is not int:
        raise Strange("a counter is increased by what is no number")
    return value
