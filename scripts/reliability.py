"""Prints one table of what the program has survived: faults, damaged sources, bits turned over; `--thorough` at length.

Ends with 1 where anything was not survived, was answered wrongly, hung, crashed, or passed unseen.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent / "tests"


def main() -> int:
    """Measure, print, and say whether all is as promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--thorough", action="store_true", help="all of it: hours, not minutes")
    thorough = parser.parse_args().thorough
    sys.path[:0] = [str(TESTS), str(TESTS / "hostile"), str(TESTS / "faults")]
    began = time.monotonic()
    faults = import_module("figures").measure(thorough)
    damage = import_module("reader_figures").measure(thorough)
    bits = import_module("kill_rate").measure(thorough)
    for name, value in lines(faults, damage, bits):
        print(f"{name:58}{value:>12}")
    print(f"{'seconds':58}{time.monotonic() - began:>12,.0f}")
    for one in bits["examples"]:
        print(one)
    bad = faults["faults"] - faults["survived"] + bits["silent"]
    return 1 if bad or any(faults[name] + damage[name] for name in ("wrong", "hangs", "tracebacks")) else 0


def lines(faults: Mapping[str, Any], damage: Mapping[str, Any], bits: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The table: what was counted, and the figure."""
    return [
        ("operations at which a fault was injected", f"{faults['operations']:,}"),
        ("faults injected", f"{faults['faults']:,}"),
        ("runs survived", f"{faults['survived']:,}"),
        ("mutations of sources tried", f"{damage['mutations']:,}"),
        ("  changed pages without a checksum, which nobody can see", f"{damage['unseen']:,}"),
        ("wrong answers", f"{faults['wrong'] + damage['wrong']:,}"),
        ("hangs", f"{faults['hangs'] + damage['hangs']:,}"),
        ("tracebacks", f"{faults['tracebacks'] + damage['tracebacks']:,}"),
        ("bits of target, backup and journal turned over", f"{bits['mutations']:,}"),
        ("  red", f"{bits['red']:,}"),
        ("  carrying no data", f"{bits['no_data']:,}"),
        ("  silent", f"{bits['silent']:,}"),
        ("verify kill rate, of bits that carry data", f"{bits['rate']:.2%}"),
    ]


if __name__ == "__main__":
    sys.exit(main())
