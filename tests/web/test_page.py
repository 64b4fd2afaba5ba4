"""The page in a browser: migrate and watch, search, change and see it everywhere, go back in time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import page_world
import pytest
from page_world import Looks, Shown, text_of

import pjais
from world import memory, persona, write_json

pytestmark = pytest.mark.oracle
pytest_plugins = ["page_fixtures"]
_WATCHED = """addEventListener("DOMContentLoaded", () => {
    window.seen = [];
    const look = () => {
        const now = document.querySelector("#migrate .verdict h2")?.textContent;
        if (now && seen.at(-1) !== now) seen.push(now);
    };
    look();
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
})"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A migrated folder with two personas and three memories."""
    write_json(
        tmp_path,
        personas=[persona("p1", name="Ada"), persona("p2", name="Bea")],
        memories=[memory(f"m{number}", name=f"Name {number}") for number in (1, 2, 3)],
    )
    pjais.migrate(tmp_path)
    return tmp_path


def elsewhere(folder: Path, code: str) -> None:
    """Another process writes to the store."""
    text = f"import pjais, sys\nwith pjais.open(sys.argv[1]) as store: {code}"
    subprocess.run([sys.executable, "-c", text, str(folder)], check=True, timeout=600)


def test_a_migration_is_begun_watched_and_adds_up(looks: Looks, tmp_path: Path) -> None:
    """From what was found over the review to the proof; what it made is what `pjais verify` proves."""
    folder = page_world.sample(tmp_path / "data")
    # so many that there is time to watch
    many = [memory(f"more{number}", name=f"More {number}") for number in range(20_000)]
    write_json(folder, "more.json", personas=[persona()], memories=many)
    owner = looks(folder)
    owner.context.add_init_script(_WATCHED)
    page = owner.window("/")
    page.get_by_role("link", name="Review and migrate").click()
    assert page.locator(".steps [aria-current=step]").inner_text().startswith("1")
    page.get_by_role("link", name="Review", exact=True).click()
    page.get_by_role("button", name="Migrate now").click()
    page.get_by_text("Migration done").wait_for(timeout=240_000)
    seen = page.evaluate("seen")
    assert [one for one in seen if re.fullmatch(r"Importing, \d+%", one)], seen
    assert seen[-1] == "Migration done"
    assert page.get_by_role("button", name="Choose folder…").or_(page.get_by_text("Choose folder…")).first.is_visible()
    page.get_by_role("link", name="Open the proof").click()
    page.get_by_text("7 of 7 checks passed").wait_for()
    numbers = [int(one.replace(",", "")) for one in page.locator(".verdict .sum li b").all_inner_texts()]
    assert sum(numbers[:-1]) == numbers[-1] > 20_000
    assert page.locator(".verdict .sum", has_text="1 in quarantine").count() == 1
    assert page_world.verified(folder)
    owner.go(page, "/")
    page.get_by_text(f"{numbers[-1]:,} documents reconciled").wait_for()
    page.get_by_role("button", name="Verify again").click()
    page.get_by_text("Verified, no differences").wait_for(timeout=240_000)


def test_a_run_of_somebody_else_is_seen(looks: Looks, tmp_path: Path) -> None:
    """The page of an empty folder shows what came, what was migrated elsewhere, and what was then taken away."""
    page = looks(tmp_path).window("/personas")
    page.locator("#problem").wait_for()
    write_json(tmp_path, personas=[persona("p1", name="Ada")])
    pjais.migrate(tmp_path)
    page.get_by_role("link", name="Ada").wait_for()
    store = tmp_path / "pjais.sqlite"
    store.rename(tmp_path / "elsewhere.sqlite")
    page.locator("#missing").wait_for()
    assert "There is no store here yet" in text_of(page, "#missing")
    assert page.get_by_role("link", name="Ada").is_visible()
    (tmp_path / "elsewhere.sqlite").rename(store)
    page.locator("#missing").wait_for(state="hidden")


