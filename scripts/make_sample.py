"""Write the sample user data folder anew: `python scripts/make_sample.py [OUT]`.

The seeds in `scripts/sample/seeds` say what the data is.  LiveStore and RxDB write their own files (by Node
and npm, in a temporary folder that is removed afterwards); the rest is written here.  The same seeds give the
same bytes, except for the salt that SQLite draws for the WAL it leaves, and its version in the headers.

A seed may hold directives, resolved here from the inside out:

    {"$json": value}            the value as JSON text
    {"$cold": value}            the app's cold form: base64 of the gzipped JSON text
    {"$sealed": "label"}        the app's AES-GCM wrapper around bytes that nobody can decrypt
    {"$floats": [n, "label"]}   n floats of a unit vector
    "key#again": value          in data.json: the key `key` a second time in the same object
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import math
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "sample"
DEFAULT_OUT = HERE.parent / "src" / "pjais" / "demo" / "sample"
NODE_FILES = ("package.json", "package-lock.json", "still.mjs", "schema.mjs", "livestore.mjs", "rxdb.mjs")
SHARDS = 4
WAL_SHARD = 2

Row = Mapping[str, Any]

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class SampleError(Exception):
    """The sample cannot be made; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the sample in a temporary folder and put it in the place of OUT."""
    parser = argparse.ArgumentParser(description="Write the sample user data folder anew.")
    parser.add_argument("out", nargs="?", type=Path, default=DEFAULT_OUT, help="src/pjais/demo/sample")
    out: Path = parser.parse_args(arguments).out
    try:
        _check_replaceable(out)
        with tempfile.TemporaryDirectory(prefix="pjais-sample-") as temporary:
            made = Path(temporary) / "made"
            made.mkdir()
            make(made, Path(temporary))
            if (out / "IndexedDB").is_dir():  # the browser profile is made by scripts/golden_rxdb, item `sample`
                shutil.copytree(out / "IndexedDB", made / "IndexedDB")
            out.parent.mkdir(parents=True, exist_ok=True)
            if out.exists():
                shutil.rmtree(out)
            shutil.copytree(made, out)
    except SampleError as error:
        print(f"make_sample: {error}", file=sys.stderr)
        return 1
    files = [path for path in out.rglob("*") if path.is_file()]
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files):,} bytes")
    return 0


def make(out: Path, work: Path) -> None:
    """Write every file of the sample into the empty folder `out`; `work` takes what is needed meanwhile."""
    run_node_programs(out, work / "node")
    write_rxdb_backup(out, seed("rxdb-backup"))
    write_json(out / "data.json", seed("data"))
    write_flat(out / "pjais.db", seed("flat"))
    write_shards(out / "shards", seed("shards")["memory_entities"], work)
    write_drizzle(out / "database" / "pjais.db", seed("drizzle"))
    write_files(out, seed("files"))


def _check_replaceable(out: Path) -> None:
    """Refuse to replace a folder that this script did not make."""
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / "rxdb-dump.json").is_file())):
        raise SampleError(f"{out} exists and is no sample; name another folder")


# --- seeds and their directives


def seed(name: str) -> Any:
    """A seed with its directives resolved."""
    return resolve(json.loads((SOURCE / "seeds" / f"{name}.json").read_text("utf-8")))


def resolve(value: Any) -> Any:
    """The value with every directive replaced by what it stands for."""
    if isinstance(value, list):
        return [resolve(item) for item in value]
    if not isinstance(value, dict):
        return value
    resolved = {key: resolve(item) for key, item in value.items()}
    if len(resolved) == 1:
        (key, inner), *_ = resolved.items()
        if key in _DIRECTIVES:
            return _DIRECTIVES[key](inner)
    return resolved


def json_text(value: Any) -> str:
    """JSON as `JSON.stringify` writes it: no spaces, text as it is, lone surrogates escaped."""
    return _escape_surrogates(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def cold_form(value: Any) -> str:
    """What the app stores for a memory of the cold tier."""
    return base64.b64encode(gzip.compress(json_text(value).encode(), 6, mtime=0)).decode()


def sealed_form(label: str) -> dict[str, str]:
    """The app's wrapper of an encrypted field.  Its bytes are noise: nobody has a key for them."""
    noise = random.Random(label)
    sizes = {"data": 96, "iv": 12, "salt": 32, "tag": 16}
    fields = {name: base64.b64encode(noise.randbytes(size)).decode() for name, size in sizes.items()}
    return {**fields, "algorithm": "aes-256-gcm"}


def unit_vector(order: list[Any]) -> list[float]:
    """`[n, label]` as n floats whose squares sum up to about 1."""
    size, label = order
    noise = random.Random(label)
    raw = [noise.uniform(-1, 1) for _ in range(size)]
    length = math.sqrt(math.fsum(item * item for item in raw))
    return [item / length for item in raw]


_DIRECTIVES: dict[str, Callable[[Any], Any]] = {
    "$json": json_text,
    "$cold": cold_form,
    "$sealed": sealed_form,
    "$floats": unit_vector,
}


# --- JSON files


def write_json(path: Path, value: Any) -> None:
    """Write a document the way the app does: indented, text as it is.  A key `k#again` is written as `k`."""
    text = json.dumps(value, ensure_ascii=False, indent=2).replace('#again":', '":')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_escape_surrogates(text) + "\n", "utf-8", newline="\n")


