"""Old and new side by side: increments, comparison, the switch, and the way back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pjais
from pjais.errors import MigrationFailed, NoSourceFound, SourceInUse, UsageError, VerificationFailed
from pjais.pipeline import cutover, follow, shadow, transfer
from pjais.pipeline.place import Place, place
from world import memory, persona, rows, write_json


def write(here: Place, *memories: dict[str, object]) -> None:
    """The old app writes its file anew."""
    write_json(here.data_dir, personas=[persona("p1", name="Ada")], memories=list(memories))


def held(here: Place) -> dict[str, str]:
    """The memories of the new side."""
    return dict(rows(here.target, "SELECT id, content FROM memory_entities"))


@pytest.fixture
def here(tmp_path: Path) -> Place:
    """A data folder whose first increment has been made."""
    here = place(tmp_path)
    write(here, memory("m1"), memory("m2"))
    assert follow.increment(here).new == 3
    return here


def test_increments_bring_what_is_new_changed_and_removed(here: Place) -> None:
    """And nothing else; each is proved; the history keeps what was removed."""
    assert follow.increment(here).run_id is None
    write(here, memory("m1", content="changed"), memory("m3"))
    done = follow.increment(here)
    assert (done.new, done.changed, done.removed) == (1, 1, 1)
    assert held(here) == {"m1": "changed", "m3": "content of m3"}
    assert pjais.verify(here.data_dir).passed
    write(here, memory("m1", content="changed"), memory("m2"), memory("m3"))
    assert follow.increment(here).new == 1, "what was removed may come back"
    assert held(here)["m2"] == "content of m2"
    assert pjais.verify(here.data_dir).passed
    assert rows(here.target, "SELECT count(*) FROM changes WHERE op = 'delete'") == [(1,)]


def test_a_document_that_changed_counts_though_its_date_did_not(here: Place) -> None:
    """The clock of the old app may stand still or go backwards."""
    for number, date in enumerate(("2025-03-01", "2025-03-01", "2024-01-01")):
        write(here, memory("m1", content=str(number), updatedAt=f"{date}T00:00:00.000Z"), memory("m2"))
        assert follow.increment(here).changed == 1
        assert held(here)["m1"] == str(number)
    assert pjais.verify(here.data_dir).passed


def test_backups_of_increments_that_prove_nothing_any_more_go(here: Place) -> None:
    """Else a minute of following would leave sixty of them."""
    for number in range(6):
        write(here, memory("m1", content=str(number)), memory("m2"))
        follow.increment(here)
    assert len(list(here.backups.iterdir())) <= 3
    assert pjais.verify(here.data_dir).passed


def test_a_source_that_suddenly_lacks_most_of_its_records_is_not_believed(here: Place) -> None:
    """Somebody must say that this is right."""
    write(here, *(memory(f"m{number}") for number in range(60)))
    follow.increment(here)
    write(here)
    with pytest.raises(MigrationFailed):
        follow.increment(here)
    assert len(held(here)) == 60
    assert follow.increment(here, allow_removals=True).removed == 60


def test_a_record_edited_on_both_sides_is_kept_in_both_versions(here: Place) -> None:
    """The later one is live, the other is listed and in the history."""
    with pjais.open(here.data_dir) as store:
        store.memories.update("m1", content="edited here")
        store.memories.update("m2", content="edited here")
    write(here, memory("m1", content="edited there", updatedAt="2099-01-01T00:00:00.000Z"))
    done = follow.increment(here)
    assert held(here) == {"m1": "edited there", "m2": "edited here"}
    assert ("memory_entities", "m1") in done.overridden
    assert done.kept == (("memory_entities", "m2"),)
    assert "edited here" in str(rows(here.target, "SELECT before FROM changes WHERE record_id = 'm1'"))
    assert pjais.verify(here.data_dir).passed


def test_an_edit_counts_after_any_number_of_increments(here: Place) -> None:
    """What was edited or removed in the store stays so, until the source has something later."""
    write(here, memory("m1"), memory("m2"), memory("m3"))
    follow.increment(here)
    with pjais.open(here.data_dir) as store:
        store.memories.update("m1", content="edited here")
        store.memories.update("m2", content="edited here")
        store.memories.remove("m3")
    older = "2025-03-02T00:00:00.000Z"
    for number in range(3):
        write(here, memory("m1", content=f"older {number}", updatedAt=older), memory("m3", updatedAt=older),
              memory("m4", content=str(number)))  # fmt: skip
        assert follow.increment(here).kept == (("memory_entities", "m2"),)
        assert held(here) == {"m1": "edited here", "m2": "edited here", "m4": str(number)}
        assert pjais.verify(here.data_dir).passed
    write(here, memory("m1", content="later", updatedAt="2099-01-01T00:00:00.000Z"), memory("m3"), memory("m4"))
    assert follow.increment(here).overridden == (("memory_entities", "m1"),)
    assert held(here)["m1"] == "later"
    assert pjais.verify(here.data_dir).passed


def test_a_source_that_is_gone_for_a_while_is_waited_for(tmp_path: Path) -> None:
    """Nothing is taken for removed; once it is back the next increment goes on."""
    (tmp_path / "old").mkdir()
    path = write_json(tmp_path / "old", personas=[persona()], memories=[memory("m1"), memory("m2")])
    here = place(tmp_path, None, [path])
    follow.increment(here)
    path.rename(tmp_path / "away")
    with pytest.raises(NoSourceFound):
        follow.increment(here)
    assert set(held(here)) == {"m1", "m2"}
    (tmp_path / "away").rename(path)
    assert follow.increment(here).run_id is None


def test_a_file_that_goes_while_it_is_looked_at_means_another_look(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser removes tables when it compacts."""

    def compacted(place: Place) -> None:
        raise FileNotFoundError(2, "No such file or directory", "000007.ldb")

    with monkeypatch.context() as patched:
        patched.setattr(Place, "find", compacted)
        with pytest.raises(SourceInUse):
            follow.increment(here)
    write(here, memory("m1"), memory("m2"), memory("m3"))
    assert follow.increment(here).new == 1


