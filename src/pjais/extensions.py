"""Source kinds, targets, models and exporters that other packages add, by entry points (`docs/extending.md`).

    [project.entry-points."pjais.sources"]      an object that is a `Source` (`pjais.sources.contract`)
    [project.entry-points."pjais.targets"]      a class that is a `Target`, usually a `FolderTarget`
    [project.entry-points."pjais.models"]       an object that is a `pjais.core.model.Model`
    [project.entry-points."pjais.exporters"]    a function that is an `Exporter`

The name of the entry point is the kind's, the target's or the format's name.  They are loaded on demand; one
that cannot be loaded is an error that names its package, never ignored.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pjais.errors import UsageError

if TYPE_CHECKING:
    from pjais.core.model import Model

Documents = Iterable[tuple[str, dict[str, Any]]]
"""(list of our export: personas, memories, ..., document in our export's form), list by list."""

Exporter = Callable[[Documents, Callable[[str], object]], None]
"""Takes every document of a store and a function that writes text."""


@cache
def _found(group: str) -> dict[str, Any]:
    if not _is_any_installed():
        return {}
    from importlib.metadata import entry_points

    return {one.name: one for one in entry_points(group=f"pjais.{group}")}


@cache
def _is_any_installed() -> bool:
    """Return whether any installed package may add something, by a scan of the package directories.

    `importlib.metadata` reads all of them, and takes longer to import than a search; it is used only if a package
    mentions us, or if packages are not in directories.
    """
    if any(hasattr(one, "find_distributions") and one is not PathFinder for one in sys.meta_path):
        return True
    for place in sys.path:
        try:
            names = os.listdir(place or ".")  # noqa: PTH208 - for very many
        except NotADirectoryError:  # an archive
            return True
        except OSError:
            continue
        for name in names:
            if name.lower().endswith(("dist-info", "egg-info")) and _adds(f"{place or '.'}/{name}/entry_points.txt"):
                return True
    return False


def _adds(entry_points: str) -> bool:
    """Return whether a package's list of entry points has any of ours."""
    try:
        with open(entry_points, "rb") as file:  # noqa: PTH123 - for very many
            return b"[pjais." in file.read()
    except OSError:
        return False


@cache
def loaded(group: str, name: str) -> Any:
    """Return the object of an entry point.  Raises UsageError if it cannot be loaded."""
    try:
        return _found(group)[name].load()
    except Exception as error:
        raise UsageError(
            f"the extension {name} cannot be loaded: {type(error).__name__}: {error}",
            where=[f"entry point pjais.{group}: {_found(group)[name].value}"],
            advice="uninstall or repair the package that adds it",
            next_command="pip list",
        ) from error


def names(group: str) -> tuple[str, ...]:
    """Return the names of all extensions of a group: sources, targets, models or exporters."""
    return tuple(sorted(_found(group)))


def versions(group: str) -> tuple[str, ...]:
    """Return the name, object and version of all extensions of a group."""
    return tuple(
        f"{name} {one.value} {one.dist.version if one.dist else ''}" for name, one in sorted(_found(group).items())
    )


def target(name: str) -> Callable[[Path], object] | None:
    """Return what makes an added target of this name at a location, or None."""
    found: Callable[[Path], object] | None = loaded("targets", name) if name in _found("targets") else None
    return found


def exporter(name: str) -> Exporter | None:
    """Return the added exporter of this name, or None."""
    found: Exporter | None = loaded("exporters", name) if name in _found("exporters") else None
    return found


def model(name: str) -> Model | None:
    """Return the added model of this name, or None."""
    found: Model | None = loaded("models", name) if name in _found("models") else None
    return found
