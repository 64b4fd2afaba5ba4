"""Render the views' values as HTML: templates that escape everything, and the formatting of values.

A value is always plain text, whatever it contains; the only exception are the marks around the hits of a search.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pjais import canonical, instants
from pjais.core.table import Column, camel
from pjais.display import phase as display_phase
from pjais.errors import PjaisError
from pjais.models.persona.tables import TABLES
from pjais.report import sentences
from pjais.sql_text import identifier
from pjais.store import browse
from pjais.version import __version__
from pjais.web import charts, markdown, schemas, shell
from pjais.web.memories import lists as memory_views
from pjais.web.memories import word_diff
from pjais.web.memories.personas import MARKS
from pjais.web.moving import progress
from pjais.web.moving import quarantine as quarantine_views
from pjais.web.reading import marking
from pjais.web.reading import schemas as reading_schemas
from pjais.web.view_values import to

RECORDS = {
    "personas": "/persona",
    "memory_entities": "/memory",
    "memoryEntities": "/memory",
    "conversations": "/conversation",
}


IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"})
"""The media types that are shown as pictures: none of them can hold a script."""
LIVE = "x-live"
"""The header of a page that asks again for what changed on it."""
_JSON_SIGNS = re.compile(r'"(?:text|content)":|[\[\]{}"]+(?:[:,][\[\]{}"]*)*')
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_FIRST_MS = 10**11
"""Smaller numbers are hardly milliseconds since 1970."""
_HIT = re.compile(f"{MARKS[0]}([^{''.join(MARKS)}]*){MARKS[1]}")


def page(request: Request, template: str, shown: Any, status: int = 200) -> Response:
    """A view's value by its template."""
    path = request.url.path
    text = (
        _environment()
        .get_template(f"{template}.html")
        .render(
            shown=shown,
            request=request,
            path=path,
            shell=shell.shell(request.app.state.session, path, request.cookies, live=LIVE in request.headers),
            docked=shell.DOCKED,
            csrf=request.app.state.keys.form,
            version=__version__,
            query=dict(request.query_params),
        )
    )
    return HTMLResponse(text.encode("utf-8", "backslashreplace"), status, headers={"vary": "accept"})


def problem(request: Request, error: PjaisError, status: int) -> Response:
    """An error as a page: what happened, what is safe, what to do."""
    return page(request, "problem", error, status)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("pjais.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "day": day,
        "moment": moment,
        "when": when,
        "size": size,
        "number": number,
        "marked": marked,
        "value": value,
        "pretty": pretty,
        "spoken": spoken,
        "short": short,
        "camel": camel,
        "content": content,
        "typed": typed,
        "capitalize_first": capitalize_first,
        "initials": initials,
        "colour": colour,
        "indented": indented,
        "sql_name": identifier,
        "readable": markdown.readable,
        "holds": marking.holds,
        "found": marking.found,
        "found_in": marking.found_in,
        "app": sentences.kind,
        "field_name": field_name,
        "joined": joined,
        "anchor": anchor,
        "gist": gist,
        "parsed": parsed,
        "without_json": without_json,
        "tags_of": memory_views.tags_of,
        "runs": runs,
        "hidden_parts": hidden_parts,
        "told": told,
        "by_day": by_day,
        "clock": clock,
        "apps": apps,
        "long_day": long_day,
        "full_moment": full_moment,
        "phase": display_phase,
        "kind": sentences.kind,
        "so_far": progress.told,
        "plain_facts": progress.facts,
        "check_name": sentences.check,
        "bad_keys": quarantine_views.bad_keys,
        "digest": digest,
        "field_text": field_text,
        "json_lines": json_lines,
    }
    made.globals |= {"charts": charts, "to": to, "record": record}
    made.globals |= {"words": words, "filters_of": filters_of, "difference": marking.difference}
    made.globals |= {"operators": browse.OPERATORS, "shown_images": IMAGES}
    made.globals |= {"page_numbers": page_numbers, "total_names": total_names}
    made.globals["later"] = {table.title: table.later for table in TABLES}
    return made


def record(table: str, key: str) -> str | None:
    """The page of a record, where its table has one."""
    return to(RECORDS[table], id=key) if table in RECORDS else None


def day(text: str | None) -> str:
    """The day of an instant, for people."""
    return "" if not text else text.partition("T")[0]


def moment(text: str | None) -> Markup:
    """An instant in UTC, to the minute, for people."""
    if not text:
        return Markup('<span class="soft">unknown</span>')
    return Markup('<time datetime="{}">{} UTC</time>').format(text, text[:-8].replace("T", " "))


def when(text: str | None) -> Markup:
    """An instant (ISO, UTC) as people say it: today and yesterday by name, with the whole instant in its title."""
    if not text:
        return Markup('<span class="faint">unknown</span>')
    days = (
        (datetime.now(UTC).date() - date.fromisoformat(text[:10])).days
        if text[:4].isdigit() and text[4] == "-"
        else None
    )
    clock = text[11:16]
    told = {0: f"today {clock}", 1: f"yesterday {clock}"}.get(days, day(text)) if days is not None else day(text)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(text, text[:-8].replace("T", " "), told)


