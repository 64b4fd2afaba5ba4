"""Documents of libraries as they themselves give them (scripts/golden_libraries), and rows that they never wrote."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pjais
from pjais import tagged
from pjais.formats.indexeddb import BadRow, Record
from pjais.js_values import HOLE, UNDEFINED, JSBigInt, JSBlob, JSBuffer, JSDate, JSView
from pjais.sources.indexeddb.libraries import LIBRARIES, Library, Meaning, library_of, localforage
from pjais.sources.indexeddb.libraries.firestore import LOCAL, PENDING
from pjais.sources.indexeddb.libraries.pouchdb import leaves
from pjais.sources.indexeddb.libraries.redux_persist import slices
from strategies import examples

GOLDEN = Path(__file__).parents[1] / "golden" / "libraries"

Stores = dict[str, list[Record | BadRow]]


@cache
def told() -> dict[str, Any]:
    """What the libraries answered: by database, its documents."""
    with gzip.open(GOLDEN / "told.json.gz") as file:
        found: dict[str, Any] = json.load(file)["databases"]
    return found


@cache
def stored() -> dict[str, tuple[Library, Stores]]:
    """The rows of every database, and the library that made it."""
    found = {}
    with pjais.profile(GOLDEN) as profile:
        for database in profile.origins[0].databases:
            library = library_of(database.name, database.version, [one.name for one in database.collections])
            if library is not None:
                found[database.name] = library, {one.name: list(one.rows()) for one in database.collections}
    return found


IN_INDEXEDDB = sorted(name for name in told() if not name.startswith("localStorage "))


def decoded(library: Library, stores: Stores) -> list[Meaning | BadRow]:
    return list(library.read(lambda name: iter(stores.get(name, ())), frozenset(stores)))


def row(value: Any, key: Any = 1, **more: Any) -> Record:
    return Record(key, value, "a place", **{"blobs": {}, **more})


def reasons(found: list[Meaning | BadRow]) -> list[str]:
    return [one.reason for one in found if isinstance(one, BadRow)]


def keys(found: list[Meaning | BadRow]) -> list[Any]:
    return [one.key for one in found if isinstance(one, Meaning)]


def of_type(value: Any) -> Any:
    """Attachments with the type that the document names: one stored twice is given with the type it first had."""
    for one in value.get("_attachments", {}).values() if isinstance(value, dict) else ():
        one["data"]["$blob"]["type"] = one["content_type"]
    return value


@pytest.mark.parametrize("name", IN_INDEXEDDB)
def test_every_document_is_as_the_library_gives_it(name: str) -> None:
    with pjais.profile(GOLDEN) as profile:
        database = profile.origins[0].database(name)
        assert database.made_by == told()[name]["library"]
        found = [one for one in database.documents() if not one.collection.startswith((PENDING, LOCAL))]
    wanted = {json.dumps(one[:2]): of_type(one[2]) for one in told()[name]["documents"]}
    assert {json.dumps([one.collection, tagged.tag(one.key)]): tagged.tag(one.value) for one in found} == wanted
    assert len(found) == len(wanted) >= 1
    for one in found:
        assert one.missing == ()
        assert all(hashlib.sha256(data).hexdigest() == digest for digest, data in one.blobs.items())
        assert not {part.name for part in database.collections} & {one.collection}
        shown = json.dumps(tagged.tag(one.value))
        assert all(digest in shown for digest in one.blobs)
        assert shown.count('"sha256"') >= len(one.blobs)


def test_writes_that_the_server_has_not_confirmed_are_marked() -> None:
    found = [one for one in decoded(*stored()["firestore/[DEFAULT]/golden/main"]) if isinstance(one, Meaning)]
    pending = {tuple(one.key): one.value for one in found if one.collection == PENDING}
    assert {key: (one["write"], one["path"]) for key, one in pending.items()} == {
        (1, 0): ("set", "rooms/new"),
        (2, 0): ("update", "rooms/a"),
        (3, 0): ("update", "rooms/a/messages/m2"),
        (4, 0): ("delete", "todos/t1"),
        (5, 0): ("set", "todos/t2"),
        (5, 1): ("update", "rooms/b"),
    }
    assert all(one["pending"] is True and isinstance(one["at"], JSDate) for one in pending.values())
    assert pending[2, 0]["fields"] == {"merged": {"deep": "yes"}} and pending[2, 0]["mask"] == ["merged.deep"]
    assert pending[3, 0]["transforms"] == [
        {"field": "tags", "arrayUnion": ["new"]},
        {"field": "count", "increment": 2},
        {"field": "at", "set": "server time"},
    ]
    written = {path: value for collection, path, value in told()["firestore/[DEFAULT]/golden/main"]["views"]}
    seen = {one.key[1]: tagged.tag(one.value) for one in found if one.collection.startswith(f"{LOCAL}/")}
    assert seen["rooms/a/messages/m2"].pop("at") == {"type": "server_timestamp"}  # the library shows null
    assert written["rooms/a/messages/m2"] == {**seen["rooms/a/messages/m2"], "at": None}
    changed = ["rooms/a", "rooms/b", "rooms/new", "todos/t2"]
    assert {path: seen[path] for path in changed} == {path: written[path] for path in changed}
    assert len(seen) == 5 and "todos/t1" not in written  # deleted, and still there for the server


def test_what_localforage_wrote_as_text_comes_back() -> None:
    with pjais.profile(GOLDEN) as profile:
        items = profile.origins[0].local_storage
    wanted = {key: value for _, key, value in told()["localStorage lf-text"]["documents"]}
    found = {name[8:]: localforage.item(text) for name, text in items.items() if name.startswith("lf-text/")}
    assert found.keys() == wanted.keys() - {"m1"}
    for name, (value, blobs) in found.items():
        if name == "blob of no type":  # the library reads the bytes of its own mark as if they were the Blob's
            assert value == JSBlob(hashlib.sha256(b"x").hexdigest(), "", 1) and list(blobs.values()) == [b"x"]
        else:
            assert tagged.tag(value) == wanted[name], name


def test_the_slices_of_a_state_in_localstorage_come_one_by_one() -> None:
    with pjais.profile(GOLDEN) as profile:
        found = slices(profile.origins[0].local_storage["persist:root"])
    assert [("redux-persist/root", one.name, one.value) for one in found] == [
        tuple(one) for one in told()["localStorage persist:root"]["documents"]
    ]


def test_a_database_that_needs_no_decoding_gives_its_rows() -> None:
    with pjais.profile(GOLDEN.parent / "any-app" / "kv") as profile:
        database = profile.origins[0].database("keyval-store")
        assert database.made_by == "idb-keyval"
        assert [(one.collection, one.key) for one in database.documents()] == [
            ("keyval", 5),
            ("keyval", "list"),
            ("keyval", "token"),
            ("keyval", ["a", 1]),
        ]


@pytest.mark.parametrize(
    ("name", "version", "stores", "made_by"),
    [
        ("_pouch_x", 5, {"document-store", "by-sequence", "attach-store", "local-store"}, "PouchDB"),
        ("_pouch_x", 0, {"docs", "meta"}, "PouchDB"),
        ("mine", 21796017097418, {"docs", "meta"}, "PouchDB"),
        ("mine", 1, {"docs", "meta"}, None),
        ("mine", 20, {"docs", "attachments", "meta"}, "probably Dexie"),
        ("_pouch_app-rxdb-0-todos", 5, {"document-store", "by-sequence", "attach-store"}, "PouchDB (RxDB up to 11)"),
        ("_pouch_x-mrview-1", 5, {"document-store", "by-sequence", "attach-store"}, "PouchDB (index of a view)"),
        ("localforage", 2, {"keyvaluepairs"}, "localForage"),
        ("mine", 2, {"keyvaluepairs"}, None),
        ("keyval-store", 1, {"keyval"}, "idb-keyval"),
        ("firestore/a/b/main", 18, {"mutations", "remoteDocumentsV14"}, "Firestore"),
        ("firestore/a/b/main", 1, {"mine"}, None),
        ("tiny", 3, {"t", "v", "m"}, "TinyBase"),
        ("tiny", 2, {"t", "v"}, "TinyBase"),
        ("doc", 1, {"updates", "custom"}, "Yjs (y-indexeddb)"),
        ("x", 1, {"blocks"}, "wa-sqlite (SQLite in IndexedDB)"),
        ("automerge", 1, {"documents"}, "Automerge (automerge-repo)"),
        ("mine", 1, {"documents"}, None),
    ],
)
def test_a_library_is_told_by_its_stores(name: str, version: int, stores: set[str], made_by: str | None) -> None:
    found = library_of(name, version, stores)
    assert (found.name if found else None) == made_by


def pouchdb(tree: Any, *bodies: dict[str, Any], **more: Any) -> list[Meaning | BadRow]:
    meta = row({"id": "a", "data": json.dumps({"id": "a", "rev_tree": tree}), **more}, "a")
    stores: Stores = {"document-store": [meta], "by-sequence": [row(one) for one in bodies], "attach-store": []}
    return decoded(stored()["_pouch_notes-idb"][0], stores)


ONE = [{"pos": 1, "ids": ["x", {}, []]}]


def test_a_revision_of_pouchdb_that_is_missing_is_named() -> None:
    assert reasons(pouchdb(ONE)) == ["its revision 1-x is not there"]
    assert keys(pouchdb(ONE, {"_doc_id_rev": "a::1-x"})) == ["a"]
    assert reasons(pouchdb(ONE, {"_doc_id_rev": "a::1-x"}, {"_doc_id_rev": "b::1-y"})) == [
        "it is a revision of 'b', which is not in document-store"
    ]
    assert reasons(pouchdb(ONE, {"_doc_id_rev": "a::1-x"}, {"n": 1})) == ["its member '_doc_id_rev' is missing"]


@pytest.mark.parametrize("tree", [None, [], {}, [1], [{"pos": 1}], [{"pos": "1", "ids": ["x", {}, []]}], [{"ids": []}]])
def test_a_tree_of_revisions_that_is_none_is_refused(tree: Any) -> None:
    assert len(reasons(pouchdb(tree, {"_doc_id_rev": "a::1-x"}))) == 2


def test_a_winner_that_the_tree_contradicts_is_refused() -> None:
    assert "1-x by its tree" in reasons(pouchdb(ONE, winningRev="2-y"))[0]


def test_a_document_that_was_edited_a_thousand_times_is_read() -> None:
    tree: list[Any] = ["r999", {"status": "available"}, []]
    for number in range(998, -1, -1):
        tree = [f"r{number}", {"status": "missing"}, [tree]]
    text = '{"id":"a","rev_tree":[{"pos":1,"ids":' + "".join(
        f'["r{number}",{{"status":"missing"}},[' for number in range(999)
    )
    text += '["r999",{"status":"available"},[]]' + "]]" * 999 + '}],"\\u00fc \\"]":[1.50,-0,1e3,true,null,{},[]]}'
    stores: Stores = {
        "document-store": [row({"id": "a", "data": text, "winningRev": "1000-r999"})],
        "by-sequence": [row({"_doc_id_rev": "a::1000-r999"})],
    }
    assert keys(decoded(stored()["_pouch_notes-idb"][0], stores)) == ["a"]
    assert leaves([{"pos": 1, "ids": tree}], None).winner == "1000-r999"


def test_an_attachment_that_is_missing_is_named_with_its_document() -> None:
    body = {
        "_doc_id_rev": "a::1-x",
        "_attachments": {"f": {"digest": "md5-?", "content_type": "text/css", "length": 9}},
    }
    (found,) = pouchdb(ONE, body)
    assert isinstance(found, Meaning)
    assert found.missing == ("attachment 'f': it is not in the database",)
    assert found.value["_attachments"]["f"]["data"] == JSBlob(None, "text/css", 9)


@pytest.mark.parametrize(
    ("stores", "reason"),
    [
        ({"t": [row({"k": "a", "v": {"r": 1}})], "v": []}, "it is no object"),
        ({"t": [row({"k": 1, "v": {}})], "v": []}, "its member 'k' is no str"),
        ({"t": [], "v": [row({"k": "a", "v": JSDate(0)})]}, "a cell or value is no text, number, boolean or null"),
        ({"t": [], "v": [row({"k": "a", "v": "\ufffd{"})]}, "Expecting property name enclosed in double quotes"),
        ({"t": [], "v": [], "m": [row({"k": "x", "v": [{}, "", 0]})]}, "'x' is neither tables nor values"),
        ({"t": [], "v": [], "m": [row({"k": "v", "v": {"a": 1}})]}, "what should have a stamp has none"),
    ],
)
def test_what_tinybase_does_not_write_is_refused(stores: Stores, reason: str) -> None:
    (found,) = reasons(decoded(stored()["tiny"][0], stores))
    assert found.startswith(reason)


def test_a_blob_that_localforage_encoded_for_a_browser_without_them_is_a_blob() -> None:
    library = stored()["lf"][0]
    value = {"__local_forage_encoded_blob": True, "data": "eHl6", "type": "text/plain"}
    (found,) = decoded(library, {"keyvaluepairs": [row(value, "b")]})
    assert isinstance(found, Meaning) and list(found.blobs.values()) == [b"xyz"]
    assert reasons(decoded(library, {"keyvaluepairs": [row({**value, "data": "?"}, "b")]}))[0].startswith("its binary")


@pytest.mark.parametrize(
    "text",
    ["__lfsc__:", "__lfsc__:ab", "__lfsc__:ui99AA==", "__lfsc__:ui08A", "__lfsc__:blob~~local_forage_type~x", "{"],
)
def test_a_text_that_localforage_does_not_write_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        localforage.item(text)


def test_a_text_without_the_mark_of_redux_persist_has_no_slices() -> None:
    assert slices('{"a":"1"}') == slices("no JSON") == slices(7) == slices("[]") == slices({"a": 1}) == []
    (good, bad, odd) = slices('{"_persist":"{}","a":"{","b":7}')
    assert (good.value, good.reason) == ({}, None)
    assert (bad.value, odd.value) == ("{", 7) and bad.reason and odd.reason


def firestore(fields: Any, name: str = "projects/p/databases/d/documents/c/x") -> list[Meaning | BadRow]:
    value = {"collectionGroup": "c", "document": {"name": name, "fields": fields}}
    return decoded(stored()["firestore/[DEFAULT]/golden/main"][0], {"remoteDocumentsV14": [row(value)]})


@pytest.mark.parametrize(
    "value",
    [
        1,
        {},
        {"newValue": 1},
        {"stringValue": 1},
        {"booleanValue": "x"},
        {"nullValue": "x"},
        {"integerValue": "x"},
        {"doubleValue": "1"},
        {"timestampValue": "2026-02-30"},
        {"timestampValue": "2026-13-01T00:00:00Z"},
        {"bytesValue": "?"},
        {"referenceValue": "rooms/a"},
        {"geoPointValue": 1},
        {"arrayValue": []},
        {"arrayValue": {"values": 1}},
        {"mapValue": 1},
        {"stringValue": "x", "integerValue": "1"},
    ],
)
def test_a_value_that_firestore_does_not_have_is_refused(value: Any) -> None:
    (found,) = firestore({"f": value})
    assert isinstance(found, BadRow)


def test_a_number_that_javascript_cannot_hold_is_kept_exactly() -> None:
    (found,) = firestore({"n": {"integerValue": "9007199254740993"}})
    assert isinstance(found, Meaning) and found.value == {"n": JSBigInt(9007199254740993)}


def test_documents_of_a_version_of_firestore_that_is_unknown_are_named() -> None:
    library = stored()["firestore/[DEFAULT]/golden/main"][0]
    (found,) = decoded(library, {"remoteDocumentsV99": [row({})], "mutations": []})
    assert isinstance(found, BadRow) and found.place == "remoteDocumentsV99"
    unknown = {"collectionGroup": "c", "unknownDocument": {"path": ["c", "x"]}}
    assert "only the server" in reasons(decoded(library, {"remoteDocumentsV14": [row(unknown)]}))[0]
    assert reasons(firestore({}, "c/x")) and reasons(firestore({}, "projects/p/databases/d/documents/other/x"))


@pytest.mark.parametrize("write", [1, {}, {"update": 1}, {"delete": 1}, {"delete": "x", "update": {}}, {"rename": "x"}])
def test_a_write_that_firestore_does_not_have_is_refused(write: Any) -> None:
    library = stored()["firestore/[DEFAULT]/golden/main"][0]
    value = {"batchId": 1, "localWriteTimeMs": 1, "userId": "", "mutations": [write]}
    assert len(reasons(decoded(library, {"mutations": [row(value)]}))) == 1


@pytest.mark.parametrize(
    ("path", "names"),
    [("a.b_1", ["a", "b_1"]), ("`a.b`.c", ["a.b", "c"]), (r"`\`\\`", ["`\\"]), ("", None), ("a.", None), ("a b", None)],
)
def test_the_path_of_a_field_has_quoted_names(path: str, names: list[str] | None) -> None:
    inside: Any = {"integerValue": "1"}
    for one in (names or [])[::-1]:
        inside = {"mapValue": {"fields": {one: inside}}}
    update = {"name": "projects/p/databases/d/documents/c/x", "fields": inside.get("mapValue", {}).get("fields")}
    overlay = {"userId": "u", "overlayMutation": {"update": update, "updateMask": {"fieldPaths": [path]}}}
    (found,) = decoded(stored()["firestore/[DEFAULT]/golden/main"][0], {"documentOverlays": [row(overlay)]})
    if names is None:
        assert isinstance(found, BadRow) and "no path of a field" in found.reason
    else:
        assert isinstance(found, Meaning) and found.key == ["u", "c/x"]
        value = found.value
        for one in names:
            value = value[one]
        assert value == 1


def test_changes_of_yjs_that_follow_on_a_missing_update_are_counted() -> None:
    library, stores = stored()["notes-yjs"]
    found = decoded(library, {"updates": stores["updates"][:3] + stores["updates"][4:], "custom": []})
    (reason,) = reasons(found)
    assert reason.endswith("changes follow on updates that are not there")
    assert keys(found)
    again = decoded(library, {"updates": [*stores["updates"][::-1], *stores["updates"]], "custom": []})
    wanted = {one.key: one.value for one in decoded(library, stores) if isinstance(one, Meaning)}
    assert {one.key: one.value for one in again if isinstance(one, Meaning)} == wanted


def test_an_update_of_yjs_that_is_cut_or_no_bytes_is_refused() -> None:
    library = stored()["notes-yjs"][0]
    for value in (7, JSBuffer(b""), JSBuffer(b"\x01"), JSBuffer(b"\0\0\0"), JSBuffer(b"\xff" * 20)):
        assert len(reasons(decoded(library, {"updates": [row(value)]}))) == 1
    nested = b"\x01\x01\x01\x00\x08\x01\x01a\x01" + b"\x75\x01" * 90000
    assert "nested too deeply" in reasons(decoded(library, {"updates": [row(JSBuffer(nested))]}))[0]


def test_chunks_of_automerge_may_come_twice_and_in_any_order() -> None:
    library, stores = stored()["automerge"]
    chunks = [one for one in stores["documents"] if isinstance(one, Record) and len(one.key) == 3]
    wanted = {one.key: one.value for one in decoded(library, stores) if isinstance(one, Meaning)}
    (parted,) = {one.key[0] for one in chunks if one.key[1] == "incremental"}
    its = [one for one in chunks if one.key[0] == parted]
    assert len(its) == 2
    for many in (its[::-1], its + its, [its[1], its[0], its[1]]):
        (found,) = decoded(library, {"documents": list(many)})
        assert isinstance(found, Meaning) and found.value == wanted[parted]
    (later,) = [one for one in its if one.key[1] == "incremental"]
    (reason,) = reasons(decoded(library, {"documents": [later]}))
    assert reason.endswith("changes follow on others that are not there")


@pytest.mark.parametrize(
    ("at", "reason"),
    [(0, "a chunk does not begin with 85 6f 4a 83"), (4, "the checksum of a chunk is wrong"), (60, "the checksum")],
)
def test_a_chunk_of_automerge_with_a_wrong_byte_is_refused(at: int, reason: str) -> None:
    library, stores = stored()["automerge"]
    good = next(one for one in stores["documents"] if isinstance(one, Record))
    data = bytearray(good.value["binary"].data)
    data[at] ^= 1
    for changed in (JSBuffer(bytes(data)), JSBuffer(bytes(data[:50])), None):
        (found,) = reasons(decoded(library, {"documents": [good._replace(value={**good.value, "binary": changed})]}))
        assert found.startswith((reason, "a chunk ends early", "a chunk is no bytes"))


@settings(max_examples=examples(500), deadline=None)
@given(st.data())
def test_no_content_of_a_chunk_makes_automerge_raise(data: st.DataObject) -> None:
    """With a checksum that fits, so that the content is read."""
    library, stores = stored()["automerge"]
    good = data.draw(st.sampled_from([one for one in stores["documents"] if isinstance(one, Record)][:-1]))
    chunk = bytearray(good.value["binary"].data)
    for _ in range(data.draw(st.integers(1, 4))):
        chunk[data.draw(st.integers(8, min(len(chunk), 400) - 1))] = data.draw(st.integers(0, 255))
    chunk[4:8] = hashlib.sha256(chunk[8:]).digest()[:4]
    found = decoded(library, {"documents": [good._replace(value={**good.value, "binary": JSBuffer(bytes(chunk))})]})
    assert all(isinstance(one, Meaning | BadRow) for one in found) and len(found) >= 1


@pytest.mark.parametrize("name", IN_INDEXEDDB)
def test_a_row_that_could_not_be_read_is_passed_on(name: str) -> None:
    library, stores = stored()[name]
    bad = BadRow("somewhere", b"raw", "it is damaged")
    found = decoded(library, {store: [bad] for store in stores})
    assert found and {one for one in found if isinstance(one, BadRow)} == {bad} == set(found)


LITERALS = [UNDEFINED, HOLE, JSDate(0.0), JSBlob(None, "", 0), JSBigInt(1), "persist:x", '{"_persist":1}', "\ufffd["]
BYTES = st.binary(max_size=60).map(JSBuffer)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(LITERALS)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)


VALUES = st.recursive(SCALARS | BYTES, nested, max_leaves=6)


def changed(draw: st.DrawFn, value: Any) -> Any:
    """A value with one of its parts replaced, removed or added."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        rest = {key: one for key, one in value.items() if key != name}
        return rest if not draw(st.integers(0, 4)) else {**value, name: changed(draw, value[name])}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], changed(draw, value[at]), *value[at + 1 :]]
    if isinstance(value, JSView) and value.data and draw(st.integers(0, 4)):
        data = bytearray(value.data)
        data[draw(st.integers(0, len(data) - 1))] ^= 1 << draw(st.integers(0, 7))
        return JSBuffer(bytes(data))
    if isinstance(value, str) and len(value) > 9 and draw(st.integers(0, 1)):
        at = draw(st.integers(0, len(value) - 1))
        return value[:at] + draw(st.sampled_from(["", "x", "[", '"', "{"])) + value[at + 1 :]
    return draw(VALUES)


def rows(draw: st.DrawFn, there: list[Record | BadRow]) -> Iterator[Record | BadRow]:
    for one in there[:40]:
        chance = draw(st.integers(0, 19))
        if chance == 0:
            yield BadRow("x", b"", "damaged")
        elif chance < 4 and isinstance(one, Record):
            yield one._replace(value=changed(draw, one.value))
        elif chance > 4:
            yield one
    if draw(st.booleans()):
        yield row(draw(VALUES), draw(VALUES))


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_no_row_makes_a_library_raise(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(stored())))
    library, stores = stored()[name]
    draw: Any = data.draw
    found = decoded(library, {store: list(rows(draw, there)) for store, there in stores.items()})
    assert all(isinstance(one, Meaning | BadRow) for one in found)
    for one in found:
        if isinstance(one, Meaning):
            tagged.dumps([one.key, one.value])


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(VALUES | BYTES, max_size=4), st.sampled_from(LIBRARIES))
def test_no_value_at_all_makes_a_library_raise(values: list[Any], library: Library) -> None:
    names = {store for _, stores in stored().values() for store in stores}
    found = decoded(library, {name: [row(one, one) for one in values] for name in sorted(names)})
    assert all(isinstance(one, Meaning | BadRow) for one in found)
