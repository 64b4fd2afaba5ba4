"""`verify-app`: check on a scratch copy that an app can live with a store, whichever target it is."""

from __future__ import annotations

from pathlib import Path

from pjais.checks import livestore_app, sqlite_app
from pjais.checks.livestore_app import AppCheck
from pjais.workspace import Workspace


def verify_app(workspace: Workspace, store: Path | None = None) -> list[AppCheck]:
    """Return the checks of the workspace's store, or of a LiveStore store in another folder.

    Raises NoSourceFound if there is no store, ForeignTarget if it is not one of ours.
    """
    if store is None and workspace.log is None:
        return sqlite_app.of_sqlite(workspace)
    return livestore_app.of_livestore(workspace, workspace.live if store is None else store)
