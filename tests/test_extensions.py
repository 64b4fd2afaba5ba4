"""What other packages add by entry points: the example of the docs, installed with pip, and used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from world import hashes, rows

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


def test_a_model_of_another_package_is_migrated_and_proved(site: Path, tmp_path: Path) -> None:
    """Found by its name; its tables, search and references are those of any store."""
    books = [{"id": "b1", "shelfId": "s1", "title": "Tea"}, {"id": "b2", "shelfId": "lost", "title": "Rain"}]
    lists = [{"name": "shelves", "docs": [{"id": "s1", "room": "hall"}]}, {"name": "books", "docs": books}]
    dump = {"name": "app", "instanceToken": "x", "collections": [{**one, "schemaHash": "x"} for one in lists]}
    (tmp_path / "dump.json").write_text(json.dumps(dump), "utf-8")
    program = f"""
from dataclasses import replace
from pjais import models
from pjais.migration import run, verify
from pjais.workspace import resolve_workspace
here = replace(resolve_workspace({str(tmp_path)!r}), model_name="books")
print(models.names(), run.migrate(here, run.Options(on_invalid="quarantine")).code, verify.verify(here).passed)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    assert done.stdout == "('persona', 'books') quarantined True\n", done.stderr
    assert rows(tmp_path / "pjais.sqlite", "SELECT id, title FROM books") == [("b1", "Tea")]
    assert rows(tmp_path / "pjais.sqlite", "SELECT count(*) FROM book_fts WHERE book_fts MATCH 'tea'") == [(1,)]


