"""Entries of a run in `migration.log`: phases, outcome, rejected records, and the reason of a failure.

A run that fails before it has a folder of its own (no source, no backup, no permission) is logged too.  If the data
folder is missing or not writable, the line goes to the system's log directory; nothing is created for it.
Ids, locations, fields and codes only, never content.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pjais import logbook, paths
from pjais.assembly.findings import Findings
from pjais.errors import PjaisError, UsageError
from pjais.workspace import Workspace


def write(workspace: Workspace, line: str, run_id: str = "-") -> None:
    """Append one line of a run."""
    fallback = paths.log_dir(workspace.data_dir, named=False)
    folders = (workspace.log_dir, fallback) if workspace.data_dir.is_dir() or not workspace.named else (fallback,)
    logbook.write(folders, f"{run_id} {line}")


def ended(workspace: Workspace, findings: Findings, run_id: str, outcome: str) -> None:
    """Log each document that cannot be imported, as far as the findings keep them, and then the outcome."""
    for one in findings.first_errors:
        field = f", {one.field}" if one.field else ""
        write(
            workspace,
            f"rejected {one.source}: {one.collection}/{one.native_id or one.place}{field} [{one.rule}]",
            run_id,
        )
    more = findings.levels["error"] - len(findings.first_errors)
    if more > 0:
        write(workspace, f"rejected: {more} more, all of them in report.json", run_id)
    write(workspace, outcome, run_id)


def failed(workspace: Workspace, error: PjaisError, run_id: str = "-") -> None:
    """Log an error once, with the files it names."""
    if not error.logged:
        error.logged = True
        where = f" ({'; '.join(error.where[:20])})" if error.where and error.report is None else ""
        write(workspace, f"{error.code}: {error.what}{where}", run_id)


@contextmanager
def failures(workspace: Workspace, run_id: str = "-") -> Iterator[None]:
    """Log each of our errors that leaves the block, unless it was logged before or the call itself was wrong."""
    try:
        yield
    except PjaisError as error:
        if not isinstance(error, UsageError):
            failed(workspace, error, run_id)
        raise
