"""Small data folders, the commands that are disturbed in them, and what may be seen afterwards.

Each call runs in a process of its own, forked from this one with everything loaded, so that a fault costs a tenth
of a second and a kill kills nobody else.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import io
import json
import os
import select
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import sqlite_calls
from injector import Fault, Injector

import pjais
import world
from pjais import files
from pjais.cli import run as run_command
from pjais.errors import PjaisError
from pjais.exchange.export import as_text
from pjais.migration import backups, quarantine, recover, state, verify
from pjais.side_by_side import switch
from pjais.sources import backup
from pjais.workspace import Workspace, resolve_workspace

PROFILE = Path(__file__).parent.parent / "golden" / "rxdb" / "v13-clean" / "IndexedDB"
SECONDS = 300
"""What takes longer hangs."""
QUARANTINE = ("--on-invalid", "quarantine")
Make = Callable[["World"], tuple[str, ...]]


class Hung(Exception):
    """A call did not end."""


class Outcome(NamedTuple):
    """How a call ended; all of it is empty where it was killed."""

    killed: bool
    exit_code: int = 0
    body: dict[str, Any] = {}  # noqa: RUF012 - never changed
    said: str = ""
    met: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether the call succeeded, with or without records in quarantine."""
        return not self.killed and self.exit_code in (0, 1)


class State(NamedTuple):
    """What can be seen of a data folder: which side is live, the store's export, and that the proof holds."""

    live: str
    store: str | None
    wrong: str = ""
    """Why the proof fails, or why the store cannot be read."""


NOTHING = State("old", None)


@dataclass
class World:
    """One data folder and the command that is disturbed in it."""

    name: str
    root: Path
    words: tuple[str, ...] = ()
    target: Path | None = None
    also: Callable[[World], Any] = lambda _world: None
    """What else must be as an undisturbed call leaves it."""
    old: State = NOTHING
    new: State = NOTHING
    more: Any = None
    exit_code: int = 0
    met: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.root / "data"

    def here(self) -> Workspace:
        """The place that the command works on."""
        return resolve_workspace(self.folder, self.target)

    def fresh(self) -> None:
        """Put everything back to how it was before the call."""
        self.swap(self.root.with_name(f"{self.root.name}-template"))

    def swap(self, template: Path) -> None:
        """Make the folder what a copy of it is, times and all."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(template, self.root)

    def call(self, *words: str, fault: Fault | None = None) -> Outcome:
        """Call pjais on the data folder, in a process of its own."""
        return Outcome(*apart(lambda: _called(self.root, [*words, "--data-dir", str(self.folder), "--json"], fault)))

    def hashes(self) -> dict[str, str]:
        """Every source: name and hash."""
        return {name: digest for name, digest in _hashes(self.root).items() if _is_source(name)}

    def look(self) -> State:
        """What there is; looked at in a process of its own."""
        return State(*apart(lambda: list(_look(self))))

    def facts(self) -> Any:
        """What else there is."""
        return apart(lambda: [False, self.also(self)])[1]

    def leftovers(self, *, cut_off: bool) -> list[str]:
        """Unfinished files, which a finished call must not leave.

        What was killed, or kept from cleaning up, leaves its scratch files to the system, and a part of a file that
        was to lie where nobody but its owner looks.
        """
        names = [path.relative_to(self.root).as_posix() for path in self.root.rglob("*")]
        wrong = [one for one in names if one.endswith((".part", ".new", "-journal", ".work"))]
        if cut_off:
            return sorted(one for one in wrong if not one.startswith(("scratch/", ".later.json")))
        return sorted({*wrong, *(one for one in names if one.startswith("scratch/"))})


def _is_source(name: str) -> bool:
    return name.startswith(("data/app/", "given/")) or name in ("data/data.json", "data/livestore.db")


def _hashes(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def apart(work: Callable[[], list[Any]]) -> list[Any]:
    """Do something in a fork of this process; `[True]` where it was killed.  Raises Hung where it does not end."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: this fork needs none of them
        child = os.fork()
    if child == 0:
        os.close(reader)
        _end(work, writer)
    os.close(writer)
    told = b"".join(_told(reader, child))
    os.close(reader)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return [True]
    found = json.loads(told)
    if isinstance(found, str):
        raise AssertionError(found)
    return list(found)


