"""The real LiveStore, which boots the logs that we write: what the oracle tests of LiveStore share."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import oracle_world

HERE = Path(__file__).parent / "livestore"
VERSIONS = ("0.4.0", "0.3.1")
LOGS = {"0.4.0": "eventlog@6.db", "0.3.1": "eventlog@4.db"}
Row = dict[str, Any]


def missing() -> str | None:
    """What is not installed; None where everything is."""
    if shutil.which("node") is None:
        return "node is not installed"
    for version in VERSIONS:
        for package in ("@livestore/livestore", "@livestore/adapter-node", "esbuild"):
            if not (HERE / f"v{version}" / "node_modules" / package / "package.json").is_file():
                return f"LiveStore {version} is not installed: run scripts/install_oracles"
    return None


def require() -> None:
    """Skip with the reason where LiveStore is missing; fail where it is required."""
    oracle_world.require(missing)


def run(
    version: str, directory: Path, store_id: str, schema: Path, commit: Sequence[Row] = (), limit: float = 600
) -> subprocess.CompletedProcess[str]:
    """Boot the store in `directory/store_id` and commit; the answer is in `answer.json` in `directory` if it worked."""
    asked = {
        "schema": str(schema.resolve()),
        "directory": str(directory.resolve()),
        "storeId": store_id,
        "commit": list(commit),
        "output": str(directory.resolve() / "answer.json"),
    }
    return subprocess.run(
        ["node", str(HERE / "boot.mjs"), version],
        input=json.dumps(asked),
        capture_output=True,
        encoding="utf-8",
        timeout=limit,
        check=False,
    )


def boot(
    version: str, directory: Path, store_id: str, schema: Path, commit: Sequence[Row] = (), limit: float = 600
) -> dict[str, Any]:
    """Boot the store in `directory/store_id`: its tables, and its tables `after` the events of `commit`.

    `commit` lists {"event": name, "args": as the log would hold them}.  Rows come in the order of their primary key,
    twice: `raw` as SQLite holds them, `decoded` as LiveStore gives them to an app, a date as {"$date": milliseconds}.
    """
    done = run(version, directory, store_id, schema, commit, limit)
    assert done.returncode == 0, done.stderr
    answer = directory / "answer.json"
    told: dict[str, Any] = json.loads(answer.read_text("utf-8"))
    answer.unlink()
    return told
