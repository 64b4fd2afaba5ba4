"""The logs of wa-sqlite's OPFSWriteAheadVFS, written from their description and read back."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pjais.formats.opfs import write_ahead
from strategies import examples

PAGE = 16
Transaction = dict[int, int]
"""Number of a page -> the byte that it is filled with."""


def checked(head: bytes, content: bytes = b"") -> bytes:
    one = two = 0
    words = struct.unpack(f"<{(len(head) + len(content)) // 4}I", head + content)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) % 2**32
        two = (two + second + one) % 2**32
    return head + struct.pack(">II", one, two) + content


def frame(kind: int, salts: tuple[int, int], place: int = 0, content: bytes = b"", flags: int = 0) -> bytes:
    return checked(struct.pack(">BBHIQII", kind, flags, len(content), 0, place, *salts), content)


def turn(number: int, salt: int, history: list[Transaction], pages: int, ends: str) -> bytes:
    """A log of one turn; `ends`: "flag", "frame" or "", how it hands over to the other one."""
    salts = (salt, 7 * salt + 1)
    log = checked(struct.pack(">IIQII", 0x377F0684, 0, number, *salts))
    for at, one in enumerate(history):
        last = at == len(history) - 1
        for page, letter in one.items():
            log += frame(0, salts, page * PAGE, bytes([letter]) * PAGE)
        log += frame(1, salts, pages * PAGE, flags=2 if last and ends == "flag" else 0)
    return log + (frame(2, salts) if ends == "frame" else b"")


transactions = st.lists(st.dictionaries(st.integers(0, 4), st.integers(1, 255), min_size=1), min_size=1, max_size=5)


def applied(logs: list[bytes], before: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.db"
        path.write_bytes(before)
        write_ahead.apply(path, logs)
        return path.read_bytes()


@settings(deadline=None, max_examples=examples(60))
@given(transactions, transactions, st.sampled_from(["flag", "frame", ""]), st.integers(0, 9), st.booleans())
def test_every_whole_transaction_counts_in_its_order(
    first: list[Transaction], second: list[Transaction], ends: str, salt: int, torn: bool
) -> None:
    """Of two turns, the second counts only if the first one hands over to it."""
    counted = [*first, *(second if ends else [])]
    logs = [b"", b""]
    logs[salt % 2] = turn(1, salt, first, 5, ends)
    logs[(salt + 1) % 2] = turn(1 + len(first), salt + 1, second, 5, "") if ends else b""
    if torn:
        last = (salt + 1) % 2 if ends else salt % 2
        logs[last] += frame(0, (salt + bool(ends), 7 * (salt + bool(ends)) + 1), 0, b"x" * PAGE)  # never committed
        logs[last] += b"\0" * 5
    wanted = [bytes(PAGE)] * 5
    for one in counted:
        for page, letter in one.items():
            wanted[page] = bytes([letter]) * PAGE
    assert applied(logs, bytes(5 * PAGE)) == b"".join(wanted)
    assert write_ahead.read(logs).damage == ""


@settings(deadline=None, max_examples=examples(200))
@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_bytes_raise(one: bytes, two: bytes) -> None:
    assert write_ahead.read([one, two]).size is None
    assert bool(write_ahead.read([one, two]).damage) == bool(any(one) or any(two))
    begun = turn(1, 0, [{0: 1}], 1, "flag")
    write_ahead.read([begun + one, two])
    write_ahead.read([begun[: len(one)] + one, begun])


def test_a_commit_that_hands_over_to_a_log_that_was_not_begun_does_not_count() -> None:
    """As in the library: commit and handing over are one.  So two logs cannot hand over in a circle."""
    logs = [turn(1, 0, [{0: 1}], 1, "flag"), turn(2, 1, [{0: 2}], 1, "flag")]
    assert [one.log for one in write_ahead.read(logs).pages] == [0]


def test_a_frame_that_is_not_the_last_one_and_not_valid_is_damage() -> None:
    log = bytearray(turn(1, 0, [{0: 1}, {0: 2}, {0: 3}], 1, ""))
    log[len(log) // 2] ^= 1
    assert "damaged at byte" in write_ahead.read([bytes(log), b""]).damage
