"""IndexedDB from bytes: the profiles of real browsers, against the account that RxDB gave of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from pjais import sqlite
from pjais.formats.indexeddb import Profile, Row, open_chromium, open_chromium_sqlite, open_firefox
from pjais.js_values import BlobRef

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "rxdb"


def copied(file: Path, to: Path) -> Path:
    """A consistent copy of a SQLite file, made as the backup makes it."""
    to.mkdir(parents=True)
    for side in ("", "-wal"):
        if (source := file.with_name(file.name + side)).exists():
            (to / source.name).write_bytes(source.read_bytes())
    sqlite.copy_database(to / file.name, to / "copy.sqlite")
    return to / "copy.sqlite"


def golden(name: str, tmp_path: Path) -> tuple[list[Profile], dict[str, Any]]:
    """The databases of a golden profile, and RxDB's own account of them."""
    home = GOLDEN / name
    if not (home / "IndexedDB").is_dir() and not (home / "storage").is_dir():
        pytest.skip(f"the golden profile {name} is not here")
    found: list[Profile] = []
    for path in sorted(home.glob("IndexedDB/*.indexeddb.leveldb")):
        blobs = path.with_name(path.name.replace(".leveldb", ".blob"))
        found.append(open_chromium(path, blobs if blobs.is_dir() else None))
    for path in sorted(home.glob("storage/default/*/idb/*.sqlite")):
        found.append(open_firefox(copied(path, tmp_path / path.stem), path.with_suffix(".files")))
    for path in sorted(home.glob("IndexedDB/http_localhost_*/*")):
        if path.is_file() and len(path.name) == 52:
            found.append(open_chromium_sqlite(copied(path, tmp_path / path.name)))
    packed = home / "expected.json.gz"
    raw = gzip.decompress(packed.read_bytes()) if packed.exists() else (home / "expected.json").read_bytes()
    return found, json.loads(raw)


def same(stored: Any, told: Any) -> bool:
    """Whether a stored value is what RxDB tells of it: key parts `__x` are `|x` to it, indexed booleans text."""
    if isinstance(told, dict):
        renamed = {re.sub(r"(^|\.)__", r"\1|", name): value for name, value in stored.items()}
        return renamed.keys() >= told.keys() and all(same(renamed[name], value) for name, value in told.items())
    if isinstance(told, list):
        return len(stored) == len(told) and all(map(same, stored, told))
    return bool(stored == told or (isinstance(told, bool) and stored == str(int(told))))


REAL = [
    "firefox-v17",
    "v12-clean",
    "v13-clean",
    "v14-clean",
    "v15-clean",
    "v16-clean",
    "v17-clean",
    "v17-blobs",
    "v17-compacted",
    "v17-copied-running",
    "v17-killed",
    "v17-killed-midtx",
    "v17-sqlite",
    "v17-sqlite-killed",
    "v17-torn-log",
]


@pytest.mark.parametrize("name", REAL)
def test_a_real_profile_holds_what_rxdb_says(name: str, tmp_path: Path) -> None:
    """Every live document, every field, and nothing else; no problems but the torn end of the torn log."""
    profiles, expected = golden(name, tmp_path)
    live: dict[str, dict[str, Any]] = {"personas": {}, "memoryEntities": {}}
    for profile in profiles:
        for store in profile.stores():
            assert store.version == 10
            if store.name != "docs" or (collection := store.database.split("--")[-1]) not in live:
                continue
            for row in profile.rows(store):
                assert isinstance(row, Row)
                if row.value["_deleted"] in ("0", False):
                    live[collection][row.value["id"]] = row.value
        assert profile.problems == []
        assert len(profile.torn) == (name == "v17-torn-log")
    for collection, rows in live.items():
        told = {document["id"]: document for document in expected["collections"][collection]["docs"]}
        assert rows.keys() == told.keys()
        for number, document in told.items():
            public = {field: value for field, value in document.items() if not field.startswith("_")}
            assert same(rows[number], public), number


def test_a_flipped_bit_costs_one_document(tmp_path: Path) -> None:
    """Chromium itself drops the whole origin here; all but the damaged record is saved, and that one is named."""
    (profile,), expected = golden("v17-bitflip-log", tmp_path)
    told = {document["id"] for document in expected["collections"]["memoryEntities"]["docs"]}
    (store,) = (s for s in profile.stores() if s.database.endswith("--1--memoryEntities") and s.name == "docs")
    found = {row.value["id"] for row in profile.rows(store) if isinstance(row, Row)}
    assert found <= told | {"mem-removed"} | found and len(told - found) == 1
    (problem,) = profile.problems
    assert "checksum" in problem.reason and problem.raw


def test_attachments_are_the_bytes_that_were_attached(tmp_path: Path) -> None:
    """RxDB 17 keeps them as Blobs, with their type, and their digest in the document."""
    (profile,), _ = golden("v17-blobs", tmp_path)
    checked = 0
    for store in profile.stores():
        if store.name != "docs":
            continue
        beside = store._replace(name="attachments")
        bodies = {row.value["id"]: row for row in profile.rows(beside) if isinstance(row, Row)}
        for row in profile.rows(store):
            assert isinstance(row, Row)
            for name, about in row.value.get("_attachments", {}).items():
                if (body := bodies.get(f"{row.value['id']}||{name}")) is None:
                    continue
                assert isinstance(body.value["data"], BlobRef)
                data = body.blob(body.value["data"].index)
                assert data is not None
                assert hashlib.sha256(data).hexdigest() == about["digest"]
                assert (
                    (body.blobs[0].type, body.blobs[0].size) == (about["type"], len(data)) if body.blobs[0] else False
                )
                checked += 1
    assert checked


@pytest.mark.parametrize("name", ["v17-killed-midtx", "v17-blobs"])
def test_random_bytes_in_a_real_profile(name: str, tmp_path: Path) -> None:
    """Single bytes changed in the log or in a blob: nothing raises."""
    golden(name, tmp_path)
    (source,) = (GOLDEN / name / "IndexedDB").glob("*.leveldb")
    (home := tmp_path / "work").mkdir()
    for path in (source, source.with_name(source.name.replace(".leveldb", ".blob"))):
        if path.is_dir():
            shutil.copytree(path, home / path.name, copy_function=shutil.copyfile)
    files = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".log" and path.stat().st_size]
    files += list(home.rglob("*.log")) * len(files)
    rng = random.Random(5)
    for _ in range(12):
        path = rng.choice(files)
        before = path.read_bytes()
        changed = bytearray(before)
        changed[rng.randrange(len(before))] ^= rng.randrange(1, 256)
        path.write_bytes(changed)
        profile = open_chromium(next(home.glob("*.leveldb")), home / source.name.replace(".leveldb", ".blob"))
        for store in profile.stores():
            list(profile.rows(store))
        path.write_bytes(before)
