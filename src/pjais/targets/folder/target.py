"""A target that is a folder of files: the base class of the targets that other packages add.

A subclass says how documents become files, and files documents again:

    class Markdown(FolderTarget):
        kind = "markdown"

        def write_documents(self, documents: Documents, folder: Path) -> None: ...
        def read_documents(self, folder: Path) -> Documents: ...

The rest is here.  Each run writes a new folder out of sight, reads it back, and puts it in place by a rename; the
folder of before stays beside it as `<name>.before-<run>`.  The account (the store of records, ledger, quarantine and
history) is in the folder, so that both change in one step.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pjais import canonical, files, paths, sqlite
from pjais.core.model import Model
from pjais.display import counted
from pjais.errors import ForeignTarget, MigrationFailed, PjaisError, UsageError, VerificationFailed
from pjais.targets import documents
from pjais.targets.contract import Before, Compared, Head, Kept, Prepared, Target
from pjais.targets.documents import Documents
from pjais.targets.sqlite import cutover, heads
from pjais.targets.sqlite import target as sqlite_target


class FolderTarget(Target):
    """One folder of files and its account.  Subclasses set `kind` and define the two abstract methods."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / paths.account_name(self.kind)
        self.writing = f"write the {self.kind} files"
        self.comparing = f"compare the {self.kind} files"

    @abstractmethod
    def write_documents(self, documents: Documents, folder: Path) -> None:
        """Write every document into the new, empty folder.  They come list by list, each list sorted by id."""

    @abstractmethod
    def read_documents(self, folder: Path) -> Documents:
        """Yield every document that the folder holds, in the order in which they were written.

        Files whose name begins with `pjais-account.` are ours.
        """

    @property
    def location(self) -> Path:
        """Return the folder."""
        return self.folder

    @property
    def replaced(self) -> tuple[Path, ...]:
        """Return the folder."""
        return (self.folder,)

    def not_opened(self) -> UsageError:
        """Its account follows no edits of the files, and the files none of the account."""
        return UsageError(
            f"a {self.kind} target is read with its own tools; pjais opens stores in SQLite",
            where=[str(self.folder)],
            next_command="pjais status",
        )

    def inspect(self) -> None:
        """Raise ForeignTarget for a file, or for a folder with content that we did not write."""
        if self.folder.exists() and not self.folder.is_dir():
            raise ForeignTarget(f"a {self.kind} target must be a folder", where=[str(self.folder)])
        if self.folder.is_dir() and not self.store.exists() and any(self.folder.iterdir()):
            raise ForeignTarget(
                f"the folder exists, and pjais did not write it as a {self.kind} target",
                where=[str(self.folder)],
                advice="move it, or name another folder with --target",
                next_command="pjais status",
            )

    def keep(self, folder: Path) -> Kept | None:
        """Copy the account; what the files were can be written from it again."""
        kept = sqlite_target.keep(self.store, folder)
        return None if kept is None else Kept(kept.files, Head(kept.head.change, self._mark()))

    def begin(self, run_id: str) -> Path:
        """Return a path beside the folder."""
        files.private_folder(self.folder.parent)
        new = self._named(run_id, "new.sqlite")
        sqlite.remove(new)
        return new

    def write(self, prepared: Prepared) -> None:
        """Write the run's documents into a new folder beside the old one."""
        self._write(prepared.model, prepared.store, self._beside(prepared.folder.name))

    def compare(self, model: Model, prepared: Prepared | None = None) -> Compared:
        """Read every document back, and compare it with the account."""
        if prepared is None:
            return self._compared(model, self.folder, self.store)
        return self._compared(model, self._beside(prepared.folder.name), prepared.store)

    def commit(self, run_id: str, store: Path, head: Head | None) -> None:
        """Move the account into the new folder, and the new folder into the place of the old one."""
        cutover.settle(store)
        if head is not None:
            self._refuse_moved(head)
        elif self.folder.is_dir() and not files.remove_if_empty(self.folder):
            raise MigrationFailed(f"something was written to {self.folder} meanwhile; no store was replaced")
        else:
            heads.forget(self.store)  # a new history begins
        self._swap(store, run_id, "before")

    def discard(self, run_id: str) -> None:
        """Remove the unfinished folder and account."""
        files.remove_folder(self._beside(run_id))
        sqlite.remove(self._named(run_id, "new.sqlite"))

    def recover(self, run_id: str) -> None:
        """Finish a swap that was interrupted between its two renames, or undo it."""
        beside = self._beside(run_id)
        if not self.folder.exists():
            earlier = [self._aside(run_id, why) for why in ("before", "rolled-back")]
            whole = [one for one in (beside, *earlier) if (one / self.store.name).exists()]
            if whole:
                files.replace(whole[0], self.folder)
        self.discard(run_id)

    def put_back(self, before: Before) -> None:
        """Put the folder of before in place; what is in place now stays beside it as `<name>.rolled-back-<run>`."""
        run_id = before.folder.name
        self._refuse_moved(Head(before.head.change))
        if before.store is None:
            files.replace(self.folder, self._aside(run_id, "rolled-back"))
            return
        cutover.settle(before.store)
        earlier, beside = self._aside(run_id, "before"), self._beside(run_id)
        if earlier.is_dir() and not _wrong(self._compared(before.model, earlier, before.store)):
            files.remove_folder(beside)
            files.replace(earlier, beside)
        else:
            self._written(before.model, before.store, beside)
        self._swap(before.store, run_id, "rolled-back")

    def push(self, model: Model, run_id: str) -> None:
        """Write the files again, if the account has changed since they were written."""
        if self._covered() >= cutover.last_change(self.store):
            return
        new = self.begin(run_id)
        cutover.copy_target(self.store, new)
        cutover.settle(new)
        self._written(model, new, self._beside(run_id))
        self._swap(new, run_id, "before")

    def _named(self, run_id: str, end: str) -> Path:
        return self.folder.with_name(f".{self.folder.name}.{run_id}.{end}")

    def _beside(self, run_id: str) -> Path:
        return self._named(run_id, "new")

    def _aside(self, run_id: str, why: str) -> Path:
        return self.folder.with_name(f"{self.folder.name}.{why}-{run_id}")

    def _write(self, model: Model, store: Path, folder: Path) -> None:
        files.remove_folder(folder)
        files.private_folder(folder)
        with self._by_plugin():
            self.write_documents(documents.of_store(store, model), folder)
        self._note(folder).write_text(str(cutover.last_change(store)))

    def _written(self, model: Model, store: Path, folder: Path) -> None:
        """Write a store's documents, and read them back.  Raises VerificationFailed if they differ."""
        self._write(model, store, folder)
        wrong = _wrong(self._compared(model, folder, store))
        if wrong:
            files.remove_folder(folder)
            raise VerificationFailed("the new files do not hold what was given; not put in place", where=wrong[:20])

    def _compared(self, model: Model, folder: Path, store: Path) -> Compared:
        name = f"{self.kind} files"
        try:
            with self._by_plugin():
                count, differences = documents.compare(store, model, self.read_documents(folder))
        except (OSError, MigrationFailed) as error:
            what = error.what if isinstance(error, MigrationFailed) else str(error)
            return Compared((), ((name, False, what),))
        return Compared(differences, ((name, not differences, f"{counted(count, 'document')} read back and compared"),))

    def _swap(self, store: Path, run_id: str, why: str) -> None:
        """Put the folder beside in place with its account, in two renames; `recover` finishes one that is killed."""
        beside, aside = self._beside(run_id), self._aside(run_id, why)
        files.replace(store, beside / self.store.name)
        if self.folder.exists():
            files.replace(self.folder, aside)
        try:
            files.replace(beside, self.folder)
        except BaseException:
            if aside.exists() and not self.folder.exists():
                files.replace(aside, self.folder)
            raise

    def _note(self, folder: Path) -> Path:
        """Return the file that says up to which change of the account the files were written."""
        return folder / f"{paths.account_name(self.kind)}.files"

    def _covered(self) -> int:
        try:
            return int(self._note(self.folder).read_text())
        except (OSError, ValueError):
            return -1

    def _mark(self) -> str:
        """Return a mark that changes when a file does: of names, sizes and times; our own files apart."""
        return f"{sum(_weights(str(self.folder), self.store.name)):x}"

    def _refuse_moved(self, head: Head) -> None:
        """Raise MigrationFailed if the account is open elsewhere, or it or the files have moved since."""
        with cutover.held(self.store, head.change):
            pass
        if head.content and head.content != self._mark():
            raise MigrationFailed("the target's files were changed meanwhile; no store was replaced")

    @contextmanager
    def _by_plugin(self) -> Iterator[None]:
        """Turn an error of a plug-in's own code into one that names it."""
        try:
            yield
        except (PjaisError, OSError, sqlite.Error):
            raise
        except Exception as error:
            raise MigrationFailed(
                f"the {self.kind} target failed: {type(error).__name__}: {error}",
                where=[str(self.folder)],
                advice="this is an error in the files, or in the package that adds the target",
            ) from error


def _weights(folder: str, ours: str) -> Iterator[int]:
    """Yield a number for each file below a folder, but for ours, whose names begin with `ours`."""
    with os.scandir(folder) as entries:
        for one in entries:
            if one.is_dir(follow_symlinks=False):
                yield from _weights(one.path, ours)
            elif not one.name.startswith(ours):
                status = one.stat(follow_symlinks=False)
                yield canonical.weight((one.path, status.st_size, status.st_mtime_ns))


def _wrong(compared: Compared) -> list[str]:
    differences = [f"{one.record_type} {one.record_id}: {one.problem}" for one in compared.differences]
    return differences + [f"{what}: {about}" for what, ok, about in compared.checks if not ok and not differences]
