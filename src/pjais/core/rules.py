"""Rules for reading and writing each kind of value, one class per rule.

`read(raw)` returns the model's value.  It returns the bare value only if `emit(value)` would write `raw` again, to
the last bit and type; otherwise it wraps the value in `Changed`, and the original is kept with the record.  This
makes every document rebuildable.  A value that no rule can read is `Refused`.

`json_text` rules read SQLite columns that hold JSON as text; the others read JSON values as they are.
"""

from __future__ import annotations

import math
from typing import Any

from pjais import canonical

_INT64 = 1 << 63
_TEXTS = frozenset({str})


class Changed:
    """A value that had to change, or that deserves a note.

    `rule` names the finding (None: a difference of form only, kept but not reported); `keep` is true
    if the original must be kept.
    """

    __slots__ = ("keep", "level", "message", "rule", "value")

    def __init__(
        self, value: Any, rule: str | None = None, message: str = "", *, level: str = "repair", keep: bool = True
    ) -> None:
        self.value = value
        self.rule = rule
        self.message = message
        self.level = level
        self.keep = keep


class Refused:
    """A value that no rule can read; the record is rejected."""

    __slots__ = ("message", "rule")

    def __init__(self, rule: str, message: str) -> None:
        self.rule = rule
        self.message = message


class Rule:
    """Base class of all rules: an absent value becomes `default`."""

    default: Any = None
    ascii_as_is = False
    """True if `read` returns every non-empty ASCII text unchanged."""

    def read(self, raw: Any) -> Any:
        """Return the model's value of a raw one: bare, `Changed` or `Refused`."""
        raise NotImplementedError

    def emit(self, value: Any) -> Any:
        """Return the raw value for which `read` returns `value`."""
        return value


def _well_formed(raw: str) -> str | Changed:
    if raw.isascii() or canonical.encodable(raw):
        return raw
    return Changed(
        canonical.replace_surrogates(raw), "text-not-unicode", "text that is not valid Unicode, shown with U+FFFD"
    )


class Text(Rule):
    """A text, or null where the target allows it."""

    ascii_as_is = True

    def read(self, raw: Any) -> Any:
        """Turn scalars into text and lone surrogates into U+FFFD; refuse lists and objects."""
        if type(raw) is str:
            return _well_formed(raw)
        if raw is None:
            return self._null()
        if isinstance(raw, bool | int | float):
            return Changed(canonical.dumps(raw), "not-text", "a number or truth value where text belongs")
        if isinstance(raw, bytes):
            text = raw.decode("utf-8", "surrogateescape")
            return Changed(canonical.replace_surrogates(text), "not-text", "bytes where text belongs")
        return Refused("wrong-type", "a list or object where text belongs")

    def _null(self) -> Any:
        return None


class RequiredText(Text):
    """A text for a NOT NULL column: an absent one becomes '', and its absence is recorded."""

    default = ""

    def _null(self) -> Any:
        return Changed("", "absent-text", "no text; stored as empty")


class Tier(Text):
    """A memory's tier: any text; absent is the source's default."""

    def __init__(self, default: str) -> None:
        self.default = default

    def _null(self) -> Any:
        return Changed(self.default)


class Id(Rule):
    """A record's own id: text, or a number that becomes text."""

    ascii_as_is = True

    def read(self, raw: Any) -> Any:
        """Refuse what cannot identify a record: null, empty, neither text nor number, invalid Unicode."""
        if type(raw) is str and raw and canonical.encodable(raw):
            return raw
        if type(raw) is int or (type(raw) is float and raw.is_integer()):
            return Changed(str(int(raw)), "id-number", "a number as id, kept as text")
        return Refused("no-id", "no usable id")


