"""Tagged JSON: every value comes back as it was, the text is what the format's page and its schema say."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pjais import canonical, tagged
from pjais.js_values import (
    HOLE,
    UNDEFINED,
    JSArray,
    JSBigInt,
    JSBlob,
    JSBuffer,
    JSDate,
    JSError,
    JSHost,
    JSMap,
    JSObjectOf,
    JSRegExp,
    JSSet,
    JSView,
)
from strategies import examples

SCHEMA = Path(__file__).parents[1] / "docs" / "formats" / "tagged-json.schema.json"

WRITTEN: list[tuple[Any, str]] = [
    (None, "null"),
    (2**53, "9007199254740992"),
    (float(2**53), "9007199254740992.0"),
    (-0.0, '{"$number":"-0"}'),
    (math.nan, '{"$number":"NaN"}'),
    (-math.inf, '{"$number":"-Infinity"}'),
    (JSBigInt(-12345678901234567890), '{"$bigint":"-12345678901234567890"}'),
    (UNDEFINED, '{"$undefined":true}'),
    ([1, HOLE, UNDEFINED], '[1,{"$hole":true},{"$undefined":true}]'),
    ("\ud800", '{"$text":[55296]}'),
    ({"\ud800": 1}, '{"\\ud800":1}'),
    ({"$date": 1, "a": {"$$": 2}, "$": 3}, '{"$$date":1,"a":{"$$$":2},"$$":3}'),
    (JSDate(1.6e12), '{"$date":"2020-09-13T12:26:40.000Z"}'),
    (JSDate(math.nan), '{"$date":null}'),
    (JSDate(-62135596800001.0), '{"$date":{"ms":-62135596800001.0}}'),
    (b"\0\xff", '{"$bytes":"AP8="}'),
    (JSBuffer(b"ab"), '{"$bytes":"YWI=","type":"ArrayBuffer"}'),
    (JSBuffer(b"ab", 8), '{"$bytes":"YWI=","type":"ArrayBuffer","maxLength":8}'),
    (JSView("Uint8Array", JSBuffer(b"ab"), 0, 2), '{"$bytes":"YWI=","type":"Uint8Array"}'),
    (JSView("Uint8Array", JSBuffer(b"ab"), 1, 1), '{"$bytes":"YWI=","type":"Uint8Array","offset":1,"length":1}'),
    (
        JSView("Uint8Array", JSBuffer(b"ab", 4), 0, 2, True),
        '{"$bytes":"YWI=","type":"Uint8Array","maxLength":4,"offset":0}',
    ),
    (
        JSBlob("00", "text/plain", 3, "a.txt", 5),
        '{"$blob":{"sha256":"00","type":"text/plain","size":3,"name":"a.txt","lastModified":5}}',
    ),
    (JSMap(((1, "a"), ("1", [2]))), '{"$map":[[1,"a"],["1",[2]]]}'),
    (JSSet((1, {"a": 1})), '{"$set":[1,{"a":1}]}'),
    (JSRegExp("a", "gi"), '{"$regexp":["a","gi"]}'),
    (JSError("Error", cause=UNDEFINED), '{"$error":{"name":"Error","cause":{"$undefined":true}}}'),
    (JSError("RangeError", "m", None, {"why": 1}), '{"$error":{"name":"RangeError","message":"m","cause":{"why":1}}}'),
    (JSObjectOf(JSBigInt(7)), '{"$boxed":{"$bigint":"7"}}'),
    (JSArray([1, HOLE], {"x": 2, "$y": 3}), '{"$array":[1,{"$hole":true}],"properties":{"x":2,"$$y":3}}'),
    (JSHost("CryptoKey", b"k"), '{"$host":"CryptoKey","data":"aw=="}'),
]


@pytest.mark.parametrize(("value", "text"), WRITTEN)
def test_each_kind_of_value_has_its_form(value: Any, text: str) -> None:
    assert tagged.dumps(value) == text
    assert alike(tagged.loads(text), value)


def test_an_object_that_contains_itself_is_referred_to_by_its_number_in_document_order() -> None:
    cycle: dict[str, Any] = {"list": [JSDate(0.0)]}
    cycle["self"] = cycle
    cycle["again"] = cycle["list"]
    text = tagged.dumps(cycle)
    assert text == '{"list":[{"$date":"1970-01-01T00:00:00.000Z"}],"self":{"$ref":0},"again":{"$ref":1}}'
    back = tagged.loads(text)
    assert back["self"] is back
    assert back["again"] is back["list"]


def test_a_map_that_contains_itself_through_an_object_comes_back_as_itself() -> None:
    inside: dict[str, Any] = {}
    found = JSMap((("me", inside),))
    inside["map"] = found
    back = tagged.loads(tagged.dumps(found))
    assert back.items[0][1]["map"] is back


@pytest.mark.parametrize(
    "text",
    [
        '{"$nothing":1}',
        '{"$ref":7}',
        '{"$ref":-8}',
        '{"$ref":"0"}',
        '{"$undefined":false}',
        '{"$number":"1"}',
        '{"$number":[]}',
        '{"$bigint":"x"}',
        '{"$date":"yesterday"}',
        '{"$date":5}',
        '{"$date":{}}',
        '{"$bytes":"*"}',
        '{"$bytes":"","type":"Uint8Array","offset":"x"}',
        '{"$bytes":"","type":"Uint8Array","offset":4}',
        '{"$text":[70000]}',
        '{"$text":"a"}',
        '{"$map":[[1]]}',
        '{"$map":1}',
        '{"$set":1}',
        '{"$set":[{"$ref":0}]}',
        '{"$error":[]}',
        '{"$error":{"odd":1}}',
        '{"$regexp":["a"]}',
        '{"$array":[]}',
        '{"$blob":{}}',
        '{"$host":"x","data":1}',
        "{",
    ],
)
def test_a_text_that_is_no_tagged_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        tagged.loads(text)


def alike(left: Any, right: Any, met: dict[int, int] | None = None) -> bool:
    """Whether two values are the same to the last type and bit, also in what is shared within them."""
    met = {} if met is None else met
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return repr(left) == repr(right)
    if not isinstance(left, dict | list | tuple):
        return bool(left == right)
    if id(left) in met or id(right) in met.values():
        return met.get(id(left)) == id(right)
    if not isinstance(left, JSBigInt | JSBuffer) and left != ():
        met[id(left)] = id(right)
    if isinstance(left, dict):
        return list(left) == list(right) and all(alike(left[key], right[key], met) for key in left)
    if isinstance(left, JSMap | JSSet):
        return same_items(left[0], right[0], met)
    return same_items(left, right, met)


def same_items(left: Any, right: Any, met: dict[int, int]) -> bool:
    """The same for the items of lists and of tuples; a tuple within a tuple has no identity."""
    if len(left) != len(right):
        return False
    return all(
        same_items(one, other, met) if type(one) is tuple and type(other) is tuple else alike(one, other, met)
        for one, other in zip(left, right, strict=True)
    )


def as_javascript(text: str) -> str:
    """A text as its UTF-16 units are read: two halves of a pair are one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


