"""What other packages add by entry points: the example of the docs, installed with pip, and used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "docs" / "example_extension"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-build-isolation",
            "--target",
            folder,
            EXAMPLE,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def pjais(site: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command, with the example on its path."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "pjais", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a diary in it."""
    (tmp_path / "diary.txt").write_text('# diary of Ada\n2025-03-01 the harbour\n\n2025-03-02 tea, "again"\n', "utf-8")
    return tmp_path


def test_a_source_kind_of_another_package_is_migrated_and_proved(site: Path, folder: Path) -> None:
    """Found by its content, backed up, normalised, verified like any other."""
    done = pjais(site, "--data-dir", folder, "migrate", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(one["kind"], one["read"], one["migrated"]) for one in told["sources"]] == [("diary", 3, 3)]
    assert pjais(site, "--data-dir", folder, "verify").returncode == 0
    assert "already migrated" in pjais(site, "--data-dir", folder, "migrate").stdout


def test_a_line_that_cannot_be_read_is_named(site: Path, folder: Path) -> None:
    """What an extension yields as unreadable goes the same way."""
    (folder / "diary.txt").write_text("# diary of Ada\nnonsense\n", "utf-8")
    done = pjais(site, "--data-dir", folder, "migrate")
    assert (done.returncode, "line 2" in done.stderr) == (16, True)


def test_a_target_of_another_package_is_written_and_read_back(site: Path, folder: Path) -> None:
    """From the proved store, by one rename; the folder of before is kept."""
    for _ in range(2):
        assert pjais(site, "--data-dir", folder, "migrate", "--to", "markdown").returncode == 0
        assert len(list((folder / "markdown").glob("*.md"))) == 3
    assert len(list(folder.glob("markdown.before-*"))) == 1


def test_an_exporter_of_another_package_writes(site: Path, folder: Path) -> None:
    """Also out of a source that was not migrated."""
    done = pjais(site, "--data-dir", folder, "export", folder / "diary.txt", "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        "diary:Ada:2,diary:Ada,entry,the harbour",
        'diary:Ada:4,diary:Ada,entry,"tea, ""again"""',
    ]


def test_unknown_names_are_refused(folder: Path, tmp_path: Path) -> None:
    """With what is known."""
    for arguments in (["migrate", "--to", "nowhere"], ["export", folder / "diary.txt", "--format", "nothing"]):
        done = pjais(tmp_path, "--data-dir", folder, *arguments)
        assert done.returncode in (2, 11)
        assert "Traceback" not in done.stderr


def test_an_extension_in_an_archive_is_found_too(site: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "site"), "zip", site)
    ask = "from pjais import extensions; print(*extensions.names('sources'))"
    for place, told in ((archive, "diary"), (site, "diary"), (tmp_path, "")):
        done = subprocess.run(
            [sys.executable, "-c", ask],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(place)},
        )
        assert done.stdout.strip() == told
