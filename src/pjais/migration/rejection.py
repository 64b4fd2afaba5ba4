"""The error of a run whose sources hold invalid documents: which, and why."""

from __future__ import annotations

from pathlib import Path

from pjais.assembly.findings import Findings
from pjais.core.results import Counts
from pjais.display import counted
from pjais.errors import PjaisError, SourceDamaged, ValidationFailed

_SHOWN = 20


def of(findings: Findings, total: Counts, report: Path) -> PjaisError:
    """Return the error that names the first rejected documents, and the report with all of them."""
    where = [
        f"{one.source}: {one.collection}/{one.native_id or one.place}"
        + (f", {one.field}" if one.field else "")
        + f": {one.message} [{one.rule}]"
        for one in findings.first_errors[:_SHOWN]
    ]
    errors = findings.levels["error"]
    if errors > len(where):
        where.append(f"... and {errors - len(where)} more; all are in {report}")
    if findings.unreadable:
        pieces, readable = counted(findings.unreadable, "piece"), counted(total.read - total.quarantined, "document")
        return SourceDamaged(f"{pieces} cannot be read; {readable} can be saved", where=where)
    return ValidationFailed(
        f"{total.waiting:,} of {counted(total.read, 'document')} {'is' if total.waiting == 1 else 'are'} invalid",
        where=where,
    )
