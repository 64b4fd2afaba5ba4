"""The JSON of every result, key by key: what scripts and the page read stays as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pjais.checks.checklist import Line
from pjais.checks.livestore_app import AppCheck
from pjais.core.results import Changed, Counts, Difference, Finding, Proof, Report, Restored
from pjais.core.source import Passed, SourceRef
from pjais.exchange.guide_export import Validation
from pjais.livestore_tools.doctor import Check
from pjais.livestore_tools.upgrade import Upgraded
from pjais.migration.active import Live
from pjais.migration.backups import Kept as Backup
from pjais.migration.quarantine import Kept
from pjais.migration.rollback import Later, Undone
from pjais.migration.state import RunState
from pjais.side_by_side.cleanup import Old, Stays
from pjais.side_by_side.follow import Increment
from pjais.side_by_side.private_text import Private
from pjais.side_by_side.shadow import Comparison
from pjais.side_by_side.switch import Returned
from pjais.sources.count import Database
from pjais.sources.inventory import Detected
from pjais.sources.livestore.log import Event, Number
from pjais.store.history import Moment
from pjais.store.operations import Operation
from pjais.web import schemas
from pjais.web.moving import schemas as migration_schemas

AT = 1_772_000_000_123
TEXT = "2026-02-25T06:13:20.123Z"
PATH = Path("/data/x")
CHANGED = Changed("personas", "p1", "name", "a", None)
CHANGE = {"table": "personas", "id": "p1", "field": "name", "before": "a", "after": None}
DIFFERENCE = Difference("personas", "p1", None, "differs")
DIFFERS = {"type": "personas", "id": "p1", "field": None, "problem": "differs"}
FINDING = Finding("note", "orphan", "data.json", "memories", None, "byte 5", "personaId", "it refers to nothing")
FOUND = {
    "level": "note",
    "rule": "orphan",
    "source": "data.json",
    "collection": "memories",
    "place": "byte 5",
    "field": "personaId",
    "message": "it refers to nothing",
}
PASSED = Passed(PATH, "a reason", 7, "indexeddb", None, "https://a.example", "db", ("one", "two"))
PASSED_BY = {
    "path": "/data/x",
    "reason": "a reason",
    "size": 7,
    "kind": "indexeddb",
    "made_by": None,
    "origin": "https://a.example",
    "database": "db",
    "stores": ["one", "two"],
}
COUNTS = Counts(9, 5, 1, 1, 2, 3, 4, 1)
COUNTED = {
    "read": 9,
    "migrated": 5,
    "superseded": 1,
    "removed": 1,
    "quarantined": 2,
    "unchanged": 3,
    "repaired": 4,
    "discarded": 1,
}
PROOF = Proof(1, 2, 3, 4, 5, (DIFFERENCE,), 1, (("integrity", True, "fine"),), (("edited", "personas", "p1"),))
PROVED = {
    "passed": False,
    "records": 1,
    "documents": 2,
    "edited_since": 3,
    "added_since": 4,
    "removed_since": 5,
    "edits": [{"change": "edited", "type": "personas", "id": "p1"}],
    "difference_count": 1,
    "differences": [DIFFERS],
    "checks": [{"check": "integrity", "ok": True, "about": "fine"}],
}

SHAPES: list[tuple[Any, dict[str, Any]]] = [
    (CHANGED, CHANGE),
    (DIFFERENCE, DIFFERS),
    (FINDING, FOUND),
    (PASSED, PASSED_BY),
    (COUNTS, COUNTED),
    (PROOF, PROVED),
    (
        Restored("personas", "p1", ("name",), 3),
        {"code": "done", "table": "personas", "id": "p1", "fields": ["name"], "event": 3},
    ),
    (
        Report(
            "done",
            0,
            "r1",
            PATH,
            PATH,
            AT,
            AT + 5,
            ({"kind": "json"},),
            COUNTS,
            {"note:x:": 1},
            (FINDING,),
            1,
            PROOF,
            PATH,
            (("read", 0.12345),),
            "pjais status",
            "fine",
            (PASSED,),
        ),
        {
            "code": "done",
            "exit_code": 0,
            "message": "fine",
            "run": "r1",
            "data_dir": "/data/x",
            "target": "/data/x",
            "started_at": AT,
            "finished_at": AT + 5,
            "sources": [{"kind": "json"}],
            "passed": [PASSED_BY],
            "total": COUNTED,
            "rules": {"note:x:": 1},
            "finding_count": 1,
            "findings_shown": 1,
            "findings": [FOUND],
            "proof": PROVED,
            "backup": "/data/x",
            "phases": {"read": 0.123},
            "next": "pjais status",
        },
    ),
    (
        Kept(1, "r1", "json", "data.json", "memories", None, "byte 5", [{"rule": "orphan"}], {"id": "m"}, b"x", None),
        {
            "id": 1,
            "run_id": "r1",
            "source_kind": "json",
            "source": "data.json",
            "collection": "memories",
            "native_id": None,
            "place": "byte 5",
            "reasons": [{"rule": "orphan"}],
            "replayed_at": None,
            "dialect": None,
            "origin": None,
            "database": None,
        },
    ),
    (
        Backup("b1", TEXT, ("json data.json",), 5, True, False),
        {"id": "b1", "created_at": TEXT, "sources": ["json data.json"], "size": 5, "complete": True, "needed": False},
    ),
    (
        RunState("r1", PATH, "interrupted", None, AT, None, "x.sqlite", pid=7),
        {
            "id": "r1",
            "state": "running",
            "pid": 7,
            "code": None,
            "started_at": TEXT,
            "finished_at": None,
            "target": "x.sqlite",
            "folder": "/data/x",
        },
    ),
    (
        Undone("r1", True, PATH, Later(1, 2, 3, ()), None, PATH, (PATH,)),
        {
            "code": "rolled_back",
            "run": "r1",
            "restored_previous": True,
            "kept": "/data/x",
            "later": {"added": 1, "edited": 2, "removed": 3},
            "later_file": None,
            "backup": "/data/x",
            "restored_sources": ["/data/x"],
        },
    ),
    (
        Live("new", AT, "x.sqlite", 3, ("a", "b"), "b1"),
        {"live": "new", "at": TEXT, "target": "x.sqlite", "changes": 3, "sources": ["a", "b"], "backup": "b1"},
    ),
    (
        Returned(Later(1, 2, 3, ()), PATH, None),
        {
            "code": "done",
            "live": "old",
            "added": 1,
            "edited": 2,
            "removed": 3,
            "export": "/data/x",
            "rxdb_export": None,
        },
    ),
    (
        Increment("r1", 1, 2, 3, (("memories", "m1"),), (("memories", "m2"),), 4, 5),
        {
            "run": "r1",
            "new": 1,
            "changed": 2,
            "removed": 3,
            "kept": [["memories", "m1"]],
            "overridden": [["memories", "m2"]],
            "quarantined": 4,
            "lag_ms": 5,
        },
    ),
    (
        Comparison(AT, 5, 1, (DIFFERENCE,), 1, (DIFFERENCE,), 1),
        {
            "at": TEXT,
            "records": 5,
            "refused": 1,
            "difference_count": 1,
            "differences": [DIFFERS],
            "edit_count": 1,
            "edits": [DIFFERS],
        },
    ),
    (
        Old("data.json", "json", PATH, ("json", "x"), frozenset(("b", "a")), (PATH,), (), {PATH: "h"}, 5),
        {
            "name": "data.json",
            "kind": "json",
            "path": "/data/x",
            "size": 5,
            "databases": ["a", "b"],
            "files": ["/data/x"],
        },
    ),
    (Stays("x", PATH, 5, "a reason"), {"name": "x", "path": "/data/x", "size": 5, "reason": "a reason"}),
    (Private(PATH, 5, "a log"), {"path": "/data/x", "size": 5, "about": "a log"}),
    (
        Detected(
            SourceRef("json", "json", PATH, Path("/data"), (PATH,), "1", None, ()),
            None,
            5,
            False,
            ("a note",),
            (Database("http://a", "app", "Dexie", {"notes": 2, "tags": 0}, 7),),
        ),
        {
            "kind": "json",
            "path": "/data/x",
            "version": "1",
            "records": 0,
            "countable": False,
            "size": 5,
            "in_use": False,
            "damage": None,
            "notes": ["a note"],
            "databases": [
                {
                    "origin": "http://a",
                    "database": "app",
                    "made_by": "Dexie",
                    "collections": [{"name": "notes", "documents": 2}, {"name": "tags", "documents": 0}],
                    "documents": 2,
                    "size": 7,
                }
            ],
        },
    ),
    (
        Moment(3, AT, "update", "personas", "p1", (CHANGED,)),
        {"event": 3, "at": TEXT, "op": "update", "table": "personas", "id": "p1", "changes": [CHANGE], "by": None},
    ),
    (
        Operation(1, None, "do", "create", 2, 3),
        {"id": 1, "at": None, "kind": "do", "label": "create", "first_seq": 2, "last_seq": 3},
    ),
    (
        Event(Number(3, 1, 0), None, "v1.X", "{}", {"a": 1}, AT, "c", "s"),
        {
            "event": "3.1",
            "number": 3,
            "client": 1,
            "generation": 0,
            "parent": None,
            "name": "v1.X",
            "at": TEXT,
            "clientId": "c",
            "sessionId": "s",
            "args": {"a": 1},
        },
    ),
    (
        Upgraded(PATH, 5, "4", 6, ("a note",)),
        {"code": "done", "log": "/data/x", "events": 5, "from": "4", "to": 6, "notes": ["a note"]},
    ),
    (
        Check("s", "log", True, "fine"),
        {"store": "s", "check": "log", "ok": True, "found": "fine", "meaning": "", "remedy": ""},
    ),
    (
        AppCheck("health", True, "fine", {"a": 1.5}),
        {"check": "health", "passed": True, "message": "fine", "figures": {"a": 1.5}},
    ),
    (Line("pre", "a line", "ok", "fine"), {"phase": "pre", "text": "a line", "state": "ok", "about": "fine"}),
    (
        Line("pre", "a line", "failed", "bad", "pjais plan"),
        {"phase": "pre", "text": "a line", "state": "failed", "about": "bad", "next": "pjais plan"},
    ),
    (
        Validation(["bad"], ["odd"], 1, 2, 1, 99),
        {
            "isValid": False,
            "errors": ["bad"],
            "warnings": ["odd"],
            "stats": {"personaCount": 1, "memoryCount": 2, "totalSize": 99},
        },
    ),
]


@pytest.mark.parametrize(("result", "shape"), SHAPES, ids=lambda one: type(one).__name__)
def test_the_json_of_a_result_stays_letter_for_letter(result: Any, shape: dict[str, Any]) -> None:
    """Names, order, kinds of values: all of it is read by somebody."""
    assert json.dumps(result.as_dict()) == json.dumps(shape)


PAGE = [
    (schemas.Change, Changed),
    (migration_schemas.Counts, Counts),
    (migration_schemas.Backup, Backup),
    (schemas.Operation, Operation),
    (migration_schemas.Run, RunState),
]


@pytest.mark.parametrize(("shape", "result"), PAGE, ids=lambda one: one.__name__)
def test_the_page_shows_a_result_as_the_command_line_does(shape: type[schemas.Shape], result: type[Any]) -> None:
    """The same names: what is read from one can be read from the other."""
    (told,) = (one for one, _ in SHAPES if type(one) is result)
    assert set(shape.model_fields) == set(told.as_dict())
    shape(**told.as_dict())
