"""The target `livestore`: an event log that the real LiveStore boots, and its account, a store of the same content.

The account (`pjais-account.sqlite`) is beside the log.  It holds every record, the outcome of every document, the
quarantine and the history, and everything that works on a store works on it.  A run is in place once its log is.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pjais import files, paths, sqlite
from pjais.core.model import Model
from pjais.display import counted
from pjais.errors import ForeignTarget, MigrationFailed, UsageError
from pjais.targets.contract import Before, Compared, Head, Kept, Prepared, Target
from pjais.targets.livestore import absorbed, catch_up, extend, log_file, log_proof, writer
from pjais.targets.sqlite import cutover
from pjais.targets.sqlite import target as sqlite_target

_PREVIOUS = "previous.eventlog.db"


def at(path: Path, format: int | None = None) -> LiveStoreTarget:
    """Return the target that a path means: a store's folder, its log, or its account."""
    return LiveStoreTarget(log_file.find(path, format, paths.ACCOUNT_NAME))


@dataclass(frozen=True)
class LiveStoreTarget(Target):
    """A LiveStore store: the folder of an event log."""

    log: Path
    kind = "livestore"
    document_tables = False
    keeps_references = False
    keeps_events = True
    writing = "write the log"
    comparing = "compare the event log"

    @property
    def store(self) -> Path:  # type: ignore[override]
        """Return the account beside the log."""
        account = self.log.with_name(paths.ACCOUNT_NAME)
        return account.resolve() if account.is_symlink() else account

    @property
    def format(self) -> int:  # type: ignore[override]
        """Return the log's storage format."""
        return log_file.format_of(self.log)

    @property
    def location(self) -> Path:
        """Return the folder."""
        return self.log.parent

    @property
    def replaced(self) -> tuple[Path, ...]:
        """Return the account and the log."""
        return (self.store, self.log)

    def not_opened(self) -> UsageError:
        """Its account follows the log, so writes to the account alone would not count."""
        return UsageError(
            "a LiveStore store is opened by pjais.open_livestore",
            where=[str(self.location)],
            next_command=f"pjais events {shlex.quote(str(self.location))}",
        )

    def figures(self) -> Mapping[str, Callable[[], Any]]:
        """Return the figures of the log."""
        return {"event_log": self._figures} if self.log.exists() else {}

    def _figures(self) -> dict[str, int]:
        with closing(sqlite.open_scratch(self.log)) as db:
            last, count = sqlite.fetch(db, "SELECT max(seqNumGlobal), count(*) FROM eventlog")[0]
            return {"events": count, "last": last, "problems": len(sqlite.problems(db))}

    def inspect(self) -> None:
        """Raise ForeignTarget if the folder holds a store that is not ours, or only half of one."""
        there = log_file.store_files(self.store.parent)
        logs = [one for one in there if log_file.LOG_NAME.fullmatch(one.name)]
        if not self.store.exists():
            if there:
                raise ForeignTarget(
                    "LiveStore store not written by pjais: name it as a source, or choose another --store-id",
                    where=[str(one) for one in there],
                )
            return
        if logs and self.log not in logs:
            raise UsageError(
                f"this store has another format: {logs[0].name}",
                where=[str(self.location)],
                next_command=f"pjais livestore upgrade {shlex.quote(str(self.location))} --to {self.format}",
            )
        if not self.log.exists():
            raise ForeignTarget(
                "event log not found, only its ledger: restore the log, or remove the ledger",
                where=[str(self.log), str(self.store)],
                next_command="pjais backup list",
            )

    def catch_up(self, model: Model) -> int:
        """Copy what an app committed to the log since into the account; return the number of events."""
        if not self.store.exists() or not self.log.exists():
            return 0
        return catch_up.catch_up(self.store, self.log, model)

    def refuse_if_open(self) -> None:
        """Raise MigrationFailed while another program has the store open: LiveStore itself takes no locks."""
        users = files.users([self.log, *log_file.states(self.store.parent)])
        if users:
            raise MigrationFailed(
                "the LiveStore store is open in another program",
                where=[str(self.log), *(f"process {user}" for user in users)],
                advice="close the app first",
                next_command="pjais migrate",
            )

    def keep(self, folder: Path) -> Kept | None:
        """Copy the account and the log."""
        kept = sqlite_target.keep(self.store, folder)
        if kept is None or not self.log.exists():
            return kept
        previous = folder / _PREVIOUS
        files.remove(previous)
        with sqlite.whole(self.log) as path:
            files.copy_hashed(path, previous)
        head = Head(kept.head.change, log_file.last_number(previous))
        return Kept({**kept.files, "previous_log": previous}, head)

    def begin(self, run_id: str) -> Path:
        """Make the folder; return a path beside the account."""
        files.private_folder(self.location)
        return sqlite_target.beside(self.store, run_id)

    def _new_log(self, run_id: str) -> Path:
        return self.log.with_name(f".{self.log.name}.{run_id}.new")

    def write(self, prepared: Prepared) -> None:
        """Write the new log: the previous one, plus what the run changed in the account."""
        extend.new_log(prepared, self._new_log(prepared.folder.name), prepared.folder / _PREVIOUS, self.format)

    def compare(self, model: Model, prepared: Prepared | None = None) -> Compared:
        """Replay the whole log: it must produce the account's rows."""
        if prepared is not None:
            return self._replayed(model, self._new_log(prepared.folder.name), prepared.store)
        with sqlite.whole(self.log) as path:
            found = self._replayed(model, path, self.store)
        if absorbed.is_sealed(self.store, self.log):
            return found
        broken = ("event log", False, "bytes of it changed though nobody has written to it since")
        return Compared(found.differences, (broken, *found.checks))

    def _replayed(self, model: Model, log: Path, account: Path) -> Compared:
        count, differences = log_proof.compare(log, account, model)
        line = f"{counted(count, 'record')} replayed from it: as in the ledger"
        return Compared(differences, (("event log", not differences, line),))

    def commit(self, run_id: str, store: Path, head: Head | None) -> None:
        """Put the new log in place, then its account.  Until the log is renamed the store is unchanged.

        State files are removed first: without them the old log gives the old state, and the new one the new.
        """
        files.private_folder(self.location)
        self.refuse_if_open()
        log_file.settle(self.log)
        if self.log.exists() and log_file.last_number(self.log) != (0 if head is None else head.content):
            raise MigrationFailed("the LiveStore store was written to meanwhile; no store was replaced")
        log_file.remove_states(self.log)
        files.replace(self._new_log(run_id), self.log)
        cutover.cut_over(store, self.store, expected_change=None if head is None else head.change)

    def discard(self, run_id: str) -> None:
        """Remove the unfinished log and account."""
        sqlite_target.discard(self.store, run_id)

    def recover(self, run_id: str) -> None:
        """Finish a commit that crashed between its two renames: the log is in place, so the account follows."""
        new = sqlite_target.beside(self.store, run_id)
        logs = sorted(self.location.glob("eventlog@*.db"))
        if sqlite_target.holds(new, run_id) and any(log_file.holds(one, run_id) for one in logs):
            before = cutover.last_change(self.store) if self.store.exists() else None
            cutover.cut_over(new, self.store, expected_change=before)
        self.discard(run_id)

    def holds(self, run_id: str) -> bool:
        """Return whether the log holds a run completely."""
        return log_file.holds(self.log, run_id)

    def put_back(self, before: Before) -> None:
        """Put the log of before in place, or remove it if there was none; then its account follows."""
        if not before.resumed:
            self._put_log_back(before)
        sqlite_target.put_back(self.store, before)

    def _put_log_back(self, before: Before) -> None:
        self.refuse_if_open()
        kept = before.kept.with_suffix(".eventlog.db")
        for suffix in ("", *sqlite.SIDE_FILES):
            if Path(f"{self.log}{suffix}").exists():
                files.copy_hashed(Path(f"{self.log}{suffix}"), Path(f"{kept}{suffix}"))
        log_file.remove_states(self.log)
        previous = before.folder / _PREVIOUS
        if not previous.exists():
            files.remove(self.log)
            return
        beside = self._new_log(before.folder.name)
        files.remove(beside)
        files.copy_hashed(previous, beside)
        files.replace(beside, self.log)

    def push(self, model: Model, run_id: str) -> None:
        """Write to the log what was changed in the account only; the app must be closed."""
        if extend.is_behind(self.store, self.log):
            self.refuse_if_open()
            extend.push(self.store, self.log, model, run_id)

    def append(self, events: Iterator[writer.NewEvent] | list[writer.NewEvent]) -> int:
        """Append events to the log in place; return the number of the last one."""
        return extend.append(self.log, events)