def test_search_follows_what_is_typed(looks: Looks, sample: Shown) -> None:
    """Hits are marked, the focus stays in the field, filters narrow, and the address can be kept."""
    with pjais.open(sample.folder) as store:
        count = store.memories.search_page("tea", prefix=True).total
    page = looks(sample).window("/memories")
    whole = text_of(page, "#found")
    page.locator("#q").press_sequentially("tea", delay=20)
    page.locator("#found", has_text=re.compile(f"^{count} of ")).wait_for()
    assert page.locator("#q").evaluate("one => one === document.activeElement && one.value") == "tea"
    marks = [one.lower() for one in page.locator("#results mark").all_inner_texts()]
    assert marks and all(one.startswith("tea") for one in marks)
    page.locator("#facets .hide-s").get_by_role("link", name=re.compile("^Hot")).click()
    page.wait_for_url(re.compile("q=tea&tier=hot$"))
    page.locator("#found", has_text=re.compile(rf"^(?!{count} )\d+ of ")).wait_for()
    assert {one.strip() for one in page.locator("#results tbody .tier").all_inner_texts()} <= {"Hot", "Active"}
    narrowed = text_of(page, "#results")
    page.reload()
    assert text_of(page, "#results") == narrowed
    page.locator("#q").fill("no such words anywhere")
    page.get_by_role("heading", name="No memory matches").wait_for()
    page.get_by_role("link", name="Clear filters").click()
    page.get_by_text(whole, exact=True).wait_for()


def test_another_persona_is_activated_and_every_window_shows_it(looks: Looks, small: Path) -> None:
    owner = looks(small)
    first, second = owner.window("/personas"), owner.window("/personas?limit=9")
    second.evaluate("window.same = true")
    for name in ("Bea", "Ada"):
        card = first.locator(".persona-card", has_text=name)
        if card.get_by_role("button", name="Activate").count():
            card.get_by_role("button", name="Activate").click()
        first.goto(f"{owner.origin}/personas")
        assert f"{name} Active" in text_of(first, ".persona-card[aria-current]")
        second.locator(".persona-card[aria-current]", has_text=name).wait_for()
    assert second.evaluate("window.same")


def test_an_edit_is_seen_in_every_window(looks: Looks, small: Path) -> None:
    """In the one that was edited, in another, and when another process wrote it; without loading anything again."""
    owner = looks(small)
    first, second = owner.window("/memory?id=m1"), owner.window("/memory?id=m1")
    second.evaluate("window.same = true")
    first.get_by_role("link", name="Edit").click()
    first.get_by_role("textbox", name="Content").fill("one line\nand another <b>line</b>")
    first.get_by_role("textbox", name="Tags").fill("red, green")
    first.get_by_role("button", name="Save").click()
    for page in (first, second):
        page.locator("#content", has_text="and another <b>line</b>").wait_for()
        page.get_by_role("link", name="green").wait_for()
        page.locator("#versions ins", has_text="another").wait_for()
    elsewhere(small, "store.memories.update('m1', content='from elsewhere')")
    for page in (first, second):
        page.locator("#content", has_text="from elsewhere").wait_for()
    assert second.evaluate("window.same")


def test_what_is_typed_stays_while_others_write(looks: Looks, small: Path) -> None:
    """And what was not touched here is not written back over what they wrote."""
    page = looks(small).window("/memory?id=m1")
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("textbox", name="Content").fill("half a sent")
    page.get_by_role("button", name="Save").focus()
    elsewhere(small, "store.memories.update('m1', name='Renamed', importance=77)")
    page.get_by_role("heading", name="Renamed").wait_for()
    assert page.get_by_role("textbox", name="Content").input_value() == "half a sent"
    assert page.evaluate("document.activeElement.textContent") == "Save"
    page.get_by_role("button", name="Save").click()
    page.locator("#content", has_text="half a sent").wait_for()
    with pjais.open(small) as store:
        found = store.memories.need("m1")
    assert (found.name, found.content, found.importance) == ("Renamed", "half a sent", 77)


def test_what_is_open_and_where_the_focus_is_stays(looks: Looks, sample: Shown) -> None:
    """When the page around it is brought up to date."""
    elsewhere(sample.folder, f"store.personas.update({sample.known.persona!r}, settings={{'tone': 'calm'}})")
    page = looks(sample).window(f"/persona?id={sample.known.persona}")
    page.locator("main summary", has_text="Settings").click()
    page.locator("main").get_by_role("link", name="Insights").focus()
    elsewhere(sample.folder, f"store.personas.update({sample.known.persona!r}, description='Another description')")
    page.get_by_text("Another description").first.wait_for()
    assert page.locator("main details", has_text="Settings").first.get_attribute("open") is not None
    assert page.evaluate("document.activeElement.textContent") == "Insights"


