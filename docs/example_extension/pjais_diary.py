"""An example of an extension: a diary of plain text as a source, Markdown files as a target, CSV as an export.

A diary is a file that begins with the line `# diary of <name>`; every further line that is not empty is an entry:
`2025-03-01 went to the harbour`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pjais import Document, Piece, Snapshot, Unreadable

_HEAD = "# diary of "
Documents = Iterable[tuple[str, dict[str, Any]]]


class Diary:
    """The source kind `diary`: one persona for the writer, one memory for each entry."""

    like = "json"

    def find(self, folder: Path) -> Iterable[Path]:
        """Text files whose first line says so."""
        return [path for path in folder.rglob("*.txt") if path.read_text("utf-8", "replace").startswith(_HEAD)]

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
            memory = {
                "id": key,
                "personaId": persona,
                "type": "entry",
                "content": text,
                "createdAt": f"{day}T00:00:00.000Z",
            }
            yield Document("memories", key, f"line {number}", memory)


class Markdown:
    """The target `markdown`: a file for each record, its document below its text."""

    def write(self, documents: Documents, folder: Path) -> None:
        """One file a record, numbered, since an id may be no file name."""
        for number, (name, document) in enumerate(documents):
            text = document.get("content") or document.get("name") or ""
            body = json.dumps(document, ensure_ascii=False, sort_keys=True)
            file = folder / f"{number:08}-{name}.md"
            file.write_text(f"{text}\n\n```json\n{body}\n```\n", "utf-8", "surrogatepass")

    def read(self, folder: Path) -> Documents:
        """The documents again, for the proof."""
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


source = Diary()
target = Markdown()
