"""LiveStore out of real stores: every row as LiveStore itself gave it, for every version, adapter and accident."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import instants
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.core.results import Report
from pjais.exchange.export import as_text
from pjais.sources import backup, detect
from pjais.sources.livestore import locations
from pjais.sources.registry import read
from pjais.workspace import resolve_workspace
from world import hashes

GOLDEN = Path(__file__).parent.parent / "golden" / "livestore"
ITEMS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())
TOLD = [item for item in ITEMS if (GOLDEN / item / "expected.json").exists()]
NODE = [item for item in TOLD if list((GOLDEN / item).glob("*/eventlog@*.db"))]
ONE_FORMAT = [item for item in NODE if item != "node-both-formats"]
OURS = {
    "personas": "personas",
    "memoryEntities": "memories",
    "memory_entities": "memories",
    "conversations": "conversations",
}
"""What our export calls the app's tables; the rows of any other are kept whole."""
Row = dict[str, Any]
Rows = list[tuple[str, Row]]
Events = list[tuple[str, Row]]

LATER = ("v1.MemoryOptimized", "v2.MemoryEntityUpdated", "v9.DreamRecorded")
"""Events of a later release of the app, which neither the app of the accounts nor pjais knows."""
BEHIND: dict[tuple[str, str], Row] = {
    ("node-0.4.0-partial", "memory-two"): {"deletedAt": 1714559460250},
    ("node-0.4.0-partial", "memory-three"): {"lastAccessed": 1714559520250, "connectionCount": 1},
}
"""What the log says, and the state that LiveStore shows does not (yet): the events behind the one that failed."""


def expected(item: str) -> Row:
    """LiveStore's own account of a store."""
    return dict(json.loads((GOLDEN / item / "expected.json").read_bytes()))


def told(item: str, form: str) -> Rows:
    """(table, row) of everything that LiveStore shows; where a folder holds two stores, the older one first."""
    account = expected(item)
    others = account["others"] if item == "node-both-formats" else []
    shown = [*(one["tables"] for one in others), account["tables"]]
    return [(table, row) for tables in shown for table, rows in tables.items() for row in rows[form]]


def pieces(folder: Path, scratch: Path) -> list[Piece]:
    """All that the reader finds in a store, read from a backup of it."""
    found = detect.detect([folder], named=True)
    assert {source.kind for source in found.sources} <= {"livestore", "livestore-opfs"}
    snapshots = backup.snapshot_all(scratch, found.sources, at_ms=0)
    return [piece for snapshot in snapshots for piece in read(snapshot)]


def documents(found: list[Piece]) -> list[Document]:
    return [piece for piece in found if isinstance(piece, Document)]


def remarks(found: list[Piece]) -> set[tuple[str, str]]:
    return {(piece.rule, piece.place) for piece in found if isinstance(piece, Remark)}


def notes(found: list[Piece]) -> set[str]:
    """The rules that rows were taken by, without their columns."""
    return {note.partition(":")[0] for piece in documents(found) for note in piece.notes}


def key_of(row: Row) -> str:
    return str(next(iter(row.values())))


def migrated(folder: Path, source: Path) -> Report:
    """A store brought into SQLite: the counts add up, verify agrees, and the store is untouched."""
    before = hashes(source)
    report = pjais.migrate(folder, [source], on_invalid="quarantine")
    assert report.total.balanced()
    assert pjais.verify(folder).passed
    assert hashes(source) == before
    return report


def exported(folder: Path) -> dict[tuple[str, str], Row]:
    """Every record, by the name of its list and its id."""
    text = as_text(resolve_workspace(folder), None).text
    assert text is not None
    body = json.loads(text)
    return {
        (f"others:{one['collection']}" if name == "others" else name, one["id"]): one
        for name, records in body.items()
        if isinstance(records, list)
        for one in records
    }


def log_of(item: str, scratch: Path) -> Events:
    """(name, arguments) of every event, read by the standard library: a second pair of eyes."""
    return [event for path in _logs(item, scratch) for event in log_of_path(path)]


