"""`migration.log`: every run that began or failed is in it, with the ids of what was rejected and no content."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pjais
from pjais.cli import run
from pjais.errors import BackupFailed, FileFailed, NoSourceFound, SourceDamaged, ValidationFailed
from world import memory, persona, write_json

LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z (\S+) (.*)")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's place for logs, of a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "share"))
    return tmp_path / "home" / "share" / "PJais" / "logs" / "migration.log"


def lines(log: Path) -> list[str]:
    """What each line says, less its time and run; every line is whole."""
    found = [LINE.fullmatch(line) for line in log.read_text("utf-8").splitlines()]
    assert all(found)
    return [one[2] for one in found if one]


def test_no_source_is_logged_in_the_data_folder(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(NoSourceFound):
        pjais.migrate(tmp_path / "data")
    (line,) = lines(tmp_path / "data" / "logs" / "migration.log")
    assert line.startswith("MIGRATION_001: ") and str(tmp_path / "data") in line
    assert not elsewhere.exists()


def test_no_data_folder_is_logged_elsewhere_and_not_created(tmp_path: Path, elsewhere: Path) -> None:
    assert run(["migrate", "--data-dir", str(tmp_path / "none")]) == 11
    (line,) = lines(elsewhere)
    assert line.startswith("MIGRATION_001: ") and str(tmp_path / "none") in line
    assert not (tmp_path / "none").exists()
    assert elsewhere.stat().st_mode & 0o777 == 0o600 and elsewhere.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_written_is_logged_elsewhere(tmp_path: Path, elsewhere: Path) -> None:
    """The data folder would lie below a file: as impossible as one without permission, also for root."""
    (tmp_path / "file").write_text("")
    source = write_json(tmp_path, personas=[persona()])
    with pytest.raises(BackupFailed):
        pjais.migrate(tmp_path / "file" / "data", [source])
    (line,) = lines(elsewhere)
    assert line.startswith("MIGRATION_002: ")


def test_a_backup_that_cannot_be_written_is_logged_with_its_run(tmp_path: Path) -> None:
    """MIGRATION_002 in a folder that is there."""
    write_json(tmp_path, personas=[persona()])
    (tmp_path / "backups").write_text("a file in the way")
    with pytest.raises((BackupFailed, FileFailed)) as raised:
        pjais.migrate(tmp_path)
    assert lines(tmp_path / "logs" / "migration.log")[-1].startswith(f"{raised.value.code}: ")


def test_a_source_without_permission_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the refusal is made at the one place that copies."""
    from pjais import files

    source = write_json(tmp_path, personas=[persona()])

    def refused(path: Path, *_: object, **__: object) -> tuple[int, str]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files, "copy_hashed", refused)
    with pytest.raises(SourceDamaged):
        pjais.migrate(tmp_path)
    last = lines(tmp_path / "logs" / "migration.log")[-1]
    assert last.startswith("MIGRATION_006: ") and "permission denied" in last and str(source) in last


def test_a_backup_without_data_is_logged(tmp_path: Path, elsewhere: Path) -> None:
    """`backup create` is a run too."""
    assert run(["backup", "create", "--data-dir", str(tmp_path / "none")]) == 11
    assert [one.partition(":")[0] for one in lines(elsewhere)] == ["MIGRATION_001"]


def test_rejected_records_are_named_without_their_content(tmp_path: Path) -> None:
    """MIGRATION_003: ids, fields and rules; a newline in an id cannot forge a line."""
    odd = "m\n2029-01-01T00:00:00.000Z - done: \x1b[31m"
    bad = [memory("m1", "nobody", content="secret tea"), memory(odd, "nobody"), memory("m3", tags={"secret": 1})]
    write_json(tmp_path, personas=[persona()], memories=[memory("m0"), *bad])
    with pytest.raises(ValidationFailed):
        pjais.migrate(tmp_path)
    found = lines(tmp_path / "logs" / "migration.log")
    named = [one for one in found if one.startswith("rejected")]
    assert "rejected data.json: memories/m1, persona_id [orphan]" in named
    assert "rejected data.json: memories/m3, tags [wrong-type]" in named
    assert len(named) == 3 and found[-1].startswith("MIGRATION_003: 3 of 5")
    assert not any("secret" in one or "\x1b" in one or one.startswith("done") for one in found)


def test_quarantined_records_are_named_too(tmp_path: Path) -> None:
    write_json(tmp_path, personas=[persona()], memories=[memory("m1", "nobody")])
    assert pjais.migrate(tmp_path, on_invalid="quarantine").code == "quarantined"
    assert pjais.verify(tmp_path).passed
    found = lines(tmp_path / "logs" / "migration.log")
    assert found[-2] == "rejected data.json: memories/m1, persona_id [orphan]"
    assert found[-1].startswith("quarantined: ")


def test_very_many_rejected_records_are_counted(tmp_path: Path) -> None:
    write_json(tmp_path, memories=[memory(f"m{number}", "nobody") for number in range(250)])
    with pytest.raises(ValidationFailed):
        pjais.migrate(tmp_path)
    found = lines(tmp_path / "logs" / "migration.log")
    assert "rejected: 50 more, all of them in report.json" in found


def test_an_error_is_logged_once(tmp_path: Path) -> None:
    write_json(tmp_path, memories=[memory("m1", "nobody")])
    for _ in range(2):
        assert run(["migrate", "--data-dir", str(tmp_path)]) == 13
    found = lines(tmp_path / "logs" / "migration.log")
    assert sum(one.startswith("MIGRATION_003") for one in found) == 2


def test_a_wrong_call_is_no_run(tmp_path: Path, elsewhere: Path) -> None:
    """A file that is named and not there."""
    assert run(["import", str(tmp_path / "none.json"), "--data-dir", str(tmp_path)]) == 2
    assert not elsewhere.exists() and not (tmp_path / "logs").exists()


def test_a_folder_that_holds_only_a_log_is_not_the_data_folder(tmp_path: Path) -> None:
    """The fallback does not steer where data is looked for."""
    from pjais import paths

    env = {"HOME": str(tmp_path)}
    share = tmp_path / ".local" / "share"
    (share / "PJais" / "logs").mkdir(parents=True)
    (share / "pjais").mkdir()
    (share / "pjais" / "data.json").write_text("{}")
    assert paths.default_data_dir(env, "linux") == share / "pjais"
