"""`verify`: the full proof, at any later time: target against ledger, ledger against snapshot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from pjais import journal, models, paths, sqlite
from pjais.assembly import assemble
from pjais.assembly.assemble import chosen_before, expected
from pjais.assembly.ids import Ids, known
from pjais.assembly.normalise import Choices
from pjais.bitset import Bitset
from pjais.core.model import Model
from pjais.core.results import Difference, Progress, Proof
from pjais.errors import BackupFailed, MigrationFailed, NoSourceFound, SourceDamaged, UsageError, VerificationFailed
from pjais.migration import backups, retention, state
from pjais.sources import backup
from pjais.store import upgrade
from pjais.targets.sqlite import chain, compare, cutover, documents, heads
from pjais.targets.sqlite.documents import Expected
from pjais.workspace import Workspace

_RUNS = "runs"
"""The check that fails if an older store was restored in place; it names the missing runs, the last one first."""


def verify(
    workspace: Workspace, run: str | None = None, progress: Progress = lambda *_: None, *, password: str | None = None
) -> Proof:
    """Compare every record on both sides; `run` limits the documents to those of one run.

    Raises VerificationFailed (its report is the Proof) if something differs that no history explains,
    NoSourceFound if there is no target, ForeignTarget if it is not ours.
    """
    if cutover.inspect(workspace.store, workspace.model, older=workspace.target.in_place) is None:
        raise NoSourceFound("store not found", where=[str(workspace.store)], next_command="pjais migrate")
    try:
        workspace.target.inspect()
        workspace.target.catch_up(workspace.model)
        with upgrade.readable(workspace) as path:
            proof = _prove(workspace, path, run, progress, password)
    except MigrationFailed as error:
        proof = Proof(checks=(("event log", False, error.what),))
    except (sqlite.Error, OverflowError) as error:
        proof = Proof(checks=(("integrity", False, str(error)),))
    except SourceDamaged as error:
        proof = Proof(checks=(("text", False, error.what),))
    if not proof.passed:
        where = [_line(difference) for difference in proof.differences[:20]]
        if proof.difference_count > len(where):
            where.append(f"... and {proof.difference_count - len(where)} more")
        where += [f"{what}: {about}" for what, ok, about in proof.checks if not ok]
        advice, command = _way_out(proof)
        raise VerificationFailed("verification failed", where=where, report=proof, advice=advice, next_command=command)
    return proof


def _way_out(proof: Proof) -> tuple[str | None, str | None]:
    """Return advice and next command if the only problem is an older store in place of the newer one."""
    wrong = {what: about for what, ok, about in proof.checks if not ok}
    if proof.difference_count or _RUNS not in wrong or wrong.keys() - {_RUNS, compare.HEAD}:
        return None, None
    run = wrong[_RUNS].split()[1]
    return "restore the newer store, or keep this older one", f"pjais rollback {run}"


def _line(difference: Difference) -> str:
    field = f", {difference.field}" if difference.field else ""
    return f"{difference.record_type} {difference.record_id}{field}: {difference.problem}"


def _prove(workspace: Workspace, path: Path, run: str | None, progress: Progress, password: str | None) -> Proof:
    with closing(sqlite.open_checked(path)) as db:
        model = models.in_store(workspace.model, db)
        if run is not None and not sqlite.fetch(db, "SELECT 1 FROM migration_runs WHERE id = ?", (run,)):
            raise UsageError("run not found in this target", where=[run], next_command="pjais status")
        total = compare.count_rows(db, model) + _documents(db, run)
        progress("verify", 0, total)
        # Where an app may remove records that others refer to, the comparison with its content is the proof.
        apps = 0 if workspace.target.keeps_references else len(sqlite.fetch(db, "PRAGMA foreign_key_check"))
        checks = list(compare.check_file(db, model, apps))
        if not checks[0][1]:
            return Proof(checks=tuple(checks))
        rows = compare.compare_rows(db, model, lambda done: progress("verify", done, total))
        checks += [compare.check_chain(db, model), compare.check_head(db, workspace.store)]
        compared, read = 0, rows.records
        differences = [*compare.compare_history(db, model), *compare.compare_account(db)]
        links = chain.links(db)
        checks += _missing_runs(
            workspace, links, {str(one) for (one,) in sqlite.each(db, "SELECT id FROM migration_runs")}
        )
        settled = Bitset()
        discarded = retention.discarded(workspace.data_dir)
        for run_id, ids, options in sqlite.fetch(
            db, "SELECT id, ids, options FROM migration_runs ORDER BY number DESC"
        ):
            if run is not None and run_id != run:
                continue
            chosen = json.loads(options or "{}")
            choices = chosen_before(chosen, Ids(known(db), new=ids == "new"), password)
            of_run = [one for one in links if one.run_id == run_id and one.backup is not None]
            count, found, check = _one_run(
                db,
                model,
                _folder(workspace, run_id, of_run),
                run_id,
                choices,
                rows,
                settled,
                of_run,
                may_go=bool(not of_run or chosen.get("follow") or chosen.get("automatic")),
                gone=run_id in discarded,
                tell=lambda done, read=read: progress("verify", min(read + done, total), total),  # type: ignore[misc]
            )
            read += _documents(db, run_id)
            progress("verify", min(read, total), total)
            compared += count
            differences += found
            checks += check
        if not workspace.target.in_place:
            progress(workspace.target.comparing, compared, None)
            content = workspace.target.compare(model)
            differences += content.differences
            checks += content.checks
        if path == workspace.store:
            heads.note(db, workspace.store)
        return compare.proof(rows, tuple(checks), compared, differences)


def _folder(workspace: Workspace, run_id: str, links: Sequence[chain.Link]) -> Path:
    """Return the folder of a run's backup: in this data folder, beside the store, or where the run was made."""
    told = [Path(one.backup["folder"]) for one in links if one.backup and "folder" in one.backup]
    everywhere = (workspace.backups / run_id, workspace.store.parent / paths.BACKUPS / run_id, *told)
    return next((one for one in everywhere if one.is_dir()), everywhere[0])