def log_of_path(path: Path) -> Events:
    """The events of one log."""
    with closing(sqlite3.connect(f"file:{path.as_posix()}?immutable=1", uri=True)) as db:
        (table,) = db.execute("SELECT name FROM sqlite_schema WHERE name IN ('eventlog', 'mutation_log')").fetchone()
        name = "name" if table == "eventlog" else "mutation"
        events = db.execute(f"SELECT {name}, argsJson FROM {table} ORDER BY rowid").fetchall()
        return [(name, json.loads(args)) for name, args in events]


def _logs(item: str, scratch: Path) -> Iterator[Path]:
    if item in NODE:
        yield from sorted((GOLDEN / item).glob("*/eventlog@*.db"))
        return
    found = detect.detect([GOLDEN / item], named=True)
    (snapshot,) = backup.snapshot_all(scratch / "of-log", found.sources, at_ms=0)
    folder = scratch / "carved"
    folder.mkdir()
    for group in locations.groups(snapshot, folder):
        yield from (path for name, path in group.databases if "log" in name)


def last_word(events: Events, key: str, column: str) -> Any:
    """What a log says last of a column of a record; None where it never does.  Later releases do not count."""
    said = None
    for name, args in events:
        updates = args.get("updates", args)
        if args.get("id") == key and name not in LATER and isinstance(updates, dict):
            said = updates.get(column, said)
    return said


def as_livestore_keeps(text: str) -> str:
    """A text of an event as a column of the state has it: cut at NUL, half a character replaced."""
    return mended(text.partition("\0")[0])


def mended(text: str) -> str:
    return "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= one <= "\udfff" else one for one in text)


@pytest.mark.parametrize("item", TOLD)
def test_every_row_is_as_livestore_gave_it(item: str, tmp_path: Path) -> None:
    """Value by value as SQLite holds them; only a text that the state lost, or has not seen, is the log's."""
    wanted = told(item, "raw")
    found = pieces(GOLDEN / item, tmp_path / "backup")
    rows = [piece for piece in documents(found) if piece.collection != "eventlog"]
    assert Counter((table, key_of(row)) for table, row in wanted) == Counter(
        (one.collection, one.native_id) for one in rows
    )
    events = log_of(item, tmp_path)
    by_key: dict[tuple[str, str | None], list[Document]] = {}
    for piece in rows:
        by_key.setdefault((piece.collection, piece.native_id), []).append(piece)
    for table, row in wanted:
        key = key_of(row)
        piece = by_key[table, key].pop(0)
        source_id = piece.value.get("sourceId")
        assert list(piece.value) == [*row, *([] if source_id is None else ["sourceId"])]
        assert source_id in (None, last_word(events, key, "sourceId"))
        newer = BEHIND.get((item, key), {})
        assert ("state-behind" in piece.notes) == bool(newer)
        for name, held in (row | newer).items():
            if f"state-lossy:{name}" in piece.notes:
                said = last_word(events, key, name)
                assert piece.value[name] == said
                assert held == as_livestore_keeps(said) != said
            else:
                meant = None if held == "null" and piece.value[name] is None else held  # a null that an event brought
                assert piece.value[name] == meant, (key, name)


@pytest.mark.parametrize("item", TOLD)
def test_a_store_is_migrated_and_every_value_is_the_apps(item: str, tmp_path: Path) -> None:
    """Nothing more, nothing less: each record against what the app got, field by field; the orphans are kept aside."""
    report = migrated(tmp_path / "data", GOLDEN / item)
    found = pieces(GOLDEN / item, tmp_path / "backup")
    aside = {finding.native_id for finding in report.findings if finding.rule == "orphan"}
    ids = {key_of(row) for _, row in told(item, "raw")}
    assert aside == {
        key_of(row) for _, row in told(item, "raw") if row.get("personaId") is not None and row["personaId"] not in ids
    }
    records = exported(tmp_path / "data")
    assert report.total.read == len([piece for piece in found if not isinstance(piece, Remark)])
    assert report.total.migrated == len(records)
    events = log_of(item, tmp_path)
    latest = {(table, key_of(row)): row for table, row in told(item, "decoded")}  # of two formats the newer one
    raw = {(table, key_of(row)): row for table, row in told(item, "raw")}
    lossy = {
        (one.native_id, note.partition(":")[2]) for one in documents(found) for note in one.notes if "lossy" in note
    }
    for (table, key), row in latest.items():
        if table not in OURS:
            assert records.pop((f"others:{table}", key))["document"] == raw[table, key]
        elif key not in aside:
            record = records.pop((OURS[table], key))
            for name, value in (row | _as_dates(BEHIND.get((item, key), {}))).items():
                if (key, name) in lossy:
                    value = last_word(events, key, name)
                    assert record[name] == mended(value)
                if name in record:
                    assert _told_by(record, name) == _as_exported(value), (key, name)
                else:
                    assert record["extra"][name] == raw[table, key][name]
    carried = [one for one in records if one[0] == "others:eventlog"]
    assert list(records) == carried


