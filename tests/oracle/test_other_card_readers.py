"""Other programs' readers take our cards: RisuAI's library, and the parsers of PNG and zip that SillyTavern uses."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from oracle_world import HERE, require

from pjais.core.document import Document
from pjais.sources.apps.character_card import export

sys.path.append(str(Path(__file__).parents[1] / "sources" / "apps"))

from app_files import GOLDEN, read
from held_records import held_of

pytestmark = pytest.mark.oracle
FOLDER = GOLDEN / "character-card"


def missing() -> str | None:
    """Return what is not installed; None where everything is."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (HERE / "cards" / "node_modules" / "@risuai" / "ccardlib" / "package.json").is_file():
        return "@risuai/ccardlib is not installed: run scripts/install_oracles"
    return None


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Skip with the reason where the readers are missing; fail where they are required."""
    require(missing)


def as_others_read(files: dict[str, bytes]) -> dict[str, Any]:
    given = [{"name": name, "data": base64.b64encode(data).decode()} for name, data in files.items()]
    done = subprocess.run(
        ["node", str(HERE / "cards" / "read_cards.mjs")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ours() -> dict[str, bytes]:
    """Return the files of personas that were never cards: as JSON, and in a picture."""
    picture = next(iter(read(FOLDER / "v3-with-v2-backfill.png")))
    assert isinstance(picture, Document)
    (data,) = picture.blobs.values()
    plain = {
        "name": "Wren",
        "description": "d",
        "personality": {"traits": [1]},
        "settings": {"x": {}},
        "isActive": True,
    }
    avatar = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    personas = [{"id": "p1", **plain}, {"id": "p2", **plain, "name": "Ada", "avatar": avatar}]
    memories = [
        {
            "id": f"m{number}",
            "personaId": f"p{number}",
            "type": "fact",
            "content": {"a": 1},
            "importance": 9,
            "tags": ["t"],
        }
        for number in (1, 2)
    ]
    held = [Document("personas", None, "", one) for one in personas]
    held += [Document("memories", None, "", one) for one in memories]
    return dict(export.write_files(held_of(held), lambda _: None))


def test_our_own_cards_are_valid_v3_and_v2() -> None:
    found = as_others_read(ours())
    assert found["Wren.json"]["json"]["version"] == "v3"
    assert {key: one["version"] for key, one in found["Ada.png"].items()} == {"chara": "v2", "ccv3": "v3"}
    made = found["Wren.json"]["json"]["made"]["v2"]["data"]
    assert (made["name"], made["description"]) == ("Wren", "d")
    assert [one["content"] for one in made["character_book"]["entries"]] == ['{"a":1}']


def test_a_card_of_v3_is_turned_into_v2_as_the_library_does_it_and_keeps_the_rest() -> None:
    card = json.loads((FOLDER / "v3.json").read_text("utf-8"))
    del card["data"]["future_field"], card["data"]["character_book"]["entries"][2]["unknown_entry_field"]
    from pjais.sources.apps.character_card.card import as_v2

    found = as_others_read({"v3.json": json.dumps(card).encode(), "v2.json": json.dumps(as_v2(card, "p")).encode()})
    assert [found[name]["json"]["version"] for name in ("v3.json", "v2.json")] == ["v3", "v2"]
    theirs, mine = found["v3.json"]["json"]["made"]["v2"]["data"], found["v2.json"]["json"]["card"]["data"]
    for key in theirs.keys() - {"character_book", "extensions"}:
        assert theirs[key] == mine[key], key
    kept = mine["extensions"]["pjais"]["v3"]
    assert kept.keys() == card["data"].keys() - theirs.keys()
    for one, other in zip(theirs["character_book"]["entries"], mine["character_book"]["entries"], strict=True):
        assert {key: value for key, value in one.items() if key != "content"}.items() <= other.items()
        assert other["content"].endswith(one["content"])


@pytest.mark.parametrize("name", ["v1.json", "v2.json", "v3.json", "v3-with-v2-backfill.png", "tessaly.charx"])
def test_a_card_that_came_in_is_for_others_what_it_was(name: str) -> None:
    ((written, data),) = export.write_files(held_of(read(FOLDER / name)), lambda _: None)
    found = as_others_read({"before" + Path(name).suffix: (FOLDER / name).read_bytes(), written: data})
    before, after = found["before" + Path(name).suffix], found[written]
    if name.endswith(".png"):
        assert after["ccv3"] == before["ccv3"]
        assert after["chara"]["version"] in ("v2", "unknown")
    else:
        assert after == before
