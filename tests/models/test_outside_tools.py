"""Other programs read an app's tables as they are: plain SQLite, Datasette, sqlite-utils, pandas."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pjais

GOLDEN = Path(__file__).parents[1] / "golden"
PROFILES = ("any-app/kv/profile", "any-app/named-dexie/profile", "any-app/lattice", "libraries")

PEOPLE = """\
CREATE TABLE people (
    id INTEGER PRIMARY KEY,
    name TEXT,
    age INTEGER,
    mail TEXT,
    tags,
    _document TEXT NOT NULL CHECK (json_valid(_document))
)"""

_NAMES = """
import json, sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")]
quoted = ['"' + name.replace('"', '""') + '"' for name in names]
wrong = []
"""

PLAIN = """
for name in quoted:
    db.execute(f"SELECT * FROM {name}").fetchall()
print(json.dumps({"read": len(names), "wrong": wrong}))
"""

PANDAS = """
import pandas
for name in quoted:
    frame = pandas.read_sql(f"SELECT * FROM {name}", db)
    if len(frame) != db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]:
        wrong.append(name)
print(json.dumps({"read": len(names), "wrong": wrong}))
"""

DATASETTE = """
import asyncio
from datasette.app import Datasette
from datasette.utils import tilde_encode

async def ask():
    served = Datasette([sys.argv[1]], settings={"sql_time_limit_ms": 30_000})
    await served.invoke_startup()
    paths = ["/pjais", "/pjais.json"]
    paths += [f"/-/{what}.json" for what in ("databases", "metadata", "plugins", "settings", "threads", "versions")]
    for name in names:
        table = f"/pjais/{tilde_encode(name)}"
        paths += [table, f"{table}.json?_shape=objects", f"{table}.csv?_size=max"]
    for path in paths:
        answer = await served.client.get(path)
        if answer.status_code != 200:
            wrong.append([path, answer.status_code, answer.text[-300:]])
        elif path.endswith("_shape=objects") and answer.json().get("error"):
            wrong.append([path, answer.json()["error"]])

asyncio.run(ask())
print(json.dumps({"read": len(names), "wrong": wrong}))
"""


@pytest.fixture(scope="module", params=PROFILES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a golden profile."""
    folder = tmp_path_factory.mktemp("outside")
    pjais.migrate(folder, [GOLDEN / request.param])
    return folder / "pjais.sqlite"


def _needs(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        if package == "datasette" and os.environ.get("PJAIS_REQUIRE_ORACLES") == "1":
            pytest.fail("datasette is not installed: pip install 'pjais[dev]'")
        pytest.skip(f"{package} is not installed (pip install {package})")


def _read(store: Path, script: str) -> None:
    """Run a script on a store in a process of its own; assert that it read every table and view."""
    command = [sys.executable, "-c", _NAMES + script, str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["wrong"] == []
    assert told["read"] > 15


def test_plain_sqlite_reads_every_table_and_view(store: Path) -> None:
    """Python's own module decodes each value; no view and no generated column fails."""
    _read(store, PLAIN)


def test_datasette_serves_every_table_and_view(store: Path) -> None:
    """Its pages, JSON and CSV of each table and view answer 200."""
    _needs("datasette")
    _read(store, DATASETTE)


def test_pandas_reads_every_table_and_view(store: Path) -> None:
    """`read_sql` gives as many rows as the table has."""
    _needs("pandas")
    _read(store, PANDAS)


def test_a_table_is_what_a_person_would_have_written(tmp_path: Path) -> None:
    """Also what `sqlite-utils schema` prints, which is the text that SQLite holds."""
    pjais.migrate(tmp_path, [GOLDEN / "any-app" / "lattice"])
    script = "print(json.dumps(db.execute(\"SELECT sql FROM sqlite_schema WHERE name = 'people'\").fetchone()))"
    command = [sys.executable, "-c", _NAMES + script, str(tmp_path / "pjais.sqlite")]
    assert json.loads(subprocess.run(command, capture_output=True, check=True).stdout) == [PEOPLE]
