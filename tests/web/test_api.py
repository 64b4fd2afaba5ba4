"""The views and actions as programs see them: what the OpenAPI document says is what is answered, whatever is asked.

And whatever becomes of the data folder while it is served, an answer is a page or an error of ours, never above 499.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import served
from hypothesis import HealthCheck, Phase, Verbosity, given, reject, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from served import JSON, KEYS, OWN, Page

import pjais
import world
from pjais.errors import PjaisError
from pjais.migration import run
from pjais.web.app import VIEWS
from pjais.workspace import resolve_workspace

GOLDEN = Path(__file__).parents[1] / "golden"
PATHS = [view.path for view in VIEWS]
EXAMPLES = 10
"""Of each kind (what the document allows, what it forbids) and for each view; `make soak` asks thousands."""
PROBLEM = set(PjaisError("x").as_dict())
KNOWN = {
    "/persona": {"id": "p1"},
    "/memory": {"id": "m1"},
    "/conversation": {"id": "c1"},
    "/kept": {"id": "1"},
    "/table": {"name": "todos"},
    "/row": {"name": "todos", "key": "t1"},
}
"""What each of these views is to be asked for, so that it has something to show."""


def _folder(folder: Path) -> Path:
    """A store with something for every view, and a document in quarantine."""
    return served.migrated(
        folder,
        personas=[world.persona(isActive=True, personality={"a": [1, 2.5]}), world.persona("p2")],
        memories=[
            world.memory(embedding=[0.1, 0.9], tags=["tea"]),
            world.memory("m2", embedding=[0.9, 0.1], content={"a": [None]}),
            world.memory("m3", None, importance=12.5, deletedAt="2025-04-01T00:00:00Z"),
            world.memory("bad", importance="much"),
        ],
        conversations=[
            {"id": "c1", "personaId": "p1", "title": "Talk", "messages": [{"role": "user", "content": "hi"}, {}, 5]}
        ],
        relationships=[{"id": "r1", "fromId": "m1", "toId": "m2", "type": "like", "strength": 0.5}],
        todos=[{"id": "t1", "title": "Milk"}],
    )


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with served.page(_folder(tmp_path / "data")) as made:
        yield made


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page for looks alone; a few changes give it a history."""
    with served.page(_folder(tmp_path_factory.mktemp("api"))) as made:
        for name in ("one", "two"):
            assert made.do("edit", kind="memories", id="m1", name=name).status_code == 200
        assert made.do("promote", id="m1").status_code == 200
        assert made.do("undo").status_code == 200
        assert made.do("verify").status_code == 200
        assert made.rested().state == "done"
        yield made


# -- the document


def _document(page: Page) -> Any:
    return page.client.get("/api/openapi.json").json()


def _has_parameters(page: Page, path: str) -> bool:
    return bool(_document(page)["paths"][f"/api{path}"]["get"].get("parameters"))


def test_every_view_is_in_the_document_typed_and_described(lasting: Page) -> None:
    document = _document(lasting)
    assert set(document["paths"]) == {f"/api{path}" for path in PATHS}
    shapes = document["components"]["schemas"]
    for view in VIEWS:
        ((method, told),) = document["paths"][f"/api{view.path}"].items()
        assert method == "get" and told["description"], view.path
        answers = {
            status: one["content"]["application/json"]["schema"]["$ref"] for status, one in told["responses"].items()
        }
        assert answers.pop("200") == f"#/components/schemas/{view.shape.__name__}"
        assert set(answers) == {"400", "403", "404", "409", "414", "421", "422"}
        assert set(answers.values()) == {"#/components/schemas/Problem"}
        for one in told.get("parameters", ()):
            assert one["schema"].keys() & {"type", "anyOf"}, (view.path, one)
    open_to_all = {
        (name, field)
        for name, one in shapes.items()
        if "properties" in one
        for field, told in one["properties"].items()
        if not told.keys() & {"type", "$ref", "anyOf"}
    }
    assert all(
        one["description"] for name, one in shapes.items() if name not in ("HTTPValidationError", "ValidationError")
    )
    assert open_to_all - {("ValidationError", "input")} == {
        ("Memory", "content"),
        ("Change", "before"),
        ("Change", "after"),
        ("Job", "result"),
        ("Kept", "document"),
        ("NamedChange", "before"),
        ("NamedChange", "after"),
        ("Turn", "at"),
        ("HiddenPart", "data"),
        ("Fix", "value"),
        ("Differing", "old"),
        ("Differing", "new"),
    }
    assert set(shapes["Problem"]["required"]) == PROBLEM


