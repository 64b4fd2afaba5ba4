"""The verification after a migration (guide A, "Post-Migration"): data, function, speed, backups, each with figures.

Trials run on a scratch copy; the store itself is only read, and no test persona is ever left behind.  An empty
store is healthy.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pjais import sqlite
from pjais.checks.livestore_app import LIMIT_MS, AppCheck, timed
from pjais.display import counted
from pjais.errors import NoSourceFound, PjaisError
from pjais.migration import state, verify
from pjais.persona.store import Store
from pjais.sources import backup
from pjais.targets.sqlite import cutover
from pjais.workspace import Workspace


def of_sqlite(workspace: Workspace) -> list[AppCheck]:
    """Return the checks of a store in SQLite.  Raises NoSourceFound if there is none, ForeignTarget."""
    if cutover.inspect(workspace.store, workspace.model) is None:
        raise NoSourceFound("store not found", where=[str(workspace.store)], next_command="pjais migrate")
    checks = [_integrity(workspace), _backups(workspace)]
    with tempfile.TemporaryDirectory(prefix="pjais-check-") as folder:
        copy = Path(folder) / "copy.sqlite"
        cutover.copy_target(workspace.store, copy)
        with closing(sqlite.open_writer(copy)) as db:
            db.execute("PRAGMA journal_mode = WAL")
        with Store(copy) as store:
            checks += [_health(workspace, store), _performance(store), _plugins(store), _features(store)]
    return checks


def _integrity(workspace: Workspace) -> AppCheck:
    try:
        proof = verify.verify(workspace)
    except PjaisError as error:
        return AppCheck("integrity", False, "; ".join((error.what, *error.where[:5])), {})
    since = proof.edited_since + proof.added_since + proof.removed_since
    documents = counted(proof.documents, "document")
    line = f"{counted(proof.records, 'record')} verified against {documents}; {since:,} changed since"
    return AppCheck("integrity", True, line, {})


def _backups(workspace: Workspace) -> AppCheck:
    runs = [run for run in state.runs(workspace.data_dir) if run.state == "done"]
    wrong = [f"{run.id}: {line}" for run in runs for line in backup.check(run.folder)]
    line = "; ".join(wrong[:5]) or f"{counted(len(runs), 'backup')}, sizes and hashes match"
    return AppCheck("backups", not wrong, line, {})


def _health(workspace: Workspace, store: Store) -> AppCheck:
    counts = state.record_counts(workspace.store, workspace.model)
    active = store.personas.active()
    line = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "empty, healthy"
    return AppCheck("health", True, f"{line}; active: {active.id if active else 'nobody'}", {})


def _performance(store: Store) -> AppCheck:
    persona = store.personas.active()
    key = persona.id if persona else None
    queries: dict[str, Callable[[], object]] = {
        "all personas": lambda: store.personas.list(order="-last_used"),
        "active persona": store.personas.active,
        "a persona's memories": lambda: store.memories.list(persona=key, limit=100),
        "hot memories": lambda: store.memories.hot(key),
        "important memories": lambda: store.memories.important(key),
        "search": lambda: store.memories.search("tea", limit=20),
    }
    figures = {name: timed(query) for name, query in queries.items()}
    slow = [name for name, took in figures.items() if took >= LIMIT_MS]
    line = f"the slowest of {len(figures)} queries took {max(figures.values()):.1f} ms; the limit is {LIMIT_MS:.0f} ms"
    return AppCheck("performance", not slow, line, figures)


def _plugins(store: Store) -> AppCheck:
    found = store.plugins.list()
    bare = [plugin.id for plugin in found if plugin.enabled and not plugin.manifest]
    line = f"{len(found)} plugins, {sum(one.enabled for one in found)} enabled"
    return AppCheck("plugins", True, line + (f"; manifest missing: {', '.join(bare)}" if bare else ""), {})


def _features(store: Store) -> AppCheck:
    """Create, activate, add, search, update, delete, restore: on the copy."""
    persona = store.personas.create(name="a check, on a scratch copy")
    active = store.personas.activate(persona.id)
    memory = store.memories.remember("zyzzyva ceremony", persona=persona.id)
    found = [one.memory.id for one in store.memories.search("zyzzyva", persona=persona.id)]
    store.memories.update(memory.id, importance=0)
    store.memories.delete(memory.id)
    gone = store.memories.search("zyzzyva", persona=persona.id)
    back = store.memories.restore(memory.id)
    others = [one.id for one in store.personas.list() if one.is_active and one.id != persona.id]
    wanted = {
        "persona creation": store.personas.need(persona.id).name == persona.name,
        "activation": active.is_active and not others,
        "memory creation": store.memories.need(memory.id).content == "zyzzyva ceremony",
        "search": found == [memory.id],
        "update": back.importance == 0,
        "soft delete and restore": not gone and back.deleted_at is None,
    }
    failed = [name for name, works in wanted.items() if not works]
    line = f"failed: {', '.join(failed)}" if failed else f"{', '.join(wanted)}: each done and read back"
    return AppCheck("features", not failed, line, {})
