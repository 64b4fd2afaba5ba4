"""Actions of moving data: migrate, import, verify, roll back, back up, the quarantine, the cutover.

As in `actions`: each is one call of the library, and no path is ever taken from a form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pjais.choices import OnInvalid
from pjais.core.results import Progress
from pjais.display import counted
from pjais.errors import BackupFailed, UsageError
from pjais.exchange import guide_backup
from pjais.migration import backups, quarantine, run
from pjais.migration import rollback as migration_rollback
from pjais.migration import verify as migration_verify
from pjais.models.persona.model import MODEL
from pjais.side_by_side import follow as side_follow
from pjais.side_by_side import shadow
from pjais.side_by_side import switch as side_switch
from pjais.sources import backup
from pjais.web import rendering
from pjais.web.forms import Form, json, need, whole
from pjais.web.moving import cutover as cutover_views
from pjais.web.moving import quarantine as quarantine_views
from pjais.web.session import Session

Action = Callable[[Session, Form], str]


def migrate(session: Session, form: Form) -> str:
    """Migrate what was found."""
    here = session.workspace()
    options = replace(session.options, on_invalid="quarantine" if form.get("quarantine") == "yes" else "stop")
    session.start("migrate", lambda progress: run.migrate(here, options, progress).as_dict())
    return "/import"


def stop(session: Session, form: Form) -> str:
    """Stop the migration that is running; nothing is changed by what it did so far."""
    session.stop()
    return "/import"


def import_files(session: Session, form: Form) -> str:
    """Import the files of a batch that the page was handed: of any kind, told by their content."""
    batch = need(form, "batch")
    sources = session.inbox.sources(batch)
    here = replace(session.workspace(), sources=sources)
    on_invalid: OnInvalid = "quarantine" if form.get("quarantine") == "yes" else "stop"
    options = replace(session.options, on_invalid=on_invalid, imported=True)

    def work(progress: Progress) -> dict[str, Any]:
        try:
            return run.migrate(here, options, progress).as_dict()
        finally:
            session.inbox.remove(batch)

    session.start("import", work)
    return "/import"


def unlock(session: Session, form: Form) -> str:
    """Take the password of an encrypted source; a new plan is made with it."""
    session.options = replace(session.options, password=need(form, "password"))
    return "/import?step=review"


def verify(session: Session, form: Form) -> str:
    """Prove every record against the backups."""
    here, password = session.workspace(), session.options.password
    session.start(
        "verify",
        lambda progress: migration_verify.verify(here, None, progress, password=password).as_dict(),
        alone=False,
    )
    return "/work"


def rollback(session: Session, form: Form) -> str:
    """Restore the state before a run; later writes are kept in a file of the run's folder, or discarded."""
    here, name = session.workspace(), need(form, "run")
    if form.get("later") not in ("keep", "discard"):
        raise UsageError("choose what becomes of what was written since: keep or discard it")
    found, _ = migration_rollback.preview(here)
    if found.id != name:
        raise UsageError("another run is the last one now; reload the page", where=[found.id])
    file = _free(found.folder / "later.pjais.json") if form["later"] == "keep" else None
    session.start(
        "rollback",
        lambda _: migration_rollback.rollback(here, name, keep_later=file, discard_later=file is None).as_dict(),
    )
    return "/work"


def _free(path: Path) -> Path:
    """The path, or the next one of its kind that is not taken."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"later-{number}.pjais.json")
    return found


def back_up(session: Session, form: Form) -> str:
    """Back up every source and the store."""
    here = session.workspace()
    session.start("backup", lambda _: {"backup": backups.create(here).name})
    return "/backups"


def check_backup(session: Session, form: Form) -> str:
    """Read a backup back and compare every file, its journal and its report, as `pjais backup verify` does."""
    folder = backups.folder_of(session.workspace(), need(form, "id"))

    def work(_: Progress) -> dict[str, Any]:
        if wrong := backups.check(folder) or guide_backup.check(MODEL, folder)[0]:
            raise BackupFailed("a backup is not valid", where=wrong)
        return {"sound": folder.name}

    session.start("check backup", work, alone=False)
    return "/backups"


def restore_backup(session: Session, form: Form) -> str:
    """Write a backup's raw files into a new folder of the data folder, beside what is there."""
    here = session.workspace()
    folder = backups.folder_of(here, need(form, "id"))
    destination = here.data_dir / "restored" / folder.name
    session.start(
        "restore backup",
        lambda _: {"folder": str(destination), "files": len(backup.restore(folder, destination))},
        alone=False,
    )
    return "/backups"


