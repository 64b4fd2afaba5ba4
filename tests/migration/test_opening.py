"""A store that is there opens, whatever its sources are like; what waits is said, and nothing is left behind."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import pjais
import world
from pjais import cli
from pjais.core.results import Notice
from pjais.errors import PasswordNeeded, UsageError, ValidationFailed
from pjais.migration import run

GOLDEN = Path(__file__).parents[1] / "golden" / "rxdb"
PASSWORD = json.loads((GOLDEN / "v17-encrypted" / "expected.json").read_text("utf-8"))["password"]
ORPHAN = world.memory("lost", "nobody")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A migrated folder whose source has turned bad since."""
    data = tmp_path / "data"
    data.mkdir()
    world.write_json(data, personas=[world.persona()], memories=[world.memory()])
    world.migrated(data)
    world.write_json(data, personas=[world.persona()], memories=[world.memory(), ORPHAN])
    return data


def backups(folder: Path) -> list[str]:
    return sorted(one.name for one in (folder / "backups").iterdir() if not one.name.startswith("."))


class Done(NamedTuple):
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


Call = Callable[..., Done]


@pytest.fixture
def called(capfd: pytest.CaptureFixture[str]) -> Call:
    """Run a command line."""

    def call(*words: str | Path) -> Done:
        capfd.readouterr()
        code = cli.run([str(word) for word in words])
        sys.stdout.flush()
        return Done(code, *capfd.readouterr())

    return call


def test_a_sound_store_opens_beside_a_bad_document(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = backups(folder)
    with caplog.at_level(logging.WARNING, "pjais"), pjais.open(folder) as store:
        (notice,) = store.notices
        assert store.memories.get("m1")
        store.memories.create(id="m2", content="written beside it")
    assert notice.code == "MIGRATION_003"
    assert "lost" in notice.where[0]
    assert notice.next_command == "pjais migrate --on-invalid quarantine"
    assert notice.code in caplog.text
    assert backups(folder) == before
    assert pjais.verify(folder).passed


def test_the_run_that_failed_is_not_tried_again_before_the_sources_change(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[object] = []
    migrate = run.migrate

    def counted(*given: Any) -> Any:
        runs.append(given)
        return migrate(*given)

    monkeypatch.setattr(run, "migrate", counted)
    for _ in range(3):
        with pjais.open(folder) as store:
            assert [one.code for one in store.notices] == ["MIGRATION_003"]
    assert len(runs) == 1
    with pjais.open(folder, on_invalid="quarantine") as store:  # another question
        assert store.notices == ()
    assert len(runs) == 2
    world.write_json(folder, personas=[world.persona()], memories=[world.memory("m3")])
    with pjais.open(folder) as store:
        assert store.notices == ()
        assert store.memories.get("m3")
    assert pjais.verify(folder).passed


def test_a_source_that_is_fixed_comes_in(folder: Path) -> None:
    pjais.open(folder).close()
    world.write_json(folder, personas=[world.persona()], memories=[world.memory(), {**ORPHAN, "personaId": "p1"}])
    with pjais.open(folder) as store:
        assert store.notices == ()
        assert store.memories.get("lost")
    assert pjais.verify(folder).passed


def test_what_is_remembered_may_be_deleted_or_damaged(folder: Path) -> None:
    pjais.open(folder).close()
    kept = folder / "backups" / ".waiting.json"
    for text in (b"", b"[]", b'{"stamp": 1}', b"\xff"):
        kept.write_bytes(text)
        with pjais.open(folder) as store:
            assert [one.code for one in store.notices] == ["MIGRATION_003"]
    kept.unlink()
    with pjais.open(folder) as store:
        assert [one.code for one in store.notices] == ["MIGRATION_003"]
    assert len(backups(folder)) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("memories",),
        ("personas",),
        ("search", "content"),
        ("conversations",),
        ("remember", "later"),
        ("memories", "stats"),
        ("memories", "update", "m1", "--set", "name=x"),
        ("activate", "p1"),
    ],
)
def test_every_command_opens_it_and_says_so_in_one_line(folder: Path, called: Call, words: tuple[str, ...]) -> None:
    done = called(*words, "--data-dir", folder)
    assert done.exit_code == 0, done
    assert "MIGRATION_003" not in done.stdout
    (line,) = done.stderr.splitlines()
    assert "MIGRATION_003" in line
    assert f"pjais migrate --on-invalid quarantine --data-dir {folder}" in line
    assert len(backups(folder)) == 1


def test_json_stays_json(folder: Path, called: Call) -> None:
    done = called("memories", "--json", "--data-dir", folder)
    assert done.exit_code == 0
    assert json.loads(done.stdout)["count"] == 1
    assert "MIGRATION_003" in done.stderr


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: (data / "data.json").write_bytes(b'{"personas": [{"id"'),
        lambda data: (data / "data.json").write_bytes(b"\xff\xfe\x00" * 99),
        lambda data: (data / "more.json").write_bytes(b'{"memories": [{"id": 1, "content": }]}'),
        lambda data: (data / "livestore.db").write_bytes(b"SQLite format 3\x00" + b"\x07" * 4096),
        lambda data: (data / "data.json").unlink(),
    ],
)
def test_a_damaged_source_shuts_no_store(folder: Path, called: Call, damage: Any) -> None:
    damage(folder)
    for _ in range(2):
        with pjais.open(folder) as store:
            assert store.memories.get("m1")
    assert len(backups(folder)) <= 2
    assert called("memories", "--data-dir", folder).exit_code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_source_that_may_not_be_read_shuts_no_store(folder: Path) -> None:
    (folder / "data.json").chmod(0)
    with pjais.open(folder) as store:
        assert store.memories.get("m1")


