"""Turn the HTML of an answer into plain text that reads the same; the HTML itself is kept elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_APART = frozenset({"p", "pre", "ul", "ol", "table", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "dl"})
"""Blocks with a blank line before and after."""
_OF_TABLES = frozenset({"thead", "tbody", "tfoot", "tr", "caption"})
_OF_PAGES = frozenset({"address", "article", "aside", "div", "figure", "footer", "header", "main", "nav", "section"})
_BLOCKS = _APART | _OF_TABLES | _OF_PAGES | {"li", "dt", "dd", "details", "summary", "form", "figcaption"}
"""Elements that begin on a line of their own."""
_SILENT = frozenset({"script", "style", "template", "head"})


def text_of(html: str) -> str:
    """Return the text of HTML: blank lines between paragraphs, `- ` and `1. ` in lists, fences around code."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._lists: list[int | None] = []
        """For each open list the number of its next item; None for one without numbers."""
        self._silent = 0
        self._code = 0
        self._cells = 0

    def text(self) -> str:
        """Return what was read."""
        return "".join(self._out).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        if tag in _SILENT:
            self._silent += 1
        elif tag == "br":
            self._out.append("\n")
        elif tag in ("td", "th"):
            self._out.append(" | " if self._cells else "")
            self._cells += 1
        elif tag == "img":
            self._out.append(dict(attrs).get("alt") or "")
        elif tag in _BLOCKS:
            self._break(2 if tag in _APART and not (self._lists and tag in ("ul", "ol")) else 1)
            self._open(tag)

    def _open(self, tag: str) -> None:
        if tag == "pre":
            self._code += 1
            self._out.append("```\n")
        elif tag in ("ul", "ol"):
            self._lists.append(1 if tag == "ol" else None)
        elif tag == "tr":
            self._cells = 0
        elif tag == "li":
            number = self._lists[-1] if self._lists else None
            self._out.append("  " * (len(self._lists) - 1) + ("- " if number is None else f"{number}. "))
            if number is not None:
                self._lists[-1] = number + 1

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag == "pre" and self._code:
            self._code -= 1
            self._break(1)
            self._out.append("```")
            self._break(2)
        elif tag in _BLOCKS:
            if tag in ("ul", "ol") and self._lists:
                self._lists.pop()
            self._break(2 if tag in _APART and not self._lists else 1)

    def handle_data(self, data: str) -> None:
        """Take text; outside of code white space counts as one space, and none begins a line."""
        if self._silent:
            return
        if not self._code:
            data = re.sub(r"[ \t\r\n\f]+", " ", data)
            if self._at_line_start():
                data = data.lstrip(" ")
        self._out.append(data)

    def _at_line_start(self) -> bool:
        last = next((one for one in reversed(self._out) if one), "\n")
        return last.endswith(("\n", "- ", ". ", " "))

    def _break(self, lines: int) -> None:
        """End the line; with 2 leave a blank line.  At the beginning, and after a mark of a list, there is none."""
        while self._out and not self._out[-1].strip(" "):
            self._out.pop()
        if not self._out:
            return
        last = self._out[-1]
        if self._lists and re.fullmatch(r" *(?:-|\d+\.) ", last):
            return
        self._out[-1] = last = last.rstrip(" ")
        tail = "".join(self._out[-3:])
        held = len(tail) - len(tail.rstrip("\n"))
        self._out.append("\n" * max(0, lines - held))
