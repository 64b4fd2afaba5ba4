"""Migrations in a browser: quarantine, rollback, backups, old and new, and a LiveStore store through time."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import page_world
import pytest
from page_world import Looks, text_of

import pjais
from pjais.side_by_side import switch
from pjais.targets.livestore import target
from pjais.targets.livestore.writer import event
from pjais.workspace import resolve_workspace
from world import memory, persona, rows, write_json

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.oracle
pytest_plugins = ["page_fixtures"]


def write(folder: Path, *memories: dict[str, object]) -> None:
    """The old app writes its file anew."""
    write_json(folder, personas=[persona("p1", name="Ada")], memories=list(memories))


def held(folder: Path) -> dict[str, str]:
    """The memories of the store."""
    return dict(rows(folder / "pjais.sqlite", "SELECT id, content FROM memory_entities"))


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def test_a_document_is_mended_and_another_put_aside(looks: Looks, tmp_path: Path) -> None:
    """What could not go in is shown whole with the reasons; mended it is a record like any other."""
    write(tmp_path, memory("good"), memory("lost", "nobody"), memory("odd", "no one"))
    pjais.migrate(tmp_path, on_invalid="quarantine")
    owner = looks(tmp_path)
    page = owner.window("/")
    page.get_by_text("2 documents are in quarantine.").wait_for()
    page.get_by_role("link", name="Look at them").click()
    page.get_by_role("link", name="memories lost").click()
    page.get_by_text("refers to a record of personas that does not exist").wait_for()
    document = page.get_by_label("The document, as JSON")
    assert json.loads(document.input_value())["content"] == "content of lost"
    press(page, "Import")
    page.get_by_role("heading", name="It is still invalid").wait_for()
    assert "It stays in quarantine as it was." in text_of(page)
    page.go_back()
    document.fill("{no JSON")
    press(page, "Import")
    page.get_by_role("heading", name="not JSON").wait_for()
    page.go_back()
    assert document.input_value() == "{no JSON"
    document.fill(json.dumps(memory("lost", "p1", content="found again")))
    press(page, "Import")
    page.locator("#content", has_text="found again").wait_for()
    page.get_by_role("link", name="Ada").wait_for()
    owner.go(page, "/quarantine").get_by_role("link", name="memories odd").click()
    press(page, "Discard")
    page.get_by_text("The quarantine is empty.").wait_for()
    page.get_by_role("link", name="Show all").click()
    page.locator("tr", has_text="memories lost").get_by_text("imported").wait_for()
    page.locator("tr", has_text="memories odd").get_by_text("discarded").wait_for()
    assert held(tmp_path) == {"good": "content of good", "lost": "found again"}
    assert page_world.verified(tmp_path)


def test_a_rollback_shows_what_would_go_and_keeps_it_in_a_file(looks: Looks, tmp_path: Path) -> None:
    """The store is then what it was before."""
    write(tmp_path, memory("m1"))
    pjais.migrate(tmp_path)
    before = held(tmp_path)
    write(tmp_path, memory("m1"), memory("m2"))
    pjais.migrate(tmp_path)
    with pjais.open(tmp_path) as store:
        store.memories.remember("written later", persona="p1")
        store.memories.update("m1", content="edited later")
    owner = looks(tmp_path)
    page = owner.window("/migrate")
    page.get_by_role("link", name="Roll back").click()
    page.get_by_text("Since then 1 records were added, 1 edited, 0 removed.").wait_for()
    assert "m1" in text_of(page, "#later")
    press(page, "Roll back, and keep what was written since in a file")
    page.get_by_text("Rollback: done").wait_for()
    (file,) = (tmp_path / "backups").rglob("later.pjais.json")
    assert {"written later", "edited later"} <= {one["content"] for one in json.loads(file.read_text())["memories"]}
    assert held(tmp_path) == before
    owner.go(page, "/memories").get_by_role("link", name="content of m1").wait_for()
    assert page_world.verified(tmp_path)
    owner.go(page, "/rollback")
    page.get_by_text("Nothing was written since.").wait_for()
    press(page, "Roll back")
    page.get_by_text("Rollback: done").wait_for()
    assert not (tmp_path / "pjais.sqlite").exists()


def test_backups_are_made_verified_and_written_beside(looks: Looks, tmp_path: Path) -> None:
    write(tmp_path, memory("m1"))
    original = (tmp_path / "data.json").read_bytes()
    pjais.migrate(tmp_path)
    page = looks(tmp_path).window("/backups")
    rows_shown = page.locator("#backups tbody tr")
    assert rows_shown.count() == 1
    press(page, "Back up now")
    page.get_by_text("Backup: done").wait_for()
    assert rows_shown.count() == 2
    rows_shown.first.get_by_role("button", name="Verify").click()
    page.get_by_text(re.compile("^Sound: ")).wait_for()
    rows_shown.last.get_by_role("button", name="Restore to new folder").click()
    page.get_by_text(re.compile("files are in")).wait_for()
    (restored,) = (tmp_path / "restored").rglob("data.json")
    assert restored.read_bytes() == original


def test_a_backup_that_is_not_sound_is_named(looks: Looks, tmp_path: Path) -> None:
    write(tmp_path, memory("m1"))
    pjais.migrate(tmp_path)
    (copy,) = (one for one in (tmp_path / "backups").rglob("data.json*") if one.is_file())
    copy.chmod(0o600)
    copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    page = looks(tmp_path).window("/backups")
    press(page, "Verify")
    page.get_by_text("Check backup: failed").wait_for()
    assert "data.json" in text_of(page, "#backups .note")


def test_old_and_new_live_side_by_side_until_the_switch_and_back(looks: Looks, tmp_path: Path) -> None:
    """Bring over, follow, compare, switch, and go back; a difference and an edit are named with their fields."""
    write(tmp_path, memory("m1"))
    pjais.migrate(tmp_path)
    page = looks(tmp_path).window("/sides")
    write(tmp_path, memory("m1"), memory("m2"))
    press(page, "Sync now")
    page.get_by_text("1 new, 0 changed, 0 removed.").wait_for()
    assert set(held(tmp_path)) == {"m1", "m2"}
    write(tmp_path, memory("m1"), memory("m2") | {"importance": 52})
    press(page, "Compare old and new")
    difference = page.locator("#sides tbody tr")
    difference.wait_for()
    assert "m2" in difference.inner_text() and "importance" in difference.inner_text()
    write(tmp_path, memory("m1"), memory("m2"))
    with pjais.open(tmp_path) as store:
        store.memories.update("m2", importance=51, updated_at=store.memories.need("m2").updated_at)
    press(page, "Compare old and new")
    page.get_by_text("1 edit in the new store since the migration").wait_for()
    assert difference.count() == 0
    assert "m2 importance" in page.locator("#sides").inner_text()
    press(page, "Switch to the new side")
    page.get_by_text("nothing was switched").wait_for()
    page.get_by_text("The old side is live.").first.wait_for()
    page.get_by_role("button", name="Switch, and keep the edits").wait_for()
    with pjais.open(tmp_path) as store:
        store.memories.update("m2", importance=50, updated_at=store.memories.need("m2").updated_at)
    press(page, "Keep following")
    page.get_by_text("is brought over as it comes").wait_for()
    write(tmp_path, memory("m1"), memory("m2"), memory("m3"))
    page.get_by_text("1 new, 0 changed, 0 removed.").wait_for()
    assert set(held(tmp_path)) == {"m1", "m2", "m3"}
    press(page, "Stop following")
    page.get_by_role("button", name="Keep following").wait_for()
    press(page, "Switch to the new side")
    page.get_by_text("The new side is live.").wait_for()
    assert switch.live(resolve_workspace(tmp_path)).side == "new"
    with pjais.open(tmp_path) as store:
        store.memories.remember("on the new side", persona="p1")
    page.get_by_text("Written on the new side since: 1 added, 0 edited, 0 removed.").wait_for()
    press(page, "Go back to the old side")
    page.get_by_role("button", name="Switch to the new side").wait_for(timeout=240_000)
    assert switch.live(resolve_workspace(tmp_path)).side == "old"
    assert [one for one in tmp_path.rglob("*.json") if "on the new side" in one.read_text("utf-8")]


def test_a_livestore_store_is_travelled_through_its_events(looks: Looks, tmp_path: Path) -> None:
    """And a field comes back from there, as an event of today."""
    folder = tmp_path / "data"
    folder.mkdir()
    write(folder, memory("m1"))
    pjais.migrate(folder, to="livestore")
    target.at(folder / "livestore" / "pjais").append(
        [
            event("v1.MemoryEntityUpdated", id="m1", updates={"importance": 90}, updatedAt=2_000_000_060_000),
            event("v1.MemoryEntityUpdated", id="m1", updates={"content": "second"}, updatedAt=2_000_000_120_000),
        ]
    )
    owner = looks(folder)
    page = owner.window("/time")
    slider = page.get_by_role("slider")
    last = int(slider.input_value())
    page.get_by_role("heading", name="The store now").wait_for()
    slider.focus()
    page.keyboard.press("ArrowLeft")
    row = page.locator("#full tr", has_text="content of m1")
    row.get_by_text("second").wait_for()
    page.keyboard.press("ArrowLeft")
    page.locator("#full tr", has_text="importance").get_by_text("90").wait_for()
    page.keyboard.press("Home")
    page.get_by_text("Before the first event").wait_for()
    assert "not there" in text_of(page, "#full")
    slider.fill(str(last - 1))
    row.get_by_role("button", name="Restore").click()
    page.get_by_text("Restore: done").wait_for()
    owner.go(page, "/time")
    assert int(page.get_by_role("slider").input_value()) == last + 1
    owner.go(page, "/memories")
    page.get_by_role("heading", name="This data lives in a LiveStore store").wait_for()
