"""Count, append to and look at the SQLite files of a LiveStore folder; answers are one line of JSON."""

import json
import sqlite3
import sys
from pathlib import Path


def read(path):
    """Open for reading; LiveStore may be writing."""
    return sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)


def count(path):
    """0 for a log that is not there yet, or has no table yet, or is just being written (LiveStore takes no locks)."""
    try:
        return read(path).execute("SELECT count(*) FROM eventlog").fetchone()[0]
    except sqlite3.Error:
        return 0


def append(path, events):
    """Insert events after the last one, for this client, as LiveStore numbers them."""
    with sqlite3.connect(path) as log:
        columns = [row[1] for row in log.execute("PRAGMA table_info(eventlog)")]
        last = log.execute("SELECT coalesce(max(seqNumGlobal), 0) FROM eventlog").fetchone()[0]
        for number, (name, arguments) in enumerate(json.loads(events), last + 1):
            row = dict.fromkeys(columns, 0) | {
                "seqNumGlobal": number,
                "parentSeqNumGlobal": number - 1,
                "name": name,
                "argsJson": arguments,
                "clientId": "golden-client",
                "sessionId": "static",
                "syncMetadataJson": '{"_tag":"None"}',
            }
            log.execute(
                f"INSERT INTO eventlog ({','.join(columns)}) VALUES ({','.join('?' * len(columns))})",
                list(row.values()),
            )
    log.close()
    return number


def look(folder):
    """Rows per table of each file, and the last event that the state has seen."""
    files = {}
    for path in sorted(Path(folder).glob("*.db")):
        with read(path) as db:
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type='table' ORDER BY 1")]
            files[path.name] = {name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}
            if "__livestore_session_changeset" in tables:
                files[path.name]["last changeset"] = db.execute(
                    "SELECT max(seqNumGlobal) FROM __livestore_session_changeset"
                ).fetchone()[0]
    return files


if __name__ == "__main__":
    print(json.dumps({"count": count, "append": append, "look": look}[sys.argv[1]](*sys.argv[2:])))