def spoken(when: Any) -> Markup | str:
    """When a message was sent: the source's own value, which is an instant in most sources."""
    ms = instants.from_text(when) if isinstance(when, str) else when
    if isinstance(ms, int) and not isinstance(ms, bool) and _FIRST_MS <= abs(ms) <= instants.LIMIT_MS:
        return moment(instants.to_text(ms))
    return short(when, 24)


def size(count: int) -> str:
    """Bytes for people."""
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:,.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} GiB"


def number(count: float | None) -> str:
    """A number for people."""
    if count is None:
        return ""
    return f"{count:,}" if isinstance(count, int) else f"{count:,.1f}".removesuffix(".0")


def marked(text: str | None) -> Markup:
    """A snippet with its hits marked; all else in it is text."""
    return Markup(_HIT.sub(r"<mark>\1</mark>", str(escape(text or ""))))  # escaped before it is marked


def value(one: Any) -> str:
    """Any value on one line."""
    if one is None:
        return "nothing"
    return one if isinstance(one, str) else canonical.dumps(one)


def told(one: Any) -> str:
    """A value as people read it: an instant to the second, texts with commas between, any other on one line."""
    if isinstance(one, str) and _INSTANT.fullmatch(one):
        return f"{one[:10]} {one[11:19]} UTC"
    if isinstance(one, list) and one and all(isinstance(each, str) for each in one):
        return ", ".join(one)
    return {True: "yes", False: "no"}[one] if isinstance(one, bool) else value(one)


def content(one: Any) -> str:
    """A memory's content as text: itself, or its JSON."""
    return one if isinstance(one, str) else pretty(one)


def typed(one: Any, column: Column) -> str:
    """A field's value as the text of a form."""
    if column.kind == "texts":
        return ", ".join(map(str, one))
    return "" if one is None else content(one)


def pretty(one: Any) -> str:
    """A value as indented JSON."""
    return json.dumps(json.loads(canonical.dumps(one)), indent=2, ensure_ascii=False)


def indented(text: str) -> str:
    """A JSON text as indented JSON; a text that is none stays."""
    try:
        return pretty(canonical.loads(text))
    except (ValueError, RecursionError):
        return text


def short(text: Any, width: int = 160) -> str:
    """The beginning of a text."""
    whole = value(text).replace("\n", " ")
    return whole if len(whole) <= width else f"{whole[: width - 1]}…"


def spaced(name: str) -> str:
    """The name of a field for people: `memory_tier` and `memoryTier` as `memory tier`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_-]+", " ", name).strip().lower() if not name.isupper() else name


def field_name(name: str) -> str:
    """The name of a field of a document as a label; a name that is no word stays."""
    return capitalize_first(spaced(name)) or name


def words(before: Any, after: Any) -> tuple[word_diff.Side, word_diff.Side]:
    """Two versions of a field, with the words marked in which they differ."""
    return word_diff.compare(value(before), value(after))


def joined(tags: Iterable[str]) -> str:
    """Tags as the field `tag` takes them: one with a comma stands in quotes."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(list(tags))
    return buffer.getvalue()


def parsed(one: Any) -> Any:
    """A content as a value: a text that is JSON as what it says, any other as it is."""
    if isinstance(one, str) and one[:1] in ("{", "[") and len(one) <= markdown.LONGEST:
        with suppress(ValueError, RecursionError):
            return canonical.loads(one) if not canonical.deeper_than(one) else one
    return one


def gist(one: Any) -> str:
    """A content as running text: the texts and numbers in it, without the JSON around them."""
    one = parsed(one)
    if isinstance(one, dict):
        main = [one[name] for name in ("text", "content", "description") if isinstance(one.get(name), str)]
        return main[0] if main else ", ".join(f"{spaced(name)}: {gist(held)}" for name, held in one.items())
    if isinstance(one, list):
        return ", ".join(map(gist, one))
    return "" if one is None else value(one)


def without_json(snippet: str) -> str:
    """A piece of a JSON text without its signs."""
    return _JSON_SIGNS.sub(" ", snippet).strip()


def anchor(key: str) -> str:
    """A name for a record's element that is the same each time, whatever its id contains."""
    return f"r{zlib.crc32(key.encode('utf-8', 'replace')):08x}"


def filters_of(query: dict[str, str]) -> dict[str, str]:
    """The parameters of a list of memories that filter it, where they say something."""
    names = ("q", *memory_views.FACETS, "least", "most", "since", "until", "deleted")
    found = {name: query[name] for name in names if query.get(name, "").strip()}
    if found.get("deleted") != "true":
        found.pop("deleted", None)
    return found


def capitalize_first(text: str) -> str:
    """A message as a sentence: its first letter is a capital, the rest stays."""
    return text[:1].upper() + text[1:]


def initials(name: str) -> str:
    """One or two letters that stand for a name."""
    words = [word for word in name.split() if word[0].isalnum()] or [name[:1] or "?"]
    return "".join(word[0] for word in (words if len(words) < 3 else [words[0], words[-1]])).upper()


def colour(name: str, count: int) -> int:
    """A number from 1 to `count` for a name, the same in every process."""
    return zlib.crc32(name.encode("utf-8", "replace")) % count + 1


