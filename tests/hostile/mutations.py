"""Golden browser profiles, damaged by a fixed seed, and what the reader may then say of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import shutil
import signal
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, NoReturn

from pjais import canonical
from pjais.core.document import Document, Piece, Unreadable
from pjais.errors import PjaisError
from pjais.sources import backup, detect
from pjais.sources.registry import read
from pjais.sources.rxdb.names import FIELDS as RXDB_FIELDS

GOLDEN = Path(__file__).parent.parent / "golden" / "rxdb"
ITEMS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())
LIMIT = 5.0
"""Processor seconds that one damaged profile may take, however busy the machine is."""
_UNSAYABLE = ("-0", "undefined", "hole")


class TooSlow(BaseException):
    """Reading took longer than its limit; no handler of errors may swallow that."""


class Verdict(NamedTuple):
    """What reading one damaged profile came to."""

    faults: tuple[str, ...]
    seconds: float
    documents: int
    unreadable: int
    refused: str
    missing: int


@cache
def account(item: str) -> dict[str, Any]:
    """RxDB's own account of a profile."""
    plain = GOLDEN / item / "expected.json"
    text = plain.read_bytes() if plain.exists() else gzip.decompress(plain.with_suffix(".json.gz").read_bytes())
    return dict(json.loads(text))


def primary(document: dict[str, Any]) -> str:
    """The primary key of a document of any of the golden apps."""
    return str(next(document[name] for name in ("id", "key", "uid", "slug", "_id", *document) if name in document))


def copied(item: str, folder: Path) -> Path:
    """A copy of a golden profile without RxDB's account."""
    shutil.copytree(GOLDEN / item, folder, ignore=shutil.ignore_patterns("*.json", "*.json.gz"), dirs_exist_ok=True)
    return folder


def boundaries(log: bytes) -> set[int]:
    """Where a log may end without anyone being able to tell that it was cut: after any whole record."""
    found, at = {0}, 0
    while at + 7 <= len(log):
        room = 32768 - at % 32768
        if room < 7:
            at += room
            continue
        length, kind = struct.unpack_from("<HB", log, at + 4)
        at += 7 + length
        if kind in (1, 4):
            found.add(at)
    return found


