"""Write a store or any source as a file, and import files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pjais import choices
from pjais.api.arguments import PathLike, Paths, current_workspace, reporter, run_options
from pjais.choices import OnInvalid
from pjais.errors import UsageError

if TYPE_CHECKING:
    from pjais.core.results import Progress, Report
    from pjais.exchange.export import Exported


def export(
    data_dir: PathLike | None = None,
    store: PathLike | None = None,
    output: PathLike | None = None,
    *,
    format: str = "pjais",
    documents: bool = False,
    skip_unreadable: bool = False,
    blobs: PathLike | None = None,
    target: PathLike | None = None,
    password: str | None = None,
) -> Exported:
    """Export the data folder's store, or the store or source that `store` names; returns the text unless `output` is.

    `format`: pjais (canonical JSON), rxdb-export (the guide's; needs `output`), rxdb-dump (for RxDB's `importJSON()`;
    of several databases each gets a file, named in `files`), or an added exporter's name.
    `documents`: every live document of any source as its own app would read it, as NDJSON in tagged JSON; with
    `skip_unreadable` what cannot be read is left out and named in the result; the bytes of Blobs and attachments are in
    the lines, or in files in the folder `blobs`.  `output` replaces an earlier export, and no other file.
    """
    from pjais.exchange import export

    file, source = choices.maybe_path("output", output), choices.maybe_path("store", store)
    what = export.What(
        choices.text("format", format),
        choices.flag("documents", documents),
        choices.flag("skip_unreadable", skip_unreadable),
        choices.maybe_path("blobs", blobs),
    )
    here = current_workspace(data_dir, target)
    secret = choices.maybe("password", password)
    if file is not None:
        return export.to_file(here, source, file, what, password=secret)
    return export.as_text(here, source, what, password=secret)


def import_file(
    data_dir: PathLike | None,
    files: Paths,
    target: PathLike | None = None,
    *,
    on_invalid: OnInvalid | None = None,
    password: str | None = None,
    with_memories: bool = False,
    timezone: str = "UTC",
    user_personas: bool = False,
    gap: int = 30,
    accept_deletions: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Import exports, or any other source files, into the store: all of them in one run, or none.

    Backed up and verified; can be rolled back.  For the options about files of AI apps see `migrate`.
    """
    from pjais.migration import run

    named = choices.paths("files", files)
    if not named:
        raise UsageError("files=(): name at least one file")
    here = current_workspace(data_dir, target, sources=named)
    options = run_options(
        on_invalid=on_invalid,
        password=password,
        imported=True,
        with_memories=with_memories,
        timezone=timezone,
        user_personas=user_personas,
        gap=gap,
        accept_deletions=accept_deletions,
    )
    return run.migrate(here, options, reporter(progress))
