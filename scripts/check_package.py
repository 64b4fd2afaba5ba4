"""`make package`: what is shipped works, and not only the tree that it is made from.

The sdist is built, the wheel is built from the sdist, and their metadata and contents are checked.  The wheel is tried
in two environments that have never seen the sources: one with nothing but what the package declares, where the demo
and the first tutorial run and what needs an extra says so; and one with the lowest versions that it declares and all
extras, where the tests run.  `release.py` uses the first half of it.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

from packaging.metadata import Metadata

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
MUST_HOLD = (
    "pjais/py.typed",
    "pjais/web/templates/base.html",
    "pjais/web/static/page.js",
    "pjais/web/static/pjais.css",
    "pjais/demo/sample/data.json",
    "pjais/datasette/metadata.json",
)
_STRANGE = re.compile(r"__pycache__|/\.(?!gitignore$)|node_modules|\.sqlite-(?:wal|shm)$|(?:^|/)tests/")
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "src/pjais/version.py", "docs/index.md")
TUTORIAL = ROOT / "docs" / "tutorials" / "first-proof.md"
TUTORIAL_FILE = ROOT / "tests" / "golden" / "ai-apps" / "chatgpt" / "export-sharded.zip"
TUTORIAL_SECONDS = 60
"""Of the two minutes that the tutorial promises, for typing and reading, the machine may take so many."""
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
        _, wheel = build(work / "dist")
        bare(work / "bare", wheel)
        if not given.bare_only:
            lowest(work, wheel)


def build(into: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from it; check both and return their paths."""
    run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(into), at=ROOT)
    (sdist,) = into.glob("pjais-*.tar.gz")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(into), str(sdist))
    (wheel,) = into.glob("pjais-*.whl")
    with tarfile.open(sdist) as archive:
        inside = sdist.name.removesuffix(".tar.gz")
        check_contents(sdist, archive.getnames(), [f"{inside}/{name}" for name in SOURCES], (f"{inside}/",))
        information = archive.extractfile(f"{inside}/PKG-INFO")
        assert information is not None
        check_metadata(sdist, information.read())
    with zipfile.ZipFile(wheel) as archive:
        inside = wheel.name.partition("-py3")[0]
        must = (*MUST_HOLD, f"{inside}.dist-info/licenses/LICENSE")
        check_contents(wheel, archive.namelist(), must, ("pjais/", "pjais-"))
        check_metadata(wheel, archive.read(f"{inside}.dist-info/METADATA"))
    return sdist, wheel


def check_contents(built: Path, names: list[str], must_hold: Iterable[str], below: tuple[str, ...]) -> None:
    """Check that what is no Python is there, and nothing of the tests, of caches or of this machine."""
    missing = [name for name in must_hold if name not in names]
    strange = [name for name in names if not name.startswith(below) or _STRANGE.search(name)]
    if missing or strange:
        sys.exit(f"{built.name} lacks {missing} and should not hold {strange}")
    print(f"{built.name}: {len(names)} files, {built.stat().st_size // 1024} KiB")


def check_metadata(built: Path, raw: bytes) -> None:
    """Parse and validate the metadata as an index does, and compare it with pyproject.toml and the name of the file."""
    told = Metadata.from_email(raw, validate=True)
    wanted = (PROJECT["name"], PROJECT["description"], PROJECT["license"], PROJECT["license-files"], "text/markdown")
    found = (told.name, told.summary, told.license_expression, told.license_files, told.description_content_type)
    if found != wanted or f"-{told.version}" not in built.name or not (told.description or "").startswith("# pjais"):
        sys.exit(f"{built.name}: the metadata says {found} of {told.version}, not {wanted}")


def bare(folder: Path, wheel: Path) -> None:
    """Nothing but the declared dependencies: the demo, and clear words where an extra is missing."""
    python = environment(folder, str(wheel))
    run(python, "-m", "pjais", "--version")
    run(python, "-m", "pjais", "demo", "--quiet")
    run(python, "-m", "pjais", "demo", "--benchmark", "--memories", "100")
    said = subprocess.run([python, "-m", "pjais", "ui", "--no-open"], capture_output=True, text=True, cwd=folder)
    if said.returncode != 2 or "pjais[ui]" not in said.stderr:
        sys.exit(f"ui without its extra: {said.returncode} {said.stderr}")
    said = subprocess.run([python, "-m", "pjais", "mcp"], capture_output=True, text=True, cwd=folder, check=False)
    if said.returncode != 2 or "pjais[mcp]" not in said.stderr:
        sys.exit(f"mcp without its extra: {said.returncode} {said.stderr}")
    run(python, "-m", "pjais", "mcp", "install", "cursor", "--print")
    modules = (
        "import importlib, pkgutil, pjais\n"
        "for one in pkgutil.walk_packages(pjais.__path__, 'pjais.'):\n"
        "    if not one.name.startswith(('pjais.web', 'pjais.mcp.server', 'pjais.mcp.http')) "
        "and not one.name.endswith('__main__'):\n"
        "        importlib.import_module(one.name)\n"
    )
    run(python, "-c", modules)
    first_proof(folder)
    print("bare: the demo runs, every module outside of the page and the SDK is imported, both say what they need")


def first_proof(environment: Path) -> None:
    """Run the commands of the first tutorial, on the file that it is about; each must succeed, in a minute together."""
    lines = re.findall(r"^\$ (pjais .*)$", TUTORIAL.read_text("utf-8"), re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Downloads").mkdir()
        shutil.copy(TUTORIAL_FILE, Path(folder) / "Downloads" / "chatgpt.zip")
        begun = time.monotonic()
        for line in lines:
            run(str(environment / "bin" / "python"), "-m", *shlex.split(line), at=Path(folder), quiet=True)
        seconds = time.monotonic() - begun
    if not lines or seconds > TUTORIAL_SECONDS:
        sys.exit(f"the tutorial's {len(lines)} commands took {seconds:.0f} s")
    print(f"first tutorial: {len(lines)} commands in {seconds:.1f} s")


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


def run(*command: str, at: Path | None = None, quiet: bool = False) -> None:
    """Run a command that must succeed, away from the sources unless a folder is named."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PJAIS_REQUIRE_ORACLES")}
    out = subprocess.PIPE if quiet else None
    done = subprocess.run(command, cwd=at or Path(tempfile.gettempdir()), env=clean, stdout=out, stderr=out, text=True)
    if done.returncode:
        sys.exit(f"failed ({done.returncode}): {' '.join(command)}\n{done.stdout or ''}{done.stderr or ''}")


if __name__ == "__main__":
    main()