@pytest.mark.parametrize("path", PATHS)
def test_a_view_says_the_same_at_both_of_its_addresses(lasting: Page, path: str) -> None:
    for query in (
        {},
        KNOWN.get(path, {"id": ""}),
        {"id": "nobody"},
        {"limit": 0},
        {"at": 1, "q": "content", "limit": 1},
    ):
        told = lasting.client.get(f"/api{path}", params=query)
        own = lasting.client.get(path, params=query, headers=JSON)
        assert (own.status_code, own.json()) == (told.status_code, told.json())
        assert own.headers["content-type"] == told.headers["content-type"] == "application/json"
        if told.status_code != 200:
            assert set(told.json()) == PROBLEM and told.json()["safe"] and told.json()["next"]
        shown = lasting.client.get(path, params=query, headers={"accept": "text/html,application/json;q=0.9"})
        assert (shown.status_code, shown.headers["content-type"]) == (told.status_code, "text/html; charset=utf-8")
    assert lasting.client.get(path, params=KNOWN.get(path, {"id": ""})).status_code in (200, 404)


# -- whatever is asked


def _asked(page: Page, path: str, mode: GenerationMode, examples: int, begin: int = 1) -> Counter[int]:
    """A view asked for what its document allows, or does not; every answer is as the document says."""
    load_all_checks()
    # A combination of parameters that each are allowed may still mean nothing (a date, an order): 400 says so.
    kept_out = [one for one in CHECKS.get_all() if one.__name__ == "positive_data_acceptance"]
    operation = schemathesis.openapi.from_dict(_document(page))[f"/api{path}"]["GET"]
    statuses: Counter[int] = Counter()

    @seed(begin)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
    )
    @given(operation.as_strategy(generation_mode=mode), st.booleans())
    def ask(case: Any, known: bool) -> None:
        if mode is GenerationMode.POSITIVE and known and path in KNOWN:
            case.query = dict(KNOWN[path])
        if mode is GenerationMode.NEGATIVE and any(value in ("", [], [""]) for value in (case.query or {}).values()):
            reject()  # an empty list is sent as an empty field, which every form sends
        sent = case.as_transport_kwargs(base_url=OWN)
        headers = dict(sent["headers"] or {})
        try:
            answer = page.client.ask(sent["method"], sent["url"], params=sent.get("params"), headers=headers)
        except httpx.InvalidURL:  # too long to be sent at all
            reject()
        statuses[answer.status_code] += 1
        assert answer.status_code < 500
        if answer.status_code != 414:  # refused at the door, which no document of the app's speaks of
            case.validate_response(answer, excluded_checks=kept_out)

    ask()
    return statuses


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_as_the_document_says(lasting: Page, path: str) -> None:
    statuses = _asked(lasting, path, GenerationMode.POSITIVE, EXAMPLES)
    assert statuses[200] or path == "/run"
    if _has_parameters(lasting, path):
        assert _asked(lasting, path, GenerationMode.NEGATIVE, EXAMPLES)[422]


@pytest.mark.soak
def test_thousands_of_questions_are_answered_as_the_document_says(lasting: Page) -> None:
    asked: Counter[int] = Counter()
    for path in PATHS:
        parameters = _has_parameters(lasting, path)
        for begin in range(2, 4 if parameters else 3):
            asked += _asked(lasting, path, GenerationMode.POSITIVE, 100, begin)
            if parameters:
                asked += _asked(lasting, path, GenerationMode.NEGATIVE, 100, begin)
    sys.stdout.write(f"asked {asked.total():,}: {dict(asked)}\n")
    assert max(asked) < 500


# -- several apps in one store


