"""`import pjais`: every command has its function, names load when they are used, and arguments are checked."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

import pjais
from pjais.cli import cli
from pjais.errors import ConfirmationNeeded, NoSourceFound, UsageError
from world import memory, persona, write_json

NO_CALL = {
    "demo": "a show on the terminal",
    "ui": "a program that runs until it is ended",
    "completion": "of the command line itself",
    "help": "of the command line itself",
    "mcp": "another such program",
    "mcp install": "writes the configuration of another program",
}
"""Commands without a function of the library, and why."""

OF_LIBRARY = {"import": "import_file"}
"""Commands whose function has another name: `import` is a keyword."""

OF_STORE = {
    "search": "memories.search",
    "personas": "personas.list",
    "personas show": "personas.get",
    "personas create": "personas.create",
    "personas update": "personas.update",
    "personas remove": "personas.remove",
    "personas link": "personas.link",
    "personas stats": "personas.stats",
    "memories": "memories.filtered",
    "memories show": "memories.get",
    "memories update": "memories.update",
    "memories delete": "memories.delete",
    "memories restore": "memories.restore",
    "memories promote": "memories.promote",
    "memories demote": "memories.demote",
    "memories optimise": "memories.optimise",
    "memories stats": "memories.stats",
    "memories embed": "memories.embed_missing",
    "conversations": "conversations.list",
    "conversations show": "conversations.get",
    "conversations archive": "conversations.archive",
    "conversations restore": "conversations.restore",
    "attachments": "attachments.list",
    "attachments save": "attachments.save",
    "plugins": "plugins.list",
    "plugins enable": "plugins.enable",
    "plugins disable": "plugins.disable",
    "activate": "personas.activate",
    "remember": "memories.remember",
    "at": "at",
    "diff": "diff",
    "history": "history",
    "restore-record": "restore_record",
    "undo": "undo",
    "redo": "redo",
}
"""Commands that are calls of an open store."""

OF_LIVESTORE = {
    "events": "events",
    "at": "records",
    "diff": "diff",
    "history": "history",
    "restore-record": "restore_record",
}
"""Commands that are calls of an open LiveStore store."""


def commands(group: click.Group = cli, before: str = "") -> Iterator[str]:
    """The full name of every command that can be called."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield before + name
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name


def of_library(command: str) -> str:
    return OF_LIBRARY.get(command, command.replace("-", "_").replace(" ", "."))


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every function of the library, those of its parts too."""
    for name in pjais.__all__:
        found = getattr(pjais, name)
        if inspect.isfunction(found):
            yield name, found
        elif isinstance(found, ModuleType):
            for inner, one in vars(found).items():
                if inspect.isfunction(one) and one.__module__ == found.__name__:
                    yield f"{name}.{inner}", one


FUNCTIONS = dict(functions())


def test_every_command_has_its_function(tmp_path: Path) -> None:
    """What the command line does, a program can do; what it cannot is listed with the reason."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1", "p1")])
    named = set(commands())
    assert set(NO_CALL) | set(OF_STORE) | set(OF_LIVESTORE) <= named
    with pjais.open(tmp_path) as store:
        assert [one for one in OF_STORE.values() if not callable(attrgetter(one)(store))] == []
    assert [one for one in OF_LIVESTORE.values() if not callable(getattr(pjais.LiveStore, one))] == []
    rest = named - set(NO_CALL) - set(OF_STORE) - set(OF_LIVESTORE)
    assert [one for one in sorted(rest) if not callable(attrgetter(of_library(one))(pjais))] == []


def test_every_function_is_documented_and_typed() -> None:
    """Each says what it does, and what each argument may be."""
    for name, function in FUNCTIONS.items():
        assert function.__doc__, name
        empty = inspect.Parameter.empty
        signature = inspect.signature(function)
        assert all(one.annotation is not empty for one in signature.parameters.values()), name
        assert signature.return_annotation is not empty, name