def _escape_surrogates(text: str) -> str:
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def write_rxdb_backup(out: Path, documents: Row) -> None:
    """The export of guide B, as its exporter would build it from RxDB documents, named by the day."""
    personas = [_exported(persona, persona.get("lastUsed")) for persona in documents["personas"]]
    memories = [_exported(memory, None) for memory in documents["memoryEntities"]]
    exported_at: str = documents["exportedAt"]
    export = {
        "personas": personas,
        "memoryEntities": memories,
        "metadata": {
            "totalPersonas": len(personas),
            "totalMemories": len(memories),
            "activePersonas": sum(persona["isActive"] for persona in personas),
            "databaseVersion": "1.0.0",
            "exportMethod": "full",
            "integrityCheck": True,
        },
        "exportedAt": _milliseconds(exported_at),
        "version": "1.0",
    }
    write_json(out / f"rxdb-backup-{exported_at[:10]}.json", export)


def _exported(document: Row, last_used: str | None) -> dict[str, Any]:
    """One document with dates in milliseconds and the two marks of the exporter."""
    exported = dict(document)
    for key in ("lastAccessed", "createdAt", "updatedAt"):
        if key in exported:
            exported[key] = _milliseconds(exported[key])
    if "lastUsed" in exported:
        exported["lastUsed"] = None if last_used is None else _milliseconds(last_used)
    digest = hashlib.sha256(document["id"].encode()).digest()
    exported["_migrationId"] = str(uuid.UUID(bytes=digest[:16], version=4))
    exported["_sourceSystem"] = "rxdb"
    return exported


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def write_files(out: Path, documents: Row) -> None:
    """One file per persona, memory and plugin."""
    for folder, name in (("personas", "personas"), ("memory", "memories")):
        for document in documents[name]:
            write_json(out / folder / f"{document['id']}.json", document)
    for plugin_id, files in documents["plugins"].items():
        for name, document in files.items():
            write_json(out / "plugins" / plugin_id / f"{name}.json", document)


# --- SQLite files


def write_flat(path: Path, tables: Mapping[str, Iterable[Row]]) -> None:
    """The app's first SQLite file."""
    with closing(_new_database(path, "flat", "privacy")) as database:
        _insert_all(database, tables)


def write_shards(folder: Path, memories: list[Row], work: Path) -> None:
    """The memories spread over shards by persona and id; one shard keeps a WAL, as a killed app leaves it."""
    shards: list[list[Row]] = [[] for _ in range(SHARDS)]
    for memory in memories:
        digest = hashlib.sha256(f"{memory['persona_id']}:{memory['id']}".encode()).digest()
        shards[int.from_bytes(digest[:4], "big") % SHARDS].append(memory)
    folder.mkdir()
    for number, rows in enumerate(shards):
        name = f"shard_{number:02}.db"
        if number == WAL_SHARD:
            _write_with_wal(folder, work / name, rows)
        else:
            with closing(_new_database(folder / name, "flat")) as database:
                _insert_all(database, {"memory_entities": rows})


def _write_with_wal(folder: Path, path: Path, rows: list[Row]) -> None:
    """The first row in the file, the others only in its WAL; both are copied while the connection is open."""
    if len(rows) < 2:
        raise SampleError("the shard with the WAL needs two memories or more")
    with closing(_new_database(path, "flat")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        _insert_all(database, {"memory_entities": rows[:1]})
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _insert_all(database, {"memory_entities": rows[1:]})
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", folder / f"{path.name}{suffix}")


def write_drizzle(path: Path, tables: Mapping[str, Iterable[Row]]) -> None:
    """The SQLite file of the app's last version, in WAL mode and closed cleanly."""
    path.parent.mkdir()
    with closing(_new_database(path, "drizzle")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        _insert_all(database, tables)


def _new_database(path: Path, *schemas: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    for name in schemas:
        database.executescript((SOURCE / "sql" / f"{name}.sql").read_text("utf-8"))
    return database


def _insert_all(database: sqlite3.Connection, tables: Mapping[str, Iterable[Row]]) -> None:
    """Insert rows, given as column names and values; what a row leaves out takes its column's default."""
    database.execute("BEGIN")
    for table, rows in tables.items():
        for row in rows:
            columns = ", ".join('"' + name.replace('"', '""') + '"' for name in row)
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))
    database.execute("COMMIT")


# --- what only the real programs can write


def run_node_programs(out: Path, work: Path) -> None:
    """Install the pinned packages in `work`, let LiveStore and RxDB write, remove the packages."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise SampleError("Node 20 or later with npm is needed to run the real LiveStore and RxDB")
    work.mkdir()
    for name in NODE_FILES:
        shutil.copyfile(SOURCE / name, work / name)
    try:
        _run([npm, "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], work)
        seeds = SOURCE / "seeds"
        _run([node, "livestore.mjs", str(seeds / "livestore.json"), str(out / "livestore.db")], work)
        dump = json.loads(_run([node, "rxdb.mjs", str(seeds / "rxdb.json")], work))
    finally:
        shutil.rmtree(work / "node_modules", ignore_errors=True)
    add_tombstones(dump, seed("rxdb")["removed"])
    write_json(out / "rxdb-dump.json", dump)


def add_tombstones(dump: dict[str, Any], removed: Iterable[Row]) -> None:
    """Add the documents that RxDB removed and therefore leaves out of exportJSON, as its storage keeps them.

    This is the one part of `rxdb-dump.json` that RxDB did not print: other dumps, of a replication or of the
    storage, hold such documents, and a reader must know them for what they are.
    """
    collections = {collection["name"]: collection for collection in dump["collections"]}
    for entry in removed:
        docs = collections[entry["collection"]]["docs"]
        docs.append({**entry["doc"], "_meta": dict(docs[-1]["_meta"]), "_deleted": True})


def _run(command: list[str], folder: Path) -> str:
    """The command's standard output; its errors become ours."""
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise SampleError(f"{Path(command[0]).name} {command[1]} failed:\n{said}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
