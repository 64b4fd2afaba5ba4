"""An example of an extension: three kinds of source, Markdown files as a target, CSV as an export.

A diary is a file that begins with the line `# diary of <name>`; every further line that is not empty is an entry:
`2025-03-01 went to the harbour`.  A notebook is a folder of Markdown files, a scrapbook one in a zip file.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pjais import Document, Piece, Snapshot, Unreadable
from pjais.sources.contract import File, Source
from pjais.sources.walk import Listing
from pjais.targets.documents import Documents
from pjais.targets.folder.target import FolderTarget

_HEAD, _BOOK = "# diary of ", "# notebook of "


class Diary(Source):
    """The source kind `diary`, a file: one persona for the writer, one memory for each entry."""

    names = ("*.txt",)

    def is_file(self, file: File) -> bool:
        """Text files whose first line says so."""
        return file.head.startswith(_HEAD.encode())

    def read(self, snapshot: Snapshot) -> Iterator[Piece]:
        """The persona, then the entries in their order; a line that is no entry is named."""
        lines = snapshot.path.read_text("utf-8", "replace").splitlines()
        name = lines[0].removeprefix(_HEAD).strip()
        persona = f"diary:{name}"
        yield Document("personas", persona, "line 1", {"id": persona, "name": name})
        for number, line in enumerate(lines[1:], 2):
            day, _, text = line.partition(" ")
            if not line.strip():
                continue
            if len(day) != 10 or not text:
                yield Unreadable("memories", f"line {number}", line.encode(), "not a day and a text")
                continue
            key = f"{persona}:{number}"
            yield Document("memories", key, f"line {number}", _memory(key, persona, text, f"{day}T00:00:00.000Z"))


class Notebook(Source):
    """The source kind `notebook`, a folder: `notebook.txt` names the writer, each Markdown file is a note."""

    def is_folder(self, folder: Listing) -> bool:
        """Folders with a file that says so."""
        return folder.has("notebook.txt") and folder.at("notebook.txt").read_bytes().startswith(_BOOK.encode())

    def read(self, snapshot: Snapshot) -> Iterator[Piece]:
        """The persona, then the notes by their paths; `snapshot.path` is the copy of the folder."""
        name = (snapshot.path / "notebook.txt").read_text("utf-8", "replace").removeprefix(_BOOK).strip()
        persona = f"notebook:{name}"
        yield Document("personas", persona, "notebook.txt", {"id": persona, "name": name})
        for path in sorted(snapshot.path.rglob("*.md")):
            yield _note(persona, path.relative_to(snapshot.path).as_posix(), path.read_bytes())


class Scrapbook(Source):
    """The source kind `scrapbook`, an archive: a notebook in a zip file."""

    names = ("*.zip",)

    def is_file(self, file: File) -> bool:
        """Zip files with a `notebook.txt` in them."""
        if not file.head.startswith(b"PK") or not zipfile.is_zipfile(file.path):
            return False
        with zipfile.ZipFile(file.path) as archive:
            return "notebook.txt" in archive.namelist()

    def read(self, snapshot: Snapshot) -> Iterator[Piece]:
        """The persona, then the notes by their names."""
        try:
            with zipfile.ZipFile(snapshot.path) as archive:
                name = archive.read("notebook.txt").decode("utf-8", "replace").removeprefix(_BOOK).strip()
                persona = f"notebook:{name}"
                yield Document("personas", persona, "notebook.txt", {"id": persona, "name": name})
                for note in sorted(one for one in archive.namelist() if one.endswith(".md")):
                    yield _note(persona, note, _member(archive, note))
        except (zipfile.BadZipFile, KeyError) as error:
            yield Unreadable("$file", "byte 0", b"", f"not a whole archive: {error}")


def _member(archive: zipfile.ZipFile, name: str) -> bytes | None:
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return None


def _note(persona: str, name: str, data: bytes | None) -> Piece:
    key = f"{persona}:{name}"
    try:
        return Document("memories", key, name, _memory(key, persona, (data or b"\xff").decode("utf-8")))
    except UnicodeDecodeError as error:
        return Unreadable("memories", name, data or b"", f"not a text: {error}")


def _memory(key: str, persona: str, text: str, at: str | None = None) -> dict[str, Any]:
    return {"id": key, "personaId": persona, "type": "entry", "content": text, "createdAt": at}


class Markdown(FolderTarget):
    """The target `markdown`: a file for each record, its document below its text."""

    kind = "markdown"

    def write_documents(self, documents: Documents, folder: Path) -> None:
        """One file a record, numbered, since an id may be no file name."""
        for number, (name, document) in enumerate(documents):
            text = document.get("content") or document.get("name") or ""
            body = json.dumps(document, ensure_ascii=False, sort_keys=True)
            file = folder / f"{number:08}-{name}.md"
            file.write_text(f"{text}\n\n```json\n{body}\n```\n", "utf-8", "surrogatepass")

    def read_documents(self, folder: Path) -> Documents:
        """The documents again, in the order in which they were written, for the proof."""
        for file in sorted(folder.glob("*.md")):
            body = file.read_text("utf-8", "surrogatepass").rsplit("\n```json\n", 1)[1].removesuffix("\n```\n")
            yield file.stem.partition("-")[2], json.loads(body)


def export_csv(documents: Documents, write: Callable[[str], object]) -> None:
    """The exporter `csv`: the memories, one line each."""
    for row in [("id", "persona", "type", "content")]:
        write(_line(row))
    for name, document in documents:
        if name == "memories":
            content = document["content"]
            text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
            write(_line((document["id"], document["personaId"], document["type"], text)))


def _line(values: tuple[Any, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue()


diary, notebook, scrapbook = Diary(), Notebook(), Scrapbook()