def _as_dates(raw: Row) -> Row:
    return {name: {"$date": value} if value > 1e12 else value for name, value in raw.items()}


def _as_exported(value: Any) -> Any:
    """A value that the app got, as our export writes it: dates of columns as text, dates inside JSON as numbers."""
    if isinstance(value, dict) and set(value) == {"$date"}:
        return instants.to_text(value["$date"])
    return _with_numbers(value)


def _with_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$date"}:
            return value["$date"]
        return {name: _with_numbers(item) for name, item in value.items()}
    return [_with_numbers(item) for item in value] if isinstance(value, list) else value


def _told_by(record: Row, name: str) -> Any:
    """A field of a record; where a rule changed what was there, what was there."""
    original = record["extra"].get("$original", {}).get(name)
    if original is None:
        return record[name]
    return json.loads(original) if isinstance(original, str) and original[:1] in ("[", "{", '"') else original


def without(part: str, item: str, folder: Path) -> Path:
    """A copy of a node store without its state or without its log."""
    shutil.copytree(GOLDEN / item, folder, ignore=shutil.ignore_patterns("expected.json", f"{part}*"))
    return folder


@pytest.mark.parametrize("item", ONE_FORMAT)
def test_a_state_alone_gives_its_rows(item: str, tmp_path: Path) -> None:
    """Exactly as they lie there: there is nothing to compare them with."""
    found = pieces(without("eventlog", item, tmp_path / "store"), tmp_path / "backup")
    wanted = [(table, row) for table, row in told(item, "raw")]
    assert {(one.collection, key_of(one.value)): one.value for one in documents(found)} == {
        (table, key_of(row)): row for table, row in wanted
    }
    assert notes(found) == set()
    assert migrated(tmp_path / "data", tmp_path / "store").total.read == len(wanted)


IN_NO_LOG = {
    ("node-0.4.0-twoschemas", "memory-one"): {"name", "updatedAt"},
    ("node-0.4.0-twoschemas", "memory-two"): {"memoryTier", "updatedAt"},
}
"""What only events of a later release did, which the log alone does not explain."""


@pytest.mark.parametrize("item", NODE)
def test_a_log_alone_gives_the_rows_it_tells_of(item: str, tmp_path: Path) -> None:
    """The same values, texts whole again; a date that no event carries is left open, and never made up."""
    report = migrated(tmp_path / "data", without("state", item, tmp_path / "store"))
    records = exported(tmp_path / "data")
    events = log_of(item, tmp_path)
    aside = {finding.native_id for finding in report.findings if finding.rule == "orphan"}
    latest = {(table, key_of(row)): row for table, row in told(item, "decoded") if table in OURS}
    for (table, key), row in latest.items():
        if key in aside:
            continue
        record = records.pop((OURS[table], key))
        counted = {name: record.pop(name) for name in ("accessCount", "connectionCount") if name in record}
        accesses = sum(name == "v1.MemoryEntityAccessed" and args["id"] == key for name, args in events)
        imported = last_word(events, key, "connectionCount") or 0
        assert counted in ({}, {"accessCount": accesses, "connectionCount": imported})
        for name, value in (row | _as_dates(BEHIND.get((item, key), {}))).items():
            if name not in record or name in IN_NO_LOG.get((item, key), ()):
                continue
            said = last_word(events, key, name)
            if record[name] is None and isinstance(value, dict) and "$date" in value:
                assert said is None
            elif isinstance(record[name], str) and isinstance(said, str):
                assert as_livestore_keeps(said) == value
                assert record[name] == mended(said)
            else:
                assert _told_by(record, name) == _as_exported(value), (key, name)
    carried = {collection for collection, _ in records}
    assert carried <= {"others:eventlog"}
    assert carried or "unknown-event" not in {one.rule for one in report.findings}


