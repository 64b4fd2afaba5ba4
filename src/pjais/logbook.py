"""`migration.log`: one line per step of a run, for the owner and for support.

Never content of a memory: ids, paths, counts and codes only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pjais import files, instants, journal
from pjais.display import one_line, without_passwords

NAME = "migration.log"


def write(folders: Iterable[Path], line: str) -> None:
    """Append a line with its time in the first writable folder.

    A log that cannot be written must not stop a migration.
    """
    text = f"{instants.to_text(journal.now_ms())} {one_line(without_passwords(line))}\n".encode()
    for folder in folders:
        with suppress(OSError):
            files.private_folder(folder)
            handle = files.open_private(folder / NAME, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
            try:
                os.write(handle, text)
            finally:
                os.close(handle)
            return
