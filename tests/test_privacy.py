"""What is private stays where it belongs: no text of a record in logs, reports, messages; no file that others can read.

Every text of the packaged sample is marked, in every kind of source, and records are added that cannot go in or must be
repaired; whatever the commands then say or write about them may name ids and fields, and never a value.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sqlite3
import stat
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from pjais.cli import run
from world import memory, persona, rows, write_json

MARK = "zqxSecretzqx"
_PLAIN = frozenset(
    {
        "id",
        "_id",
        "type",
        "role",
        "memoryTier",
        "memory_tier",
        "collection",
        "version",
        "schemaHash",
        "instanceToken",
        "passwordHash",
        "_rev",
        "fromId",
        "toId",
        "personaId",
        "sessionId",
        "sourceId",
        "targetId",
        "persona_id",
    }
)
FAILING = [
    memory("odd1", importance=MARK),
    memory("odd2", tags=f"{MARK} no list"),
    memory("odd3", embedding=MARK),
    memory("odd4", "nobody", content=MARK, summary=MARK),
    memory(None, content=MARK),  # type: ignore[arg-type]
    memory("odd5", createdAt=MARK, lastAccessed=MARK),
    memory("odd6", accessCount=MARK, memoryTier=MARK),
    memory("odd7", type=[MARK]),
    memory("odd8", content={MARK: MARK}, name={"a": MARK}),
    MARK,
    [MARK],
    memory("odd9", **{MARK: MARK}),
    memory("odd10", metadata={MARK: [MARK]}, embeddingModel=MARK),
]
PEOPLE = [
    persona("twin1", name=MARK),
    persona("twin2", name=MARK),
    persona("p1", personality=MARK, isActive=MARK),
    persona("p2", settings=[MARK], updatedAt=MARK),
    {"name": MARK},
]
MESSAGES: list[Any] = [{"id": "1", "role": "user", "content": MARK, "timestamp": MARK}, MARK]
MORE: dict[str, list[Any]] = {
    "conversations": [
        {"id": "c1", "personaId": "p1", "title": MARK, "messages": MESSAGES, "topics": [MARK], "sentiment": MARK},
        {"id": "c2", "personaId": "p1", "messages": MARK},
    ],
    "plugins": [{"id": "x", "name": MARK, "version": MARK, "manifest": MARK, "enabled": MARK}],
    "sketches": [{"id": "s", "text": MARK}, {"text": MARK}],
}


def marked(value: Any, key: str = "") -> Any:
    """A JSON value with the mark in every text that is no id and no date."""
    if isinstance(value, dict):
        return {name: marked(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [marked(one, key) for one in value]
    if isinstance(value, str) and key not in _PLAIN and not value[:4].isdigit() and value not in _COLLECTIONS:
        return f"{MARK} {value}"
    return value


_COLLECTIONS = frozenset({"personas", "memories", "memoryentities", "memoryEntities", "conversations", "pjais-rxdb"})


def mark_sqlite(path: Path) -> None:
    """The mark in every text column that is no id and no date."""
    db = sqlite3.connect(path)
    for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        for _, name, *_ in db.execute(f'PRAGMA table_info("{table}")').fetchall():
            if name not in _PLAIN and not name.endswith(("_id", "Id", "At", "_at")):
                with contextlib.suppress(sqlite3.Error):
                    db.execute(
                        f"""UPDATE "{table}" SET "{name}" = '{MARK} ' || "{name}" WHERE typeof("{name}") = 'text' """
                        f"""AND NOT json_valid("{name}") AND "{name}" NOT GLOB '[0-9]*'"""
                    )
    db.commit()
    db.close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A data folder of every kind, full of the mark."""
    folder = tmp_path / "data"
    shutil.copytree(str(files("pjais.demo") / "sample"), folder)
    for path in sorted(folder.rglob("*.json")):
        path.write_text(json.dumps(marked(json.loads(path.read_bytes()))), "utf-8")
    for path in sorted(folder.rglob("*.db")):
        mark_sqlite(path)
    (folder / "more").mkdir()
    write_json(folder / "more", "data.json", personas=PEOPLE, memories=FAILING, **MORE)
    broken = json.dumps({"personas": [], "memories": [memory("cut", content=MARK * 3)]})
    (folder / "more" / "rxdb-backup-cut.json").write_text(broken[:-30], "utf-8")
    whole = (folder / "livestore.db").read_bytes()
    (folder / "more" / "livestore.db").write_bytes(whole[:20000] + bytes(4096) + whole[24096:])
    return folder


def said(folder: Path, *words: str | Path) -> str:
    """What a command prints, on both streams, for people and as JSON."""
    both = io.StringIO()
    with contextlib.redirect_stdout(both), contextlib.redirect_stderr(both):
        run([*map(str, words), "--data-dir", str(folder)])
    return both.getvalue()


def written(folder: Path) -> dict[str, str]:
    """Everything that tells of a run: logs, journals, reports, the log of differences."""
    told = [
        *folder.glob("logs/*"),
        *folder.glob("backups/*/report.*"),
        *folder.glob("backups/*/journal.jsonl"),
        *folder.glob("*.jsonl"),
        *folder.glob("backups/*/findings*"),
        *folder.glob("support/*"),
    ]
    return {str(path.relative_to(folder)): path.read_text("utf-8", "replace") for path in told}


def leaks(texts: dict[str, str]) -> list[str]:
    """Where the mark is, and what stands around it."""
    return [
        f"{name}: {text[max(0, text.index(MARK) - 150) : text.index(MARK) + 40]}"
        for name, text in texts.items()
        if MARK in text
    ]