class IntegerId(Rule):
    """An id from a table with INTEGER keys, kept as text."""

    def read(self, raw: Any) -> Any:
        """Turn `12` into `"12"`; keep text ids as they are."""
        if type(raw) is int:
            return str(raw)
        if type(raw) is str and raw and canonical.encodable(raw):
            return Changed(raw)
        return Refused("no-id", "no usable id")

    def emit(self, value: Any) -> Any:
        """Return the integer again if the text is one."""
        try:
            number = int(value)
        except ValueError:
            return value
        return number if str(number) == value else value


class Reference(Rule):
    """The id of another record, or null."""

    ascii_as_is = True

    def read(self, raw: Any) -> Any:
        """Read null as no reference, and a number as text, like the id that it refers to."""
        if raw is None or (type(raw) is str and canonical.encodable(raw)):
            return raw
        if type(raw) is int or (type(raw) is float and raw.is_integer()):
            return Changed(str(int(raw)), "id-number", "a number as reference, kept as text")
        return Refused("wrong-type", "a reference that is no id")


class IntegerReference(IntegerId):
    """A reference to a table with INTEGER keys, or null."""

    def read(self, raw: Any) -> Any:
        """Turn `12` into `"12"`; read null as no reference."""
        return None if raw is None else super().read(raw)

    def emit(self, value: Any) -> Any:
        """Return the integer again."""
        return None if value is None else super().emit(value)


class Truth(Rule):
    """True or false; `numeric` sources write 1 and 0."""

    def __init__(self, *, numeric: bool, default: bool = False) -> None:
        self.default = default
        self._plain = {1: True, 0: False} if numeric else {True: True, False: False}
        self._type = int if numeric else bool
        self._numeric = numeric

    def read(self, raw: Any) -> Any:
        """Accept 1/0, 'true'/'false' and '1'/'0' too, as earlier programs wrote them."""
        if type(raw) is self._type and raw in self._plain:
            return bool(raw)
        if raw is None:
            return Changed(self.default)
        text = str(raw).lower() if isinstance(raw, str | int) else ""
        if text in ("true", "1", "false", "0"):
            return Changed(text in ("true", "1"), "truth-form", "a truth value in another form")
        return Refused("wrong-type", "not a truth value")

    def emit(self, value: Any) -> Any:
        """Return 1/0 or true/false, as the source writes it."""
        return int(value) if self._numeric else value


class Number(Rule):
    """A number on the model's scale; `whole` ones are counters.  `limits` only lead to a note."""

    def __init__(
        self, default: int | None, *, whole: bool = False, limits: tuple[int, int] | None = None, real: bool = False
    ) -> None:
        self.default = default
        self._whole = whole
        self._limits = limits
        self._real = real

    def read(self, raw: Any) -> Any:
        """Read numbers and numeric text.  0 is a value; non-finite numbers and other text are never guessed at."""
        if type(raw) is int and -_INT64 <= raw < _INT64 and not self._real:
            return self._noted(raw)
        if raw is None:
            return None if self.default is None else Changed(self.default)
        if type(raw) is float:
            return self._float(raw)
        if type(raw) is int:
            if -_INT64 <= raw < _INT64:
                return Changed(raw)
            return self._too_large(raw)
        if type(raw) is str:
            return self._text(raw)
        return Refused("wrong-type", "not a number")

    def emit(self, value: Any) -> Any:
        """Return a float where the source is a REAL column, which returns every number as one."""
        return float(value) if self._real and value is not None else value

    def _noted(self, value: int | float) -> Any:
        if self._limits is None or self._limits[0] <= value <= self._limits[1]:
            return value
        return Changed(value, "out-of-range", "outside 0-100, kept as it is", level="note", keep=False)

    def _float(self, raw: float) -> Any:
        if not math.isfinite(raw):
            return Changed(self.default, "not-finite", "not a finite number; the default is used")
        if raw.is_integer() and abs(raw) < _INT64:
            if self._real and repr(float(int(raw))) == repr(raw):
                return self._noted(int(raw))
            return Changed(int(raw))
        if abs(raw) >= _INT64 and self._whole:
            return self._too_large(int(raw))
        if self._whole:
            return Changed(int(raw), "count-fraction", "a counter with a fraction, cut off")
        return self._noted(raw)

    def _too_large(self, raw: int) -> Any:
        if not self._whole and abs(raw) < 1 << 1023:
            return Changed(float(raw), "number-too-large", "an integer beyond 64 bits, stored as a float")
        return Changed(self.default, "number-too-large", "a number beyond every range; the default is used")

    def _text(self, raw: str) -> Any:
        try:
            number = float(raw) if not raw.strip().lstrip("+-").isdigit() else int(raw)
        except (ValueError, OverflowError):
            return Refused("wrong-type", "text that is no number")
        inner = self.read(number)
        value = inner.value if isinstance(inner, Changed) else inner
        return Changed(value, "number-as-text", "a number written as text")


