"""Runs the examples of the documentation.

A page is cut into sections: one begins where a comment `<!-- begin: THING; THING -->` stands, in a scratch folder
of its own that holds these things (the folder `PJais` of the packaged sample where nothing is said):

    sample                    PJais: the sample as an app left it
    migrated                  PJais: the same, migrated
    home                      ~/.local/share/PJais: the sample
    small                     ~/.local/share/PJais: a persona p1, a memory m1, a conversation c1, migrated
    orphan                    PJais: a data.json of three documents, one of which refers to nothing
    golden KIND/NAME as PATH  a golden profile, store or file
    golden KIND/NAME migrated as PATH   a data folder into which it was migrated

The blocks of a section are run in their order:

    console   a line `$ command` is run; the lines below it are all that it prints.  A line `...` stands for any
              lines, `...` within a line for any text.  `# exit code N` behind a command is what it ends with, else 0.
              The ids of runs, the width of columns and the path of the scratch folder do not count.
    sh        every line is a command that ends with 0; `pjais ui` serves until it has answered, then it is stopped
    python    run in one namespace; `# -> text` is what is printed there; skipped where a package of others is missing
    sql       run on the store by the standard library, in a process of its own; `?` is the id "persona-ada"
    js        run by node with better-sqlite3, where both are there

`<!-- not run: reason -->` before a block leaves it out.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import cli

ROOT = Path(__file__).parent.parent
RUN = ("console", "sh", "python", "sql", "js")
"""What is run."""
SHOWN = ("", "text", "json", "hex", "ts", "toml", "make")
"""What is only shown."""
OTHERS = ("duckdb", "pandas")
"""The packages of others that examples import; without one the rest of the section is skipped."""
_BEGIN = re.compile(r"<!-- begin: (.*) -->")
_NOT_RUN = re.compile(r"<!-- not run: (.*) -->")
_EXIT = re.compile(r"\s+# exit code (\d+)$")
_RUN_ID = re.compile(r"\d{8}T\d{9}Z-[0-9a-f]{4}")
_SHELL = re.compile(r"[|<>;`$]")


@dataclass
class Block:
    """One fenced block: its language, text and line, why it is not run, and the comment before it."""

    language: str
    text: str
    line: int
    not_run: str | None = None
    comment: str = ""


@dataclass
class Section:
    """A part of a page that is run in a folder of its own."""

    page: Path
    line: int
    things: tuple[str, ...]
    title: str = ""
    blocks: list[Block] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """README, and every page of the documentation that is written by hand."""
    return [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if p.name != "cli.md")]


def sections(page: Path) -> list[Section]:
    """The sections of a page."""
    found = [Section(page, 1, ("sample",))]
    block: Block | None = None
    comment = ""
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if block is not None:
            if line == "```":
                block.text = block.text.removeprefix("\n")
                block = None
            else:
                block.text += f"\n{line}"
        elif match := _BEGIN.fullmatch(line):
            found.append(Section(page, number, tuple(one.strip() for one in match[1].split(";"))))
        elif line.startswith("```"):
            reason = _NOT_RUN.fullmatch(comment)
            block = Block(line[3:].strip(), "", number, reason[1] if reason else None, comment)
            found[-1].blocks.append(block)
            comment = ""
        elif line.strip():
            found[-1].title = line.lstrip("# ") if line.startswith("#") else found[-1].title
            comment = line if line.startswith("<!--") else ""
    return found


def runnable() -> Iterator[Section]:
    """All sections that have something to run."""
    for page in pages():
        yield from (one for one in sections(page) if any(b.language in RUN and b.not_run is None for b in one.blocks))


class Runner:
    """Runs one section in a folder."""

    def __init__(self, section: Section, folder: Path, migrated: Path, patch: pytest.MonkeyPatch) -> None:
        self.section, self.folder, self.migrated, self.patch = section, folder, migrated, patch
        self.names: dict[str, Any] = {"__name__": "__docs__"}
        self.missing: list[str] = []

    def run(self) -> None:
        """All blocks; raises AssertionError with the place of the first that is not as it says."""
        self._prepare()
        try:
            for block in self.section.blocks:
                if block.language in RUN and block.not_run is None:
                    getattr(self, f"_{block.language}")(block)
        finally:
            for value in list(self.names.values()):
                if type(value).__module__.startswith(
                    ("pjais.store", "pjais.persona", "pjais.livestore_tools")
                ) and hasattr(value, "close"):
                    value.close()

    def _prepare(self) -> None:
        """The folder with its things, and an environment in which nothing else is found."""
        home = self.folder / "home"
        tools = self.folder / "tools"
        for one in (home, tools):
            one.mkdir()
        for name, command in (("pjais", '-m pjais "$@"'), ("python", '"$@"')):
            (tools / name).write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {command}\n", "utf-8")
            (tools / name).chmod(0o755)
        for name in [one for one in os.environ if one.startswith(("PJAIS_", "XDG_", "SKIP_MIGRATION"))]:
            self.patch.delenv(name)
        self.patch.setenv("HOME", str(home))
        self.patch.setenv("PATH", f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}")
        self.patch.setenv("PYTHONPATH", str(Path(cli.__file__).parents[2]))
        self.patch.setenv("COLUMNS", "200")
        self.patch.setattr("pjais.cli.output.LINE_SECONDS", math.inf)  # no progress, however busy the machine is
        work = self.folder / "work"
        work.mkdir()
        self.patch.chdir(work)
        for thing in self.section.things:
            self._put(thing, work, home)

    def _put(self, thing: str, work: Path, home: Path) -> None:
        sample = str(files("pjais.demo") / "sample")
        if thing == "sample":
            shutil.copytree(sample, work / "PJais")
        elif thing == "migrated":
            shutil.copytree(self.migrated, work / "PJais")
        elif thing == "home":
            shutil.copytree(sample, home / ".local" / "share" / "PJais")
        elif thing == "small":
            folder = home / ".local" / "share" / "PJais"
            folder.mkdir(parents=True)
            talk = {"id": "c1", "personaId": "p1", "sessionId": "s1", "messages": [], "createdAt": _DAY}
            _json(folder, personas=[_PERSONA], memories=[_memory("m1", "p1")], conversations=[talk])
            pjais.migrate(folder)
        elif thing == "orphan":
            (work / "PJais").mkdir()
            _json(work / "PJais", personas=[_PERSONA], memories=[_memory("m1", "nobody"), _memory("m2", "p1")])
        elif match := re.fullmatch(r"golden (\S+) migrated as (\S+)", thing):
            pjais.migrate(work / match[2], [ROOT / "tests" / "golden" / match[1]])
        elif match := re.fullmatch(r"golden (\S+) as (\S+)", thing):
            held, copy = ROOT / "tests" / "golden" / match[1], work / match[2]
            copy.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if held.is_dir() else shutil.copy)(held, copy)
        else:
            raise AssertionError(f"{self.section}: there is no thing called {thing!r}")

    # The languages

    def _console(self, block: Block) -> None:
        command, at = "", block.line
        wanted: list[str] = []
        for number, line in enumerate([*block.text.splitlines(), "$ "], block.line + 1):
            if line.startswith("$ "):
                if command:
                    self._command(command, "\n".join(wanted), at)
                command, wanted, at = line[2:], [], number
            else:
                assert command, f"{self._at(number)}: output before the first command"
                wanted.append(line)

    def _sh(self, block: Block) -> None:
        for number, line in enumerate(block.text.splitlines(), block.line + 1):
            if line.strip() and not line.startswith("#"):
                self._command(line, None, number)

    def _command(self, command: str, wanted: str | None, line: int) -> None:
        """One command: its exit code, and what it prints where that is said."""
        match = _EXIT.search(command)
        command = _EXIT.sub("", command)
        if setting := re.fullmatch(r"export ([A-Z_]+)=(\S+)", command):
            self.patch.setenv(setting[1], setting[2])
            return
        code, printed = self._called(command)
        expected = int(match[1]) if match else 0
        assert code == expected, f"{self._at(line)}: `{command}` ends with {code}, not {expected}:\n{printed}"
        assert "Traceback" not in printed, f"{self._at(line)}: {printed}"
        if wanted is not None:
            self._compare(wanted, printed, line)

    def _called(self, command: str) -> tuple[int, str]:
        """Run a command: `pjais` in this process, what needs a shell in one."""
        plain = re.sub(r"\s+# .*$", "", command)
        if re.match(r"pjais ui\b", plain):
            return _served(shlex.split(plain)[1:])
        if not plain.startswith("pjais ") or _SHELL.search(re.sub(r"'[^']*'", "", plain)):
            tool = shlex.split(plain)[0]
            if shutil.which(tool) is None:
                self.missing.append(tool)
                pytest.skip(f"{tool} is not installed on this machine")
            shell = ["sh", "-c", plain]
            done = subprocess.run(shell, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
            return done.returncode, done.stdout + done.stderr
        with _captured() as out, _captured() as errors:
            self.patch.setattr(sys, "stdin", io.StringIO(""))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
                code = cli.run(shlex.split(plain)[1:])
            return code, _text(out) + _text(errors)

    def _python(self, block: Block) -> None:
        code = compile("\n" * block.line + block.text, str(self.section.page), "exec")
        with _captured() as out:
            with contextlib.redirect_stdout(out):
                try:
                    exec(code, self.names)
                except ModuleNotFoundError as error:
                    if error.name in OTHERS:
                        pytest.skip(f"{error.name} is not installed on this machine")
                    raise
            printed = _text(out)
        wanted = re.findall(r"# -> (.*)", block.text)
        if wanted:
            self._compare(_anywhere(wanted), printed, block.line)

    def _sql(self, block: Block) -> None:
        store = next(one for one in (Path("PJais"), Path.home() / ".local/share/PJais") if one.is_dir())
        code = (
            "import sqlite3, sys\n"
            "db = sqlite3.connect(sys.argv[1])\n"
            "for one in sys.argv[2].split(';\\n'):\n"
            "    db.execute(one, ('persona-ada',) * one.count('?')).fetchall()\n"
            "db.commit()\n"
        )
        command = [sys.executable, "-c", code, str(store / "pjais.sqlite"), block.text]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{self._at(block.line)}: {done.stderr}"

    def _js(self, block: Block) -> None:
        modules = ROOT / "tests" / "oracle" / "node_modules"
        if shutil.which("node") is None or not (modules / "better-sqlite3").exists():
            pytest.skip("node and better-sqlite3 are not installed on this machine")
        Path("node_modules").symlink_to(modules)
        script = Path("example.mjs")
        script.write_text(block.text, "utf-8")
        done = subprocess.run(["node", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{self._at(block.line)}: {done.stderr}"
        wanted = re.findall(r"// -> (.*)", block.text)
        if wanted:
            self._compare(_anywhere(wanted), done.stdout, block.line)

    # What is compared

    def _at(self, line: int) -> str:
        return f"{self.section.page.relative_to(ROOT)}:{line}"

    def _compare(self, wanted: str, printed: str, line: int) -> None:
        """Whether the lines are as they should be."""
        pattern, shown = "", _plain(printed)
        for one in _plain(wanted).splitlines():
            if one == "...":
                pattern += r"(?:.*\n)*?"
            else:
                pattern += ".*".join(map(re.escape, one.split("..."))) + r"\n"
        assert re.fullmatch(pattern, shown), f"{self._at(line)}: wanted\n{_plain(wanted)}\nprinted\n{shown}"


def _served(arguments: list[str]) -> tuple[int, str]:
    """Start the web UI without a browser, load the printed address, and stop it as Ctrl-C does."""
    command = [sys.executable, "-m", "pjais", *arguments, "--no-open", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while lines[-1] and not (address := re.search(r"http://127\.0\.0\.1\S+", lines[-1])):
            lines.append(process.stdout.readline())
        if lines[-1]:
            assert address is not None
            with urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(address[0], timeout=20) as got:
                assert got.status == 200
            process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
    return process.returncode, "".join(lines) + rest


def _anywhere(pieces: list[str]) -> str:
    """What stands for these texts, in this order, each in a line of its own."""
    return "\n...\n".join(["...", *(f"...{one}..." for one in pieces), "..."])


_DAY = "2025-03-01T00:00:00.000Z"
_PERSONA = {"id": "p1", "name": "Ada", "description": "A helpful persona", "createdAt": _DAY, "updatedAt": _DAY}


def _memory(memory_id: str, persona_id: str) -> dict[str, Any]:
    content = "The kettle sings."
    return {"id": memory_id, "personaId": persona_id, "type": "text", "content": content, "createdAt": _DAY}


def _json(folder: Path, **lists: list[Any]) -> None:
    (folder / "data.json").write_text(json.dumps(lists), "utf-8")


def _plain(text: str) -> str:
    """Lines without what differs from run to run: ids of runs, widths of columns, the scratch folder."""
    text = text.replace(f"{Path.cwd()}/", "").replace(str(Path.cwd()), ".").replace(str(Path.home()), "~")
    lines = [" ".join(line.split()) for line in _RUN_ID.sub("RUN", text).splitlines()]
    return "".join(f"{line}\n" for line in lines if line and not re.fullmatch(r"[- ]+", line))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8", "replace")


def _captured() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape", write_through=True)