def _missing_runs(workspace: Workspace, links: Sequence[chain.Link], held: set[str]) -> list[compare.Check]:
    """Return runs that ended in this store by their journals, but that it lacks: an older store was restored."""
    sealed = {one.digest.hex() for one in links}
    told_of = {Path(one.backup["folder"]).parent.parent for one in links if one.backup and "folder" in one.backup}
    wrong = []
    everywhere = sorted({workspace.data_dir, workspace.store.parent, *told_of})
    for one in (run for folder in everywhere for run in reversed(state.runs(folder))):
        if one.state != "done" or one.follow or Path(one.target or workspace.store) != workspace.store:
            continue
        told = [entry.details["link"] for entry in journal.entries(one.folder) if "link" in entry.details]
        if one.id not in held or (told and told[-1] not in sealed):
            wrong.append(f"run {one.id} ended in this store, which does not have it")
    return [(_RUNS, not wrong, "; ".join(wrong) or "every run that ended in this store is in it")]


def _one_run(
    db: sqlite.Connection,
    model: Model,
    folder: Path,
    run_id: str,
    choices: Choices,
    rows: compare.Rows,
    settled: Bitset,
    links: Sequence[chain.Link],
    *,
    may_go: bool,
    gone: bool,
    tell: Callable[[int], None],
) -> tuple[int, list[Difference], list[compare.Check]]:
    """Compare the documents of one run's snapshots with the ledger, and check that the backup itself is valid.

    `may_go`: the run was not requested, so its backup may have been discarded.  `gone`: a later run's journal says so.
    """
    name = f"backup {run_id}"
    own = sqlite.each(db, "SELECT seq FROM migration_records WHERE run_id = ?", (run_id,))
    if not folder.is_dir() and may_go and all(seq in settled for (seq,) in own):
        return 0, [], []  # the backups of later runs hold all of its documents
    if not folder.is_dir() and may_go and gone:
        return 0, [], [(name, True, "discarded by a later run that was rolled back; the ledger entry stands for it")]
    try:
        wrong = [*backups.check(folder), *_swapped(folder, links)]
        snapshots = backup.load(folder)
    except BackupFailed as error:
        return 0, [], [(name, False, "; ".join([error.what, *error.where]))]
    compared = 0
    differences: list[Difference] = []
    counter = _Counter(tell)
    for snapshot in snapshots:
        source = documents.Source(run_id, snapshot.kind, snapshot.name)
        original = partial(assemble.original, model, snapshot.dialect)
        try:
            count, found = documents.compare_documents(
                db, model, source, counter.passing(expected(model, snapshot, choices)), rows, settled, original
            )
        except OSError as error:  # a file of the backup is missing or unreadable; `wrong` names it
            wrong = wrong or [f"{snapshot.name}: {error}"]
            continue
        compared += count
        differences += found
    return compared, differences, [(name, not wrong, "; ".join(wrong) or "sizes and hashes match")]


class _Counter:
    """Counts documents as they pass by."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell, self._done = tell, 0

    def passing(self, documents: Iterable[Expected]) -> Iterator[Expected]:
        """Yield the documents, and tell how many it were."""
        for one in documents:
            self._done += 1
            if not self._done % compare.TELL_EVERY:
                self._tell(self._done)
            yield one


def _documents(db: sqlite.Connection, run: str | None) -> int:
    """Return how many documents a run read, or all runs."""
    counts = sqlite.each(db, "SELECT counts FROM migration_runs WHERE ?1 IS NULL OR id = ?1", (run,))
    return sum(int(json.loads(one or "{}").get("read", 0)) for (one,) in counts)


def _swapped(folder: Path, links: Sequence[chain.Link]) -> list[str]:
    """Return how a backup differs from the run's links in the chain: another manifest, or a truncated journal."""
    wrong = []
    for link in links:
        told = link.backup or {}
        if "manifest" in told and backup.manifest(folder)["sha256"] != told["manifest"]:
            wrong.append(f"{backup.MANIFEST}: not the one that the run wrote")
        if "journal" in told and not journal.begins_with(folder, *told["journal"]):
            wrong.append(f"{journal.NAME}: not what the run wrote")
    return list(dict.fromkeys(wrong))
