"""The real RxDB 17 in real Chromium takes our dumps in by `importJSON()`, and then has what the profile had."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from oracle_world import require
from test_rxdb_live import WRITER, missing, text_of

import pjais

pytestmark = pytest.mark.oracle

GOLDEN = Path(__file__).parents[1] / "golden" / "rxdb"
ITEMS = (
    *("v14-clean", "v16-clean", "v16-encrypted-attachments", "v17-keycompression", "v17-encrypted-keycompression"),
    *("v17-blobs", "v17-half-migrated", "v17-sqlite-killed", "v17-two-databases", "v17-other-app"),
    *("v17-keyed", "v17-replicated", "v16-localstorage", "v17-localstorage-encrypted"),
)

WAYS = [(item, way) for item in ITEMS for way in ("profile", "store") if (item, way) != ("v17-two-databases", "store")]
"""Out of the profile, or out of a store that it was migrated to, which has the newer of two copies of a record."""


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Skip with the reason where the oracle is missing; fail where it is required."""
    require(missing)


def account(item: str) -> dict[str, Any]:
    """RxDB's own account of a profile."""
    plain = GOLDEN / item / "expected.json"
    text = plain.read_bytes() if plain.exists() else gzip.decompress(plain.with_suffix(".json.gz").read_bytes())
    return dict(json.loads(text))


def rxdb(out: Path, options: dict[str, Any], **how: Any) -> dict[str, Any]:
    """Let RxDB 17 take a dump in, or write its own; what it says."""
    facts = {"OUT": str(out), "OPTIONS": json.dumps(options), **{key: str(value) for key, value in how.items()}}
    done = subprocess.run(
        ["node", str(WRITER / "dump.mjs")],
        env={**os.environ, **facts},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return told


def options_of(told: dict[str, Any], database: dict[str, Any]) -> dict[str, Any]:
    """How the app opens a database: with the schemas that wrote the profile."""
    known = set(database["collections"]) == {"personas", "memoryEntities"}
    keyed = "slug" in str(database)
    attached = any("attachments" in one for one in database["collections"].values())
    return {
        "database": database["database"],
        "as": told["rxdb"],
        "keyCompression": bool(told.get("keyCompression")),
        **({"encrypted": True, "password": told["password"]} if "password" in told else {}),
        **({"attachments": True} if attached else {}),
        **({"keyed": True} if keyed else {} if known else {"others": list(database["collections"])}),
    }


def by_key(collection: dict[str, Any]) -> dict[str, str]:
    """The documents of an account by their key, as text in which only what JavaScript calls equal is equal."""
    return {_key(one): text_of(one) for one in _with_zeros(collection)}


def _key(document: dict[str, Any]) -> str:
    """The primary key of a document of any of these apps."""
    return str(next(document[name] for name in ("id", "key", "slug", "uid") if name in document))


def _with_zeros(collection: dict[str, Any]) -> list[dict[str, Any]]:
    """The documents with the minus that JSON takes from a zero put back."""
    documents = {_key(one): one for one in collection["docs"]}
    for special in collection.get("special", ()):
        if special["value"] == "-0":
            key, *path, last = special["path"]
            inner = documents[key]
            for step in path:
                inner = inner[step]
            inner[last] = -0.0
    return list(documents.values())


@pytest.mark.parametrize(("item", "way"), WAYS)
def test_rxdb_takes_a_dump_in_and_has_the_same_documents(item: str, way: str, tmp_path: Path) -> None:
    """Its schema check passes, none is refused, each document and each attachment is equal: also after a migration."""
    told = account(item)
    password = told.get("password")
    source: Path | None = GOLDEN / item
    if way == "store":
        shutil.copytree(GOLDEN / item, tmp_path / "app")
        pjais.migrate(tmp_path / "app", on_invalid="quarantine", password=password)
        source = None
    done = pjais.export(tmp_path / "app", source, tmp_path / "dump.json", format="rxdb-dump", password=password)
    files = {json.loads(path.read_bytes())["name"]: path for path in done.files}
    for database in (told, *told.get("others", ())):
        options = options_of(told, database)
        found = rxdb(tmp_path / "told.json", options, DUMP=files[database["database"]])
        assert found["version"].startswith("17.") and found["refused"] == []
        assert found["collections"].keys() == database["collections"].keys()
        for name, collection in database["collections"].items():
            there = found["collections"][name]
            assert by_key(there) == by_key(collection), name
            assert _files(there) == _files(collection), name


def _files(collection: dict[str, Any]) -> dict[str, Any]:
    """Attachments by document and name: media type, size and SHA-256."""
    return {
        key: {name: (file["type"], file["bytes"], file["sha256"]) for name, file in many.items()}
        for key, many in collection.get("attachments", {}).items()
    }


@pytest.mark.parametrize("item", ["v17-blobs", "v17-encrypted", "v17-killed"])
def test_our_dump_is_the_one_that_rxdb_writes_itself(item: str, tmp_path: Path) -> None:
    """`exportJSON({attachments: true})` of RxDB 17, but for the token that it draws at random."""
    told = account(item)
    options = options_of(told, told)
    if item == "v17-encrypted":
        options["attachments"] = True
    theirs = rxdb(tmp_path / "theirs.json", options, PROFILE=GOLDEN / item / "IndexedDB")
    done = pjais.export(None, GOLDEN / item, tmp_path / "ours.json", format="rxdb-dump", password=told.get("password"))
    ours = json.loads(done.files[0].read_bytes())
    assert ours["name"] == theirs["name"]
    assert _collections(ours) == _collections(theirs)


def _collections(dump: dict[str, Any]) -> dict[str, Any]:
    return {
        one["name"]: (one["schemaHash"], {document["id"]: _sayable(document) for document in one["docs"]})
        for one in dump["collections"]
    }


def _sayable(value: Any) -> Any:
    """A value after JSON.stringify(), which takes the minus from a zero."""
    if isinstance(value, dict):
        return {key: _sayable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_sayable(one) for one in value]
    return 0.0 if value == 0 and type(value) in (int, float) else value
