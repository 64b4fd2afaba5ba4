"""`make release` refuses a version without a section in the changelog, and prints what to do next."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

import pjais

ROOT = Path(__file__).parents[1]
CHANGELOG = """\
# Changelog

## 0.3.0 (unreleased)

- Reads more.

## 0.2.0 (2026-12-01)

- Reads.
- Writes (also backwards).

## 0.1.0 (2026-01-01)
"""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return runpy.run_path(str(ROOT / "scripts" / "release.py"))


def test_a_section_is_found_by_its_version(script: dict[str, Any]) -> None:
    assert script["section"](CHANGELOG, "0.2.0") == ("2026-12-01", "- Reads.\n- Writes (also backwards).")
    assert script["section"](CHANGELOG, "0.3.0") == ("unreleased", "- Reads more.")


@pytest.mark.parametrize("version", ["0.1.0", "0.2", "0.4.0", "0.2.0 (2026"])
def test_a_version_without_a_section_or_with_an_empty_one_has_none(script: dict[str, Any], version: str) -> None:
    assert script["section"](CHANGELOG, version) is None


def test_a_release_without_a_section_is_refused_before_anything_is_built(
    script: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    main = script["main"]
    monkeypatch.setitem(main.__globals__, "version", lambda: "9.9.9")
    monkeypatch.setattr(sys.modules["check_package"], "build", lambda _into: pytest.fail("it was built"))
    with pytest.raises(SystemExit, match=r"no section `## 9\.9\.9"):
        main()


def test_this_version_has_a_section(script: dict[str, Any]) -> None:
    assert script["version"]() == pjais.__version__
    assert script["section"]((ROOT / "CHANGELOG.md").read_text("utf-8"), pjais.__version__) is not None


def test_the_next_steps_name_what_was_built_and_send_nothing(script: dict[str, Any]) -> None:
    built = [ROOT / "dist" / "pjais-0.3.0.tar.gz"]
    steps = script["steps"]("0.3.0", "unreleased", built)
    assert "give `## 0.3.0 (unreleased)`" in steps[0]
    assert any("twine upload dist/pjais-0.3.0.tar.gz" in step for step in steps)
    assert "unreleased" not in script["steps"]("0.3.0", "2026-12-24", built)[0]
