"""Render text that people wrote in Markdown as HTML that is safe to show, whatever the text contains.

The text is data of others: HTML in it stays text, nothing in it is loaded from anywhere, a link leads only to the web
or to a mail address, and the result passes a sanitizer that knows a few plain elements.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import nh3
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LONGEST = 100_000
"""Characters of a text that is rendered as Markdown; a longer one is shown as it is."""
TAGS = {
    *("a", "blockquote", "br", "code", "del", "div", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s"),
    *("span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "div": {"class", "tabindex"}, "pre": {"tabindex"}, "ol": {"start"}}
_SCHEMES = ("http://", "https://", "mailto:")
_CITED = re.compile("\ue200[^\ue200-\ue202]*(?:\ue202[^\ue200-\ue202]*)*\ue201")
"""A mark of ChatGPT for a source: its characters have no glyph."""


def readable(text: str) -> Markup:
    """Return a text as HTML: Markdown becomes headings, lists, tables and code; anything else stays as written."""
    told = _CITED.sub("[citation]", text.encode("utf-8", "backslashreplace").decode())
    if len(told) > LONGEST:
        return Markup('<div class="text">{}</div>').format(told)
    made = nh3.clean(
        _markdown().render(told),
        tags=TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
    )
    return Markup(made)  # sanitized


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    made.validateLink = lambda address: address.lower().startswith(_SCHEMES)  # type: ignore[method-assign, assignment]
    made.add_render_rule("image", _image)
    for kind in ("fence", "code_block"):
        made.add_render_rule(kind, _code)
    for kind in ("heading_open", "heading_close"):
        made.add_render_rule(kind, _heading)
    made.add_render_rule("table_open", lambda *_: '<div class="table-box" tabindex="0"><table>')
    made.add_render_rule("table_close", lambda *_: "</table></div>")
    return made


def _image(_: Any, tokens: Any, index: int, *__: Any) -> str:
    """Return a link in the place of an image: nothing is loaded from anywhere."""
    token = tokens[index]
    return f'<a href="{escape(token.attrs.get("src", ""))}">{escape(token.content or "image")}</a>'


def _code(_: Any, tokens: Any, index: int, *__: Any) -> str:
    return f'<div class="code"><pre tabindex="0">{escape(tokens[index].content)}</pre></div>'


def _heading(_: Any, tokens: Any, index: int, *__: Any) -> str:
    """Return a heading's tag: two levels lower, so that the page has one title."""
    token = tokens[index]
    return f"<{'/' if token.nesting < 0 else ''}h{min(6, int(token.tag[1]) + 2)}>"
