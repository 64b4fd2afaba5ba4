"""Build what every page shows around its view: where one can go, how much is there, and whether it is proved.

It costs little, whatever the store's size, and never fails a page: while a job has the store for itself, the figures of
the last look are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from pjais import sqlite
from pjais.errors import PjaisError
from pjais.migration import state
from pjais.persona.store import Store
from pjais.targets.sqlite import decisions
from pjais.web.session import Job, Notice, Session
from pjais.web.view_values import text


class Entry(NamedTuple):
    """One place of the navigation: its address, name and icon; `holds` names the figure beside it."""

    address: str
    name: str
    icon: str
    holds: str = ""


NAVIGATION = {
    "": (Entry("/", "Overview", "layout-dashboard"), Entry("/import", "Import", "import")),
    "Your data": (
        Entry("/personas", "Personas", "users", "personas"),
        Entry("/memories", "Memories", "brain", "memories"),
        Entry("/conversations", "Conversations", "messages-square", "conversations"),
        Entry("/tables", "App tables", "table-2", "tables"),
    ),
    "Understand": (Entry("/history", "History", "history"), Entry("/insights", "Insights", "chart-column")),
    "Move": (
        Entry("/cutover", "Cutover", "arrow-left-right"),
        Entry("/quarantine", "Quarantine", "shield-alert", "quarantined"),
    ),
    "Settings": (Entry("/settings", "Settings", "settings"),),
}
"""The places by group, as the page lists them; the first and the last group have no title."""
WITHOUT_A_STORE = ("/", "/import", "/settings")
"""The places that work before anything was migrated: the others appear with the first store."""
DOCKED = ("/", "/memories", "/conversations", "/history")
"""The four places of the bar at the bottom of a small screen; the others are behind More."""
_WITHIN = {
    "/overview": "/",
    "/persona": "/personas",
    "/memory": "/memories",
    "/conversation": "/conversations",
    "/table": "/tables",
    "/row": "/tables",
    "/sql": "/tables",
    "/run": "/import",
    "/rollback": "/import",
    "/backups": "/import",
    "/work": "/import",
    "/kept": "/quarantine",
}
"""The navigation entry of each page that has none of its own."""
THEMES = ("light", "dark")
DENSITIES = ("compact",)


class Shell(NamedTuple):
    """The frame of a page.  `counts` by figure; `size` in bytes; `proved` is the end of the last run (ISO), or None."""

    navigation: Mapping[str, Sequence[Entry]]
    here: str
    counts: Mapping[str, int]
    store: str | None
    size: int
    proved: str | None
    job: Job | None
    notice: Notice | None
    theme: str
    density: str


def shell(session: Session, path: str, cookies: Mapping[str, str], *, live: bool) -> Shell:
    """Return the frame of the page at `path`.

    `live`: the page only asks again for what changed, so a notice waits for the next page that is opened.
    """
    name, size, proved = _store(session)
    counts = _counts(session)
    return Shell(
        navigation=_reachable(name is not None),
        here=_WITHIN.get(path, path),
        counts=counts,
        store=name,
        size=size,
        proved=proved,
        job=session.job,
        notice=None if live else session.take_notice(),
        theme=_one_of(cookies.get("theme"), THEMES),
        density=_one_of(cookies.get("density"), DENSITIES),
    )


def _reachable(some: bool) -> Mapping[str, Sequence[Entry]]:
    """Return the places that work: all of them once there is a store."""
    shown = {
        group: [one for one in entries if some or one.address in WITHOUT_A_STORE]
        for group, entries in NAVIGATION.items()
    }
    return {group: entries for group, entries in shown.items() if entries}


def _one_of(given: str | None, known: tuple[str, ...]) -> str:
    return given if given in known else ""


def _store(session: Session) -> tuple[str | None, int, str | None]:
    with suppress(PjaisError, OSError):
        here = session.workspace()
        if here.store.exists():
            ended = [one.finished_at for one in state.runs(here.data_dir) if one.state == "done"]
            proved = ended[-1] if ended else None
            return here.live.name, here.store.stat().st_size, text(proved)
    return None, 0, None


def _counts(session: Session) -> Mapping[str, int]:
    with suppress(PjaisError, OSError, sqlite.Error), session.store() as store:
        waiting = 0
        with store.pool.reader() as db:
            waiting = decisions.waiting(db)
        session.counts = {**session.figure(store, "shell", lambda: _of(store)), "quarantined": waiting}
    return session.counts


def _of(store: Store) -> dict[str, int]:
    with store.pool.reader() as db:  # an index has them: the lists leave them out
        deleted = int(sqlite.value(db, "SELECT count(*) FROM memory_entities WHERE deleted_at IS NOT NULL"))
    return {
        "personas": len(store.personas),
        "memories": len(store.memories) - deleted,
        "conversations": len(store.conversations),
        "tables": len(store.collections),
    }
