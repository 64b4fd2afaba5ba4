"""Reading and understanding in a browser: branches, search inside, playback, undo from the history, the map."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import page_world
import pytest
from page_world import Looks, Shown, served, text_of

import pjais
from world import memory, persona, write_json

pytestmark = pytest.mark.oracle
pytest_plugins = ["page_fixtures"]
APPS = Path(__file__).parents[1] / "golden" / "ai-apps"
LAMPS = "/conversation?id=d8940cf2-d64a-5242-bdce-1cecbd6374ae"
HISTORIES = ("/history", "/history?at=2", "/history?who=page", "/history?at=0")


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Exports of ChatGPT and Claude, a few memories with embeddings and a history, and their page."""
    page_world.require()
    folder = tmp_path_factory.mktemp("chats")
    for name in ("chatgpt", "claude-ai"):
        pjais.migrate(folder, sources=[APPS / name], on_invalid="quarantine")
    with pjais.open(folder) as store:
        owner = store.personas.create(name="Ada").id
        for number, vector in enumerate(([1.0, 0.0, 0.1], [0.9, 0.1, 0.0], [0.0, 1.0, 0.2])):
            store.memories.create(
                name=f"Note {number}", content="tea", persona_id=owner, embedding=vector, tags=["tea"], type="fact"
            )
        store.conversations.update(LAMPS.partition("=")[2], topics=["lamps"])
    with served(folder) as page:
        yield Shown(folder, page, page_world.Known(owner, "", LAMPS, 0))


@pytest.mark.parametrize("script", [True, False])
def test_branches_are_switched_by_links(looks: Looks, chats: Shown, script: bool) -> None:
    page = looks(chats, java_script_enabled=script).window(LAMPS)
    assert "First question, edited wording" in text_of(page, "#talk")
    page.get_by_role("link", name="Previous version").first.click()
    assert "First question, original wording" in text_of(page, "#talk")
    assert "edited wording" not in text_of(page, "#talk")
    page.get_by_role("link", name="Next version").first.click()
    page.locator("#branches summary").click()
    page.locator("#branches").get_by_role("link", name="A red square.").click()
    assert "A red square." in text_of(page, "#talk")
    assert page.locator("#branches .pin.accent").count() == 1


def test_hidden_parts_are_folded_and_pictures_shown(looks: Looks, chats: Shown) -> None:
    page = looks(chats).window(LAMPS)
    page.get_by_text("3 hidden parts: 1 system, 2 context").click()
    page.locator(".hidden-run .fold .fold summary", has_text="Context").first.click()
    page.get_by_text("Lives in a lighthouse").wait_for()
    picture = page.locator(".turn .attach img").first
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    with page.expect_download() as saved:
        page.get_by_role("link", name="Markdown").click()
    assert "A green square" in saved.value.path().read_text("utf-8")


def test_search_inside_goes_from_hit_to_hit(looks: Looks, chats: Shown) -> None:
    page = looks(chats).window(LAMPS)
    page.get_by_label("Search in this conversation").fill("green")
    page.locator("#hits", has_text="1 of 5").wait_for()
    assert page.locator("#talk mark").count() >= 5
    page.get_by_role("link", name="Next match").click()
    page.locator("#hits", has_text="2 of 5").wait_for()
    assert page.locator("#found").evaluate("one => Math.abs(one.getBoundingClientRect().top) < innerHeight")
    page.get_by_role("link", name="Previous match").click()
    page.get_by_role("link", name="Previous match").click()
    page.locator("#hits", has_text="5 of 5").wait_for()
    page.get_by_label("Search in this conversation").fill("red square")
    page.get_by_text("1 more on other branches.").wait_for()
    page.get_by_role("link", name="Show", exact=True).click()
    page.locator("#talk mark", has_text="red square").wait_for()


def test_a_title_is_edited_and_a_conversation_archived(looks: Looks, chats: Shown) -> None:
    owner = looks(chats)
    page = owner.window("/conversation?id=c231f2ae-da5e-50fa-b0dc-f87678b55d3c")
    page.get_by_text("Edit title and summary").click()
    page.get_by_label("Title").fill("About kites")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="About kites").wait_for()
    page.get_by_role("button", name="Archive").click()
    page.get_by_role("button", name="Restore", exact=True).first.wait_for()
    owner.go(page, "/conversations?archived=true")
    page.get_by_role("link", name="About kites").click()
    page.locator(".page-head").get_by_role("button", name="Restore").click()
    page.get_by_role("button", name="Archive").wait_for()


def test_the_history_is_played_back(looks: Looks, tmp_path: Path) -> None:
    """With script it plays from change to change, and the list follows; without, links step back and forth."""
    write_json(tmp_path, personas=[persona()], memories=[memory(f"m{one}", name=f"Name {one}") for one in (1, 2, 3)])
    pjais.migrate(tmp_path)
    with pjais.open(tmp_path) as store:
        for one in (1, 2, 3):
            store.memories.update(f"m{one}", importance=10 * one)
    page = looks(tmp_path).window("/history")
    page.get_by_role("link", name="Previous change").click()
    page.get_by_role("heading", name="The store on").wait_for()
    assert page.locator("#then .timeline li").count() == 3, "2 changes, and the migration"
    page.get_by_role("button", name="Play").click()
    page.get_by_role("heading", name="The store now").wait_for()
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.locator("#then", has_text="Name 1").wait_for()
    page.get_by_role("heading", name="The store now").wait_for(timeout=20_000)
    page.get_by_role("button", name="Play").wait_for(timeout=5_000)
    assert page.locator("#then .timeline li").count() == 4
    page.locator("#then .timeline a", has_text="Name 2").click()
    page.locator("#then").get_by_text("Viewing").wait_for()
    page.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_text("Undone: change").first.wait_for()
    with pjais.open(tmp_path) as store:
        assert [store.memories.need(f"m{one}").importance for one in (1, 3)] == [10, 30]
        assert store.memories.need("m2").importance != 20


def test_a_point_of_the_map_leads_to_its_memory(looks: Looks, chats: Shown) -> None:
    page = looks(chats).window(f"/insights?persona={chats.known.persona}")
    page.locator("#dots a").first.hover()
    page.locator("#dot .name", has_text="Note").wait_for()
    page.locator("#dots a").first.click()
    page.get_by_role("heading", name="Note").first.wait_for()


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 390), ("light", 1440), ("dark", 1440)])
def test_reading_is_accessible(looks: Looks, chats: Shown, scheme: str, width: int) -> None:
    """axe-core finds nothing in conversations, the history and insights, nothing is wider than the window."""
    page_world.require(axe=True)
    axe = page_world.AXE.read_text("utf-8")
    owner = looks(chats, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = owner.window("/conversations")
    talks = ("/conversations", "/conversations?q=nothing", LAMPS, f"{LAMPS}&q=green&hit=2")
    for path in (*talks, *HISTORIES, "/insights", "/insights?persona=nobody"):
        owner.go(page, path)
        page.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found["violations"]] == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
