"""A file comes out of a base and a delta exactly as it was, however both versions differ."""

from __future__ import annotations

import hashlib
import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pjais import delta


def made(base: bytes, new: bytes, limit: int = 1 << 30) -> tuple[delta.Delta, bytes]:
    """The delta of two versions, and its bytes."""
    digest = hashlib.sha256()
    one = delta.Delta(io.BytesIO(base), limit)
    own = b"".join(one.parts(io.BytesIO(new), digest.update))
    assert digest.hexdigest() == hashlib.sha256(new).hexdigest()
    assert one.size == len(own)
    return one, own + delta.tail(one.pieces)


def restored(folder: Path, base: bytes, changes: bytes) -> delta.Restored:
    """The stream that a base and a delta are."""
    (folder / "base").write_bytes(base)
    (folder / "delta").write_bytes(changes)
    return delta.Restored(folder / "base", folder / "delta")


def edited(rng: random.Random, text: bytes) -> bytes:
    """A version of a text with some of it inserted, deleted, changed, moved or repeated."""
    for _ in range(rng.randrange(6)):
        at, size = rng.randrange(len(text) + 1), rng.choice([0, 1, 5, 40, 700, 5000, 200_000])
        there = text[at : at + size]
        how = rng.choice(["insert", "delete", "change", "move", "repeat", "cut"])
        if how == "insert":
            text = text[:at] + rng.randbytes(size) + text[at:]
        elif how == "delete":
            text = text[:at] + text[at + size :]
        elif how == "change":
            text = text[:at] + bytes(reversed(there)) + text[at + size :]
        elif how == "move":
            text = text[:at] + text[at + size :] + there
        elif how == "repeat":
            text = text[:at] + there + text[at:]
        elif how == "cut" and rng.random() < 0.3:
            text = text[:at]
    return text


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_the_file_comes_out_as_it_was(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = random.Random(seed)
    documents = [b'{"id": "%d", "content": "%s"}, ' % (n, rng.randbytes(20).hex().encode()) for n in range(3000)]
    base = rng.choice([b"", b"x" * 300_000, rng.randbytes(2_000_000), b"".join(documents)])
    new = edited(rng, base)
    _, changes = made(base, new)
    with restored(tmp_path_factory.mktemp("delta"), base, changes) as stream:
        assert stream.read() == new
        for _ in range(20):
            at, size = rng.randrange(len(new) + 2), rng.choice([0, 1, 100, 300_000])
            assert stream.seek(at) == at
            assert stream.read(size) == new[at : at + size]
        assert stream.seek(-1, io.SEEK_END) == max(0, len(new) - 1)


def test_a_small_change_makes_a_small_delta() -> None:
    documents = [
        b'{"id": "%06d", "content": "%s"}, ' % (n, hashlib.sha256(b"%d" % n).hexdigest().encode()) for n in range(9000)
    ]
    base = b"".join(documents)
    changed = [*documents[:100], b'{"id": "new"}, ', *documents[100:3000], *documents[7000:]]
    changed[2000] = changed[2000].replace(b"content", b"CONTENT")
    one, changes = made(base, b"".join(changed))
    assert one.size < 200 and len(changes) < 400


def test_what_differs_too_much_is_given_up() -> None:
    with pytest.raises(delta.TooDifferent):
        made(random.Random(1).randbytes(100_000), random.Random(2).randbytes(100_000), limit=50_000)


@pytest.mark.parametrize("how", ["cut base", "cut delta", "no json", "other json", "empty"])
def test_a_changed_part_is_no_end_of_the_file(tmp_path: Path, how: str) -> None:
    base = random.Random(3).randbytes(200_000)
    _, changes = made(base, base[:150_000] + b"new" + base[150_000:])
    if how == "cut base":
        base = base[:-100]
    changes = {
        "cut delta": changes[3:],
        "no json": changes[:-3] + b"!!\n",
        "other json": b"\n[[1]]\n",
        "empty": b"",
    }.get(how, changes)
    with pytest.raises(OSError), restored(tmp_path, base, changes) as stream:
        stream.read()


def test_streams_are_equal_only_if_both_end(tmp_path: Path) -> None:
    assert delta.are_equal(io.BytesIO(b"same"), io.BytesIO(b"same"))
    assert not delta.are_equal(io.BytesIO(b"same"), io.BytesIO(b"same and more"))
    assert not delta.are_equal(io.BytesIO(b"same and more"), io.BytesIO(b"same"))
