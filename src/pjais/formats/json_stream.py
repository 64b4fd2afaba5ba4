"""Stream the values of a JSON file in constant memory.

The C decoder of the standard library reads one array element or one member at a time from a sliding window over the
file's text.  The decoder accepts what JavaScript programs write (NaN, lone surrogate escapes) and keeps integers of
any size.  The end of an unreadable element is found by counting brackets, so that only this element is lost; a
truncated file loses only its last piece.  A file may hold several values, one after the other, as `console.log` and
`cat` produce them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

from pjais import canonical

_WINDOW = 1 << 18
"""Block size in bytes, small enough for the processor's cache."""

_FIRST = 1 << 14
"""Size of the first block after a move: not much may be read there."""

_AHEAD = 1 << 16
"""Characters of an object that are searched for its keys."""

_BETWEEN = frozenset("\ufeff\x1e")
"""Separators between the values of a file besides white space: the BOM of the next one, a record separator."""

_SPACE_OR_END = frozenset(" \t\n\r") | {""}
_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]|"', re.DOTALL)
_SCALAR_END = re.compile(r"[,\]}\s]")
_BAD_BYTE = re.compile("[\udc80-\udcff]")


class Malformed(Exception):
    """The text at this place is not JSON."""


class Cut(Malformed):
    """The file ends with a piece that was given as Broken already: nothing else is lost."""


class Value(NamedTuple):
    """One decoded value with the byte where it begins.

    `text` is its JSON text where a key occurs twice in one object; `bad_bytes` tells that it holds bytes
    that are not UTF-8 (each kept as U+DC80-U+DCFF).  `raw` is its text as the file has it, where it was asked for.
    """

    value: Any
    place: int
    text: str | None = None
    bad_bytes: bool = False
    raw: str | None = None


_value = Value._make  # less work than calling the class


class Broken(NamedTuple):
    """A piece that cannot be decoded, as raw bytes."""

    raw: bytes
    place: int
    reason: str


