#!/usr/bin/env python3
"""Makes docs/pictures/page-*.png: every view of `pjais ui`, of the packaged sample, also empty, running and stopped.

    python scripts/make_screenshots.py [DIR]

Needs playwright and Chromium (`pip install 'pjais[dev]'`, scripts/install_oracles).  The clock of the migration stands
at a fixed day, so that pictures made anew differ only where the page does.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

import pjais
from pjais import instants, journal
from pjais.migration import quarantine, state
from pjais.web.entrance import Entrance
from pjais.web.server import serve
from pjais.web.session import Session
from pjais.workspace import resolve_workspace

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "src" / "pjais" / "demo" / "sample"
FIRST_MOMENT = 1_772_442_000_000
"""2026-03-02T09:00:00Z; each look at the clock is a second later."""
_ALWAYS_THE_SAME = r"""([temporary, today]) => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const one = texts.currentNode;
        one.data = one.data.replaceAll(temporary, "/home/you")
            .replace(new RegExp(today + " \\d\\d:\\d\\d UTC"), "2026-03-02 09:01 UTC")
            .replace(/(today|yesterday) \d\d:\d\d/, "2026-03-02")
            .replace(new RegExp(today), "2026-03-02")
            .replace(/(\d{8}T\d{9}Z)-[0-9a-f]{4}/, "$1-5e1f");
    }
}"""
"""Where the data lies for the pictures is nobody's concern; the store's history has a clock of its own."""
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--disable-background-networking",
    "--no-first-run",
]
WINDOW = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 780}
MANY = 60_000
"""Memories of the migration whose progress is shown: so many that there is time for a picture."""


@contextmanager
def served(folder: Path) -> Iterator[Entrance]:
    """The page of a folder, in a thread of this process; each of its addresses opens it once."""
    told: Queue[Entrance] = Queue()
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    session = Session(folder)
    threading.Thread(target=serve, args=(session, port, told.put), daemon=True).start()
    yield told.get(timeout=20)


@contextmanager
def window(browser: Browser, entrance: Entrance, size: dict[str, int], **options: Any) -> Iterator[Page]:
    """A window in which the page was opened with its key."""
    context = browser.new_context(viewport=size, reduced_motion="reduce", **options)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(entrance.address())
    yield page
    context.close()


def main(folder: Path) -> None:
    """All pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = itertools.count(FIRST_MOMENT, 1000)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        running(folder, browser, Path(temporary) / "large")
        journal.now_ms = lambda: next(clock)
        empty = Path(temporary) / "nothing"
        empty.mkdir()
        with served(empty) as entrance, window(browser, entrance, WINDOW) as page:
            Pictures(folder, page, temporary).take("empty", "/import")
        data = Path(temporary) / "your-app"
        shutil.copytree(SAMPLE, data)
        plant_bad_records(data)
        with served(data) as entrance, window(browser, entrance, WINDOW) as page:
            shown = Pictures(folder, page, temporary)
            shown.take("first-run", "/import", wait="text=/sources, \\d+ documents/")
            shown.take("review", "/import?step=review", wait="text=Migrate now", height=1100)
            pjais.migrate(data, on_invalid="quarantine")
            ids = edited(data)
            views = all_views(data, ids)
            for name, (view, height) in views.items():
                shown.take(name, view, height=height)
            compared(shown)
            with window(browser, entrance, WINDOW, color_scheme="dark") as dark:
                shown = Pictures(folder, dark, temporary)
                for name in DARK:
                    shown.take(f"{name}-dark", *views[name][:1])
            with window(browser, entrance, PHONE, device_scale_factor=1.5) as phone:
                shown = Pictures(folder, phone, temporary)
                for name in ON_A_PHONE:
                    shown.take(f"{name}-phone", *views[name][:1], height=PHONE["height"])
                shown.take("phone", "/memories?q=tea", height=PHONE["height"])
        browser.close()
    total = sum(one.stat().st_size for one in folder.glob("page-*.png"))
    print(f"{total / 1024:.0f} KiB in all")


DARK = ("overview", "memories", "memory", "personas", "conversation", "insights", "quarantine")
ON_A_PHONE = ("overview", "memory", "conversation", "quarantine", "history")


def all_views(data: Path, ids: dict[str, str]) -> dict[str, tuple[str, int]]:
    """Return an address of each view of a migrated folder, and the height of its window."""
    run = state.runs(data)[0].id
    kept = next(one.id for one in quarantine.listed(resolve_workspace(data)) if one.native_id != "odd")
    return {
        "overview": ("/", 1000),
        "proof": (f"/run?id={run}", 1500),
        "personas": ("/personas", 800),
        "memories": ("/memories?q=tea", 800),
        "memory": (f"/memory?id={ids['memory']}", 1200),
        "conversation": (f"/conversation?id={ids['conversation']}", 800),
        "tables": ("/tables", 800),
        "history": ("/history?at=3", 900),
        "insights": ("/insights", 1100),
        "quarantine": (f"/kept?id={kept}", 900),
        "backups": ("/backups", 600),
        "rollback": ("/rollback", 700),
        "settings": ("/settings", 700),
    }


