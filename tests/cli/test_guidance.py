"""The command line guides: grouped help, what was meant, codes with their meaning, completion, confirmations."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

import pjais
from pjais.cli import cli, run
from pjais.cli.command_group import first_sentence
from pjais.commands import EXIT_CODES, GROUPS
from pjais.errors import all_errors
from pjais.report.rules import all_codes
from world import memory, persona, write_json

ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated folder: two personas, a memory."""
    folder = tmp_path_factory.mktemp("guidance")
    write_json(
        folder,
        personas=[persona("p-1234", name="Ada"), persona("q-5678", name="Grace")],
        memories=[memory("m1", "p-1234")],
    )
    pjais.migrate(folder)
    return folder


def said(capsys: Capture, *words: str | Path) -> tuple[int, str, str]:
    """The exit code of a call, stdout and stderr."""
    code = run([str(word) for word in words])
    return code, *capsys.readouterr()


def commands(group: click.Group, context: click.Context) -> list[tuple[str, click.Command]]:
    """Every command below a group, by its path."""
    found: list[tuple[str, click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, parent=context, info_name=name)
        found.append((inner.command_path, command))
        if isinstance(command, click.Group):
            found += commands(command, inner)
    return found


ALL = commands(cli, click.Context(cli, info_name="pjais", **cli.context_settings))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[path for path, _ in ALL])
def test_every_command_has_one_sentence_that_fits_and_every_option_a_text(path: str, command: click.Command) -> None:
    """In a list of commands at 80 columns; none is cut."""
    sentence = first_sentence(command)
    assert sentence.endswith(".") and len(sentence) <= 59, path
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help and option.help[0].isupper() and option.help.endswith((".", ")")), (path, option.name)


def test_a_group_lists_its_commands_whole(capsys: Capture) -> None:
    """Nothing ends in an ellipsis."""
    code, out, _ = said(capsys, "memories", "--help")
    assert code == 0 and "..." not in out.split("Commands:")[1]
    assert "  demote    Demote a memory by one tier, keeping its content.\n" in out


def test_help_is_a_command(capsys: Capture) -> None:
    """Of all, of a command, of a command of a group; what is unknown gets a hint."""
    assert said(capsys, "help", "memories", "update")[1] == said(capsys, "memories", "update", "--help")[1]
    assert said(capsys, "help")[1].rstrip() == said(capsys, "--help", "-v")[1].rstrip()
    code, _, err = said(capsys, "help", "memries")
    assert code == 2 and "Hint: did you mean `memories`?" in err


@pytest.mark.parametrize(
    ("words", "hint", "following"),
    [
        (["migrat"], "migrate", "pjais migrate --help"),
        (["backup", "lst"], "list", "pjais backup list --help"),
        (["migrate", "--on-invald", "stop"], "--on-invalid", "pjais migrate --help"),
        (["migrate", "--on-invalid", "quarantin"], "quarantine", "pjais migrate --help"),
        (["memories", "--format", "mardkown"], "markdown", "pjais memories --help"),
    ],
)
def test_a_mistyped_word_gets_the_one_that_was_meant(
    words: list[str], hint: str, following: str, capsys: Capture
) -> None:
    """Commands, options, values; in JSON it is the advice."""
    code, _, err = said(capsys, *words)
    assert code == 2
    assert f"Hint: did you mean `{hint}`?" in err and f"Next: {following}\n" in err
    error = json.loads(said(capsys, *words, "--json")[1])
    assert error["advice"] == f"did you mean `{hint}`?"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["personas", "show", "p-12"], "p-1234"),
        (["personas", "show", "ada"], "p-1234"),
        (["activate", "Grac"], "q-5678"),
        (["memories", "show", "m"], "m1"),
    ],
)
def test_an_unknown_id_gets_the_record_that_was_meant(
    words: list[str], meant: str, data: Path, capsys: Capture
) -> None:
    """By the beginning of its id; a persona also by its name."""
    code, _, err = said(capsys, *words, "--data-dir", data)
    assert code == 2 and f"Hint: did you mean `{meant}`?" in err


def test_an_id_that_is_like_no_other_gets_no_hint(data: Path, capsys: Capture) -> None:
    """Nothing is guessed."""
    assert "Hint:" not in said(capsys, "memories", "show", "zzz", "--data-dir", data)[2]


def test_explain_lists_every_code_with_one_line(capsys: Capture) -> None:
    """At 80 columns no line is wrapped."""
    code, out, _ = said(capsys, "explain")
    assert code == 0
    for name in all_codes():
        assert re.search(rf"^  {re.escape(name)} +\S", out, re.MULTILINE), name
    assert all(len(line) <= 78 and not line.startswith("   ") for line in out.splitlines())
    told = json.loads(said(capsys, "explain", "--json")[1])
    assert told["codes"] == list(all_codes()) and set(told["codes"]) == set(told["meanings"])


def test_every_exit_code_is_in_the_help_and_in_the_docs(capsys: Capture) -> None:
    """And every error has the code that the help gives it."""
    for error in all_errors():
        if error.__module__.startswith("pjais."):
            assert EXIT_CODES[error.exit_code].startswith(f"{error.code}: ")
    told, page = said(capsys, "--help", "-v")[1], (ROOT / "docs" / "cli.md").read_text("utf-8")
    for code, meaning in EXIT_CODES.items():
        assert f"  {code:>3}  {meaning}\n" in told
        assert re.search(rf"^\| {code} \| ", page, re.MULTILINE)
    for name in GROUPS:
        assert f"\n{name}:\n" in told and f"**{name}:**" in page


