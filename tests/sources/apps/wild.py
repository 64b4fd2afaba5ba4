"""Made-up files of AI apps for tests: any JSON, files that a test writes, a search for credentials in a data folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import pjais
from pjais.core.document import Piece, Remark, Unreadable
from pjais.sources.apps.shape import Shape, Turn

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
IDS = st.sampled_from(["a", "b", "c", "d"])


def written(folder: Path, value: Any, name: str = "export.json") -> Path:
    """Return a file with a value as JSON, or with a text."""
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return path


def rules(pieces: Iterable[Piece]) -> list[str]:
    """Return the rules of what a reader remarked."""
    return [one.rule for one in pieces if isinstance(one, Remark)]


def reasons(pieces: Iterable[Piece]) -> list[str]:
    """Return why pieces cannot be read."""
    return [one.reason for one in pieces if isinstance(one, Unreadable)]


def assert_nowhere(mark: str, data: Path) -> None:
    """Assert that a text is in no file of a data folder but the raw copies, and in no export of its store."""
    assert mark not in str(pjais.export(data))
    for one in data.rglob("*"):
        raw = "backups" in one.parts and not one.name.startswith(("report", "manifest"))
        if one.is_file() and not raw:
            assert mark.encode() not in one.read_bytes(), one


def assert_harmless(path: Path, data: Path) -> None:
    """Assert that a file of odd values is migrated, what is invalid of it into quarantine, and verified."""
    pjais.migrate(data, [str(path)], on_invalid="quarantine")
    assert pjais.verify(data).passed


def assert_any_comes_out(shape: Shape, native: Any, everything: list[Turn], shown: list[Turn]) -> None:
    """Assert that a conversation of any content keeps every message, and comes out as it was."""
    document = shape.document(native, {"id": "c"}, turns=everything, shown=shown)
    assert shape.native(json.loads(json.dumps(document))) == native
    assert len(document["messages"]) + len(document["extra"].get("branches", [])) == len(everything)
