"""Importing in a browser: first run, empty, dropped files and folders, stopped and failed runs, a proof on paper."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import page_world
import pytest
from page_world import Looks, Shown, text_of

import pjais
from pjais.migration import state
from world import memory, persona, rows, write_json

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.oracle
pytest_plugins = ["page_fixtures"]
_SLOW = """
import sys, time
import pjais
from pjais.migration import run_proof
real = run_proof.of_new_file
def slow(*given, **named):
    print("verifying", flush=True)
    sys.stdin.readline()
    return real(*given, **named)
run_proof.of_new_file = slow
pjais.migrate(sys.argv[1])
"""


def chats(title: str = "Fog signals") -> list[dict[str, Any]]:
    """A ChatGPT export of one conversation."""
    said = {"content_type": "text", "parts": ["Which horn?"]}
    message = {"id": "a", "author": {"role": "user"}, "create_time": 1_750_000_000, "content": said}
    node: dict[str, Any] = {"id": "a", "parent": None, "children": [], "message": message}
    times = {"create_time": 1_750_000_000, "update_time": 1_750_000_000}
    return [{"id": "c1", "title": title, "current_node": "a", "mapping": {"a": node}, **times}]


def titles(folder: Path) -> set[str]:
    """The conversations of the store."""
    return {str(one) for (one,) in rows(folder / "pjais.sqlite", "SELECT title FROM conversations")}


def drop(page: Page, *paths: Path) -> None:
    """Drag files and folders over the page, as from a file manager, and let them go there."""
    browser = page.context.new_cdp_session(page)
    dragged = {"items": [], "files": [str(one) for one in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "x": 700, "y": 300, "data": dragged})
    page.locator("#drop.over").wait_for()
    browser.send("Input.dispatchDragEvent", {"type": "drop", "x": 700, "y": 300, "data": dragged})


def done(page: Page) -> None:
    """Wait for an import to end well."""
    page.get_by_role("heading", name="Import done").wait_for()


def test_nothing_was_found_and_the_page_leads_on(looks: Looks, tmp_path: Path) -> None:
    """Where was searched, why it gave nothing, the ways on; nothing is green, nothing leads to an empty page."""
    owner = looks(tmp_path)
    page = owner.window("/import")
    page.get_by_role("heading", name="No app data found yet").wait_for()
    assert f"{tmp_path} An empty folder" in text_of(page, "#searched")
    assert page.get_by_text("Choose folder…").is_visible()
    assert page.locator(".side a.item").all_inner_texts() == ["Overview", "Import", "Settings"]
    owner.go(page, "/")
    page.get_by_role("heading", name="No data found yet").wait_for()
    assert page.locator("main .success, main .ok").count() == 0


def test_a_file_is_dropped(looks: Looks, tmp_path: Path) -> None:
    file, data = tmp_path / "conversations.json", tmp_path / "data"
    file.write_text(json.dumps(chats()))
    data.mkdir()
    page = looks(data).window("/import")
    drop(page, file)
    done(page)
    assert titles(data) == {"Fog signals"}
    page.get_by_role("link", name="Open the proof").click()
    page.get_by_role("heading", name="Nothing was lost").wait_for()


def test_a_profile_folder_is_dropped(looks: Looks, tmp_path: Path) -> None:
    """With everything in it: the RxDB data of a browser profile."""
    data = tmp_path / "data"
    data.mkdir()
    page = looks(data).window("/import")
    drop(page, page_world.SAMPLE / "IndexedDB")
    done(page)
    assert rows(data / "pjais.sqlite", "SELECT DISTINCT source_kind FROM migration_records") == [("rxdb-profile",)]


def test_a_zip_is_picked(looks: Looks, tmp_path: Path) -> None:
    archive, data = tmp_path / "export.zip", tmp_path / "data"
    data.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("conversations.json", json.dumps(chats("Rope ferry")))
    page = looks(data).window("/import")
    page.locator("#files").set_input_files(archive)
    done(page)
    assert titles(data) == {"Rope ferry"}


def test_a_folder_is_picked(looks: Looks, tmp_path: Path) -> None:
    """With all files in it, under their own names."""
    folder, data = tmp_path / "old app", tmp_path / "data"
    folder.mkdir()
    data.mkdir()
    write_json(folder, personas=[persona("p1", name="Ada")], memories=[memory("m1")])
    page = looks(data).window("/import")
    page.locator("#folder").set_input_files(folder)
    done(page)
    assert rows(data / "pjais.sqlite", "SELECT id FROM memory_entities") == [("m1",)]


def test_what_is_no_data_is_refused_with_its_reason(looks: Looks, tmp_path: Path) -> None:
    file, data = tmp_path / "holiday.txt", tmp_path / "data"
    file.write_text("no data")
    data.mkdir()
    page = looks(data).window("/import")
    drop(page, file)
    failure = page.locator("#failure")
    failure.wait_for()
    assert "Impact" in failure.inner_text()
    assert "holiday.txt" in failure.inner_text()
    assert not (data / "pjais.sqlite").exists()


def test_a_run_is_stopped_and_tried_again(looks: Looks, tmp_path: Path) -> None:
    """Nothing is changed by it; the next run goes on from its backup."""
    many = [memory(f"m{number}", name=f"Name {number}") for number in range(40_000)]
    write_json(tmp_path, personas=[persona("p1")], memories=many)
    page = looks(tmp_path).window("/import?step=review")
    page.get_by_role("button", name="Migrate now").click()
    page.locator(".phases li.run", has_text=re.compile("Import.* of .* MiB", re.DOTALL)).wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("heading", name="You stopped it").wait_for()
    assert "as they were" in text_of(page, "#failure")
    assert not (tmp_path / "pjais.sqlite").exists()
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("heading", name="Migration done").wait_for(timeout=240_000)
    assert len(state.runs(tmp_path)) == 1, "the run that was stopped went on"
    assert page_world.verified(tmp_path)


def test_a_run_of_another_process_is_running(looks: Looks, tmp_path: Path) -> None:
    """Its phases are those of its journal; nothing else is said of it."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1")])
    arguments = [sys.executable, "-c", _SLOW, str(tmp_path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == "verifying\n"
        owner = looks(tmp_path)
        page = owner.window("/import")
        page.get_by_text(f"Process {other.pid}").wait_for()
        assert page.locator(".phases li.done b").all_inner_texts() == ["Backup", "Import", "Build indexes"]
        assert page.locator(".phases li.run b").all_inner_texts() == ["Verify"]
        assert page.get_by_role("button", name="Stop").count() == 0
        overview = owner.window("/")
        overview.get_by_text("Work on your data is in progress").wait_for()
        other.stdin.write("\n")
        other.stdin.close()
        page.get_by_role("heading", name="Import", exact=True).wait_for()
        overview.get_by_text("documents reconciled").wait_for()


def test_a_run_that_fails_says_why_and_what_next(looks: Looks, tmp_path: Path) -> None:
    """One reason, the impact, the next step as a button and as a command; fixed, it goes through."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1")])
    page = looks(tmp_path).window("/import?step=review")
    page.get_by_role("button", name="Migrate now").wait_for()
    backups = tmp_path / "backups"
    backups.write_text("in the way")
    page.get_by_role("button", name="Migrate now").click()
    failure = page.locator("#failure")
    failure.wait_for()
    assert all(part in failure.inner_text() for part in ("Impact", "Code"))
    assert "pjais explain" in text_of(page, "main")
    backups.unlink()
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("heading", name="Migration done").wait_for()


def test_a_proof_prints_on_one_page(looks: Looks, sample: Shown) -> None:
    """The page of a run, and the file beside its backup; neither cuts anything off."""
    owner = looks(sample)
    page = owner.window(sample.known.views(sample.folder)["/run"])
    page.get_by_role("button", name="Print").wait_for()
    assert sheets(page.pdf(prefer_css_page_size=True, print_background=True, format="A4")) == 1
    with page.expect_download() as kept:
        page.get_by_role("link", name="report.html").click()
    (file,) = (sample.folder / "backups").glob("*/report.html")
    assert Path(kept.value.path()).read_bytes() == file.read_bytes()
    text = file.read_text("utf-8")
    assert "http" not in re.sub(r"http_localhost|http://localhost:8717", "", text), "it asks for nothing"
    alone = owner.context.browser.new_page(viewport={"width": 390, "height": 800})  # type: ignore[union-attr]
    alone.set_content(text)
    assert alone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert sheets(alone.pdf(prefer_css_page_size=True, print_background=True)) == 1
    for sentence in ("Nothing was lost", "Counts add up", "11 creation dates unknown, left empty"):
        assert sentence in alone.inner_text("main")
    alone.close()


def sheets(pdf: bytes) -> int:
    """Return the number of pages of a PDF as Chromium writes it."""
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_first_run_and_empty_pages_are_accessible(looks: Looks, tmp_path: Path, scheme: str) -> None:
    """axe-core finds nothing, and no page is wider than a phone."""
    page_world.require(axe=True)
    found, empty = page_world.sample(tmp_path / "found"), tmp_path / "empty"
    empty.mkdir()
    for folder in (found, empty):
        owner = looks(folder, color_scheme=scheme, viewport={"width": 390, "height": 844})
        page = owner.window("/")
        for path in ("/", "/import", "/import?step=review", "/cutover"):
            owner.go(page, path)
            if "review" in path and folder is found:
                page.get_by_role("button", name="Migrate now").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            page.evaluate(page_world.AXE.read_text("utf-8"))
            violations = page.evaluate("axe.run().then(found => found.violations.map(one => one.id))")
            assert violations == [], path


def test_the_overview_says_what_is_new(looks: Looks, tmp_path: Path) -> None:
    """Green stays for what was proved; new data is something to do."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1")])
    pjais.migrate(tmp_path)
    owner = looks(tmp_path)
    page = owner.window("/")
    page.get_by_role("heading", name="All 2 documents reconciled").wait_for()
    assert "Nothing." in text_of(page, "section[aria-labelledby=todo]")
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1"), memory("m2")])
    page.reload()
    page.get_by_text("A source has new data").wait_for()
    page.get_by_role("link", name="Sync").click()
    page.get_by_role("button", name="Sync now").click()
    page.get_by_text("1 new, 0 changed, 0 removed.").wait_for()
    owner.go(page, "/")
    page.get_by_role("heading", name="All 3 documents reconciled").wait_for()
