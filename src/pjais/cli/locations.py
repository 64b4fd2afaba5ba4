"""Paths of the command line, looked at before any work: what cannot be there is a wrong call, named at once."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from pjais import files
from pjais.display import is_url

_NAME = 255
"""Bytes of one name in a path, on every file system in use."""
_STORE_NAME = 180
"""Bytes of a store's name: what is built beside it and its side files have longer ones."""


if TYPE_CHECKING:
    _Kind = click.ParamType[Path]
else:
    _Kind = click.ParamType  # not generic before click 8.2


class PathArgument(_Kind):
    """A path to read: not empty, no URL, of a length that can exist."""

    name = "path"
    longest = _NAME
    completed = "file"
    """What a shell offers: files or folders."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Have the shell complete a path."""
        return [CompletionItem(incomplete, type=self.completed)]

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path.  Fails where there can be none of this name."""
        text = os.fsdecode(value) if isinstance(value, bytes | os.PathLike) else str(value)
        if text == "":
            self.fail("the path is empty", param, ctx)
        if "\0" in text:
            self.fail("a path cannot hold the character NUL", param, ctx)
        path = Path(text)
        if is_url(text) and not path.exists():
            self.fail(f"{text} is a URL, and a path of a file or folder is wanted", param, ctx)
        if any(len(os.fsencode(part)) > self.longest for part in path.parts) or len(os.fsencode(text)) > 4000:
            self.fail(f"a name in the path is too long (more than {self.longest} bytes): {_cut(text)}", param, ctx)
        try:
            path.resolve()
        except (OSError, RuntimeError) as error:
            if isinstance(error, RuntimeError) or error.errno == errno.ELOOP:
                self.fail(f"the links of {_cut(text)} lead in a circle", param, ctx)
        return path


class DataFolder(PathArgument):
    """The data folder, which need not be there yet."""

    completed = "dir"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path.  Fails where a file is in its place or in its way."""
        path = super().convert(value, param, ctx)
        there = path.absolute()
        with suppress(OSError):  # what cannot be entered is told by who enters it
            while not there.exists() and there != there.parent:
                there = there.parent
            if not there.is_dir():
                self.fail(f"{there} is a file, and no folder", param, ctx)
        return path


class OutputFile(PathArgument):
    """A file to write: in a folder that is there and can be written; no folder, device or pipe.

    A link is followed, so that the file behind it is written and the link stays.  `folders`: a folder is accepted, too.
    """

    folders = False

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path of the file itself."""
        path = super().convert(value, param, ctx)
        try:
            path = path.resolve() if path.is_symlink() else path
            kind = None if not path.exists() else "folder" if path.is_dir() else "file" if path.is_file() else "device"
        except (OSError, RuntimeError) as error:
            self.fail(
                f"{_cut(str(path))}: {getattr(error, 'strerror', None) or 'the links lead in a circle'}", param, ctx
            )
        if kind == "folder" and self.folders:
            self._check_writable(path, path, param, ctx)
            return path
        if kind == "folder":
            self.fail(f"{path} is a folder; name a file in it", param, ctx)
        if kind == "device":
            self.fail(f"{path} is no file but a device or a pipe; without this option, stdout is written", param, ctx)
        self._check_folder(path, param, ctx)
        return path

    def _check_folder(self, path: Path, param: click.Parameter | None, ctx: click.Context | None) -> None:
        folder = path.absolute().parent
        if not folder.exists():
            self.fail(f"the folder {_first_missing(folder)} does not exist", param, ctx)
        self._check_writable(path, folder, param, ctx)

    def _check_writable(
        self, path: Path, folder: Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> None:
        if not folder.is_dir():
            self.fail(f"{folder} is a file, and no folder", param, ctx)
        refused = files.refusal(folder, writing=True)
        if refused is not None:
            raise refused


class OutputOfAny(OutputFile):
    """A file, or a folder, to write."""

    folders = True


class OutputPlace(OutputFile):
    """A store or a folder to write; its missing folders are made."""

    longest = _STORE_NAME

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        path = PathArgument.convert(self, value, param, ctx)
        folder = path.absolute()
        try:
            while not folder.exists() and not folder.is_symlink():
                folder = folder.parent
        except OSError as error:
            self.fail(f"{folder}: {error.strerror}", param, ctx)
        if folder != path.absolute():
            self._check_writable(path, folder, param, ctx)
        return path


class OutputFolder(OutputPlace):
    """A folder to write; it and its missing parents are made."""

    longest = _NAME
    completed = "dir"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        path = super().convert(value, param, ctx)
        if path.exists() or path.is_symlink():
            self._check_writable(path, path.resolve(), param, ctx)
        return path


def _first_missing(folder: Path) -> Path:
    return next(one for one in (*reversed(folder.parents), folder) if not one.exists())


def _cut(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:60]}…{text[-20:]}"


PATH = PathArgument()
DATA_FOLDER = DataFolder()
OUTPUT_FILE = OutputFile()
OUTPUT_OF_ANY = OutputOfAny()
OUTPUT_PLACE = OutputPlace()
OUTPUT_FOLDER = OutputFolder()
