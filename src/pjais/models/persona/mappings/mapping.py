"""Map a document to a record and back, as declared by a table of fields.

Lossless: `rebuild(normalise(doc)) == doc`, for every document of every kind.  This holds by construction:
everything that the fields alone would not write again - unknown keys, changed values, absent keys - is kept in
`extra`:

    <key>        an unknown key of the document (one that begins with `$` gets one more)
    $original    {key: the raw value} where a rule changed it
    $absent      [keys] that the document lacked though its kind usually has them
    $dates       how the document wrote its instants, where not in its kind's usual form
    $names       "snake" where a camelCase kind wrote snake_case keys
    $text        the raw JSON, where a key occurred twice in one object

A record from our own files already has such an `extra`; there the residue goes below `$pjais`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pjais import instants
from pjais.core.rules import Changed, Refused, RequiredText, Rule
from pjais.models.persona.records import Conversation, Draft, Memory, Persona, Record
from pjais.models.persona.tables import BY_RECORD

Problem = tuple[str, str, str | None, str]
Document = dict[str, Any]
After = Callable[[Document, Document, Document, list[Problem]], None]
"""(values, document, original, problems): what a kind does beyond its fields; may change all but `document`."""


class Instant(Rule):
    """Marks a field as an instant; `read_instant` does the work, since their form is the document's."""


class Field(NamedTuple):
    """One field of the model and the keys under which a source has it: camelCase first, then snake_case.

    `omit`: documents of the kind usually lack the key when the value is the default, so its absence says
    nothing.  `member`: the field is one entry of an object-valued attribute (flat columns).
    """

    attribute: str
    keys: tuple[str, ...]
    rule: Rule
    omit: bool = False
    member: str | None = None

    def usual_key(self, snake: bool) -> str:
        """The key in a document of this naming."""
        return self.keys[1] if snake and len(self.keys) > 1 else self.keys[0]


_Step = tuple[str, bool, Callable[[Any], Any], int, str | None, Any]
"""(key, whether an ASCII text is the value as it is, the rule's `read`, the attribute's position, member, the default
whose presence must be recorded; `_NEVER` where absence is what must be).  A plain tuple: every document unpacks it."""


class _Plan(NamedTuple):
    """The plan for documents with one set of keys."""

    steps: tuple[_Step, ...]
    instants: tuple[_Step, ...]
    unknown: tuple[str, ...]
    aliases: tuple[str, ...]
    absent: tuple[str, ...]
    snake: bool
    problems: tuple[Problem, ...]


_MILLISECONDS = re.compile(r"\s*-?\d{1,16}\s*", re.ASCII)
_NEVER = object()
_draft = Draft._make  # less work than calling the class
_PLAN_LIMIT = 4096
_AS_SECONDS = 100_000_000_000
"""From here on (the year 5138) a number in a column of seconds is milliseconds after all."""
_DATED = frozenset({Persona, Memory, Conversation})
_NO_DATE: Problem = ("note", "no-date", "created_at", "no date of creation: no filter by date finds it")
LOOKS_LIKE_SECONDS = "read as milliseconds, a date of 1970; as Unix seconds it would be one between 1990 and 2100"
"""The note for an instant that may be a thousand times too small."""

_DEFAULTS: Document = {
    "is_active": False,
    "usage_count": 0,
    "tags": [],
    "topics": [],
    "messages": [],
    "importance": 50,
    "memory_tier": "active",
    "access_count": 0,
    "connection_count": 0,
    "is_archived": False,
    "enabled": True,
    "content": "",
    "name": "",
    "type": "",
    "extra": {},
}
"""Defaults of fields that a kind lacks altogether; every other one is null."""


