"""Two runs at once in one data folder: one does the work, the other says so and changes nothing."""

from __future__ import annotations

import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from crash_world import Held, call, command, environment, hashes, leftovers, look, memory_ids, phase, write_sources

import pjais
from pjais import files, journal
from pjais.errors import RunActive

COUNT = 400


def runs(folder: Path) -> Counter[str]:
    """How the runs of a folder ended, by the last entry of their journals."""
    return Counter(journal.entries(run)[-1].event for run in journal.run_folders(folder))


def test_a_held_folder_is_refused(tmp_path: Path) -> None:
    """MIGRATION_011, exit 21, for migrate and rollback; nothing is written."""
    folder = tmp_path / "data"
    write_sources(folder, COUNT)
    with files.only_run(folder):
        for words in (["migrate"], ["rollback"]):
            refused = call(folder, *words)
            assert (refused.exit_code, refused.code) == (21, "MIGRATION_011"), refused.said
    assert look(folder) is None
    assert journal.run_folders(folder) == ()
    assert call(folder, "migrate").exit_code == 0


def test_reading_goes_on_while_the_folder_is_held(tmp_path: Path) -> None:
    """status and verify need no lock."""
    folder = tmp_path / "data"
    write_sources(folder, COUNT)
    assert call(folder, "migrate").exit_code == 0
    with files.only_run(folder):
        for words in (["status"], ["verify"]):
            assert call(folder, *words).exit_code == 0


@pytest.mark.parametrize("attempt", range(3))
def test_two_processes_at_once(tmp_path: Path, attempt: int) -> None:
    """Exactly one run; the other process is refused, or finds everything done."""
    folder = tmp_path / "data"
    write_sources(folder, COUNT)
    sources = hashes(folder)
    both = [
        subprocess.Popen(command(folder, "migrate"), env=environment(folder), stdout=subprocess.PIPE) for _ in range(2)
    ]
    said = [process.communicate(timeout=600)[0].decode() for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 21], [0, 0]), said
    if codes == [0, 21]:
        assert any('"MIGRATION_011"' in text for text in said)
    else:
        assert any('"already_migrated"' in text for text in said)
    assert runs(folder) == {"done": 1}
    assert phase(folder) == "done"
    assert hashes(folder) == sources
    assert look(folder) == Held(frozenset(memory_ids(COUNT)), frozenset())
    assert pjais.verify(folder).passed
    assert leftovers(folder) == []


def test_two_threads_at_once(tmp_path: Path) -> None:
    """The same inside one process, where a lock by process id would not help."""
    folder = tmp_path / "data"
    write_sources(folder, COUNT)

    def migrate(_: int) -> str:
        try:
            return pjais.migrate(folder).code
        except RunActive as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        codes = Counter(pool.map(migrate, range(4)))
    assert codes["done"] == 1
    assert set(codes) <= {"done", "MIGRATION_011", "already_migrated"}
    assert runs(folder) == {"done": 1}
    assert look(folder) == Held(frozenset(memory_ids(COUNT)), frozenset())


def test_a_lock_left_by_a_killed_process_holds_nobody(tmp_path: Path) -> None:
    """The lock is the operating system's: its file alone means nothing."""
    folder = tmp_path / "data"
    write_sources(folder, COUNT)
    (folder / ".pjais.lock").touch()
    assert call(folder, "migrate").exit_code == 0
