"""`verify-app`: check on a scratch copy that an app can live with a store, whichever target it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pjais.checks import livestore_app, sqlite_app
from pjais.checks.livestore_app import AppCheck
from pjais.errors import UsageError
from pjais.workspace import Workspace

_CHECKS: Mapping[str, Callable[[Workspace], list[AppCheck]]] = {
    "sqlite": sqlite_app.of_sqlite,
    "livestore": lambda workspace: livestore_app.of_livestore(workspace, workspace.live),
}
"""The checks of each kind of target that an app opens."""


def verify_app(workspace: Workspace, store: Path | None = None) -> list[AppCheck]:
    """Return the checks of the workspace's store, or of a LiveStore store in another folder.

    Raises NoSourceFound if there is no store, ForeignTarget if it is not one of ours, UsageError for a target that no
    app opens.
    """
    if store is not None:
        return livestore_app.of_livestore(workspace, store)
    check = _CHECKS.get(workspace.target.kind)
    if check is None:
        raise UsageError(
            f"nothing to check: no app opens a {workspace.target.kind} target",
            where=[str(workspace.live)],
            next_command="pjais verify",
        )
    return check(workspace)
