"""What starting costs: the command line, the library's imports, and a migration of ten records, each a new process.

    python bench/startup.py            # the program beside which this file lies
    python bench/startup.py --rounds 10

CPU milliseconds of the whole process (user and system), the least of some rounds, and the ratio to `pjais --version`;
beside it how many modules were loaded at the end.  Bytecode is kept, as it is where the program is installed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from generate import data_json
from looking import cpu, loaded, pjais

COMMANDS = (
    ("--version",),
    ("--help",),
    (),
    ("migrate", "--help"),
    ("explain", "PJAIS_NO_SPACE"),
    ("detect",),
    ("status",),
    ("personas",),
    ("memories",),
    ("search", "tea"),
)
PROGRAMS = (
    "import pjais",
    "import pjais; pjais.migrate",
    "import pjais; pjais.open",
    "import pjais, sys; pjais.open(sys.argv[1]).close()",
    "import pjais, sys; s = pjais.open(sys.argv[1]); s.memories.list(); s.close()",
)
MIGRATE = "import pjais, sys, tempfile; pjais.migrate(tempfile.mkdtemp(dir=sys.argv[1]), sys.argv[2])"


def main() -> None:
    """Print the table."""
    words = argparse.ArgumentParser()
    words.add_argument("--rounds", type=int, default=10)
    rounds = words.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="pjais-startup-") as scratch:
        data, records = Path(scratch, "data"), Path(scratch, "ten.json")
        data.mkdir()
        data_json(data / "data.json", 10)
        data_json(records, 10)
        pjais("migrate", "--data-dir", data)
        print(f"{'':70}{'CPU ms':>8}{'ratio':>7}{'modules':>9}")
        version = 0.0
        for command in COMMANDS:
            there = ("--data-dir", data) if command and "-" not in command[-1] and command[0] != "explain" else ()
            least = min(pjais(*command, *there) for _ in range(rounds))
            version = version or least
            count = loaded("import pjais.__main__ as its; its.main()", *command, *there)
            print(f"{' '.join(('pjais', *command)):70}{least * 1000:8.1f}{least / version:7.1f}{count:9}")
        for program in (*PROGRAMS, MIGRATE):
            given = (scratch, records) if program is MIGRATE else (data,)
            least = min(cpu(sys.executable, "-c", program, *given) for _ in range(rounds))
            print(f"{program[:70]:70}{least * 1000:8.1f}{least / version:7.1f}{loaded(program, *given):9}")


if __name__ == "__main__":
    main()
