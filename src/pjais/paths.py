"""Standard locations on Windows, macOS and Linux; no other module knows them.

The app's own name is `PJai's`; the guides say `PJais`, and folders called `pjais` occur too, so all three are
tried in every location used by Electron or the guides.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

NAMES = ("PJai's", "PJais", "pjais")
TARGET_NAME = "pjais.sqlite"
ACCOUNT_NAME = "pjais-account.sqlite"
"""Our SQLite store of the content of a LiveStore log that we wrote, beside it."""
ACCOUNT = "pjais-account."
"""The beginning of the names of the stores of all other targets that have content of their own."""
LIVESTORE = "livestore"
"""The folder of LiveStore stores in a data folder."""
SINCE_SWITCH = ("since-switch-", "rxdb-since-switch-")
"""File name prefixes of the exports of `switch --undo`: they hold the new side's writes, so are no sources."""
BACKUPS = "backups"
PLACES = "places.bin"
"""In a run's folder: where each document of its sources is, for the next run (`pjais.assembly.unchanged`)."""
LOGS = "logs"


def vectors_name(store: str) -> str:
    """Return the name of the file beside a store that holds the vectors of the local model (persona/vector_file)."""
    return f"{store}.vectors"


def account_name(kind: str) -> str:
    """Return the name of the store beside or in a target of another kind than sqlite and livestore."""
    return f"{ACCOUNT}{kind}.sqlite"


def account_kind(name: str) -> str | None:
    """Return the kind of target that a store of this name belongs to; None for any other file."""
    if name == ACCOUNT_NAME:
        return "livestore"
    ours = name.startswith(ACCOUNT) and name.endswith(".sqlite")
    return name[len(ACCOUNT) : -len(".sqlite")] if ours else None


def data_roots(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> tuple[Path, ...]:
    """Return the folders that may hold the app's data, most likely first; they need not exist."""
    home = Path(environment.get("HOME") or environment.get("USERPROFILE") or Path.home())
    if platform == "win32":
        bases = [Path(environment.get("APPDATA") or home / "AppData" / "Roaming")]
    elif platform == "darwin":
        bases = [home / "Library" / "Application Support"]
    else:
        bases = [
            Path(environment.get("XDG_CONFIG_HOME") or home / ".config"),
            Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share"),
        ]
    return tuple(base / name for base in bases for name in NAMES)


def default_data_dir(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Return the default data folder: the first root that exists, else the guide's location for new data."""
    if named := environment.get("PJAIS_DATA_DIR"):
        return Path(named).expanduser()
    roots = data_roots(environment, platform)
    existing = [root for root in roots if root.is_dir()]
    used = (root for root in existing if any(one.name != LOGS for one in root.iterdir()))
    return next(used, existing[0] if existing else roots[-2])


def search_places(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> tuple[Path, ...]:
    """Return the locations to search when neither a source nor a data folder is named."""
    here = Path.cwd()
    places = [root for root in data_roots(environment, platform) if root.is_dir()]
    return (*places, here, here / "data")


def log_dir(data_dir: Path, *, named: bool, platform: str = sys.platform) -> Path:
    """Return the folder of `migration.log`: the data folder's own if it was named, else the system's log directory."""
    home = Path.home()
    if named:
        return data_dir / LOGS
    if platform == "win32":
        return Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming") / "PJais" / LOGS
    if platform == "darwin":
        return home / "Library" / "Logs" / "PJais"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "PJais" / LOGS
