"""`make release`: everything of a release but the upload.

The version is that of src/pjais/version.py; it must have a section in CHANGELOG.md.  The sdist and the wheel are built
into dist/ and checked as `make package` checks them, the wheel in a fresh environment.  What remains to be done is
printed; nothing is tagged and nothing is sent anywhere.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import check_package

ROOT = Path(__file__).parents[1]


def version() -> str:
    """Return the version that would be released."""
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "src/pjais/version.py").read_text("utf-8"), re.MULTILINE)
    assert found is not None, "src/pjais/version.py names no version"
    return found[1]


def section(changelog: str, wanted: str) -> tuple[str, str] | None:
    """Return what stands in brackets behind a version's heading (a date, or `unreleased`), and its lines."""
    found = re.search(rf"^## {re.escape(wanted)} \(([^)\n]+)\)\n+(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return None if found is None or not found[2].strip() else (found[1], found[2].strip())


def steps(released: str, date: str, built: list[Path]) -> list[str]:
    """Return what to do next, in order."""
    first = [] if date != "unreleased" else [f"give `## {released} (unreleased)` in CHANGELOG.md its date, and commit"]
    files = " ".join(str(path.relative_to(ROOT)) for path in built)
    return [
        *first,
        "make test-all && make package    # every test, also against the lowest versions",
        f'git tag -a v{released} -m "pjais {released}"',
        f"python -m twine upload {files}    # asks for the index's token; this script never sends anything",
        "set the next version in src/pjais/version.py, with a section `(unreleased)` in CHANGELOG.md",
    ]


def main() -> None:
    """Build and check a release, and print its changes and what to do next."""
    released = version()
    found = section((ROOT / "CHANGELOG.md").read_text("utf-8"), released)
    if found is None:
        sys.exit(f"CHANGELOG.md has no section `## {released} (DATE)` with anything in it: write it first")
    date, changes = found
    dist = ROOT / "dist"
    for old in dist.glob("pjais-*"):
        old.unlink()
    built = list(check_package.build(dist))
    with tempfile.TemporaryDirectory() as folder:
        check_package.bare(Path(folder) / "bare", built[1])
    print(f"\npjais {released} ({date}), {len(changes.splitlines())} lines in its section of CHANGELOG.md:")
    for path in built:
        print(f"  {path.relative_to(ROOT)}")
    print("\nNext:")
    for number, step in enumerate(steps(released, date, built), 1):
        print(f"  {number}. {step}")


if __name__ == "__main__":
    main()
