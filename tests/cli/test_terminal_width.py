"""Every command on a terminal of 80, 110 and 160 columns: no row wraps, no line is wider, no number is cut."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

import pjais
from pjais.cli import output, run, tables
from pjais.cli.tables import Column
from pjais.display import width
from world import memory, write_json

WIDTHS = (80, 110, 160)
LOG = "Live/livestore/pjais"
CALLS = (
    "detect PJais",
    "plan",
    "status",
    "verify -q",
    "backup list",
    "backup verify -q",
    "quarantine list",
    "quarantine show 1",
    "personas",
    "personas show persona-ada",
    "personas stats persona-ada",
    "memories --limit 200",
    "memories --deleted",
    "memories stats",
    "memories optimise --dry-run",
    "conversations",
    "attachments",
    "plugins",
    "search tea",
    "history m-new",
    "diff 0 now",
    "at --event 0",
    "undo --list",
    "redo --list",
    "shadow",
    "checklist",
    "verify-app",
    f"events {LOG}",
    f"livestore doctor {LOG}",
    f"at {LOG} --event 3",
    f"diff {LOG} 1 9",
    "migrate -q",
    "migrate -q -v",
    "explain orphan",
    "explain",
    "follow --once --on-invalid quarantine",
    "support-bundle",
)
"""Commands that list or report something; `--data-dir PJais` is added."""
LISTS = (
    "detect PJais",
    "backup list",
    "quarantine list",
    "personas",
    "memories",
    "conversations",
    "attachments",
    "plugins",
    "search tea",
    "history m-new",
    "diff 0 now",
    "undo --list",
    "redo --list",
    "checklist",
    "verify-app",
    "memories optimise --dry-run",
    f"events {LOG}",
    f"livestore doctor {LOG}",
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged sample, migrated, with an edit, an undone one, and a document in quarantine."""
    work = tmp_path_factory.mktemp("demo")
    shutil.copytree(str(files("pjais.demo") / "sample"), work / "PJais")
    write_json(work / "PJais", "late.json", memories=[memory("m-orphan", "nobody-whom-anybody-knows")])
    pjais.migrate(work / "PJais", on_invalid="quarantine")
    pjais.migrate(work / "Live", [work / "PJais" / "rxdb-dump.json"], to="livestore")
    with pjais.open(work / "PJais") as store:
        store.memories.remember("A kettle with a very long story. " * 20, persona="persona-ada", id="m-new")
        store.memories.update("m-new", name="The kettle " * 12)
        store.personas.activate("persona-ada")
        store.undo()
    return work


