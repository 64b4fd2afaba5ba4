"""The command line: exit codes, JSON on stdout and nothing else, and messages that help at two in the morning."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import pytest

from pjais.cli import cli, next_command, run
from pjais.cli.output import safe
from pjais.commands import COMMANDS, GROUPS
from pjais.display import counted
from pjais.errors import all_errors
from pjais.report.rules import RULES, all_codes, explain
from world import memory, persona, write_json


def started(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real command, in a process of its own."""
    command = [sys.executable, "-m", "pjais", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def pjais(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, which costs no start."""
    words, out, errors = list(map(str, arguments)), io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        for name, value in environment.items():
            patch.setenv(name, value)
        code = run(words)
    return subprocess.CompletedProcess(words, code, out.getvalue(), errors.getvalue())


def ask(*arguments: str | Path, call: Callable[..., subprocess.CompletedProcess[str]] = pjais) -> tuple[int, Any]:
    """Run a command with --json; its exit code and its one JSON value."""
    done = call(*arguments, "--json")
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A copy of the packaged legacy folder."""
    folder = tmp_path / "PJais"
    shutil.copytree(str(files("pjais.demo") / "sample"), folder)
    return folder


def test_the_whole_story_on_the_command_line(sample: Path) -> None:
    """detect, plan, migrate, verify, status, search, cleanup: each with JSON, each with its code."""
    asked = partial(ask, call=started)
    code, found = asked("detect", "--data-dir", sample)
    assert code == 0
    assert {source["kind"] for source in found["sources"]} == {
        "json",
        "livestore-db",
        "pjais-drizzle",
        "pjais-files",
        "pjais-flat",
        "rxdb-dump",
        "rxdb-export",
        "rxdb-profile",
    }
    code, plan = asked("plan", "--data-dir", sample)
    assert (code, plan["irreversible"]) == (0, [])
    assert not (sample / "pjais.sqlite").exists()
    assert not (sample / "backups").exists()
    code, report = asked("migrate", "--data-dir", sample)
    assert (code, report["code"]) == (0, "done")
    assert report["total"]["read"] == plan["total"]["read"]
    assert (Path(report["backup"]) / "report.html").is_file()
    code, proof = asked("verify", "--data-dir", sample)
    assert (code, proof["passed"]) == (0, True)
    code, again = asked("migrate", "--data-dir", sample)
    assert (code, again["code"]) == (0, "already_migrated")
    code, status = asked("status", "--data-dir", sample)
    assert (code, status["new_data"]) == (0, False)
    code, results = asked("search", "tea", "--data-dir", sample)
    assert code == 0
    assert results["count"] > 0
    code, gone = asked("cleanup", "--yes", "--data-dir", sample)
    assert code == 0
    assert not (sample / "livestore.db").exists()
    assert gone["freed"] > 0
    assert asked("verify", "--data-dir", sample)[0] == 0


def test_shared_options_work_before_and_after_the_command(sample: Path) -> None:
    """`pjais --data-dir D status` and `pjais status --data-dir D` are the same."""
    before = json.loads(pjais("--json", "--data-dir", sample, "status").stdout)
    after = ask("status", "--data-dir", sample)[1]
    environment = json.loads(pjais("status", "--json", PJAIS_DATA_DIR=str(sample)).stdout)
    assert before["sources"] == after["sources"] == environment["sources"] != []


def test_an_error_says_what_is_safe_and_what_to_type_next(tmp_path: Path) -> None:
    """Four answers, on stderr for people and as JSON for programs."""
    write_json(tmp_path, personas=[], memories=[memory("m1", "nobody")])
    done = pjais("migrate", "--data-dir", tmp_path)
    assert done.returncode == 13
    assert done.stdout == ""
    for piece in ("MIGRATION_003", "data.json: memories/m1", "Impact: ", "Next: pjais migrate --on-invalid quarantine"):
        assert piece in done.stderr
    code, error = ask("migrate", "--data-dir", tmp_path)
    assert (code, error["code"], error["exit_code"]) == (13, "MIGRATION_003", 13)


def _next(*arguments: str | Path) -> list[str]:
    """The next command that a call names, as the arguments of one."""
    done = pjais(*arguments)
    (line,) = re.findall(r"^Next: pjais (.*)$", done.stdout + done.stderr, re.MULTILINE)
    return shlex.split(line)


def test_the_next_command_works_as_it_is_typed(tmp_path: Path) -> None:
    """From `detect` to `verify` by what each command names, for a source outside the data folder, with a space."""
    folder = tmp_path / "my data"
    source = tmp_path / "old files"
    source.mkdir()
    write_json(source, personas=[persona()], memories=[memory("m1", importance="very"), memory("m2")])
    target = tmp_path / "new.sqlite"
    planned = _next("detect", source)
    assert planned == ["plan", str(source)]
    migrated = _next(*planned, "--target", target, "--data-dir", folder)
    assert migrated == [
        "migrate",
        "--on-invalid",
        "quarantine",
        str(source),
        "--target",
        str(target),
        "--data-dir",
        str(folder),
    ]
    assert _next("migrate", source, "--target", target, "--data-dir", folder) == migrated
    assert ask("migrate", source, "--target", target, "--data-dir", folder)[1]["next"].split()[:3] == [
        "pjais",
        "migrate",
        "--on-invalid",
    ]
    listed = _next(*migrated)
    assert pjais(*listed).returncode == 0
    assert "m1" in pjais(*listed).stdout
    assert _next("plan", source, "--to", "livestore", "--store-id", "mine")[-4:] == [
        "--to",
        "livestore",
        "--store-id",
        "mine",
    ]


def test_a_next_command_gets_what_it_takes_and_does_not_name() -> None:
    """A command of another program is left alone, and one that only asks for help."""
    root = cli.make_context("pjais", ["migrate"])
    migrate = cli.get_command(root, "migrate")
    assert migrate is not None
    with migrate.make_context("migrate", ["it's/here", "--to", "livestore", "--on-invalid", "stop"], parent=root):
        for text, wanted in (
            ("pjais migrate", "pjais migrate 'it'\"'\"'s/here' --to livestore --on-invalid stop --data-dir d"),
            (
                "pjais migrate OTHER --to sqlite --on-invalid quarantine",
                "pjais migrate OTHER --to sqlite --on-invalid quarantine --data-dir d",
            ),
            ("pjais verify", "pjais verify --data-dir d"),
            ("pjais migrate SOURCE --to livestore --data-dir e --on-invalid stop",) * 2,
            ("pjais --help",) * 2,
            ("pjais detect --help",) * 2,
            ("pip install --upgrade pjais",) * 2,
        ):
            assert next_command.typed(text, "d") == wanted


def test_a_missing_password_names_the_call_that_wants_it(tmp_path: Path) -> None:
    """Not `migrate`, where it was an export or a plan."""
    profile = Path(__file__).parents[1] / "golden" / "rxdb" / "v17-encrypted"
    exported = _next("export", profile, "--documents", "-o", tmp_path / "out.ndjson")
    assert exported == [
        "export",
        "--password-file",
        "-",
        str(profile),
        "--documents",
        "--output",
        str(tmp_path / "out.ndjson"),
    ]
    exported[2] = str(tmp_path / "password")
    (tmp_path / "password").write_text("correct horse battery staple ß🐎", "utf-8")
    assert pjais(*exported).returncode == 0
    assert _next("plan", profile, "--data-dir", tmp_path)[:4] == ["plan", "--password-file", "-", str(profile)]


def test_a_source_outside_the_data_folder_is_shown_by_its_whole_path(tmp_path: Path) -> None:
    """Without its first `/` it would be another path."""
    path = write_json(tmp_path, personas=[persona()], memories=[memory("m1", importance="very")])
    folder = tmp_path / "data"
    assert f" {path} " in pjais("plan", path, "--data-dir", folder).stdout
    assert f"  {path}: memories/m1" in pjais("migrate", path, "--data-dir", folder).stderr
    assert ask("migrate", path, "--data-dir", folder, "--on-invalid", "quarantine")[0] == 1
    assert ask("quarantine", "list", "--data-dir", folder)[1]["quarantine"][0]["source"] == str(path)
    assert ask("verify", "--data-dir", folder)[0] == 0


def test_emoji_and_joined_letters_are_shown_and_nothing_steers_the_terminal() -> None:
    """Joiners stay; controls, and what turns the direction of text, do not."""
    for text in ("🧙\u200d♀️", "👩🏽\u200d🚀", "❤️", "می\u200cخواهم", "ක්\u200dරි"):
        assert safe(text) == text
    for control in ("\x1b", "\x07", "\x9b", "\r", "\n", "\x7f", "\u202e", "\u2066", "\u200f", "\u061c", "\ufeff"):
        assert safe(f"a{control}b") == f"a\\u{ord(control):04x}b"


def test_counts_agree_with_what_they_count() -> None:
    """One is one."""
    assert [counted(number, "piece") for number in (0, 1, 2, 1234)] == [
        "0 pieces",
        "1 piece",
        "2 pieces",
        "1,234 pieces",
    ]
    assert counted(1, "memory", "memories") == "1 memory"
    assert counted(2, "record was", "records were") == "2 records were"


def test_quarantine_is_listed_shown_and_replayed(tmp_path: Path) -> None:
    """A mended document goes in, and verify agrees."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1", importance="very"), memory("m2")])
    code, report = ask("migrate", "--data-dir", tmp_path, "--on-invalid", "quarantine")
    assert (code, report["code"], report["total"]["quarantined"]) == (1, "quarantined", 1)
    code, listed = ask("quarantine", "list", "--data-dir", tmp_path)
    entry = listed["quarantine"][0]
    assert (code, entry["native_id"]) == (0, "m1")
    code, shown = ask("quarantine", "show", str(entry["id"]), "--data-dir", tmp_path)
    assert shown["document"]["importance"] == "very"
    code, tried = ask("quarantine", "replay", "--data-dir", tmp_path)
    assert (code, tried["results"][0]["record_id"]) == (1, None)
    mended = tmp_path / "mended.txt"
    mended.write_text(json.dumps({**shown["document"], "importance": 90}), "utf-8")
    code, _ = ask("quarantine", "replay", str(entry["id"]), "--document", mended, "--data-dir", tmp_path)
    assert code == 0
    assert ask("verify", "--data-dir", tmp_path)[0] == 0
    assert ask("migrate", "--data-dir", tmp_path)[1]["code"] == "already_migrated"


def test_nothing_found_has_its_code(tmp_path: Path) -> None:
    """MIGRATION_001 and exit code 11."""
    assert ask("migrate", "--data-dir", tmp_path)[0] == 11
    assert ask("detect", "--data-dir", tmp_path)[0] == 11
    assert ask("verify", "--data-dir", tmp_path)[0] == 11


def test_a_wrong_call_has_exit_code_2(tmp_path: Path) -> None:
    """Usage errors, with and without JSON."""
    assert pjais("migrate", "--no-such-option").returncode == 2
    assert ask("migrate", "--no-such-option")[0] == 2
    assert ask("migrate", tmp_path / "missing", "--data-dir", tmp_path)[0] == 2


def test_every_code_is_explained() -> None:
    """Errors, outcomes and rules; no code without a text."""
    assert len(all_codes()) == len(set(all_codes()))
    for code in all_codes():
        assert explain(code), code
    assert len({error.exit_code for error in all_errors()}) == len(all_errors())


PARTS = ("assembly", "core", "exchange", "migration", "models", "side_by_side", "targets")


def test_every_rule_that_the_code_names_is_explained() -> None:
    """A rule's code in the source has its line in RULES."""
    import pjais as package

    root = Path(package.__file__).parent
    text = "".join(path.read_text("utf-8") for part in PARTS for path in (root / part).rglob("*.py"))
    named = set(re.findall(r'(?:Refused|Changed)\([^"()]*(?:\([^()]*\)[^"()]*)*"([a-z0-9-]+)"', text))
    named |= set(re.findall(r'"(?:error|repair|note)", "([a-z0-9-]+)"', text))
    assert named
    assert named - {"note", "rule"} <= set(RULES)


def test_the_demo_runs(tmp_path: Path) -> None:
    """Migrates the packaged sample, verifies, searches, and leaves nothing behind."""
    done = started("demo", "-q")
    assert done.returncode == 0
    assert "no difference" in done.stdout
    assert "[tea]" in done.stdout


def test_the_benchmark_of_the_guides_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    """Phases and queries of each size, as a table and as JSON; how fast it is depends on the machine."""
    assert run(["demo", "--benchmark", "--memories", "10", "--memories", "30", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert [(one["memories"], one["documents"]) for one in body["sizes"]] == [(10, 30), (30, 50)]
    for one in body["sizes"]:
        assert set(one["queries_ms"]) == {"personas", "memories", "important", "search"}
        assert {"detect", "back up", "verify", "cut over", "verify again"} <= set(one["phases"])
        assert one["limit_ms"] == 100 and isinstance(one["passed"], bool)
    assert run(["demo", "--benchmark", "--memories", "10"]) == 0
    assert "documents/s" in capsys.readouterr().out


def test_the_sizes_of_the_benchmark_are_the_guides() -> None:
    """Guide B imports in batches of 100; the others show how it grows."""
    from pjais.demo.benchmark import SIZES

    assert SIZES == (100, 1_000, 10_000)


def test_skip_migration_opens_without_migrating(sample: Path) -> None:
    """SKIP_MIGRATION=true gives an empty store."""
    code = "import pjais, sys; print(len(pjais.open(sys.argv[1]).memories))"
    command = [sys.executable, "-c", code, str(sample)]
    skipped = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "SKIP_MIGRATION": "true"}
    )
    assert skipped.stdout.strip() == "0"


def test_no_file_of_ours_is_readable_by_others(sample: Path) -> None:
    """0600 and 0700; and the log and the reports hold no content of a memory."""
    ask("migrate", "--data-dir", sample)
    ours = [*(sample / "backups").rglob("*"), *(sample / "logs").rglob("*"), sample / "pjais.sqlite"]
    for path in ours:
        assert path.stat().st_mode & 0o077 == 0, path
    for name in ("logs/migration.log", "backups/*/report.json", "backups/*/report.html", "backups/*/journal.jsonl"):
        for path in sample.glob(name):
            assert b"kettle" not in path.read_bytes(), path


def test_the_help_loads_no_command_and_no_click() -> None:
    """`pjais --help` is as quick as `--version`, and says the same as the whole command line does."""
    program = (
        "import sys; sys.argv = ['pjais', '--help']; from pjais.__main__ import main; main(); "
        "print([one for one in sys.modules if one == 'click' or one.startswith('pjais.cli')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *lines, loaded = done.stdout.splitlines()
    assert loaded == "[]"
    whole = subprocess.run([sys.executable, "-m", "pjais", "--help", "-v"], capture_output=True, text=True, check=True)
    assert whole.stdout.splitlines() == lines
    named = [line.split()[0] for line in lines if re.match(r"  [a-z]", line) and line.split()[0] in COMMANDS]
    assert named == list(COMMANDS)
    assert [line[:-1] for line in lines if line.endswith(":")] == [*GROUPS, "Options", "Exit codes"]
    assert all(len(line) <= 78 for line in lines)
    for name, about in COMMANDS.items():
        assert f"  {name:15}  {about}" in lines, "one line, not cut"


ENGINE = ("pjais.assembly", "pjais.core.results", "pjais.migration.run", "pjais.report.page", "pydantic", "rich")
"""What a command that changes nothing does without."""
NEVER_TO_HELP = (*ENGINE, "apsw", "pjais.sources", "pjais.targets", "pjais.workspace", "tempfile", "traceback")


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        (["migrate", "--help"], NEVER_TO_HELP),
        (["explain", "PJAIS_NO_SPACE"], NEVER_TO_HELP),
        ([], NEVER_TO_HELP),
        (["status"], ENGINE),
        (["personas"], ENGINE),
        (["memories"], ENGINE),
        (["search", "kettle"], ENGINE),
    ],
)
def test_a_command_loads_only_what_it_needs(words: list[str], unneeded: tuple[str, ...], sample: Path) -> None:
    """Most of what a short call costs would be that."""
    ask("migrate", "--data-dir", sample)
    program = (
        "import sys; from pjais.cli import run; run(sys.argv[1:]); "
        f"print('loaded', *sorted(sys.modules.keys() & set({unneeded!r})))"
    )
    environment = {**os.environ, "PJAIS_DATA_DIR": str(sample)}
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.splitlines()[-1] == "loaded"


@pytest.mark.parametrize("words", [[], ["backup"], ["quarantine"], ["livestore"]])
def test_a_missing_command_is_asked_for_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The help is one call away and no part of the error."""
    assert run(words) == 2
    told = capsys.readouterr().err
    assert told.startswith("PJAIS_USAGE: name a command\n")
    assert f"Next: {' '.join(['pjais', *words])} --help" in told


def test_the_list_of_commands_says_what_each_command_says_of_itself() -> None:
    """It stands apart, so that `pjais --help` loads none of them."""
    context = click.Context(cli)
    for name, about in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None and command.get_short_help_str(200) == about
