"""Where the programs are that scripts/install_oracles installs for the MCP tests."""

from __future__ import annotations

import shutil
from pathlib import Path

MODULES = Path(__file__).parent / "oracle" / "node_modules" / "@modelcontextprotocol"
SERVER = MODULES / "server-memory" / "dist" / "index.js"
INSPECTOR = MODULES / "inspector" / "package.json"


def missing() -> str | None:
    """Return what is not installed of the MCP memory server; None where it can run."""
    if shutil.which("node") is None:
        return "node is not installed"
    return None if SERVER.is_file() else "the MCP memory server is not installed: run scripts/install_oracles"
