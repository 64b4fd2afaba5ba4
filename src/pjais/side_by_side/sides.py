"""The three kinds of sides of the database service, with one interface: records of the persona model.

    SourceSide      an RxDB profile, or any other old data: a private copy, read as a migration reads it, kept in a
                    scratch store and read again when its files have changed; never written to
    LiveStoreSide   a LiveStore store that pjais wrote: its log, replayed; new events while nobody has it open
    SqliteSide      our store in SQLite

`side` returns the right one for a path.  A LiveStore store that an app made is read as a source: its state has data
that its events lack (dates, defaults), and pjais never writes to it.
"""

from __future__ import annotations

import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from pjais import journal, models, sqlite
from pjais.assembly.ids import Ids
from pjais.assembly.normalise import Choices
from pjais.assembly.scratch import scratch_store
from pjais.core import validate
from pjais.core.events import LiveTable
from pjais.core.mapping import Draft
from pjais.core.model import Model
from pjais.core.source import SourceRef
from pjais.errors import NoSourceFound, PjaisError, SourceInUse, UsageError, ValidationFailed
from pjais.livestore_tools.store import LiveStore
from pjais.models.persona import livestore
from pjais.models.persona.records import Memory, Persona
from pjais.persona.store import Store
from pjais.sources.livestore.replay import Replay
from pjais.sources.registry import source_of
from pjais.targets.livestore import log_file, log_proof
from pjais.targets.sqlite import cutover
from pjais.workspace import Workspace

Callback = Callable[[list[Persona]], object]
OnError = Callable[[Exception], object]
Stop = Callable[[], None]

POLL_SECONDS = 0.2
"""Polling interval of a side's files for a subscription: a `stat` of each."""


class Side(ABC):
    """One side, with the guide's queries.  Thread-safe."""

    path: Path

    def get_personas(self) -> list[Persona]:
        """Return all personas, the one used last first."""
        with self._reading():
            return sorted(self._personas(), key=lambda one: (*_latest(one.last_used), one.id))

    def get_active_persona(self) -> Persona | None:
        """Return the active persona; if an earlier app left several, the one used or changed last."""
        active = [one for one in self.get_personas() if one.is_active]
        return min(active, key=lambda one: (*_latest(one.last_used), *_latest(one.updated_at), one.id), default=None)

    def get_persona(self, persona_id: str) -> Persona | None:
        """Return one persona, or None."""
        with self._reading():
            return self._persona(persona_id)

    def get_memory(self, memory_id: str) -> Memory | None:
        """Return one memory, deleted or not, or None."""
        with self._reading():
            return self._memory(memory_id)

    def get_persona_memories(self, persona_id: str) -> list[Memory]:
        """Return a persona's memories that are not deleted, most important first, then most recently accessed."""
        with self._reading():
            found = self._memories(persona_id)
        return sorted(found, key=lambda one: (-one.importance, *_latest(one.last_accessed), one.id))

    def create_persona(self, **fields: Any) -> Persona:
        """Create a persona.  Raises UsageError if the side is read-only, ValidationFailed for invalid values."""
        return self._create(fields)

    def subscribe_to_personas(self, callback: Callback, on_error: OnError) -> Stop:
        """Call back with the personas now and whenever they change; return a function that ends it."""
        return self._subscribe(callback, on_error)

    def close(self) -> None:
        """Close everything."""
        self._close()

    @abstractmethod
    def _reading(self) -> AbstractContextManager[object]: ...

    @abstractmethod
    def _personas(self) -> list[Persona]: ...

    @abstractmethod
    def _persona(self, key: str) -> Persona | None: ...

    @abstractmethod
    def _memory(self, key: str) -> Memory | None: ...

    @abstractmethod
    def _memories(self, persona_id: str) -> list[Memory]: ...

    @abstractmethod
    def _create(self, fields: dict[str, Any]) -> Persona: ...

    @abstractmethod
    def _subscribe(self, callback: Callback, on_error: OnError) -> Stop: ...

    @abstractmethod
    def _close(self) -> None: ...


def _latest(at: int | None) -> tuple[bool, int]:
    """Return a sort key that puts the latest first, and entries without a time last."""
    return at is None, -(at or 0)


def side(path: Path, here: Workspace, password: str | None = None) -> Side:
    """Return the side at a path: a store in SQLite, a LiveStore store, or old data.

    `here` is the workspace of the new side, whose id map is used to read an old side.
    Raises NoSourceFound if there is nothing, ForeignTarget for a store of a newer pjais.
    """
    if not path.exists():
        raise NoSourceFound("no data found", where=[str(path)], next_command="pjais detect --help")
    if path.is_file() and _is_store(path, here.model):
        return SqliteSide(path)
    log = _own_log(path)
    return LiveStoreSide(log) if log is not None else SourceSide((path,), here, password)


def _is_store(path: Path, model: Model) -> bool:
    with suppress(PjaisError):
        return cutover.inspect(path, model) is not None
    return False