class Mapping:
    """The mapping from one kind of document to one type of record.

    `dates` is the kind's usual form of instants: `ms`, `iso` or `sql`.  `own` marks our own files, whose
    `extra` is the record's.  `any_case`: the keys are columns of a SQL table, whose names have no case.
    """

    def __init__(
        self,
        record: type[Record],
        fields: tuple[Field, ...],
        *,
        dates: str = "iso",
        own: bool = False,
        after: After | None = None,
        any_case: bool = False,
    ) -> None:
        self.record = record
        self.fields = fields
        self.dates = dates
        self.own = own
        self.after = after
        self.any_case = any_case
        self._made: Callable[[list[Any]], Record] = record._make
        self._plans: dict[tuple[str, ...], _Plan] = {}
        known = {one.attribute: one.rule.default for one in fields if one.member is None}
        self._defaults = [known.get(name, _DEFAULTS.get(name)) for name in record._fields]
        self._extra = record._fields.index("extra")
        self._created = record._fields.index("created_at") if record in _DATED else None

    def normalise(
        self,
        document: Document,
        native_id: str | None = None,
        text: str | None = None,
        seconds: frozenset[str] = frozenset(),
    ) -> Draft:
        """The record that a document would be, and what the rules did on the way; never raises for bad data.

        `native_id` stands in for an id that only the file's name holds; `text` is the raw JSON if it says
        more than the document; `seconds` are the keys whose numbers are known to be Unix seconds.
        """
        keys = tuple(document)
        plan = self._plans.get(keys) or self._make_plan(keys)
        values: list[Any] = self._defaults.copy()
        original: Document = {}
        problems = list(plan.problems)
        for key, as_is, read, index, member, omit_default in plan.steps:
            raw = document[key]
            if as_is and type(raw) is str and raw and raw.isascii():
                values[index] = raw
                continue
            value = read(raw)
            if type(value) is Changed:
                if value.keep:
                    original[key] = raw
                if value.rule:
                    problems.append((value.level, value.rule, key, value.message))
                value = value.value
            elif type(value) is Refused:
                problems.append(("error", value.rule, key, value.message))
                value = values[index]
            elif omit_default is not _NEVER and value == omit_default:
                original[key] = raw
            values[index] = value if member is None else {**(values[index] or {}), member: value}
        dates = _read_instants(plan.instants, document, values, original, problems, seconds) if plan.instants else None
        if self._created is not None and values[self._created] is None and document.get("_deleted") is not True:
            problems.append(_NO_DATE)
        if native_id and "id" in plan.absent:
            values[0] = native_id
        if self.after is not None:
            named = dict(zip(self.record._fields, values, strict=True))
            self.after(named, document, original, problems)
            values = list(named.values())
        residue = self._residue(plan, document, original, dates, text)
        if self.own:
            values[self._extra] = {**values[self._extra], "$pjais": residue} if residue else values[self._extra]
        else:
            values[self._extra] = residue
        return _draft((self._made(values), tuple(problems), document.get("_deleted") is True))

    def rebuild(self, record: Record) -> Document:
        """The document that the record was made of."""
        extra: Document = record.extra  # type: ignore[union-attr]
        residue = extra.get("$pjais", {}) if self.own else extra
        original = residue.get("$original", {})
        absent = residue.get("$absent", ())
        snake = residue.get("$names") == "snake"
        dates = residue.get("$dates", self.dates)
        document: Document = {}
        for one in self.fields:
            key = one.usual_key(snake)
            if key in original or key in absent:
                continue
            value = getattr(record, one.attribute)
            if one.attribute == "extra":
                value = {name: item for name, item in value.items() if name != "$pjais"}
            if one.member is not None:
                value = (value or {}).get(one.member)
            if one.omit and value == one.rule.default:
                continue
            document[key] = _emit_instant(value, dates) if type(one.rule) is Instant else one.rule.emit(value)
        document.update(original)
        unknown = residue.get("$unknown", {}) if self.own else extra
        for key, value in unknown.items():
            if not key.startswith("$"):
                document[key] = value
            elif key.startswith("$$"):
                document[key[1:]] = value
        return document

    def with_ids(self, record: Record, document: Document, change: Callable[[str, tuple[str, ...]], str]) -> Record:
        """The record under other ids, its own and those it refers to; the raw ones are kept as originals."""
        table = BY_RECORD[type(record)]
        updates = {}
        for name, tables in (("id", (table.name,)), *table.references):
            old = getattr(record, name)
            new = old if old is None else change(old, tables)
            if new != old:
                updates[name] = new
        return self.changed(record, document, updates)

    def changed(self, record: Record, document: Document, updates: Document) -> Record:
        """The record with other values for some attributes; what the document had is kept as original."""
        if not updates:
            return record
        extra: Document = record.extra  # type: ignore[union-attr]
        residue = extra.get("$pjais", {}) if self.own else extra
        original = dict(residue.get("$original", {}))
        for one in self.fields:
            if one.attribute in updates:
                original.update((key, document[key]) for key in one.keys if key in document)
        residue = {**residue, "$original": original} if original else residue
        updates = {**updates, "extra": {**extra, "$pjais": residue} if self.own else residue}
        return self._made([updates.get(name, value) for name, value in record._asdict().items()])

    def _make_plan(self, keys: tuple[str, ...]) -> _Plan:
        present = {self._folded(key): key for key in keys}
        several = [one.keys for one in self.fields if len(one.keys) > 1]
        camels, snakes = (sum(self._folded(names[way]) in present for names in several) for way in (0, 1))
        snake = snakes > camels
        steps: list[_Step] = []
        dates: list[_Step] = []
        aliases: list[str] = []
        absent: list[str] = []
        problems: list[Problem] = []
        for one in self.fields:
            usual = one.usual_key(snake)
            names = (self._folded(name) for name in (usual, *one.keys))
            key = next((present[name] for name in names if name in present), None)
            if key != usual and not (key is None and one.omit):
                absent.append(usual)
            if key is None:
                if isinstance(one.rule, RequiredText):
                    problems.append(("repair", "absent-text", usual, "no text; stored as empty"))
                continue
            if key != usual:
                aliases.append(key)
            omit_default = one.rule.default if one.omit and key == usual else _NEVER
            index = self.record._fields.index(one.attribute)
            as_is = one.rule.ascii_as_is and one.member is None and omit_default in (_NEVER, None, "")
            step = (key, as_is, one.rule.read, index, one.member, omit_default)
            (dates if type(one.rule) is Instant else steps).append(step)
        taken = {step[0] for step in (*steps, *dates)}
        unknown = tuple(key for key in keys if key not in taken)
        if len(self._plans) >= _PLAN_LIMIT:
            self._plans.clear()
        plan = _Plan(tuple(steps), tuple(dates), unknown, tuple(aliases), tuple(absent), snake, tuple(problems))
        self._plans[keys] = plan
        return plan

    def _folded(self, name: str) -> str:
        return name.lower() if self.any_case else name

    def _residue(
        self, plan: _Plan, document: Document, original: Document, dates: str | None, text: str | None
    ) -> Document:
        """Return everything that the fields alone would not write again."""
        residue: Document = {}
        if self.own:
            if plan.unknown:
                residue["$unknown"] = {_escaped(key): document[key] for key in plan.unknown}
        else:
            for key in plan.unknown:
                residue[_escaped(key)] = document[key]
        for key in plan.aliases:
            original[key] = document[key]
        if original:
            residue["$original"] = original
        if plan.absent:
            residue["$absent"] = list(plan.absent)
        if dates is not None and dates != self.dates:
            residue["$dates"] = dates
        if plan.snake:
            residue["$names"] = "snake"
        if text is not None:
            residue["$text"] = text
        return residue