def test_lists_show_and_filter_the_source(tmp_path: Path) -> None:
    """In JSON and on the page, also in a search; an unknown source is refused with the known ones."""
    talk = {"id": "c1", "personaId": "p1", "title": "Talk", "messages": []}
    folder = served.migrated(
        tmp_path, personas=[world.persona()], memories=[world.memory(content="tea")], conversations=[talk]
    )
    told = {"name": "app", "collections": [{"name": "memories", "docs": [world.memory("m2", content="tea")]}]}
    (folder / "dump.json").write_text(json.dumps(told), "utf-8")
    pjais.migrate(folder)
    with served.page(folder) as page:
        assert page.do("remember", content="tea here").status_code == 200
        known = [{"kind": "json", "name": "data.json"}, {"kind": "rxdb-dump", "name": "dump.json"}]
        for query in ({}, {"q": "tea"}):
            every = page.json("/memories", **query)
            assert every["sources"] == known and every["page"]["total"] == 3
            for source, ids in (("rxdb-dump", ["m2"]), ("data.json", ["m1"])):
                found = page.json("/memories", source=source, **query)
                assert [one["memory"]["id"] for one in found["hits"]] == ids
                assert found["page"]["total"] == 1
            (own,) = page.json("/memories", source="pjais", **query)["hits"]
            assert own["source"] == {"kind": "pjais", "name": None}
        talks = page.json("/conversations", source="json")
        assert talks["source_of"] == {"c1": known[0]} and talks["sources"] == known
        assert page.json("/conversations", source="rxdb-dump")["page"]["total"] == 0
        assert page.json("/memory", id="m2")["source"] == known[1]
        assert page.json("/persona", id="p1")["source"] == page.json("/conversation", id="c1")["source"] == known[0]
        shown = page.client.get("/memories", params={"source": "rxdb-dump"}, headers={"accept": "text/html"}).text
        assert 'title="dump.json" aria-current="true"' in shown
        refused = page.client.get("/memories", params={"source": "rxdb-dmp"}, headers=JSON)
        assert refused.status_code == 400 and refused.json()["advice"] == "did you mean rxdb-dump?"


# -- at once


def test_of_many_migrations_at_once_one_runs(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = threading.Event(), threading.Event()
    real = run.migrate

    def slow(*given: Any) -> Any:
        begun.set()
        assert may_end.wait(120)
        return real(*given)

    monkeypatch.setattr("pjais.migration.run.migrate", slow)
    form = {"csrf": KEYS.form, "quarantine": "yes", "run": page.json("/overview")["runs"][0]["id"], "later": "discard"}
    asked = [
        ("POST", f"/do/{name}", {"data": form, "headers": JSON})
        for name in ("migrate",) * 8 + ("verify", "rollback") * 3
    ]
    answers = page.client.together(*asked)
    assert begun.wait(120)
    # While it has the store for itself, everything else says so, and every look is answered.
    later = page.client.together(*asked)
    looks = page.client.together(
        *(("GET", path, {"params": KNOWN.get(path, {"id": "x"}), "headers": JSON}) for path in PATHS)
    )
    written = page.do("remember", content="tea")
    may_end.set()
    job = page.rested()
    assert Counter(one.status_code for one in answers) == {200: 1, 409: 13}
    assert {one.status_code for one in later} == {409}
    for one in (*answers, *later, written):
        if one.status_code == 409:
            assert one.json()["code"] == "MIGRATION_011" and one.json()["safe"] and one.json()["next"]
    assert {one.status_code for one in looks} <= {200, 404, 409}
    assert written.status_code == 409
    assert (job.kind, job.state) == ("migrate", "done")
    assert page.do("remember", content="tea").status_code == 200


def test_writes_at_once_are_all_there(page: Page) -> None:
    form = {"csrf": KEYS.form, "persona": "p1"}
    asked = [("POST", "/do/remember", {"data": {**form, "content": f"cup {n}"}, "headers": JSON}) for n in range(30)]
    looks = [("GET", path, {"params": KNOWN.get(path, {"id": "x"})}) for path in PATHS]
    answers = page.client.together(*asked, *looks)
    assert {one.status_code for one in answers[:30]} == {200}
    assert {one.status_code for one in answers[30:]} <= {200, 404}
    assert page.json("/memories", q="cup", limit=100)["page"]["total"] == 30
    undone = page.client.together(*[("POST", "/do/undo", {"data": form, "headers": JSON})] * 40)
    assert {one.status_code for one in undone} == {200, 400}
    assert page.json("/memories", q="cup")["page"]["total"] == 0


def test_a_search_shows_the_messages_that_hold_the_words(lasting: Page) -> None:
    found = lasting.json("/memories", q="hi")
    (message,) = found["messages"]
    assert (message["conversation_id"], message["title"], message["position"], message["role"]) == (
        "c1",
        "Talk",
        0,
        "user",
    )
    assert (message["snippet"], found["messages_total"]) == ("\ue000hi\ue001", 1)
    shown = lasting.client.get("/memories", params={"q": "hi"}).text
    assert (
        'href="/conversation?id=c1&amp;message=0#m0"' in shown and "<b>Talk</b>" in shown and "<mark>hi</mark>" in shown
    )
    assert '<article class="turn user" id="m0"' in lasting.client.get("/conversation", params={"id": "c1"}).text
    assert lasting.json("/memories", q="hi", persona="p2")["messages"] == []
    assert lasting.json("/memories", q="hi", tier="hot")["messages"] == []  # messages have no tier
    assert lasting.json("/memories")["messages"] == []


# -- a store that somebody else has their hands on


def _gone(folder: Path) -> None:
    for one in folder.glob("pjais.sqlite*"):
        one.unlink()


def _written(data: bytes) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        _gone(folder)
        (folder / "pjais.sqlite").write_bytes(data)

    return harm


def _flipped(folder: Path) -> None:
    data = bytearray((folder / "pjais.sqlite").read_bytes())
    data[100::97] = bytes(one ^ 0xFF for one in data[100::97])
    (folder / "pjais.sqlite").write_bytes(data)


def _sql(*statements: str) -> Callable[[Path], None]:
    """Another program writes: in this one, the module sqlite3 would take away the locks of the page."""
    code = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); [db.execute(one) for one in sys.argv[2:]]; db.commit()"
    )

    def harm(folder: Path) -> None:
        subprocess.run([sys.executable, "-SEc", code, str(folder / "pjais.sqlite"), *statements], check=True)

    return harm


