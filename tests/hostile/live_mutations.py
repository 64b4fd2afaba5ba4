"""Real LiveStore stores, damaged by a fixed seed, and what the reader may then say of them."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from unittest import mock

from live_forge import GOLDEN
from mutations import TooSlow, limited

from pjais import canonical
from pjais.core.document import Document, Piece, Remark
from pjais.errors import PjaisError
from pjais.sources import backup, detect
from pjais.sources.registry import read

NODE = (
    "node-0.4.0-app",
    "node-0.3.1-app",
    "given-node-0.4.0",
    "node-0.4.0-rebased",
    "node-both-formats",
    "node-0.4.0-twoschemas",
)
POOLS = ("opfs-0.4.0-app", "opfs-0.3.1", "opfs-0.2.0", "given-opfs-0.4.0")
LIMIT = 10.0
_PAGE = 8192


@dataclass
class Seen:
    """What many mutations came to."""

    runs: int = 0
    refused: int = 0
    told: int = 0
    """The damage was told of: a piece that cannot be read, or a note that a sound store does not have."""
    harmless: int = 0
    """Nothing was told, and every document is what it was."""
    silent: int = 0
    """Nothing was told, and a document is not what it was, or is not there."""
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Show data."""
        return (
            f"{self.runs} mutations: {self.told} told, {self.refused} refused, {self.harmless} harmless, "
            f"{self.silent} silent, {len(self.faults)} faults, slowest {self.slowest:.2f} s; {self.examples[:5]}"
        )


def copied(item: str, folder: Path) -> Path:
    """A golden store as a data folder."""
    shutil.copytree(GOLDEN / item, folder, ignore=shutil.ignore_patterns("expected.json"))
    return folder


Account = tuple[dict[tuple[str, str], str], Counter[str]]
"""The documents by collection and id, and what is said of them."""


def pieces_of(folder: Path, work: Path) -> list[Piece]:
    """Everything that a data folder gives."""
    found = detect.detect([folder], named=True)
    snapshots = backup.snapshot_all(work, found.sources, at_ms=0)
    return [piece for snapshot in snapshots for piece in read(snapshot, None)]


def account(pieces: Iterable[Piece]) -> Account:
    """What pieces say, as a whole."""
    documents: dict[tuple[str, str], str] = {}
    said: Counter[str] = Counter()
    for piece in pieces:
        if isinstance(piece, Document):
            documents[piece.collection, str(piece.native_id)] = canonical.dumps(piece.value, sort=True)
            said.update(f"{piece.collection}/{piece.native_id}: {note}" for note in piece.notes)
        elif isinstance(piece, Remark):
            said[f"{piece.rule} {piece.place}: {piece.message}"] += 1
        else:
            said[f"unreadable {piece.collection} {piece.place}: {piece.reason}"] += 1
    return documents, said


@cache
def sound(item: str) -> Account:
    """What a golden store gives before it is damaged."""
    with tempfile.TemporaryDirectory() as scratch:
        return account(pieces_of(copied(item, Path(scratch) / "sound"), Path(scratch) / "backup"))


def damage(folder: Path, chance: random.Random) -> str:
    """Damage one file of a store: a log, a state, a pool's file, or one of the browser's books.

    A file that is gone altogether is no damage that bytes could show: each side of a store is read without the other.
    """
    every = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    live = [path for path in every if path.stat().st_size > 4096 or "Paths" in path.parts]
    path = chance.choice(live)
    content = bytearray(path.read_bytes())
    used = [place for place in chance.sample(range(len(content)), min(len(content), 400)) if content[place]]
    kind = chance.choice(("bit", "bit", "bit", "bits", "page", "swap", "cut", "head", "zero", "splice"))
    pages = max(len(content) // _PAGE, 1)
    offset = len(content) % _PAGE
    if kind == "bit" and used:
        content[chance.choice(used)] ^= 1 << chance.randrange(8)
    elif kind == "bits":
        for _ in range(chance.randint(2, 30)):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif kind == "page":  # a page of noise
        start = offset + chance.randrange(pages) * _PAGE
        content[start : start + _PAGE] = chance.randbytes(min(_PAGE, len(content) - start))
    elif kind == "swap":  # a page in another one's place
        one, other = (offset + chance.randrange(pages) * _PAGE for _ in "ab")
        content[one : one + _PAGE] = content[other : other + _PAGE]
    elif kind == "cut":
        del content[chance.randrange(len(content)) :]
    elif kind == "head":
        content[chance.randrange(min(600, len(content)))] ^= 1 << chance.randrange(8)
    elif kind == "zero":
        start = chance.randrange(len(content))
        content[start : start + chance.choice((16, 512, 4096))] = b""
    elif kind == "splice":  # a part of another file
        donor, start = chance.choice(live).read_bytes(), chance.randrange(len(content))
        content[start : start + 4096] = donor[start : start + 4096]
    path.write_bytes(content)
    return f"{kind} in {path.relative_to(folder)}"


def fuzz(work: Path, items: tuple[str, ...], seeds: range) -> Seen:
    """Damage copies of stores, read them, and compare with what they gave before."""
    seen = Seen()
    for seed in seeds:
        item = items[seed % len(items)]
        documents, said = sound(item)
        folder = copied(item, work / str(seed) / "data")
        where = f"{item} seed {seed}: {damage(folder, random.Random(seed))}"
        began = time.process_time()
        seen.runs += 1
        try:
            with limited(2 * LIMIT), mock.patch("os.fsync"):  # no power is cut here
                now, told = account(pieces_of(folder, work / str(seed) / "backup"))
        except PjaisError:
            seen.refused += 1
        except TooSlow:
            seen.faults.append(f"{where}: did not end in {2 * LIMIT} s")
        except Exception as error:  # noqa: BLE001 - that nothing else comes is what is tested
            seen.faults.append(f"{where}: {type(error).__name__}: {error}")
        else:
            if told - said:
                seen.told += 1
            elif now == documents:
                seen.harmless += 1
            else:
                seen.silent += 1
                changed = [key for key in documents if now.get(key) != documents[key]]
                seen.examples.append(f"{where}: {len(changed)} of {len(documents)}, e.g. {changed[:2]}, {len(now)} now")
        seconds = time.process_time() - began
        seen.slowest = max(seen.slowest, seconds)
        if seconds > LIMIT:
            seen.faults.append(f"{where}: took {seconds:.1f} s")
        shutil.rmtree(work / str(seed))
    return seen