def life(folder: Path) -> dict[str, str]:
    """A data folder's life, command by command: what each of them printed."""
    calls: list[tuple[str | Path, ...]] = [
        ("detect",),
        ("plan",),
        ("migrate",),
        ("migrate", "--on-invalid", "quarantine"),
        ("migrate", "--json"),
        ("status",),
        ("verify",),
        ("verify", "--json"),
        ("quarantine", "list"),
        ("quarantine", "list", "--json"),
        ("quarantine", "replay"),
        ("shadow",),
        ("backup", "list"),
        ("backup", "verify"),
        ("verify-app",),
        ("support-bundle", "-o", folder / "support"),
    ]
    return {" ".join(map(str, words)): said(folder, *words) for words in calls}


def test_no_text_of_a_record_is_told(secret: Path) -> None:
    """From the first look to the support bundle: names of records and fields, never a value."""
    told = life(secret)
    assert leaks(told) == []
    assert leaks(written(secret)) == []
    assert "quarantined" in told["migrate --on-invalid quarantine"] and "odd4" in told["quarantine list"]
    assert len(list(secret.glob("support/*"))) == 2
    assert MARK.encode() in (secret / "pjais.sqlite").read_bytes()


def test_no_text_of_a_record_is_told_of_damage(secret: Path) -> None:
    """Increments, a damaged store, a changed backup, and the way back."""
    said(secret, "migrate", "--on-invalid", "quarantine")
    write_json(secret / "more", "data.json", personas=PEOPLE, memories=[*FAILING, memory("new", content=MARK)], **MORE)
    told = {"follow": said(secret, "follow", "--once", "--on-invalid", "quarantine"), "shadow": said(secret, "shadow")}
    target = secret / "pjais.sqlite"
    rows(target, "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = target.read_bytes()
    at = whole.index(MARK.encode(), len(whole) // 3)
    target.write_bytes(whole[:at] + b"y" + whole[at + 1 :])
    told["verify"] = said(secret, "verify")
    target.write_bytes(whole[: len(whole) // 2] + bytes(8192) + whole[len(whole) // 2 + 8192 :])
    for words in ("verify", "status", "verify-app", "migrate --on-invalid quarantine", "support-bundle -o support"):
        told[f"damaged: {words}"] = said(secret, *words.replace("-o support", f"-o {secret / 'support'}").split())
    target.write_bytes(whole)
    copy = next(secret.glob("backups/*/data.json"))
    copy.write_bytes(copy.read_bytes().replace(MARK.encode(), MARK.upper().encode(), 1))
    told["backup verify"] = said(secret, "backup", "verify")
    told["rollback"] = said(secret, "rollback", "--discard-later")
    assert leaks(told) == []
    assert leaks(written(secret)) == []
    assert "MIGRATION_008" in told["verify"] and "MIGRATION_002" in told["backup verify"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("to", ["sqlite", "livestore"])
def test_whatever_is_written_is_its_owners_alone(tmp_path: Path, to: str) -> None:
    """Every file 0600, every folder 0700, whatever the umask is; the sources keep theirs."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    before = {write_json(folder, personas=[persona()], memories=[memory(), memory("lost", "nobody")])}
    umask = os.umask(0)
    try:
        said(folder, "migrate", "--on-invalid", "quarantine", "--to", to)
        before.add(write_json(folder, "rxdb-backup-1.json", personas=[persona()], memories=[memory("m2")]))
        for words in (
            "follow --once --on-invalid quarantine",
            "shadow",
            "verify",
            "quarantine replay",
            "backup create",
            f"export -o {folder / 'whole.pjais.json'}",
            "status",
            "switch",
            "switch --undo",
            "migrate --on-invalid quarantine",
            f"support-bundle -o {folder / 'support'}",
            f"rollback --keep-later {folder / 'later.pjais.json'}",
        ):
            said(folder, *words.split())
    finally:
        os.umask(umask)
    open_to_others = {
        str(path.relative_to(folder)): oct(path.stat().st_mode & 0o777)
        for path in folder.rglob("*")
        if path not in before and stat.S_IMODE(path.stat().st_mode) != (0o700 if path.is_dir() else 0o600)
    }
    assert open_to_others == {}
    assert len(list(folder.rglob("*"))) > 20


@pytest.mark.parametrize("state", ["missing", "empty", "noise", "cut", "livestore", "no folder"])
def test_a_support_bundle_is_made_of_whatever_is_there(tmp_path: Path, state: str) -> None:
    """A store that is missing, damaged or LiveStore's: two private files, and where they lie."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_json(folder, personas=[persona()], memories=[memory(), memory("lost", "nobody")])
    if state not in ("missing", "no folder"):
        said(folder, "migrate", "--on-invalid", "quarantine", "--to", "livestore" if state == "livestore" else "sqlite")
    store = next(folder.rglob("pjais*.sqlite"), folder / "pjais.sqlite")
    if state in ("empty", "noise", "cut"):
        content = {"empty": b"", "noise": os.urandom(9000), "cut": store.read_bytes()[:9000]}[state]
        store.write_bytes(content)
    if state == "no folder":
        shutil.rmtree(folder)
    out = tmp_path / "out"
    printed = said(folder, "support-bundle", "-o", out)
    made = sorted(out.iterdir())
    assert [path.suffix for path in made] == [".json", ".txt"]
    assert all(str(path) in printed and stat.S_IMODE(path.stat().st_mode) == 0o600 for path in made)
    body = json.loads(made[0].read_bytes())
    assert body["program"]["pjais"] and "lost" not in json.dumps(body) and str(tmp_path) not in json.dumps(body)
    if state == "livestore":
        assert body["store"]["event_log"]["events"] > 2
    if state in ("noise", "cut"):
        assert "error" in body["store"] or body["store"]["checks"] != {}
