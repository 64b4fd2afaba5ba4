"""`verify`: the full proof, at any later time: target against account, account against snapshot."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pjais import backup, compare, sqlite, switch
from pjais.errors import BackupFailed, MigrationFailed, NoSourceFound, SourceDamaged, UsageError, VerificationFailed
from pjais.model import Difference, Proof
from pjais.pipeline import keep, logproof, mirror
from pjais.pipeline.assemble import Choices, expected
from pjais.pipeline.ids import Ids
from pjais.pipeline.place import Place
from pjais.words import counted

Progress = Callable[[str, int, int | None], None]


def prove(
    place: Place, run: str | None = None, progress: Progress = lambda *_: None, *, password: str | None = None
) -> Proof:
    """Compare every record on both sides; `run` limits the documents to those of one run.

    Raises VerificationFailed (its report is the Proof) where something differs that no history explains,
    NoSourceFound where there is no target, ForeignTarget where it is not ours.
    """
    if switch.inspect(place.target) is None:
        raise NoSourceFound("there is no pjais store here yet", where=[str(place.target)], next_command="pjais migrate")
    try:
        mirror.inspect(place)
        mirror.catch_up(place)
        proof = _prove(place, run, progress, password)
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
        raise VerificationFailed("the proof failed", where=where, report=proof)
    return proof


def _line(difference: Difference) -> str:
    field = f", {difference.field}" if difference.field else ""
    return f"{difference.record_type} {difference.record_id}{field}: {difference.problem}"


def _prove(place: Place, run: str | None, progress: Progress, password: str | None) -> Proof:
    with closing(sqlite.open_checked(place.target)) as db:
        if run is not None and not sqlite.fetch(db, "SELECT 1 FROM migration_runs WHERE id = ?", (run,)):
            raise UsageError("this target knows no such run", where=[run], next_command="pjais status")
        progress("check the file", 0, None)
        # An app may remove what records refer to: then its log says so, and the comparison with it is the proof.
        apps = len(sqlite.fetch(db, "PRAGMA foreign_key_check")) if place.log is not None else 0
        checks = list(compare.check_file(db, apps))
        if not checks[0][1]:
            return Proof(checks=tuple(checks))
        progress("compare records", 0, None)
        rows = compare.compare_rows(db)
        documents = 0
        differences = [*compare.compare_history(db), *compare.compare_account(db)]
        for run_id, ids, options in sqlite.fetch(
            db,
            "SELECT id, ids, options FROM migration_runs AS r WHERE EXISTS "
            "(SELECT 1 FROM migration_records WHERE run_id = r.id) ORDER BY number",
        ):
            if run is not None and run_id != run:
                continue
            progress("compare documents", documents, None)
            known = sqlite.pairs(db, "SELECT old_id, new_id FROM migration_ids")
            cold = bool(json.loads(options or "{}").get("expand_cold"))
            choices = Choices(Ids(known, new=ids == "new"), cold, password)
            count, found, check = _one_run(db, place.backups / run_id, run_id, choices, rows)
            documents += count
            differences += found
            checks.append(check)
        if place.log is not None:
            progress("compare the event log", documents, None)
            with mirror.readable_log(place) as path:
                count, found = logproof.compare(path, place.target)
            differences += found
            if not mirror.is_sealed(place):
                checks.append(("event log", False, "bytes of it changed though nobody has written to it since"))
            checks.append(("event log", not found, f"{counted(count, 'record')} replayed from it: as in the account"))
        return compare.proof(rows, tuple(checks), documents, differences)


def _one_run(
    db: sqlite.Connection, folder: Path, run_id: str, choices: Choices, rows: compare.Rows
) -> tuple[int, list[Difference], tuple[str, bool, str]]:
    """The documents of one run's snapshots against the account, and whether the backup itself is sound."""
    name = f"backup {run_id}"
    try:
        wrong = keep.check(folder)
        snapshots = backup.load(folder)
    except BackupFailed as error:
        return 0, [], (name, False, error.what)
    documents = 0
    differences: list[Difference] = []
    accounted = {
        (kind, path)
        for kind, path in sqlite.each(
            db, "SELECT DISTINCT source_kind, source_path FROM migration_records WHERE run_id = ?", (run_id,)
        )
    }
    for snapshot in snapshots:
        count, found = compare.compare_documents(
            db, run_id, snapshot.kind, snapshot.name, expected(snapshot, choices), rows
        ) if (snapshot.kind, snapshot.name) in accounted else (0, [])  # fmt: skip
        documents += count
        differences += found
    return documents, differences, (name, not wrong, "; ".join(wrong) or "every file has its size and hash")
