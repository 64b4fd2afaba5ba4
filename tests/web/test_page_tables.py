"""Any app's tables in a browser: browse, filter, follow a reference, see bytes, ask SQL, jump anywhere."""

from __future__ import annotations

import re
import sqlite3 as sqlite_of_app
from collections.abc import Iterator
from pathlib import Path

import page_world
import pytest
from page_world import Looks, Shown, served, text_of

import pjais
from pjais import sqlite
from pjais.web import rendering
from world import memory, persona, write_json

pytestmark = pytest.mark.oracle
pytest_plugins = ["page_fixtures"]
LATTICE = Path(__file__).parents[1] / "golden" / "any-app" / "lattice"
"""A profile with Blobs and Files, written by a real browser."""


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A store with an app's hikes and waypoints, beside a person's memories."""
    page_world.require()
    folder = tmp_path_factory.mktemp("trail") / "data"
    folder.mkdir()
    write_json(folder, personas=[persona("p1", name="Ada")], memories=[memory("m1", name="Fog at the north quay")])
    db = sqlite_of_app.connect(folder.parent / "trail.db")
    db.execute("CREATE TABLE hikes (id TEXT PRIMARY KEY, title TEXT)")
    db.execute("CREATE TABLE waypoints (id INTEGER PRIMARY KEY, name TEXT, hikeId TEXT REFERENCES hikes (id), picture)")
    db.executemany("INSERT INTO hikes VALUES (?, ?)", [("h1", "Reed bed loop"), ("h2", "<script>alert(1)</script>")])
    db.executemany(
        "INSERT INTO waypoints VALUES (?, ?, ?, ?)",
        [(n, f"Stile {n}", "h1" if n % 2 else "h2", None) for n in range(1, 121)],
    )
    db.commit()
    db.close()
    pjais.migrate(folder, [folder / "data.json", folder.parent / "trail.db", LATTICE])
    assert pjais.verify(folder).passed
    with served(folder) as page:
        yield Shown(folder, page, None)  # type: ignore[arg-type]  # nobody asks for its records


def test_a_table_is_browsed_filtered_and_followed(looks: Looks, trail: Shown) -> None:
    """Page numbers, a filter as a chip that goes again, order by a column, and the row that a value refers to."""
    page = looks(trail).window("/")
    page.get_by_role("link", name="App tables").first.click()
    page.get_by_role("link", name="waypoints", exact=True).click()
    assert "1 to 50 of 120" in text_of(page)
    page.get_by_role("link", name="3", exact=True).click()
    page.get_by_text("101 to 120 of 120").wait_for()
    page.get_by_text("Add filter").click()
    page.get_by_label("Column", exact=True).select_option("name")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # asks again for what changed
    page.wait_for_timeout(600)
    page.get_by_label("Condition").select_option("contains")
    page.get_by_label("Value").fill("stile 11")
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("11 of 120 rows").wait_for()
    page.get_by_role("columnheader").get_by_role("link", name="name").click()
    page.get_by_role("columnheader").get_by_role("link", name="name").click()
    assert page.locator("tbody tr").first.inner_text().split()[2] == "119"
    page.get_by_role("link", name=re.compile("^Remove filter")).click()
    page.get_by_text("120 of 120 rows").wait_for()
    page.get_by_role("link", name="Reed bed loop").first.click()
    page.get_by_role("heading", name="Reed bed loop", level=1).wait_for()
    page.get_by_role("link", name="60 rows of waypoints").click()
    page.get_by_text("60 of 120 rows").wait_for()


def test_bytes_are_saved_and_never_run(looks: Looks, trail: Shown) -> None:
    """Bytes of a document come under a type that cannot run; there is nothing under another hash."""
    with pjais.open(trail.folder) as store, store.pool.reader() as db:
        held = sqlite.fetch(db, "SELECT sha256, media_type, data FROM _blobs ORDER BY size DESC")
    owner = looks(trail)
    page = owner.window("/tables")
    for sha256, media_type, data in held:
        answer = page.request.get(f"{owner.origin}/blob?sha256={sha256}")
        shown = media_type in rendering.IMAGES
        assert answer.body() == data
        assert answer.headers["content-type"] == (media_type if shown else "application/octet-stream")
        assert answer.headers["content-disposition"].startswith("inline" if shown else "attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(held) > 2
    assert page.request.get(f"{owner.origin}/blob?sha256=00").status == 404


def test_sql_answers_and_cannot_change(looks: Looks, trail: Shown) -> None:
    """Ctrl-Enter runs; what would change something is refused in words; an endless query is stopped."""
    page = looks(trail).window("/tables")
    page.get_by_role("link", name="SQL", exact=True).click()
    box = page.get_by_label("SQL query")
    box.fill(
        "select h.title, count(*) as n from waypoints w join hikes h on h.id = w.hikeId group by 1 order by 1 desc"
    )
    box.press("Control+Enter")
    page.get_by_text(re.compile("^2 rows in")).wait_for()
    assert "Reed bed loop" in text_of(page, "table")
    box.fill("delete from waypoints")
    page.get_by_role("button", name="Run query").click()
    page.locator("#problem").wait_for()
    assert "can only read" in text_of(page).lower()
    with pjais.open(trail.folder) as store:
        assert len(store.collection("waypoints")) == 120


def test_quick_open_goes_anywhere_by_keys_alone(looks: Looks, trail: Shown) -> None:
    """Ctrl-K, a few letters, arrows and Enter; `g` and a letter; and without script the field leads to a page."""
    page = looks(trail).window("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("fog")
    page.get_by_role("option", name="Fog at the north quay Ada").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Fog at the north quay", level=1).wait_for()
    page.wait_for_load_state("load")
    page.keyboard.press("Control+k")
    page.keyboard.type("hikes")
    page.get_by_role("option", name=re.compile("^hikes")).wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/table?name=hikes", wait_until="load")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/settings")
    still = looks(trail, java_script_enabled=False).window("/")
    still.get_by_label("Search or jump to").fill("fog")
    still.get_by_label("Search or jump to").press("Enter")
    still.get_by_role("link", name="Fog at the north quay Ada").click()
    still.get_by_role("heading", name="Fog at the north quay", level=1).wait_for()


def test_the_look_is_remembered_by_the_browser(looks: Looks, trail: Shown) -> None:
    """Dark and compact stay, without a flash: the server sets them."""
    page = looks(trail).window("/settings")
    page.get_by_label("Dark").check()
    page.get_by_label("Compact").check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    looks_now = page.goto(page.url.replace("/settings", "/memories"))
    assert looks_now is not None and 'data-theme="dark" data-density="compact"' in looks_now.text()
