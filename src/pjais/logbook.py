"""`migration.log`: one line for each thing a run did, for the owner and for whoever helps them.

Never content of a memory: ids, paths, counts and codes only.
"""

from __future__ import annotations

import os
from pathlib import Path

from pjais import files, instants, journal
from pjais.words import one_line, without_passwords

NAME = "migration.log"


def write(folder: Path, line: str) -> None:
    """Append a line with its time.  A log that cannot be written must not stop a migration."""
    shown = one_line(without_passwords(line))
    try:
        files.private_folder(folder)
        handle = os.open(folder / NAME, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            os.write(handle, f"{instants.to_text(journal.now_ms())} {shown}\n".encode())
        finally:
            os.close(handle)
    except OSError:
        return
