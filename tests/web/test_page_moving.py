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


def open_editor(page: Page) -> None:
    """Unfold the form, unless the browser kept it open."""
    if page.locator("#edit:not([open])").count():
        page.get_by_text("Edit document").click()


def test_a_document_is_edited_and_another_discarded(looks: Looks, tmp_path: Path) -> None:
    """A rejected document is shown whole with the reasons; edited it is a record like any other."""
    write(tmp_path, memory("good"), memory("lost", "nobody", name="Whose is it?"), memory("odd", "no one"))
    pjais.migrate(tmp_path, on_invalid="quarantine")
    owner = looks(tmp_path)
    page = owner.window("/")
    page.get_by_text("2 documents are in quarantine").wait_for()
    page.get_by_role("link", name="Review", exact=True).click()
    page.get_by_role("link", name="Whose is it?").click()
    page.get_by_text("The persona of this memory does not exist").first.wait_for()
    assert page.locator("pre .bad").inner_text().strip() == '"personaId": "nobody",'
    open_editor(page)
    document = page.get_by_label("Document, as JSON")
    assert json.loads(document.input_value())["content"] == "content of lost"
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("heading", name="Still invalid").wait_for()
    assert "It stays in quarantine as it was." in text_of(page)
    page.go_back()
    open_editor(page)
    document.fill("{no JSON")
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("heading", name="not JSON").wait_for()
    page.go_back()
    assert document.input_value() == "{no JSON"
    open_editor(page)
    document.fill(json.dumps(memory("lost", "p1", content="found again")))
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("found again").first.wait_for()
    owner.go(page, "/quarantine")
    page.get_by_role("link", name="content of odd").click()
    press(page, "Discard…")
    page.get_by_role("heading", name="Nothing is left to review").wait_for()
    page.get_by_role("link", name="Imported 1").click()
    page.locator(".list.links", has_text="Whose is it?").wait_for()
    page.get_by_role("link", name="Discarded 1").click()
    page.locator(".list.links", has_text="content of odd").wait_for()
    assert held(tmp_path) == {"good": "content of good", "lost": "found again"}
    assert page_world.verified(tmp_path)


def test_a_fix_is_proposed_and_done_for_all_with_the_same_problem(looks: Looks, tmp_path: Path) -> None:
    """A missing persona is chosen; a value of a wrong type is left out.  One copy of the store is made for each fix."""
    lost = [memory(f"lost{number}", "nobody") for number in range(3)]
    write(tmp_path, memory("good"), *lost, memory("odd") | {"importance": {"a": 1}})
    pjais.migrate(tmp_path, on_invalid="quarantine")
    page = looks(tmp_path).window("/quarantine")
    page.get_by_role("link", name="content of lost1").click()
    page.get_by_label("Persona").select_option(label="Ada")
    page.get_by_text("Do the same for 2 others with this problem").wait_for()
    press(page, "Fix and import")
    page.get_by_text("3 documents imported").wait_for()
    page.get_by_role("heading", name="content of odd").wait_for()
    press(page, "Import without importance")
    page.get_by_text("1 document imported").wait_for()
    assert set(held(tmp_path)) == {"good", "lost0", "lost1", "lost2", "odd"}
    assert len(list((tmp_path / "backups").glob("*-before-replay"))) == 2
    assert page_world.verified(tmp_path)


def test_a_retry_imports_what_is_valid_meanwhile(looks: Looks, tmp_path: Path) -> None:
    write(tmp_path, memory("lost", "p2"))
    pjais.migrate(tmp_path, on_invalid="quarantine")
    with pjais.open(tmp_path) as store:
        store.personas.create(id="p2", name="Bea")
    page = looks(tmp_path).window("/quarantine")
    press(page, "Retry all")
    page.get_by_text("1 document imported").wait_for()
    assert set(held(tmp_path)) == {"lost"}


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
    page = owner.window("/import")
    page.get_by_role("link", name="Roll back").click()
    page.get_by_text("1 added, 1 edited, 0 removed.").wait_for()
    assert "written later" in text_of(page, "#later"), "names, not ids"
    press(page, "Roll back, export what was written since")
    page.get_by_role("heading", name="Rolled back").wait_for()
    (file,) = (tmp_path / "backups").rglob("later.pjais.json")
    assert str(file) in text_of(page)
    assert {"written later", "edited later"} <= {one["content"] for one in json.loads(file.read_text())["memories"]}
    assert held(tmp_path) == before
    assert page_world.verified(tmp_path)
    owner.go(page, "/rollback")
    page.get_by_text("Nothing was written since").wait_for()
    press(page, "Roll back")
    page.get_by_role("heading", name="Rolled back").wait_for()
    assert not (tmp_path / "pjais.sqlite").exists()


