"""demo: migrate the packaged sample, or measure migrations of made-up data."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import click

from pjais import instants
from pjais.api import opening
from pjais.cli.context import Context, common
from pjais.cli.locations import OUTPUT_PLACE
from pjais.cli.output import print_json, say
from pjais.cli.progress import progress
from pjais.cli.run_report import print_report
from pjais.cli.tables import Column, print_table
from pjais.display import counted
from pjais.errors import UsageError
from pjais.models.persona.records import Persona
from pjais.workspace import resolve_workspace


@click.command("demo")
@click.option("--keep", type=OUTPUT_PLACE, help="Work in this new folder and keep it.")
@click.option("--benchmark", is_flag=True, help="Measure migrations and queries of generated data instead.")
@click.option(
    "--memories",
    "sizes",
    type=click.IntRange(min=1),
    multiple=True,
    help="With --benchmark: number of memories; repeatable.",
)
@common
def demo_command(context: Context, keep: Path | None, benchmark: bool, sizes: tuple[int, ...]) -> int:
    """Migrate the packaged sample data and verify it.

    Then migrate from RxDB to LiveStore to SQLite, and query earlier versions.
    """
    from pjais.migration import run, verify

    if benchmark:
        return _benchmark(context, sizes)
    if keep is not None and keep.exists():
        raise UsageError(
            "folder already exists", where=[str(keep)], next_command=f"pjais demo --keep {shlex.quote(f'{keep}-2')}"
        )
    folder = keep.absolute() if keep is not None else Path(tempfile.mkdtemp(prefix="pjais-demo-")) / "PJais"
    try:
        with as_file(files("pjais.demo") / "sample") as sample:
            shutil.copytree(sample, folder)
        here = resolve_workspace(folder)
        if not context.as_json:
            say("A data folder with all generations of the app: RxDB in a browser profile and its exports, LiveStore,")
            say("three kinds of SQLite, JSON files.\n")
        with progress(context) as report_progress:
            report = run.migrate(here, run.Options(), report_progress)
        print_report(context if keep is None else replace(context, data_dir=folder), report)
        proof = verify.verify(here)
        if not context.as_json:
            say(f"\npjais verify: {counted(proof.documents, 'document')} compared with the backup, no difference")
            _search(folder)
            _chain(folder, folder.with_name(f"{folder.name}-chain"))
        return report.exit_code
    finally:
        if keep is None:
            shutil.rmtree(folder.parent, ignore_errors=True)
        else:
            sys.stdout.flush()


def _benchmark(context: Context, sizes: tuple[int, ...]) -> int:
    """The table of the guides' benchmark."""
    from pjais.demo import benchmark

    measured = list(benchmark.measure(sizes or benchmark.SIZES))
    if context.as_json:
        print_json({"code": "done", "sizes": [one.as_dict() for one in measured]})
        return 0
    phases, queries = list(measured[0].phases), list(measured[0].queries)
    say("Migration of a LiveStore database, in seconds:\n")
    print_table(
        [Column(name, "number") for name in ("memories", *phases, "whole", "documents/s")],
        [
            (
                f"{one.memories:,}",
                *(f"{one.phases[name]:.2f}" for name in phases),
                f"{one.seconds:.2f}",
                f"{one.documents / one.seconds:,.0f}",
            )
            for one in measured
        ],
    )
    say(f"\nQueries on the result, in ms; the first three together should take less than {benchmark.LIMIT_MS:.0f}:\n")
    print_table(
        [*(Column(name, "number") for name in ("memories", *queries)), Column("state", "outcome")],
        [
            (
                f"{one.memories:,}",
                *(f"{one.queries[name]:.2f}" for name in queries),
                "passed" if one.passed else "slower",
            )
            for one in measured
        ],
    )
    return 0


def _chain(folder: Path, chain: Path) -> None:
    """The app's own way, RxDB to LiveStore to SQLite, with a look back in between."""
    from pjais.livestore_tools import timeline
    from pjais.migration import run, verify
    from pjais.targets.livestore import target
    from pjais.targets.livestore.writer import event

    say("\nFrom the browser profile alone, RxDB to LiveStore to SQLite:\n")
    live = resolve_workspace(chain, None, [folder / "IndexedDB"], to="livestore")
    first = run.migrate(live, run.Options())
    with timeline.opened(live, live.live) as line:
        imported = line.point()
    held = f"{counted(first.total.read, 'document')}, {counted(imported.steps, 'event')}"
    say(f"RxDB profile -> LiveStore: {held}; LiveStore itself can boot them")
    with opening.open_livestore(live.live) as store:
        persona = next(one for one in store.records() if isinstance(one, Persona) and one.name)
    at = instants.from_text("2026-03-01T09:00:00Z")
    changes = [
        event("v1.PersonaActivated", id=persona.id, activatedAt=at),
        event("v1.PersonaUpdated", id=persona.id, updates={"name": f"{persona.name}, renamed"}, updatedAt=at),
    ]
    target.at(live.live).append(changes)
    say(f"the app writes on: {persona.name} is activated and renamed\n\npjais diff STORE {imported.number} now:")
    with timeline.opened(live, live.live) as line:
        for one in line.diff(imported, line.point()):
            say(f"  {one.table} {one.key}, {one.field}: {one.before!r} -> {one.after!r}")
    last = run.migrate(resolve_workspace(chain, None, [live.live], to="sqlite"), run.Options())
    proof = verify.verify(resolve_workspace(chain, None, to="sqlite"))
    say(f"\nLiveStore -> SQLite: {last.message}")
    say(f"pjais verify: {counted(proof.documents, 'document')} compared with the backup, no difference")


def _search(folder: Path) -> None:
    with closing(opening.open(folder)) as store:
        say('\npjais search "tea":')
        found = store.memories.search("tea", limit=5)
        print_table(
            (Column("memory"), Column("text")), [(one.memory.name or one.memory.id, one.snippet) for one in found]
        )