def running(folder: Path, browser: Browser, data: Path) -> None:
    """A migration on its way, and stopped."""
    data.mkdir()
    day = 1_750_000_000_000
    persona = {"id": "p1", "name": "Hesper Vane", "createdAt": day, "updatedAt": day}
    memory = {"personaId": "p1", "type": "fact", "content": "Lit at dusk, 61 steps. " * 10, "createdAt": day}
    many = [{"id": f"m{number}", "name": f"Note {number}", **memory, "updatedAt": day} for number in range(MANY)]
    (data / "data.json").write_text(json.dumps({"personas": [persona], "memories": many}), "utf-8")
    with served(data) as entrance, window(browser, entrance, WINDOW) as page:
        shown = Pictures(folder, page, str(data.parent))
        page.set_default_timeout(240_000)
        page.goto(f"{shown.origin}/import?step=review")
        page.get_by_role("button", name="Migrate now").click()
        page.locator(".phases li.run", has_text="/s,").wait_for(timeout=60_000)
        page.wait_for_timeout(1500)
        shown.keep("progress")
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Stop").click()
        page.wait_for_selector("#failure")
        shown.keep("failed")


def compared(shown: Pictures) -> None:
    """The cutover, with differences on both sides."""
    page = shown.page
    page.goto(f"{shown.origin}/cutover")
    page.get_by_role("button", name="Compare").first.click()
    page.wait_for_selector("#cmp")
    page.set_viewport_size({**WINDOW, "height": 1100})
    shown.keep("cutover")


class Pictures:
    """Pictures of one window."""

    def __init__(self, folder: Path, page: Page, temporary: str) -> None:
        self.folder, self.page, self.temporary = folder, page, temporary
        self.origin = page.url.rpartition("/")[0]

    def take(self, name: str, address: str, wait: str = "main h1", height: int = 800) -> None:
        """One view."""
        self.page.set_viewport_size({"width": (self.page.viewport_size or WINDOW)["width"], "height": height})
        self.page.goto(self.origin + address)
        self.page.wait_for_selector(wait)
        self.keep(name)

    def keep(self, name: str) -> None:
        """The view as it is now."""
        self.page.evaluate("document.fonts.ready")
        self.page.evaluate(_ALWAYS_THE_SAME, [self.temporary, instants.to_text(int(time.time() * 1000))[:10]])
        path = self.folder / f"page-{name}.png"
        self.page.screenshot(path=path, animations="disabled")
        reduce(path)
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


def reduce(path: Path) -> None:
    """Fewer colours, where Pillow is there: a third of the size."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        return
    with Image.open(path) as image:
        image.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def plant_bad_records(data: Path) -> None:
    """Memories that cannot be imported: the persona of two does not exist, one has a wrong value."""
    path = data / "data.json"
    told = json.loads(path.read_text("utf-8"))
    day = 1_750_000_000_000
    lost = {"personaId": "persona_lamplighter", "type": "fact", "tags": ["oil", "upkeep"], "importance": 40}
    times = {"createdAt": day, "updatedAt": day}
    told["memories"] += [
        {"id": "memory_1", "name": "Lantern oil, price per gallon", "content": "Went up twice.", **lost, **times},
        {"id": "memory_2", "name": "Rope ferry, knots", "content": "Two half hitches.", **lost, **times},
        {"id": "odd", "personaId": told["personas"][0]["id"], "content": "Fog.", "importance": {"high": 1}, **times},
    ]
    path.write_text(json.dumps(told, indent=2), "utf-8")


def edited(data: Path) -> dict[str, str]:
    """Changes to look back at; the ids of the records to show."""
    with pjais.open(data) as store:
        found = store.memories.search("tea", limit=10)
        one = next(each.memory for each in found if isinstance(each.memory.content, str) and each.memory.tags)
        store.memories.update(one.id, importance=70, summary="How the tea is made.")
        store.memories.update(one.id, importance=95, tags=[*one.tags, "ritual"])
        personas = store.personas.list()
        store.personas.activate(next(each.id for each in personas if each.name == "Brennick Tarn"))
        talk = max(store.conversations.list(), key=lambda each: len(each.messages))
        return {"memory": one.id, "conversation": talk.id}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures")