def test_what_a_stale_state_has_not_seen_comes_from_the_log(tmp_path: Path) -> None:
    """The log goes on behind the state: the persona of its last event is there, and the finding says why."""
    found = pieces(GOLDEN / "given-stale-state", tmp_path / "backup")
    assert remarks(found) == {("state-behind", "state129391784031@6.db")}
    stale = [piece for piece in documents(found) if "state-behind" in piece.notes]
    assert [(one.collection, one.native_id) for one in stale] == [("personas", "p-appended")]
    name, args = log_of_path(GOLDEN / "given-stale-state" / "pjais" / "eventlog@6.db")[-1]
    assert name == "v1.PersonaImported"
    assert {key: stale[0].value[key] for key in ("name", "description", "createdAt")} == {
        key: args[key] for key in ("name", "description", "createdAt")
    }
    before = {(piece.collection, piece.native_id) for piece in documents(found)} - {("personas", "p-appended")}
    assert before == {(table, key_of(row)) for table, row in told("given-node-0.4.0", "raw")}
    assert migrated(tmp_path / "data", GOLDEN / "given-stale-state").rules["note:state-behind:"] == 2


@pytest.mark.parametrize("item", [item for item in NODE if item.endswith("impure")])
def test_dates_that_only_the_state_knows_are_taken_from_it(item: str, tmp_path: Path) -> None:
    """Every row of an app whose code asks the clock; the account test compares the dates themselves."""
    found = pieces(GOLDEN / item, tmp_path)
    assert all("state-dates" in piece.notes for piece in documents(found))
    assert all(type(piece.value["createdAt"]) is int for piece in documents(found))
    assert remarks(found) == set()


def test_an_event_that_stopped_the_boot_is_named_and_what_follows_is_rescued(tmp_path: Path) -> None:
    """LiveStore shows the rows before it and says nothing; here the event is in quarantine, the rest in place."""
    item = "node-0.4.0-partial"
    bad = expected(item)["badEvent"]
    report = migrated(tmp_path / "data", GOLDEN / item)
    assert report.total.quarantined == 1
    assert [(one.rule, one.place) for one in report.findings if one.level == "error"] == [
        ("unreadable", f"event {bad}")
    ]
    found = pieces(GOLDEN / item, tmp_path / "backup")
    (broken,) = [piece for piece in found if isinstance(piece, Unreadable)]
    assert json.loads(broken.raw)["updates"] == "not an object"
    assert {piece.native_id for piece in documents(found) if "state-behind" in piece.notes} == {
        key for store, key in BEHIND if store == item
    }


def test_of_two_schemas_the_one_that_reaches_the_end_of_the_log_counts(tmp_path: Path) -> None:
    """The other state is named; what only the newer app's events did is taken from the state, and said so."""
    found = pieces(GOLDEN / "node-0.4.0-twoschemas", tmp_path)
    assert ("older-state", "state129391784031@6.db") in remarks(found)
    memory = next(piece for piece in documents(found) if piece.native_id == "memory-one")
    assert (memory.value["name"], memory.value["version"]) == ("One, second version", 2)
    assert "state-differs:name" in memory.notes


def test_a_folder_with_two_formats_is_two_stores(tmp_path: Path) -> None:
    """An update of LiveStore hid the older one; every record of both comes over, the later of a twin counts."""
    item = "node-both-formats"
    report = migrated(tmp_path / "data", GOLDEN / item)
    keys = Counter((table, key_of(row)) for table, row in told(item, "raw"))
    assert {len(expected(item)["others"]), max(keys.values())} == {1, 2}
    assert report.total.read == keys.total()
    assert report.total.migrated == len(keys)
    assert report.total.superseded == keys.total() - len(keys) == 1


