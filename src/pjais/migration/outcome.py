"""The outcome of a run in one sentence, for its report, the command line and the web UI."""

from __future__ import annotations

from pjais.core.results import Counts
from pjais.display import counted


def verdict(code: str, total: Counts) -> str:
    """Return the outcome of the documents as a sentence."""
    if code == "empty":
        return "the sources were read and hold no documents; an empty target is in place"
    documents = "the one document is" if total.read == 1 else f"all {total.read:,} documents are"
    line = f"{documents} reconciled, and every record in the target was verified by digest"
    if code == "quarantined":
        kept = counted(total.waiting, "was rejected and is", "were rejected and are")
        return f"{line}; {kept} kept in quarantine"
    return line
