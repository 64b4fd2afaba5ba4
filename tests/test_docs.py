"""The documentation is true: every example runs, every link leads somewhere, every page is on the site."""

from __future__ import annotations

import re
import runpy
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

import pjais
from docs_bytes import READERS, Example, examples, lies_there
from docs_pages import ROOT, RUN, SHOWN, Runner, Section, pages, runnable, sections

DOCS = ROOT / "docs"
PACKAGE = Path(pjais.__file__).parent
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged sample, migrated once."""
    folder = tmp_path_factory.mktemp("docs") / "PJais"
    shutil.copytree(str(files("pjais.demo") / "sample"), folder)
    pjais.migrate(folder)
    return folder


def test_the_pictures_are_as_they_would_be_drawn_now() -> None:
    """`scripts/make_pictures.py` draws the layers and the way of a memory."""
    script = runpy.run_path(str(DOCS.parent / "scripts" / "make_pictures.py"))
    assert script["stale"]() == []


@pytest.mark.parametrize("section", list(runnable()), ids=str)
def test_examples_run(section: Section, tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page shows is what happens."""
    Runner(section, tmp_path, migrated, monkeypatch).run()


def test_what_is_not_run_says_why() -> None:
    """Few blocks are left out, each with a reason; what is only shown is in a language that nobody runs."""
    left_out = []
    for page in pages():
        for block in (one for section in sections(page) for one in section.blocks):
            where = f"{page.name}:{block.line}"
            assert block.language in (*RUN, *SHOWN), f"{where}: {block.language}"
            if block.not_run is not None:
                assert len(block.not_run) > 10, f"{where}: no reason"
                left_out.append(where)
    assert len(left_out) <= 12, left_out


@pytest.mark.parametrize("example", list(examples()), ids=str)
def test_hex_is_real_and_means_what_it_says(example: Example) -> None:
    """The bytes lie in a golden file, and our readers make of them what the page says."""
    assert READERS[example.reader](example.data) == example.value
    assert lies_there(example)


def _anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", one.lower()).strip()) for one in headings}


def test_every_link_leads_somewhere() -> None:
    """Links between pages: the file is there, and the heading too."""
    links = 0
    for page in [*pages(), DOCS / "cli.md", ROOT / "CHANGELOG.md"]:
        for link in _LINK.findall(_CODE.sub("", page.read_text("utf-8"))):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            assert target.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in _anchors(target), f"{page.name}: {link}"
            links += 1
    assert links > 30


def test_every_page_is_in_the_navigation() -> None:
    """A page that nobody can reach is not read."""
    named = set(re.findall(r"[:-] (\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE))
    assert named == {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}


def test_the_layout_names_every_module() -> None:
    """The layout in docs/architecture.md is that of the tree: a line for each folder, and its modules."""
    text = (DOCS / "architecture.md").read_text("utf-8")
    block = re.search(r"```\n(base.*?)```", text, re.DOTALL)[1]  # type: ignore[index]
    named: dict[str, set[str]] = {}
    for line in block.splitlines():
        if line[:1] not in ("", " "):
            folder, *rest = line.split()
            named[folder] = set(rest)
        else:
            named[folder] |= set(line.split())
    there: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        folder = path.relative_to(PACKAGE).parent.as_posix()
        there.setdefault(folder, set()).add(path.stem)
    top = there.pop(".") - {"__init__", "__main__"}
    assert named.pop("base") | named.pop("above") == top
    assert named == {folder: names - {"__init__"} for folder, names in there.items()}


def test_every_path_that_a_page_names_is_there() -> None:
    """`tests/...`, `src/...`, `scripts/...` and `docs/...` in the text are files of this tree.

    On guides.md they are also files of the guides; `test_guides` looks at those of ours.
    """
    for page in (one for one in pages() if one.name != "guides.md"):
        for name in re.findall(r"`((?:tests|src|scripts|docs|bench)/[\w./-]+)`", page.read_text("utf-8")):
            assert list(ROOT.glob(name.rstrip("/"))), f"{page.name}: {name}"
