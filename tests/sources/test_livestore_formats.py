"""Storage formats that no program here can write any more, or yet: their columns around a real store's events."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.exchange.export import as_text
from pjais.workspace import resolve_workspace

GOLDEN = Path(__file__).parents[1] / "golden" / "livestore" / "node-0.3.1-app" / "pjais"

_FORMATS = {
    "0.1.0 (2)": (
        "mutation_log",
        "id TEXT PRIMARY KEY, mutation TEXT, argsJson TEXT, schemaHash INTEGER, createdAt TEXT, syncStatus TEXT",
        lambda row: (f"{row[0] - 1}", row[4], row[5], row[8], "2024-05-01T00:00:00.000Z", "localOnly"),
    ),
    "0.3.0-dev (3)": (
        "eventlog",
        "idGlobal INTEGER, idClient INTEGER, parentIdGlobal INTEGER, parentIdClient INTEGER, name TEXT, argsJson TEXT,"
        " clientId TEXT, sessionId TEXT, schemaHash INTEGER, syncMetadataJson TEXT, PRIMARY KEY (idGlobal, idClient)",
        lambda row: row,
    ),
    "0.3.0-dev, earlier (3)": (
        "mutation_log",
        "idGlobal INTEGER, idClient INTEGER, parentIdGlobal INTEGER, parentIdClient INTEGER, name TEXT, argsJson TEXT,"
        " clientId TEXT, sessionId TEXT, schemaHash INTEGER, syncMetadataJson TEXT, PRIMARY KEY (idGlobal, idClient)",
        lambda row: row,
    ),
    "0.4.0-dev (5)": (
        "eventlog",
        "seqNumGlobal INTEGER, seqNumClient INTEGER, seqNumRebaseGeneration INTEGER, parentSeqNumGlobal INTEGER,"
        " parentSeqNumClient INTEGER, parentSeqNumRebaseGeneration INTEGER, name TEXT, argsJson TEXT, clientId TEXT,"
        " sessionId TEXT, schemaHash INTEGER, syncMetadataJson TEXT",
        lambda row: (*row[:2], 0, *row[2:4], 0, *row[4:]),
    ),
}


def rewritten(folder: Path, table: str, columns: str, change: Any) -> Path:
    """The golden store's events in another format's table, without a state."""
    folder.mkdir()
    source = sqlite3.connect(f"file:{GOLDEN / 'eventlog@4.db'}?mode=ro&immutable=1", uri=True)
    db = sqlite3.connect(folder / ("mutationlog.db" if table == "mutation_log" else "eventlog@5.db"))
    db.execute(f"CREATE TABLE {table} ({columns})")
    for row in source.execute("SELECT * FROM eventlog ORDER BY seqNumGlobal"):
        values = change(row)
        db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)
    db.execute("CREATE TABLE __livestore_sync_status (head INTEGER PRIMARY KEY)")
    db.execute("INSERT INTO __livestore_sync_status VALUES (0)")
    db.commit()
    db.close()
    source.close()
    return folder


def records_of(data: Path) -> dict[str, Any]:
    """The export of a store, less the carried events, whose numbers and clients are the format's."""
    text = as_text(resolve_workspace(data), None).text
    assert text is not None
    return {name: held for name, held in json.loads(text).items() if name != "others"}


@pytest.mark.parametrize("name", _FORMATS)
def test_every_storage_format_gives_the_same_records(name: str, tmp_path: Path) -> None:
    """Chosen by columns; the log alone; then brought to format 6, and still the same."""
    exports = []
    plain = rewritten(tmp_path / "plain", *_FORMATS["0.3.0-dev (3)"])
    other = rewritten(tmp_path / "other", *_FORMATS[name])
    for number, store in enumerate((plain, other)):
        data = tmp_path / f"data{number}"
        report = pjais.migrate(data, sources=[store], on_invalid="quarantine")
        assert report.total.read == 34, "32 records, and two events on rows that never were, kept whole"
        assert pjais.verify(data).passed
        exports.append(records_of(data))
    assert exports[0] == exports[1]
    from pjais.livestore_tools import upgrade

    done = upgrade.upgrade(resolve_workspace(tmp_path), other, 6, tmp_path / "six")
    assert done.events == 61
    pjais.migrate(tmp_path / "data6", sources=[tmp_path / "six"], on_invalid="quarantine")
    assert records_of(tmp_path / "data6") == exports[0]
