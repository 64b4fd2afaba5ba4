"""Old and new side by side: increments, comparison, the switch, and the way back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.assembly import assemble
from pjais.cli import run
from pjais.core.model import Model
from pjais.errors import MigrationFailed, NoSourceFound, SourceDamaged, SourceInUse, UsageError, VerificationFailed
from pjais.exchange.export import as_text
from pjais.migration import backups, quarantine
from pjais.migration.run import Options
from pjais.side_by_side import follow, shadow, switch
from pjais.targets.livestore.target import LiveStoreTarget
from pjais.workspace import Workspace, resolve_workspace
from world import memory, persona, rows, write_json


def write(here: Workspace, *memories: dict[str, object]) -> None:
    """The old app writes its file anew."""
    write_json(here.data_dir, personas=[persona("p1", name="Ada")], memories=list(memories))


def held(here: Workspace) -> dict[str, str]:
    """The memories of the new side."""
    return dict(rows(here.store, "SELECT id, content FROM memory_entities"))


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    """A data folder whose first increment has been made."""
    here = resolve_workspace(tmp_path)
    write(here, memory("m1"), memory("m2"))
    assert follow.increment(here).new == 3
    return here


def test_increments_bring_what_is_new_changed_and_removed(here: Workspace) -> None:
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
    assert rows(here.store, "SELECT count(*) FROM changes WHERE op = 'delete'") == [(1,)]


def test_a_document_that_changed_counts_though_its_date_did_not(here: Workspace) -> None:
    """The clock of the old app may stand still or go backwards."""
    for number, date in enumerate(("2025-03-01", "2025-03-01", "2024-01-01")):
        write(here, memory("m1", content=str(number), updatedAt=f"{date}T00:00:00.000Z"), memory("m2"))
        assert follow.increment(here).changed == 1
        assert held(here)["m1"] == str(number)
    assert pjais.verify(here.data_dir).passed


def test_an_increment_is_proved_after_the_migration_that_followed_it_was_rolled_back(here: Workspace) -> None:
    """The migration's backup holds all that the increment's held, but it goes back with its run."""
    write(here, memory("m1", content="by the increment"), memory("m2"))
    assert follow.increment(here).changed == 1
    write(here, memory("m1", content="by the increment"), memory("m2"), memory("m3"))
    pjais.migrate(here.data_dir)
    assert follow.increment(here).run_id is None
    write(here, memory("m1", content="by the increment"), memory("m2"), memory("m3"), memory("m4"))
    assert follow.increment(here).new == 1
    assert pjais.verify(here.data_dir).passed
    pjais.rollback(here.data_dir, discard_later=True)
    assert held(here) == {"m1": "by the increment", "m2": "content of m2"}
    assert pjais.verify(here.data_dir).passed
    backups.prune(here, 0)
    assert pjais.verify(here.data_dir).passed


def test_a_document_that_was_decided_about_is_no_difference(here: Workspace) -> None:
    """Discarded, replayed as it was changed, and valid by now: the store has each as its owner decided."""
    orphans = [memory(name, "nobody") for name in ("o1", "o2", "o3")]
    write(here, memory("m1"), memory("m2"), *orphans)
    pjais.migrate(here.data_dir, on_invalid="quarantine")
    assert shadow.compare(here).refused == 3
    ids = {one.native_id: one.id for one in quarantine.listed(here)}
    quarantine.discard(here, [ids["o1"]])
    quarantine.replay(here, [ids["o2"]], {**orphans[1], "personaId": "p1"})
    seen = shadow.compare(here)
    assert (seen.count, seen.edit_count, seen.refused) == (0, 0, 1)
    people = [persona("p1", name="Ada"), persona("nobody")]
    write_json(here.data_dir, personas=people, memories=[memory("m1"), memory("m2"), *orphans])
    assert follow.increment(here, Options(on_invalid="quarantine")).run_id is not None
    seen = shadow.compare(here)
    assert (seen.count, seen.edit_count, seen.refused) == (0, 0, 0)
    with pjais.open(here.data_dir) as store:
        store.memories.update("o2", content="edited since")
    seen = shadow.compare(here)
    assert (seen.count, seen.edit_count) == (0, 1)
    assert pjais.verify(here.data_dir).passed


def test_backups_of_increments_that_prove_nothing_any_more_go(here: Workspace) -> None:
    """Else a minute of following would leave sixty of them."""
    for number in range(6):
        write(here, memory("m1", content=str(number)), memory("m2"))
        follow.increment(here)
    assert len([one for one in here.backups.iterdir() if one.is_dir()]) <= 2
    assert pjais.verify(here.data_dir).passed


def test_a_source_that_suddenly_lacks_most_of_its_records_is_not_believed(here: Workspace) -> None:
    """Somebody must say that this is right."""
    write(here, *(memory(f"m{number}") for number in range(60)))
    follow.increment(here)
    write(here)
    with pytest.raises(MigrationFailed):
        follow.increment(here)
    assert len(held(here)) == 60
    assert follow.increment(here, allow_removals=True).removed == 60


def test_a_record_edited_on_both_sides_is_kept_in_both_versions(here: Workspace) -> None:
    """The later one is live, the other is listed and in the history."""
    with pjais.open(here.data_dir) as store:
        store.memories.update("m1", content="edited here")
        store.memories.update("m2", content="edited here")
    write(here, memory("m1", content="edited there", updatedAt="2099-01-01T00:00:00.000Z"))
    done = follow.increment(here)
    assert held(here) == {"m1": "edited there", "m2": "edited here"}
    assert ("memory_entities", "m1") in done.overridden
    assert done.kept == (("memory_entities", "m2"),)
    assert "edited here" in str(rows(here.store, "SELECT before FROM changes WHERE record_id = 'm1'"))
    assert pjais.verify(here.data_dir).passed


def test_an_edit_counts_after_any_number_of_increments(here: Workspace) -> None:
    """What was edited or removed in the store stays so, until the source has something later."""
    write(here, memory("m1"), memory("m2"), memory("m3"))
    follow.increment(here)
    with pjais.open(here.data_dir) as store:
        store.memories.update("m1", content="edited here")
        store.memories.update("m2", content="edited here")
        store.memories.remove("m3")
    older = "2025-03-02T00:00:00.000Z"
    for number in range(3):
        write(
            here,
            memory("m1", content=f"older {number}", updatedAt=older),
            memory("m3", updatedAt=older),
            memory("m4", content=str(number)),
        )
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
    here = resolve_workspace(tmp_path, None, [path])
    follow.increment(here)
    path.rename(tmp_path / "away")
    with pytest.raises(NoSourceFound):
        follow.increment(here)
    assert set(held(here)) == {"m1", "m2"}
    (tmp_path / "away").rename(path)
    assert follow.increment(here).run_id is None


def test_a_file_that_goes_while_it_is_looked_at_means_another_look(
    here: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser removes tables when it compacts."""

    def compacted(workspace: Workspace) -> None:
        raise FileNotFoundError(2, "No such file or directory", "000007.ldb")

    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "find", compacted)
        with pytest.raises(SourceInUse):
            follow.increment(here)
    write(here, memory("m1"), memory("m2"), memory("m3"))
    assert follow.increment(here).new == 1


