"""IndexedDB of any app: every key, value and declaration as the page saw it (scripts/golden_rxdb/lattice.mjs)."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pjais import sqlite, tagged
from pjais.formats.indexeddb import BadRow, Blob, Profile, Record, Row, open_chromium, open_chromium_sqlite, records
from pjais.formats.indexeddb.records import _with_blobs, _with_key
from pjais.formats.indexeddb.sortable_keys import chromium, firefox
from pjais.formats.leveldb.codings import Bad
from pjais.js_values import BlobRef, JSArray, JSBlob, JSBuffer, JSDate, JSMap, JSSet, JSView

GOLDEN = Path(__file__).parents[1] / "golden" / "any-app"
LATTICES = ("lattice", "lattice-killed", "lattice-sqlite")


@contextmanager
def opened(name: str) -> Iterator[Profile]:
    """The only database of a golden profile, by whichever backend wrote it."""
    (place,) = [one for one in (GOLDEN / name / "IndexedDB").iterdir() if not one.name.endswith(".blob")]
    with ExitStack() as stack:
        if place.suffix == ".leveldb":
            yield open_chromium(place, place.with_suffix(".blob"))
        else:
            (file,) = [one for one in place.iterdir() if not one.name.endswith(sqlite.SIDE_FILES)]
            yield open_chromium_sqlite(stack.enter_context(sqlite.whole(file)))


def told(name: str) -> list[dict[str, Any]]:
    """What the page saw: its stores, with declarations and records in tagged JSON."""
    with gzip.open(GOLDEN / name / "told.json.gz") as file:
        (database,) = json.load(file)["databases"]
    stores: list[dict[str, Any]] = database["stores"]
    return stores


def without_host_bytes(value: Any) -> Any:
    """A page cannot tell the bytes of a host object."""
    if isinstance(value, list):
        return [without_host_bytes(one) for one in value]
    if isinstance(value, dict):
        return {key: without_host_bytes(one) for key, one in value.items() if key != "data" or "$host" not in value}
    return value


def in_order(value: Any) -> Any:
    """A tagged value with the order of its members, which JSON objects do not compare."""
    if isinstance(value, dict):
        return [[key, in_order(one)] for key, one in value.items()]
    return [in_order(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", LATTICES)
def test_every_key_and_value_is_what_the_page_saw_in_the_same_order(name: str) -> None:
    count = 0
    with opened(name) as profile:
        stores = {store.name: store for store in profile.stores()}
        for wanted in told(name):
            found = list(records(profile, stores[tagged.untag(wanted["name"])]))
            assert len(found) == len(wanted["records"])
            for one, (key, value) in zip(found, wanted["records"], strict=True):
                assert isinstance(one, Record), one
                assert one.missing == ()
                assert tagged.tag(one.key) == key
                assert in_order(without_host_bytes(tagged.tag(one.value))) == in_order(value), key
                count += 1
        assert profile.problems == []
    assert count > 130


@pytest.mark.parametrize("name", LATTICES)
def test_every_store_is_declared_as_the_page_declared_it(name: str) -> None:
    with opened(name) as profile:
        found = {store.name: profile.schema(store) for store in profile.stores()}
    for wanted in told(name):
        schema = found.pop(tagged.untag(wanted["name"]))
        path = wanted["keyPath"]
        assert schema.key_path == (tuple(path) if isinstance(path, list) else path)
        assert schema.auto_increment == wanted["autoIncrement"]
        indexes = [(one.name, one.key_path, one.unique, one.multi_entry) for one in schema.indexes]
        assert sorted(indexes) == sorted(
            (
                one["name"],
                tuple(one["keyPath"]) if isinstance(one["keyPath"], list) else one["keyPath"],
                one["unique"],
                one["multiEntry"],
            )
            for one in wanted["indexes"]
        )
    assert found == {}


@pytest.mark.parametrize("name", LATTICES)
def test_every_value_comes_back_from_its_tagged_json(name: str) -> None:
    with opened(name) as profile:
        for store in profile.stores():
            for one in records(profile, store):
                assert isinstance(one, Record)
                text = tagged.dumps(one.value)
                assert tagged.dumps(tagged.loads(text)) == text


def test_the_bytes_of_a_blob_come_with_its_record_and_a_missing_one_is_named() -> None:
    with opened("lattice") as profile:
        store = next(one for one in profile.stores() if one.name == "values")
        contents = [one.blobs for one in records(profile, store) if isinstance(one, Record) and one.blobs]
        assert sorted(len(data) for blobs in contents for data in blobs.values()) == [0, 4, 7, 90000]
    place = GOLDEN / "lattice" / "IndexedDB" / "http_localhost_8731.indexeddb.leveldb"
    profile = open_chromium(place, None)
    store = next(one for one in profile.stores() if one.name == "values")
    found = list(records(profile, store))
    missing = [one for one in found if isinstance(one, Record) and one.missing]
    assert [len(one.missing) for one in missing] == [1, 1, 1]
    assert all(
        "bytes of a blob are missing" in line or "file of a blob" in line for one in missing for line in one.missing
    )
    assert all("blob" in one.reason for one in found if isinstance(one, BadRow))  # a large value lies in a blob, too


def test_a_blob_is_put_into_a_value_of_any_depth_and_shape() -> None:
    """PouchDB keeps attachments beside a tree of revisions that is two levels deeper for each edit."""
    deep: Any = ["end", BlobRef(0)]
    for _ in range(3000):
        deep = [deep]
    shared = {"blob": BlobRef(0)}
    shared["again"] = shared  # type: ignore[assignment]
    row = Row(b"", {"deep": deep, "one": shared, "two": shared}, "a place", (Blob("text/x", 2, data=b"hi"),))
    value, blobs, missing = _with_blobs(row)
    blob = JSBlob(hashlib.sha256(b"hi").hexdigest(), "text/x", 2)
    assert (list(blobs.values()), missing) == ([b"hi"], ())
    assert value["one"] is value["two"] is value["one"]["again"] and value["one"]["blob"] == blob
    for _ in range(3000):
        (value["deep"],) = value["deep"]
    assert value["deep"] == ["end", blob]
    for other in (BlobRef(0), JSMap(((1, [BlobRef(0)]),)), [JSSet((BlobRef(0),))]):
        assert str(_with_blobs(row._replace(value=other))[0]).count("text/x") == 1


def test_a_blob_that_occurs_twice_stays_one() -> None:
    ref = BlobRef(0)
    for value in ([ref, {"again": ref}, BlobRef(0)], [ref, JSMap((("again", ref),)), BlobRef(0)]):
        found, _, _ = _with_blobs(Row(b"", value, "a place", (Blob("text/x", 2, data=b"hi"),)))
        assert tagged.tag(found)[1] in ({"again": {"$ref": 1}}, {"$map": [["again", {"$ref": 1}]]})
        assert found[0] == found[2] and found[0] is not found[2]


def test_a_key_is_put_back_over_what_is_stored_and_into_arrays() -> None:
    """Chromium gives the key of a store that generates them as a key: the oracle's random values found both."""
    key = JSBuffer(b"\2")
    stored = {"n": JSView("Uint8Array", JSBuffer(b"\1\2"), 1, 1), "t": 1}
    assert list(_with_key(stored, ["n"], key).items()) == [("n", key), ("t", 1)]
    assert _with_key([1], ["n"], 7) == JSArray([1], {"n": 7})
    assert _with_key(JSArray([], {"a": 1}), ["n"], 7) == JSArray([], {"a": 1, "n": 7})
    assert _with_key({"meta": [1]}, ["meta", "id"], 7) == {"meta": JSArray([1], {"id": 7})}
    assert _with_key({}, ["meta", "id"], 7) == {"meta": {"id": 7}}
    assert _with_key(JSMap(()), ["n"], 7) == JSMap(())