def test_events_that_nobody_knows_are_named_and_carried_where_nothing_else_tells_of_them(tmp_path: Path) -> None:
    """One remark for each name; an event that no state has seen goes over as it is."""
    item = "node-0.4.0-unknown"
    found = pieces(GOLDEN / item, tmp_path / "backup")
    named = {place for rule, place in remarks(found) if rule == "unknown-event"}
    assert named == set(expected(item)["unknownEvents"])
    (carried,) = [piece for piece in documents(found) if piece.collection == "eventlog"]
    assert (carried.value["name"], carried.value["args"]["id"]) == ("v9.DreamRecorded", "dream-1")
    migrated(tmp_path / "data", GOLDEN / item)
    assert exported(tmp_path / "data")["others:eventlog", "17"]["document"]["args"] == carried.value["args"]


@pytest.mark.parametrize("item", ["node-0.4.0-clientonly", "node-0.4.0-rebased"])
def test_what_never_left_the_device_comes_over_too(item: str, tmp_path: Path) -> None:
    """Client-only events and tables are no memories; their rows are carried as the state has them."""
    found = pieces(GOLDEN / item, tmp_path)
    assert {piece.collection for piece in documents(found)} >= {"drafts", "uiState"}
    assert {rule for rule, _ in remarks(found)} == {"unknown-event"}


def test_a_browser_that_was_killed_gives_what_is_true(tmp_path: Path) -> None:
    """The journals are rolled back, so no row stands there that no event made."""
    item = "opfs-0.4.0-killed"
    found = documents(pieces(GOLDEN / item, tmp_path))
    (first_boot,) = expected(item)["others"]
    shown = {key_of(row) for table in first_boot["tables"].values() for row in table["raw"]}
    assert {piece.native_id for piece in found} < shown


def copied(item: str, folder: Path) -> tuple[Path, Path]:
    """A golden store to change: its folder and its log."""
    shutil.copytree(GOLDEN / item, folder)
    (log,) = folder.glob("*/eventlog@6.db")
    return folder, log


def test_a_log_whose_own_schema_is_not_utf8_gives_its_events_all_the_same(tmp_path: Path) -> None:
    """A flipped byte in a column's name used to end the whole run; the events are salvaged from the pages."""
    item = "node-0.4.0-partial"
    store, log = copied(item, tmp_path / "store")
    log.write_bytes(log.read_bytes().replace(b'"clientId" text', b'"client\xffd" text'))
    assert pieces(store, tmp_path / "damaged") == pieces(GOLDEN / item, tmp_path / "whole")


def test_an_insert_that_came_twice_is_named_whatever_its_numbers(tmp_path: Path) -> None:
    """1e400 is infinite, for which JSON has no number; it used to end the whole run."""
    store, log = copied("node-0.4.0-app", tmp_path / "store")
    args = '{"id":"twice","name":"twice","importance":1e400}'
    with closing(sqlite3.connect(log)) as db, db:
        columns = ", ".join(str(row[1]) for row in db.execute("PRAGMA table_info(eventlog)"))
        for more in (1, 2):
            others = columns.replace("seqNumGlobal", f"seqNumGlobal + {more}", 1)
            others = others.replace(" name", " 'v1.MemoryEntityImported'").replace(" argsJson", " ?")
            last = "ORDER BY seqNumGlobal DESC, seqNumClient DESC LIMIT 1"
            db.execute(f"INSERT INTO eventlog SELECT {others} FROM eventlog {last}", (args,))
    found = pieces(store, tmp_path / "backup")
    (again,) = [piece for piece in found if isinstance(piece, Unreadable)]
    assert (again.place, again.reason) == ("memoryEntities twice", "inserted twice; the first one counts")
    assert json.loads(again.raw)["importance"] == {"$number": "Infinity"}