def test_a_torn_copy_of_a_file_that_is_being_written_is_no_damage_yet(
    here: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No time stamp shows every write that falls into a copy; that the app wrote again since shows enough."""
    whole, read = here.data_dir / "data.json", assemble.assemble
    text = whole.read_text("utf-8")
    torn = text.replace('"content of m2"', '"content of m2')
    whole.write_text(torn, "utf-8")
    with pytest.raises(SourceDamaged):
        follow.increment(here)

    def written_meanwhile(*arguments: Any, **more: Any) -> None:
        write(here, memory("m1"), memory("m2"), memory("m3"))
        read(*arguments, **more)

    with monkeypatch.context() as patched:
        patched.setattr(follow, "assemble", written_meanwhile)
        with pytest.raises(SourceInUse):
            follow.increment(here)
    assert follow.increment(here).new == 1
    assert pjais.verify(here.data_dir).passed


def in_silence(here: Workspace, sql: str) -> None:
    """Change the store behind the back of its history."""
    triggers = [one for (one,) in rows(here.store, "SELECT sql FROM sqlite_schema WHERE type = 'trigger'")]
    names = [one for (one,) in rows(here.store, "SELECT name FROM sqlite_schema WHERE type = 'trigger'")]
    for one in names:
        rows(here.store, f"DROP TRIGGER {one}")
    rows(here.store, sql)
    for one in triggers:
        rows(here.store, one)


def test_one_planted_difference_is_found_and_the_switch_waits_for_it(here: Workspace) -> None:
    """Among many records, with its field; once it is gone the switch goes through."""
    write(here, *(memory(f"m{number}") for number in range(2000)))
    follow.increment(here)
    assert shadow.compare(here).count == 0
    since = shadow.agreement(here).since
    assert since is not None
    in_silence(here, "UPDATE memory_entities SET importance = 51 WHERE id = 'm77'")
    seen = shadow.compare(here)
    assert [(one.record_id, one.field) for one in seen.differences] == [("m77", "importance")]
    assert shadow.agreement(here).since is None
    with pytest.raises(VerificationFailed):
        switch.go(here)
    assert switch.live(here).side == "old"
    in_silence(here, "UPDATE memory_entities SET importance = 50 WHERE id = 'm77'")
    assert switch.go(here).side == "new"
    assert switch.live(here).side == "new"
    with pytest.raises(UsageError):
        switch.go(here)


def test_the_switch_takes_the_last_writes_along(here: Workspace) -> None:
    """A last increment is a part of it."""
    write(here, memory("m1"), memory("m2"), memory("m3"))
    switch.go(here)
    assert set(held(here)) == {"m1", "m2", "m3"}


def test_the_switch_waits_until_the_old_app_is_closed(here: Workspace) -> None:
    """A process holds its file open."""
    hold = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    app = subprocess.Popen(
        [sys.executable, "-c", hold, here.data_dir / "data.json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert app.stdout is not None
    app.stdout.readline()
    with pytest.raises(SourceInUse):
        switch.go(here)
    app.communicate()
    assert switch.go(here).side == "new"


def test_going_back_exports_what_was_written_since(here: Workspace) -> None:
    """The old side stands as it was; importing the export gives the new side's state."""
    switch.go(here)
    old = (here.data_dir / "data.json").read_bytes()
    with pjais.open(here.data_dir) as store:
        for number in range(50):
            store.memories.remember(f"later {number}", persona="p1")
        store.memories.update("m1", content="edited")
    after = as_text(here, None).text
    back = switch.back(here)
    assert (back.later.added, back.later.edited) == (50, 1)
    assert switch.live(here).side == "old"
    assert (here.data_dir / "data.json").read_bytes() == old
    assert back.export is not None and back.guide is not None
    assert len(json.loads(back.guide.read_text())["memoryEntities"]) == 51
    other = here.data_dir / "again"
    other.mkdir()
    (other / "data.json").write_bytes(old)
    pjais.migrate(other)
    pjais.migrate(other, sources=[back.export])
    assert as_text(resolve_workspace(other), None).text == after
    with pytest.raises(UsageError):
        switch.back(here)
    found = [ref.path.name for ref in here.find().sources]
    assert not [name for name in found if "since-switch" in name], "the exports are no part of the old side"


def test_an_increment_that_did_not_reach_the_log_is_brought_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off between the account and the log: the next call finishes it, though nothing is new."""
    here = resolve_workspace(tmp_path, to="livestore")
    write(here, memory("m1"))
    follow.increment(here)
    write(here, memory("m2"))

    def killed(target: LiveStoreTarget, model: Model, run_id: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LiveStoreTarget, "push", killed)
        with pytest.raises(KeyboardInterrupt):
            follow._bring(here, follow._OPTIONS, here.find().sources, False)
    assert follow.increment(here).run_id is None
    assert pjais.verify(tmp_path).passed
    with pjais.open_livestore(here.live) as store:
        assert store.query("SELECT id FROM memoryEntities") == [("m2",)]


def test_an_increment_reaches_a_livestore_target(tmp_path: Path) -> None:
    """The account and the log together; verify replays the log."""
    here = resolve_workspace(tmp_path, to="livestore")
    write(here, memory("m1"))
    follow.increment(here)
    write(here, memory("m2"))
    done = follow.increment(here)
    assert (done.new, done.removed) == (1, 1)
    assert pjais.verify(tmp_path).passed
    with pjais.open_livestore(here.live) as store:
        assert store.query("SELECT id FROM memoryEntities") == [("m2",)]


def test_following_ends_at_the_switch(here: Workspace) -> None:
    """A follower that goes on would bring what a stray old app writes."""
    switch.go(here)
    call = [sys.executable, "-m", "pjais", "--data-dir", str(here.data_dir), "follow", "--json"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (0, "done")


# -- trying the new store before the switch


def tried(here: Workspace) -> None:
    """A store in which its owner added, edited and deleted something before the switch."""
    write(here, memory("m1"), memory("m2"), memory("m3"))
    follow.increment(here)
    with pjais.open(here.data_dir) as store:
        store.memories.remember("tried out", persona="p1", id="n1")
        store.memories.update("m1", content="edited")
        store.memories.delete("m3")


def test_what_was_tried_in_the_new_store_is_no_difference(here: Workspace) -> None:
    """It is listed apart, by id; an increment has nothing to bring, and the comparison says nothing else."""
    tried(here)
    assert follow.increment(here).run_id is None
    seen = shadow.compare(here)
    assert seen.differences == ()
    assert {one.record_id for one in seen.edits} == {"n1", "m1", "m3"}
    assert shadow.agreement(here).since is not None


def test_edits_do_not_block_the_switch_for_whoever_keeps_them(here: Workspace) -> None:
    """Without a word the switch stops and says the next command; with it the edits are in the live store."""
    tried(here)
    with pytest.raises(VerificationFailed) as caught:
        switch.go(here)
    assert caught.value.next_command == "pjais switch --keep-edits"
    assert switch.live(here).side == "old"
    switch.go(here, keep_edits=True)
    with pjais.open(here.data_dir) as store:
        assert store.memories.need("m1").content == "edited"
        assert store.memories.get("n1") is not None
    assert pjais.verify(here.data_dir).passed


def test_a_later_change_on_the_old_side_is_still_a_difference(here: Workspace) -> None:
    """Until an increment brings it, though the store was edited too."""
    tried(here)
    write(here, memory("m1", content="changed in the old app"), memory("m2"), memory("m3"))
    assert {one.record_id for one in shadow.compare(here).differences} == {"m1"}


def test_records_of_other_sources_are_no_difference(here: Workspace) -> None:
    """What was imported from a file that is not the old side is none of its business."""
    write(here, memory("m1"))
    follow.increment(here)
    other = here.data_dir / "other"
    other.mkdir()
    file = write_json(other, "x.json", personas=[persona("p9")], memories=[memory("x1", "p9")])
    pjais.migrate(here.data_dir, [file])
    seen = shadow.compare(here)
    assert (seen.count, seen.edit_count) == (0, 0)


# -- one rule for the current store


def test_a_switch_to_a_livestore_store_can_be_taken_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The undo and the comparison find the store that was switched to, without being told again."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1")])
    data = ["--data-dir", str(tmp_path)]
    assert run(["switch", "--to", "livestore", *data]) == 0
    assert run(["shadow", *data]) == 0
    assert not (tmp_path / "pjais.sqlite").exists()
    assert run(["switch", "--undo", *data]) == 0
    assert run(["verify", *data]) == 0
    capsys.readouterr()
    assert run(["status", "--json", *data]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["live"], told["active_side"]["live"]) == ("livestore", "old")


def test_a_target_outside_of_the_data_folder_never_becomes_its_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command goes on with the folder's own store; the other one is meant by name."""
    data, other = tmp_path / "data", tmp_path / "other"
    data.mkdir()
    write_json(data, personas=[persona("p1")], memories=[memory("m1")])
    at = ["--data-dir", str(data)]
    assert run(["migrate", *at, "-q"]) == 0
    assert run(["migrate", "--to", "livestore", "--target", str(other), *at, "-q"]) == 0
    capsys.readouterr()
    for command in (["status"], ["verify"], ["backup", "create"], ["shadow"], ["export"], ["checklist", "pre"]):
        assert run([*command, *at]) == 0, command
        assert str(other) not in capsys.readouterr().out.split("run ")[0], command
    assert run(["status", "--json", *at]) == 0
    assert json.loads(capsys.readouterr().out)["store"]["path"] == str(data / "pjais.sqlite")
    assert run(["verify", "--target", str(other), *at]) == 0
    assert run(["rollback", *at]) == 0
    assert not (data / "pjais.sqlite").exists()
    assert run(["verify", "--target", str(other), *at]) == 0
