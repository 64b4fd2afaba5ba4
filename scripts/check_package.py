"""`make package`: what is shipped works, and not only the tree that it is made from.

The wheel is built, and tried in two environments that have never seen the sources: one with nothing but what the
package declares, where the demo runs and what needs an extra says so; and one with the lowest versions that it
declares and all extras, where the tests run.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
MUST_HOLD = (
    "pjais/py.typed",
    "pjais/web/templates/base.html",
    "pjais/web/static/page.js",
    "pjais/web/static/page.css",
    "pjais/demo/sample/data.json",
)
TOOLS = ("pytest", "pytest-xdist", "hypothesis", "httpx", "playwright")
TESTS = (
    "cli/test_cli.py",
    "migration/test_migrate.py",
    "migration/test_verify.py",
    "exchange/test_transfer.py",
    "livestore_tools/test_timeline.py",
    "persona/test_memories.py",
    "persona/test_search.py",
    "persona/test_semantic.py",
    "store/test_history.py",
    "sources/test_rxdb.py",
    "sources/test_livestore.py",
    "formats/test_indexeddb_sqlite.py",
    "formats/test_leveldb_damage.py",
    "web/test_guard.py",
)
"""Every command, reader and writer, the open store and the page."""


def main() -> None:
    """Build, then try both environments."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bare-only", action="store_true", help="without the lowest versions")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        wheel = build(work)
        bare(work / "bare", wheel)
        if not given.bare_only:
            lowest(work, wheel)


def build(work: Path) -> Path:
    """The wheel; it must hold what is no Python, and nothing of the tests."""
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(work), str(ROOT))
    (wheel,) = work.glob("pjais-*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    missing = [name for name in MUST_HOLD if name not in held]
    strange = [name for name in held if not name.startswith(("pjais/", "pjais-"))]
    if missing or strange:
        sys.exit(f"the wheel lacks {missing} and should not hold {strange}")
    print(f"wheel: {wheel.name}, {len(held)} files, {wheel.stat().st_size // 1024} KiB")
    return wheel


def bare(folder: Path, wheel: Path) -> None:
    """Nothing but the declared dependencies: the demo, and clear words where an extra is missing."""
    python = environment(folder, str(wheel))
    run(python, "-m", "pjais", "--version")
    run(python, "-m", "pjais", "demo", "--quiet")
    run(python, "-m", "pjais", "demo", "--benchmark", "--memories", "100")
    said = subprocess.run([python, "-m", "pjais", "ui", "--no-open"], capture_output=True, text=True, cwd=folder)
    if said.returncode != 2 or "pjais[ui]" not in said.stderr:
        sys.exit(f"ui without its extra: {said.returncode} {said.stderr}")
    modules = (
        "import importlib, pkgutil, pjais\n"
        "for one in pkgutil.walk_packages(pjais.__path__, 'pjais.'):\n"
        "    if not one.name.startswith('pjais.web') and not one.name.endswith('__main__'):\n"
        "        importlib.import_module(one.name)\n"
    )
    run(python, "-c", modules)
    print("bare: the demo runs, every module outside of the page is imported, the page says what it needs")


def lowest(work: Path, wheel: Path) -> None:
    """The tests against the wheel with the lowest declared versions; the sources are not there."""
    wanted = [*PROJECT["dependencies"], *EXTRAS["ui"], *EXTRAS["semantic"]]
    python = environment(work / "lowest", str(wheel), *(lowered(one) for one in wanted), *TOOLS)
    place = work / "tests-of-the-wheel"
    shutil.copytree(ROOT / "tests", place / "tests", ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    for name in ("pyproject.toml", "scripts", "docs", "README.md"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, place / name)
    found = [str(place / "tests" / name) for name in TESTS]
    run(python, "-m", "pytest", "-q", "-n", "2", "-m", "not soak", "-p", "no:cacheprovider", *found, at=place)
    print("lowest versions: the tests pass against the wheel")


def lowered(requirement: str) -> str:
    """A requirement at its lower bound."""
    return re.sub(r"^([A-Za-z0-9_.-]+)>=([0-9.]+).*$", r"\1==\2", requirement)


def environment(folder: Path, *packages: str) -> str:
    """A new environment with these packages; its Python."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    return python


def run(*command: str, at: Path | None = None) -> None:
    """A command that must succeed, away from the sources."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PJAIS_REQUIRE_ORACLES")}
    done = subprocess.run(command, cwd=at or Path(tempfile.gettempdir()), env=clean)
    if done.returncode:
        sys.exit(f"failed ({done.returncode}): {' '.join(command)}")


if __name__ == "__main__":
    main()