def damage(folder: Path, seed: int) -> tuple[str, Path]:
    """Damage one file of a profile; returns what was done and to which file."""
    chance = random.Random(seed)
    every = sorted(path for path in folder.rglob("*") if path.is_file())
    full = [path for path in every if path.stat().st_size > 1]  # one byte cannot be cut
    path = chance.choice(full)
    content = bytearray(path.read_bytes())
    kind = chance.choice(("bit", "bit", "bits", "cut", "cut", "splice", "splice", "zero", "remove", "empty", "double"))
    if kind == "bit":
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif kind == "bits":
        for _ in range(chance.randint(2, 40)):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        forbidden = boundaries(bytes(content)) if path.suffix == ".log" else {0}
        at = next(at for at in iter(lambda: chance.randrange(len(content)), None) if at not in forbidden)
        del content[at:]
    elif kind == "splice":
        other = chance.choice(full).read_bytes()
        size = chance.choice((1, 7, 64, 4096, 32768, 100_000))
        start, at = chance.randrange(len(other)), chance.randrange(len(content))
        content[at : at + (size if chance.random() < 0.7 else 0)] = other[start : start + size]
    elif kind == "zero":
        start = chance.randrange(len(content))
        end = min(len(content), start + chance.choice((16, 512, 4096, 40_000)))
        content[start:end] = bytes(end - start)
    elif kind == "remove":
        path.unlink()
    elif kind == "empty":
        content.clear()
    else:
        other_path = chance.choice(every)
        name = chance.choice(
            (f"{chance.randrange(1, 30):06}{path.suffix or '.log'}", f"{path.name}.copy", f"0{path.name}")
        )
        (other_path.parent / name).write_bytes(content)
        return f"double as {name}", path
    if kind != "remove":
        path.write_bytes(content)
    return kind, path


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises TooSlow in whatever works longer, or waits sixty times as long."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise TooSlow

    timers = ((signal.SIGPROF, signal.ITIMER_PROF, seconds), (signal.SIGALRM, signal.ITIMER_REAL, 60 * seconds))
    before = [signal.signal(number, stop) for number, _, _ in timers]
    for _, timer, limit in timers:
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def judge(item: str, work: Path, seed: int, harm: Callable[[Path, int], tuple[str, Path]] = damage) -> Verdict:
    """Damage a copy of a profile, read it, and compare what comes out with RxDB's account."""
    folder = copied(item, work / "profile")
    what, harmed = harm(folder, seed)
    where = f"{item} seed {seed}: {what} in {harmed.relative_to(folder)}"
    pieces: list[Piece] = []
    refused, faults, begin = "", [], time.process_time()
    try:
        with limited(4 * LIMIT):
            found = detect.detect([folder], named=True)
            for snapshot in backup.snapshot_all(work / "backup", found.sources, at_ms=0):
                pieces.extend(read(snapshot, account(item).get("password")))
    except PjaisError as error:
        refused = error.code
    except TooSlow:
        faults.append(f"{where}: did not end in {4 * LIMIT} s")
    except Exception as error:  # noqa: BLE001 - that nothing else comes is what is tested
        faults.append(f"{where}: {type(error).__name__}: {error}")
    seconds = time.process_time() - begin
    if seconds > LIMIT and not faults:
        faults.append(f"{where}: took {seconds:.1f} s")
    told = any(isinstance(piece, Unreadable) for piece in pieces) and "damage" not in account(item)
    undetectable = what == "empty" and harmed.suffix == ".log"
    covered = item not in ("v17-sqlite", "v17-sqlite-killed", "firefox-v17") and ".blob" not in str(harmed)
    if not told and covered and not undetectable and "damage" not in account(item):
        faults += [f"{where}: {fault}" for fault in wrong(item, pieces)]
    faults += [
        f"{where}: an attachment whose bytes do not match its digest"
        for piece in pieces
        if isinstance(piece, Document) and piece.collection.endswith("/attachments") and not _digest_holds(piece)
    ]
    missing = 0 if refused or told or not pieces or "damage" in account(item) else len(absent(item, pieces))
    shutil.rmtree(work)
    documents = sum(isinstance(piece, Document) for piece in pieces)
    return Verdict(tuple(faults), seconds, documents, len(pieces) - documents, refused, missing)


def _digest_holds(piece: Document) -> bool:
    data, digest = piece.value["data"], piece.value["digest"]
    return len(digest) != 64 or len(data) != piece.value["length"] or isinstance(data, bytes)


def _live(item: str, pieces: list[Piece]) -> Iterator[tuple[str, str, Any]]:
    for piece in pieces:
        database, _, name = piece.collection.partition("/")
        if (
            isinstance(piece, Document)
            and database == account(item)["database"]
            and piece.value.get("_deleted") in (None, False)
        ):
            shown = {key: value for key, value in piece.value.items() if key not in RXDB_FIELDS}
            yield name, str(piece.native_id), json.loads(canonical.dumps(shown))


def absent(item: str, pieces: list[Piece]) -> list[str]:
    """The live documents that did not come back."""
    there = {(name, key) for name, key, _ in _live(item, pieces)}
    return [
        f"{name}/{primary(one)}"
        for name, collection in account(item)["collections"].items()
        for one in collection["docs"]
        if (name, primary(one)) not in there
    ]


def wrong(item: str, pieces: list[Piece]) -> Iterator[str]:
    """Documents that came back as live but are not live in RxDB's account, or not so."""
    collections = account(item)["collections"]
    for name, key, value in _live(item, pieces):
        if name not in collections:
            continue
        collection = collections[name]
        wanted = {primary(one): one for one in collection["docs"]}
        hidden = {one if isinstance(one, str) else one["id"] for one in collection.get("hidden", ())}
        special = {str(one["path"][0]) for one in collection.get("special", ()) if one["value"] not in _UNSAYABLE}
        if key in hidden:
            continue
        if key not in wanted:
            yield f"{name}/{key} came back from the dead"
        elif key not in special and value != wanted[key]:
            yield f"{name}/{key} is not what RxDB says"


def sha256_tree(folder: Path) -> dict[str, str]:
    """The hash of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
