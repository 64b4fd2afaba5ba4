"""docs/guides.md: every name of the two guides is on the page, and what it maps to is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from guide_names import NAMES
from pjais.cli import cli
from pjais.errors import all_errors
from pjais.models.persona.events import EVENTS
from pjais.models.persona.model import MODEL

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "guides.md"
_CODE = re.compile(r"`([^`]+)`")
CHECKED = (
    re.compile(r"pjais[. ]\S"),
    re.compile(r"MIGRATION_\d+"),
    re.compile(r"v\d\.\w+"),
    re.compile(r"make \S+"),
    re.compile(r"(?:src|tests|docs)/\S+"),
)


class Row(NamedTuple):
    """A line of one of the page's tables."""

    guide: str
    line: int
    name: str
    ours: str


def page_rows() -> Iterator[Row]:
    guide = ""
    for text in PAGE.read_text("utf-8").splitlines():
        if match := re.fullmatch(r"\| guide ([AB]) \| line \| here \|", text):
            guide = match[1]
        elif text.startswith("#"):
            guide = ""
        elif guide and (match := re.fullmatch(r"\| (.+) \| (\d+) \| (.+) \|", text)):
            name = match[1]
            yield Row(
                guide, int(match[2]), name.strip("`") if name.count("`") == 2 and name[0] == "`" else name, match[3]
            )


ROWS = list(page_rows())


def references(ours: str) -> list[str]:
    """What the right side names and can be looked for."""
    return [one for one in _CODE.findall(ours) if any(kind.match(one) for kind in CHECKED)]


def test_every_name_of_the_guides_is_on_the_page() -> None:
    """With its guide and its line, once."""
    there = [(row.guide, row.line, row.name) for row in ROWS]
    assert sorted(there) == sorted(NAMES)
    assert len(set(there)) == len(there) > 200


def test_every_name_maps_to_something() -> None:
    """At least one import path, command, code, event or file; few are the app's own or asked of a person."""
    without = [row.name for row in ROWS if not references(row.ours)]
    assert without == []


@pytest.mark.parametrize("ours", sorted({one for row in ROWS for one in references(row.ours)}))
def test_what_a_name_maps_to_exists(ours: str) -> None:
    if ours.startswith("pjais "):
        _command(ours.split()[1:])
    elif ours.startswith("pjais."):
        assert _imported(ours) is not None
    elif ours.startswith("MIGRATION_"):
        assert ours in {error.code for error in all_errors()}
    elif ours.startswith("make "):
        assert re.search(rf"^{ours.split()[1]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    elif "/" in ours:
        assert (ROOT / ours).exists()
    else:
        assert ours in {event.name for event in EVENTS}


def test_the_options_that_a_row_names_belong_to_its_command() -> None:
    """`pjais migrate` with `--to livestore`: an option stands behind a command that has it."""
    for row in ROWS:
        command: click.Command | None = None
        for one in _CODE.findall(row.ours):
            if one.startswith("pjais "):
                command = _command(one.split()[1:])
            elif one.startswith("--"):
                assert command is not None, row
                options = {name for parameter in command.params for name in parameter.opts}
                assert one.split()[0] in options, row


def _command(words: list[str]) -> click.Command:
    command: Any = cli
    for word in words:
        context = click.Context(command)
        command = command.get_command(context, word)
        assert command is not None, words
    assert isinstance(command, click.Command)
    return command


def _imported(path: str) -> object:
    """A module, or an attribute of one, as deep as it goes."""
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            found = getattr(found, name)
        return found
    raise AssertionError(path)


def test_the_versions_are_those_of_the_program() -> None:
    """The table of versions names the schema that is written."""
    text = PAGE.read_text("utf-8")
    (line,) = re.findall(r"^\| schema of the store .*$", text, re.MULTILINE)
    assert re.search(rf"\b{MODEL.schema_version} by", line)