def test_a_name_loads_only_what_it_needs() -> None:
    """`import pjais` loads nothing but itself; no name is loaded before it is used."""
    program = (
        "import sys; before = set(sys.modules); import pjais; "
        "print(sorted(one for one in set(sys.modules) - before if '.' in one or one == 'pjais')); "
        "pjais.backup; print('apsw' in sys.modules, 'click' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded, after = done.stdout.splitlines()
    assert "'pjais', 'pjais.version']" in loaded and "importlib" not in loaded.replace("importlib._", "")
    assert after.endswith("False")


HEAVY = (
    "asyncio",
    "click",
    "email",
    "importlib.metadata",
    "logging",
    "pydantic",
    "rich",
    "socket",
    "sqlite3",
    "unittest",
)
"""Modules of others that no ordinary call of the library needs."""

NOT_TO_OPEN = (
    *HEAVY,
    *("cramjam", "cryptography", "decimal", "difflib", "filelock", "gzip", "hashlib", "importlib.resources", "orjson"),
    *("pickle", "platform", "random", "shutil", "subprocess", "tempfile", "uuid", "zipfile", "zoneinfo"),
    *("pjais.assembly", "pjais.core.events", "pjais.core.results", "pjais.js_values", "pjais.models.documents.mapping"),
    *("pjais.migration.run", "pjais.models.documents.table", "pjais.models.persona.mappings", "pjais.persona.as_of"),
    *("pjais.persona.memories", "pjais.persona.message_search", "pjais.report", "pjais.sqlite_wal"),
    *("pjais.store.history", "pjais.targets.sqlite.builder", "pjais.targets.sqlite.chain"),
)
"""What opening a store with nothing to do does without."""


def loaded(program: str, *words: str | Path, among: tuple[str, ...]) -> list[str]:
    """The modules of a list that a program has loaded at its end."""
    ended = f"{program}; import sys; print('loaded', *sorted(sys.modules.keys() & set({among!r})))"
    done = subprocess.run([sys.executable, "-c", ended, *words], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


def test_a_store_is_opened_without_what_only_some_calls_need(tmp_path: Path) -> None:
    """Most of what opening costs would be that."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1", "p1")])
    pjais.open(tmp_path).close()
    opens = "import pjais, sys; store = pjais.open(sys.argv[1]); assert store.personas.get('p1'); store.close()"
    assert loaded(opens, tmp_path, among=NOT_TO_OPEN) == []


def test_valid_data_is_migrated_without_pydantic(tmp_path: Path) -> None:
    """It costs more to load than a small migration to run; what is not valid needs it for the reason."""
    lists: dict[str, Any] = {
        "personas": [persona("p1")],
        "memories": [memory("m1", "p1", tags=["tea", "é"], embedding=[0.5, 1])],
        "conversations": [{"id": "c1", "personaId": "p1", "messages": [{"id": "1", "role": "user", "content": "hi"}]}],
    }
    write_json(tmp_path, **lists)
    migrates = "import pjais, sys; assert pjais.migrate(sys.argv[1]).total.migrated == 3"
    assert loaded(migrates, tmp_path, among=tuple(one for one in HEAVY if one != "logging")) == []


PATHS: tuple[Any, ...] = (5, b"x", True, "", "a\0b", {"x": 1})
TEXT: tuple[Any, ...] = (5, b"x", True, ["x"], "\ud800")
FLAG: tuple[Any, ...] = ("yes", 1, None, [])
NUMBER: tuple[Any, ...] = ("3", True, [1], float("nan"))
CHOICE: tuple[Any, ...] = ("wat", 5, True, ["sqlite"])

WRONG: dict[str, tuple[Any, ...]] = {
    "data_dir": PATHS,
    "target": PATHS,
    "sources": (*PATHS, [5], [""], [None]),
    "files": (*PATHS, [5], [""], ()),
    "store": PATHS,
    "path": (*PATHS, None),
    "output": PATHS,
    "keep_later": PATHS,
    "to": (*CHOICE, "postgres"),
    "store_id": TEXT,
    "format": (5, True, ["x"], "wat", "7"),
    "on_invalid": (*CHOICE, "skip"),
    "ids": (*CHOICE, None),
    "phase": (*CHOICE, "before"),
    "password": TEXT,
    "origin": TEXT,
    "database": TEXT,
    "collection": TEXT,
    "run": TEXT,
    "backup_id": (*TEXT, "none-of-this-name"),
    "code": (*TEXT, None, "NO_SUCH_CODE"),
    "names": (5, [5], True),
    "interval": (*NUMBER, None),
    "seconds": NUMBER,
    "timezone": (*TEXT, None, "Mars/Olympus"),
    "gap": (0, -1, 1.5, "3", True, None),
    "keep": (-1, 1.5, "3", True, None),
    "entry": (-1, 1.5, "3", True, None),
    "entries": (-1, 1.5, "3", True, [True], ["x"], None),
    "progress": (5, "x"),
    "waiting": (5, "x"),
} | dict.fromkeys(
    (
        "expand_cold",
        "discard_later",
        "yes",
        "documents",
        "skip_unreadable",
        "once",
        "allow_removals",
        "keep_edits",
        "everything",
        "with_memories",
        "user_personas",
        "accept_deletions",
    ),
    FLAG,
)
"""By the name of an argument: what it must refuse."""

ANYTHING = {"document": "any JSON value"}
"""Arguments that take whatever they are given."""

OF_FUNCTION: dict[str, tuple[Any, ...]] = {
    "backup.restore.to": PATHS,
    "livestore.upgrade.to": (5, "6", True, None),
    **dict.fromkeys(("follow.on_invalid", "switch.on_invalid", "open.on_invalid"), (*CHOICE, None, "skip")),
}

NEEDED = {"files": ["data.json"], "backup_id": "x", "entry": 1, "entries": 1, "store": "x", "code": "done", "path": "x"}
"""Values for arguments that a call must have."""

CASES = [
    pytest.param(name, argument, wrong, id=f"{name}({argument}={wrong!a})")
    for name, function in FUNCTIONS.items()
    for argument in inspect.signature(function).parameters
    if argument not in ANYTHING
    for wrong in OF_FUNCTION.get(f"{name}.{argument}", WRONG.get(argument, (NotImplemented,)))
]


@pytest.mark.parametrize(("name", "argument", "wrong"), CASES)
def test_a_wrong_argument_is_named(
    name: str, argument: str, wrong: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every argument of every function: a UsageError says which one, and what would fit; nothing is written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PJAIS_DATA_DIR", str(tmp_path / "data"))
    function = FUNCTIONS[name]
    needed = [one for one in inspect.signature(function).parameters.values() if one.default is one.empty]
    given = {one.name: NEEDED.get(one.name) for one in needed} | {argument: wrong}
    with pytest.raises(UsageError) as caught:
        done = function(**given)
        if inspect.isgenerator(done):
            next(done)
    told = f"{caught.value.what} {caught.value.where}"
    assert argument in told or str(wrong) in told or "backup" in told, told
    assert list(tmp_path.iterdir()) == []


def test_the_choices_are_literal_types() -> None:
    """A type checker finds a wrong choice before the program runs."""
    hints = {name: inspect.signature(function).parameters for name, function in FUNCTIONS.items()}
    for name, parameters in hints.items():
        for one in ("to", "on_invalid", "ids", "phase"):
            if one in parameters and name != "backup.restore":
                assert parameters[one].annotation.split(" ")[0] in (
                    "To",  # names of plug-ins are open; an unknown one is refused
                    "SideTarget",
                    "OnInvalid",
                    "Ids",
                    "Phase",
                    "LogFormat",
                ), (name, one)


def test_a_whole_life_through_the_library(tmp_path: Path) -> None:
    """What the commands do, one call after the other; each answers with a value."""
    data, other = tmp_path / "data", tmp_path / "other"
    data.mkdir()
    write_json(data, personas=[persona("p1")], memories=[memory("m1", "p1"), memory("m2", "p1")])
    assert [(one.ref.kind, one.records, one.in_use) for one in pjais.detect(data).sources] == [("json", 3, False)]
    assert pjais.plan(data).total.read == 3
    assert pjais.migrate(data).code == "done"
    assert pjais.verify(data).passed
    assert pjais.status(data)["message"] == "all data found is migrated"
    made = pjais.backup.create(data)
    assert made.id in [one.id for one in pjais.backup.list(data)]
    assert made.id in pjais.backup.verify(data).ids
    assert pjais.backup.verify(data, made.id).ids == (made.id,)
    assert [path.name for path in pjais.backup.restore(data, made.id, tmp_path / "out")] == ["data.json"]
    assert pjais.quarantine.list(data) == []
    assert (text := pjais.export(data).text) is not None
    assert json.loads(text)["memories"][0]["id"] == "m1"
    exported = pjais.export(data, output=tmp_path / "out.pjais.json")
    assert exported.file is not None and exported.file.read_text("utf-8") == text
    raw = pjais.export(data, data / "data.json", documents=True)
    assert raw.documents == 3 and raw.text is not None and len(raw.text.splitlines()) == 3
    assert pjais.import_file(other, exported.file).total.migrated == 3
    assert pjais.export(other).text == text
    assert [one.quarantined for one in pjais.follow(data, once=True)] == [0]
    assert pjais.shadow(data).count == 0
    assert pjais.agreement(data).since is not None
    live = pjais.switch(data)
    assert live.side == "new" and list(pjais.follow(data)) == []
    with pytest.raises(ConfirmationNeeded, match="1 file"):
        pjais.cleanup(data)
    assert all(one.passed for one in pjais.verify_app(data))
    assert {one.phase for one in pjais.checklist(data, "post")} == {"post"}
    assert [path.suffix for path in pjais.support_bundle(data, tmp_path / "bundle")] == [".json", ".txt"]
    assert pjais.switch_back(data).later.total == 0
    pjais.switch(data)
    assert pjais.cleanup(data, yes=True).items[0].name == "data.json"
    assert not (data / "data.json").exists()
    assert pjais.explain("MIGRATION_001").startswith("MIGRATION_001 (exit code 11)")
    assert pjais.backup.prune(data, keep=0).removed != []
    assert pjais.verify(data).passed


def test_a_quarantined_document_is_replayed_through_the_library(tmp_path: Path) -> None:
    """Listed, shown, retried, edited, discarded."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1", "nobody"), memory("m2", "nobody")])
    assert pjais.migrate(tmp_path, on_invalid="quarantine").code == "quarantined"
    first, second = pjais.quarantine.list(tmp_path)
    assert pjais.quarantine.show(tmp_path, first.id).document["id"] == "m1"
    assert [one.record_id for one in pjais.quarantine.replay(tmp_path, first.id)] == [None]
    edited = {**first.document, "personaId": "p1"}
    assert [one.record_id for one in pjais.quarantine.replay(tmp_path, [first.id], document=edited)] == ["m1"]
    assert [one.id for one in pjais.quarantine.discard(tmp_path, second.id)] == [second.id]
    assert pjais.quarantine.list(tmp_path) == []
    assert len(pjais.quarantine.list(tmp_path, everything=True)) == 2
    assert pjais.verify(tmp_path).passed


def test_a_livestore_store_through_the_library(tmp_path: Path) -> None:
    """Its schema, its health, its other format, a record restored."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1", "p1")])
    report = pjais.migrate(tmp_path, to="livestore")
    store = report.target
    assert pjais.livestore.schema().startswith("//")
    assert all(one.ok for one in pjais.livestore.doctor(store))
    with pjais.open_livestore(store) as live:
        count = len(list(live.events()))
        live.commit(("v1.PersonaUpdated", {"id": "p1", "updates": {"name": "Renamed"}, "updatedAt": 1_772_000_000_000}))
        assert live.restore_record("p1", event=str(count)).fields == ("name", "updatedAt")
    assert pjais.livestore.upgrade(store, tmp_path / "old", to=4).after == 4
    assert pjais.verify(tmp_path).passed


def test_a_backup_of_nothing_is_none(tmp_path: Path) -> None:
    """No backup to verify is said, and what names none is refused."""
    with pytest.raises(UsageError, match="backup not found"):
        pjais.backup.verify(tmp_path)
    with pytest.raises(NoSourceFound):
        pjais.backup.create(tmp_path)
