"""The session of one server: a data folder, its open store, the running job, and the watch over changes.

A job that may replace the store's file (a migration, a rollback) has exclusive access: the store is closed, and
reopened afterwards; meanwhile requests for it are told that a job is running.  Other jobs (an increment, a proof) run
beside the open store.  One job runs at a time.
"""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pjais import journal, sqlite
from pjais.core.results import Progress
from pjais.core.source import SourceRef
from pjais.errors import NoSourceFound, PjaisError, RunActive, SourceInUse, UsageError
from pjais.migration import fault_messages, run, state
from pjais.migration.balance import SourceBalance
from pjais.persona.store import Store
from pjais.side_by_side import follow, switch
from pjais.targets.sqlite import cutover
from pjais.web import broadcast
from pjais.web.broadcast import Broadcast
from pjais.web.figures import Figures
from pjais.web.inbox import Inbox
from pjais.workspace import Workspace, resolve_workspace

T = TypeVar("T")


class Notice(NamedTuple):
    """The result of an action, told once on the next page; with `undo` a button takes it back.

    `undo`: the number of the operation (`Operation.id`) that the button reverts; None: nothing to revert.
    """

    text: str
    undo: int | None = None


_LOOK_SECONDS = 1.0
"""Polling interval of the folder for changes by other programs: runs, backups, a replaced store."""
_TELL_SECONDS = 0.1
_FOLLOW_SECONDS = 1.0
_RETRY_SECONDS = 5.0
STOPPABLE = ("migrate", "import")
"""The kinds of work that can be stopped: each is whole or nothing."""
_FIGURES = 500
"""Cache size: one entry per filter combination."""


@dataclass
class Job:
    """One piece of work: what, how far (`phases`: name, done, of how many, seconds), and how it ended.

    `state`: running, done or failed.  `result` is what the work gave; `error` is the error as `--json` prints it.
    """

    id: int
    kind: str
    started: int
    state: str = "running"
    phases: list[dict[str, Any]] = field(default_factory=list)
    result: Any = None
    error: dict[str, Any] | None = None
    ended: float = 0.0
    """When it failed, on the clock of this process (s)."""
    entered: float = 0.0
    """When its last phase began, on the same clock."""
    finished: int | None = None
    """When it ended (ms)."""
    stopping: bool = False
    """True once its owner asked to stop it: it ends at the next report of its progress."""

    def enter(self, phase: str) -> None:
        """Begin a phase; the one before it is closed."""
        self.close()
        self.entered = time.monotonic()
        self.phases.append({"name": phase, "done": 0, "total": None, "seconds": 0.0})

    def close(self) -> None:
        """Note how long the last phase has taken so far."""
        if self.phases:
            self.phases[-1]["seconds"] = round(time.monotonic() - self.entered, 1)

    @property
    def failed_long_ago(self) -> bool:
        """True if it failed long enough ago to be worth a retry."""
        return self.state == "failed" and time.monotonic() - self.ended > _RETRY_SECONDS


Work = Callable[[Progress], Any]


class Stopped(Exception):
    """The owner stopped the work.  It passes through the library as any interruption does, which undoes the step."""


