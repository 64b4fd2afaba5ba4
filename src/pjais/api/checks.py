"""Check what an app needs of the store, go through the checklists, explain codes, collect diagnostics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pjais import choices
from pjais.api.arguments import PathLike, current_workspace, new_workspace
from pjais.errors import UsageError

if TYPE_CHECKING:
    from pjais.checks.checklist import Line
    from pjais.checks.livestore_app import AppCheck

Phase = Literal["pre", "during", "post", "rollback"]


def verify_app(data_dir: PathLike | None = None, store: PathLike | None = None) -> list[AppCheck]:
    """Check on a scratch copy that an app can use the store: health, integrity, performance, features.

    `store`: a SQLite or LiveStore store; None takes the data folder's current one.
    """
    from pjais.checks import verify_app

    path = choices.maybe_path("store", store)
    if path is None or (path.is_file() and path.suffix == ".sqlite"):
        return verify_app.verify_app(current_workspace(data_dir, path))
    return verify_app.verify_app(new_workspace(data_dir, None, ()), path.absolute())


def checklist(
    data_dir: PathLike | None = None,
    phase: Phase | None = None,
    target: PathLike | None = None,
    *,
    password: str | None = None,
) -> list[Line]:
    """Return the lines of the migration's checklists, each checked where that can be done; None: of all phases."""
    from pjais.checks import checklist

    phases = checklist.PHASES if phase is None else (choices.check("phase", phase, Phase),)
    here = current_workspace(data_dir, target)
    return checklist.check(here, phases, password=choices.maybe("password", password))


def support_bundle(
    data_dir: PathLike | None = None, output: PathLike | None = None, target: PathLike | None = None
) -> tuple[Path, ...]:
    """Write two small files for support: versions, layout, states, codes and counts; no content.  Returns their paths.

    `output`: the folder to write to; None takes the current one.
    """
    from pjais.checks import support_bundle

    folder = choices.maybe_path("output", output) or Path.cwd()
    _, made = support_bundle.write(current_workspace(data_dir, target), folder.absolute())
    return tuple(made)


def explain(code: str) -> str:
    """Return what a code means and what to do.  Raises UsageError for an unknown one."""
    from pjais.report import rules

    text = rules.explain(choices.text("code", code))
    if text is None:
        raise UsageError("code not found", where=[code], next_command="pjais explain")
    return text
