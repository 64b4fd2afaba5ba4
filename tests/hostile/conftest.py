"""The fixture of the hostile tests: a fresh data folder with the command line at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite("box")

from box import Box  # noqa: E402 - rewritten first, so that its assertions say what they saw


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A data folder of its own for each test."""
    folder = tmp_path / "data"
    folder.mkdir()
    return Box(folder)