def _replaced(folder: Path) -> None:
    (_folder(folder.parent / "another") / "pjais.sqlite").replace(folder / "pjais.sqlite")


def _foreign(folder: Path) -> None:
    _gone(folder)
    _sql("CREATE TABLE x (y)")(folder)


def _folder_instead(folder: Path) -> None:
    _gone(folder)
    (folder / "pjais.sqlite").mkdir()


def _run_broken(folder: Path) -> None:
    for name, text in (
        ("report.json", '{"rules": {"a": 1}, "findings": 5}'),
        ("manifest.json", "[["),
        ("journal.jsonl", '{"no'),
    ):
        for one in folder.glob(f"backups/*/{name}"):
            one.write_text(text, "utf-8")
    (folder / "backups" / "elsewhere").symlink_to(folder.parent)
    (folder / "backups" / "\udcff").mkdir()


HARMS: dict[str, Callable[[Path], None]] = {
    "removed": _gone,
    "replaced": _replaced,
    "flipped": _flipped,
    "empty": _written(b""),
    "zeroes": _written(b"\0" * 9999),
    "foreign": _foreign,
    "cut": lambda folder: os.truncate(folder / "pjais.sqlite", 5000),
    "a folder": _folder_instead,
    "newer": _sql("PRAGMA user_version = 9999"),
    "all gone": shutil.rmtree,
    "run broken": _run_broken,
    "no permission": lambda folder: (folder / "pjais.sqlite").chmod(0),
    "a table dropped": _sql("DROP TABLE changes"),
    "odd values": _sql(
        "UPDATE memory_entities SET importance = 'x', created_at = 'y', access_count = NULL",
        "UPDATE personas SET name = x'ff'",
        "UPDATE conversations SET messages = '5'",
        "UPDATE personas SET personality = '[1]'",
        "UPDATE memory_entities SET content = '" + "[" * 900 + "]" * 900 + "', content_format = 'json'",
    ),
}


def _all_answered(page: Page) -> None:
    """Every view and many actions, and every view again: a page or an error of ours."""
    _all_shown(page)
    for action in ("edit", "remember", "undo", "rollback", "verify", "back-up", "compare", "migrate", "check-backup"):
        answer = page.do(action, kind="memories", id="m1", content="x", run="x", later="keep")
        assert answer.status_code < 500, (action, answer.text)
        told = answer.json() if answer.status_code > 299 else (page.rested() and page.home.job and page.home.job.error)
        if told:
            assert set(told) == PROBLEM and told["safe"] and told["next"], told
            assert not told["what"].startswith("an unexpected error"), (action, told)
    _all_shown(page)


