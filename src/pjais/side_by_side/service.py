"""The database service of guide B (docs/guides.md): one interface over the old side and the new one.

    with Service(old, new, data_dir) as service:
        service.get_personas()                              # of the side that is live now
        stop = service.subscribe_to_personas(show)          # moves to the new side when it becomes live
        service.query(lambda old: ..., lambda new: ...)     # the guide's migration-aware query
        service.shadowed = True                             # read both, answer with the live one, log differences

The record of `pjais switch` says which side is live, outside the profile that is being replaced; it is read with
every call.  Sides are opened on demand; `pjais.side_by_side.sides` lists their kinds.  Differences go to
`shadow.jsonl` in the data folder like those of `pjais shadow`: record and field, never content.  A read covers only a
part of the data, so reads that agree are not logged: only `pjais shadow` shows for how long everything agreed.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from pjais import canonical, files, instants, journal
from pjais.core.results import Difference
from pjais.errors import NoSourceFound, PjaisError, UsageError
from pjais.migration import state
from pjais.models.persona.model import MODEL
from pjais.models.persona.records import Conversation, Memory, Other, Persona, Plugin, Relationship
from pjais.side_by_side import shadow, sides, switch
from pjais.side_by_side.sides import Callback, OnError, Side, SourceSide, Stop
from pjais.workspace import Workspace, resolve_workspace

PathLike = str | os.PathLike[str]
T = TypeVar("T")
_ACTIVE = "active persona"
_RECORDS = (Persona, Memory, Conversation, Relationship, Plugin, Other)


class Service:
    """The guide's unified service.  Thread-safe.  Use as a context manager, or call `close`."""

    def __init__(
        self,
        old: PathLike | None = None,
        new: PathLike | None = None,
        data_dir: PathLike | None = None,
        *,
        password: str | None = None,
        shadowed: bool = False,
    ) -> None:
        """`old`: a profile, store or file; None: what a migration of the data folder would read.

        `new`: a store; None: the one that was switched to, else that of the data folder.  `password`: of an encrypted
        old side.
        """
        self.shadowed = shadowed
        self._old_path = None if old is None else Path(old).expanduser().absolute()
        self._place = _place(data_dir, new)
        self._password = password
        self._lock = threading.RLock()
        self._sides: dict[str, Side] = {}
        self._logged: dict[str, tuple[Any, ...]] = {}
        self._stops: set[_Subscription] = set()
        self._closed = False

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- the sides

    @property
    def live(self) -> str:
        """Return the side that is live now: `old` or `new`."""
        return switch.live(self._place).side

    @property
    def old(self) -> Side:
        """Return the old side, live or not.  Raises NoSourceFound if it does not exist."""
        return self._side("old")

    @property
    def new(self) -> Side:
        """Return the new side, live or not.  Raises NoSourceFound if it does not exist yet."""
        return self._side("new")

    def _side(self, name: str) -> Side:
        with self._lock:
            if self._closed:
                raise UsageError("the service was closed", where=[str(self._place.data_dir)])
            if name not in self._sides:
                self._sides[name] = self._opened(name)
            return self._sides[name]

    def _opened(self, name: str) -> Side:
        if name == "new":
            return sides.side(self._place.live, self._place)
        if self._old_path is not None:
            return sides.side(self._old_path, self._place, self._password)
        found = self._place.find().sources
        if not found:
            raise NoSourceFound("source not found", where=[str(self._place.data_dir)])
        return SourceSide(tuple(ref.path for ref in found), self._place, self._password)

    # -- the guide's methods

    def get_personas(self) -> list[Persona]:
        """Return all personas, the one used last first."""
        return self._read("personas", lambda side: side.get_personas())

    def get_active_persona(self) -> Persona | None:
        """Return the active persona; if an earlier app left several, the one used last."""
        return self._read(_ACTIVE, lambda side: side.get_active_persona())

    def get_persona(self, persona_id: str) -> Persona | None:
        """Return one persona, or None."""
        return self._read(f"persona {persona_id}", lambda side: side.get_persona(persona_id))

    def get_memory(self, memory_id: str) -> Memory | None:
        """Return one memory, deleted or not, or None."""
        return self._read(f"memory {memory_id}", lambda side: side.get_memory(memory_id))

    def get_persona_memories(self, persona_id: str) -> list[Memory]:
        """Return a persona's memories that are not deleted, the most important first."""
        return self._read(f"memories of {persona_id}", lambda side: side.get_persona_memories(persona_id))

    def create_persona(self, **fields: Any) -> Persona:
        """Create a persona on the live side.  Raises UsageError while that is old data, which is read-only."""
        return self._side(self.live).create_persona(**fields)

    def query(self, old_query: Callable[[Side], T], new_query: Callable[[Side], T]) -> T:
        """Run the guide's migration-aware query: call the live side's function with that side."""
        queries = {"old": old_query, "new": new_query}
        return self._both(f"query {id(old_query)}", lambda name: queries[name](self._side(name)))

    def subscribe_to_personas(self, callback: Callback, *, on_error: OnError | None = None) -> Stop:
        """Call back with the live side's personas now and whenever they change, in a separate thread.

        Returns a function that ends the subscription; no call begins after that.  After a switch it follows the other
        side.  `on_error` receives errors of reading or the callback; without it they go to `threading.excepthook`.
        """
        one = _Subscription(self, callback, on_error or _loud)
        with self._lock:
            if self._closed:
                raise UsageError("the service was closed", where=[str(self._place.data_dir)])
            self._stops.add(one)
        one.start()

        def stop() -> None:
            one.stop()
            with self._lock:
                self._stops.discard(one)

        return stop

    def close(self) -> None:
        """End all subscriptions and close both sides.  Closing again does nothing."""
        with self._lock:
            self._closed = True
            stops, opened = list(self._stops), list(self._sides.values())
            self._stops.clear()
            self._sides.clear()
        for one in stops:
            one.stop()
        for side in opened:
            side.close()

    # -- both sides at once

    def _read(self, what: str, read: Callable[[Side], T]) -> T:
        return self._both(what, lambda name: read(self._side(name)))

    def _both(self, what: str, read: Callable[[str], T]) -> T:
        """Return the live side's answer; with `shadowed` compare it with the other side's."""
        live = self.live
        answer = read(live)
        if self.shadowed:
            other = "new" if live == "old" else "old"
            try:
                seen: T = read(other)
            except Exception as error:  # noqa: BLE001 - the shadow must never take the live answer away
                code = error.code if isinstance(error, PjaisError) else type(error).__name__
                self._note(what, 0, [Difference(what, "", None, f"the {other} side cannot be read: {code}")])
            else:
                pair = (answer, seen) if live == "old" else (seen, answer)
                self._note(what, len(_records(answer)), list(_differences(what, *pair)))
        return answer

    def _note(self, what: str, records: int, found: list[Difference]) -> None:
        """Log differences, once as long as they are the same and nobody else has written to the log."""
        path = self._place.data_dir / shadow.LOG
        with self._lock:
            if not found:
                self._logged.pop(what, None)
                return
            mark = tuple(found)
            if self._logged.get(what) == (mark, _size(path)):
                return
            at = instants.to_text(journal.now_ms())
            lines: list[dict[str, Any]] = [{"at": at, "records": records, "differences": len(found)}]
            lines += [{"at": at, **one.as_dict()} for one in found]
            files.append(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
            size = _size(path)
            self._logged = {one: (marks, size) for one, (marks, _) in self._logged.items()} | {what: (mark, size)}


def _place(data_dir: PathLike | None, new: PathLike | None) -> Workspace:
    """Return the service's workspace: its new side is the named one, else the one switched to, else the last run's."""
    if new is not None:
        return resolve_workspace(data_dir, new)
    told = switch.live(resolve_workspace(data_dir)).target
    return state.chosen(data_dir, None) if told is None else resolve_workspace(data_dir, told)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return -1


def _records(answer: object) -> list[Any]:
    """Return the records of an answer; none if it consists of something else."""
    many = answer if isinstance(answer, list | tuple) and not isinstance(answer, _RECORDS) else [answer]
    return [one for one in many if isinstance(one, _RECORDS)]


def _differences(what: str, old: object, new: object) -> Iterator[Difference]:
    """Yield differences by record and field, as `pjais shadow` names them."""
    left, right = (
        {(MODEL.table_of(one).name, MODEL.record_key(one)): one for one in _records(answer)} for answer in (old, new)
    )
    if what == _ACTIVE:
        yield from (Difference(*key, "is_active", shadow.DIFFERS) for key in sorted(left.keys() ^ right.keys()))
        return
    if not left and not right and (old or new) and old != new:
        yield Difference("query", "", None, shadow.DIFFERS)
    for key in [*left, *(key for key in right if key not in left)]:
        if key not in right:
            yield Difference(*key, None, shadow.ONLY_IN_SOURCE)
        elif key not in left:
            yield Difference(*key, None, shadow.ONLY_IN_TARGET)
        else:
            table = MODEL.table_of(left[key])
            pairs = zip(table.column_names, table.to_row(left[key]), table.to_row(right[key]), strict=True)
            yield from (
                Difference(*key, name, shadow.DIFFERS) for name, one, other in pairs if not canonical.same(one, other)
            )


def _loud(error: Exception) -> None:
    """Report an error as Python reports one in a thread."""
    threading.excepthook(
        threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
    )


class _Subscription:
    """Follows the live side, and moves to the other one when that becomes live."""

    def __init__(self, service: Service, callback: Callback, on_error: OnError) -> None:
        self._service = service
        self._callback = callback
        self._on_error = on_error
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._following: str | None = None
        self._inner: Stop | None = None
        self._last: list[Persona] | None = None

    def start(self) -> None:
        """Start in a separate thread."""
        threading.Thread(target=self._run, name="pjais-service", daemon=True).start()

    def stop(self) -> None:
        """End it; a running call completes."""
        self._ended.set()

    def _run(self) -> None:
        known = ""
        while not self._ended.is_set():
            try:
                self._follow(self._service.live)
                known = ""
            except Exception as error:  # noqa: BLE001 - a side that is not there may come back
                if known != repr(error) and not self._ended.is_set():
                    known = repr(error)
                    self._tell(error)
            self._ended.wait(sides.POLL_SECONDS)
        if self._inner is not None:
            self._inner()

    def _follow(self, side: str) -> None:
        if side == self._following:
            return
        if self._inner is not None:
            self._inner()
            self._inner = None
        self._following = side
        try:
            self._inner = self._service._side(side).subscribe_to_personas(
                lambda found: self._deliver(side, found), self._tell
            )
        except BaseException:
            self._following = None
            raise

    def _deliver(self, side: str, found: list[Persona]) -> None:
        """Deliver one result at a time, and none of a side that is no longer followed."""
        with self._lock:
            if self._ended.is_set() or side != self._following or found == self._last:
                return
            self._last = list(found)
            self._callback(found)

    def _tell(self, error: Exception) -> None:
        if not self._ended.is_set():
            self._on_error(error)
