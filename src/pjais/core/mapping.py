"""Map a document to a record and back, as declared by a table of fields.

Lossless: `rebuild(read(doc)) == doc`, for every document of every kind.  This holds by construction:
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

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any, NamedTuple

from pjais import canonical, instants
from pjais.core import blobs
from pjais.core.dates import emit_instant, is_bare_number, read_instant
from pjais.core.document import Document
from pjais.core.problems import KEY_TWICE, NO_DATE, NOT_AN_OBJECT, Problem, noted
from pjais.core.rules import Changed, Refused, RequiredText, Rule
from pjais.core.table import Record, Table

Value = dict[str, Any]
Change = Callable[[str, tuple[str, ...]], str]
"""The current id of an id, given the tables that it may be of."""
After = Callable[[Value, Value, Value, list[Problem]], None]
"""(values, document, original, problems): what a kind does beyond its fields; may change all but `document`."""


class Draft(NamedTuple):
    """A normalised document before validation: the record it would be, and what the rules did on the way."""

    record: Record
    problems: tuple[Problem, ...]
    """Problems of the document; the caller adds the location."""
    removed: bool = False


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


Step = tuple[str, bool, Callable[[Any], Any], int, str | None, Any]
"""(key, whether an ASCII text is the value as it is, the rule's `read`, the attribute's position, member, the default
whose presence must be recorded; `NEVER` where absence is what must be).  A plain tuple: every document unpacks it."""


class Plan(NamedTuple):
    """The plan for documents with one set of keys."""

    steps: tuple[Step, ...]
    instants: tuple[Step, ...]
    unknown: tuple[str, ...]
    aliases: tuple[str, ...]
    absent: tuple[str, ...]
    snake: bool
    problems: tuple[Problem, ...]


NEVER: Any = object()
_draft = Draft._make  # less work than calling the class
_PLAN_LIMIT = 4096
_AS_SECONDS = 100_000_000_000
"""From here on (the year 5138) a number in a column of seconds is milliseconds after all."""
LOOKS_LIKE_SECONDS = "read as milliseconds, a date of 1970; as Unix seconds it would be one between 1990 and 2100"
"""The note for an instant that may be a thousand times too small."""

_WRAPPER = frozenset({"$value", "$text", "$tagged"})


class Mapping:
    """Reads the documents of one collection as records of one table, and writes them again: lossless."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def read(self, document: Document) -> Draft:
        """Return the record that a document would be; never raises for bad data."""
        raise NotImplementedError

    def rebuild(self, record: Record) -> Any:
        """Return the document that a record was made of; the inverse of `read`."""
        raise NotImplementedError

    def changed(self, record: Record, value: Any, updates: Value) -> Record:  # noqa: ARG002
        """Return the record with other values for some attributes; what the document had is kept as original."""
        return record

    def with_ids(self, record: Record, value: Any, change: Change) -> Record:  # noqa: ARG002
        """Return the record under other ids, its own and those it refers to."""
        return record

    def expanded(self, record: Record, value: Any) -> Record:  # noqa: ARG002
        """Return the record with what its app had compressed in plain."""
        return record

    def earlier(self) -> Iterator[Mapping]:
        """Yield the mapping as it was before each field that was added after the first release."""
        yield from ()

    has_bytes = False
    """True for documents that come with the bytes whose SHA-256 is their id."""
    removes = False
    """True for a collection whose documents name records that were removed."""
    renames = False
    """True where a record may get another id than its document's key, which other documents go on using."""
    follows: tuple[str, ...] = ()
    """The attributes that refer to records by such keys."""

    @property
    def linked(self) -> bool:
        """Return whether ids of its records depend on other documents."""
        return self.renames or bool(self.follows)


