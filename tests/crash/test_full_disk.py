"""A full disk, a real one: nothing is written when it is too small, nothing is half there when it fills up."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from crash_world import Held, call, exported, hashes, leftovers, look, mark, memory_ids, write_sources

import pjais
from pjais import files
from pjais.errors import PjaisError

COUNT = 400
NO_SPACE = {"MIGRATION_010", "MIGRATION_002"}
CLEAN = {*NO_SPACE, "MIGRATION_004"}
"""SQLite calls some full disks an I/O error, where it maps memory: then the run failed, and was undone."""
PHASES = ("back up", "read and write", "index", "verify", "cut over")


@contextmanager
def disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A small disk of its own, gone at the end.  Skips where this user may not mount one."""
    folder.mkdir(exist_ok=True)
    options = f"size={mebibytes}m,mode=0700"
    try:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
        )
        problem = made.stderr.strip() if made.returncode else None
    except OSError as error:
        problem = str(error)
    if problem is not None:
        pytest.skip(f"a small disk cannot be mounted here: {problem}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Fill a disk, all but `leave` bytes, by one file outside of the data folder."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        size = max(files.free_space(folder) - leave, 0)
        if size:
            os.posix_fallocate(file.fileno(), 0, size)
    return filler


def names(folder: Path) -> list[str]:
    """Every file and folder in a data folder, but for the lock."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != ".pjais.lock")


def finishes(folder: Path, count: int, marks: frozenset[str] = frozenset()) -> None:
    """With space again, the next run completes, and is proved."""
    done = call(folder, "migrate")
    assert done.exit_code == 0, done.said
    assert look(folder) == Held(frozenset(memory_ids(count) | marks), marks)
    assert pjais.verify(folder).passed
    assert leftovers(folder, deep=True) == []


def with_old_target(folder: Path) -> Held:
    """A target from an earlier run, written to since, and sources that hold twice as much by now."""
    write_sources(folder, COUNT // 2)
    assert pjais.migrate(folder).code == "done"
    mark(folder, "by hand")
    write_sources(folder, COUNT)
    old = look(folder)
    assert old is not None
    return old


def test_too_small_a_disk_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """MIGRATION_010, exit 20; the folder holds what it held."""
    with disk(tmp_path / "disk", 4) as small:
        write_sources(small / "data", COUNT)
        before, sources = names(small / "data"), hashes(small / "data")
        refused = call(small / "data", "migrate")
        assert (refused.exit_code, refused.code) == (20, "MIGRATION_010"), refused.said
        assert [one for one in names(small / "data") if not one.startswith("logs")] == before
        assert hashes(small / "data") == sources


def test_the_plan_tells_of_the_small_disk(tmp_path: Path) -> None:
    """The dry run names what is needed and what is free, and writes nothing."""
    with disk(tmp_path / "disk", 4) as small:
        write_sources(small / "data", COUNT)
        before = names(small / "data")
        plan = pjais.plan(small / "data")
        assert plan.bytes_needed > plan.bytes_free > 0
        assert names(small / "data") == before


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("target", ["no target", "an old target"])
def test_a_disk_that_fills_up_in_a_phase(tmp_path: Path, phase: str, target: str) -> None:
    """From the start of each phase not a byte is free: the target is as it was, or the new one is whole."""
    with disk(tmp_path / "disk", 40) as small:
        folder = small / "data"
        old = with_old_target(folder) if target == "an old target" else None
        write_sources(folder, COUNT)
        sources = hashes(folder)
        code = run_until_full(folder, phase)
        assert hashes(folder) == sources
        marks = old.marks if old else frozenset()
        new = Held(frozenset(memory_ids(COUNT) | marks), marks)
        assert look(folder) == (new if code == "done" else old)
        if phase in PHASES[:3]:
            assert code in NO_SPACE
        (small / "filler").unlink()
        finishes(folder, COUNT, marks)


def run_until_full(folder: Path, phase: str) -> str:
    """Migrate, and fill the disk when a phase begins; the code of what came of it."""

    def watch(name: str, done: int, total: int | None) -> None:
        if name == phase and not (folder.parent / "filler").exists():
            fill(folder.parent)

    try:
        return pjais.migrate(folder, progress=watch).code
    except PjaisError as error:
        return error.code


def each_amount_of_space(folder: Path, step: int, act: Callable[[], str]) -> list[str]:
    """Do something with too little space, from none at all up to enough, each time from the same state.

    Returns the codes of what came of it; the last is that of the success.  Looks at the target after each.
    """
    old, sources = look(folder), hashes(folder)
    pristine = folder.parent.with_name("pristine")
    shutil.copytree(folder, pristine)
    codes: list[str] = []
    for leave in range(0, 16 << 20, step):
        filler = fill(folder.parent, leave)
        try:
            codes.append(act())
        except PjaisError as error:
            codes.append(error.code)
        filler.unlink()
        assert hashes(folder) == sources
        if codes[-1] == "done":
            break
        if look(folder) != old:  # full behind the commit: the next call finds the run in place and finishes it
            assert act() == "already_migrated", f"with {leave} bytes free"
            assert pjais.verify(folder).passed
        assert leftovers(folder, deep=True) == []
        shutil.rmtree(folder)
        shutil.copytree(pristine, folder)
    return codes


def test_a_migration_with_any_amount_of_space(tmp_path: Path) -> None:
    """A filled disk that the first look did not see: every run fails cleanly until one succeeds."""
    with disk(tmp_path / "disk", 24) as small:
        folder = small / "data"
        old = with_old_target(folder)

        def migrate() -> str:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(files, "free_space", lambda _path: 1 << 40)
                return pjais.migrate(folder).code

        *failed, last = each_amount_of_space(folder, 150_000, migrate)
        assert last == "done"
        assert len(failed) > 5
        assert set(failed) <= CLEAN
        finishes(folder, COUNT, old.marks)
        assert "by hand" in exported(folder)


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_rollback_with_any_amount_of_space(tmp_path: Path, mode: str) -> None:
    """The way back fails cleanly, too: the new target stays whole until the old one is."""
    with disk(tmp_path / "disk", 24) as small:
        folder = small / "data"
        old = with_old_target(folder)
        assert pjais.migrate(folder).code == "done"
        with closing(sqlite3.connect(folder / "pjais.sqlite")) as db:
            db.execute(f"PRAGMA journal_mode = {mode}")

        def rollback() -> str:
            pjais.rollback(folder, discard_later=True)
            return "done"

        *failed, last = each_amount_of_space(folder, 150_000, rollback)
        assert last == "done"
        assert len(failed) > 5
        assert set(failed) <= CLEAN
        assert look(folder) == old


def test_a_copy_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    """No copy is ever shorter than its original without an error, wherever the space ends."""
    original = tmp_path / "original"
    original.write_bytes(os.urandom(900_000))
    with disk(tmp_path / "disk", 4) as small:
        for leave in (0, 4096, 300_000, 899_000):
            filler = fill(small, leave)
            with pytest.raises(OSError, match="space"):
                files.copy_hashed(original, small / "copy")
            (small / "copy").unlink(missing_ok=True)
            filler.unlink()


def test_an_atomic_write_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    """The old content stays, and no part of the new."""
    with disk(tmp_path / "disk", 4) as small:
        path = small / "report.json"
        files.write_atomically(path, b"old")
        fill(small, 4096)
        with pytest.raises(OSError, match="space"):
            files.write_atomically(path, os.urandom(900_000))
        assert path.read_bytes() == b"old"
        assert sorted(one.name for one in small.iterdir()) == ["filler", "report.json"]
