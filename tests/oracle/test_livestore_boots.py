"""The real LiveStore boots the logs that we write, shows what the source held, and goes on; we read what it did."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import livestore_world as world
import pytest
from livestore_events import Maker, as_livestore_has_it, as_told, mended
from livestore_world import LOGS, VERSIONS
from oracle_world import SAMPLE

import pjais
from pjais import instants, sqlite
from pjais.core.results import Report
from pjais.exchange.export import as_text
from pjais.migration import quarantine
from pjais.models.persona import events, livestore
from pjais.models.persona.typescript import schema_ts
from pjais.sources.livestore import log
from pjais.sources.livestore.log import Event
from pjais.sources.livestore.replay import Replay
from pjais.targets.livestore import writer
from pjais.workspace import resolve_workspace
from world import memory, persona, write_json

pytestmark = pytest.mark.oracle

GOLDEN = Path(__file__).parent.parent / "golden" / "rxdb"
FORMATS: dict[str, Literal[6, 4]] = {"0.4.0": 6, "0.3.1": 4}
LISTS = {"personas": "personas", "memoryEntities": "memories", "conversations": "conversations"}
Row = dict[str, Any]
Tables = dict[str, dict[str, list[Row]]]


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Skip with the reason where LiveStore is missing; fail where it is required."""
    world.require()


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our schema as an app has it."""
    path = tmp_path_factory.mktemp("schema") / "schema.ts"
    path.write_text(schema_ts(), "utf-8")
    return path


def store_of(folder: Path) -> Path:
    return folder / "livestore" / "pjais"


def to_livestore(folder: Path, source: Path, version: str = "0.4.0", **options: Any) -> Report:
    report = pjais.migrate(
        folder, [source], to="livestore", format=FORMATS[version], on_invalid="quarantine", **options
    )
    assert report.total.balanced()
    assert pjais.verify(folder).passed
    return report


def boot(folder: Path, version: str, schema: Path, commit: list[Row] | None = None) -> dict[str, Any]:
    """What the real LiveStore tells of the store in a data folder, the events of `commit` committed."""
    return world.boot(version, folder / "livestore", "pjais", schema, commit or [])


def keyed(tables: Tables, form: str = "raw") -> dict[str, dict[str, Row]]:
    """The rows that LiveStore told, by table and key."""
    return {table.name: {str(row[table.key]): row for row in tables[table.name][form]} for table in livestore.TABLES}


def export(folder: Path, store: Path | None = None) -> str:
    text = as_text(resolve_workspace(folder), store).text
    assert text is not None
    return text


def log_rows(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path.as_posix()}?immutable=1", uri=True)) as db:
        return db.execute("SELECT * FROM eventlog ORDER BY 1, 2").fetchall()


def replay_of(path: Path, scratch: Path) -> dict[str, list[Row]]:
    """What our replay makes of a log."""
    with closing(sqlite.open_frozen(path)) as db, closing(Replay(scratch)) as replay:
        for event in log.read_events(db):
            assert isinstance(event, Event)
            replay.apply(events.SCHEMA.decode(event.name, event.args))
        assert replay.settle() == []
        return replay.dump()


def assert_replays(tables: Tables, path: Path, scratch: Path) -> None:
    """Every row of every table that LiveStore shows is the one that our replay gives, and the other way round."""
    ours = replay_of(path, scratch)
    for table in livestore.TABLES:
        wanted = {mended(str(row[table.key])): as_livestore_has_it(table, row) for row in ours[table.name]}
        told = {str(row[table.key]): as_told(table, row) for row in tables[table.name]["raw"]}
        assert told.keys() == wanted.keys()
        for key, row in told.items():
            assert row == wanted[key], (table.name, key)


PROFILES = [("v12-clean", "0.4.0"), ("v16-attachments", "0.3.1"), ("v17-clean", "0.4.0")]


@pytest.mark.parametrize(("item", "version"), PROFILES)
def test_a_profile_in_livestore_is_what_rxdb_gave(item: str, version: str, schema: Path, tmp_path: Path) -> None:
    """Document by document, field by field; and from there into SQLite it is what went there straight."""
    report = to_livestore(tmp_path / "live", GOLDEN / item, version)
    told = keyed(boot(tmp_path / "live", version, schema)["tables"], "decoded")
    account = account_of(item)
    aside = {finding.native_id for finding in report.findings if finding.level == "error"}
    for name, collection in account["collections"].items():
        special = {str(one["path"][0]) for one in collection.get("special", ())}
        documents = {one["id"]: one for one in collection["docs"] if one["id"] not in {*special, *aside}}
        assert told[name].keys() - special == documents.keys()
        for key, document in documents.items():
            assert_is_document(told[name][key], document)
    straight_and_around(tmp_path, GOLDEN / item)


def account_of(item: str) -> Row:
    """RxDB's own account of a profile."""
    plain = GOLDEN / item / "expected.json"
    text = plain.read_bytes() if plain.exists() else gzip.decompress(plain.with_suffix(".json.gz").read_bytes())
    return dict(json.loads(text))