class JsonStream:
    """A cursor over one JSON file.  Use as a context manager; every method moves forward only.

    `source`: its path, or a stream that is read from its beginning.  `raw`: each value comes with its text as the file
    has it.
    """

    def __init__(self, source: Path | BinaryIO, window: int = _WINDOW, *, raw: bool = False) -> None:
        self._file: BinaryIO = source.open("rb") if isinstance(source, Path) else source
        self._window = self._step = window
        self._text = ""
        self._at = 0
        self._mark = (0, 0)
        self._pending = b""
        self._ended = False
        self._lost_end = False
        self._doubled = False
        self.raw = raw
        self._decode = json.JSONDecoder(object_pairs_hook=self._object).raw_decode
        if (head := self._file.read(3)) == b"\xef\xbb\xbf":
            self._mark = (0, len(head))
        else:
            self._pending = head

    def __enter__(self) -> JsonStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._text = ""  # the decoder holds the stream, and a run has no garbage collector

    def move(self, at: int) -> None:
        """Go on at a later byte of the file, where a character begins."""
        self._file.seek(at)
        self._text, self._at, self._mark = "", 0, (0, at)
        self._pending, self._ended, self._step = b"", False, _FIRST

    def peek(self) -> str:
        """The next character that is not white space, or '' at the end; the cursor stays before it."""
        while True:
            if (character := self._text[self._at : self._at + 1]) and character not in " \t\n\r":
                return character
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def expect(self, character: str) -> None:
        """Step over one character.  Raises Malformed if another one is there; Cut at the end of a cut file."""
        found = self.peek()
        if not found and self._lost_end:
            raise Cut("the file ends with a broken value")
        if found != character:
            raise Malformed(f"{character!r} expected at byte {self.place}, found {found or 'the end'!r}")
        self._at += 1

    def another(self) -> bool:
        """Step over what separates two values of one file; return whether an object or array begins there."""
        while (found := self.peek()) in _BETWEEN:
            self._at += 1
        return found in ("{", "[")

    def keys_ahead(self) -> list[str]:
        """The keys of the object at the cursor, as far as the next 64 K characters show them; the cursor stays."""
        self.peek()
        if self._at * 2 > len(self._text):
            self._slide()
        while len(self._text) - self._at < _AHEAD and self._more():
            pass
        return canonical.top_keys(self._text[self._at : self._at + _AHEAD])

    @property
    def place(self) -> int:
        """The byte offset of the cursor; counted on from where it was last asked."""
        index, byte = self._mark
        if index != self._at:
            byte += _byte_length(self._text[index : self._at])
            self._mark = (self._at, byte)
        return byte

    def members(self) -> Iterator[str]:
        """The keys of the object at the cursor; the caller consumes each value before the next key."""
        self.expect("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                raise Malformed(f"a key expected at byte {self.place}")
            key = self.value()
            if isinstance(key, Broken):
                raise Malformed(f"a broken key at byte {key.place}")
            self.expect(":")
            yield key.value
            if self.peek() == "}":
                self._at += 1
                return
            self.expect(",")

    def items(self) -> Iterator[Value | Broken]:
        """The elements of the array at the cursor.  Stops after a Broken that reaches to the end."""
        self.expect("[")
        if self.peek() == "]":
            self._at += 1
            return
        value = self.value
        while True:
            yield value()
            if self._text[self._at : self._at + 1] == ",":
                self._at += 1
                continue
            if self.peek() == "]":
                self._at += 1
                return
            self.expect(",")

    def elements(self) -> Iterator[None]:
        """Like `items`, but the caller consumes each element itself."""
        self.expect("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield
            if self.peek() == "]":
                self._at += 1
                return
            self.expect(",")

    def value(self) -> Value | Broken:
        """Decode the value at the cursor, or pass over it as Broken."""
        if self._text[self._at : self._at + 1] in _SPACE_OR_END:
            self.peek()
        if self._at * 2 > len(self._text):
            self._slide()
        while True:
            text, at = self._text, self._at
            self._doubled = False
            try:
                value, end = self._decode(text, at)
            except json.JSONDecodeError as error:
                if self._might_be_cut(error) and self._more():
                    continue
                return self._skip(error.msg)
            except RecursionError:
                return self._skip("nested too deeply")
            except ValueError:
                return self._skip("an integer of too many digits")
            if end == len(text) and self._more():
                continue
            brackets = text.count("[", at, end) + text.count("{", at, end)
            if brackets > canonical.DEPTH and canonical.deeper_than(text[at:end]):
                return self._skip("nested too deeply")
            return self._found(value, end)

    def rest(self, reason: str) -> Broken | None:
        """Everything from the cursor to the end, as one broken piece; None if only white space is left."""
        if self.peek() == "":
            return None
        place = self.place
        while self._more():
            pass
        raw = _encode(self._text[self._at :])
        self._at = len(self._text)
        return Broken(raw, place, reason)

    def _found(self, value: Any, end: int) -> Value:
        text, start = self._text, self._at
        ascii_only = text.isascii()
        index, byte = self._mark
        place = byte + start - index if ascii_only else self.place
        self._at, self._mark = end, (start, place)
        bad_bytes = not ascii_only and _BAD_BYTE.search(text, start, end) is not None
        if not self.raw and not self._doubled:
            return _value((value, place, None, bad_bytes, None))
        raw = text[start:end]
        return _value((value, place, raw if self._doubled else None, bad_bytes, raw if self.raw else None))

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            self._doubled = True
        return made

    def _might_be_cut(self, error: json.JSONDecodeError) -> bool:
        """Return whether reading on could turn this error into a value."""
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - 16

    def _skip(self, reason: str) -> Broken:
        """Pass over one unreadable value by counting brackets outside of strings."""
        place = self.place
        while (end := self._end_of_value()) is None:
            if not self._more():
                end = len(self._text)
                break
        raw = _encode(self._text[self._at : end])
        self._at = end
        self._lost_end = self.peek() == ""
        return Broken(raw, place, reason)

    def _end_of_value(self) -> int | None:
        depth = 0
        if self._text[self._at : self._at + 1] not in ("{", "[", '"'):
            found = _SCALAR_END.search(self._text, self._at)
            return found.start() if found else None
        for token in _TOKEN.finditer(self._text, self._at):
            mark = token[0]
            if mark == '"':
                return None
            if mark in "[{":
                depth += 1
            elif mark in "]}":
                depth -= 1
            if depth <= 0:
                return token.end()
        return None

    def _slide(self) -> None:
        """Drop the text before the cursor."""
        self._mark = (0, self.place)
        self._text = self._text[self._at :]
        self._at = 0

    def _more(self) -> bool:
        """Read on; the window doubles while one value does not fit in it."""
        if self._ended:
            return False
        chunk = self._file.read(max(self._step, len(self._text)))
        self._step = min(2 * self._step, self._window)
        self._ended = not chunk
        data = self._pending + chunk
        cut = 0 if self._ended else _unfinished(data)
        self._pending = data[len(data) - cut :]
        self._text += data[: len(data) - cut].decode("utf-8", "surrogateescape")
        return not self._ended or bool(data)


def _unfinished(data: bytes) -> int:
    """Return how many bytes at the end begin a UTF-8 character that the next chunk completes."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        need = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return back if need > back else 0
    return 0


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _byte_length(text: str) -> int:
    return len(text) if text.isascii() else len(_encode(text))