def _escaped(key: str) -> str:
    return f"${key}" if key.startswith("$") else key


def _read_instants(
    steps: tuple[_Step, ...],
    document: Document,
    values: list[Any],
    original: Document,
    problems: list[Problem],
    seconds: frozenset[str],
) -> str | None:
    """Fill in the instants.  The form of the first one is the document's; deviations are kept."""
    form: str | None = None
    for key, _, _, index, _, omit_default in steps:
        raw = document[key]
        if raw is None:
            if omit_default is None:
                original[key] = raw
            continue
        usual = instants.from_canonical(raw) if type(raw) is str else None
        if usual is not None and form in ("iso", None):
            values[index], form = usual, "iso"
            continue
        if key in seconds and type(raw) in (int, float) and abs(raw) < _AS_SECONDS:
            values[index] = int(raw * 1000)
            original[key] = raw
            continue
        values[index], found, problem = read_instant(raw)
        if problem is not None:
            problems.append(("repair", problem[0], key, problem[1]))
        if values[index] is not None and instants.like_seconds(values[index]) and is_bare_number(raw):
            problems.append(("note", "looks-like-seconds", key, LOOKS_LIKE_SECONDS))
        if form is None:
            form = found
        if found is None or found != form:
            original[key] = raw
    return form


def is_bare_number(raw: Any) -> bool:
    """Return whether a raw instant is a number without a unit, perhaps written as text."""
    return type(raw) in (int, float) or (type(raw) is str and _MILLISECONDS.fullmatch(raw) is not None)


def read_instant(raw: Any) -> tuple[int | None, str | None, tuple[str, str] | None]:
    """Return (milliseconds, form, problem) of a raw instant.

    The form is `ms`, `iso` (JS's toISOString) or `sql` (SQLite's UTC text) where writing the instant in it
    gives the raw value again, else None.  What can't be read is null.
    """
    if type(raw) is int:
        if abs(raw) <= instants.LIMIT_MS:
            return raw, "ms", None
        return None, None, ("date-unreadable", "a number beyond every date")
    if type(raw) is str:
        return _read_date_text(raw)
    if type(raw) is float and abs(raw) <= instants.LIMIT_MS:
        problem = None if raw.is_integer() else ("date-fraction", "a fraction of a millisecond, cut off")
        return int(raw // 1), None, problem
    if raw == {}:
        return None, None, ("date-lost", "an empty object: a JS Date that was lost when it was written")
    return None, None, ("date-unreadable", "not a date")


def _read_date_text(raw: str) -> tuple[int | None, str | None, tuple[str, str] | None]:
    value = instants.from_canonical(raw)
    if value is not None:
        return value, "iso", None
    value = instants.from_text(raw)
    if value is not None:
        if instants.to_text(value) == raw:
            return value, "iso", None
        if instants.to_sqlite_text(value) == raw:
            return value, "sql", None
        return value, None, ("date-form", "a date in another form or zone, brought to UTC")
    if raw == "":
        return None, None, ("date-empty", "an empty date")
    if raw == "CURRENT_TIMESTAMP":
        return None, None, ("date-unknown", "the text CURRENT_TIMESTAMP in place of a date")
    if _MILLISECONDS.fullmatch(raw) and abs(int(raw)) <= instants.LIMIT_MS:
        return int(raw), None, ("date-form", "milliseconds written as text")
    return None, None, ("date-unreadable", "not a date")


def _emit_instant(value: int | None, form: str) -> Any:
    if value is None or form == "ms":
        return value
    return instants.to_text(value) if form == "iso" else instants.to_sqlite_text(value)
