"""The documentation as a site: it builds without a warning, fetches nothing from elsewhere, and works from files.

One build serves all tests here.  What needs a browser skips with its reason where there is none.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import page_world
import pytest

from docs_pages import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(
    find_spec("material") is None or find_spec("mkdocstrings") is None,
    reason="mkdocs-material and mkdocstrings are not installed: pip install 'pjais[docs]'",
)
_FETCHED = re.compile(r"""<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=["']?(?:https?:)?//|url\(["']?https?://""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with warnings as errors."""
    made = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(made)]
    told = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=told)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def page(site: Path) -> Iterator[Page]:
    """A window on the site, opened as files; any other request fails the test."""
    with page_world.chromium() as browser:
        window = browser.new_page(color_scheme="dark")
        asked: list[str] = []
        window.on("request", lambda request: asked.append(request.url))
        window.on("pageerror", lambda error: asked.append(f"error: {error}"))
        window.goto((site / "index.html").as_uri())
        yield window
        assert [one for one in asked if not one.startswith(("file:", "data:", "blob:"))] == []


def test_no_page_names_a_file_on_another_server(site: Path) -> None:
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        assert not _FETCHED.search(path.read_text("utf-8")), path
    assert (site / "index.html").is_file()


def test_the_api_page_describes_every_public_function(site: Path) -> None:
    """mkdocstrings made an anchor for each; a name that moves must move on the page, too."""
    import pjais

    text = (site / "api.html").read_text("utf-8")
    read = {"Conversation", "Memory", "Other", "Persona", "Plugin", "Relationship"}  # records and documents are values
    read |= {"Document", "Piece", "Snapshot", "Unreadable", "__version__"}
    names = {*pjais.__all__} - read - {"backup", "livestore", "quarantine"}
    modules = {"backup.restore", "livestore.upgrade", "quarantine.replay"}
    missing = [name for name in sorted(names | modules) if not re.search(rf'id="pjais\.[\w.]*\b{name}"', text)]
    assert missing == []


def test_code_is_highlighted_and_has_copy_buttons(site: Path) -> None:
    text = (site / "index.html").read_text("utf-8")
    assert '<span class="gp">$ </span>pjais' in text
    assert "content.code.copy" in text


def test_search_works_in_pages_opened_as_files(page: Page) -> None:
    page.click(".md-search__input")
    page.keyboard.type("quarantine replay")
    page.wait_for_selector(".md-search-result__link")
    assert page.locator(".md-search-result__link").count() > 3
    page.keyboard.press("Escape")


def test_a_copied_console_block_has_the_commands_alone(page: Page) -> None:
    """No prompt and no output: what is pasted runs."""
    code = page.locator(".highlight code:has(.gp)").first
    copied = code.evaluate("one => { one.setAttribute('data-md-copying', ''); return one.innerText }")
    lines = [line for line in copied.splitlines() if line.strip()]
    assert lines and all(line.startswith("pjais ") for line in lines), lines


def test_the_site_is_dark_where_the_system_is(page: Page) -> None:
    assert page.locator("body").get_attribute("data-md-color-scheme") == "slate"