def test_a_line_that_cannot_be_read_is_named(site: Path, folder: Path) -> None:
    """What an extension yields as unreadable goes the same way."""
    (folder / "diary.txt").write_text("# diary of Ada\nnonsense\n", "utf-8")
    done = pjais(site, "--data-dir", folder, "migrate")
    assert (done.returncode, "line 2" in done.stderr) == (16, True)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A data folder with a notebook in it: a folder that is one source."""
    for name, text in (("notebook.txt", "# notebook of Ada\n"), ("a.md", "the harbour"), ("deep/er/b.md", "tea")):
        path = tmp_path / "data" / "my notes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path / "data"


def test_a_folder_is_one_source(site: Path, notebook: Path) -> None:
    """All its files are copied; it is proved, is not migrated again, and can be taken back."""
    before = hashes(notebook)
    done = pjais(site, "--data-dir", notebook, "migrate", "--json")
    assert done.returncode == 0, done.stderr
    assert [(one["kind"], one["name"], one["migrated"]) for one in json.loads(done.stdout)["sources"]] == [
        ("notebook", "my notes", 3)
    ]
    (backup,) = (notebook / "backups").glob("*/my notes")
    assert hashes(backup) == hashes(notebook / "my notes")
    assert pjais(site, "--data-dir", notebook, "verify").returncode == 0
    assert "already migrated" in pjais(site, "--data-dir", notebook, "migrate").stdout
    assert hashes(notebook) == before
    assert pjais(site, "--data-dir", notebook, "rollback").returncode == 0
    assert not (notebook / "pjais.sqlite").exists()


def test_a_new_file_in_such_a_folder_is_new_data(site: Path, notebook: Path) -> None:
    assert pjais(site, "--data-dir", notebook, "migrate").returncode == 0
    (notebook / "my notes" / "deep" / "c.md").write_text("rain", "utf-8")
    done = pjais(site, "--data-dir", notebook, "migrate", "--json")
    assert (done.returncode, json.loads(done.stdout)["total"]["migrated"]) == (0, 4), done.stdout
    assert pjais(site, "--data-dir", notebook, "verify").returncode == 0
    found = pjais(site, "--data-dir", notebook, "search", "rain", "--json")
    assert "notebook:Ada:deep/c.md" in found.stdout


def test_a_damaged_file_in_such_a_folder_is_quarantined(site: Path, notebook: Path) -> None:
    """And costs nothing else."""
    (notebook / "my notes" / "bad.md").write_bytes(b"\xff\xfe")
    assert pjais(site, "--data-dir", notebook, "migrate").returncode == 16
    done = pjais(site, "--data-dir", notebook, "migrate", "--on-invalid", "quarantine", "--json")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)["total"]
    assert (told["migrated"], told["quarantined"]) == (3, 1)
    assert "bad.md" in pjais(site, "--data-dir", notebook, "quarantine", "list").stdout
    assert pjais(site, "--data-dir", notebook, "verify").returncode == 0


def test_a_named_folder_outside_of_the_data_folder_is_taken_too(site: Path, notebook: Path, tmp_path: Path) -> None:
    done = pjais(site, "--data-dir", tmp_path / "other", "migrate", notebook / "my notes")
    assert done.returncode == 0, done.stderr
    assert pjais(site, "--data-dir", tmp_path / "other", "verify").returncode == 0


def test_the_old_side_of_such_a_kind_is_followed_and_cleaned_up(site: Path, notebook: Path) -> None:
    """A removed note is removed; afterwards the folder goes as a whole."""
    assert pjais(site, "--data-dir", notebook, "follow", "--once").returncode == 0
    (notebook / "my notes" / "a.md").unlink()
    done = pjais(site, "--data-dir", notebook, "follow", "--once", "--json")
    assert (done.returncode, json.loads(done.stdout)["removed"]) == (0, 1), done.stdout + done.stderr
    assert pjais(site, "--data-dir", notebook, "switch").returncode == 0
    done = pjais(site, "--data-dir", notebook, "cleanup", "--yes")
    assert done.returncode == 0, done.stderr
    assert not (notebook / "my notes").exists()


def test_an_archive_is_a_source(site: Path, notebook: Path) -> None:
    shutil.make_archive(str(notebook / "scraps"), "zip", notebook / "my notes")
    shutil.rmtree(notebook / "my notes")
    done = pjais(site, "--data-dir", notebook, "migrate", "--json")
    assert done.returncode == 0, done.stderr
    assert [(one["kind"], one["migrated"]) for one in json.loads(done.stdout)["sources"]] == [("scrapbook", 3)]
    assert pjais(site, "--data-dir", notebook, "verify").returncode == 0


def test_a_kind_whose_package_is_gone_is_named(site: Path, notebook: Path, tmp_path: Path) -> None:
    assert pjais(site, "--data-dir", notebook, "migrate").returncode == 0
    done = pjais(tmp_path, "--data-dir", notebook, "verify")
    assert (done.returncode, "the extension that reads notebook is not installed" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("source = object()", "is no pjais.sources.contract.Source"),
        (
            "class Odd(Source):\n    names = ('*.odd',)\n    def is_file(self, file): return 1 / 0\nsource = Odd()",
            "failed",
        ),
        (
            "class Odd(Source):\n    names = ('*.odd',)\n    def is_file(self, file): return True\n"
            "    def read(self, snapshot): yield from snapshot.nothing\nsource = Odd()",
            "failed",
        ),
    ],
)
def test_a_faulty_extension_is_named(tmp_path: Path, body: str, told: str) -> None:
    """What is wrong with it is no fault of pjais, and no traceback."""
    (tmp_path / "odd.py").write_text(f"from pjais.sources.contract import Source\n{body}\n", "utf-8")
    (tmp_path / "odd-1.0.dist-info").mkdir()
    (tmp_path / "odd-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (tmp_path / "odd-1.0.dist-info" / "entry_points.txt").write_text("[pjais.sources]\nodd = odd:source\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.odd").write_text("x")
    done = pjais(tmp_path, "--data-dir", tmp_path / "data", "migrate")
    assert (done.returncode, "the extension odd" in done.stderr, told in done.stderr) == (2, True, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_target_of_another_package_is_a_target_like_any_other(site: Path, folder: Path) -> None:
    """Planned, written out of sight, read back, put in place by a rename; verified and rolled back; no by-product."""
    target = folder / "markdown"
    planned = pjais(site, "--data-dir", folder, "plan", "--to", "markdown", "--json")
    assert (json.loads(planned.stdout)["to"], target.exists()) == ("markdown", False)
    assert pjais(site, "--data-dir", folder, "migrate", "--to", "markdown").returncode == 0
    assert len(list(target.glob("*.md"))) == 3
    assert not (folder / "pjais.sqlite").exists()
    assert "already migrated" in pjais(site, "--data-dir", folder, "migrate", "--to", "markdown").stdout
    told = json.loads(pjais(site, "--data-dir", folder, "status", "--json").stdout)
    assert (told["live"], told["store"]["path"], told["quarantined"]) == ("markdown", str(target), 0)
    with (folder / "diary.txt").open("a") as file:
        file.write("2025-03-03 rain\n")
    assert pjais(site, "--data-dir", folder, "migrate", "--to", "markdown").returncode == 0
    assert len(list(target.glob("*.md"))) == 4
    assert [len(list(one.glob("*.md"))) for one in folder.glob("markdown.before-*")] == [3]
    for arguments in (("verify",), ("verify", "--target", target), ("quarantine", "list")):
        done = pjais(site, "--data-dir", folder, *arguments)
        assert done.returncode == 0, done.stderr
    assert pjais(site, "--data-dir", folder, "rollback").returncode == 0
    assert (len(list(target.glob("*.md"))), list(folder.glob("markdown.before-*"))) == (3, [])
    assert pjais(site, "--data-dir", folder, "verify").returncode == 0


def test_an_altered_file_of_such_a_target_is_named_by_its_record(site: Path, folder: Path) -> None:
    """And a folder that pjais did not write is refused, and stays as it is."""
    pjais(site, "--data-dir", folder, "migrate", "--to", "markdown")
    file = next(one for one in (folder / "markdown").glob("*.md") if "harbour" in one.read_text())
    file.write_text(file.read_text().replace("harbour", "airport"))
    done = pjais(site, "--data-dir", folder, "verify")
    assert (done.returncode, "diary:Ada:2, content" in done.stderr, "Ada:4" in done.stderr) == (18, True, False)
    other = folder / "mine"
    other.mkdir()
    (other / "note.md").write_text("mine")
    done = pjais(site, "--data-dir", folder, "migrate", "--to", "markdown", "--target", other)
    assert (done.returncode, [one.name for one in other.iterdir()]) == (17, ["note.md"])


def test_commands_that_need_a_store_in_sqlite_say_so(site: Path, folder: Path) -> None:
    """Its files are not edited by pjais; nothing ends in a bug."""
    pjais(site, "--data-dir", folder, "migrate", "--to", "markdown")
    for arguments in (("memories",), ("search", "tea"), ("history", "diary:Ada"), ("verify-app",), ("undo",), ("at",)):
        done = pjais(site, "--data-dir", folder, *arguments)
        assert "PJAIS_BUG" not in done.stderr and "Traceback" not in done.stderr, (arguments, done.stderr)
        assert done.returncode not in (0, 70), (arguments, done.stdout)
    assert pjais(site, "--data-dir", folder, "checklist").returncode in (0, 1)


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
    kinds = "diary notebook scrapbook"
    for place, told in ((archive, kinds), (site, kinds), (tmp_path, "")):
        done = subprocess.run(
            [sys.executable, "-c", ask],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(place)},
        )
        assert done.stdout.strip() == told
