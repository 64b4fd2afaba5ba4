"""Another process that follows a store: prints each result of a live query as a line.

python live_follow.py STORE        the ids of the memories, then when they were delivered (ms since 1970)
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pjais.persona.store import Store

with Store(Path(sys.argv[1])) as store:
    for memories in store.memories.live(order="id"):
        at = time.time() * 1000
        sys.stdout.write(f"{' '.join(memory.id for memory in memories)};{at}\n")
        sys.stdout.flush()