class Session:
    """A data folder as the page serves it.  Safe from threads.  Close it at the end."""

    def __init__(
        self,
        data_dir: Path | None = None,
        target: Path | None = None,
        sources: Sequence[Path] = (),
        *,
        password: str | None = None,
    ) -> None:
        self.broadcast = Broadcast()
        self.options = run.Options(password=password)
        """The owner's last input: the password of an encrypted source is kept here and never shown."""
        self.job: Job | None = None
        self.following = False
        """True while the page syncs what the old app writes."""
        self.compared: dict[str, Any] | None = None
        """Result of the last comparison of old and new."""
        self.inbox = Inbox()
        """Files that the page was handed and that are not imported yet."""
        self.counts: Mapping[str, int] = {}
        """The figures of the navigation as they were last read: shown while work has the store for itself."""
        self.balance: tuple[object, list[SourceBalance]] | None = None
        """The outcomes of all documents by source as they were last counted, and of which state of the store."""
        self._notice: Notice | None = None
        self._plan: tuple[object, Job] | None = None
        self.figures = Figures(self.store, lambda: self.broadcast.publish(broadcast.DATA))
        """Figures counted in the background, when they are no longer current."""
        self.slow_figures = Figures(self.store, lambda: self.broadcast.publish(broadcast.DATA), waiting=4, quiet=0.3)
        """The same for what takes long: it holds no other figure up."""
        self.orders = Figures(self.store, lambda: None, most=4, quiet=0.3)
        """The order of a list of very many, 8 bytes each."""
        self._figures: dict[object, Any] = {}
        self._counted_at = 0
        """The change of the store at which `_figures` were counted."""
        self._one_run = threading.Lock()
        """Held by an increment of this page, and by work that writes: what somebody begins waits for it to end."""
        self._in_the_loop = False
        """True while a thread follows: it may finish one more round after it was told to stop."""
        self._named = (data_dir, target, tuple(sources))
        self._gate = threading.Condition()
        self._readers = 0
        self._alone = False
        self._store: Store | None = None
        self._unwatch: Callable[[], None] = lambda: None
        self._closed = threading.Event()
        threading.Thread(target=self._look, name="pjais-look", daemon=True).start()

    def workspace(self) -> Workspace:
        """The place as it is now: which store is in use is for the last run to say."""
        data_dir, target, sources = self._named
        if sources or target is not None:
            return resolve_workspace(data_dir, target, sources)
        return state.chosen(data_dir, None)

    # -- the store

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The open store.

        Raises NoSourceFound where there is none yet, RunActive while work has it, UsageError for a LiveStore store.
        """
        with self._gate:
            if self._alone:
                raise RunActive("work on this data is going on; what it shows is there again in a moment")
            store = self._opened()
            self._readers += 1
        try:
            yield store
        finally:
            with self._gate:
                self._readers -= 1
                self._gate.notify_all()

    def _opened(self) -> Store:
        here = self.workspace()
        if here.target.keeps_events:
            raise UsageError(
                "this data lives in a LiveStore store: see History",
                where=[str(here.live)],
                next_command=f"pjais events {shlex.quote(str(here.live))}",
            )
        if (refused := here.target.not_opened()) is not None:
            raise refused
        if self._store is not None and self._store.path == here.store and here.store.exists():
            return self._store
        self._let_go()
        if cutover.inspect(here.store, here.model) is None:
            raise NoSourceFound("there is no store here yet", where=[str(here.store)], next_command="pjais migrate")
        self._store = store = Store(here.store)
        store.pool.signature = "page"
        live = store.live(store.last_change)
        self._unwatch = live.subscribe(lambda _: self.broadcast.publish(broadcast.DATA), on_error=lambda _: None)
        return store

    def figure(self, store: Store, name: object, count: Callable[[], T]) -> T:
        """A figure over all memories, counted again only after somebody wrote: counting 100,000 takes a while."""
        last = store.last_change()
        if last != self._counted_at or len(self._figures) >= _FIGURES:
            self._figures, self._counted_at = {}, last
        figures = self._figures
        if name not in figures:
            figures[name] = count()
        found: T = figures[name]
        return found

    def tell(self, text: str, *, undo: int | None = None) -> None:
        """Tell on the next page what an action did; `undo`: the operation that a button there reverts."""
        self._notice = Notice(text, undo)

    def take_notice(self) -> Notice | None:
        """Return what is to be told, once."""
        notice, self._notice = self._notice, None
        return notice

    def _let_go(self) -> None:
        self._figures = {}
        for one in (self.figures, self.slow_figures, self.orders):
            one.clear()
        self._unwatch()
        self._unwatch = lambda: None
        if self._store is not None:
            self._store.close()
            self._store = None

    # -- work

    def start(self, kind: str, work: Work, *, alone: bool = True, writes: bool = False) -> Job:
        """Begin a piece of work in a thread of its own.  Raises RunActive where one is running.

        `alone`: it has the store for itself.  `writes`: no increment runs beside it.
        """
        with self._gate:
            if self.job is not None and self.job.state == "running":
                raise RunActive(f"this page is busy: {self.job.kind}", advice="wait for it to end")
            job = Job((self.job.id if self.job else 0) + 1, kind, journal.now_ms())
            self.job = job

        def in_turn(progress: Progress) -> Any:
            with self._one_run if alone or writes else nullcontext():
                return work(progress)

        threading.Thread(target=self._run, args=(job, in_turn, alone), name=f"pjais-{kind}", daemon=True).start()
        return job

    def stop(self) -> None:
        """Stop the migration that is running, at the next point where that is safe.  Raises UsageError for none."""
        job = self.job
        if job is None or job.state != "running" or job.kind not in STOPPABLE:
            raise UsageError("nothing is running that could be stopped")
        job.stopping = True

    def planned(self, here: Workspace, refs: Sequence[SourceRef], shown: Callable[[Any], Any]) -> Job:
        """The plan for what is there now: the one that was made, or one that is being made from now on.

        `shown` makes of it what the page shows.  One that failed is tried again after a while: what stood against it
        (an app that was writing, say) may be over.
        """
        mark = (self.options, [(one, _written(one)) for ref in refs for one in ref.files])
        with self._gate:
            if self._plan is None or self._plan[0] != mark or self._plan[1].failed_long_ago:
                job = Job(0, "plan", journal.now_ms())
                self._plan = (mark, job)
                options = self.options
                work: Work = lambda progress: shown(run.plan(here, options, progress))  # noqa: E731
                threading.Thread(target=self._run, args=(job, work, False), name="pjais-plan", daemon=True).start()
            return self._plan[1]

    def _run(self, job: Job, work: Work, alone: bool) -> None:
        try:
            with self.alone() if alone else nullcontext():
                self.broadcast.publish(broadcast.JOB)
                try:
                    job.result = work(self._progress(job))
                finally:
                    job.close()
            job.state = "done"
        except Stopped:
            stopped = UsageError(
                "you stopped it",
                safe="The sources and the store are as they were; the next run continues from the backup.",
                next_command=self.typed("pjais migrate"),
            )
            job.error, job.ended, job.state = stopped.as_dict(), time.monotonic(), "failed"
        except Exception as error:  # noqa: BLE001 -- whatever it was, the page must say that the work ended, and how
            job.error = self.explained(error).as_dict()
            job.ended, job.state = time.monotonic(), "failed"
        job.finished = journal.now_ms()
        for one in (broadcast.JOB, broadcast.STATE, broadcast.DATA):
            self.broadcast.publish(one)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Close the store for the duration of the block; requests for it are told that a job is running."""
        with self._gate:
            if self._alone:
                raise RunActive("work on this data is going on already", advice="wait for it to end")
            self._alone = True
            self._gate.wait_for(lambda: self._readers == 0)
            self._let_go()
        try:
            yield
        finally:
            with self._gate:
                self._alone = False

    def _progress(self, job: Job) -> Progress:
        told = [0.0]

        def progress(phase: str, done: int, total: int | None) -> None:
            if job.stopping:
                raise Stopped
            now = time.monotonic()
            if not job.phases or job.phases[-1]["name"] != phase:
                job.enter(phase)
            job.close()
            job.phases[-1] |= {"done": done, "total": total}
            if now - told[0] > _TELL_SECONDS:
                told[0] = now
                self.broadcast.publish(broadcast.JOB)

        return progress

    def follow(self, *, on: bool) -> None:
        """Start or stop syncing what the old app writes, every second."""
        with self._gate:
            self.following = on
            begins = on and not self._in_the_loop
            self._in_the_loop = self._in_the_loop or on
        if begins:
            threading.Thread(target=self._follow, name="pjais-follow", daemon=True).start()
        self.broadcast.publish(broadcast.STATE)

    def _follow(self) -> None:
        """One increment after the other; an error that lasts ends it, and stays on the page."""
        while self._goes_on() and not self._closed.wait(_FOLLOW_SECONDS):
            here, job = self.workspace(), Job(0, "follow", journal.now_ms())
            try:
                with self._one_run, nullcontext() if here.store.exists() else self.alone():
                    done = follow.increment(here, self.options)
            except (NoSourceFound, SourceInUse, RunActive):
                continue  # it is gone for a while, or somebody is at work: the next look may be luckier
            except Exception as error:  # noqa: BLE001 -- the page must say why it follows no more
                job.error, job.state = self.explained(error).as_dict(), "failed"
                self._show(job)
                self.follow(on=False)
                continue
            if done.run_id is not None:
                job.result, job.state = done.as_dict(), "done"
                self._show(job)
                self.broadcast.publish(broadcast.STATE)

    def _goes_on(self) -> bool:
        with self._gate:
            self._in_the_loop = self.following
            return self.following

    def _show(self, job: Job) -> None:
        """An increment as the last work, unless work that somebody began is running: that stays in sight."""
        with self._gate:
            if self.job is None or self.job.state != "running":
                self.job = job

    # -- what others do

    def _look(self) -> None:
        seen: object = None
        while not self._closed.wait(_LOOK_SECONDS if seen is not None else 0.01):
            with suppress(PjaisError, OSError, sqlite.Error):
                now = self._signature()
                if seen not in (None, now):
                    self.broadcast.publish(broadcast.STATE)
                seen = now
                with self.store():  # so that its changes are heard of, also before anybody looks at a record
                    pass

    def _signature(self) -> object:
        here = self.workspace()
        names = [here.store, here.backups, here.data_dir]
        folders = sorted(here.backups.iterdir()) if here.backups.is_dir() else []
        told = _written(folders[-1] / journal.NAME) if folders else ()
        return tuple((str(one), *_stamp(one)) for one in [*names, *folders]), told, switch.live(here).side

    def explained(self, error: Exception) -> PjaisError:
        """An error as one of ours, whatever it is; its next command as its owner must type it."""
        found = None
        with suppress(PjaisError, OSError):  # where even the folder cannot be looked at
            found = fault_messages.explain(error, self.workspace())
        found = found or PjaisError(f"an unexpected error: {type(error).__name__}: {error}")
        found.next_command = self.typed(found.next_command)
        return found

    def typed(self, command: str) -> str:
        """A next command as its owner must type it: with the data folder, if the page was opened on one by name."""
        if self._named[0] is None or not command.startswith("pjais ") or "--data-dir" in command:
            return command
        return f"{command} --data-dir {shlex.quote(str(self._named[0]))}"

    def close(self) -> None:
        """Close everything; a running job ends with the process, and the next run continues from there."""
        self._closed.set()
        self.inbox.close()
        self.broadcast.close()
        with self._gate:
            self._let_go()


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        seen = path.stat()
    except OSError:
        return ()
    return (seen.st_ino, seen.st_mtime_ns) if path.is_dir() else (seen.st_ino,)


def _written(path: Path) -> tuple[int, ...]:
    """Return a stamp that changes when a file is written to."""
    try:
        seen = path.stat()
    except OSError:
        return ()
    return seen.st_ino, seen.st_size, seen.st_mtime_ns