TEXTS = st.text(st.characters(), max_size=8).map(as_javascript) | st.sampled_from(
    ["", "$", "$date", "$$x", "__proto__", "\ud800", "10"]
)
MS = (st.floats(min_value=-8.64e15, max_value=8.64e15) | st.just(math.nan)).map(JSDate)
BYTES = st.binary(max_size=12)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | TEXTS
    | st.just(UNDEFINED)
    | st.integers().map(JSBigInt)
    | MS
    | st.integers(-(10**14), 10**14).map(float).map(JSDate)
    | BYTES
    | st.builds(JSBuffer, BYTES, st.none() | st.integers(12, 99))
    | BYTES.map(lambda data: JSView("Uint8Array", JSBuffer(data), 0, len(data)))
    | st.builds(JSRegExp, TEXTS, st.sampled_from(["", "g", "dgimsuy"]))
    | st.builds(JSObjectOf, st.booleans() | TEXTS | st.floats() | st.integers().map(JSBigInt))
    | st.builds(JSBlob, st.none() | st.just("ab" * 32), st.just("a/b"), st.integers(0, 9), st.none() | TEXTS)
    | st.builds(JSHost, st.just("CryptoKey"), BYTES)
)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of values."""
    members = st.dictionaries(TEXTS, inner, max_size=4)
    return (
        st.lists(inner | st.just(HOLE), max_size=4)
        | members
        | st.lists(st.tuples(inner, inner), max_size=3).map(lambda pairs: JSMap(tuple(pairs)))
        | st.lists(inner, max_size=3).map(lambda items: JSSet(tuple(items)))
        | st.builds(JSError, st.just("Error"), st.none() | TEXTS, st.none() | TEXTS, inner)
        | st.builds(JSArray, st.lists(inner, max_size=3), members)
        | inner.map(lambda one: [one, one, {"again": one}])
    )


VALUES = st.recursive(LEAVES, nested, max_leaves=20)


@given(VALUES)
@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_value_comes_back(value: Any) -> None:
    text = tagged.dumps(value)
    assert alike(tagged.loads(text), value)
    text.encode("utf-8")


@given(VALUES, st.data())
@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_so_does_one_that_contains_itself(value: Any, data: st.DataObject) -> None:
    boxes: list[Any] = []

    def collect(one: Any) -> None:
        if isinstance(one, dict | list) and not any(one is box for box in boxes):
            boxes.append(one)
        for inner in one.values() if isinstance(one, dict) else one if isinstance(one, list | tuple) else ():
            collect(inner)

    root = {"root": value}
    collect(root)
    for _ in range(2):
        box, inner = data.draw(st.sampled_from(boxes)), data.draw(st.sampled_from(boxes))
        if isinstance(box, dict):
            box["back"] = inner
        else:
            box.append(inner)
    text = tagged.dumps(root)
    assert tagged.dumps(tagged.loads(text)) == text


def test_the_schema_takes_what_is_written_and_refuses_what_is_not() -> None:
    validator = pytest.importorskip("jsonschema_rs").Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    for value, _ in WRITTEN:
        text = tagged.dumps(value)
        assert "\\ud" in text or validator.is_valid(json.loads(text)), value
    for wrong in ({"$nothing": 1}, {"$number": 1}, {"$date": "x", "more": 1}, {"$map": [[1]]}, {"a": {"$ref": "0"}}):
        assert not validator.is_valid(wrong), wrong


numbers = st.floats(allow_nan=False).map(lambda one: int(one) if one.is_integer() and abs(one) < 2**53 else one)
texts = st.text(st.characters(codec=None), max_size=6) | st.sampled_from(
    ["7", "", "-1.5", "1e3", "[]", '"7"', "{", "e"]
)
atoms = (
    numbers
    | st.sampled_from([7, 0, -1.5, math.inf, -math.inf])
    | texts
    | st.integers(-(10**15), 10**15).map(lambda one: JSDate(float(one)))
    | st.binary(max_size=4).map(JSBuffer)
)
keys = st.recursive(atoms, lambda inner: st.lists(inner, max_size=3), max_leaves=4)


@settings(max_examples=examples(2000), deadline=None)
@given(keys, keys)
def test_different_keys_of_indexeddb_have_different_texts(one: Any, other: Any) -> None:
    same = tagged.dumps(one) == tagged.dumps(other)
    assert (tagged.key_text(one) == tagged.key_text(other)) == same


@settings(max_examples=examples(2000), deadline=None)
@given(keys)
def test_the_text_of_a_key_is_the_key_again(key: Any) -> None:
    """A text that is no JSON of a key is the key itself."""
    text = tagged.key_text(key)
    assert text != ""
    assert text.isascii() or not any("\ud800" <= unit <= "\udfff" for unit in text)
    if text[0] in '"[{' or all(unit in "0123456789+-.eE" for unit in text):
        assert tagged.dumps(tagged.loads(text)) == tagged.dumps(key)
    else:
        assert text == key


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (7, "7"),
        ("7", '"7"'),
        ("", '""'),
        ("theme", "theme"),
        ("[7]", '"[7]"'),
        (["a", 1], '["a",1]'),
        (JSDate(0.0), '{"$date":"1970-01-01T00:00:00.000Z"}'),
        ("\ud800", '{"$text":[55296]}'),
    ],
)
def test_the_text_of_each_kind_of_key(key: Any, text: str) -> None:
    assert tagged.key_text(key) == text


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text('[]{}"\\a'),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(st.text('[]{}"'), inside, max_size=2),
    max_leaves=8,
)


@given(json_values, st.integers(0, 6))
def test_how_deep_a_value_is_nested_is_what_its_text_says(value: Any, limit: int) -> None:
    text = canonical.dumps_plain(value)
    assert canonical.nested_deeper(value, limit) == canonical.deeper_than(text, limit)
