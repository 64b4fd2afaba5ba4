"""The page for everybody: by keyboard, on a phone, light and dark, without scripts; and for nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import page_world
import pytest
from page_world import Looks, Owner, Shown, text_of

import pjais
from world import memory, persona, write_json

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.oracle
pytest_plugins = ["page_fixtures"]
_PHONE = {"viewport": {"width": 390, "height": 800}}
_TARGETS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
_SEEN = """() => {
    const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
    const shape = at.closest("svg") ? at.querySelector("circle") : null;
    const drawn = shape ? getComputedStyle(shape).strokeWidth : style.outlineWidth;
    return { mark: window.targets?.indexOf(at) ?? -1, tag: at.tagName, drawn: parseFloat(drawn), name: at.textContent,
             there: box.width > 0 && box.left >= 0 && box.right <= innerWidth + 1 };
}"""


def views(owner: Owner, sample: Shown) -> Iterator[tuple[str, Page]]:
    """Every view in one window after the other, after some work was done."""
    page = owner.window("/")
    page.get_by_role("button", name="Verify again").click()
    page.get_by_text("Verified, no differences").wait_for(timeout=240_000)
    for path, address in sample.known.views(sample.folder).items():
        answer = page.goto(owner.origin + address, wait_until="load")
        assert answer is not None and answer.ok, (path, text_of(page))
        yield path, page


def test_every_view_fits_a_phone(looks: Looks, sample: Shown) -> None:
    """No page scrolls sideways; what is wide scrolls within itself."""
    owner = looks(sample, **_PHONE)
    for path, page in views(owner, sample):
        open_all(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, widest(page))
    owner.go(page, "/memory?id=nothing")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


def widest(page: Page) -> Any:
    """What is wider than the window."""
    return page.evaluate(
        "[...document.querySelectorAll('main *')].filter(one => one.getBoundingClientRect().right > innerWidth"
        " && !one.closest('.scroll')).slice(0, 5).map(one => one.outerHTML.slice(0, 120))"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_is_accessible(looks: Looks, sample: Shown, scheme: str) -> None:
    """axe-core finds nothing, with everything opened."""
    page_world.require(axe=True)
    axe = page_world.AXE.read_text("utf-8")
    for path, page in views(looks(sample, color_scheme=scheme), sample):
        open_all(page)
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found["violations"]] == [], path


def test_everything_is_reached_by_keyboard_and_seen(looks: Looks, sample: Shown) -> None:
    """Tab goes to every control once, in their order, and each shows that it is there."""
    owner = looks(sample)
    page = owner.window("/")
    for path in ("/overview", "/memories", "/memory", "/history", "/kept", "/insights", "/personas", "/backups"):
        owner.go(page, sample.known.views(sample.folder)[path])
        page.evaluate(
            "wanted => { const all = [...document.querySelectorAll(wanted)];"
            " window.targets = all.filter(one => one.checkVisibility()) }",
            _TARGETS,
        )
        wanted, reached = page.evaluate("targets.length"), []
        for _ in range(wanted + 40):
            page.keyboard.press("Tab")
            seen = page.evaluate(_SEEN)
            if seen["tag"] == "BODY":
                break
            if seen["mark"] >= 0 and seen["mark"] not in reached:
                reached.append(seen["mark"])
            assert seen["drawn"] >= 2 and seen["there"], (path, seen)
        missed = page.evaluate(
            "found => targets.filter((_, at) => !found.includes(at)).map(one => one.outerHTML)", reached
        )
        assert not missed, (path, missed)
        assert reached == list(range(wanted)), path


def test_the_first_key_skips_to_the_content(looks: Looks, sample: Shown) -> None:
    owner = looks(sample)
    page = owner.window("/personas")
    page.keyboard.press("Tab")
    assert page.evaluate(_SEEN)["name"] == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_a_slider_and_a_choice_work_by_keyboard(looks: Looks, sample: Shown) -> None:
    owner = looks(sample)
    page = owner.window("/memories")
    page.get_by_label("Sort by").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_url(re.compile("order="))
    assert page.evaluate("document.activeElement.name") == "order"


def test_everything_is_there_without_scripts(looks: Looks, sample: Shown) -> None:
    """Every view, search and filters."""
    owner = looks(sample, java_script_enabled=False)
    for path, page in views_without_scripts(owner, sample):
        assert len(text_of(page)) > 30, path
    owner.go(page, "/memories")
    page.get_by_label("Filter these memories").fill("tea")
    page.get_by_role("button", name="Filter", exact=True).click()
    assert page.locator("#results mark").count() > 0
    owner.go(page, "/history")
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    page.get_by_role("button", name="Show").click()
    assert "Change 0 of" in text_of(page)


def views_without_scripts(owner: Owner, sample: Shown) -> Iterator[tuple[str, Page]]:
    """Every view but the one of work: it is begun, and its page is loaded until it has ended."""
    page = owner.window("/")
    page.get_by_role("button", name="Verify again").click()
    for _ in range(100):
        if "no differences" in text_of(page):
            break
        page.wait_for_timeout(200)
        page.reload()
    for path, address in sample.known.views(sample.folder).items():
        owner.go(page, address)
        assert page.locator("#problem").count() == 0, (path, text_of(page))
        yield path, page


def test_forms_work_without_scripts(looks: Looks, tmp_path: Path) -> None:
    """An edit, what is brought back, and that what the form did not show stays as it is."""
    write_json(tmp_path, personas=[persona("p1", name="Ada")], memories=[memory("m1", tags=["a"], content=["x", 1.5])])
    pjais.migrate(tmp_path)
    with remembered(tmp_path) as before:
        owner = looks(tmp_path, java_script_enabled=False)
        page = owner.window("/memory?id=m1")
        page.get_by_role("link", name="Edit").click()
        page.get_by_label("Summary").fill("a summary")
        page.get_by_role("button", name="Save").click()
        page.locator("p", has_text="a summary").first.wait_for()
        page.locator("#versions tr", has_text="Summary").get_by_role("button", name="Restore").click()
        page.get_by_text("3 versions").wait_for()
    assert before["content"] == ["x", 1.5]
    owner.go(page, "/personas")
    page.get_by_role("button", name="Activate").click()
    page.get_by_text("Active", exact=True).wait_for()


@contextmanager
def remembered(folder: Path) -> Iterator[dict[str, Any]]:
    """The fields of the memory, which are the same at the end."""

    def fields() -> dict[str, Any]:
        with pjais.open(folder) as store:
            one = store.memories.need("m1")
            return {name: getattr(one, name) for name in ("name", "content", "summary", "tags", "importance", "type")}

    before = fields()
    yield before
    assert fields() == before


def test_nothing_leaves_the_machine_and_nothing_goes_wrong(looks: Looks, sample: Shown) -> None:
    """Over all views: every request goes to the page's own address, and the console is silent."""
    owner = looks(sample)
    for _, page in views(owner, sample):
        open_all(page)
        page.wait_for_timeout(150)
    assert len(owner.asked) > 40
    assert {one.split("/")[2] for one in owner.asked} == {owner.origin.split("/")[2]}
    assert owner.said == []