def test_time_is_travelled_with_the_slider_and_a_field_comes_back(looks: Looks, small: Path) -> None:
    """The slider follows what happens; a field is brought back from there, and that can be undone and done again."""
    with pjais.open(small) as store:
        store.memories.update("m1", content="second")
        store.memories.update("m1", content="third")
    page = looks(small).window("/history")
    slider = page.get_by_role("slider")
    assert slider.input_value() == slider.get_attribute("max") == "2"
    page.get_by_role("heading", name="The store now").wait_for()
    slider.focus()
    page.keyboard.press("ArrowLeft")
    row = page.locator("#full tr", has_text="content")
    row.get_by_text("third").wait_for()
    assert [one.inner_text() for one in row.locator("td").all()][:3] == ["content", "second", "third"]
    assert page.evaluate("document.activeElement.id") == "at"
    page.keyboard.press("Home")
    row.get_by_text("content of m1").wait_for()
    page.get_by_role("heading", name="As migrated").wait_for()
    elsewhere(small, "store.memories.update('m2', content='other')")
    page.locator("#full tr", has_text="other").wait_for()
    assert slider.get_attribute("max") == "3"
    row.filter(has_text="third").get_by_role("button", name="Restore").click()
    page.locator("#full tr", has_text="third").wait_for(state="detached")
    assert content(small, "m1") == "content of m1"
    page.get_by_role("button", name="Undo last change").click()
    page.get_by_role("button", name="Redo").wait_for()
    assert content(small, "m1") == "third"
    page.get_by_role("button", name="Redo").click()
    page.get_by_role("button", name="Redo").wait_for(state="detached")
    assert content(small, "m1") == "content of m1"


def test_a_field_comes_back_on_the_page_of_its_record(looks: Looks, small: Path) -> None:
    with pjais.open(small) as store:
        store.memories.update("m1", content="second")
        store.memories.update("m1", name="Third")
    page = looks(small).window("/memory?id=m1")
    page.get_by_label("Compare").select_option("1")
    page.get_by_role("button", name="Compare").click()
    page.locator("#versions tr", has_text="Content").get_by_role("button", name="Restore").click()
    page.locator("#content", has_text="content of m1").wait_for()
    page.get_by_role("heading", name="Third").wait_for()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Restore memory").click()
    page.get_by_role("button", name="Delete").wait_for()
    assert content(small, "m1") == "content of m1"


def content(folder: Path, memory_id: str) -> object:
    with pjais.open(folder) as store:
        return store.memories.need(memory_id).content


def test_a_memory_is_written_down(looks: Looks, small: Path) -> None:
    with pjais.open(small) as store:
        store.personas.activate("p2")
    page = looks(small).window("/memories")
    page.get_by_role("link", name="Add memory").click()
    page.get_by_label("New memory").fill("a new thing\nof two lines")
    page.get_by_role("button", name="Add memory").click()
    page.locator("#content", has_text="a new thing").wait_for()
    page.locator("#beside").get_by_role("link", name="Bea").wait_for()


def test_a_page_whose_program_has_ended_says_so(looks: Looks, small: Path) -> None:
    """And keeps what it shows."""
    owner = looks(small)
    page = owner.window("/personas")
    owner.served.process.terminate()
    page.locator("#gone").wait_for()
    assert page.get_by_role("link", name="Ada").is_visible()
    page.close()
    owner.said.clear()  # that nobody answers is what the browser says, too


def test_many_windows_are_open_at_once(looks: Looks, small: Path) -> None:
    """A browser holds six connections to one server: windows in the background must not use them up."""
    owner = looks(small)
    pages = [owner.window("/personas") for _ in range(8)]
    elsewhere(small, "store.personas.update('p1', name='Ada the second')")
    for page in pages:
        page.bring_to_front()
        page.get_by_role("link", name="Ada the second").wait_for()
