"""Files that the page is handed: taken under their names, imported whatever they are, and gone afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import served
from served import JSON, KEYS, Page

from pjais.web import inbox

CHATGPT = Path(__file__).parents[1] / "golden" / "ai-apps" / "chatgpt"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Page]:
    with served.page(tmp_path / "data") as page:
        yield page


def hand(page: Page, name: str, content: bytes, batch: str = "", word: str = KEYS.form) -> Any:
    query = {"name": name, "batch": batch}
    return page.client.post("/files", params=query, headers={**JSON, "x-csrf": word}, content=content)


def test_a_dropped_file_is_imported_whatever_it_is(home: Page) -> None:
    batch = hand(home, "my chats (1).zip", (CHATGPT / "export-sharded.zip").read_bytes()).json()["batch"]
    assert hand(home, "older.json", (CHATGPT / "conversations.json").read_bytes(), batch).json()["batch"] == batch
    assert home.do("import", batch=batch, quarantine="yes").json()["next"] == "/import"
    job = home.rested()
    assert (job.state, [one["kind"] for one in job.result["sources"]]) == ("done", ["chatgpt", "chatgpt"])
    assert home.json("/conversations")["page"]["total"] == 5, "and one that is archived"
    assert home.do("import", batch=batch).status_code == 400, "the files are gone"


def test_a_dropped_folder_keeps_its_names(home: Page) -> None:
    (native,) = json.loads((CHATGPT / "conversations.json").read_bytes())
    batch = ""
    for name, value in (("export/conversations-000.json", [native]), ("export/user.json", {"id": "made-up"})):
        batch = hand(home, name, json.dumps(value).encode(), batch).json()["batch"]
    home.do("import", batch=batch)
    (source,) = home.rested().result["sources"]
    assert (source["kind"], source["name"].rpartition("/")[2]) == ("chatgpt", "export")


@pytest.mark.parametrize("name", ["", "/etc/x", "../x", "a/../../x", "C:\\x", "a\0b", "a\nb", "x" * 300, "."])
def test_a_name_that_leads_elsewhere_is_refused(home: Page, tmp_path: Path, name: str) -> None:
    assert hand(home, name, b"[]").status_code in (400, 422)
    assert not [one for one in tmp_path.rglob("*") if one.name == "x"]


@pytest.mark.parametrize("name", ["export", "export/a.json/b.json", "export/a.json/b/c.json", "export/a.json"])
def test_a_file_and_a_folder_of_one_name_are_refused_in_words(home: Page, name: str) -> None:
    batch = hand(home, "export/a.json", b"[]").json()["batch"]
    answer = hand(home, name, b"[]", batch)
    assert (answer.status_code, answer.json()["code"]) == (400, "PJAIS_USAGE")
    assert "one name" in answer.json()["what"]


def test_only_the_page_itself_hands_over_files(home: Page) -> None:
    assert hand(home, "a.json", b"[]", word="guess").status_code == 403
    assert hand(home, "a.json", b"[]", batch="guess").status_code == 400
    assert home.do("import", batch="guess").status_code == 400
    away = {**JSON, "x-csrf": KEYS.form, "origin": "https://evil.example"}
    assert home.client.post("/files", params={"name": "a"}, headers=away, content=b"[]").status_code == 403


def test_too_much_is_refused_and_leaves_nothing(home: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "LARGEST", 1000)
    batch = hand(home, "small", b"x" * 600).json()["batch"]
    assert hand(home, "large", b"x" * 600, batch).status_code == 400
    assert [one.name for one in home.home.inbox.sources(batch)] == ["small"]
    assert hand(home, "small", b"again", batch).status_code == 400


def test_the_end_of_the_page_removes_what_was_not_imported(tmp_path: Path) -> None:
    with served.page(tmp_path) as page:
        batch = hand(page, "a.json", b"[]").json()["batch"]
        (path,) = page.home.inbox.sources(batch)
        assert path.is_file()
    assert not path.exists()
