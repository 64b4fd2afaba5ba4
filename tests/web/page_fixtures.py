"""Windows of the page for the tests that need a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import page_world
import pytest
from page_world import Looks, Owner, Shown, served

import pjais

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module."""
    with page_world.chromium() as browser:
        yield browser


@pytest.fixture
def looks(chromium: Browser) -> Iterator[Looks]:
    """The owner looks at the page of a folder (its own process), or at one that is served: `looks(folder)`."""
    with ExitStack() as stack:

        def look(at: Path | Shown, **options: Any) -> Owner:
            page = stack.enter_context(served(at)) if isinstance(at, Path) else at.served
            return stack.enter_context(page_world.owner(chromium, page, **options))

        yield look


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The migrated sample and its page."""
    page_world.require()
    folder = page_world.sample(tmp_path_factory.mktemp("sample") / "data")
    pjais.migrate(folder, on_invalid="quarantine")
    known = page_world.known(folder)
    with served(folder) as page:
        yield Shown(folder, page, known)