def apps(kinds: str) -> str:
    """Several kinds of sources, for people: the first three by name."""
    names = [sentences.kind(one) for one in kinds.split(", ") if one]
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest


def long_day(text: str | None) -> str:
    """A day as a heading: today and yesterday by name."""
    if not text or not text[:4].isdigit():
        return "Unknown day"
    found = date.fromisoformat(text[:10])
    today = datetime.now(UTC).date()
    name = {0: "Today", 1: "Yesterday"}.get((today - found).days) or f"{found:%A}"
    return f"{name}, {found.day} {found:%B}" + (f" {found.year}" if found.year != today.year else "")


def full_moment(text: str | None) -> str:
    """An instant to the second, in words."""
    if not text or not text[:4].isdigit():
        return "an unknown time"
    found = date.fromisoformat(text[:10])
    return f"{found.day} {found:%B %Y}, {text[11:19]}"


def clock(text: str | None) -> str:
    """The time of day of an instant, in UTC, to the minute."""
    return text[11:16] if text else ""


def by_day(entries: Iterable[reading_schemas.HistoryEntry]) -> list[tuple[str, list[reading_schemas.HistoryEntry]]]:
    """Entries by day, as they come."""
    return [(long_day(day or None), list(some)) for day, some in groupby(entries, key=lambda one: (one.at or "")[:10])]


def runs(turns: Iterable[reading_schemas.Turn]) -> list[list[reading_schemas.Turn]]:
    """Messages, with those that are shown folded in runs."""
    return [list(some) for _, some in groupby(turns, key=lambda one: one.folded)]


def hidden_parts(turns: Iterable[reading_schemas.Turn]) -> str:
    """The hidden parts of some messages, counted by kind."""
    counts = Counter(part.kind for one in turns for part in one.parts)
    total = counts.total()
    told = ", ".join(f"{count} {'other' if kind == 'hidden' else kind}" for kind, count in counts.items())
    return f"{total} hidden part{'' if total == 1 else 's'}: {told}"


def field_text(one: Any, field: str | None) -> str:
    """A stored value for people: truth values as words, instants to the minute; anything else as it is, shortened."""
    if field is not None and field.startswith(("is_", "has_")) and one in (0, 1):
        return "yes" if one else "no"
    if isinstance(one, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one):
        return f"{one[:10]} {one[11:16]} UTC"
    return short(one, 90)


def digest(hexadecimal: str) -> str:
    """A digest in groups of eight, which can be compared by eye."""
    return " ".join(hexadecimal[at : at + 8] for at in range(0, len(hexadecimal), 8))


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null')


def json_lines(document: Any, bad: Collection[str] = ()) -> Markup:
    """A document as indented JSON with its parts told apart; the values of the keys in `bad` are marked."""
    lines, marking = [], False
    for line in pretty(document).split("\n"):
        top = line.startswith('  "') and not line.startswith("   ")
        if top:
            marking = line.partition('":')[0].strip().strip('"') in bad
        marked_ = marking and line.startswith("  ")
        lines.append(Markup('<span class="bad">{}</span>').format(line) if marked_ else _coloured(line))
    return Markup("\n").join(lines)


def _coloured(line: str) -> Markup:
    made, at = Markup(), 0
    for found in _TOKEN.finditer(line):
        text = found[0]
        name = "lit" if text[0] != '"' else "k" if line[found.end() :].startswith(":") else "str"
        made += escape(line[at : found.start()]) + Markup('<span class="{}">{}</span>').format(name, text)
        at = found.end()
    return made + escape(line[at:])


def total_names(total: Any) -> list[str]:
    """The outcomes that at least one document had."""
    names = ("read", "migrated", "repaired", "superseded", "removed", "quarantined")
    return [name for name in names if (total[name] if isinstance(total, dict) else getattr(total, name))]


class PageNumber(NamedTuple):
    """A page of a list: its number, the offset of its first entry, and whether it is the one that is shown."""

    number: int
    offset: int
    here: bool


def page_numbers(page: schemas.Page) -> list[PageNumber | None]:
    """The pages to choose from: the first and the last, the current one and its neighbours; None is a gap."""
    last = max(0, -(-page.total // page.limit) - 1)
    here = min(page.offset // page.limit, last)
    wanted = sorted({0, last, *range(max(0, here - 2), min(last, here + 2) + 1)})
    found: list[PageNumber | None] = []
    for one in wanted:
        if found and found[-1] is not None and one - (found[-1].number - 1) > 1:
            found.append(None)
        found.append(PageNumber(one + 1, one * page.limit, one == here))
    return found


def download(data: bytes, media_type: str | None, name: str | None) -> Response:
    """Bytes of a record: a picture is shown, anything else is saved, and nothing in it ever runs."""
    shown = media_type in IMAGES
    kind = "inline" if shown else "attachment"
    named = f"; filename*=UTF-8''{quote(name, safe='')}" if name else ""
    return Response(
        data,
        media_type=media_type if shown else "application/octet-stream",
        headers={"content-disposition": f"{kind}{named}"},
    )
