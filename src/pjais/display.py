"""Format counts and texts: nothing in a document may control the terminal on which it is shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun; `many` is needed if the plural is more than a final `s`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def size(count: int) -> str:
    """Return a number of bytes for people."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return ""


_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff"
"""C0 without tab and line ends, DEL, C1 (U+009B begins an escape sequence as ESC does), halves of a character."""
_FORMAT = (
    r"\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    r"\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
"""Format controls: characters that change the direction of text, break lines or are invisible.  Not the joiners
U+200C and U+200D, which join letters of Persian and Hindi and the pieces of an emoji, and control nothing."""
_RAW = rf"[{_CONTROLS}\u202a-\u202e\u2066-\u2069]|\r(?!\n)"
_SHOWN = rf"[{_CONTROLS}{_FORMAT}]|\r(?!\n)"
_LINE = rf"[{_CONTROLS}{_FORMAT}\t\n\r]"
"""Patterns as text, which `re` compiles on first use and remembers: plain ASCII needs none of them."""


def visible(text: str, *, keep_format: bool = False) -> str:
    r"""Return a text of several lines with its control characters written out, as JSON writes them (`\u001b`).

    So JSON stays the same JSON.  With `keep_format` only characters that control a terminal or change the direction of
    all following text are written out: for data read by a program.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return re.sub(_RAW if keep_format else _SHOWN, _escape, text)


def one_line(value: object) -> str:
    """Return a value as one line that cannot control a terminal or change the direction of later text."""
    text = str(value)
    return text if text.isascii() and text.isprintable() else re.sub(_LINE, _escape, text)


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number > 0xFFFF:
        number -= 0x10000
        return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
    return f"\\u{number:04x}"


def snake(name: str) -> str:
    """Return a field's name in snake_case, as the store, tables and CSV have it; camelCase is that of JSON."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def width(text: str) -> int:
    """Return the columns of a terminal that a text takes."""
    return len(text) if text.isascii() else sum(widths(text))


def widths(text: str) -> Iterator[int]:
    """Yield the columns of each character: marks and joiners take none, nor a symbol that is joined to an emoji."""
    for one, before in zip(text, f" {text}", strict=False):
        category = unicodedata.category(one)
        if one == "\ufe0f":  # makes the narrow symbol before it a wide one
            yield int(unicodedata.east_asian_width(before) not in "WF")
        elif category in ("Mn", "Me", "Cf") or (before == "\u200d" and category == "So"):
            yield 0
        else:
            yield 2 if unicodedata.east_asian_width(one) in "WF" else 1


PHASES = {
    "back up": "Backup",
    "check the backup": "Check backup",
    "read and write": "Import",
    "restore": "Restore",
    "export": "Export",
    "index": "Build indexes",
    "indexes": "Build indexes",
    "search index": "Build indexes",
    "write the log": "Write log",
    "verify": "Verify",
    "cut over": "Cut over",
}
"""The phases of a run as people see them, by the names that a report and a progress callback have."""

IN_BYTES = frozenset({"back up", "check the backup", "read and write", "restore"})
"""Phases whose progress is in bytes where its total is known; that of others, and without a total, is in records."""


def phase(name: str) -> str:
    """Return the name of a phase for people."""
    return PHASES.get(name, name[:1].upper() + name[1:])


_URL_PASSWORD = r"(?i)(\b[a-z][a-z0-9+.-]+:/{1,2}[^\s:/@'\"]*):\S*@"
_QUERY_PASSWORD = r"(?i)([?&](?:password|passwd|sslpassword|token)=)[^&\s'\"]*"


def without_passwords(text: str) -> str:
    """Return a text in which the password of every URL is replaced by `***`.

    A URL that was taken for a path has lost one of its slashes.
    """
    return re.sub(_QUERY_PASSWORD, r"\1***", re.sub(_URL_PASSWORD, r"\1:***@", text))


def is_url(text: str) -> bool:
    """Return whether a text is a URL, and so no path (`C:\\...` is one)."""
    return re.match(r"(?i)[a-z][a-z0-9+.-]+:/{1,2}[^/]", text) is not None