def assert_is_document(row: Row, document: Row) -> None:
    """Every field of a document is in its row: in its column, or as it was in `extra`."""
    extra = row["extra"] or {}
    for name, value in document.items():
        original = extra.get("$original", {})
        held = original[name] if name in original else row[name] if name in row else extra[name]
        if isinstance(held, dict) and "$date" in held:
            held = instants.to_text(held["$date"])
        cut = isinstance(value, str) and held == mended(value.partition("\0")[0])
        assert cut or held == value, (document["id"], name)
    assert row["sourceId"] == document["id"]


def straight_and_around(folder: Path, source: Path, **options: Any) -> None:
    """RxDB -> SQLite and RxDB -> LiveStore, booted -> SQLite hold the same."""
    pjais.migrate(folder / "straight", [source], on_invalid="quarantine", **options)
    assert list(store_of(folder / "live").glob("state*.db"))
    around = pjais.migrate(folder / "around", [store_of(folder / "live")])
    assert around.code == "done"
    assert not [rule for rule in around.rules if "state-differs" in rule or "state-behind" in rule]
    assert pjais.verify(folder / "around").passed
    assert placeless(export(folder / "around")) == placeless(export(folder / "straight"))


def placeless(exported: str) -> Row:
    """An export without where the documents of other apps were: LiveStore's table does not say it."""
    body: Row = json.loads(exported)
    kept = ({name: one[name] for name in ("collection", "document")} for one in body.get("others", ()))
    return {**body, "others": sorted(kept, key=json.dumps)}


@pytest.mark.parametrize("version", ["0.3.1"])
def test_the_demos_folder_in_livestore_is_what_it_is_in_sqlite(version: str, schema: Path, tmp_path: Path) -> None:
    """All its sources in one store; LiveStore shows each record of the export, and nothing else."""
    shutil.copytree(SAMPLE, tmp_path / "sample")
    to_livestore(tmp_path / "live", tmp_path / "sample", version)
    told = keyed(boot(tmp_path / "live", version, schema)["tables"])
    straight_and_around(tmp_path, tmp_path / "sample")
    body = json.loads(export(tmp_path / "straight"))
    for table, name in LISTS.items():
        assert told[table].keys() == {one["id"] for one in body[name]}


def test_new_ids_keep_the_old_ones_and_every_reference_follows(schema: Path, tmp_path: Path) -> None:
    """LiveStore shows both ids; the profile and the store together bring nothing twice."""
    to_livestore(tmp_path / "live", GOLDEN / "v12-clean", ids="new")
    told = keyed(boot(tmp_path / "live", "0.4.0", schema)["tables"])
    account = account_of("v12-clean")
    persona_of = {one["id"]: one["personaId"] for one in account["collections"]["memoryEntities"]["docs"]}
    names = {one["id"]: one["name"] for one in account["collections"]["personas"]["docs"]}
    assert {row["sourceId"] for row in told["personas"].values()} == set(names)
    assert told["personas"].keys().isdisjoint(names)
    for row in told["memoryEntities"].values():
        assert told["personas"][row["personaId"]]["sourceId"] == persona_of[row["sourceId"]]
    both = pjais.migrate(
        tmp_path / "both", [GOLDEN / "v12-clean", store_of(tmp_path / "live")], on_invalid="quarantine"
    )
    assert both.total.migrated == sum(map(len, told.values()))
    body = json.loads(export(tmp_path / "both"))
    for table, name in LISTS.items():
        assert {one["id"] for one in body[name]} == told[table].keys()


COMMITS = [
    {
        "event": "v1.PersonaUpdated",
        "args": {
            "id": "p1",
            "updates": {"description": "né\n👋", "settings": {"a": [None]}},
            "updatedAt": 1760000000001,
        },
    },
    {"event": "v1.PersonaActivated", "args": {"id": "p2", "activatedAt": 1760000000002}},
    {
        "event": "v1.MemoryEntityCreated",
        "args": {
            "id": "m9",
            "personaId": "p2",
            "type": "text",
            "name": "by the app",
            "content": {"text": "🌊"},
            "createdAt": 1760000000003,
        },
    },
    {"event": "v1.MemoryEntityAccessed", "args": {"id": "m1", "accessedAt": 1760000000004}},
    {"event": "v1.MemoryEntityDeleted", "args": {"id": "m1", "deletedAt": 1760000000005}},
    {"event": "v1.ConversationStarted", "args": {"id": "c1", "personaId": "p1", "startedAt": 1760000000006}},
    {
        "event": "v1.MessageAdded",
        "args": {"conversationId": "c1", "message": {"id": "x", "content": "hello", "timestamp": 1760000000007}},
    },
    {"event": "v1.MemoryEntityRemoved", "args": {"id": "m2"}},
]