def test_backups_are_made_verified_and_written_beside(looks: Looks, tmp_path: Path) -> None:
    write(tmp_path, memory("m1"))
    original = (tmp_path / "data.json").read_bytes()
    pjais.migrate(tmp_path)
    page = looks(tmp_path).window("/backups")
    rows_shown = page.locator("#backups tbody tr")
    assert rows_shown.count() == 1
    press(page, "Back up now")
    page.get_by_text("Backed up", exact=True).wait_for()
    assert rows_shown.count() == 2
    rows_shown.first.get_by_role("button", name="Verify").click()
    page.get_by_text("Every file of backup").wait_for()
    rows_shown.last.get_by_role("button", name="Restore to new folder").click()
    page.get_by_text(re.compile("files restored")).wait_for()
    (restored,) = (tmp_path / "restored").rglob("data.json")
    assert restored.read_bytes() == original


def test_a_backup_that_is_not_valid_is_named(looks: Looks, tmp_path: Path) -> None:
    write(tmp_path, memory("m1"))
    pjais.migrate(tmp_path)
    (copy,) = (one for one in (tmp_path / "backups").rglob("data.json*") if one.is_file())
    copy.chmod(0o600)
    copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    page = looks(tmp_path).window("/backups")
    press(page, "Verify")
    page.get_by_role("heading", name="A backup is not valid").wait_for()
    assert "data.json" in text_of(page, "#failure")


def test_source_and_target_live_side_by_side_until_the_switch_and_back(looks: Looks, tmp_path: Path) -> None:
    """Sync, follow, compare, switch, and undo; a difference and an edit are shown with both values."""
    write(tmp_path, memory("m1"))
    pjais.migrate(tmp_path)
    page = looks(tmp_path).window("/cutover")
    write(tmp_path, memory("m1"), memory("m2"))
    press(page, "Sync now")
    page.get_by_text("1 new, 0 changed, 0 removed.").wait_for()
    assert set(held(tmp_path)) == {"m1", "m2"}
    write(tmp_path, memory("m1"), memory("m2") | {"importance": 52})
    page.get_by_role("button", name="Compare").first.click()
    difference = page.get_by_role("region", name="Differences").or_(
        page.locator("section[aria-labelledby=differences]")
    )
    row = difference.locator("tbody tr").first
    row.wait_for()
    assert re.split(r"[\n\t]+", row.inner_text())[:5] == [
        "content of m2",
        "Edited in the app",
        "importance",
        "52",
        "50",
    ]
    write(tmp_path, memory("m1"), memory("m2"))
    with pjais.open(tmp_path) as store:
        store.memories.update("m2", importance=51, updated_at=store.memories.need("m2").updated_at)
    press(page, "Compare again")
    edits = page.locator("section[aria-labelledby=edits] tbody tr")
    edits.wait_for()
    assert "Edited here" in edits.inner_text() and difference.locator("tbody tr").count() == 0
    press(page, "Switch and keep the edits")
    page.get_by_role("button", name="Switch back to the source").wait_for(timeout=240_000)
    press(page, "Switch back to the source")
    page.locator(".sides .card.active", has_text="Source").wait_for(timeout=240_000)
    with pjais.open(tmp_path) as store:
        store.memories.update("m2", importance=50, updated_at=store.memories.need("m2").updated_at)
    press(page, "Keep syncing")
    page.get_by_text("Syncing as it comes").wait_for()
    write(tmp_path, memory("m1"), memory("m2"), memory("m3"))
    page.get_by_text("1 new, 0 changed, 0 removed.").wait_for()
    assert set(held(tmp_path)) == {"m1", "m2", "m3"}
    press(page, "Stop syncing")
    page.get_by_role("button", name="Keep syncing").wait_for()
    press(page, "Compare again")
    page.get_by_text("No differences", exact=True).first.wait_for()
    press(page, "Switch to pjais.sqlite")
    page.get_by_role("button", name="Switch back to the source").wait_for(timeout=240_000)
    assert switch.live(resolve_workspace(tmp_path)).side == "new"
    with pjais.open(tmp_path) as store:
        store.memories.remember("on the target", persona="p1")
    page.get_by_text("1 added, 0 edited, 0 removed").wait_for()
    press(page, "Switch back to the source")
    page.get_by_role("button", name="Switch to pjais.sqlite").wait_for(timeout=240_000)
    assert switch.live(resolve_workspace(tmp_path)).side == "old"
    assert [one for one in tmp_path.rglob("*.json") if "on the target" in one.read_text("utf-8")]


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
    page = owner.window("/history")
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
    page.get_by_role("heading", name="Done").wait_for()
    owner.go(page, "/history")
    assert int(page.get_by_role("slider").input_value()) == last + 1
    owner.go(page, "/memories")
    page.get_by_role("heading", name="This data lives in a LiveStore store").wait_for()