def _all_shown(page: Page) -> None:
    for path in PATHS:
        for headers in (JSON, {}):
            answer = page.client.get(path, params=KNOWN.get(path, {"id": "x"}), headers=headers)
            assert answer.status_code < 500, (path, answer.text)
            if headers and answer.status_code > 299:
                assert set(answer.json()) == PROBLEM and answer.json()["safe"] and answer.json()["next"]


@pytest.mark.parametrize("harm", HARMS)
def test_a_store_that_is_harmed_while_it_is_served_is_told_and_no_fault_of_the_server(page: Page, harm: str) -> None:
    page.json("/memories")
    HARMS[harm](Path(page.json("/overview")["data_dir"]))
    _all_answered(page)


@pytest.mark.parametrize("kind", ["not there", "a file", "below a file", "empty"])
def test_a_data_folder_without_data_is_told_and_shown(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a file").write_text("x")
    (tmp_path / "empty").mkdir()
    folder = {"below a file": tmp_path / "a file" / "x"}.get(kind, tmp_path / kind)
    with served.page(folder) as page:
        assert page.client.get("/").status_code in (200, 409)
        _all_answered(page)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a file", "empty"]


def test_a_store_that_comes_back_is_shown_again(page: Page, tmp_path: Path) -> None:
    folder = Path(page.json("/overview")["data_dir"])
    page.json("/memories")
    shutil.copytree(folder, tmp_path / "kept")
    _gone(folder)
    assert page.client.get("/memories").status_code == 404
    for one in (tmp_path / "kept").glob("pjais.sqlite*"):
        shutil.copy(one, folder)
    assert page.json("/memories")["page"]["total"] == 2
    _replaced(folder)
    assert page.do("remember", content="in the other").status_code == 200
    assert world.rows(
        folder / "pjais.sqlite", "SELECT count(*) FROM memory_entities WHERE content = 'in the other'"
    ) == [(1,)]


def test_a_livestore_store_is_looked_at_in_time_and_every_other_look_says_so(tmp_path: Path) -> None:
    world.write_json(tmp_path, personas=[world.persona()], memories=[world.memory()])
    pjais.migrate(tmp_path, to="livestore")
    assert resolve_workspace(tmp_path, to="livestore").target.kind == "livestore"
    with served.page(tmp_path) as page:
        _all_answered(page)
        assert page.client.get("/history", params={"at": 1}).status_code == 200
        told = page.client.get("/api/memories").json()
        assert told["code"] == "PJAIS_USAGE" and "History" in told["what"]


# -- forms


def test_what_nobody_typed_into_stays_as_it_was(tmp_path: Path) -> None:
    """A browser sends every field of a form, and not every character as it was."""
    odd = {
        "content": "a\r\nb\rc\nd\x00",
        "name": "two\nlines",
        "summary": None,
        "tags": [" a ", "b"],
        "importance": 12.5,
    }
    folder = served.migrated(
        tmp_path, memories=[world.memory("m1", None, **odd), world.memory("m2", None, content={"a": 1.0})]
    )
    with served.page(folder) as page:
        before = page.json("/memory", id="m1")["record"]
        sent = {
            "kind": "memories",
            "id": "m1",
            "content": "a\r\nb\r\nc\r\nd\ufffd",
            "summary": "",
            "tags": " a , b",
            "importance": "12.5",
        }
        assert page.do("edit", **sent, name="twolines").status_code == 200
        assert page.json("/memory", id="m1")["record"] == before
        assert page.json("/history")["last"] == 0
        assert page.do("edit", **sent, name="one line").status_code == 200
        after = page.json("/memory", id="m1")["record"]
        assert {name for name in before if before[name] != after[name]} == {"name", "updatedAt"}
        assert page.do("edit", **{**sent, "content": "abcd"}).status_code == 200
        assert page.json("/memory", id="m1")["record"]["content"] == "abcd"
        whole = '{\r\n  "a": 1.0\r\n}'
        assert (
            page.do("edit", kind="memories", id="m2", content=whole, content_format="json", name="n").status_code == 200
        )
        assert page.json("/memory", id="m2")["record"]["content"] == {"a": 1.0}


def test_what_a_form_means_is_said_and_never_guessed(page: Page) -> None:
    for action, form in (
        ("switch", {"to": ""}),
        ("switch", {"to": "NEW"}),
        ("rollback", {"run": "x"}),
        ("edit", {"id": "m1"}),
        ("edit", {"id": "m1", "kind": "__class__"}),
        ("edit", {"id": "m1", "kind": "relationships"}),
        ("restore-record", {"id": "m1", "at": "0"}),
        ("remember", {}),
        ("unlock", {}),
        ("replay", {}),
    ):
        answer = page.do(action, **form)
        assert (answer.status_code, answer.json()["code"]) == (400, "PJAIS_USAGE"), (action, form)
    for name in ("nothing", "__init__", "edit/", "../overview", "EDIT", "%2e%2e"):
        assert page.client.post(f"/do/{name}", data={"csrf": KEYS.form}, headers=JSON).status_code in (
            307,
            403,
            404,
            405,
        )


@pytest.mark.parametrize(
    "back", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", "\t//evil", "evil", ""]
)
def test_after_an_action_one_is_still_on_the_page(page: Page, back: str) -> None:
    assert page.do("edit", kind="memories", id="m1", name="x").status_code == 200
    form = {"csrf": KEYS.form, "table": "memory_entities", "id": "m1", "at": "0", "field": "name", "back": back}
    answer = page.client.post("/do/restore-record", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/history")


def test_the_password_is_asked_for_and_never_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    item = next(
        one for one in sorted(GOLDEN.glob("rxdb/*/expected.json")) if "password" in json.loads(one.read_text("utf-8"))
    )
    password = json.loads(item.read_text("utf-8"))["password"]
    folder = Path(shutil.copytree(item.parent, tmp_path / "data"))
    (folder / "expected.json").unlink()
    said = ""
    with served.page(folder) as page:

        def planned() -> Any:
            nonlocal said
            for _ in range(400):
                told = page.json("/import")
                said += json.dumps(told) + page.client.get("/import?step=review").text
                if told["plan"] or told["plan_error"]:
                    return told
                threading.Event().wait(0.02)
            raise AssertionError("no plan is made")

        assert planned()["plan_error"]["code"] == "MIGRATION_009"
        assert 'type="password"' in said
        for wrong in ("wr0ng-passw0rd", "\x00\ud7ff", "x" * 10_000):
            assert page.do("unlock", password=wrong).status_code == 200
            assert planned()["plan_error"]["code"] == "MIGRATION_009"
            assert wrong not in said
        assert page.do("unlock", password=password).status_code == 200
        assert planned()["plan"]["total"]["read"] > 0
        said = ""
        for action in ("migrate", "verify", "compare", "sync"):
            said += page.do(action, quarantine="yes").text
            assert page.rested().state == "done", page.home.job
        for path in PATHS:
            for headers in (JSON, {}):
                said += page.client.get(path, params={"id": "x", "limit": 500}, headers=headers).text
        assert password not in said and password not in caplog.text
        assert password not in repr(page.home.options) and password not in repr(page.home.job)
    for one in folder.rglob("*"):
        if one.is_file() and ("logs" in one.parts or one.suffix in (".json", ".jsonl")):
            assert password.encode() not in one.read_bytes(), one


def test_a_store_beside_a_bad_source_is_shown_and_the_plan_says_what_waits(tmp_path: Path) -> None:
    """One bad document in an old source shuts nothing, also on the page."""
    folder = served.migrated(tmp_path / "data", personas=[world.persona()], memories=[world.memory("m1")])
    memories = [world.memory("m1"), world.memory("m2", "nobody")]
    world.write_json(folder, personas=[world.persona()], memories=memories)
    with served.page(folder) as page:
        assert page.json("/overview")["new_data"]
        assert [hit["memory"]["id"] for hit in page.json("/memories")["hits"]] == ["m1"]
        shown = page.json("/import")
        while shown["plan"] is None and shown["plan_error"] is None:
            shown = page.json("/import")
        assert [rule["rule"] for rule in shown["plan"]["rules"] if rule["level"] == "error"] == ["orphan"]
        page.do("migrate", quarantine="yes")
        assert page.rested().state == "done"
        assert len(page.json("/quarantine")["entries"]) == 1
    assert pjais.verify(folder).passed
