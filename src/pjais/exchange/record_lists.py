"""Write the records of a list into one file, piece by piece: CSV, JSON or Markdown.

CSV and JSON hold every field as `pjais export` names it, each value as it is; Markdown is for reading.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pjais import canonical

FORMATS = {"csv": "text/csv", "json": "application/json", "markdown": "text/markdown"}
"""The formats, and the media type of each."""
SUFFIXES = {"csv": "csv", "json": "json", "markdown": "md"}

Document = Mapping[str, Any]
_FACTS = ("type", "memoryTier", "importance", "tags", "createdAt", "updatedAt", "id")


def written(shape: str, names: Sequence[str], documents: Iterable[Document]) -> Iterator[str]:
    """Yield the text of a file in one of `FORMATS`; `names`: the fields, in their order."""
    return {"csv": _csv, "json": _json, "markdown": _markdown}[shape](names, documents)


def plain(value: Any) -> str:
    """Return a value as the text of a cell: nothing for None, yes or nothing for a flag, JSON for what is no text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    return value if isinstance(value, str) else canonical.dumps(value)


def _csv(names: Sequence[str], documents: Iterable[Document]) -> Iterator[str]:
    yield csv_line(names)
    for document in documents:
        yield csv_line([plain(document.get(name)) for name in names])


def csv_line(cells: Sequence[str]) -> str:
    """Return a row of a CSV file, with its line end; each cell is as it is."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def _json(_: Sequence[str], documents: Iterable[Document]) -> Iterator[str]:
    """Yield an object whose `records` are those of `--json` lists, and their `count` at the end."""
    yield '{"code":"done","records":['
    count = 0
    for document in documents:
        yield f"{',' if count else ''}\n{canonical.dumps(document)}"
        count += 1
    yield f'\n],"count":{count}}}\n'


def _markdown(names: Sequence[str], documents: Iterable[Document]) -> Iterator[str]:
    """Yield a section for each record: its name, its content, and what is known of it."""
    yield "# Memories\n"
    for document in documents:
        content = document.get("content")
        body = content if isinstance(content, str) else f"```json\n{canonical.dumps(content)}\n```"
        title = " ".join(str(document.get("name") or document.get("summary") or "Memory").split())
        facts = [f"- {name}: {plain(document[name])}" for name in _FACTS if name in names and document.get(name)]
        yield f"\n## {title}\n\n{body}\n\n" + "\n".join(facts) + "\n"
