"""Guide A's manual export as it is written, by the real better-sqlite3, and its output imported as it is printed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from oracle_world import HERE, require

import pjais
from world import rows, write_livestore

pytestmark = pytest.mark.oracle

SNIPPET = """
const Database = require('better-sqlite3');
const oldDb = new Database(process.argv[1]);
for (const table of process.argv.slice(2)) {
  console.log(JSON.stringify(oldDb.prepare('SELECT * FROM ' + table).all(), null, 2));
}
"""


@pytest.mark.parametrize("count", [0, 5])
def test_what_the_snippet_prints_imports_whole(tmp_path: Path, count: int) -> None:
    """Two arrays in one file, the second perhaps empty."""
    require()
    day = 1_740_000_000_000
    store = write_livestore(
        tmp_path / "livestore.db",
        [{"id": "p1", "name": "Ada", "personality": '{"traits":["calm"]}', "isActive": 1, "createdAt": day}],
        [{"id": f"m{one}", "personaId": "p1", "type": "text", "name": "n", "content": "tea"} for one in range(count)],
    )
    command = ["node", "-e", SNIPPET, str(store), "personas", "memoryEntities"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)
    (tmp_path / "export.json").write_text(done.stdout, "utf-8")
    report = pjais.migrate(tmp_path / "data", [tmp_path / "export.json"])
    assert report.total.migrated == report.total.read == 1 + count
    assert pjais.verify(tmp_path / "data").passed
    target = tmp_path / "data" / "pjais.sqlite"
    assert rows(target, "SELECT is_active, created_at FROM personas") == [(1, "2025-02-19T21:20:00.000Z")]
    assert rows(target, "SELECT count(*) FROM memory_entities WHERE persona_id = 'p1'") == [(count,)]
