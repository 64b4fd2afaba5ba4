"""Render the views' values as HTML: templates that escape everything, and the formatting of values.

A value is always plain text, whatever it contains; the only exception are the marks around the hits of a search.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pjais import canonical, instants
from pjais.core.table import Column, camel
from pjais.errors import PjaisError
from pjais.models.persona.tables import TABLES
from pjais.version import __version__
from pjais.web import charts
from pjais.web.record_views import MARKS

NAVIGATION = (
    ("/", "Overview"),
    ("/migrate", "Migrate"),
    ("/personas", "Personas"),
    ("/memories", "Memories"),
    ("/conversations", "Conversations"),
    ("/time", "History"),
    ("/pictures", "Charts"),
    ("/sides", "Cutover"),
)
_WITHIN = {
    "/overview": "/",
    "/persona": "/personas",
    "/memory": "/memories",
    "/conversation": "/conversations",
    "/run": "/migrate",
    "/rollback": "/migrate",
    "/backups": "/migrate",
    "/quarantine": "/migrate",
    "/kept": "/migrate",
    "/work": "/migrate",
}
"""The navigation entry of each page."""
RECORDS = {
    "personas": "/persona",
    "memory_entities": "/memory",
    "memoryEntities": "/memory",
    "conversations": "/conversation",
}


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
            here=_WITHIN.get(path, path),
            navigation=NAVIGATION,
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
    }
    made.globals |= {"columns": charts.columns, "bars": charts.bars, "dots": charts.dots, "to": to, "record": record}
    made.globals["later"] = {table.title: table.later for table in TABLES}
    return made


def to(path: str, **query: Any) -> str:
    """An address with its query; what is empty is left out."""
    kept = {name: one for name, one in query.items() if one not in (None, "", False)}
    return f"{path}?{urlencode(kept)}" if kept else path


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


def short(text: Any, width: int = 160) -> str:
    """The beginning of a text."""
    whole = value(text).replace("\n", " ")
    return whole if len(whole) <= width else f"{whole[: width - 1]}…"
