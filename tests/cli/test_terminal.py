"""What comes out: nothing that a document holds steers a terminal, and a stream that is gone undoes no work."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

import pjais
from pjais.cli import run
from pjais.display import one_line, visible, without_passwords
from world import memory, persona, write_json

STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
NASTY = "\x1b]52;c;cHduCg==\x07\x9b31m\x7f\u202eevil\u2066\r\nNext: rm -rf\x00"
"""Clipboard, colour by C1, DEL, a turned direction, a line of its own."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every text steers: in the store, in quarantine, in a file's name."""
    folder = tmp_path_factory.mktemp("nasty")
    write_json(
        folder,
        "data\x1b[31m\u202e.json",
        personas=[persona("p1", name=NASTY, description=NASTY)],
        memories=[
            memory(f"m{NASTY}", name=NASTY, content=NASTY, summary=NASTY, tags=[NASTY]),
            memory(f"o{NASTY}", "nobody", name=NASTY, content=NASTY),
            memory("w", importance=NASTY),
        ],
    )
    pjais.migrate(folder, on_invalid="quarantine")
    with pjais.open(folder) as store:
        store.memories.update(f"m{NASTY}", name=f"{NASTY}2")
    return folder


CALLS = (
    ("detect",),
    ("plan",),
    ("status",),
    ("verify",),
    ("quarantine", "list"),
    ("quarantine", "show", "1"),
    ("quarantine", "show", "2"),
    ("quarantine", "replay"),
    ("personas",),
    ("personas", "show", "p1"),
    ("memories",),
    ("memories", "show", f"m{NASTY}"),
    ("memories", "--format", "csv"),
    ("memories", "--format", "markdown"),
    ("memories", "--format", "ndjson"),
    ("search", "evil"),
    ("history", f"m{NASTY}"),
    ("diff", "0", "now"),
    ("at", "--event", "0"),
    ("undo", "--list"),
    ("conversations",),
    ("export",),
    ("export", "--format", "pjais"),
    ("memories", "show", f"nobody{NASTY}"),
    ("explain", NASTY),
    ("backup", "verify", NASTY),
    ("backup", "list"),
    ("rollback", NASTY),
    ("cleanup", NASTY),
    (NASTY,),
    ("migrate", f"{NASTY}.json"),
    ("shadow",),
    ("checklist", "pre"),
)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: " ".join(map(one_line, call))[:40])
def test_nothing_that_is_printed_steers_a_terminal(
    data: Path, call: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    run([*(one.replace("\0", "") if one is call[0] else one for one in call), "--data-dir", str(data)])
    said = capfd.readouterr()
    assert not STEERING.search(said.out.replace("\r\n", "\n")), repr(said.out)
    assert not STEERING.search(said.err), repr(said.err)
    assert not re.search(r"^Next: rm", said.err, re.MULTILINE)
    if "csv" not in call:
        assert not re.search(r"^Next: rm", said.out, re.MULTILINE)
    run([*call, "--data-dir", str(data), "--json"])
    told = capfd.readouterr().out
    assert not STEERING.search(told), repr(told)


def test_json_holds_exactly_what_the_store_holds(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Written out is not changed."""
    assert run(["personas", "show", "p1", "--data-dir", str(data), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["record"]["name"] == NASTY
    assert json.loads(visible(json.dumps(f"{NASTY}\U000e0041\ud800", ensure_ascii=False))) == f"{NASTY}\U000e0041\ud800"


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "pjais", *map(str, arguments)]


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A folder to migrate."""
    write_json(tmp_path, personas=[persona()], memories=[memory(f"m{number}") for number in range(300)])
    return tmp_path


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_stdout_that_is_full_is_named_and_the_work_is_done(fresh: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command("migrate", "--data-dir", fresh), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 74
    assert "PJAIS_FILE: cannot write the output: No space left" in done.stderr and "Next: pjais" in done.stderr
    assert pjais.verify(fresh).passed


@pytest.mark.skipif(sys.platform == "win32", reason="streams of POSIX")
@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_a_stream_that_is_closed_stops_no_migration(fresh: Path, closed: str) -> None:
    """A service, pythonw: and no message is written into the file that got the stream's number."""
    line = " ".join(map(str, ["exec", *command("migrate", "--data-dir", fresh), closed]))
    assert subprocess.run(["sh", "-c", line]).returncode == 0
    assert pjais.verify(fresh).passed


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_reader_that_goes_away_is_neither_quarantine_nor_a_bug(fresh: Path) -> None:
    pjais.migrate(fresh)
    for call in (("memories", "--limit", "300", "--format", "ndjson"), ("export",), ("status",)):
        process = subprocess.Popen(
            command(*call, "--data-dir", fresh), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        process.stderr.close()
        assert (process.wait(), said) == (141, "")


def test_a_stream_of_another_encoding_gets_json_all_the_same(fresh: Path) -> None:
    pjais.migrate(fresh)
    with pjais.open(fresh) as store:
        store.memories.remember("Grüße 🐎", persona="p1")
    done = subprocess.run(
        command("search", "Grüße", "--data-dir", fresh, "--json"),
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0 and "Grüße 🐎" in json.dumps(json.loads(done.stdout), ensure_ascii=False)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@h/db",
        "https://u:se/cret@secret@p",
        "postgresql://h/db?user=u&password=secret",
        "mongodb+srv://u:secret@h",
    ],
)
def test_a_password_in_a_url_is_never_printed(tmp_path: Path, url: str, capfd: pytest.CaptureFixture[str]) -> None:
    for call in (
        ("migrate", url),
        ("detect", url),
        ("plan", url),
        ("import", url),
        ("migrate", "--to", url),
        ("export", url),
        ("verify", "--target", url),
        ("status", "--data-dir", url),
        ("events", url),
        ("explain", url),
        ("backup", "verify", url),
        ("migrate", "--target", url, "-vv"),
    ):
        more = [] if "--data-dir" in call else ["--data-dir", str(tmp_path)]
        for shape in ([], ["--json"]):
            assert run([*call, *more, *shape]) != 70
            said = "".join(capfd.readouterr())
            assert "secret" not in said and "cret@" not in said, (call, said)
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_what_is_no_password_stays() -> None:
    for text in ("https://example.org/a b@c", "file:///home/me", "12:30@home", "see http://h:80/x"):
        assert without_passwords(text) == text


def on_a_terminal(columns: int, *words: str | Path, **environment: str) -> str:
    """What a command writes to a terminal of so many columns."""
    leader, follower = os.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        command(*words), stdout=follower, stderr=subprocess.DEVNULL, env={**inherited, "TERM": "xterm", **environment}
    )
    os.close(follower)
    written = b""
    with suppress(OSError):  # Linux ends the stream of a terminal whose last writer is gone with EIO
        while piece := os.read(leader, 65536):
            written += piece
    os.close(leader)
    assert process.wait() == 0
    return written.decode().replace("\r\n", "\n")


def test_a_table_fits_the_terminal_and_a_pipe_loses_nothing(fresh: Path) -> None:
    """On a terminal columns without a value are left out, and what has no room is cut; a pipe gets every value."""
    assert subprocess.run(command("migrate", "--data-dir", fresh), capture_output=True).returncode == 0
    words = ("memories", "--limit", "5", "--data-dir", fresh)
    piped = subprocess.run(command(*words), capture_output=True, text=True, check=True).stdout
    wide, narrow = (on_a_terminal(columns, *words, NO_COLOR="1") for columns in (400, 50))
    head, _, *rows = [line.split() for line in piped.splitlines()]
    assert "name" in head and [one for one in head if one != "name"] == wide.splitlines()[0].split()
    assert rows == [line.split() for line in wide.splitlines()[1:]]
    assert "\x1b" not in wide + narrow
    assert max(map(len, narrow.splitlines())) <= 50 < max(map(len, piped.splitlines()))
    assert len(narrow.splitlines()) <= len(wide.splitlines()) + 1
    assert "\x1b[1m" in on_a_terminal(400, *words)
    assert "\x1b" not in on_a_terminal(400, *words, TERM="dumb")
