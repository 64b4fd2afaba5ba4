"""Web storage: every item as the page saw it, damage named, the browser's own entries left out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from leveldb_writer import batch, folder, log

from pjais import tagged
from pjais.formats.web_storage import EXTENSION, LOCAL, SESSION, Area, BadItem, Item, Storage

LATTICE = Path(__file__).parents[1] / "golden" / "any-app" / "lattice"
AREAS: dict[Area, Path] = {LOCAL: LATTICE / "Local Storage" / "leveldb", SESSION: LATTICE / "Session Storage"}


@pytest.mark.parametrize("area", AREAS)
def test_every_item_is_what_the_page_saw(area: Area) -> None:
    with gzip.open(LATTICE / "told.json.gz") as file:
        wanted = {tagged.untag(name): tagged.untag(value) for name, value in json.load(file)["storage"][area]}
    with Storage(AREAS[area], area) as storage:
        found = list(storage.items())
        assert storage.problems == storage.torn == []
    assert {one.name: one.value for one in found if isinstance(one, Item)} == wanted
    assert len(found) == len(wanted) == 10
    assert {one.origin for one in found} == {"http://localhost:8731"}


def written(path: Path, *entries: tuple[bytes, bytes]) -> Path:
    """A LevelDB with these entries in its log."""
    return folder(path, {"000003.log": log([batch(1, entries)])})


def test_an_extension_keeps_json_under_plain_names(tmp_path: Path) -> None:
    place = written(tmp_path / "abcdef", (b"tabs", b'[{"url":"x"}]'), (b"n\xc3\xa9", b"1.5"), (b"bad", b"{"))
    with Storage(place, EXTENSION) as storage:
        bad, number, tabs = list(storage.items())
    assert isinstance(bad, BadItem) and bad.raw == b"{"
    assert (number.origin, tabs.origin) == ("chrome-extension://abcdef",) * 2
    assert isinstance(number, Item) and (number.name, number.value) == ("né", 1.5)
    assert isinstance(tabs, Item) and tabs.value == [{"url": "x"}]


def test_an_item_of_unknown_form_is_named_with_its_bytes_and_costs_no_other(tmp_path: Path) -> None:
    place = written(
        tmp_path / "leveldb",
        (b"_http://a\0\x01k", b"\x07odd"),
        (b"_http://a\0\x01l", b"\x00abc"),
        (b"_http://a\0\x01m", b"\x01ok"),
    )
    with Storage(place, LOCAL) as storage:
        first, second, third = list(storage.items())
    assert isinstance(first, BadItem) and (first.origin, first.raw) == ("http://a", b"\x07odd")
    assert isinstance(second, BadItem)
    assert isinstance(third, Item) and third.value == "ok"


def test_tabs_that_share_a_map_and_a_map_without_a_tab(tmp_path: Path) -> None:
    tab = b"0d6b7c67_c093_4fdc_bdcd_49e0b02b7fd1"
    place = written(
        tmp_path / "Session Storage",
        (b"namespace-" + tab + b"-http://a/", b"4"),
        (b"map-4-k", b"v\0"),
        (b"map-5-k", b"w\0"),
    )
    with Storage(place, SESSION) as storage:
        found = [one for one in storage.items() if isinstance(one, Item)]
    assert [(one.origin, one.tab, one.value) for one in found] == [
        ("http://a", "0d6b7c67-c093-4fdc-bdcd-49e0b02b7fd1", "v"),
        ("", "5", "w"),
    ]
