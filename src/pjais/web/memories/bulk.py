"""Change many memories at once: those that were selected, or all that pass the filters of a list.

One transaction, so it is all or nothing, and one operation, which the notice that follows reverts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from pydantic import TypeAdapter, ValidationError

from pjais.core.results import Progress
from pjais.display import counted
from pjais.errors import UsageError
from pjais.persona import tiers
from pjais.persona.store import Store
from pjais.web.memories.lists import Asked, asked, with_words
from pjais.web.session import Session
from pjais.web.view_values import Number

Form = dict[str, str]
AT_ONCE = 2_000
"""Up to so many are changed while the page waits; more are work of the session, with a bar."""
_BATCH = 500
_NUMBER: TypeAdapter[float | None] = TypeAdapter(Number)
_FILTERS = ("q", "persona", "tier", "type", "source", "tag", "since", "until")


class Change(NamedTuple):
    """A change of each memory (returns True if it changed), and its label: `Tag “tea” added to`."""

    apply: Callable[[Store, Any], bool]
    told: str


def bulk(session: Session, form: Form) -> str:
    """Tag, promote, demote, delete or restore the memories that are selected."""
    change = _change(form)
    back = back_of(form, "/memories")
    with session.store() as store:
        keys = list(_selected(store, form))
        if not keys:
            raise UsageError("no memory is selected", safe="Nothing was changed.", next_command="pjais memories")
        if len(keys) <= AT_ONCE:
            _apply(session, store, change, keys)
            return back

    def work(progress: Progress) -> dict[str, Any]:
        with session.store() as store:
            return {"message": _apply(session, store, change, keys, progress)}

    session.start("change memories", work, alone=False, writes=True)
    return "/work"


def _apply(
    session: Session, store: Store, change: Change, keys: Sequence[str], progress: Progress | None = None
) -> str:
    label = f"{change.told} {counted(len(keys), 'memory', 'memories')}"
    changed = 0
    with operation(session, store, label) as tell:
        for number, key in enumerate(keys):
            record = store.memories.get(key)
            changed += record is not None and change.apply(store, record)
            if progress is not None and number % 100 == 0:
                progress("change", number, len(keys))
        kept = len(keys) - changed
        message = f"{change.told} {counted(changed, 'memory', 'memories')}" + (
            f"; {counted(kept, 'other')} stayed as {'it was' if kept == 1 else 'they were'}" if kept else ""
        )
        tell(message)
    return message


@contextmanager
def operation(session: Session, store: Store, label: str) -> Iterator[Callable[[str], None]]:
    """Make one operation of the writes inside; what `tell` is given is told on the next page, with Undo."""
    told = [label]
    before = max((one.id for one in store.undoable(1)), default=0)
    with store.transaction(label):
        yield lambda text: told.__setitem__(0, text)
    made = next((one.id for one in store.undoable(5) if one.id > before and one.label == label), None)
    session.tell(told[0], undo=made)


def _change(form: Form) -> Change:
    what, tag = form.get("what", ""), form.get("tag", "").strip()
    if what in ("tag", "untag") and not tag:
        raise UsageError("name the tag", safe="Nothing was changed.")
    changes = {
        "tag": Change(lambda store, one: _tag(store, one, tag), f"Tag “{tag}” added to"),
        "untag": Change(lambda store, one: _untag(store, one, tag), f"Tag “{tag}” removed from"),
        "promote": Change(lambda store, one: _moved(store.memories.promote, one), "Promoted"),
        "demote": Change(lambda store, one: _moved(store.memories.demote, one), "Demoted"),
        "delete": Change(lambda store, one: one.deleted_at is None and bool(store.memories.delete(one.id)), "Deleted"),
        "restore": Change(
            lambda store, one: one.deleted_at is not None and bool(store.memories.restore(one.id)), "Restored"
        ),
    }
    if what not in changes:
        raise UsageError("unknown change", where=[what[:80], f"one of: {', '.join(changes)}"])
    return changes[what]


def _tag(store: Store, one: Any, tag: str) -> bool:
    return tag not in one.tags and bool(store.memories.update(one.id, tags=[*one.tags, tag]))


def _untag(store: Store, one: Any, tag: str) -> bool:
    return tag in one.tags and bool(store.memories.update(one.id, tags=[held for held in one.tags if held != tag]))


def _moved(step: Callable[[str], Any], one: Any) -> bool:
    """Move a memory to the next tier; one that somebody put elsewhere (`archived`) stays."""
    return tiers.named(one.memory_tier) in tiers.TIERS and step(one.id).memory_tier != one.memory_tier


def _selected(store: Store, form: Form) -> Iterable[str]:
    if form.get("all") != "yes":
        return dict.fromkeys(value for name, value in form.items() if name.startswith("pick-") and value)
    chosen = of_query(form.get("filter", ""))
    numbers = store.memories.numbers(**with_words(store, chosen))
    return (
        one.id for at in range(0, len(numbers), _BATCH) for one in store.memories.numbered(numbers[at : at + _BATCH])
    )


def of_query(text: str) -> Asked:
    """Return what the query of a list's address asks for.  Raises UsageError."""
    given = dict(parse_qsl(text.removeprefix("?"), keep_blank_values=True, max_num_fields=60))
    try:
        bounds = {name: _NUMBER.validate_python(given.get(name, "")) for name in ("least", "most")}
    except ValidationError as error:
        raise UsageError("importance: not a number", where=[text[:200]]) from error
    words = {name: given[name] for name in _FILTERS if name in given}
    return asked(**words, **bounds, deleted=given.get("deleted") == "true")  # type: ignore[arg-type]


def back_of(form: Form, default: str) -> str:
    """Return the address of this page to which a form leads back; never one elsewhere."""
    back = form.get("back", "")
    return back if back.startswith("/") and not back.startswith(("//", "/\\")) else default