def test_one_planted_difference_is_found_and_the_switch_waits_for_it(here: Place) -> None:
    """Among many records, with its field; once it is gone the switch goes through."""
    write(here, *(memory(f"m{number}") for number in range(2000)))
    follow.increment(here)
    assert shadow.compare(here).count == 0
    since = shadow.agreement(here).since
    assert since is not None
    with pjais.open(here.data_dir) as store:
        store.memories.update("m77", importance=51, updated_at=store.memories.need("m77").updated_at)
    seen = shadow.compare(here)
    assert [(one.record_id, one.field) for one in seen.differences] == [("m77", "importance")]
    assert shadow.agreement(here).since is None
    with pytest.raises(VerificationFailed):
        cutover.go(here)
    assert cutover.live(here).side == "old"
    with pjais.open(here.data_dir) as store:
        store.memories.update("m77", importance=50, updated_at=store.memories.need("m77").updated_at)
    assert cutover.go(here).side == "new"
    assert cutover.live(here).side == "new"
    with pytest.raises(UsageError):
        cutover.go(here)


def test_the_switch_takes_the_last_writes_along(here: Place) -> None:
    """A last increment is a part of it."""
    write(here, memory("m1"), memory("m2"), memory("m3"))
    cutover.go(here)
    assert set(held(here)) == {"m1", "m2", "m3"}


def test_the_switch_waits_until_the_old_app_is_closed(here: Place) -> None:
    """A process holds its file open."""
    hold = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    app = subprocess.Popen(
        [sys.executable, "-c", hold, here.data_dir / "data.json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert app.stdout is not None
    app.stdout.readline()
    with pytest.raises(SourceInUse):
        cutover.go(here)
    app.communicate()
    assert cutover.go(here).side == "new"


def test_going_back_exports_what_was_written_since(here: Place) -> None:
    """The old side stands as it was; importing the export gives the new side's state."""
    cutover.go(here)
    old = (here.data_dir / "data.json").read_bytes()
    with pjais.open(here.data_dir) as store:
        for number in range(50):
            store.memories.remember(f"later {number}", persona="p1")
        store.memories.update("m1", content="edited")
    after = transfer.export(here, None, None)
    back = cutover.back(here)
    assert (back.later.added, back.later.edited) == (50, 1)
    assert cutover.live(here).side == "old"
    assert (here.data_dir / "data.json").read_bytes() == old
    assert back.export is not None and back.guide is not None
    assert len(json.loads(back.guide.read_text())["memoryEntities"]) == 51
    other = here.data_dir / "again"
    other.mkdir()
    (other / "data.json").write_bytes(old)
    pjais.migrate(other)
    pjais.migrate(other, sources=[back.export])
    assert transfer.export(place(other), None, None) == after
    with pytest.raises(UsageError):
        cutover.back(here)
    found = [ref.path.name for ref in here.find().sources]
    assert not [name for name in found if "since-switch" in name], "the exports are no part of the old side"


def test_an_increment_that_did_not_reach_the_log_is_brought_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off between the account and the log: the next call finishes it, though nothing is new."""
    here = place(tmp_path, to="livestore")
    write(here, memory("m1"))
    follow.increment(here)
    write(here, memory("m2"))

    def killed(place: Place, run_id: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pjais.pipeline.follow.mirror.push", killed)
        with pytest.raises(KeyboardInterrupt):
            follow._bring(here, follow._OPTIONS, here.find().sources, False)
    assert follow.increment(here).run_id is None
    assert pjais.verify(tmp_path).passed
    with pjais.open_livestore(here.live) as store:
        assert store.query("SELECT id FROM memoryEntities") == [("m2",)]


def test_an_increment_reaches_a_livestore_target(tmp_path: Path) -> None:
    """The account and the log together; verify replays the log."""
    here = place(tmp_path, to="livestore")
    write(here, memory("m1"))
    follow.increment(here)
    write(here, memory("m2"))
    done = follow.increment(here)
    assert (done.new, done.removed) == (1, 1)
    assert pjais.verify(tmp_path).passed
    with pjais.open_livestore(here.live) as store:
        assert store.query("SELECT id FROM memoryEntities") == [("m2",)]


def test_following_ends_at_the_switch(here: Place) -> None:
    """A follower that goes on would bring what a stray old app writes."""
    cutover.go(here)
    call = [sys.executable, "-m", "pjais", "--data-dir", str(here.data_dir), "follow", "--json"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (0, "done")