def test_keys_that_are_no_keys_are_refused() -> None:
    for decode in (chromium, firefox):
        for data in (b"", b"\0", b"\x60", b"\x0f\x01", os.urandom(3) + b"\xff" * 200):
            try:
                decode(data)
            except Bad:
                continue
    with pytest.raises(Bad):
        chromium(bytes.fromhex("3038"))
    with pytest.raises(Bad):
        chromium(bytes.fromhex("303800ff"))
    with pytest.raises(Bad):
        chromium(b"\x50" * 5000)
    with pytest.raises(Bad):
        firefox(b"\xf0" * 5000)


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ("30", ""),
        ("3038", "7"),
        ("30620163", "a\0b"),
        ("3080", "\x7f"),
        ("30807d", "ü"),
        ("30bf80", "\u3fff"),
        ("30d97940d9cb", "日本"),
        ("1080", 0),
        ("10c01c", 7),
        ("103fe4", -7),
        ("10bfe0", 0.5),
        ("2080", JSDate(0.0)),
        ("4001807e8002", JSBuffer(b"\0\xfd\x81")),
        ("50", []),
        ("60c01c000000000000", [7]),
        ("8062", ["a"]),
        ("806200306300", ["a", "b"]),
        ("b0c01c", [[7]]),
        ("f010c01c", [[[7]]]),
    ],
)
def test_keys_of_firefox_as_its_source_describes_them(data: str, key: Any) -> None:
    assert firefox(bytes.fromhex(data)) == key