class Object(Rule):
    """A JSON object, or null."""

    def __init__(self, *, json_text: bool) -> None:
        self._json_text = json_text

    def read(self, raw: Any) -> Any:
        """Wrap anything that is no object, or no JSON, as `{"$value": ...}`."""
        if raw is None:
            return None
        if not self._json_text:
            if type(raw) is dict:
                return raw
            if type(raw) is not str:
                return Changed({"$value": raw}, "not-an-object", "not an object; kept as $value")
        parsed = parse_json(raw)
        if type(parsed) is dict:
            if self._json_text and canonical.dumps(parsed) == raw:
                return parsed
            return Changed(parsed, None if self._json_text else "json-as-text", "JSON written as text")
        if raw == "":
            return Changed(None, "not-json", "an empty text where JSON belongs")
        value = raw if parsed is NO_JSON else parsed
        return Changed({"$value": value}, "not-an-object", "not an object; kept as $value")

    def emit(self, value: Any) -> Any:
        """Return the object, or its JSON text."""
        return canonical.dumps(value) if self._json_text and value is not None else value


class Texts(Rule):
    """A list of texts (tags, topics); absent and null are the empty list."""

    def __init__(self, *, json_text: bool) -> None:
        self._json_text = json_text
        self.default = []

    def read(self, raw: Any) -> Any:
        """Read a list or its JSON text, also doubly encoded; members that are no text become their JSON text."""
        if type(raw) is list and not self._json_text and set(map(type, raw)) <= _TEXTS:
            return raw
        if raw is None:
            return Changed([])
        value, depth = _unwrapped(raw)
        if type(value) is str:
            if value == "":
                return Changed([])
            return Changed([value], "list-as-text", "a plain text where a list belongs; a list of one")
        if type(value) is not list:
            return Refused("wrong-type", "not a list of texts")
        texts = value
        if any(type(item) is not str for item in value):
            texts = [item if type(item) is str else canonical.dumps(item) for item in value]
            return Changed(texts, "tag-not-text", "a member that is no text")
        expected = 1 if self._json_text else 0
        if depth == expected and (depth == 0 or canonical.dumps(value) == raw):
            return texts
        return Changed(texts, "json-as-text" if depth > expected else None, "a list written as text")

    def emit(self, value: Any) -> Any:
        """Return the list, or its JSON text."""
        return canonical.dumps(value) if self._json_text else value


class Items(Texts):
    """A list of any JSON values (messages)."""

    def read(self, raw: Any) -> Any:
        """Read a list or its JSON text, also doubly encoded."""
        if raw is None:
            return Changed([])
        value, depth = _unwrapped(raw)
        if type(value) is not list:
            return Changed([], "list-unreadable", "not a list") if value == "" else Refused("wrong-type", "not a list")
        expected = 1 if self._json_text else 0
        if depth == expected and (depth == 0 or canonical.dumps(value) == raw):
            return value
        return Changed(value, "json-as-text" if depth > expected else None, "a list written as text")


