"""What a test does where a program that it needs is not installed."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest


def require(missing: Callable[[], str | None]) -> None:
    """Skip with the reason where something is missing; fail where it is required (CI)."""
    if reason := missing():
        if os.environ.get("PJAIS_REQUIRE_ORACLES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