def _own_log(path: Path) -> Path | None:
    """Return the folder of a LiveStore store that pjais wrote, or None."""
    folder = path if path.is_dir() else path.parent
    logs = sorted(folder.glob("eventlog@*.db"))
    if not logs:
        return None
    with suppress(PjaisError, sqlite.Error), sqlite.whole(max(logs, key=log_file.format_of)) as log:
        with closing(sqlite.open_frozen(log)) as db:
            return folder if log_file.is_ours(db) else None
    return None


class SqliteSide(Side):
    """Our store in SQLite."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = Store(path)

    def _reading(self) -> AbstractContextManager[object]:
        return nullcontext()

    def _personas(self) -> list[Persona]:
        return self.store.personas.list()

    def _persona(self, key: str) -> Persona | None:
        return self.store.personas.get(key)

    def _memory(self, key: str) -> Memory | None:
        return self.store.memories.get(key)

    def _memories(self, persona_id: str) -> list[Memory]:
        return self.store.memories.list(persona=persona_id)

    def _create(self, fields: dict[str, Any]) -> Persona:
        return self.store.personas.create(**fields)

    def _subscribe(self, callback: Callback, on_error: OnError) -> Stop:
        return self.store.live(self.get_personas, tables=["personas"]).subscribe(callback, on_error=on_error)

    def _close(self) -> None:
        self.store.close()


class FileSide(Side):
    """A side read from a private copy of its files, which is renewed when they have changed."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._stack = ExitStack()
        self._stamps: Stamps | None = None
        self._stopped = threading.Event()

    @abstractmethod
    def _files(self) -> list[Path]:
        """Return the files and folders whose `stat` reveals a change."""

    @abstractmethod
    def _look(self) -> None:
        """Look up the current files.  Raises NoSourceFound."""

    @abstractmethod
    def _read(self, stack: ExitStack) -> None:
        """Make and open a new copy, to be closed with the stack."""

    def refresh(self) -> None:
        """Read the files again if they have changed.  The next call notices changes made meanwhile.

        Propagates errors of reading; the previous copy is then kept until the files are stable.
        """
        with self._lock:
            if self._stopped.is_set():
                raise UsageError("the service was closed", where=[str(self.path)])
            if self._stamps is not None and stamps(self._files()) == self._stamps:
                return
            self._look()
            now = stamps(self._files())
            with ExitStack() as fresh:
                self._read(fresh)
                self._stack.close()
                self._stack = fresh.pop_all()
            self._stamps = now

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock:
            self.refresh()
            yield

    def _subscribe(self, callback: Callback, on_error: OnError) -> Stop:
        """Poll the files, and read them when they have changed."""
        ended = threading.Event()

        def watch() -> None:
            last: list[Persona] | None = None
            known = ""
            while not ended.is_set() and not self._stopped.is_set():
                try:
                    found = self.get_personas()
                    if found != last and not ended.is_set():
                        last = found
                        callback(list(found))
                    known = ""
                except Exception as error:  # noqa: BLE001 - the callback is the caller's; a passing fault ends nothing
                    if known != repr(error) and not self._stopped.is_set():
                        known = repr(error)
                        on_error(error)
                ended.wait(POLL_SECONDS)

        threading.Thread(target=watch, name="pjais-side", daemon=True).start()
        return ended.set

    def _close(self) -> None:
        self._stopped.set()
        with self._lock:
            self._stack.close()


Stamps = tuple[tuple[Any, ...], ...]


