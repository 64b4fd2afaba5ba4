"""The layout holds: imports point one way, no stage knows another, files and functions stay small."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pjais

PACKAGE = Path(pjais.__file__).parent

LAYERS: tuple[tuple[str, ...], ...] = (
    ("sources", "sqlite_files"),
    ("version", "errors", "model", "instants", "words", "numbers"),
    ("canonical", "paths", "choices", "sqlite_wal"),
    ("files", "sqlite_journal"),
    ("sqlite", "schema"),
    ("journal",),
    ("logbook", "extensions", "chain", "weborigin"),
    ("read", "heads"),
    ("discover", "drift", "backup", "normalise", "validate", "write", "compare", "switch", "report"),
    ("documents",),
    ("pipeline",),
    ("store",),
    ("api",),
    ("web",),
    ("demo",),
    ("cli",),
    ("__init__", "__main__"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """The source of a module, read once."""
    return ast.parse(path.read_text("utf-8"))


def part(path: Path) -> str:
    """The first-level name that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[str]:
    """First-level names of ours that a file imports, also inside functions and under TYPE_CHECKING."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name == "pjais" or name.startswith("pjais."):
                yield [*name.split("."), "__init__"][1]


def test_every_module_has_its_place_in_the_layers() -> None:
    """A new first-level module must be given a layer here."""
    assert {part(path) for path in modules()} <= set(RANK)


def test_imports_point_down() -> None:
    """Ground, stages, pipeline, faces: nobody imports a module of its own layer or above."""
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {there}"
        for path in modules()
        for there in imports(path)
        if there != part(path) and RANK[there] >= RANK[part(path)]
    ]
    assert wrong == []


def test_only_one_module_opens_sqlite_and_only_one_renames() -> None:
    """Side effects sit at the edges."""
    for path in modules():
        text = path.read_text("utf-8")
        name = path.relative_to(PACKAGE).as_posix()
        assert name == "sqlite.py" or ("import apsw" not in text and "import sqlite3" not in text), name
        assert name == "files.py" or ("os.rename" not in text and "os.replace" not in text), name


def test_nothing_below_the_command_line_prints() -> None:
    """A library returns values."""
    for path in modules():
        if part(path) not in ("cli", "__main__"):
            calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
            assert not [one for one in calls if isinstance(one.func, ast.Name) and one.func.id == "print"], path


def test_files_and_functions_stay_small() -> None:
    """Budgets: a file of at most 500 lines; under 20 % of function lines in functions over 50 lines."""
    long_lines = all_lines = 0
    for path in modules():
        text = path.read_text("utf-8")
        assert text.count("\n") <= 500, f"{path} has {text.count(chr(10))} lines"
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                all_lines += length
                long_lines += length if length > 50 else 0
    assert long_lines / all_lines < 0.2


def test_every_module_opens_with_why_it_exists() -> None:
    """Module docstrings everywhere."""
    assert [path for path in modules() if not ast.get_docstring(tree(path))] == []


def test_the_public_names_are_exactly_these() -> None:
    """What `import pjais` offers is a promise."""
    for name in pjais.__all__:
        assert getattr(pjais, name) is not None
    assert sorted(pjais.__all__) == pjais.__dir__()


def test_nothing_is_imported_that_is_not_declared() -> None:
    """What another package happens to bring along may be gone with its next version."""
    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["semantic"], *extras["ui"]]
    names = {re.split(r"[>=<; \[]", one)[0].replace("-", "_").lower() for one in declared}
    wrong = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in modules()
        for name in foreign(path)
        if name.lower() not in names | {"fastembed"}  # the owner's own choice of a model; asked for by name
    }
    assert wrong == set()


def foreign(path: Path) -> Iterator[str]:
    """The packages of others that a file imports."""
    for node in ast.walk(tree(path)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        for name in names:
            first = name.split(".")[0]
            if first not in sys.stdlib_module_names and first != "pjais":
                yield first
