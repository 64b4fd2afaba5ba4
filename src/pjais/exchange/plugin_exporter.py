"""Exporters of other packages: write everything of a store, or of any source, in their own form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pjais import extensions, models
from pjais.errors import UsageError
from pjais.exchange import app_files, transfer
from pjais.targets.sqlite import exported
from pjais.workspace import Workspace


def export(
    workspace: Workspace, store: Path | None, name: str, write: Callable[[str], object], password: str | None
) -> None:
    """Write a store or a source with an added exporter.  Raises UsageError for an unknown one."""
    exporter = extensions.exporter(name)
    if exporter is None:
        built_in = ("pjais", "rxdb-export", "rxdb-dump", *app_files.names())
        known = ", ".join((*built_in, *extensions.names("exporters")))
        raise UsageError(f"exporter not found: {name}", where=[f"known: {known}"])
    with transfer.opened(workspace, store, password) as db:
        exporter(exported.documents(db, models.in_store(workspace.model, db)), write)
