"""Verify a run's own work before anybody sees it.

A new file is read back completely.  For a change in place, which is still inside its transaction, every record that
the run touched is read back, and nothing else, so that a small change costs little.  `pjais verify` compares
everything, at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from pjais import delta, files, sqlite
from pjais.core.model import Model
from pjais.core.results import Counts, Difference, Progress, Proof
from pjais.core.snapshot import CopiedFile, Snapshot
from pjais.errors import MigrationFailed, VerificationFailed
from pjais.targets.sqlite import blobs, compare

_MANY_TABLES = 200
"""Tables from which on the checks follow one another: each connection holds the whole schema, 100 KB for a table."""

Facts = Sequence[compare.Check]
"""Checks other than those of the records."""


def of_new_file(
    model: Model,
    new: Path,
    previous: Path,
    facts: Facts,
    differences: Sequence[Difference] = (),
    progress: Progress = lambda *_: None,
) -> Proof:
    """Compare every record of a new file with its digest, and check pages, schema, references and search index.

    `previous`: a copy of the store that the file was built on, if there is one.  Syncs the file meanwhile.
    """
    beside = 3 if len(model.tables) < _MANY_TABLES else 1
    with ThreadPoolExecutor(beside) as pool, closing(sqlite.open_reader(new)) as db:
        # These run in C, beside the comparison; the disk already starts the sync that the cutover would wait for.
        pages = pool.submit(_check_pages, model, new, previous)
        search = pool.submit(_check_search, model, new)
        synced = pool.submit(files.sync_file, new)
        total = compare.count_rows(db, model)
        rows = compare.compare_rows(db, model, lambda done: progress("verify", done, total))
        progress("verify", total, total)
        checks = (*pages.result(), search.result(), *_of_bytes(blobs.check(db, model)), *facts)
        synced.result()
    return compare.proof(rows, checks, 0, differences)


def of_change(db: sqlite.Connection, model: Model, run_id: str, facts: Facts) -> Proof:
    """Compare every record that a run put into an existing store with its digest, inside of the run's transaction."""
    return compare.proof(compare.compare_run(db, model, run_id), (*_of_bytes(blobs.check(db, model, run_id)), *facts))


def _of_bytes(found: compare.Check | None) -> Facts:
    return () if found is None else (found,)


def demand(proof: Proof) -> None:
    """Raise VerificationFailed for a proof that did not pass."""
    if not proof.passed:
        wrong = [f"{what}: {about}" for what, ok, about in proof.checks if not ok]
        raise VerificationFailed(
            "the new store differs from what was read; it was not put in place",
            where=[f"{one.record_type} {one.record_id}: {one.problem}" for one in proof.differences[:20]] + wrong,
            safe=MigrationFailed.safe_default,
            next_command="pjais migrate",
        )


def balance(total: Counts) -> compare.Check:
    """Check that every document that was read ended as exactly one of the four outcomes."""
    line = (
        f"{total.migrated} migrated + {total.superseded} superseded + {total.removed} removed + "
        f"{total.quarantined} quarantined = {total.read} read"
    )
    return ("balance", total.balanced(), line)


def changed_sources(snapshots: Sequence[Snapshot]) -> list[str]:
    """Return the source files whose bytes changed since they were copied.

    We never write there, so the app made the change: no fault of the run, but data newer than the snapshot is not in
    the store yet.
    """
    return [
        one.source
        for snapshot in snapshots
        for one in snapshot.files
        if not one.source.endswith("-shm") and not _is_as_copied(one, snapshot.folder)
    ]


def _is_as_copied(one: CopiedFile, folder: Path) -> bool:
    """Return whether a source's file is as it was: as the copy, which has its hash, or else by its hash.

    To compare takes a third of the time of hashing.
    """
    path = Path(one.source)
    try:
        with path.open("rb", buffering=0) as now, one.open(folder) as copy:
            if delta.are_equal(now, copy):
                return True
    except OSError:
        pass
    return path.exists() and files.sha256(path) == one.sha256


def untouched(changed: Sequence[str]) -> compare.Check:
    """Return the result of `changed_sources` as a check that never fails a run."""
    if changed:
        return ("sources", True, f"written to by their app since the snapshot: {', '.join(changed)}")
    return ("sources unchanged", True, "their bytes hash the same before and after")


def _check_pages(model: Model, path: Path, previous: Path) -> tuple[compare.Check, ...]:
    broken_before = 0
    if previous.exists():
        with closing(sqlite.open_frozen(previous)) as db:
            broken_before = len(compare.broken_references(db, model)[0])
    with closing(sqlite.without_modules(sqlite.open_reader(path))) as db:
        return compare.check_pages(db, model, broken_before)


def _check_search(model: Model, path: Path) -> compare.Check:
    with closing(sqlite.open_writer(path)) as db:
        return compare.check_search(db, model)