class Carried(Mapping):
    """Documents that no model claims, kept whole under their collection's name and their own key.

    A document without a key is known by its content, never by its place.  The number 7 and the text "7" are two keys.
    """

    def read(self, document: Document) -> Draft:
        """Return the document as it is."""
        problems = (*(() if document.text is None else (KEY_TWICE,)), *noted(document))
        return Draft(self.carried(document), problems, document.is_removed)

    def carried(self, document: Document) -> Record:
        """Return the record that carries a document."""
        value = blobs.inlined(document.value, document.blobs)
        own_id = value.get("id") if isinstance(value, dict) else None
        if not document.native_id:
            import hashlib  # loaded on demand: opening a store computes no digest

            name = "#" + hashlib.sha256(canonical.dumps(value, sort=True).encode()).hexdigest()[:16]
        else:
            name = f"#{own_id}" if type(own_id) is int and str(own_id) == document.native_id else document.native_id
        if document.is_tagged:
            return self._record(document, name, {"$tagged": value})
        wrap = not isinstance(value, dict) or document.text is not None or (bool(value) and value.keys() <= _WRAPPER)
        if wrap:
            value = {"$value": value} if document.text is None else {"$value": value, "$text": document.text}
        return self._record(document, name, value)

    def _record(self, document: Document, name: str, value: Any) -> Record:
        return self.table.record(
            canonical.replace_surrogates(document.collection), canonical.replace_surrogates(name), value
        )

    def rebuild(self, record: Record) -> Any:
        """Return the document without its wrapper."""
        document = record.document
        if document and document.keys() <= _WRAPPER:
            return document["$tagged"] if "$tagged" in document else document.get("$value", document)
        return document

    @staticmethod
    def taken_back(record: Record, piece: Document) -> Document:
        """Return the document that a record carries, in the place of the piece that the record was read from."""
        name, value = record.id, record.document
        number = value.get("id") if name == f"#{value.get('id')}" else None
        bare = piece._replace(collection=record.collection, native_id=name, value=value, text=None, key=None)
        if type(number) is int:
            return bare._replace(native_id=str(number), key=number)
        if not value or not value.keys() <= _WRAPPER:
            return bare
        if "$tagged" in value:
            from pjais import tagged  # loaded on demand: only documents of an app's own are tagged

            inside, held = blobs.taken_out(value["$tagged"])
            return bare._replace(value=inside, key=tagged.key_of_text(name), blobs=held, is_tagged=True)
        return bare._replace(value=value.get("$value"), text=value.get("$text"))