class Vector(Rule):
    """An embedding: a list of numbers at full precision, or null."""

    def __init__(self, *, json_text: bool) -> None:
        self._json_text = json_text

    def read(self, raw: Any) -> Any:
        """Read a list of numbers; anything else becomes null, the original kept, since it can be computed again."""
        if raw is None:
            return None
        value, depth = _unwrapped(raw)
        if type(value) is not list or not set(map(type, value)) <= {int, float}:
            if value == "":
                return Changed(None)
            return Changed(None, "embedding-unreadable", "an embedding that is no list of numbers")
        expected = 1 if self._json_text else 0
        if depth == expected and (depth == 0 or canonical.dumps(value) == raw):
            return value
        return Changed(value, "json-as-text" if depth > expected else None, "an embedding written as text")

    def emit(self, value: Any) -> Any:
        """Return the list, or its JSON text."""
        return canonical.dumps(value) if self._json_text and value is not None else value


class Content(Rule):
    """A memory's content: text or any JSON value.

    `json_text` is for the `memoryEntities` table of guide B (docs/guides.md), whose column always holds JSON;
    elsewhere a text is a text, whatever it looks like.  Cold (base64 gzip) and encrypted forms are kept and noted.
    """

    default = ""

    def __init__(self, *, json_text: bool) -> None:
        self._json_text = json_text

    def read(self, raw: Any) -> Any:
        """Turn null into the empty text; carry bytes as a value."""
        if raw is None:
            return Changed("", "absent-text", "no content; stored as empty text")
        if not self._json_text:
            read = _well_formed(raw) if type(raw) is str else raw
            return read if read is raw and storage_form(raw) is None else self._noted(raw, read)
        if type(raw) is not str:
            return Changed(raw, "not-text", "a value that is no JSON text")
        parsed = parse_json(raw)
        if parsed is NO_JSON or parsed is None:
            text = canonical.replace_surrogates(raw)
            return Changed(text, "content-not-json", "content that is no JSON, kept as text")
        value: Any = parsed
        if type(parsed) is str and not canonical.encodable(parsed):
            return Changed(canonical.replace_surrogates(parsed), "text-not-unicode", "text that is not valid Unicode")
        if canonical.dumps(parsed) != raw:
            value = Changed(parsed)
        return self._noted(parsed, value)

    def emit(self, value: Any) -> Any:
        """Return the value, or its JSON text."""
        return canonical.dumps(value) if self._json_text else value

    def _noted(self, raw: Any, value: Any) -> Any:
        note = storage_form(raw)
        if note is None or (isinstance(value, Changed) and value.rule):
            return value
        rule, message = note
        keep = isinstance(value, Changed)
        bare = value.value if isinstance(value, Changed) else value
        return Changed(bare, rule, message, level="note", keep=keep)


NO_JSON = object()
"""Returned by `parse_json` for a text that is no JSON."""


def parse_json(raw: Any) -> Any:
    """Parse a JSON text; return NO_JSON for broken text and for text that is nested too deeply."""
    if type(raw) is not str or (raw[:1] != '"' and canonical.deeper_than(raw)):
        return NO_JSON
    try:
        return canonical.loads_plain(raw)
    except (ValueError, RecursionError):
        return NO_JSON


def storage_form(content: Any) -> tuple[str, str] | None:
    """Return the note for content in one of the app's own storage forms (compressed, encrypted), or None."""
    if type(content) is str:
        if content.startswith(("H4sI", '"H4sI')):
            return "content-cold", "content in the app's compressed cold form, kept as it is"
        if "aes-256-gcm" in content and '"iv"' in content:
            return "content-encrypted", "content encrypted by the app, kept as it is"
    elif type(content) is dict and content.get("algorithm") == "aes-256-gcm" and "iv" in content:
        return "content-encrypted", "content encrypted by the app, kept as it is"
    return None


def _unwrapped(raw: Any) -> tuple[Any, int]:
    """Unwrap up to two layers of JSON text; return the value and the number of layers."""
    value, depth = raw, 0
    while type(value) is str and depth < 2:
        parsed = parse_json(value)
        if parsed is NO_JSON or type(parsed) not in (str, list):
            break
        value, depth = parsed, depth + 1
    return value, depth