def test_without_a_store_the_first_migration_still_stops(tmp_path: Path, called: Call) -> None:
    world.write_json(tmp_path, personas=[world.persona()], memories=[ORPHAN])
    with pytest.raises(ValidationFailed):
        pjais.open(tmp_path)
    assert called("memories", "--data-dir", tmp_path).exit_code == 13


def test_a_store_made_with_new_ids_goes_on_with_new_ids(tmp_path: Path) -> None:
    world.write_json(tmp_path, personas=[world.persona()], memories=[world.memory()])
    pjais.migrate(tmp_path, ids="new")
    world.write_json(tmp_path, personas=[world.persona()], memories=[world.memory(), world.memory("m2")])
    with pjais.open(tmp_path) as store:
        assert store.notices == ()
        assert len(store.memories.list()) == 2
    assert pjais.verify(tmp_path).passed


@pytest.fixture
def encrypted(tmp_path: Path) -> Path:
    """A profile whose database is encrypted, as its app leaves it; its password."""
    shutil.copytree(GOLDEN / "v17-encrypted", tmp_path / "data")
    return tmp_path / "data"


def test_the_password_of_the_environment_counts_everywhere(
    encrypted: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, called: Call
) -> None:
    with pytest.raises(PasswordNeeded):
        pjais.open(encrypted)
    monkeypatch.setenv("PJAIS_PASSWORD", PASSWORD)
    assert pjais.plan(encrypted).total.read > 0
    with pjais.open(encrypted, on_invalid="quarantine") as store:
        assert store.notices == ()
        assert len(store.memories.list()) > 0
    assert pjais.verify(encrypted).passed
    for words in (("verify",), ("shadow",), ("follow", "--once"), ("plan",)):
        done = called(*words, "--data-dir", encrypted)
        assert done.exit_code in (0, 1), (words, done)
    out = tmp_path / "out.ndjson"
    assert called("export", encrypted, "--documents", "-o", out, "--data-dir", tmp_path / "other").exit_code == 0
    assert out.stat().st_size > 0


def test_a_store_opens_without_the_password_and_takes_it_later(
    encrypted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write_json(encrypted, personas=[world.persona()], memories=[world.memory()])
    pjais.migrate(encrypted, [encrypted / "data.json"])
    for _ in range(2):
        with pjais.open(encrypted) as store:
            assert [one.code for one in store.notices] == ["MIGRATION_009"]
            assert store.memories.get("m1")
    with pjais.open(encrypted, password="wrong") as store:
        assert [one.code for one in store.notices] == ["MIGRATION_009"]
    with pjais.open(encrypted, on_invalid="quarantine", password=PASSWORD) as store:
        assert store.notices == ()
        assert len(store.memories.list()) > 1
    monkeypatch.setenv("PJAIS_PASSWORD", PASSWORD)
    assert pjais.verify(encrypted).passed


def test_the_notice_is_one_line(folder: Path) -> None:
    notice = Notice("MIGRATION_003", "2 documents are invalid", ("a", "b"), "pjais migrate")
    assert (
        notice.line
        == "new data not migrated, opening the store without it: MIGRATION_003: 2 documents are invalid (a, ...)"
    )


LIBRARY: Any = pjais
"""Without its types, as a program has it that nobody checks."""


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("on_invalid='explode'", lambda data: LIBRARY.open(data, on_invalid="explode")),
        ("on_invalid='explode'", lambda data: LIBRARY.migrate(data, on_invalid="explode")),
        ("on_invalid=None", lambda data: LIBRARY.open(data, on_invalid=None)),
        ("ids='wat'", lambda data: LIBRARY.migrate(data, ids="wat")),
        ("ids='wat'", lambda data: LIBRARY.plan(data, ids="wat")),
        ("to='sqlit'", lambda data: LIBRARY.migrate(data, to="sqlit")),
        ("to=''", lambda data: LIBRARY.plan(data, to="")),
        ("format=5", lambda data: LIBRARY.migrate(data, to="livestore", format=5)),
        ("format='6'", lambda data: LIBRARY.migrate(data, to="livestore", format="6")),
        ("format=True", lambda data: LIBRARY.plan(data, to="livestore", format=True)),
    ],
)
def test_a_choice_that_is_none_is_named_and_nothing_is_done(folder: Path, name: str, call: Any) -> None:
    before = world.hashes(folder), backups(folder)
    with pytest.raises(UsageError, match=name) as refused:
        call(folder)
    assert "allowed: " in refused.value.where[0]
    assert (world.hashes(folder), backups(folder)) == before


def test_a_near_choice_is_suggested(folder: Path) -> None:
    with pytest.raises(UsageError) as refused:
        LIBRARY.migrate(folder, on_invalid="quarantin")
    assert refused.value.advice == "did you mean quarantine?"