def replay(session: Session, form: Form) -> str:
    """Import a quarantined document, unchanged or edited."""
    number = whole("id", need(form, "id"))
    text = form.get("document", "")
    edited: dict[int, Any] = {}
    if text.strip() and text.replace("\r\n", "\n") != form.get("before", "").replace("\r\n", "\n"):
        edited[number] = json("document", text)
    (result,) = _replayed(session, [number], edited)
    session.tell("1 document imported")
    return rendering.record(str(result.record_type), str(result.record_id)) or "/quarantine"


def fix(session: Session, form: Form) -> str:
    """Import a quarantined document with its proposed fix; `others`: and all with the same problem."""
    number, kind = whole("id", need(form, "id")), need(form, "kind")
    shown = quarantine_views.kept(session, number)
    proposed = shown.fix
    if proposed is None or proposed.kind != kind:
        raise UsageError("this fix no longer applies to the document; reload the page", where=[shown.title])
    if kind == "choose" and form.get("value") not in proposed.choices:
        raise UsageError("choose one of the list", where=[proposed.field])
    ids = [number, *(proposed.others if form.get("others") == "yes" else [])]
    edited = {}
    for one in quarantine.listed(session.workspace(), ids):
        key = quarantine_views.key_of(one.document, proposed.field)
        document = {name: value for name, value in one.document.items() if name != key or kind == "choose"}
        edited[one.id] = {**document, key: form["value"]} if kind == "choose" and key is not None else document
    done = _replayed(session, ids, edited)
    session.tell(_told(done))
    return "/quarantine"


def retry(session: Session, form: Form) -> str:
    """Try every document in quarantine again, as it is: what it refers to may be there now."""
    with session.alone():
        done = quarantine.replay(session.workspace())
    session.tell(_told(done))
    return "/quarantine"


def _replayed(session: Session, ids: list[int], edited: dict[int, Any]) -> list[quarantine.Replayed]:
    """Import documents.  Raises UsageError where none of them is valid."""
    with session.alone():
        done = quarantine.replay(session.workspace(), ids, edited=edited)
    if not done:
        raise UsageError("this document is in the store already", next_command="pjais quarantine list")
    if all(one.record_id is None for one in done):
        raise UsageError(
            "still invalid",
            where=[line for one in done for line in one.problems],
            safe="It stays in quarantine as it was." if len(done) == 1 else "They stay in quarantine as they were.",
            next_command=f"pjais quarantine show {ids[0]}",
        )
    return done


def _told(done: list[quarantine.Replayed]) -> str:
    imported = sum(one.record_id is not None for one in done)
    text = f"{counted(imported, 'document')} imported"
    return text if imported == len(done) else f"{text}, {len(done) - imported:,} still invalid"


def discard(session: Session, form: Form) -> str:
    """Discard a document in quarantine."""
    with session.alone():
        quarantine.discard(session.workspace(), [whole("id", need(form, "id"))])
    session.tell("1 document discarded. It stays in the store, and can still be imported.")
    return "/quarantine"


# -- cutover


def sync(session: Session, form: Form) -> str:
    """Import once what the source app wrote since."""
    here, options = session.workspace(), session.options
    session.start(
        "follow", lambda _: side_follow.increment(here, options).as_dict(), alone=not here.store.exists(), writes=True
    )
    return "/cutover"


def follow(session: Session, form: Form) -> str:
    """Sync what the source app writes, repeatedly, until it is stopped."""
    session.follow(on=form.get("on") == "yes")
    return "/cutover"


def compare(session: Session, form: Form) -> str:
    """Compare source and target, record by record."""
    here, password = session.workspace(), session.options.password

    def work(_: Progress) -> dict[str, Any]:
        done = shadow.compare(here, password=password)
        session.compared = cutover_views.compared(done)
        return done.as_dict()

    session.start("compare", work, alone=False)
    return "/cutover"


def switch(session: Session, form: Form) -> str:
    """Make the target active, or the source again."""
    here, options, edits = session.workspace(), session.options, form.get("edits") == "keep"
    if form.get("to") not in ("target", "source"):
        raise UsageError("choose what is to be active: target or source")
    if form["to"] == "source":
        session.start("switch back", lambda _: side_switch.back(here).as_dict(), alone=False, writes=True)
    else:
        session.follow(on=False)
        work = lambda _: side_switch.go(here, options, keep_edits=edits).as_dict()  # noqa: E731
        session.start("switch", work, alone=False, writes=True)
    return "/cutover"


MOVING: dict[str, Action] = {
    "migrate": migrate,
    "stop": stop,
    "import": import_files,
    "unlock": unlock,
    "verify": verify,
    "rollback": rollback,
    "back-up": back_up,
    "check-backup": check_backup,
    "restore-backup": restore_backup,
    "replay": replay,
    "fix": fix,
    "retry": retry,
    "discard": discard,
    "sync": sync,
    "follow": follow,
    "compare": compare,
    "switch": switch,
}
"""The actions by their names."""
