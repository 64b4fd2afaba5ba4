"""Every next command that the program names exists, can be pasted, and leads on: held by its source and by runs."""

from __future__ import annotations

import ast
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest

import pjais
from pjais.checks import checklist
from pjais.cli import cli, run
from pjais.errors import all_errors
from world import memory, persona, rows, write_json

PACKAGE = Path(pjais.__file__).parent
OTHERS = ("pip install ", "pip list", "sudo chown ")
"""Commands of other programs that a message may name."""
COMMAND = re.compile(r"^Next: (.*)$", re.MULTILINE)


def texts(node: ast.AST) -> Iterator[str]:
    """The texts that an expression can be, with NUL for what is only known at run time."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and node.value:
            yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = [one.value if isinstance(one, ast.Constant) else "\0" for one in node.values]
        yield "".join(str(one) for one in parts)
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)
    elif isinstance(node, ast.BinOp):
        for left in texts(node.left):
            yield from (left + right for right in texts(node.right))


def named() -> Iterator[tuple[str, str]]:
    """(where, command) of every next command that the source names."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            found: Sequence[ast.AST] = []
            if isinstance(node, ast.keyword) and node.arg == "next_command":
                found = [node.value]
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(getattr(one, "id", None) in ("next_default", "following") for one in targets):
                    found = [node.value]
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "typed":
                found = node.args[:1]
            for value in found:
                for text in texts(value):
                    if not re.match(r"(pjais )?\0|pjais \w+\0", text):  # which command it is, is known at run time
                        yield f"{path.relative_to(PACKAGE)}", text.replace("\0", "6")
    for error in all_errors():
        yield error.__name__, error.next_default
    for line in checklist._LINES:
        if line[3] is not None:
            yield "checklist", line[3]


def parsed(text: str) -> None:
    """Have click read a command as if it was typed.  Raises click.UsageError."""
    words = shlex.split(text)
    assert words[0] == "pjais", text
    context = cli.make_context("pjais", words[1:], resilient_parsing=False)
    rest = [*context._protected_args, *context.args]
    while isinstance(context.command, click.Group) and rest:
        name, command, rest = context.command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, rest, parent=context)
        rest = [*context._protected_args, *context.args] if isinstance(command, click.Group) else []


@pytest.mark.parametrize(("where", "text"), sorted(set(named())))
def test_a_next_command_exists_and_is_nothing_but_a_command(where: str, text: str) -> None:
    """No remark, no word to be replaced, no name that no command has."""
    assert not re.search(r"\b[A-Z]{2,}\b|\.\.\.| {2}", text), (where, text)
    if text.startswith(OTHERS):
        return
    try:
        parsed(text)
    except click.exceptions.Exit as stop:  # --help
        assert stop.exit_code == 0


# -- the next commands of frequent situations, as they are printed, in a shell


def pasted(line: str, folder: Path) -> list[str]:
    """The words with which a shell calls `pjais` when a line is pasted into it, nothing else being called."""
    script, told = folder / "bin" / "pjais", folder / "told"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f'#!/bin/sh\nfor word in "$@"; do printf \'%s\\0\' "$word"; done >>{shlex.quote(str(told))}\n')
    script.chmod(0o700)
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={"PATH": str(script.parent)},
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, ""), line
    return told.read_text("utf-8").split("\0")[:-1]


def empty(folder: Path) -> Path:
    (folder / "my data").mkdir()
    return folder / "my data"


def fresh(folder: Path) -> Path:
    data = empty(folder)
    write_json(data, personas=[persona()], memories=[memory()])
    return data


def orphaned(folder: Path) -> Path:
    data = empty(folder)
    write_json(data, personas=[persona()], memories=[memory(), memory("m2", "nobody")])
    return data


def done(folder: Path) -> Path:
    data = fresh(folder)
    pjais.migrate(data)
    return data


def edited(folder: Path) -> Path:
    data = done(folder)
    with pjais.open(data) as store:
        store.memories.remember("written later", persona="p1")
    return data


def renamed(folder: Path) -> Path:
    data = done(folder)
    rows(data / "pjais.sqlite", "ALTER TABLE memory_entities RENAME COLUMN summary TO sum")
    return data


def broken(folder: Path) -> Path:
    data = done(folder)
    next((data / "backups").rglob("data.json")).unlink()
    return data


def foreign(folder: Path) -> Path:
    data = fresh(folder)
    (data / "pjais.sqlite").write_bytes(b"of another program")
    return data


SITUATIONS = {
    "an empty folder": (
        empty,
        (
            "detect",
            "plan",
            "migrate",
            "status",
            "verify",
            "backup create",
            "backup verify",
            "rollback",
            "quarantine list",
            "export",
            "cleanup",
            "switch",
            "shadow",
            "checklist",
        ),
    ),
    "data not migrated": (fresh, ("detect", "plan", "status", "verify", "quarantine list", "switch --undo")),
    "an invalid record": (orphaned, ("migrate", "follow --once")),
    "a migrated folder": (
        done,
        (
            "migrate",
            "status",
            "verify",
            "backup create",
            "cleanup",
            "history nobody",
            "memories show nobody",
            "backup verify nothing",
            "quarantine show 7",
            "explain x",
            "rollback nothing",
            "undo",
            "restore-record m1 --event 99",
            "switch --undo",
        ),
    ),
    "written to since": (edited, ("rollback", "status", "verify")),
    "a column renamed": (renamed, ("memories", "verify", "remember x --persona p1")),
    "a file of the backup is gone": (broken, ("verify", "backup verify")),
    "a foreign target": (foreign, ("migrate", "status", "memories", "verify")),
}
CASES = [(name, call) for name, (_, calls) in SITUATIONS.items() for call in calls]


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
@pytest.mark.parametrize(("situation", "call"), CASES)
def test_what_is_printed_next_works_and_does_not_lead_in_a_circle(
    tmp_path: Path, situation: str, call: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = SITUATIONS[situation][0](tmp_path)
    capsys.readouterr()
    first = ["pjais", *call.split(), "--data-dir", str(data)]
    code = run(first[1:])
    said = "".join(capsys.readouterr())
    assert code != 70, said
    lines = COMMAND.findall(said)
    if not lines:
        assert code in (0, 1), said
        return
    for line in dict.fromkeys(lines[:1]):
        assert shlex.split(line) != first, f"it leads to itself: {line}"
        words = pasted(line, tmp_path)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        code = run(words)
        said = "".join(capsys.readouterr())
        assert code not in (2, 70), (line, said)
        following = COMMAND.findall(said)
        if code not in (0, 1):
            assert following and shlex.split(following[0]) not in (first, shlex.split(line)), (line, following)
