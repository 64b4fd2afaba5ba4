"""What every kind of source holds: one suite, and each kind a few lines in `test_sources`.

A kind has a sample: `make` puts it into an empty folder and returns what its owner would name.
"""

from __future__ import annotations

import hashlib
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

import pjais
from pjais.core.document import Document, Piece
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.errors import PjaisError
from pjais.sources import backup, detect, registry
from pjais.sources.contract import Source, files_in

SAMPLE = Path(str(files("pjais.demo") / "sample"))
GOLDEN = Path(__file__).parents[1] / "golden"


def put(source: Path, folder: Path) -> Path:
    """Copy a file or folder into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    there = folder / source.name
    return Path(shutil.copytree(source, there) if source.is_dir() else shutil.copy(source, there))


def hashed(folder: Path) -> dict[str, str]:
    """Return the hash of every file below a folder."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files_in(folder)}


class SourceContract:
    """The suite.  A subclass names a kind, its dialect and its sample, below the packaged sample or the golden data."""

    kind: str
    dialect: str
    sample: tuple[str, ...]
    tells_of_losses = True
    """False for a format of which a part is as good as the whole."""
    in_its_folder = False
    """True if it is the folder around it that is named."""
    damaged_at = 2 / 3
    """Where its largest file is damaged, as a part of its size."""
    renamed = True
    """True if a source is recognised whatever its file or folder is called."""

    def make(self, folder: Path) -> Path:
        """Put the sample into an empty folder; return what its owner would name."""
        for name in self.sample:
            put(SAMPLE / name if (SAMPLE / name).exists() else GOLDEN / name, folder)
        alone = len(self.sample) == 1 and not self.in_its_folder
        return folder / Path(self.sample[0]).name if alone else folder

    @pytest.fixture
    def named(self, tmp_path: Path) -> Path:
        return self.make(tmp_path / "there")

    @pytest.fixture
    def ref(self, named: Path) -> SourceRef:
        return self.found(named)

    def found(self, named: Path) -> SourceRef:
        """Return the one source at a place."""
        (ref,) = [one for one in detect.detect([named], named=True).sources if one.kind == self.kind]
        assert ref.dialect == self.dialect
        return ref

    @property
    def source(self) -> Source:
        return registry.source_of(Snapshot(self.kind, self.dialect, "", "", Path(), (), Path()))

    def copy(self, ref: SourceRef, folder: Path) -> Snapshot:
        (snapshot,) = backup.snapshot_all(folder, [ref], at_ms=0)
        return snapshot

    def pieces(self, ref: SourceRef, folder: Path) -> list[Piece]:
        return list(registry.read(self.copy(ref, folder)))

    def test_the_same_bytes_give_the_same_documents_in_the_same_order(self, ref: SourceRef, tmp_path: Path) -> None:
        snapshot = self.copy(ref, tmp_path / "copy")
        first, again = ([repr(one) for one in registry.read(snapshot)] for _ in range(2))
        assert first == again
        assert [repr(one) for one in registry.read(backup.load(tmp_path / "copy")[0])] == first
        assert any(one.startswith("Document") for one in first)

    def test_it_is_recognised_by_its_content(self, named: Path) -> None:
        if self.renamed:
            named = named.rename(named.with_name("something.bak"))
        assert self.found(named).kind == self.kind

    def test_its_files_are_all_that_a_copy_needs(self, named: Path, tmp_path: Path) -> None:
        """Nothing else is in the other folder, and it gives the same documents."""
        ref = self.found(named)
        for path in self.source.files(ref):
            there = tmp_path / "other" / path.relative_to(tmp_path / "there")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, there)
        again = self.found(tmp_path / "other" / named.relative_to(tmp_path / "there"))
        before, after = self.pieces(ref, tmp_path / "a"), self.pieces(again, tmp_path / "b")
        assert [repr(one) for one in before] == [repr(one) for one in after]

    def test_its_stamp_changes_with_its_files_and_not_otherwise(self, ref: SourceRef, tmp_path: Path) -> None:
        before = self.source.stamp(ref)
        self.pieces(ref, tmp_path / "copy")
        (ref.path.parent / "neighbour.txt").write_text("nobody's")
        assert self.source.stamp(ref) == before
        for path in self.source.files(ref):
            if path.name.endswith("-shm"):
                continue
            content = path.read_bytes()
            path.write_bytes(content + b"\0")
            assert self.source.stamp(ref) != before, path
            path.write_bytes(content)

    def test_it_is_never_written(self, named: Path, tmp_path: Path) -> None:
        """Neither the live files nor their copy."""
        before = hashed(tmp_path / "there")
        ref = self.found(named)
        snapshot = self.copy(ref, tmp_path / "copy")
        copied = hashed(tmp_path / "copy")
        with registry.opened(snapshot) as opened:
            names = {one.name for one in opened.collections}
            documents = [one for one in opened.read() if isinstance(one, Document)]
            opened.removable(ref)
        assert names <= {one.collection.removeprefix("pjais:") for one in documents} | {
            one.name for one in opened.collections if one.is_empty
        }
        assert (hashed(tmp_path / "there"), hashed(tmp_path / "copy")) == (before, copied)

    def test_a_damaged_piece_costs_nothing_but_itself(self, ref: SourceRef, tmp_path: Path) -> None:
        path = self.largest(ref)
        content = bytearray(path.read_bytes())
        at = int(len(content) * self.damaged_at)
        content[at : at + 8] = b"\xff" * 8
        path.write_bytes(content)
        assert any(isinstance(one, Document) for one in self.pieces(ref, tmp_path / "copy"))

    @pytest.mark.parametrize("part", [0, 1, 40, 4096])
    def test_a_truncated_file_is_told_and_is_no_traceback(self, named: Path, tmp_path: Path, part: int) -> None:
        """`part` bytes of the largest file are left; where nothing is told, nothing is lost."""
        ref = self.found(named)
        whole = [repr(one) for one in self.pieces(ref, tmp_path / "whole") if isinstance(one, Document)]
        path = self.largest(ref)
        path.write_bytes(path.read_bytes()[:part])
        found = detect.detect([named], named=True)
        pieces: list[Piece] = []
        told = bool(found.passed)
        for one in found.sources:
            try:
                snapshot = self.copy(one, tmp_path / f"copy of {one.path.name}")
                told = told or bool(snapshot.unsound or snapshot.damage)
                pieces += registry.read(snapshot)
            except PjaisError:
                told = True
        told = told or any(not isinstance(one, Document) for one in pieces)
        assert told or not self.tells_of_losses or [repr(one) for one in pieces if isinstance(one, Document)] == whole

    def largest(self, ref: SourceRef) -> Path:
        return max(self.source.files(ref), key=lambda path: path.stat().st_size)

    def test_only_its_own_files_are_removable(self, ref: SourceRef, tmp_path: Path) -> None:
        snapshot = self.copy(ref, tmp_path / "copy")
        with registry.opened(snapshot) as opened:
            held = opened.removable(ref)
        own = {*self.source.files(ref), *(files_in(ref.path) if ref.path.is_dir() else ())}
        assert {*held.files, *(path for part in held.parts or () for path in part.files)} <= own
        for folder in self.source.folders(ref.path):
            assert folder == ref.path or ref.path in folder.parents or folder.parent == ref.path.parent

    def test_a_migration_of_it_is_proved_and_not_repeated(self, named: Path, tmp_path: Path) -> None:
        before = hashed(tmp_path / "there")
        data = tmp_path / "data"
        report = pjais.migrate(data, sources=[named], on_invalid="quarantine")
        assert {one["kind"] for one in report.sources} == {self.kind}
        assert report.total.balanced()
        assert report.total.migrated > 0
        assert pjais.verify(data).passed
        again = pjais.migrate(data, sources=[named], on_invalid="quarantine")
        assert again.run_id is None or again.total.migrated == again.total.unchanged
        assert hashed(tmp_path / "there") == before