def two_personas(folder: Path) -> Path:
    folder.mkdir()
    return write_json(
        folder,
        personas=[persona("p1"), persona("p2")],
        memories=[memory("m1"), memory("m2"), memory("orphan", "nobody")],
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_what_an_app_commits_to_our_log_is_read_and_explained(version: str, schema: Path, tmp_path: Path) -> None:
    """Events of several kinds through the real LiveStore: the account follows, verify agrees, SQLite gets them."""
    to_livestore(tmp_path / "live", two_personas(tmp_path / "source"), version)
    path = store_of(tmp_path / "live") / LOGS[version]
    before = log_rows(path)
    told = boot(tmp_path / "live", version, schema, COMMITS)
    after = keyed(told["after"], "decoded")
    assert log_rows(path)[: len(before)] == before
    assert [row[6 if version == "0.4.0" else 4] for row in log_rows(path)[len(before) :]] == [
        one["event"] for one in COMMITS
    ]
    assert_replays(told["after"], path, tmp_path / "replay.db")
    proof = pjais.verify(tmp_path / "live")
    assert proof.passed
    assert (proof.added_since, proof.edited_since, proof.removed_since) == (2, 3, 1)
    pjais.migrate(tmp_path / "around", [store_of(tmp_path / "live")])
    body = json.loads(export(tmp_path / "around"))
    for table, name in LISTS.items():
        assert {one["id"] for one in body[name]} == after[table].keys()
    created = next(one for one in body["memories"] if one["id"] == "m9")
    assert (created["content"], created["createdAt"]) == ({"text": "🌊"}, instants.to_text(1760000000003))
    assert export(tmp_path / "live", store_of(tmp_path / "live") / "pjais-account.sqlite") == export(
        tmp_path / "around"
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_livestore_makes_of_a_random_log_what_our_replay_does(
    seed: int, version: str, schema: Path, tmp_path: Path
) -> None:
    """Every event of the schema, nasty values, optional arguments, removals and rows that come again."""
    store = tmp_path / "livestore" / "pjais"
    store.mkdir(parents=True)
    path = store / LOGS[version]
    writer.create_log(path, FORMATS[version])
    history = list(Maker(seed).history(150))
    assert {name for name, _ in history} == set(events.SCHEMA.named)
    writer.append(path, (writer.NewEvent(name, json.dumps(args).encode()) for name, args in history))
    assert_replays(boot(tmp_path, version, schema)["tables"], path, tmp_path / "replay.db")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("version", ["0.4.0"])
def test_a_second_run_appends_only_what_is_new_and_is_undone_byte_for_byte(
    version: str, schema: Path, tmp_path: Path
) -> None:
    """The app's own events stay where they are; LiveStore boots the longer log, and after a rollback the shorter."""
    source = two_personas(tmp_path / "source")
    to_livestore(tmp_path / "live", source, version)
    boot(tmp_path / "live", version, schema, COMMITS)
    path = store_of(tmp_path / "live") / LOGS[version]
    before, log_before = digest(path), log_rows(path)
    document = json.loads(source.read_text("utf-8"))
    document["memories"].append(memory("new", content="after the app"))
    source.write_text(json.dumps(document), "utf-8")
    report = to_livestore(tmp_path / "live", source, version)
    longer = log_rows(path)
    assert longer[: len(log_before)] == log_before
    assert [row[6] for row in longer[len(log_before) :]] == [
        "v1.MigrationStarted",
        "v1.MemoryEntityImported",
        "v1.MigrationCompleted",
    ]
    shown = boot(tmp_path / "live", version, schema)["tables"]
    assert keyed(shown)["memoryEntities"]["new"]["content"] == '"after the app"'
    assert "m9" in keyed(shown)["memoryEntities"]
    assert_replays(shown, path, tmp_path / "replay.db")
    pjais.rollback(tmp_path / "live", report.run_id)
    assert digest(path) == before
    assert not list(store_of(tmp_path / "live").glob("state*.db"))
    assert pjais.verify(tmp_path / "live").passed
    assert "new" not in keyed(boot(tmp_path / "live", version, schema)["tables"])["memoryEntities"]


def test_a_mended_document_out_of_quarantine_appears_in_livestore(schema: Path, tmp_path: Path) -> None:
    """The orphan gets its persona, goes in as an event at the end of the log, and the app sees it."""
    to_livestore(tmp_path / "live", two_personas(tmp_path / "source"))
    boot(tmp_path / "live", "0.4.0", schema, COMMITS[:1])
    here = resolve_workspace(tmp_path / "live", to="livestore")
    (entry,) = quarantine.listed(here)
    (done,) = quarantine.replay(here, [entry.id], {**entry.document, "personaId": "p2"})
    assert done.problems == []
    assert pjais.verify(tmp_path / "live").passed
    told = boot(tmp_path / "live", "0.4.0", schema)["tables"]
    row = keyed(told)["memoryEntities"]["orphan"]
    assert (row["personaId"], row["content"]) == ("p2", '"content of orphan"')
    assert keyed(told)["personas"]["p1"]["description"] == "né\n👋"
    assert_replays(told, store_of(tmp_path / "live") / LOGS["0.4.0"], tmp_path / "replay.db")