@pytest.fixture
def at_home(demo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which the sample is, and no colours."""
    monkeypatch.chdir(demo)
    monkeypatch.setenv("NO_COLOR", "1")
    yield demo


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_demo_fits(
    columns: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(output, "room", lambda: columns)
    assert run(["demo", "-q"]) == 0
    said = capfd.readouterr().out
    assert said and [line for line in said.split("\n") if width(line) > columns] == []


@pytest.mark.parametrize("call", CALLS)
def test_every_line_fits(
    at_home: Path, call: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for columns in WIDTHS:
        monkeypatch.setattr(output, "room", lambda columns=columns: columns)
        assert run([*shlex.split(call), "--data-dir", "PJais"]) in (0, 1)
        said = capfd.readouterr().out
        wide = [line for line in said.split("\n") if width(line) > columns]
        assert said and not wide, "\n".join(wide)


@pytest.mark.parametrize("call", LISTS)
def test_every_list_has_every_format(at_home: Path, call: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Names of columns are in snake_case, rows are one line each, JSON is the same by either option."""
    said = {}
    for shape in tables.FORMATS:
        assert run([*shlex.split(call), "--data-dir", "PJais", "--format", shape]) in (0, 1)
        said[shape] = capfd.readouterr().out
    head = said["csv"].splitlines()[0]
    assert re.fullmatch(r"[a-z0-9_]+(,[a-z0-9_]+)*", head)
    assert re.fullmatch(r"\| [a-z0-9_]+( \| [a-z0-9_]+)* \|", said["markdown"].splitlines()[0])
    for line in said["ndjson"].strip("\n").split("\n"):
        assert not line or isinstance(json.loads(line), dict)
    assert run([*shlex.split(call), "--data-dir", "PJais", "--json"]) in (0, 1)
    assert _without_times(capfd.readouterr().out) == _without_times(said["json"])


def _without_times(text: str) -> str:
    return re.sub(r"\d+\.\d+( ms)?|\d{4}-\d\d-\d\dT[\d:.]+Z|\d+ ms", "", text)


def test_a_pipe_gets_every_value_whole(at_home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["memories", "--limit", "200", "--data-dir", "PJais"]) == 0
    said = capfd.readouterr().out
    assert ("A kettle with a very long story. " * 20).strip() in said and "no room for" not in said
    with pjais.open("PJais") as store:
        assert all(one.id in said for one in store.memories.filtered(limit=200))


@pytest.mark.parametrize("columns", range(20, 170, 7))
def test_a_number_is_never_cut(columns: int) -> None:
    head = (Column("id", "id"), Column("path", "path", drop=2), Column("read", "number"), Column("text", drop=1))
    cells = [["memory_1741132900000_zsgde7jds", "/a/very/long/path/to/some/file.db", "1,234,567", "words " * 20]]
    shown, wide, left_out = tables.fitted(head, cells, columns)
    assert sum(wide) + 2 * (len(wide) - 1) <= max(columns, 20)
    assert {head[at].name for at in shown} | set(left_out) == {"id", "path", "read", "text"}
    assert wide[shown.index(2)] == len("1,234,567")


def test_ids_and_paths_are_cut_in_the_middle_and_texts_at_the_end() -> None:
    assert tables.cut("memory_1741132900000_zsgde7jds", 13, "id") == "memory…de7jds"
    assert tables.cut("/home/ada/.config/SomeApp/data.json", 16, "path") == "/home…/data.json"
    assert tables.cut("Nettle tea in spring", 10, "text") == "Nettle te…"
    assert tables.cut("石が濡れたら渡るな", 8, "text") == "石が濡…"
    assert tables.cut("1,234,567", 3, "number") == "1,234,567"


def test_columns_without_a_value_are_left_out_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    columns = (Column("source"), Column("read", "number"), Column("removed", "number"), Column("note"))
    rows = [("a.json", 12, 0, None), ("b.json", 0, 0, "")]
    tables.print_table(columns, rows)
    assert "removed" in capfd.readouterr().out
    monkeypatch.setattr(output, "room", lambda: 80)
    tables.print_table(columns, rows)
    assert capfd.readouterr().out == "source  read\na.json    12\nb.json     0\n"


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_are_forced_and_forbidden(
    environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    tables.print_table((Column("state", "outcome"), Column("count", "number")), [("passed", 1), ("failed", 0)])
    said = capfd.readouterr().out
    assert ("\x1b[32mpassed" in said and "\x1b[31mfailed" in said and "\x1b[2m    0" in said) is coloured
    assert ("\x1b" in said) is coloured


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
@pytest.mark.parametrize("columns", WIDTHS)
def test_a_real_terminal_wraps_nothing(demo: Path, columns: int) -> None:
    """What tmux shows is the same with its wrapped lines joined; the widths of its characters are its own."""
    commands = [one for one in CALLS if one.split()[0] in ("status", "memories", "plan", "detect", "search", "undo")]
    lines = [f"{shlex.quote(sys.executable)} -m pjais {one} --data-dir PJais" for one in commands]
    script = demo / f"all-{columns}.sh"
    script.write_text("\n".join([*lines, "echo all done", "sleep 60"]), "utf-8")
    tmux = ["tmux", "-L", f"pjais-test-{columns}", "-f", "/dev/null"]
    start = ["new-session", "-d", "-x", str(columns), "-y", "50", "-c", str(demo), f"sh {script}"]
    subprocess.run([*tmux, "set", "-g", "history-limit", "5000", ";", *start], check=False, capture_output=True)
    if subprocess.run([*tmux, "list-sessions"], capture_output=True).returncode:
        subprocess.run([*tmux, *start], check=True)
    try:
        ends = time.monotonic() + 120
        while "all done" not in (shown := _captured(tmux)) and time.monotonic() < ends:
            time.sleep(0.2)
        assert "all done" in shown and shown.splitlines() == _captured(tmux, "-J").splitlines()
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)


def _captured(tmux: list[str], *options: str) -> str:
    taken = subprocess.run(
        [*tmux, "capture-pane", "-p", "-S", "-", *options], check=True, capture_output=True, text=True
    )
    return "\n".join(line.rstrip() for line in taken.stdout.splitlines())


def test_names_stand_beside_ids_where_a_person_reads(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """History, undo and diff always; of reports that are handed on only what is on a screen."""
    monkeypatch.chdir(demo)
    for call in ("history m-new", "diff 0 now", "undo --list"):
        assert run([*shlex.split(call), "--data-dir", "PJais"]) == 0
        said = capfd.readouterr().out
        assert "The kettle" in said and "m-new" in said
    for call in ("verify -q", "shadow", "rollback -q"):
        for on_screen in (False, True):
            monkeypatch.setattr("pjais.cli.store_history.is_interactive", lambda on_screen=on_screen: on_screen)
            run([*shlex.split(call), "--data-dir", "PJais"])
            said = "".join(capfd.readouterr())
            assert ("The kettle" in said) is on_screen and "m-new" in said
