"""Quarantined documents: list, show, discard, replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pjais import choices
from pjais.api.arguments import PathLike, current_workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pjais.migration.quarantine import Kept, Replayed


def list(
    data_dir: PathLike | None = None, target: PathLike | None = None, *, everything: bool = False
) -> Sequence[Kept]:
    """Return the documents in quarantine; with `everything` also those that were replayed or discarded."""
    from pjais.migration import quarantine

    return quarantine.listed(current_workspace(data_dir, target), everything=choices.flag("everything", everything))


def show(data_dir: PathLike | None, entry: int, target: PathLike | None = None) -> Kept:
    """Return one document with its reasons.  Raises UsageError for an unknown id."""
    from pjais.migration import quarantine

    (kept,) = quarantine.listed(current_workspace(data_dir, target), [choices.count("entry", entry)])
    return kept


def discard(data_dir: PathLike | None, entries: int | Iterable[int], target: PathLike | None = None) -> Sequence[Kept]:
    """Discard documents: they stay in the store, are no longer listed, and can still be replayed by their id."""
    from pjais.migration import quarantine

    return quarantine.discard(current_workspace(data_dir, target), choices.counts("entries", entries))


def replay(
    data_dir: PathLike | None = None,
    entries: int | Iterable[int] = (),
    target: PathLike | None = None,
    *,
    document: Any = None,
) -> Sequence[Replayed]:
    """Retry documents, all or those named; `document` is the edited form of the one in `entries`."""
    from pjais.migration import quarantine

    return quarantine.replay(current_workspace(data_dir, target), choices.counts("entries", entries), document)
