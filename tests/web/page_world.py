"""The page in Debian's Chromium: windows in which its owner looks at it, and what no window may ever see."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import pytest

import pjais
from pjais import sqlite
from pjais.cli import run
from pjais.migration import quarantine, state
from pjais.store import browse
from pjais.web.app import VIEWS
from pjais.workspace import resolve_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

SAMPLE = Path(pjais.__file__).parent / "demo" / "sample"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
AXE = Path(__file__).parents[1] / "oracle" / "node_modules" / "axe-core" / "axe.min.js"
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_REFUSED = "Failed to load resource: the server responded with a status of 4"
"""What Chromium writes to the console for an answer that says no; the page is told of it in other ways."""


def missing(*, axe: bool = False) -> str | None:
    """What is not installed; None where everything is."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: pip install 'pjais[dev]'"
    if not Path(CHROMIUM).is_file():
        return "Chromium is not installed: run scripts/install_oracles"
    if axe and not AXE.is_file():
        return "axe-core is not installed: run scripts/install_oracles"
    return None


def require(*, axe: bool = False) -> None:
    """Skip with the reason where the browser is missing; fail where it is required."""
    if reason := missing(axe=axe):
        if os.environ.get("PJAIS_REQUIRE_ORACLES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser.  Playwright keeps an event loop in this thread as long as it is open."""
    require()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


class Served(NamedTuple):
    """A process that serves a page, and its own address."""

    process: subprocess.Popen[str]
    origin: str
    unused: list[str]

    def address(self) -> str:
        """The address that opens the page once: after each use a new one is printed."""
        return self.unused.pop() if self.unused else _printed(self.process)


def _printed(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    while line := process.stdout.readline():
        if found := re.search(r"http://\S+token=\S+", line):
            return found[0]
    raise AssertionError("pjais ui ended")


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """`pjais ui` for a folder, in a process of its own."""
    arguments = ["ui", "--port", "0", "--no-open", "--data-dir", str(folder)]
    process = subprocess.Popen([sys.executable, "-m", "pjais", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        first = _printed(process)
        yield Served(process, first.partition("/?")[0], [first])
    finally:
        process.kill()
        process.communicate()


class Owner(NamedTuple):
    """Who looks at one page, in as many windows as wanted; everything that these windows ask for and say is noted."""

    context: BrowserContext
    served: Served
    asked: list[str]
    said: list[str]

    @property
    def origin(self) -> str:
        """The page's own address."""
        return self.served.origin

    def window(self, path: str = "/") -> Page:
        """A new window that looks at a view."""
        page = self.context.new_page()
        page.set_default_timeout(25_000)
        self.go(page, path)
        return page

    def go(self, page: Page, path: str) -> Page:
        """To another view."""
        page.goto(self.origin + path, wait_until="load")
        return page


@contextmanager
def owner(browser: Browser, served: Served, **options: Any) -> Iterator[Owner]:
    """The owner of a page; at the end, nothing was asked of anybody else, and nothing went wrong in the console."""
    context = browser.new_context(**{"reduced_motion": "reduce", **options})
    found = Owner(context, served, [], [])

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_REFUSED):
            found.said.append(message.text)

    def asked(request: Request) -> None:
        found.asked.append(request.url)

    context.on("console", heard)
    context.on("weberror", lambda error: found.said.append(str(error.error)))
    context.on("request", asked)
    context.on("dialog", lambda dialog: dialog.accept())
    enter(context, served)
    try:
        yield found
    finally:
        context.close()
    assert [one for one in found.asked if not one.startswith(f"{found.origin}/")] == []
    assert found.said == []


def enter(context: BrowserContext, served: Served) -> None:
    """Open the address that was printed, once."""
    page = context.new_page()
    page.goto(served.address())
    page.close()


def sample(folder: Path) -> Path:
    """A copy of the sample, with one memory whose persona is nowhere."""
    shutil.copytree(SAMPLE, folder)
    path = folder / "data.json"
    told = json.loads(path.read_text("utf-8"))
    told["memories"].append(
        {"id": "lost", "personaId": "nobody", "type": "note", "content": "Whose was this?", "updatedAt": 1750000000000}
    )
    path.write_text(json.dumps(told), "utf-8")
    return folder


def verified(folder: Path) -> bool:
    """Whether `pjais verify` is green."""
    return run(["verify", "--data-dir", str(folder), "--quiet"]) == 0


class Known(NamedTuple):
    """A record of each kind in a migrated folder, and an address of every view."""

    persona: str
    memory: str
    conversation: str
    kept: int

    def views(self, folder: Path) -> dict[str, str]:
        """An address of every view by the view's path; a view that nobody thought of here is an error."""
        ids = {"/persona": self.persona, "/memory": self.memory, "/conversation": self.conversation}
        found = {path: f"{path}?id={value}" for path, value in ids.items()}
        found |= {"/kept": f"/kept?id={self.kept}", "/history": "/history?at=1", "/memories": "/memories?q=tea"}
        found["/run"] = f"/run?id={state.runs(folder)[-1].id}"
        with pjais.open(folder) as store, store.pool.view() as db:
            table = browse.tables(db, store.pool.model)[0].name
            sql = "SELECT record_id FROM migration_records WHERE record_type = ? LIMIT 1"
            row = {"name": table, "key": str(sqlite.value(db, sql, (table,)))}
        found |= {"/table": f"/table?{urlencode({'name': table})}", "/row": f"/row?{urlencode(row)}"}
        return {view.path: found.get(view.path, view.path) for view in VIEWS}


def known(folder: Path) -> Known:
    """Records with much to show."""
    with pjais.open(folder) as store:
        return Known(
            next(one.id for one in store.personas.list() if one.personality),
            next(one.memory.id for one in store.memories.search("tea", limit=20) if one.memory.tags),
            max(store.conversations.list(), key=lambda one: len(one.messages)).id,
            quarantine.listed(resolve_workspace(folder))[0].id,
        )


class Shown(NamedTuple):
    """A migrated folder whose page is served."""

    folder: Path
    served: Served
    known: Known


def text_of(page: Page, selector: str = "main") -> str:
    """What is written there, on one line."""
    return re.sub(r"\s+", " ", page.locator(selector).inner_text())


Looks = Callable[..., Owner]