def _told(reader: int, child: int) -> Iterator[bytes]:
    until = time.monotonic() + SECONDS
    while True:
        ready, _, _ = select.select([reader], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(reader)
            raise Hung
        chunk = os.read(reader, 1 << 16)
        if not chunk:
            return
        yield chunk


def _end(work: Callable[[], list[Any]], writer: int) -> None:
    """The life of a child: work, tell, end, without anything that its parent set up for its own end."""
    try:
        try:
            told = json.dumps(work())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
            told = json.dumps(f"{type(error).__name__}: {error}")
        with open(writer, "w", encoding="utf-8") as out:
            out.write(told)
    finally:
        os._exit(0)


def _called(root: Path, words: list[str], fault: Fault | None) -> list[Any]:
    os.environ.pop("PJAIS_DATA_DIR", None)
    os.environ["TMPDIR"] = tempfile.tempdir = str(root / "scratch")
    injector = Injector(root, fault)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        injector.install()
        code = run_command(words)
    text = out.getvalue()
    try:
        body = json.loads(text)
    except ValueError:
        body = {}
    return [False, code, body, text[:4000] + err.getvalue()[:8000], injector.met]


def _look(seen: World) -> tuple[str, str | None, str]:
    tempfile.tempdir = str(seen.root / "scratch")
    Injector(seen.root).install()  # for its syncs, which cost time and are not done
    if seen.target is not None:  # a log and its account are two files: the next call, whichever it is, levels them
        with files.only_run(seen.folder):
            recover.recover(seen.here())
    here = seen.here()
    side = switch.live(here).side
    if not here.store.exists():
        logs = sorted(seen.folder.glob("livestore/*/eventlog@*.db"))
        return side, None, "a log without its account" if logs and seen.target is not None else ""
    try:
        wrong = ""
        verify.verify(here)
    except PjaisError as error:
        wrong = f"{error.what}: {'; '.join(error.where)}"
    return side, as_text(here, None).text, wrong


def made(name: str, root: Path) -> World:
    """A world by its name, with what an undisturbed call makes of it."""
    _warm()
    root.mkdir(parents=True)
    one = World(name, root)
    for folder in ("data", "scratch", "given"):
        (root / folder).mkdir()
    _first_sources(one.folder)
    one.words = WORLDS[name](one)
    one.old = one.look()
    shutil.copytree(root, root.with_name(f"{root.name}-template"))
    one.sources = one.hashes()
    done = one.call(*one.words)
    assert done.done, done.said
    one.exit_code, one.met = done.exit_code, done.met
    one.new, one.more = one.look(), one.facts()
    assert one.old.wrong == one.new.wrong == "", (one.old, one.new)
    return one


@functools.cache
def _warm() -> None:
    """Load and make, once, what every call needs: what a fork finds there it need not make itself."""
    sqlite_calls.tables()
    with tempfile.TemporaryDirectory(prefix="pjais-faults-") as folder, contextlib.redirect_stdout(io.StringIO()):
        shared = ["--data-dir", folder, "--json"]
        _first_sources(Path(folder))
        for words in (
            ["follow", "--once", *QUARANTINE],
            ["switch"],
            ["switch", "--undo"],
            ["backup", "create"],
            ["verify"],
            ["export"],
            ["quarantine", "list"],
            ["migrate", "--to", "livestore"],
        ):
            run_command([*words, *shared])
    gc.freeze()  # a fork's own collections leave alone what it shares with us


def _first_sources(folder: Path) -> None:
    """A browser profile of RxDB, a flat SQLite file, and a JSON file with a memory that cannot go in."""
    shutil.copytree(PROFILE, folder / "app")
    personas, memories = [world.persona()], [world.memory(), world.memory("m2"), world.memory("bad", "nobody")]
    world.write_json(folder, personas=personas, memories=memories)
    flat = {"id": "p2", "name": "Flat", "createdAt": 1_700_000_000_000, "updatedAt": 1_700_000_000_000}
    row = {"id": "l1", "personaId": "p2", "type": "text", "content": "x", "tags": "[]", "createdAt": 1, "updatedAt": 1}
    world.write_livestore(folder / "livestore.db", [flat], [row])


def _more_sources(folder: Path) -> None:
    """The app went on: one memory more, one changed, one gone."""
    changed = world.memory("m1", content="another content", updatedAt="2025-04-01T00:00:00.000Z")
    memories = [changed, world.memory("m3"), world.memory("bad", "nobody")]
    world.write_json(folder, personas=[world.persona()], memories=memories)


def _do(one: World, *words: str) -> dict[str, Any]:
    done = one.call(*words)
    assert done.done, done.said
    return done.body


def _write_by_hand(one: World) -> None:
    """Somebody lives in the store: a memory more, one edited."""

    def live() -> list[Any]:
        with contextlib.closing(pjais.open(one.folder, on_invalid="quarantine")) as store:
            store.memories.remember("written by hand", persona="p1")
        return [False]

    apart(live)


def _livestore(one: World) -> None:
    one.target = one.folder / "livestore" / "pjais"


def _migrate(one: World) -> tuple[str, ...]:
    return ("migrate", *QUARANTINE)


def _migrate_again(one: World) -> tuple[str, ...]:
    _do(one, *_migrate(one))
    _write_by_hand(one)
    _more_sources(one.folder)
    return _migrate(one)


def _to_livestore(one: World) -> tuple[str, ...]:
    _livestore(one)
    return (*_migrate(one), "--to", "livestore")


def _to_livestore_again(one: World) -> tuple[str, ...]:
    words = _to_livestore(one)
    _do(one, *words)
    _more_sources(one.folder)
    return words


def _rollback(one: World) -> tuple[str, ...]:
    _do(one, *_migrate_again(one))
    _write_by_hand(one)
    one.also = lambda seen: (seen.root / "later.json").read_text("utf-8").count("written by hand")
    return ("rollback", state.runs(one.folder)[-1].id, "--keep-later", str(one.root / "later.json"))


def _rollback_first(one: World) -> tuple[str, ...]:
    _do(one, *_migrate(one))
    return ("rollback", state.runs(one.folder)[-1].id)


def _rollback_livestore(one: World) -> tuple[str, ...]:
    _do(one, *_to_livestore_again(one))
    return ("rollback", state.runs(one.folder)[-1].id, "--target", str(one.target))


def _rollback_livestore_first(one: World) -> tuple[str, ...]:
    _do(one, *_to_livestore(one))
    return ("rollback", state.runs(one.folder)[-1].id, "--target", str(one.target))


def _backup(one: World) -> tuple[str, ...]:
    _do(one, *_migrate(one))
    one.also = _sound_backups
    return ("backup", "create")


def _sound_backups(seen: World) -> Any:
    listed = backups.listed(seen.here())
    wrong = [line for one in listed if one.complete for line in backup.check(seen.here().backups / one.id)]
    made = [one for one in listed if one.complete and not one.needed]
    return [bool(made), wrong, [one.id for one in listed if not one.complete]]


def _follow(one: World) -> tuple[str, ...]:
    _do(one, *_migrate(one))
    _more_sources(one.folder)
    return ("follow", "--once", *QUARANTINE)


def _follow_livestore(one: World) -> tuple[str, ...]:
    _to_livestore_again(one)
    return ("follow", "--once", "--to", "livestore", *QUARANTINE)


def _switch(one: World) -> tuple[str, ...]:
    _follow(one)
    return ("switch", *QUARANTINE)


def _undo(one: World) -> tuple[str, ...]:
    _do(one, *_switch(one))
    _write_by_hand(one)
    one.also = _carried_along
    return ("switch", "--undo")


def _carried_along(seen: World) -> Any:
    """What each export of the way back holds: every one of them all that was written on the new side."""
    texts = [path.read_text("utf-8") for path in seen.folder.glob("*since-switch-*.json")]
    return sorted({text.count("written by hand") for text in texts})


def _import(one: World) -> tuple[str, ...]:
    _do(one, *_migrate(one))
    more = {"personas": [world.persona("p9")], "memories": [world.memory("m9", "p9")]}
    return ("import", str(world.write_json(one.root / "given", "more.json", **more)))


def _replay(one: World) -> tuple[str, ...]:
    _do(one, *_migrate(one))
    return _mended(one)


def _replay_livestore(one: World) -> tuple[str, ...]:
    _do(one, *_to_livestore(one))
    return (*_mended(one), "--target", str(one.target))


def _mended(one: World) -> tuple[str, ...]:
    (kept,) = (kept for kept in quarantine.listed(one.here()) if kept.native_id == "bad")
    mended = one.root / "given" / "mended.json"
    mended.write_text(json.dumps(world.memory("bad", "p1")), "utf-8")
    return ("quarantine", "replay", str(kept.id), "--document", str(mended))


WORLDS: dict[str, Make] = {
    "migrate": _migrate,
    "migrate again": _migrate_again,
    "migrate to livestore": _to_livestore,
    "migrate to livestore again": _to_livestore_again,
    "rollback": _rollback,
    "rollback of the first": _rollback_first,
    "rollback of livestore": _rollback_livestore,
    "rollback of the first livestore": _rollback_livestore_first,
    "backup create": _backup,
    "follow": _follow,
    "follow to livestore": _follow_livestore,
    "switch": _switch,
    "switch --undo": _undo,
    "import": _import,
    "quarantine replay": _replay,
    "quarantine replay to livestore": _replay_livestore,
}
"""Every command whose faults are tried, in a world that gives it something to do."""
