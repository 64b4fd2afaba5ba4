"""The shipped Datasette metadata: each canned query runs on the sample's store, and real Datasette serves it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import pjais

METADATA = Path(str(files("pjais"))) / "datasette" / "metadata.json"
TOLD = json.loads(METADATA.read_text("utf-8"))["databases"]["pjais"]
QUERIES: dict[str, dict[str, Any]] = TOLD["queries"]
GIVEN = {"words": "tea", "id": "persona-ada"}
EMPTY = ("edits_by_day", "history", "quarantine")
"""Of these the sample has nothing before somebody edits."""
SERVED = """
import asyncio, json, sys
from urllib.parse import urlencode
from datasette.app import Datasette

async def ask():
    store, metadata, given = sys.argv[1], json.load(open(sys.argv[2])), json.loads(sys.argv[3])
    served = Datasette([store], metadata=metadata, settings={"sql_time_limit_ms": 30_000})
    await served.invoke_startup()
    told, asked = metadata["databases"]["pjais"], urlencode(given)
    paths = ["/", "/pjais", *(f"/pjais/{name}" for name in told["tables"])]
    paths += [f"/pjais/{name}?{asked}" for name in told["queries"]]
    paths += [f"/pjais/{name}.json?_shape=array&{asked}" for name in told["queries"]]
    paths += ["/pjais/memory_entities?_search=tea"]
    wrong = []
    for path in paths:
        answer = await served.client.get(path)
        if answer.status_code != 200 or "error" in answer.text.lower()[:200]:
            wrong.append([path, answer.status_code, answer.text[-300:]])
    first = (await served.client.get("/pjais")).text
    print(json.dumps({"asked": len(paths), "wrong": wrong, "listed": "Search memories" in first}))

asyncio.run(ask())
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, migrated."""
    folder = tmp_path_factory.mktemp("datasette") / "PJais"
    shutil.copytree(str(files("pjais.demo") / "sample"), folder)
    pjais.migrate(folder)
    return folder / "pjais.sqlite"


def _run(store: Path, name: str, given: dict[str, str]) -> list[Any]:
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as db:
        return db.execute(QUERIES[name]["sql"], given).fetchall()


@pytest.mark.parametrize("name", QUERIES)
def test_a_canned_query_runs_and_finds_something(store: Path, name: str) -> None:
    found = _run(store, name, GIVEN)
    assert bool(found) == (name not in EMPTY)


@pytest.mark.parametrize("name", [name for name, one in QUERIES.items() if ":words" in one["sql"]])
@pytest.mark.parametrize("words", ["", '"', "tea AND", "na:me", "*", "it's", "tea ceremony"])
def test_a_search_takes_any_text(store: Path, name: str, words: str) -> None:
    """FTS5's query language is not for what a person types."""
    assert isinstance(_run(store, name, {"words": words}), list)


def test_what_is_asked_for_is_declared() -> None:
    """Datasette shows a field for each parameter."""
    for name, one in QUERIES.items():
        assert {*re.findall(r"(?<![\w:]):(\w+)", one["sql"])} <= {*GIVEN}, name


def test_every_table_and_column_that_is_described_is_there(store: Path) -> None:
    with closing(sqlite3.connect(store)) as db:
        for table, told in TOLD["tables"].items():
            columns = {name for (name,) in db.execute("SELECT name FROM pragma_table_xinfo(?)", (table,))}
            assert columns, table
            named = {*told.get("columns", ()), *told.get("facets", ())}
            named |= {told[key] for key in ("label_column", "sort", "sort_desc", "fts_pk") if key in told}
            assert named <= columns, table


def test_the_reconciliation_adds_up(store: Path) -> None:
    for _, path, read, *outcomes in _run(store, "reconciliation", {}):
        assert read == sum(outcomes), path


def test_datasette_serves_it(store: Path) -> None:
    """Its pages and JSON of every query and table answer 200."""
    if find_spec("datasette") is None:
        reason = "datasette is not installed: pip install 'pjais[dev]'"
        if os.environ.get("PJAIS_REQUIRE_ORACLES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    command = [sys.executable, "-W", "ignore", "-c", SERVED, str(store), str(METADATA), json.dumps(GIVEN)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["wrong"] == []
    assert told["listed"] and told["asked"] > 40
