"""Measure whether a second processor core is free: a count of cores says nothing about who else uses them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256

_WORK = bytes(2 << 20)
"""About two milliseconds of work that needs no interpreter."""
_SHARED = 1.5
"""Two pieces of work at once take as long as one on two free cores, and twice as long on one."""
_ROUNDS = 3


def second_is_free() -> bool:
    """Return whether a second thread would have a core of its own now.  Takes about ten milliseconds."""
    work = partial(sha256, _WORK)
    with ThreadPoolExecutor(2) as pool:

        def seconds(pieces: int) -> float:
            began = time.perf_counter()
            for one in [pool.submit(work) for _ in range(pieces)]:
                one.result()
            return time.perf_counter() - began

        seconds(2)  # starts both threads
        alone = min(seconds(1) for _ in range(_ROUNDS))
        both = min(seconds(2) for _ in range(_ROUNDS))
    return both < _SHARED * alone
