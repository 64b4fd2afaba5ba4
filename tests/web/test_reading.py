"""Reading and understanding, without a browser: branches, hidden parts, marks, the history in words, charts."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import served
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from served import Page

import pjais
import world
from pjais.cli import run
from pjais.persona.store import Operation
from pjais.web import charts
from pjais.web.markdown import readable
from pjais.web.reading import marking
from pjais.web.reading.tree import Tree

APPS = Path(__file__).parents[1] / "golden" / "ai-apps"
LAMPS = "d8940cf2-d64a-5242-bdce-1cecbd6374ae"
KITES = "c231f2ae-da5e-50fa-b0dc-f87678b55d3c"
FERNS = "fafc953e-b738-5840-b61a-707a8d01a7d0"


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Exports of ChatGPT, Claude and Cherry Studio, imported."""
    folder = tmp_path_factory.mktemp("chats")
    for name in ("chatgpt", "claude-ai", "cherry-studio/cherry-studio.202605041005.zip"):
        pjais.migrate(folder, sources=[APPS / name], on_invalid="quarantine")
    with served.page(folder) as page:
        yield page


def html(page: Page, path: str, **query: object) -> str:
    answer = page.client.get(path, params=query, headers={"accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return answer.text


# -- conversations


def test_every_branch_of_an_export_of_chatgpt_can_be_read(chats: Page) -> None:
    """What was on screen, the first wording of a question, and another answer: each by its key, nothing left out."""
    shown = chats.json("/conversation", id=LAMPS)
    assert [one["messages"] for one in shown["branches"]] == [5, 2, 2]
    assert [one["shown"] for one in shown["branches"]] == [True, False, False]
    assert shown["hidden"] == {"system": 1, "context": 2, "thinking": 2, "hidden": 1, "tool": 2}
    first = next(one for one in shown["turns"] if one["text"].startswith("First question"))
    assert (first["version"], first["versions"], first["later"]) == (2, 2, None)
    other = chats.json("/conversation", id=LAMPS, branch=first["earlier"])
    assert [one["text"] for one in other["turns"] if not one["folded"]] == [
        "First question, original wording",
        "Answer to the original wording",
    ]
    numbers = {one["number"] for branch in shown["branches"] for one in _turns(chats, branch["key"])}
    assert numbers == set(range(16))


def _turns(page: Page, branch: str) -> list[dict[str, object]]:
    return list(page.json("/conversation", id=LAMPS, branch=branch)["turns"])


def test_thinking_and_tools_inside_of_a_message_are_found(chats: Page) -> None:
    claude = chats.json("/conversation", id=KITES)
    assert [(one["kind"], one["name"]) for one in claude["turns"][1]["parts"]] == [
        ("thinking", ""),
        ("tool", "web_search"),
        ("tool result", "web_search"),
    ]
    cherry = chats.json("/conversation", id=FERNS)
    assert cherry["turns"][1]["parts"][0]["text"] == "many ferns"


def test_a_search_inside_visits_hidden_parts_and_tells_of_other_branches(chats: Page) -> None:
    found = chats.json("/conversation", id=LAMPS, q="LIGHTHOUSE")["found"]
    assert (found["hit"], found["hits"], found["elsewhere"]) == (1, 1, 0)
    page = html(chats, "/conversation", id=LAMPS, q="lighthouse")
    assert "<mark>lighthouse</mark>" in page
    found = chats.json("/conversation", id=LAMPS, q="red square")["found"]
    assert (found["hits"], found["elsewhere"]) == (0, 1)
    there = chats.json("/conversation", id=LAMPS, q="red square", branch=found["branch"])
    assert there["found"]["hits"] == 1
    third = chats.json("/conversation", id=LAMPS, q="green", hit=3)
    assert [one["at_hit"] for one in third["turns"] if one["hit"]].index(True) == 2


def test_attachments_are_pictures_by_their_bytes_and_files_else(chats: Page) -> None:
    """Never a page or a program, whatever their name; the guard adds a sandbox."""
    files = {one["name"]: one for one in chats.json("/conversation", id=LAMPS)["attachments"]}
    answer = chats.client.get("/attachment", params={"id": files["lamp.png"]["id"]})
    assert (answer.headers["content-type"], answer.content[:4]) == ("image/png", b"\x89PNG")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    notes = {one["name"]: one for one in chats.json("/conversation", id=KITES)["attachments"]}
    answer = chats.client.get("/attachment", params={"id": notes["notes.txt"]["id"]})
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''notes.txt"
    assert notes["kite.png"]["id"] is None
    assert chats.client.get("/attachment", params={"id": "0" * 64}).status_code == 404


def test_a_branch_is_saved_as_markdown(chats: Page) -> None:
    answer = chats.client.get("/conversation.md", params={"id": KITES})
    assert answer.text.startswith("# Kite notes\n") and "About 4,879 metres." in answer.text
    assert answer.headers["content-disposition"].endswith("Kite%20notes.md")


def test_long_conversations_come_in_windows(tmp_path: Path) -> None:
    talk = {"id": "c1", "title": "Long", "messages": [{"role": "user", "content": f"line {n}"} for n in range(1_050)]}
    with served.page(served.migrated(tmp_path, conversations=[talk])) as page:
        shown = page.json("/conversation", id="c1")
        assert (len(shown["turns"]), shown["page"]["total"], shown["page"]["after"]) == (100, 1_050, 100)
        assert page.json("/conversation", id="c1", message=640)["turns"][40]["text"] == "line 640"
        found = page.json("/conversation", id="c1", q="line 99", hit=2)
        assert (found["found"]["hits"], found["page"]["offset"]) == (11, 900)
        assert 'id="m640"' in html(page, "/conversation", id="c1", message=640)


def test_conversations_are_found_by_title_and_by_what_was_said(chats: Page) -> None:
    assert [one["title"] for one in chats.json("/conversations", q="lamps")["listed"]][:1] == [
        "Branch · Lamps & branches"
    ]
    (one,) = chats.json("/conversations", q="4,879")["listed"]
    assert (one["title"], one["position"], one["source"]["kind"]) == ("Kite notes", 1, "claude")
    assert chats.json("/conversations", archived=True)["page"]["total"] == 1
    untitled = {one["id"]: one["title"] for one in chats.json("/conversations")["listed"]}
    assert all(title != key for key, title in untitled.items())


messages = st.lists(
    st.one_of(
        st.none(),
        st.integers(),
        st.text(max_size=5),
        st.fixed_dictionaries(
            {},
            optional={
                "id": st.sampled_from(["a", "b", "c", "", 5]),
                "parentId": st.sampled_from(["a", "b", "c", "d", None, 7]),
                "role": st.sampled_from(["user", "assistant", "system", "tool", None, 3]),
                "content": st.one_of(st.text(max_size=4), st.none(), st.lists(st.integers(), max_size=2)),
                "timestamp": st.sampled_from([1750000000000, "2025-01-01T00:00:00Z", "soon", None, True]),
                "metadata": st.sampled_from([None, {"hidden": True}, {"x": {"path": [], "node": {"content": [1]}}}]),
            },
        ),
    ),
    max_size=8,
)


@given(messages, st.one_of(messages, st.none(), st.integers()))
@settings(deadline=None, max_examples=200)
def test_every_message_of_any_tree_is_on_a_branch(main: list[object], others: object) -> None:
    """Missing parents, cycles, ids that repeat: no message is lost, no path is endless, each branch ends at its key."""
    tree = Tree(main, others)
    met: set[int] = set()
    for one in tree.branches():
        path = tree.path(tree.node(one.key))
        assert len({node.number for node in path}) == len(path)
        met |= {node.number for node in path}
        for node in path:
            assert node in tree.beside(node) and isinstance(node.parts, list) and list(node.says())
    assert met == {node.number for node in tree.nodes}
    assert [node.number for node in tree.path()][: len(main)] == list(range(len(main)))


# -- text


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "![x](https://evil.example/x.png)",
    "[x](/do/undo)",
    '[x](https://a.example "\\" onmouseover=alert(1)")',
    "```<script>\nalert(1)\n```",
    "<svg/onload=alert(1)>",
    "&lt;script&gt;",
    "\ud800 half",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    """Read as Markdown, and with anything marked in it."""
    for wanted in ("", "x", "script", "<", "&", '"', "amp", "a"):
        made = str(marking.found_in(readable(text), wanted))
        tags = re.findall(r"<(/?[a-zA-Z][\w-]*)((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>", made)
        assert {name.strip("/") for name, _ in tags} <= {"p", "a", "code", "pre", "div", "mark", "br", "em", "strong"}
        for _, rest in tags:
            assert not re.search(r"""(?:^|["'\s])on\w+\s*=""", re.sub(r'"[^"]*"', '""', rest)), made
            for address in re.findall(r'href="([^"]*)"', rest):
                assert address.startswith(("http://", "https://", "mailto:"))


def test_marks_are_never_inside_of_a_tag_or_a_reference() -> None:
    assert marking.found_in(Markup('<a title="a > b">b &amp; amp</a>'), "amp") == (
        '<a title="a > b">b &amp; <mark>amp</mark></a>'
    )
    assert marking.found("a<b", "<B") == "a<mark>&lt;b</mark>"


def test_the_words_that_differ_are_marked() -> None:
    before, after = marking.difference("Field botanist, hurried", "Field botanist, patient")
    assert (before, after) == ("Field botanist, <del>hurried</del>", "Field botanist, <ins>patient</ins>")
    assert marking.difference("<b>", "<i>")[1] == "&lt;<ins>i</ins>&gt;"


# -- history


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return served.migrated(
        tmp_path,
        personas=[world.persona("p1", name="Ada")],
        memories=[world.memory(f"m{number}", name=f"Name {number}") for number in range(1, 6)],
    )


def test_the_history_says_who_made_what(small: Path) -> None:
    """This page, the CLI, a program through pjais, another program: each entry says what was done to what by name."""
    with pjais.open(small) as store:
        with store.transaction("spring cleaning"):
            for number in (1, 2, 3):
                store.memories.delete(f"m{number}")
        store.undo()
    with sqlite3.connect(small / "pjais.sqlite") as db:
        db.execute("UPDATE personas SET description = 'by hand' WHERE id = 'p1'")
    db.close()
    assert run(["memories", "delete", "m5", "--data-dir", str(small)]) == 0
    with served.page(small) as page:
        assert page.do("edit", kind="memories", id="m4", name="Renamed").status_code == 200
        shown = page.json("/history")
        assert [(one["who"], one["title"], one["kind"], one["undone"]) for one in shown["entries"]] == [
            ("page", "“Renamed” edited", "do", False),
            ("cli", "“Name 5” deleted", "do", False),
            ("other", "“Ada” edited", "", False),
            ("program", "3 memories restored", "undo", False),
            ("program", "3 memories deleted", "do", True),
            ("app", "6 records migrated", "", False),
        ]
        assert shown["shares"] == {"page": 1, "cli": 1, "program": 6, "other": 1}
        assert [one["who"] for one in page.json("/history", who="cli")["entries"]] == ["cli"]
        past = page.json("/history", at=3)
        assert (past["previous"], past["following"], past["tally"]) == (0, 6, {"added": 0, "edited": 6, "deleted": 0})
        assert past["selected"]["refused"] == "It is undone already."
        assert _undoable(small)[1].label == "update memory_entities m5", "who made it is not part of the label"


def _undoable(folder: Path) -> list[Operation]:
    with pjais.open(folder) as store:
        return store.undoable()


def test_a_change_of_anybody_is_undone_unless_something_newer_stands_on_it(small: Path) -> None:
    with sqlite3.connect(small / "pjais.sqlite") as db:
        db.execute("UPDATE personas SET description = 'by hand' WHERE id = 'p1'")
    db.close()
    with served.page(small) as page:
        page.do("edit", kind="memories", id="m4", name="Renamed")
        page.do("edit", kind="memories", id="m4", name="Again")
        assert page.json("/history", at=2)["selected"]["refused"] == "“Again” was changed again since."
        refused = page.do("undo-change", first="2", last="2", back="/history")
        assert refused.status_code == 400 and refused.json()["safe"] == "Nothing was written."
        assert page.do("undo-change", first="1", last="1", back="/history").status_code == 200
        assert page.json("/persona", id="p1")["record"]["description"] != "by hand"
        assert page.json("/memory", id="m4")["record"]["name"] == "Again"
        assert page.json("/history")["entries"][0]["title"] == "“Ada” edited"


# -- charts


def test_months_are_on_a_true_axis_with_their_gaps() -> None:
    found = charts.months({"2025-01": 3, "2025-04": 1, "2029-01": 2, "unknown": 5, "": 1})
    assert (len(found.axis), found.undated, charts.gaps(found)) == (49, 6, [(1, 2), (4, 44)])
    drawn = str(charts.month_columns(found, "n"))
    assert drawn.count('class="bar"') == 3 and drawn.count('class="gap"') == 2
    assert "<title>No data, 2 months</title>" in drawn and "<title>No data, 44 months</title>" in drawn
    places = [float(one) for one in re.findall(r'class="bar" x="([\d.]+)"', drawn)]
    width = places[1] - places[0]
    assert places[2] - places[1] == pytest.approx(width / 3 * 5, rel=0.01), "the break is as wide as 4 months"


@given(
    st.dictionaries(st.one_of(st.from_regex(r"\d{4}-(0[1-9]|1[0-2])", fullmatch=True), st.text()), st.integers(0, 9))
)
@settings(deadline=None, max_examples=60)
def test_any_months_can_be_drawn(counts: dict[str, int]) -> None:
    found = charts.months(counts)
    assert "nan" not in charts.month_columns(found, "x<y") + charts.growth(found, "x<y")


def test_insights_of_few_and_of_none(small: Path) -> None:
    with served.page(small) as page:
        assert "No embeddings" in html(page, "/insights") and "Show data" in html(page, "/insights")
        with pjais.open(small) as store:
            key = store.personas.create(name="Nobody").id
        assert "This persona has no memories" in html(page, "/insights", persona=key)
