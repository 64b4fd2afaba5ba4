#!/usr/bin/env python3
"""Makes docs/pictures/page-*.png: the main views of `pjais ui`, of the packaged sample.

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
from pjais.migration import quarantine
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
WINDOW = {"width": 1100, "height": 760}
PHONE = {"width": 390, "height": 760}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The page of a folder, in a thread of this process; its address with the key."""
    told: Queue[str] = Queue()
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    session = Session(folder)
    threading.Thread(target=serve, args=(session, port, told.put), daemon=True).start()
    yield told.get(timeout=20)


@contextmanager
def window(browser: Browser, address: str, size: dict[str, int], **options: Any) -> Iterator[Page]:
    """A window in which the page was opened with its key."""
    context = browser.new_context(viewport=size, reduced_motion="reduce", **options)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


def main(folder: Path) -> None:
    """All pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = itertools.count(FIRST_MOMENT, 1000)
    journal.now_ms = lambda: next(clock)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as started:
        data = Path(temporary) / "your-app"
        shutil.copytree(SAMPLE, data)
        plant_a_bad_record(data)
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with served(data) as address, window(browser, address, WINDOW) as page:
            shown = Pictures(folder, page, temporary)
            shown.take("migrate", "/migrate", wait="text=Migrate now")
            pjais.migrate(data, on_invalid="quarantine")
            ids = edited(data)
            shown.take("overview", "/")
            shown.take("memories", "/memories?q=tea")
            shown.take("memory", f"/memory?id={ids['memory']}", height=1400)
            shown.take("time", "/time?at=3")
            shown.take("conversation", f"/conversation?id={ids['conversation']}")
            shown.take("pictures", "/pictures")
            shown.take("quarantine", f"/kept?id={quarantine.listed(resolve_workspace(data))[0].id}")
            shown.take("old-and-new", "/sides")
            with window(browser, address, WINDOW, color_scheme="dark") as dark:
                Pictures(folder, dark, temporary).take("personas-dark", "/personas")
            with window(browser, address, PHONE, device_scale_factor=1.5) as phone:
                Pictures(folder, phone, temporary).take("phone", "/memories?q=tea")
        browser.close()


class Pictures:
    """Pictures of one window."""

    def __init__(self, folder: Path, page: Page, temporary: str) -> None:
        self.folder, self.page, self.temporary = folder, page, temporary
        self.origin = page.url.rpartition("/")[0]

    def take(self, name: str, address: str, wait: str = "main h1", height: int = 760) -> None:
        """One view."""
        self.page.set_viewport_size({"width": (self.page.viewport_size or WINDOW)["width"], "height": height})
        self.page.goto(self.origin + address)
        self.page.wait_for_selector(wait)
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
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def plant_a_bad_record(data: Path) -> None:
    """A memory that cannot go in: its persona is nowhere."""
    path = data / "data.json"
    told = json.loads(path.read_text("utf-8"))
    kind = next(name for name in told if "memor" in name.lower())
    lost = {
        "id": "memory_1750000000000_lostowner",
        "personaId": "persona_that_is_nowhere",
        "type": "note",
        "name": "Whose was this?",
        "content": "A note whose persona was deleted.",
        "importance": 40,
        "createdAt": 1_750_000_000_000,
        "updatedAt": 1_750_000_000_000,
    }
    told[kind].append(lost)
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
