"""LiveStore stores: their schema, their health, their storage formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pjais import choices
from pjais.api.arguments import PathLike, new_workspace
from pjais.choices import LogFormat

if TYPE_CHECKING:
    from pjais.livestore_tools.doctor import Check
    from pjais.livestore_tools.upgrade import Upgraded


def schema() -> str:
    """Return the `schema.ts` with which an app boots a log that pjais wrote."""
    from pjais.models.persona.typescript import schema_ts

    return schema_ts()


def doctor(store: PathLike, *, data_dir: PathLike | None = None) -> list[Check]:
    """Examine a store: its log, its states, whether they agree.  Changes nothing."""
    from pjais.livestore_tools import doctor

    return doctor.examine(new_workspace(data_dir, None, ()), choices.path("store", store).absolute())


def upgrade(
    store: PathLike, output: PathLike | None = None, *, to: LogFormat = 6, data_dir: PathLike | None = None
) -> Upgraded:
    """Write a store's log in another storage format; the files of the old one stay."""
    from pjais.livestore_tools import upgrade

    number = choices.check("to", to, LogFormat)
    folder = choices.maybe_path("output", output)
    return upgrade.upgrade(new_workspace(data_dir, None, ()), choices.path("store", store).absolute(), number, folder)
