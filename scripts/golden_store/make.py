"""Writes a data folder with the installed pjais, as golden data for the versions that follow.

Run it with the released version that is to be remembered (`pip install pjais==VERSION`), once, and keep the archive for
ever: `python scripts/golden_store/make.py tests/golden/store/VERSION.tar.xz`.  The folder holds all that a store can
hold: two runs over several kinds of sources, records of collections that the model does not know, quarantined,
replayed and discarded documents, superseded copies, edits, an undone operation, and backups.  `expected.json` beside
the data says what was seen through the library of that version.
"""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import pjais
import pjais.demo
from pjais.migration import quarantine as migration_quarantine
from pjais.models.persona.tables import TABLES
from pjais.version import __version__
from pjais.workspace import resolve_workspace


def main(archive: Path) -> None:
    """Make the folder and pack it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        shutil.copytree(Path(pjais.demo.__file__).parent / "sample", folder)
        _write_orphans(folder, 3)
        pjais.migrate(folder, on_invalid="quarantine")
        _decide(folder)
        _live(folder)
        _write_orphans(folder, 4)
        pjais.migrate(folder, on_invalid="quarantine")
        pjais.verify(folder)
        (folder / "expected.json").write_text(json.dumps(_seen(folder), indent=1, sort_keys=True), "utf-8")
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive, "w:xz") as packed:
            packed.add(folder, "data", filter=_anonymous)


def _write_orphans(folder: Path, count: int) -> None:
    """A source whose memories belong to nobody; with each call one more, and one that is sound."""
    memories = [
        {"id": f"orphan-{n}", "personaId": "nobody", "type": "fact", "content": f"orphan {n}"} for n in range(count)
    ]
    sound = {"id": "second", "name": f"second source, {count}", "updatedAt": f"2025-03-0{count}T00:00:00.000Z"}
    body = {"personas": [sound], "memories": memories}
    (folder / "second.pjais.json").write_text(json.dumps(body), "utf-8")


def _decide(folder: Path) -> None:
    """One orphan is fixed and taken in, one is discarded, one waits."""
    here = resolve_workspace(folder)
    waiting = [one for one in migration_quarantine.listed(here) if str(one.native_id).startswith("orphan")]
    migration_quarantine.replay(here, [waiting[0].id], {**waiting[0].document, "personaId": "second"})
    migration_quarantine.discard(here, [waiting[1].id])


def _live(folder: Path) -> None:
    """What a person does with the store."""
    with pjais.open(folder) as store:
        memory = store.memories.list()[0]
        store.memories.update(memory.id, summary="edited by hand")
        store.memories.update(memory.id, importance=99)
        store.undo()
        store.personas.update("second", description="edited, too")


def _seen(folder: Path) -> dict[str, object]:
    """The counts, a few records and the quarantine as this version shows them."""
    with pjais.open(folder) as store, store.pool.view() as db:
        counts = {one.name: next(iter(db.execute(f"SELECT count(*) FROM {one.name}")))[0] for one in TABLES}
        rows = {
            one.name: [list(row) for row in db.execute(f"SELECT * FROM {one.name} ORDER BY 1, 2")] for one in TABLES
        }
        changes = next(iter(db.execute("SELECT count(*) FROM changes")))[0]
        runs = next(iter(db.execute("SELECT count(*) FROM migration_runs")))[0]
        hits = [found.memory.id for found in store.memories.search("tea ceremony")]
    quarantine = [
        [one.id, one.native_id, one.replayed_at is not None, one.discarded]
        for one in migration_quarantine.listed(resolve_workspace(folder), everything=True)
    ]
    return {
        "version": __version__,
        "counts": counts,
        "rows": rows,
        "changes": changes,
        "runs": runs,
        "hits": hits,
        "quarantine": quarantine,
    }


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uname = member.gname = ""
    member.uid = member.gid = 0
    return member


if __name__ == "__main__":
    main(Path(sys.argv[1]))
