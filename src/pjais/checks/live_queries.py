"""Check live queries: create a persona in a scratch copy of the store, of which a subscription must be notified."""

from __future__ import annotations

import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from pjais import files, sqlite
from pjais.checks.livestore_app import AppCheck
from pjais.models.persona.records import Persona
from pjais.side_by_side.sides import LiveStoreSide, Side, SqliteSide
from pjais.targets.livestore import target
from pjais.targets.sqlite import cutover
from pjais.workspace import Workspace

_NAME = "a check, on a scratch copy"
_SECONDS = 10.0
"""Time limit of a subscription, which normally takes milliseconds."""


def check(workspace: Workspace) -> AppCheck:
    """Check a store's live queries; the result includes the time of the notification (ms)."""
    with tempfile.TemporaryDirectory(prefix="pjais-check-") as folder, closing(_copy(workspace, Path(folder))) as side:
        news = threading.Event()
        errors: list[Exception] = []

        def hear(found: list[Persona]) -> None:
            if any(one.name == _NAME for one in found):
                news.set()

        stop = side.subscribe_to_personas(hear, errors.append)
        began = time.perf_counter()
        side.create_persona(name=_NAME)
        heard = news.wait(_SECONDS)
        took = round((time.perf_counter() - began) * 1000, 1)
        stop()
    if errors or not heard:
        return AppCheck("reactive", False, f"no notification received: {errors[0] if errors else 'in time'}", {})
    return AppCheck("reactive", True, f"a subscription was notified of a new persona after {took} ms", {"news": took})


def _copy(workspace: Workspace, folder: Path) -> Side:
    """Return the store's copy in a separate folder; of a LiveStore store its log alone, which only we read."""
    if workspace.target.in_place:
        copy = folder / "copy.sqlite"
        cutover.copy_target(workspace.store, copy)
        with closing(sqlite.open_writer(copy)) as db:
            db.execute("PRAGMA journal_mode = WAL")
        return SqliteSide(copy)
    log = target.at(workspace.live).log
    with sqlite.whole(log) as readable:
        files.copy_hashed(readable, folder / log.name)
    return LiveStoreSide(folder)