class Fields(Mapping):
    """The mapping of documents whose fields are known.

    `dates` is the kind's usual form of instants: `ms`, `iso` or `sql`.  `own` marks our own files, whose `extra` is the
    record's.  `any_case`: the keys are columns of a SQL table, whose names have no case.  `loose`: a field that is
    absent and one with its default are the same, as a reader of ours made the document; what it was made of is beside
    it.  `renames`, `follows`: see `Mapping`.
    """

    def __init__(
        self,
        table: Table,
        fields: tuple[Field, ...],
        *,
        dates: str = "iso",
        own: bool = False,
        after: After | None = None,
        any_case: bool = False,
        loose: bool = False,
        renames: bool = False,
        follows: tuple[str, ...] = (),
    ) -> None:
        super().__init__(table)
        self.fields = fields
        self.dates = dates
        self.own = own
        self.after = after
        self.any_case = any_case
        self.loose = loose
        self.renames = renames
        self.follows = follows
        self.names: tuple[str, ...] = table.record._fields
        self._made: Callable[[list[Any]], Record] = table.record._make
        self._plans: dict[tuple[str, ...], Plan] = {}
        known = {one.attribute: one.rule.default for one in fields if one.member is None}
        lacking = {column.name: column.default for column in table.columns}
        self.defaults = [known.get(name, lacking.get(name)) for name in self.names]
        self._extra = self.names.index("extra")
        self.created = self.names.index("created_at") if table.dated else None

    def read(self, document: Document) -> Draft:
        """Return the record that a document would be, with what its reader noted."""
        value = document.value
        if not isinstance(value, dict):
            return Draft(None, (NOT_AN_OBJECT,))
        if document.text is None and not document.notes:
            return self.normalise(value, document.native_id)
        seconds = frozenset(note[8:] for note in document.notes if note.startswith("seconds:"))
        draft = self.normalise(value, document.native_id, document.text, seconds)
        twice = () if document.text is None else (KEY_TWICE,)
        return draft._replace(problems=(*draft.problems, *twice, *noted(document)))

    def normalise(
        self,
        document: Value,
        native_id: str | None = None,
        text: str | None = None,
        seconds: frozenset[str] = frozenset(),
    ) -> Draft:
        """The record that a document would be, and what the rules did on the way; never raises for bad data.

        `native_id` stands in for an id that only the file's name holds; `text` is the raw JSON if it says
        more than the document; `seconds` are the keys whose numbers are known to be Unix seconds.
        """
        keys = tuple(document)
        plan = self.plan(keys)
        values: list[Any] = self.defaults.copy()
        original: Value = {}
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
            elif omit_default is not NEVER and value == omit_default:
                original[key] = raw
            values[index] = value if member is None else {**(values[index] or {}), member: value}
        dates = _read_instants(plan.instants, document, values, original, problems, seconds) if plan.instants else None
        if self.created is not None and values[self.created] is None and document.get("_deleted") is not True:
            problems.append(NO_DATE)
        if native_id and "id" in plan.absent:
            values[0] = native_id
        if self.after is not None:
            named = dict(zip(self.names, values, strict=True))
            self.after(named, document, original, problems)
            values = list(named.values())
        residue = self.residue(plan, document, original, dates, text)
        if self.own:
            values[self._extra] = {**values[self._extra], "$pjais": residue} if residue else values[self._extra]
        else:
            values[self._extra] = residue
        return _draft((self._made(values), tuple(problems), document.get("_deleted") is True))

    def rebuild(self, record: Record) -> Value:
        """The document that the record was made of."""
        extra: Value = record.extra
        residue = extra.get("$pjais", {}) if self.own else extra
        original = residue.get("$original", {})
        absent = residue.get("$absent", ())
        snake = residue.get("$names") == "snake"
        dates = residue.get("$dates", self.dates)
        document: Value = {}
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
            document[key] = emit_instant(value, dates) if type(one.rule) is Instant else one.rule.emit(value)
        document.update(original)
        unknown = residue.get("$unknown", {}) if self.own else extra
        for key, value in unknown.items():
            if not key.startswith("$"):
                document[key] = value
            elif key.startswith("$$"):
                document[key[1:]] = value
        return document

    def with_ids(self, record: Record, value: Any, change: Change) -> Record:
        """Return the record under other ids, its own and those it refers to; the raw ones are kept as originals."""
        if not isinstance(value, dict):
            return record
        updates = {}
        for name, tables in (("id", (self.table.name,)), *self.table.references):
            old = getattr(record, name)
            new = old if old is None else change(old, tables)
            if new != old:
                updates[name] = new
        return self.changed(record, value, updates)

    def expanded(self, record: Record, value: Any) -> Record:
        """Return the record with packed columns in plain; the document's form is kept as original."""
        for name, expand in self.table.packed:
            held = getattr(record, name)
            plain = expand(held) if isinstance(held, str) else None
            if plain is not None:
                record = self.changed(record, value, {name: plain})
        return record

    def changed(self, record: Record, value: Any, updates: Value) -> Record:
        """Return the record with other values for some attributes; what the document had is kept as original."""
        if not updates:
            return record
        extra: Value = record.extra
        residue = extra.get("$pjais", {}) if self.own else extra
        original = dict(residue.get("$original", {}))
        for one in self.fields:
            if one.attribute in updates:
                original.update((key, value[key]) for key in one.keys if key in value)
        residue = {**residue, "$original": original} if original else residue
        updates = {**updates, "extra": {**extra, "$pjais": residue} if self.own else residue}
        return self._made([updates.get(name, held) for name, held in record._asdict().items()])

    def earlier(self) -> Iterator[Mapping]:
        """Yield the mapping as it was before each field that was added after the first release."""
        later = [column.name for column in self.table.later]
        for count in range(len(later)):
            made = copy(self)
            made.fields = tuple(one for one in self.fields if one.attribute not in later[count:])
            made._plans = {}
            yield made

    def plan(self, keys: tuple[str, ...]) -> Plan:
        """Return the plan for documents with these keys, in this order."""
        return self._plans.get(keys) or self._make_plan(keys)

    def _make_plan(self, keys: tuple[str, ...]) -> Plan:
        present = {self._folded(key): key for key in keys}
        several = [one.keys for one in self.fields if len(one.keys) > 1]
        camels, snakes = (sum(self._folded(names[way]) in present for names in several) for way in (0, 1))
        snake = snakes > camels
        steps: list[Step] = []
        dates: list[Step] = []
        aliases: list[str] = []
        absent: list[str] = []
        problems: list[Problem] = []
        for one in self.fields:
            usual = one.usual_key(snake)
            names = (self._folded(name) for name in (usual, *one.keys))
            key = next((present[name] for name in names if name in present), None)
            if key != usual and not (key is None and (one.omit or self.loose)):
                absent.append(usual)
            if key is None:
                if isinstance(one.rule, RequiredText):
                    problems.append(("repair", "absent-text", usual, "no text; stored as empty"))
                continue
            if key != usual:
                aliases.append(key)
            omit_default = one.rule.default if one.omit and key == usual and not self.loose else NEVER
            index = self.names.index(one.attribute)
            as_is = one.rule.ascii_as_is and one.member is None and omit_default in (NEVER, None, "")
            step = (key, as_is, one.rule.read, index, one.member, omit_default)
            (dates if type(one.rule) is Instant else steps).append(step)
        taken = {step[0] for step in (*steps, *dates)}
        unknown = tuple(key for key in keys if key not in taken)
        if len(self._plans) >= _PLAN_LIMIT:
            self._plans.clear()
        plan = Plan(tuple(steps), tuple(dates), unknown, tuple(aliases), tuple(absent), snake, tuple(problems))
        self._plans[keys] = plan
        return plan

    def _folded(self, name: str) -> str:
        return name.lower() if self.any_case else name

    def residue(self, plan: Plan, document: Value, original: Value, dates: str | None, text: str | None) -> Value:
        """Return everything that the fields alone would not write again."""
        residue: Value = {}
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
    steps: tuple[Step, ...],
    document: Value,
    values: list[Any],
    original: Value,
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
