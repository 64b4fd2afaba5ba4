"""Record what the real MCP memory server answers to the calls of tests/mcp/scenario.py, into tests/golden/mcp.

Needs Node and what scripts/install_oracles installs.  `--check` only says whether the record is what it answers now.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "tests" / "mcp")]

from scenario import FRESH, IMPORTED  # noqa: E402
from talking import real, talk  # noqa: E402

GOLDEN = ROOT / "tests" / "golden" / "mcp"
SAMPLE = ROOT / "tests" / "golden" / "ai-apps" / "mcp-memory" / "memory.jsonl"


def main() -> int:
    """Record both scenarios."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, steps in (("fresh", FRESH), ("imported", IMPORTED)):
            graph = Path(folder) / f"{name}.jsonl"
            if name == "imported":
                shutil.copyfile(SAMPLE, graph)
            text = json.dumps(talk(real(graph), steps), indent=1, ensure_ascii=True) + "\n"
            file = GOLDEN / f"{name}.json"
            if "--check" in sys.argv:
                wrong += file.read_text("utf-8") != text
            else:
                file.write_text(text, "utf-8")
                print(f"{file.relative_to(ROOT)}: {len(steps)} answers")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
