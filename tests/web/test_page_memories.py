"""Memories in a browser: table and cards, facets, selection with undo, keys, exports, versions, hostile content."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import page_world
import pytest
from page_world import Looks, Shown, served, text_of

import pjais
from world import memory, persona, write_json

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.oracle
pytest_plugins = ["page_fixtures"]
_MANY = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A migrated folder with two personas and sixty memories."""
    memories = [
        memory(
            f"m{number}",
            "p1" if number % 3 else "p2",
            name=f"Name {number:02}",
            content=f"content {number}",
            type="fact" if number % 2 else "event",
            memoryTier="warm",
            importance=number,
            tags=["odd" if number % 2 else "even", *(["few"] if number < 3 else [])],
        )
        for number in range(_MANY)
    ]
    write_json(tmp_path, personas=[persona("p1", name="Ada"), persona("p2", name="Bea")], memories=memories)
    pjais.migrate(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A served folder in which names, tags and Markdown are attacks."""
    page_world.require()
    folder = tmp_path_factory.mktemp("nasty")
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    text = f"{evil}\n\n[a](javascript:alert(1)) [b](https://example.org/) ![c](https://example.org/x.png)\n\n# Title"
    memories = [
        memory("m1", name=evil, content=text, tags=[evil, "a,b", '"q"'], type=evil[:40]),
        memory("m2", name="x" * 5000, content={"text": evil, evil: [evil]}, tags=["y" * 3000]),
    ]
    write_json(folder, personas=[persona("p1", name=evil * 3)], memories=memories)
    pjais.migrate(folder)
    with served(folder) as page:
        yield Shown(folder, page, page_world.Known("p1", "m1", "", 0))


def names(page: Page) -> list[str]:
    return [one.strip() for one in page.locator("[data-row] a.plain").all_inner_texts()]


def tagged(folder: Path, tag: str) -> int:
    with pjais.open(folder) as store:
        return len(store.memories.by_tags(tag))


def test_columns_sort_and_cards_show_the_same(looks: Looks, folder: Path) -> None:
    page = looks(folder).window("/memories")
    assert text_of(page, "#found") == "60 memories of 2 personas"
    assert names(page)[:2] == ["Name 59", "Name 58"]
    page.get_by_role("columnheader", name="Memory").get_by_role("link").click()
    page.wait_for_url(re.compile("order=-name"))
    page.get_by_role("columnheader", name="Memory").get_by_role("link").click()
    page.wait_for_url(re.compile("order=name"))
    assert names(page)[:2] == ["Name 00", "Name 01"]
    assert page.get_by_role("columnheader", name="Memory").get_attribute("aria-sort") == "ascending"
    page.get_by_role("link", name="Cards").click()
    assert page.locator(".memo").count() == 48
    assert names(page)[:2] == ["Name 00", "Name 01"]
    page.get_by_role("link", name="Next page").click()
    assert names(page) == [f"Name {number}" for number in range(48, 60)]


def test_facets_narrow_and_their_chips_take_it_back(looks: Looks, folder: Path) -> None:
    """Counts add up; a value is chosen and removed by the same link."""
    page = looks(folder).window("/memories")
    facets = page.locator("#facets .hide-s")
    assert re.sub(r"\s+", " ", facets.locator("section", has_text="Type").inner_text()) == "Type Event 30 Fact 30"
    facets.get_by_role("link", name="fact").click()
    page.wait_for_url(re.compile("type=fact"))
    assert text_of(page, "#found") == "30 of 60 memories"
    facets.get_by_role("link", name="few").click()
    page.wait_for_url(re.compile("tag=few"))
    assert names(page) == ["Name 01"]
    facets.get_by_role("link", name="Bea 0").wait_for(state="detached")
    page.get_by_role("link", name="Remove filter fact").click()
    page.wait_for_url(lambda address: "type=" not in address)
    assert text_of(page, "#found") == "3 of 60 memories"
    facets.get_by_role("link", name="few").click()
    page.wait_for_url(lambda address: "tag=" not in address)
    assert text_of(page, "#found") == "60 memories of 2 personas"


def test_the_whole_facet_leads_back_to_the_list(looks: Looks, folder: Path) -> None:
    with pjais.open(folder) as store, store.transaction():
        for number in range(12):
            store.memories.update(f"m{number}", tags=[f"tag {number}", "of, two"])
    page = looks(folder).window("/memories?type=fact")
    page.locator("#facets .hide-s").get_by_role("link", name=re.compile("more…")).click()
    page.get_by_role("heading", name="Memories by tag").wait_for()
    page.get_by_role("link", name="of, two 6").click()
    page.wait_for_url(re.compile("/memories"))
    assert text_of(page, "#found") == "6 of 60 memories"
    page.get_by_role("link", name="Remove filter tag of, two").wait_for()


def test_selected_memories_are_tagged_and_that_is_undone_at_once(looks: Looks, folder: Path) -> None:
    """In one transaction; another window sees both."""
    owner = looks(folder)
    page, other = owner.window("/memories?order=name"), owner.window("/memories?tag=safety")
    other.get_by_role("heading", name="No memory matches").wait_for()
    bulk = page.locator(".bulk")
    assert not bulk.is_visible()
    page.bring_to_front()
    page.get_by_label("Select Name 01").check()
    page.get_by_label("Select Name 04").click(modifiers=["Shift"])
    page.get_by_text("4 selected").wait_for()
    bulk.locator("summary").click()
    bulk.get_by_label("Tag", exact=True).fill("safety")
    page.keyboard.press("Enter")
    page.get_by_text("Tag “safety” added to 4 memories").wait_for()
    assert tagged(folder, "safety") == 4
    with pjais.open(folder) as store:
        assert len(store.undoable()) == 1
    other.bring_to_front()
    other.get_by_role("link", name="Name 04").wait_for()
    page.bring_to_front()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Undone: Tag “safety” added to").wait_for()
    assert tagged(folder, "safety") == 0
    other.bring_to_front()
    other.get_by_role("heading", name="No memory matches").wait_for()


def test_everything_that_passes_the_filter_is_changed(looks: Looks, folder: Path) -> None:
    """More than the page holds, and nothing else."""
    page = looks(folder).window("/memories?tier=warm")
    page.get_by_label("Select all on this page").check()
    page.get_by_text("50 selected").wait_for()
    page.get_by_label("All 60").check()
    page.get_by_role("button", name="Promote").click()
    page.get_by_text("Promoted 60 memories").wait_for()
    with pjais.open(folder) as store:
        assert len(store.memories.by_tier("hot")) == _MANY
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Undone").wait_for()
    with pjais.open(folder) as store:
        assert len(store.memories.by_tier("warm")) == _MANY


def test_an_undo_whose_operation_is_not_the_last_one_undoes_nothing(looks: Looks, folder: Path) -> None:
    page = looks(folder).window("/memory?id=m1")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").wait_for()
    with pjais.open(folder) as store:
        store.memories.update("m2", name="Later")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("heading", name=re.compile("Something newer stands on it")).wait_for()
    with pjais.open(folder) as store:
        assert store.memories.need("m2").name == "Later" and store.memories.need("m1").deleted_at


def test_deleted_memories_are_listed_and_restored(looks: Looks, folder: Path) -> None:
    page = looks(folder).window("/memories?order=name")
    page.get_by_label("Select Name 00").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("Deleted 1 memory").wait_for()
    page.goto(page.url.partition("?")[0] + "?deleted=true")
    page.get_by_role("heading", name="Deleted memories").wait_for()
    assert names(page) == ["Name 00"]
    page.get_by_label("Select Name 00").check()
    page.locator(".bulk").get_by_role("button", name="Restore").click()
    page.get_by_role("heading", name="Nothing is deleted").wait_for()


def test_the_keyboard_alone_selects_opens_and_undoes(looks: Looks, folder: Path) -> None:
    page = looks(folder).window("/memories?order=name")
    for key in ("j", "j", "x", "j", "x"):
        page.keyboard.press(key)
    page.get_by_text("2 selected").wait_for()
    assert page.get_by_label("Select Name 01").is_checked() and page.get_by_label("Select Name 02").is_checked()
    page.locator(".bulk").get_by_role("button", name="Delete").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Deleted 2 memories").wait_for()
    page.wait_for_load_state("load")  # the keys are a script's
    page.keyboard.press("u")
    page.get_by_text("Undone").wait_for()
    page.wait_for_load_state("load")
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/memory"))


def test_a_selection_stays_while_others_write(looks: Looks, folder: Path) -> None:
    """Boxes belong to memories, not to rows."""
    page = looks(folder).window("/memories")
    page.get_by_label("Select Name 57").check()
    with pjais.open(folder) as store:
        store.memories.update("m3", importance=100)
    page.locator("[data-row]").first.get_by_text("Name 03").wait_for()
    assert page.get_by_label("Select Name 57").is_checked()
    assert page.locator("[data-row] input:checked").count() == 1


def test_what_is_shown_is_downloaded_in_each_format(looks: Looks, folder: Path) -> None:
    page = looks(folder, accept_downloads=True).window("/memories?type=fact&order=name&q=content")
    told = {}
    for name, suffix in (("CSV", "csv"), ("JSON", "json"), ("Markdown", "md")):
        if page.locator("details.menu[open]").count() == 0:
            page.locator("summary", has_text="Export").click()
        with page.expect_download() as found:
            page.get_by_role("link", name=re.compile(name)).click()
        assert found.value.suggested_filename == f"memories.{suffix}"
        told[name] = Path(found.value.path()).read_text("utf-8")
    rows = list(csv.DictReader(told["CSV"].splitlines()))
    records = json.loads(told["JSON"])
    assert [one["name"] for one in rows] == [one["name"] for one in records["records"]]
    assert rows[0]["name"] == "Name 01" and rows[0]["memoryTier"] == "warm" and len(rows) == records["count"] == 30
    assert records["records"][0]["source"] == {"kind": "json", "name": "data.json"}
    assert "## Name 01\n\ncontent 1\n" in told["Markdown"]


def test_rows_are_as_close_as_the_owner_wants_them(looks: Looks, folder: Path) -> None:
    page = looks(folder).window("/memories?type=fact")
    page.get_by_role("button", name="Compact rows").click()
    page.locator("html[data-density=compact]").wait_for(state="attached")
    assert "type=fact" in page.url
    page.get_by_role("button", name="Compact rows").click()
    page.locator("html:not([data-density])").wait_for(state="attached")


def test_versions_are_compared_word_by_word_and_restored(looks: Looks, folder: Path) -> None:
    with pjais.open(folder) as store:
        store.memories.update("m1", content="two long and one short blasts.", importance=80)
        store.memories.update("m1", content="two long and one short blast.", importance=94)
    page = looks(folder).window("/memory?id=m1")
    versions = page.locator("#versions")
    assert (text_of(page, "#versions .diff del"), text_of(page, "#versions .diff ins")) == ("blasts", "blast")
    page.get_by_label("Compare").select_option("1")
    versions.get_by_role("button", name="Compare").click()
    assert "content 1" in text_of(page, "#versions .diff")
    versions.get_by_role("button", name="Restore version 1").click()
    page.get_by_text("Restored an earlier version").wait_for()
    page.locator("#content", has_text="content 1").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.locator("#content", has_text="one short blast.").wait_for()
    row = versions.locator("tr", has_text="Importance").first
    row.get_by_role("button", name="Restore").click()
    page.get_by_text("Restored importance").wait_for()
    assert "one short blast." in text_of(page, "#content")


def test_selection_works_without_scripts(looks: Looks, folder: Path) -> None:
    page = looks(folder, java_script_enabled=False).window("/memories?order=name")
    assert not page.locator(".bulk").is_visible()
    page.get_by_label("Select Name 00").check()
    page.get_by_role("button", name="Promote").click()
    assert text_of(page, "#toasts").startswith("Promoted 1 memory")
    page.get_by_role("button", name="Undo").click()
    assert "Undone" in text_of(page, "#toasts")


def test_hostile_content_stays_text(looks: Looks, nasty: Shown) -> None:
    """No element of it is ever made, no link leads to a script, nothing is loaded from elsewhere."""
    owner = looks(nasty, viewport={"width": 390, "height": 844})
    page = owner.window("/memories")
    for path in ("/memories", "/memories?view=cards", "/memory?id=m1", "/memory?id=m2", "/facets", "/persona?id=p1"):
        owner.go(page, path)
        assert page.locator("main script, main img, main [onerror]").count() == 0, path
        assert page.locator("a[href^='javascript']").count() == 0, path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    owner.go(page, "/memory?id=m1")
    assert "<script>alert(1)</script>" in text_of(page, "#content")
    links = page.locator("#content a")
    assert [(one.get_attribute("href"), one.get_attribute("rel")) for one in links.all()] == [
        ("https://example.org/", "noopener noreferrer"),
        ("https://example.org/x.png", "noopener noreferrer"),
    ]
    assert [one.inner_text() for one in page.locator("h1, h2").all()].count("Title") == 0


@pytest.mark.parametrize(
    "look", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}]
)
def test_the_views_of_memories_are_accessible(looks: Looks, sample: Shown, look: dict[str, object]) -> None:
    """With something selected, and every part opened."""
    page_world.require(axe=True)
    axe = page_world.AXE.read_text("utf-8")
    owner = looks(sample, **look)
    page = owner.window("/memories")
    known = sample.known
    for path in (
        "/memories",
        "/memories?view=cards&q=tea",
        "/memories?q=nothing+has+this",
        "/memories?add=1&type=fact",
        "/facets",
        f"/memory?id={known.memory}&edit=1",
        f"/memory?id={known.memory}&as=json",
        "/personas",
        f"/persona?id={known.persona}&edit=1",
    ):
        owner.go(page, path)
        page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
        if page.locator("[data-row] .pick input").count():
            page.locator("[data-row] .pick input").first.check()
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found["violations"]] == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
