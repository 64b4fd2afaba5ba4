"""A store in memory: what each operation must do to the records, and what undo must refuse.  Knows no SQL."""

from __future__ import annotations

from typing import Any, NamedTuple

Key = tuple[str, str]
Row = dict[str, Any]
State = dict[Key, Row]

LINKED = ("memory_entities", "personas", "conversations")


class Step(NamedTuple):
    """An operation in force, or an undoing: which records it touched, and the states around it."""

    touched: frozenset[Key]
    before: State
    after: State
    seq: int


class Model:
    """The records, every moment that was seen, and the two lists of undo and redo."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.moments: dict[int, State] = {0: dict(state)}
        self.done: list[Step] = []
        self.undone: list[Step] = []
        self.foreign: dict[Key, int] = {}

    def own(self, after: State, touched: frozenset[Key], seq: int) -> None:
        """One of our transactions; without a change it is no operation."""
        if seq > max(self.moments):
            self.done.append(Step(touched, self.state, after, seq))
            self.undone.clear()
        self._at(after, seq)

    def others(self, after: State, touched: frozenset[Key], seq: int) -> None:
        """A write of another program."""
        self.foreign.update(dict.fromkeys(touched, seq))
        self._at(after, seq)

    def taken_back(self, steps: list[Step]) -> tuple[State, list[Step]] | None:
        """The state after inverting steps, newest first, and their inversions; None where that must be refused."""
        state, inverted = self.state, []
        for step in steps:
            result = {key: row for key, row in state.items() if key not in step.touched}
            result |= {key: step.before[key] for key in step.touched if key in step.before}
            if any(self.foreign.get(key, 0) > step.seq for key in step.touched):
                return None
            if dangling(result) - dangling(step.before) - dangling(state) or orphans(result) or _joined(result, step):
                return None
            touched = frozenset(key for key in step.touched if state.get(key) != result.get(key))
            inverted.append(Step(touched, state, result, 0))
            state = result
        return state, inverted

    def moved(self, state: State, steps: list[Step], seq: int, *, undo: bool) -> None:
        """An undo or a redo happened."""
        source, goal = (self.done, self.undone) if undo else (self.undone, self.done)
        del source[len(source) - len(steps) :]
        goal += [step._replace(seq=seq) for step in steps]
        self._at(state, seq)

    def _at(self, state: State, seq: int) -> None:
        self.state = state
        self.moments[seq] = state


def _joined(result: State, step: Step) -> bool:
    """Whether a persona became active beside one that was made active since."""
    active, before = actives(result), actives(step.before)
    return bool(before & step.touched) and bool((active - before) - step.touched)


def actives(state: State) -> frozenset[Key]:
    return frozenset(key for key, row in state.items() if key[0] == "personas" and row["is_active"])


def dangling(state: State) -> set[tuple[Key, str, str]]:
    """The ends of relationships that lead nowhere, each with the id that it names."""
    return {
        (key, column, str(row[column]))
        for key, row in state.items()
        if key[0] == "relationships"
        for column in ("from_id", "to_id")
        if not any((table, row[column]) in state for table in LINKED)
    }


def orphans(state: State) -> bool:
    return any(
        row["persona_id"] is not None and ("personas", row["persona_id"]) not in state
        for key, row in state.items()
        if key[0] == "memory_entities"
    )
