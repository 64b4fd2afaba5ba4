"""`backup create` on an RxDB source also makes the guide's JSON, and `backup verify` compares it with the raw files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import files
from pjais.cli import run
from pjais.sources import backup
from world import persona, write_json

GOLDEN = Path(__file__).parents[1] / "golden" / "rxdb"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a profile of a killed browser in it."""
    shutil.copytree(GOLDEN / "v17-clean", tmp_path / "data")
    return tmp_path / "data"


def asked(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    """A command with `--json`, and what it answers."""
    assert run([*arguments, "--json"]) == code
    told = capsys.readouterr()
    body: dict[str, Any] = json.loads(told.out or told.err)
    return body


def records(file: Path) -> dict[str, Any]:
    """The guide's file without what differs from call to call."""
    body: dict[str, Any] = json.loads(file.read_text("utf-8"))
    assert body.pop("exportedAt") > 0
    return body


def rewritten(folder: Path, name: str) -> None:
    """Make size and hash of a changed file right again in the manifest: anyone can."""
    body = backup.manifest(folder)
    for one in body["exports"]:
        if one["stored"] == name:
            one.update(backup.weighed(folder / name))
    del body["sha256"]
    body["sha256"] = backup._self_hash(body)
    files.write_atomically(folder / backup.MANIFEST, json.dumps(body, indent=2, ensure_ascii=False).encode())


@pytest.mark.parametrize("name", ["v17-clean", "v17-sqlite", "firefox-v17", "v17-keycompression", "v12-clean"])
def test_the_guides_backup_is_made_named_and_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """As a migration makes it, whichever browser and RxDB wrote the source."""
    folder = tmp_path / "data"
    shutil.copytree(GOLDEN / name, folder)
    made = asked(capsys, "backup", "create", "--data-dir", str(folder))
    assert made["exports"] and made["left_out"] == []
    named = {one["stored"] for one in backup.manifest(Path(made["folder"]))["exports"]}
    assert named == {Path(one).name for one in made["exports"]}
    assert all(one.startswith("rxdb-backup-") and one.endswith(".json") for one in named)
    assert asked(capsys, "backup", "verify", "--data-dir", str(folder))["not_compared"] == []
    report = pjais.migrate(folder, on_invalid="quarantine")
    assert pjais.verify(folder).passed and report.backup is not None
    for one in made["exports"]:
        body = records(Path(one))
        assert body["metadata"]["totalMemories"] == len(body["memoryEntities"]) > 0
    assert [records(Path(one)) for one in sorted(made["exports"])] == [
        records(one) for one in sorted(report.backup.glob("rxdb-backup-*.json"))
    ]
    assert len(asked(capsys, "backup", "verify", "--data-dir", str(folder))["verified"]) == 2


@pytest.mark.parametrize("what", ["a value", "a record less", "the metadata", "hidden beside the time", "the end"])
def test_a_changed_json_is_found_though_the_manifest_agrees(
    folder: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """Its content against the snapshot, not only its hash."""
    made = asked(capsys, "backup", "create", "--data-dir", str(folder))
    file = Path(made["exports"][0])
    text = file.read_text("utf-8")
    line = text.splitlines(keepends=True)[-12]
    changed = {
        "a value": text.replace('"importance":', '"importance":1', 1),
        "a record less": text.replace(line, "", 1),
        "the metadata": text.replace('"totalMemories": ', '"totalMemories": 1'),
        "hidden beside the time": text.replace('  "exportedAt": ', '  "exportedAt": 1, "personas": [], "x": '),
        "the end": text.rstrip().removesuffix("}") + ', "personas": []}\n',
    }[what]
    assert changed != text
    file.write_text(changed, "utf-8")
    rewritten(file.parent, file.name)
    assert backup.check(file.parent) == []
    said = asked(capsys, "backup", "verify", "--data-dir", str(folder), code=12)
    assert said["code"] == "MIGRATION_002" and file.name in str(said["where"]) and "line" in str(said["where"])


def test_a_changed_or_missing_json_is_found_by_its_hash(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = asked(capsys, "backup", "create", "--data-dir", str(folder))
    file = Path(made["exports"][0])
    file.write_bytes(file.read_bytes() + b" ")
    assert asked(capsys, "backup", "verify", "--data-dir", str(folder), code=12)["code"] == "MIGRATION_002"
    file.unlink()
    assert "missing" in str(asked(capsys, "backup", "verify", "--data-dir", str(folder), code=12)["where"])


def test_an_encrypted_source_is_backed_up_with_or_without_its_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without, the raw files are the backup, and it is said what was not made; with, the JSON is verified."""
    folder = tmp_path / "data"
    shutil.copytree(GOLDEN / "v17-encrypted", folder)
    monkeypatch.delenv("PJAIS_PASSWORD", raising=False)
    made = asked(capsys, "backup", "create", "--data-dir", str(folder))
    assert made["exports"] == [] and "password" in made["left_out"][0]
    assert asked(capsys, "backup", "verify", "--data-dir", str(folder))["not_compared"] == []
    account = json.loads((GOLDEN / "v17-encrypted" / "expected.json").read_text("utf-8"))
    monkeypatch.setenv("PJAIS_PASSWORD", account["password"])
    made = asked(capsys, "backup", "create", "--data-dir", str(folder))
    assert made["exports"] and made["left_out"] == []
    assert asked(capsys, "backup", "verify", "--data-dir", str(folder))["not_compared"] == []
    monkeypatch.delenv("PJAIS_PASSWORD")
    (line,) = asked(capsys, "backup", "verify", "--data-dir", str(folder))["not_compared"]
    assert "password" in line


def test_other_sources_have_no_such_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(tmp_path, personas=[persona()])
    assert asked(capsys, "backup", "create", "--data-dir", str(tmp_path))["exports"] == []
    assert asked(capsys, "backup", "verify", "--data-dir", str(tmp_path))["code"] == "done"
