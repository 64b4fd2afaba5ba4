"""Every document of each library, as the library itself gives it (scripts/golden_libraries)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import tagged

GOLDEN = Path(__file__).parents[1] / "golden" / "libraries"


def told() -> dict[str, Any]:
    """What the libraries answered: by database, its documents."""
    with gzip.open(GOLDEN / "told.json.gz") as file:
        found: dict[str, Any] = json.load(file)["databases"]
    return found


TOLD = told()
IN_INDEXEDDB = sorted(name for name in TOLD if not name.startswith("localStorage "))


def read(name: str) -> list[Any]:
    with pjais.profile(GOLDEN) as profile:
        (origin,) = profile.origins
        return list(origin.database(name).documents())


@pytest.mark.parametrize("name", IN_INDEXEDDB)
def test_every_document_is_as_the_library_gives_it(name: str) -> None:
    found = [(one.collection, tagged.tag(one.key), tagged.tag(one.value)) for one in read(name)]
    assert found == [tuple(one) for one in TOLD[name]["documents"]]
