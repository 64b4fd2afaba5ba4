"""The owner's access to the page: an address that is valid once, and is in no process's arguments.

Arguments can be read by every user of the machine.  So the browser gets the path of a private file that redirects to
the page; the file and its token are deleted after use.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import webbrowser
from collections.abc import Callable
from html import escape
from pathlib import Path

from pjais import files
from pjais.web.guard import Keys

_PAGE = """<!doctype html>
<meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>pjais</title>
<meta http-equiv="refresh" content="0; url={address}">
<p>This file opens the page of <a href="{address}">pjais</a>, once.</p>
"""


class Entrance:
    """The ways into one served page."""

    def __init__(self, origin: str, keys: Keys) -> None:
        """`origin`: the page's own address."""
        self.origin = origin
        self.keys = keys
        self.on_entered: Callable[[], None] = lambda: None
        """Called when an address was used that was given out by `address`."""
        self._folder: Path | None = None
        self._of_file = ""
        keys.on_entered = self._entered

    def address(self) -> str:
        """Return an address that opens the page in one browser, once."""
        return self._leading(self.keys.ticket())

    def open(self) -> None:
        """Open the page in the browser, and wait for none: one of the console stays until its user leaves it."""
        file = self._file()
        threading.Thread(target=webbrowser.open, args=(file.as_uri(),), daemon=True).start()

    def close(self) -> None:
        """Remove the private file, if it is still there."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _leading(self, ticket: str) -> str:
        return f"{self.origin}/?token={ticket}"

    def _file(self) -> Path:
        self._folder = Path(tempfile.mkdtemp(prefix="pjais-page-"))  # 0700
        self._of_file = self.keys.ticket()
        file = self._folder / "open.html"
        files.write_atomically(file, _PAGE.format(address=escape(self._leading(self._of_file))).encode())  # 0600
        return file

    def _entered(self, ticket: str) -> None:
        if ticket == self._of_file:
            self.close()
        else:
            self.on_entered()