def test_an_error_says_impact_hint_and_next(data: Path, capsys: Capture) -> None:
    """The JSON keys are as they were."""
    with pjais.open(data) as store:
        store.memories.remember("later", persona="p-1234")
    code, _, err = said(capsys, "rollback", "--data-dir", data)
    assert code == 3, "later writes: a confirmation is missing"
    assert re.search(
        r"^Impact: No changes were made\.\nHint: .*--discard-later\nNext: pjais rollback ", err, re.MULTILINE
    )
    error = json.loads(said(capsys, "rollback", "--data-dir", data, "--json")[1])
    assert (error["code"], error["exit_code"], error["safe"]) == ("PJAIS_CONFIRM", 3, "No changes were made.")


def test_a_cleanup_is_tried_asked_for_and_done(tmp_path: Path, capsys: Capture) -> None:
    """A dry run ends with 0 and removes nothing; without a confirmation it is 3."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])
    pjais.migrate(tmp_path)
    there = tmp_path / "data.json"
    code, out, _ = said(capsys, "cleanup", "--dry-run", "--data-dir", tmp_path)
    assert code == 0 and "would remove 1 file" in out and there.exists()
    told = json.loads(said(capsys, "cleanup", "--dry-run", "--json", "--data-dir", tmp_path)[1])
    assert told["code"] == "dry_run" and [one["name"] for one in told["items"]] == ["data.json"]
    code, _, err = said(capsys, "cleanup", "--data-dir", tmp_path)
    assert code == 3 and "PJAIS_CONFIRM" in err and there.exists()
    assert said(capsys, "cleanup", "--yes", "--data-dir", tmp_path)[0] == 0 and not there.exists()


# -- completion


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder."""
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR", "BASH_COMPLETION_USER_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


PLACES = {
    "bash": ".local/share/bash-completion/completions/pjais",
    "zsh": ".zfunc/_pjais",
    "fish": ".config/fish/completions/pjais.fish",
}


@pytest.mark.parametrize("shell", PLACES)
def test_completion_is_installed_once_and_replaces_nothing_of_others(shell: str, home: Path, capsys: Capture) -> None:
    """Where the shell looks; a file of another program is kept beside; a second call changes nothing."""
    path = home / PLACES[shell]
    path.parent.mkdir(parents=True)
    path.write_text("# mine\n")
    code, out, _ = said(capsys, "completion", shell, "--install")
    assert code == 0 and str(path) in out
    assert path.with_name(f"{path.name}.before-pjais").read_text() == "# mine\n"
    assert path.read_text() == said(capsys, "completion", shell)[1]
    before = {one: one.read_bytes() for one in home.rglob("*") if one.is_file()}
    told = json.loads(said(capsys, "completion", shell, "--install", "--json")[1])
    assert told == {"code": "done", "shell": shell, "file": str(path), "backups": []}
    assert before == {one: one.read_bytes() for one in home.rglob("*") if one.is_file()}


def test_the_start_file_of_zsh_is_added_to_once(home: Path, capsys: Capture) -> None:
    """What it held stays, and is kept beside."""
    start = home / ".zshrc"
    start.write_text("alias ll='ls -l'")
    for _ in range(2):
        assert said(capsys, "completion", "zsh", "--install")[0] == 0
    text = start.read_text()
    assert text.startswith("alias ll='ls -l'\n") and text.count("fpath=(") == text.count("&& compinit\n") == 1
    assert (home / ".zshrc.before-pjais").read_text() == "alias ll='ls -l'"


def test_the_shell_is_that_of_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """An unknown one has to be named."""
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert "fish_complete" in said(capsys, "completion")[1]
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert said(capsys, "completion")[0] == 2


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("pjais roll", {"rollback"}),
        ("pjais memories ", {"delete", "demote", "embed", "optimise", "promote", "restore", "show", "stats", "update"}),
        ("pjais migrate --on-invalid ", {"stop", "quarantine"}),
        ("pjais search --prefi", {"--prefix"}),
    ],
)
def test_bash_completes(words: str, offered: set[str], tmp_path: Path, capsys: Capture) -> None:
    """The script, in a real shell."""
    script, program = tmp_path / "script", tmp_path / "pjais"
    script.write_text(said(capsys, "completion", "bash")[1])
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pjais "$@"\n')
    program.chmod(0o700)
    parts = words.split(" ")
    quoted = " ".join(part or '""' for part in parts)
    call = (
        f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(parts) - 1}; "
        f'_pjais_completion {program}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", call], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offered


def test_the_man_page_is_that_of_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """`scripts/make_docs.py` writes it; the wheel carries it."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    made = runpy.run_path(str(ROOT / "scripts" / "make_man.py"))["page"]()
    assert made == (ROOT / "man" / "pjais.1").read_text("utf-8")
    assert '"man/pjais.1" = "share/man/man1/pjais.1"' in (ROOT / "pyproject.toml").read_text("utf-8")
