"""A changed file is kept as what differs from its earlier copy; whatever reads a backup sees the whole file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import pjais
from pjais.core.snapshot import CopiedFile
from pjais.errors import BackupFailed, VerificationFailed
from pjais.migration import backups
from pjais.sources import backup, stored
from pjais.workspace import resolve_workspace
from world import JSON, memory, migrated, persona, write_json


@pytest.fixture(autouse=True)
def small_files_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files need not be large in here."""
    monkeypatch.setattr(stored, "WORTH", 1000)


def memories() -> list[JSON]:
    """Memories of some length."""
    return [memory(f"m{n}", content=f"{n} " * 40) for n in range(60)]


def changed_twice(folder: Path) -> tuple[list[Path], list[bytes]]:
    """The backups of three runs over a file that changed between them, and the file at each."""
    held, folders, texts = memories(), [], []
    for turn in range(3):
        held[7 * turn]["content"] = f"changed in turn {turn}"
        path = write_json(folder, personas=[persona()], memories=held)
        texts.append(path.read_bytes())
        run = migrated(folder) if turn == 0 else pjais.migrate(folder)
        assert run.backup is not None
        folders.append(run.backup)
    return folders, texts


def names(folder: Path) -> set[str]:
    """The copies of sources in a backup."""
    return {one.name for one in folder.iterdir() if one.name.startswith("data.json")}


def test_what_differs_is_kept_beside_a_link(tmp_path: Path) -> None:
    folders, texts = changed_twice(tmp_path)
    assert [names(one) for one in folders] == [
        {"data.json"},
        {"data.json.base", "data.json.delta"},
        {"data.json.base", "data.json.delta"},
    ]
    whole = (folders[0] / "data.json").stat()
    for folder, text in zip(folders[1:], texts[1:], strict=True):
        assert (folder / "data.json.base").stat().st_ino == whole.st_ino
        assert (folder / "data.json.delta").stat().st_size < 400
        (one,) = backup.load(folder)[0].files
        assert (one.stored, one.size) == ("data.json", len(text))
        with one.open(folder) as stream:
            assert stream.read() == text
    assert pjais.verify(tmp_path).passed
    assert len(backups.verify(resolve_workspace(tmp_path), None).ids) == 3


def test_a_restored_file_is_the_sources(tmp_path: Path) -> None:
    folders, texts = changed_twice(tmp_path)
    for number, (folder, text) in enumerate(zip(folders, texts, strict=True)):
        (path,) = backup.restore(folder, tmp_path / f"restored-{number}")
        assert path.read_bytes() == text


def test_a_delta_is_read_without_us(tmp_path: Path) -> None:
    folders, texts = changed_twice(tmp_path)
    base = (folders[2] / "data.json.base").read_bytes()
    changes = (folders[2] / "data.json.delta").read_bytes()
    text, own = b"", 0
    for at, size in json.loads(changes.splitlines()[-1]):
        text += changes[own : own + size] if at is None else base[at : at + size]
        own += size if at is None else 0
    assert text == texts[2]


def test_a_backup_needs_no_other_one(tmp_path: Path) -> None:
    folders, texts = changed_twice(tmp_path)
    (folders[0] / "data.json").unlink()
    assert backup.check(folders[1]) == backup.check(folders[2]) == []
    (path,) = backup.restore(folders[2], tmp_path / "restored")
    assert path.read_bytes() == texts[2]


def test_a_rollback_and_another_run_find_everything(tmp_path: Path) -> None:
    _, texts = changed_twice(tmp_path)
    pjais.rollback(tmp_path)
    assert pjais.verify(tmp_path).passed
    again = pjais.migrate(tmp_path)
    assert again.total.unchanged == 60 and again.backup is not None
    with backup.load(again.backup)[0].open() as stream:
        assert stream.read() == texts[2]
    assert pjais.verify(tmp_path).passed


def test_a_file_as_it_once_was_is_a_link(tmp_path: Path) -> None:
    folders, texts = changed_twice(tmp_path)
    (tmp_path / "data.json").write_bytes(texts[0])
    made = backups.create(resolve_workspace(tmp_path))
    assert names(made) == {"data.json"}
    assert (made / "data.json").stat().st_ino == (folders[0] / "data.json").stat().st_ino


def test_a_file_as_it_once_was_is_no_link_to_a_changed_copy(tmp_path: Path) -> None:
    folders, texts = changed_twice(tmp_path)
    turned(folders[0] / "data.json")
    (tmp_path / "data.json").write_bytes(texts[0])
    made = backups.create(resolve_workspace(tmp_path))
    assert names(made) == {"data.json.base", "data.json.delta"}
    assert backup.check(made) == []


def test_a_file_that_differs_too_much_is_kept_whole(tmp_path: Path) -> None:
    changed_twice(tmp_path)
    others = [memory(f"other{n}", content=f"{n * n} - {n}" * 40) for n in range(60)]
    write_json(tmp_path, personas=[persona()], memories=others)
    run = pjais.migrate(tmp_path)
    assert run.backup is not None and names(run.backup) == {"data.json"}
    assert pjais.verify(tmp_path).passed


def test_without_links_a_file_is_kept_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refused)
    folders, _ = changed_twice(tmp_path)
    assert [names(one) for one in folders] == [{"data.json"}] * 3
    assert pjais.verify(tmp_path).passed


def cut(path: Path) -> None:
    """Cut a file off."""
    path.write_bytes(path.read_bytes()[:-2000])


def turned(path: Path) -> None:
    """Turn a bit over."""
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("name", ["data.json.base", "data.json.delta"])
@pytest.mark.parametrize("how", [Path.unlink, cut, turned], ids=["missing", "cut", "turned"])
def test_a_changed_part_is_found_and_named(tmp_path: Path, name: str, how: Callable[[Path], None]) -> None:
    folders, _ = changed_twice(tmp_path)
    how(folders[2] / name)
    assert [line.partition(":")[0] for line in backup.check(folders[2])] == [name]
    with pytest.raises(VerificationFailed) as caught:
        pjais.verify(tmp_path)
    assert any(name in line for line in caught.value.where)
    with pytest.raises(BackupFailed, match="not valid"):
        backup.restore(folders[2], tmp_path / "restored")
    held = memories()
    held[1]["content"] = "changed once more"
    write_json(tmp_path, personas=[persona()], memories=held)
    run = pjais.migrate(tmp_path)
    assert run.backup is not None and backup.check(run.backup) == []


def test_a_planted_part_outside_is_refused(tmp_path: Path) -> None:
    folders, _ = changed_twice(tmp_path)
    (snapshot,) = backup.load(folders[2])
    (one,) = snapshot.files
    assert one.parts is not None
    with pytest.raises(BackupFailed, match="outside its folder"):
        backup._refuse_outside([_with_base(one, "../elsewhere")])


def _with_base(one: CopiedFile, name: str) -> CopiedFile:
    assert one.parts is not None
    parts = one.parts._replace(base=one.parts.base._replace(stored=name))
    return CopiedFile(one.source, one.original, one.stored, one.size, one.sha256, one.mtime_ns, parts)