def stamps(paths: list[Path]) -> Stamps:
    """Return a stamp that reveals changes of files: their paths, sizes and times."""
    found: list[tuple[Any, ...]] = []
    for path in paths:
        try:
            status = path.stat()
            found.append((str(path), status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            found.append((str(path), None))
    return tuple(found)


class SourceSide(FileSide):
    """Old data, read as a migration reads it: the same records, ids and rules.  It is never written to."""

    def __init__(self, paths: tuple[Path, ...], here: Workspace, password: str | None = None) -> None:
        super().__init__()
        self.path = paths[0]
        self._paths = paths
        self._here = here
        self._password = password
        self._refs: tuple[SourceRef, ...] = ()
        self._store: Store | None = None

    def _files(self) -> list[Path]:
        """Return the sources' files, and their folders, which reveal new and removed files."""
        found: dict[Path, None] = dict.fromkeys(self._paths)
        for ref in self._refs:
            with suppress(OSError):
                there = source_of(ref).files(ref)
                wal = [Path(f"{ref.path}{suffix}") for suffix in ("-wal", "-journal")] if ref.path.is_file() else []
                found |= dict.fromkeys([*there, *wal, *(path.parent for path in there)])
        return [path for path in found if not path.name.endswith("-shm") and path != self._here.data_dir]

    def _look(self) -> None:
        try:
            self._refs = Workspace(self._here.data_dir, self._here.target, self._paths).find().sources
        except UsageError as error:
            raise NoSourceFound("source no longer available", where=error.where) from error
        if not self._refs:
            raise NoSourceFound("source not found", where=[str(path) for path in self._paths])

    def _read(self, stack: ExitStack) -> None:
        choices = Choices(self._ids(), password=self._password)
        self._store = Store(stack.enter_context(scratch_store(self._here.model, self._refs, choices)).finish())
        stack.callback(self._store.close)

    def _ids(self) -> Ids:
        """Return the ids that a migration assigned to the records, so that both sides use the same."""
        if cutover.inspect(self._here.store, self._here.model) is None:
            return Ids()
        with closing(sqlite.open_reader(self._here.store)) as db:
            return Ids.of(db)

    def _held(self) -> Store:
        assert self._store is not None
        return self._store

    def _personas(self) -> list[Persona]:
        return self._held().personas.list()

    def _persona(self, key: str) -> Persona | None:
        return self._held().personas.get(key)

    def _memory(self, key: str) -> Memory | None:
        return self._held().memories.get(key)

    def _memories(self, persona_id: str) -> list[Memory]:
        return self._held().memories.list(persona=persona_id)

    def _create(self, fields: dict[str, Any]) -> Persona:
        raise UsageError(
            "the source is read-only until the cutover; the old app writes to it",
            where=[f"{self.path}: {', '.join(sorted(fields))}"],
            next_command="pjais switch",
        )


class LiveStoreSide(FileSide):
    """A LiveStore store that pjais wrote, replayed whenever its log has changed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._replay: Replay | None = None

    def _files(self) -> list[Path]:
        logs = sorted(self.path.glob("eventlog@*.db"))
        return [*logs, *(Path(f"{log}{suffix}") for log in logs for suffix in ("-wal", "-journal"))]

    def _look(self) -> None:
        if not self.path.is_dir():
            raise NoSourceFound("LiveStore store not found", where=[str(self.path)])

    def _read(self, stack: ExitStack) -> None:
        line = stack.enter_context(LiveStore(self.path)).timeline
        self._replay = stack.enter_context(line.state(line.point()))

    def _record(self, table: LiveTable, key: str) -> Any:
        assert self._replay is not None
        row = self._replay.row(table, key)
        return None if row is None else log_proof.record_of(models.named(), table, row)

    def _records(self, table: LiveTable, where: str = "1", values: tuple[Any, ...] = ()) -> list[Any]:
        assert self._replay is not None
        keys = self._replay.query(f"SELECT {table.key} FROM {table.name} WHERE {where}", values)
        return [self._record(table, key) for (key,) in keys]

    def _personas(self) -> list[Persona]:
        return self._records(livestore.PERSONAS)

    def _persona(self, key: str) -> Persona | None:
        found: Persona | None = self._record(livestore.PERSONAS, key)
        return found

    def _memory(self, key: str) -> Memory | None:
        found: Memory | None = self._record(livestore.MEMORIES, key)
        return found

    def _memories(self, persona_id: str) -> list[Memory]:
        return self._records(livestore.MEMORIES, "personaId = ? AND deletedAt IS NULL", (persona_id,))

    def _create(self, fields: dict[str, Any]) -> Persona:
        """Commit `v1.PersonaCreated`.

        Raises MigrationFailed while a program has the store open: LiveStore takes no locks, so of two writers one
        would lose its events.
        """
        args = _creation(fields)
        with self._lock:
            if self.get_persona(args["id"]) is not None:
                raise UsageError("id already exists in personas", where=[args["id"]])
            with LiveStore(self.path) as store:
                store.commit(("v1.PersonaCreated", args))
            found = self.get_persona(args["id"])
        if found is None:
            raise SourceInUse("the store was changed by another program meanwhile", where=[str(self.path)])
        return found


_ARGS = {
    "id": "id",
    "name": "name",
    "description": "description",
    "avatar": "avatar",
    "personality": "personality",
    "settings": "settings",
    "memory_configuration": "memoryConfiguration",
    "privacy_settings": "privacySettings",
    "is_active": "isActive",
    "created_at": "createdAt",
}


def _creation(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `v1.PersonaCreated`, validated by the model.  Raises UsageError, ValidationFailed."""
    unknown = sorted(set(fields) - _ARGS.keys())
    if unknown:
        raise UsageError("unknown fields for a new persona in LiveStore", where=unknown)
    now = journal.now_ms()
    given = {"id": str(uuid.uuid4()), "is_active": False, "created_at": now, **fields}
    rest = {"usage_count": 0, "extra": {}, "updated_at": given["created_at"]}
    values: dict[str, Any] = {name: given.get(name, rest.get(name)) for name in Persona._fields}
    record = Persona(**values)
    problems = validate.check(Draft(record, ()))
    if not validate.valid(problems):
        raise ValidationFailed(
            "invalid record",
            safe="Nothing was written.",
            next_command="pjais --help",
            where=[f"{field}: {message}" for level, _, field, message in problems if level == "error"],
        )
    return {_ARGS[name]: value for name, value in given.items() if value is not None}