def test_what_records_say_is_text(looks: Looks, tmp_path: Path) -> None:
    """In every place: names, tags, contents, snippets, titles, attributes, pictures, quarantine."""
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>"
    write_json(
        tmp_path,
        personas=[persona("p1", name=evil, description=evil, personality={evil: evil})],
        memories=[
            memory("m1", name=evil, content=f"tea {evil}", summary=evil, tags=[evil], type=evil),
            memory("m2", name="other", content={evil: [evil]}, embedding=[1, 0]),
            memory(evil, content="tea", name=evil, embedding=[0, 1], type=evil),
            memory("m4", "nobody", name=evil, content=evil),
        ],
        conversations=[
            {
                "id": "c1",
                "personaId": "p1",
                "title": evil,
                "summary": evil,
                "updatedAt": 1750000000000,
                "messages": [{"role": evil, "content": evil, "timestamp": evil}, {"role": "user", "content": evil}],
            }
        ],
        todos=[{"id": "t1", "title": evil, evil: evil}],
    )
    pjais.migrate(tmp_path, on_invalid="quarantine")
    with pjais.open(tmp_path) as store:
        store.memories.update("m1", content=f"tea now {evil}", name=f"now {evil}")
    known = page_world.Known("p1", "m1", "c1", 1)
    owner = looks(tmp_path)
    owner.context.add_init_script("window.alert = () => { window.called = true }")
    page = owner.window("/")
    shown = 0
    for path, address in known.views(tmp_path).items():
        owner.go(page, address)
        open_all(page)
        assert page.evaluate("document.querySelectorAll('img, main script, svg[onload], [onerror]').length") == 0, path
        assert page.evaluate("window.called") is None, path
        shown += evil in page.locator("main").inner_text() or evil in page.content()
        shown += page.evaluate("evil => document.body.textContent.includes(evil)", evil)
    assert shown >= 8
    owner.go(page, "/memories").locator("#q").press_sequentially("tea")
    page.locator("#results mark").first.wait_for()
    assert page.evaluate("window.called") is None
    assert page.locator("#results", has_text="alert(1)").count() == 1
