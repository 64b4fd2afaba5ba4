"""The layout holds: imports point one way, no stage knows another, files and functions stay small."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from keyword import iskeyword
from pathlib import Path

from click import Context

import pjais
from layers import ENGINE, EXCEPTIONS, FLOORS, KNOW_A_MODEL, RANKS
from pjais.cli import cli
from pjais.sources import registry

PACKAGE = Path(pjais.__file__).parent

RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """The source of a module, read once."""
    return ast.parse(path.read_text("utf-8"))


def name_of(path: Path) -> str:
    """The name of a module below `pjais`; a package's is that of its folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


NAMES = {name_of(path): path for path in modules()}


def part(name: str) -> str:
    """The part of the package that a module belongs to: the longest name in the table of ranks that it begins with."""
    while name not in RANK:
        name, dot, _ = name.rpartition(".")
        assert dot, f"{name} has no rank"
    return name


def imports(path: Path) -> Iterator[str]:
    """Modules of ours that a file imports, also inside functions and under TYPE_CHECKING."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, _, inner = name.partition(".")
            if first == "pjais":
                yield inner if inner in NAMES else inner.rpartition(".")[0] or "__init__"


ARROWS = sorted({(name, there) for name, path in NAMES.items() for there in imports(path) if there != name})


def test_every_module_has_its_place_in_the_layers() -> None:
    """A new part of the package must be given a rank, and a new module of one its floor."""
    assert {part(name) for name in NAMES} <= set(RANK)
    for room, floors in FLOORS.items():
        listed = [f"{room}.{one}" if one != "__init__" else room for floor in floors for one in floor.split()]
        assert sorted(listed) == sorted(name for name in NAMES if part(name) == room)
    assert set(FLOORS) == {room for room in RANK if sum(part(name) == room for name in NAMES) > 1}


def test_imports_point_down() -> None:
    """Nobody imports a part of the same rank or above; what still does is listed, and nothing is listed in vain."""
    wrong = {
        (name, there) for name, there in ARROWS if part(there) != part(name) and RANK[part(there)] >= RANK[part(name)]
    }
    assert wrong == EXCEPTIONS


def test_imports_point_down_inside_a_package() -> None:
    """A module imports only those of its package that stand on a lower floor."""
    floor = {
        f"{room}.{one}" if one != "__init__" else room: number
        for room, floors in FLOORS.items()
        for number, row in enumerate(floors)
        for one in row.split()
    }
    assert [(name, there) for name, there in ARROWS if part(name) == part(there) and floor[there] >= floor[name]] == []


def test_the_engine_knows_no_app() -> None:
    """A model is a value that it is handed; who still imports one is listed by name."""
    knows = {
        name
        for name, there in ARROWS
        if there.startswith("models.")
        and not there.startswith("models.documents")
        and name.partition(".")[0] in ENGINE
        and not name.startswith("models")
    }
    assert knows == KNOW_A_MODEL


def test_a_command_has_one_name() -> None:
    """The file in `cli/` that defines a command bears its name."""
    for command in cli.list_commands(Context(cli)):
        name = command.replace("-", "_")
        module = f"cli.{name}_" if iskeyword(name) else f"cli.{name}"
        assert re.search(rf"^(def )?{name}_command(\(| = )", NAMES[module].read_text("utf-8"), re.M), command


def test_sqlite_is_spoken_to_in_two_modules_and_only_one_renames() -> None:
    """Side effects sit at the edges."""
    for path in modules():
        text = path.read_text("utf-8")
        name = path.relative_to(PACKAGE).as_posix()
        assert name in ("sqlite.py", "sqlite_query.py") or (
            "import apsw" not in text and "import sqlite3" not in text
        ), name
        assert name == "files.py" or ("os.rename" not in text and "os.replace" not in text), name


def test_nothing_below_the_command_line_prints() -> None:
    """A library returns values."""
    for path in modules():
        if part(name_of(path)) not in ("cli", "__main__"):
            calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
            assert not [one for one in calls if isinstance(one.func, ast.Name) and one.func.id == "print"], path


def test_only_targets_know_which_kind_a_target_is() -> None:
    """Elsewhere a target is asked what it does, never what it is; a table of checks by kind is no such question."""
    wrong = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in modules()
        if not name_of(path).startswith("targets")
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Compare) and "target.kind" in ast.unparse(node))
        or (
            isinstance(node, ast.Call)
            and re.match(r"isinstance\(.*\btarget\b,|hasattr\(.*\btarget\b,", ast.unparse(node))
        )
    }
    assert wrong == set()


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


_PACKAGES = {"markdown_it": "markdown_it_py"}
"""Modules of others whose package has another name."""


def test_nothing_is_imported_that_is_not_declared() -> None:
    """What another package happens to bring along may be gone with its next version."""
    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["mcp"], *extras["semantic"], *extras["ui"]]
    names = {re.split(r"[>=<; \[]", one)[0].replace("-", "_").lower() for one in declared}
    names |= {one.removesuffix("_py") for one in names}  # markdown-it-py is imported as markdown_it
    wrong = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in modules()
        for name in foreign(path)
        if _PACKAGES.get(name, name.lower())
        not in names | {"fastembed"}  # the owner's own choice of a model; asked for by name
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


def test_nothing_compares_a_kind_of_source_with_a_name() -> None:
    """What differs between kinds is asked of their objects; only the folder of a kind knows its names."""
    names = {name for one in registry.SOURCES for name in (one.kind, one.dialect)}
    own = {NAMES[type(one).__module__.removeprefix("pjais.")].parent for one in registry.SOURCES}
    wrong = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if path.parent not in own
        for node in ast.walk(tree(path))
        if compares(node, names)
    }
    assert wrong == {
        "models/persona/mappings/__init__.py",  # what a dialect means is the model's
        "web/actions.py",  # the kind of a store, not of a source
    }


def compares(node: ast.AST, names: set[str]) -> bool:
    """Return whether an expression compares a kind or a dialect with a name, or is a set of such names."""
    if isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
        parts = [node.func.value, *node.args]
    elif isinstance(node, ast.Set | ast.Tuple):
        values = {one.value if isinstance(one, ast.Constant) else None for one in node.elts}
        return len(values) > 1 and values <= names
    else:
        return False
    inner = [one for part in parts for one in getattr(part, "elts", [part])]
    found = {one.value for one in inner if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return bool(found & names) and any(re.search(r"\b(kind|dialect)\b", ast.unparse(part)) for part in parts)
