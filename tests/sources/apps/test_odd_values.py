"""Any value at any place of an export, cut and damaged: documents, remarks and unreadable pieces, never a traceback."""

from __future__ import annotations

import copy
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN

from pjais.core.document import Document
from pjais.formats import container
from pjais.sources import registry
from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import NO_WISHES

ODD: list[Any] = [None, True, 0, -1, 1.5, 1e300, "", "x", "\ud800", "2026-13-45T99:99:99Z", "9" * 400, 10**30]
ODD += [[], {}, [1], {"a": 1}, ["a", ["b"]], [None, {}], {"$date": {"$numberLong": "1" * 30}}, {"text": {"value": 3}}]
STUDIO = {
    "systemInstruction": {"parts": [{"text": "be brief"}]},
    "chunkedPrompt": {"chunks": [{"role": "user", "text": "a", "inlineFile": {"mimeType": "a", "data": "aaaa"}}]},
}


def members(*path: str) -> dict[str, Any]:
    """Return the JSON of an archive, or of the files below a folder, by name."""
    there = GOLDEN.joinpath(*path)
    if there.suffix == ".zip":
        with zipfile.ZipFile(there) as packed:
            return {name: json.loads(packed.read(name)) for name in packed.namelist() if name.endswith(".json")}
    files = {str(one.relative_to(there)): one.read_text("utf-8") for one in there.rglob("*.json*")}
    files.pop("expected.json", None)
    return {
        name: [json.loads(line) for line in text.split("\n") if line] if name.endswith("l") else json.loads(text)
        for name, text in files.items()
    }


KINDS: dict[str, dict[str, Any]] = {
    "claude": members("claude-ai", "data-2026-05-04-batch-0000.zip"),
    "gemini-takeout": members("gemini-takeout", "takeout-20260505T000000Z-001.zip") | {"AI Studio/What": STUDIO},
    "grok": members("grok"),
    "jan": members("jan") | {"assistants/jan/assistant.json": {"id": "jan", "name": "Jan", "created_at": 1}},
    "typingmind": members("typingmind"),
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for step in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[step], (*path, step))


def changed(value: Any, chance: random.Random) -> Any:
    """Return a value of which up to four parts are odd, or not there."""
    value = copy.deepcopy(value)
    for _ in range(chance.randint(0, 4)):
        *way, last = chance.choice([one for one in places(value) if one] or [("",)])
        inside = value
        for step in way:
            inside = inside[step]
        if not last and last != 0:
            return copy.deepcopy(chance.choice(ODD))
        if chance.random() < 0.2:
            inside.pop(last)
        else:
            inside[last] = copy.deepcopy(chance.choice(ODD))
    return value


def written(name: str, value: Any, chance: random.Random) -> bytes:
    """Return JSON, or lines of it, of which one in four is cut or damaged."""
    is_lines = name.endswith("l") and isinstance(value, list)
    text = "\n".join(json.dumps(one) for one in value) if is_lines else json.dumps(value)
    data = bytearray(text.encode())
    if chance.random() < 0.15:
        del data[chance.randint(0, len(data)) :]
    elif chance.random() < 0.1:
        data[chance.randrange(len(data))] = 0xFF
    return bytes(data)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_a_file_holds_is_a_traceback(name: str, seed: int, tmp_path: Path) -> None:
    kind, chance = registry.of_kind(name), random.Random(seed)
    assert isinstance(kind, AppSource)
    for _ in range(60):
        path = tmp_path / "x.zip"
        with zipfile.ZipFile(path, "w") as packed:
            for member, value in KINDS[name].items():
                packed.writestr(member, written(member, changed(value, chance), chance))
        with container.of(path) as opened:
            kind.takes(opened)
            kind.instead(opened)
            for piece in kind.pieces(opened, NO_WISHES):
                if isinstance(piece, Document):
                    assert piece.native_id is None or isinstance(piece.native_id, str)
                    kind.native(piece.collection, json.loads(json.dumps(piece.value)))
