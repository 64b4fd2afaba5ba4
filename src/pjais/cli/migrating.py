"""detect, plan, migrate, verify, rollback, status."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pjais import files
from pjais.choices import Ids, OnInvalid
from pjais.cli.context import (
    Context,
    collection_option,
    common,
    database_option,
    origin_option,
    password_option,
)
from pjais.cli.locations import OUTPUT_FILE, OUTPUT_PLACE, PATH
from pjais.cli.output import print_json, progress, safe, say, size, table
from pjais.errors import NoSourceFound, UsageError
from pjais.pipeline.place import none_found, place, told
from pjais.sources import Passed, SourceRef
from pjais.words import counted, one_line

if TYPE_CHECKING:
    from pjais.model import Counts, Report

_COUNTS = ("read", "migrated", "repaired", "superseded", "removed", "quarantined")
_sources = click.argument("sources", nargs=-1, type=PATH)
_target = click.option("--target", type=OUTPUT_PLACE, help="The store written to.")
_to = click.option("--to", help="What to write: sqlite (default), livestore, or an added target's name.")
_store_id = click.option("--store-id", help="The id of the LiveStore store (default: pjais).")
_format = click.option(
    "--format", "form", type=click.Choice(["6", "4"]), callback=lambda _, __, value: value and int(value),
    help="LiveStore's storage format: 6 (0.4, the default) or 4 (0.3).",
)  # fmt: skip
_on_invalid = click.option(
    "--on-invalid", type=click.Choice(["stop", "quarantine"]), default="stop", show_default=True,
    help="What to do about documents that cannot go in.",
)  # fmt: skip
_ids = click.option("--ids", type=click.Choice(["keep", "new"]), default="keep", show_default=True)
_expand_cold = click.option("--expand-cold", is_flag=True, help="Expand content in the app's compressed cold form.")


@click.command("detect")
@click.argument("sources", metavar="[PATHS]...", nargs=-1, type=PATH)
@common
def detect_command(context: Context, sources: tuple[Path, ...]) -> int:
    """Say what is here: kind, path, version, records, size, in use or not."""
    here = place(context.data_dir, None, sources)
    found = here.find()
    rows = _counted(found.sources)
    passed = [one.as_dict() for one in found.passed]
    if context.as_json:
        print_json({"code": "done" if rows else "MIGRATION_001", "sources": rows, "passed": passed})
    elif rows:
        table(
            ("kind", "path", "version", "records", "size", "in use"),
            [(one["kind"], one["path"], one["version"] or "", one["records"], size(one["size"]),
              "yes" if one["in_use"] else "no") for one in rows],
            ("records", "size"),
        )  # fmt: skip
        for one in rows:
            for note in one["notes"]:
                say(safe(f"{one['path']}: {note}"))
        _say_passed(found.passed)
        say(f"\nNext: {context.typed('pjais plan')}")
    if not rows:
        if context.as_json:
            return NoSourceFound.exit_code
        raise none_found([str(path) for path in sources] or [str(here.data_dir)], found)
    return 0


def _counted(refs: tuple[SourceRef, ...]) -> list[dict[str, Any]]:
    if not refs:
        return []
    from pjais.pipeline import survey  # the readers, which a search that finds nothing does without

    return [_seen(ref, survey.count_documents(ref)) for ref in refs]


def _say_passed(passed: tuple[Passed, ...]) -> None:
    """What was found and is not taken, one line each."""
    for line in told(passed):
        say(safe(line))


def _seen(ref: SourceRef, records: int | None) -> dict[str, Any]:
    existing = [path for path in ref.files if path.exists()]
    notes = list(ref.notes)
    if ref.damage:
        notes.append(f"damaged: {ref.damage}")
    return {
        "kind": ref.kind,
        "path": str(ref.path),
        "version": ref.version,
        "records": records if records is not None else 0,
        "countable": records is not None,
        "size": sum(path.stat().st_size for path in existing),
        "in_use": bool(files.users(existing)),
        "damage": ref.damage,
        "notes": notes,
    }


@click.command("plan")
@_sources
@_to
@_target
@_store_id
@_format
@_ids
@_expand_cold
@origin_option
@database_option
@collection_option
@password_option
@common
def plan_command(
    context: Context,
    sources: tuple[Path, ...],
    to: str | None,
    target: Path | None,
    store_id: str | None,
    form: int | None,
    ids: Ids,
    expand_cold: bool,
    password: str | None,
    origin: str | None,
    database: str | None,
    collection: str | None,
) -> int:
    """Show what `migrate` would do.  Writes nothing."""
    from pjais.pipeline import origins, run

    here = place(context.data_dir, target, sources, to=_known_target(to), store_id=store_id, format=form)
    with progress(quiet=context.quiet) as report_progress:
        made = run.plan(
            here,
            run.Options(
                ids=ids, expand_cold=expand_cold, password=password, only=origins.asked(origin, database, collection)
            ),
            report_progress,
        )
    if context.as_json:
        print_json(
            {
                "code": "already_migrated" if made.nothing_to_do else "done",
                "to": "sqlite" if here.log is None else "livestore",
                "target": made.target,
                "sources": [
                    {"kind": ref.kind, "name": ref.name, "path": str(ref.path), **counts.as_dict()}
                    for ref, counts in made.sources
                ],
                "passed": [one.as_dict() for one in made.passed],
                "total": made.total.as_dict(),
                "rules": dict(made.findings),
                "findings": [finding.as_dict() for finding in made.examples],
                "finding_count": sum(made.findings.values()),
                "disk": {"needed": made.bytes_needed, "free": made.bytes_free},
                "seconds": round(made.seconds, 1),
                "irreversible": [],
            }
        )
        return 0
    _print_counts([(ref.kind, ref.name, counts) for ref, counts in made.sources], made.total)
    _print_rules(made.findings)
    _say_passed(made.passed)
    say(f"\ntarget: {made.target}")
    say(f"disk: {size(made.bytes_needed)} needed, {size(made.bytes_free)} free")
    say(f"time: about {made.seconds:.0f} s")
    say("irreversible steps: none")
    quarantine = " --on-invalid quarantine" if made.total.waiting else ""
    following = context.typed(f"pjais migrate{quarantine}")
    say("\nNothing to do." if made.nothing_to_do else f"\nNext: {following}")
    return 0


@click.command("migrate")
@_sources
@_to
@_target
@_store_id
@_format
@_on_invalid
@_ids
@_expand_cold
@origin_option
@database_option
@collection_option
@password_option
@common
def migrate_command(
    context: Context,
    sources: tuple[Path, ...],
    to: str | None,
    target: Path | None,
    store_id: str | None,
    form: int | None,
    on_invalid: OnInvalid,
    ids: Ids,
    expand_cold: bool,
    password: str | None,
    origin: str | None,
    database: str | None,
    collection: str | None,
) -> int:
    """Back up, migrate, verify, and put the new store in place."""
    from pjais.pipeline import origins, run

    here = place(context.data_dir, target, sources, to=_known_target(to), store_id=store_id, format=form)
    options = run.Options(
        on_invalid=on_invalid, ids=ids, expand_cold=expand_cold, password=password,
        only=origins.asked(origin, database, collection),
    )  # fmt: skip
    with progress(quiet=context.quiet) as report_progress:
        report = run.migrate(here, options, report_progress)
    written = None
    if to not in _OWN_TARGETS:
        from pjais.pipeline import elsewhere

        written = elsewhere.write(here, str(to))
    print_report(context, report)
    if written is not None and not context.as_json:
        say(f"{to}: {counted(written.documents, 'document')}, read back and compared: {written.folder}")
    return report.exit_code


_OWN_TARGETS = (None, "sqlite", "livestore")


def _known_target(to: str | None) -> str | None:
    """The target that the pipeline writes; one that another package adds is written from the SQLite store."""
    if to in _OWN_TARGETS:
        return to
    from pjais import extensions

    if extensions.target_kind(str(to)) is None:
        known = ", ".join(("sqlite", "livestore", *extensions.names("targets")))
        raise UsageError(f"there is no target {to}", where=[f"known: {known}"])
    return "sqlite"


def print_report(context: Context, report: Report) -> None:
    """The summary of a run: a table per source, one verdict line, the next command."""
    if context.as_json:
        print_json({**report.as_dict(), "next": context.typed(report.next_command)})
        return
    if report.sources:
        from pjais.model import Counts

        rows = [(one["kind"], one["name"], Counts(*(one[name] for name in Counts.__slots__))) for one in report.sources]
        _print_counts(rows, report.total)
        _print_rules(report.rules)
        say()
    _say_passed(report.passed)
    say(f"{report.code.replace('_', ' ')}: {report.message}")
    if report.backup is not None:
        say(f"store:  {report.target}")
        say(f"backup: {report.backup}")
        say(f"report: {report.backup / 'report.html'}")
    extra = "pjais quarantine list" if report.code == "quarantined" else report.next_command
    say(f"Next: {context.typed(extra)}")


def _print_counts(rows: list[tuple[str, str, Counts]], total: Counts) -> None:
    body = [[kind, name, *(getattr(counts, one) for one in _COUNTS)] for kind, name, counts in rows]
    body.append(["all", "", *(getattr(total, one) for one in _COUNTS)])
    table(("kind", "source", *_COUNTS), body, _COUNTS)


def _print_rules(rules: Any) -> None:
    lines = []
    for key, count in sorted(rules.items(), key=lambda item: -item[1]):
        level, rule, field = key.split(":", 2)
        lines.append((level, rule, field, count))
    if lines:
        say()
        table(("level", "rule", "field", "times"), lines, ("times",))


_EDITS_SHOWN = 20


@click.command("verify")
@_target
@click.option("--run", "run_id", help="Only the documents of this run.")
@password_option
@common
def verify_command(context: Context, target: Path | None, run_id: str | None, password: str | None) -> int:
    """Prove every record against the backups, again."""
    from pjais.pipeline import prove, state

    with progress(quiet=context.quiet) as report_progress:
        proof = prove.prove(state.chosen(context.data_dir, target, run_id), run_id, report_progress, password=password)
    if context.as_json:
        print_json({"code": "done", **proof.as_dict()})
        return 0
    table(("check", "", "about"), [(what, "holds", about) for what, _, about in proof.checks])
    say(
        f"\nverified: {counted(proof.records, 'record')} in the store, "
        f"{counted(proof.documents, 'document')} in the backups, no difference"
    )
    since = [(proof.edited_since, "edited"), (proof.added_since, "added"), (proof.removed_since, "removed")]
    if any(count for count, _ in since):
        say("since the migration: " + ", ".join(f"{count:,} {what}" for count, what in since) + " (see the history)")
        for what, kind, key in proof.edits[:_EDITS_SHOWN]:
            say(f"  {what} {kind} {one_line(key)}")
        if (more := sum(count for count, _ in since) - min(len(proof.edits), _EDITS_SHOWN)) > 0:
            say(f"  ... and {more:,} more")
    return 0


@click.command("rollback")
@click.argument("run_id", metavar="[RUN]", required=False)
@_target
@click.option("--keep-later", type=OUTPUT_FILE, help="Export what was written since to this file.")
@click.option("--discard-later", is_flag=True, help="Let go of what was written since.")
@common
def rollback_command(
    context: Context, run_id: str | None, target: Path | None, keep_later: Path | None, discard_later: bool
) -> int:
    """Go back to before a run.  Shows first what was written since."""
    from pjais.pipeline import state, undo

    here = state.chosen(context.data_dir, target, run_id)
    done = undo.rollback(here, run_id, keep_later=keep_later, discard_later=discard_later)
    if context.as_json:
        print_json(done.as_dict())
        return 0
    after = "the store of before is back" if done.restored else "there was no store before, and there is none now"
    say(f"rolled back {done.run_id}: {after}")
    for path in done.sources:
        say(f"restored from the backup: {safe(path)}")
    say(f"the store as it was is kept: {done.kept}")
    folder = shlex.quote(str(here.data_dir / "restored" / done.run_id))
    say(f"what it was made of is in its backup: {context.typed(f'pjais backup restore {done.run_id} --to {folder}')}")
    if done.later_file:
        say(f"what was written since is in: {done.later_file}   (pjais import brings it back)")
    say(f"Next: {context.typed('pjais status')}")
    return 0


@click.command("status")
@_target
@common
def status_command(context: Context, target: Path | None) -> int:
    """Say what is where: the store, the runs, the backups, and what is new in the sources."""
    from pjais.pipeline import overview, state

    status = overview.status(state.chosen(context.data_dir, target))
    status["next"] = context.typed(status["next"])
    if context.as_json:
        print_json(status)
        return 0
    say(f"data folder: {status['data_dir']}")
    if status["active_side"]["at"] is not None:
        side = status["active_side"]
        say(f"live side: {side['live']}, since {side['at']}" + (f": {side['target']}" if side["live"] == "new" else ""))
    if status["store"] is None:
        say("store: none yet")
    else:
        say(f"store: {status['store']['path']} (schema {status['store']['schema']}, {size(status['store']['size'])})")
        table(("table", "records"), list(status["store"]["records"].items()), ("records",))
    if status["runs"]:
        say()
        rows = [(one["id"], _state(one), one["code"] or "", one["finished_at"] or "") for one in status["runs"]]
        table(("run", "state", "result", "finished"), rows)
    if status["quarantined"]:
        look = context.typed("pjais quarantine list")
        say(f"\n{counted(status['quarantined'], 'document is', 'documents are')} in quarantine: {look}")
    say(f"\n{status['message']}")
    for one in status["not_chosen"]:
        say(f"not chosen for this store: {one['origin']}   {safe(one['path'])}")
    say(f"Next: {status['next']}")
    return 0


def _state(run: dict[str, Any]) -> str:
    """The state of a run; of one that goes on, who is at work on it and since when."""
    return str(run["state"]) if run["pid"] is None else f"running ({run['pid']}, since {run['started_at']})"
