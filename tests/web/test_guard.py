"""The door of the page: who gets in, who does not, and what an answer allows a browser to do.

The attackers: a web site that the owner visits, another user of this machine, and the data itself.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
import served
from served import JSON, KEYS, OWN, PORT, Client, Page, Served

import world
from pjais.errors import PjaisError
from pjais.web import actions, guard, markdown, rendering
from pjais.web.app import VIEWS
from pjais.web.guard import Guard, Keys

ADDRESSES = [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"LocalHost:{PORT}", f"[::1]:{PORT}"]
OTHER_NAMES = [
    "",
    "evil.example",
    f"evil.example:{PORT}",
    "127.0.0.1",
    f"127.0.0.1:{PORT + 1}",
    f"127.0.0.1:0{PORT}",
    "127.0.0.1:",
    f"127.0.0.1.:{PORT}",
    f"localhost.:{PORT}",
    f"127.0.0.1.nip.io:{PORT}",
    f"a@127.0.0.1:{PORT}",
    f"0.0.0.0:{PORT}",
    f"127.1:{PORT}",
    f"2130706433:{PORT}",
    f"0x7f000001:{PORT}",
    f"[::ffff:127.0.0.1]:{PORT}",
    f"::1:{PORT}",
    f"[::]:{PORT}",
    f"127.0.0.1:{PORT}:{PORT}",
    f"127.0.0.1:{PORT}/",
    f"127.0.0.1:{PORT},evil.example",
    f" 127.0.0.1:{PORT} x",
    "[::1",
    "]",
]
PATIENCE = {"guard.BODY_SECONDS": 0.6, "server.HEAD_SECONDS": 0.6, "server._CONNECTIONS": 60}
BEARER = {"authorization": f"Bearer {KEYS.token}"}
COOKIE = {"cookie": f"pjais-{PORT}={KEYS.session}"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
WORDED = urlencode({"csrf": KEYS.form, "on": "no"})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page over a small store."""
    folder = served.migrated(
        tmp_path_factory.mktemp("data"),
        personas=[world.persona(isActive=True)],
        memories=[world.memory(), world.memory("bad", importance="much")],
    )
    with served.page(folder) as made:
        yield made


@pytest.fixture(scope="module")
def stranger(home: Page) -> Iterator[Client]:
    """Somebody who asks the same page without any key."""
    with closing(Client(home.app)) as made:
        yield made


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A process that serves a small store, with little patience."""
    folder = served.migrated(tmp_path_factory.mktemp("served"), personas=[world.persona()], memories=[world.memory()])
    with served.served(folder, PATIENCE) as made:
        yield made


# -- the name


@pytest.mark.parametrize("host", ADDRESSES)
def test_the_page_answers_to_its_own_names(stranger: Client, host: str) -> None:
    assert stranger.get("/", headers={"host": host, **BEARER}).status_code == 200


@pytest.mark.parametrize("host", OTHER_NAMES)
def test_no_other_name_is_answered_even_with_the_key(stranger: Client, host: str) -> None:
    for path in ("/", "/static/page.js", "/api/overview", f"/?token={KEYS.token}"):
        assert stranger.get(path, headers={"host": host, **BEARER, **COOKIE}).status_code == 421


def test_one_host_is_named_and_not_two() -> None:
    """Two different readers of one request could each believe another one."""
    own = (b"host", f"127.0.0.1:{PORT}".encode())
    for hosts in ([], [own, own], [own, (b"host", b"evil.example")], [(b"host", b"evil.example"), own]):
        assert _raw(hosts) == 421


def test_a_request_to_a_proxy_is_refused() -> None:
    own = [(b"host", f"127.0.0.1:{PORT}".encode())]
    for path in ("http://evil.example/", f"{OWN}/", "*", "evil.example:443", ""):
        assert _raw(own, path) == 400


def _raw(headers: list[tuple[bytes, bytes]], path: str = "/") -> int:
    """The status that the guard gives to a request as a server hands it over."""
    statuses: list[int] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [*headers, (b"authorization", f"Bearer {KEYS.token}".encode())],
    }
    asyncio.run(Guard(inner, KEYS, PORT)(scope, receive, send))
    return statuses[0]


# -- the key


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cookie": "pjais-8123="},
        {"cookie": f"pjais-8123={KEYS.token}"},
        {"cookie": f"pjais={KEYS.session}"},
        {"cookie": f"pjais-8124={KEYS.session}"},
        {"cookie": f"pjais-8123={KEYS.session}x"},
        {"cookie": ";;=;" * 500},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {KEYS.session}"},
        {"authorization": KEYS.token},
        {"authorization": f"Basic {KEYS.token}"},
        {"authorization": "Bearer \xe9"},
        {"x-token": KEYS.token},
        {"referer": f"{OWN}/?token={KEYS.token}"},
    ],
)
def test_without_the_key_nothing_is_shown(stranger: Client, headers: dict[str, str]) -> None:
    given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    for path in (
        "/",
        "/api/overview",
        "/api/openapi.json",
        "/events",
        "/memories",
        "/nothing",
        "/?token=",
        "/?token=x",
        f"/?token={KEYS.session}",
        f"/?token={KEYS.token}",
        f"/?Token={KEYS.ticket()}",
    ):
        answer = stranger.get(path, headers=given)
        assert answer.status_code == 403, (path, headers)
        assert "content of m1" not in answer.text and KEYS.form not in answer.text


@pytest.mark.parametrize("before", ["", 'a={"x": 1}; ', "broken; ", "pjais-8123=old; ", 'b="', "c=d e,f; "])
def test_cookies_of_other_programs_do_not_lock_the_owner_out(stranger: Client, before: str) -> None:
    """They come along, whatever they are: all ports of this host share them."""
    separator = "" if before.endswith("; ") or not before else "; "
    given = {"cookie": f"{before}{separator}pjais-{PORT}={KEYS.session}; z=1"}
    assert stranger.get("/", headers=given).status_code == 200


def test_the_token_is_taken_for_a_cookie_and_leaves_the_address(stranger: Client) -> None:
    answer = stranger.get(f"/memories?q=a%26b&token={KEYS.ticket()}&tag=%C3%A9&token=again")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/memories?q=a%26b&tag=%C3%A9"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"pjais-{PORT}={KEYS.session};")
    assert {one.strip().lower() for one in cookie.split(";")[1:]} == {"httponly", "path=/", "samesite=strict"}
    assert stranger.get("/", headers=COOKIE).status_code == 200


def test_an_address_opens_the_page_once_and_says_how_to_get_another(stranger: Client) -> None:
    """A second use is somebody who read it over the owner's shoulder, or in a list of processes."""
    used = list[str]()
    KEYS.on_entered = used.append
    ticket, other = KEYS.ticket(), KEYS.ticket()
    assert stranger.get(f"/?token={ticket}").status_code == 303
    again = stranger.get(f"/?token={ticket}")
    assert again.status_code == 403 and "pjais ui" in again.text and "set-cookie" not in again.headers
    assert stranger.get(f"/?token={other}").status_code == 303
    assert used == [ticket, other]


def test_who_comes_from_a_file_keeps_the_cookie(stranger: Client) -> None:
    """A browser sends a SameSite=Strict cookie on no redirect that began elsewhere: the page itself leads on."""
    answer = stranger.get(f"/memories?q=%3Cb%3E&token={KEYS.ticket()}", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200 and answer.headers["set-cookie"].startswith(f"pjais-{PORT}={KEYS.session};")
    assert 'content="0; url=/memories?q=%3Cb%3E"' in answer.text


def test_the_token_opens_by_a_look_alone(stranger: Client) -> None:
    """A form of another site with the token in its address would have to know it, and still sets nothing."""
    for method in ("POST", "HEAD"):
        answer = stranger.ask(method, f"/do/undo?token={KEYS.ticket()}", headers=FORM, content=WORDED)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "///evil.example/x",
        "/\\evil.example",
        "/%5cevil.example",
        "/%2fevil.example",
        "/%2f%2fevil.example",
        "/%5c%5cevil.example",
        "/%09/evil.example",
        "/%0a/evil.example",
        "/%0d%0aset-cookie:a=b",
        "/.//evil.example",
        "/%2e%2e//evil.example",
        "/%252f/evil.example",
        "/;//evil.example",
        "/@evil.example",
        "/%00//evil.example",
        "/http://evil.example",
        "/%68ttp:%2f%2fevil.example",
        "/\u2215evil.example",
        "/?next=//evil.example",
    ],
)
def test_the_key_never_leads_away_from_the_page(stranger: Client, path: str) -> None:
    mark = "&" if "?" in path else "?"
    answer = stranger.get(f"{OWN}{path}{mark}token={KEYS.ticket()}")
    assert answer.status_code == 303
    where = answer.headers["location"]
    assert re.match(r"/(?![/\\])[\x21-\x7e]*$", where), where
    assert urlsplit(httpx.URL(OWN).join(where).__str__()).netloc == urlsplit(OWN).netloc
    assert answer.headers.get_list("set-cookie") == [answer.headers["set-cookie"]]


def test_secrets_are_compared_in_constant_time(stranger: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def noted(given: bytes, secret: bytes) -> bool:
        compared.append(secret)
        return given == secret

    monkeypatch.setattr("hmac.compare_digest", noted)
    ticket = KEYS.ticket()
    stranger.get("/?token=guess")
    stranger.get("/", headers={"authorization": "Bearer guess"})
    stranger.get("/", headers={"cookie": f"pjais-{PORT}=guess"})
    stranger.post("/do/undo", headers=BEARER, data={"csrf": "guess"})
    assert set(compared) >= {KEYS.token.encode(), KEYS.session.encode(), KEYS.form.encode(), ticket.encode()}


def test_every_start_has_other_secrets_which_no_trace_shows() -> None:
    one, other = Keys(), Keys()
    assert len({one.token, one.session, one.form, other.token, other.session, other.form}) == 6
    assert min(len(one.token), len(one.session), len(one.form)) >= 43
    assert one.token not in repr(one) and one.session not in repr(one) and one.form not in repr(one)


# -- who may change something


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {"origin": "http://127.0.0.1"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},
        {"origin": f"http://localhost:{PORT}"},
        {"origin": f"{OWN}.evil.example"},
        {"origin": f"{OWN}/"},
        {"origin": f"{OWN} https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": ""},
        {"sec-fetch-site": "cross-site", "origin": OWN},
        {"sec-fetch-site": "same-origin", "origin": "null"},
    ],
)
def test_another_site_changes_nothing_though_it_knew_the_word(stranger: Client, home: Page, headers: Any) -> None:
    answer = stranger.post(
        "/do/remember",
        headers={**COOKIE, **FORM, **headers},
        content=urlencode({"csrf": KEYS.form, "content": "planted"}),
    )
    assert answer.status_code == 403
    assert home.json("/memories", q="planted")["page"]["total"] == 0


@pytest.mark.parametrize("headers", [{}, {"origin": OWN}, {"sec-fetch-site": "same-origin", "origin": OWN}])
def test_the_page_itself_may(stranger: Client, headers: dict[str, str]) -> None:
    answer = stranger.post("/do/follow", headers={**COOKIE, **FORM, **headers}, content=WORDED)
    assert (answer.status_code, answer.headers["location"]) == (303, "/cutover")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", ""),
        ("application/x-www-form-urlencoded", "csrf=&on=no"),
        ("application/x-www-form-urlencoded", "csrf=guess"),
        ("application/x-www-form-urlencoded", "csrf=%ED%A0%80"),
        ("application/x-www-form-urlencoded", f"csrf={KEYS.form}x"),
        ("application/x-www-form-urlencoded", f"x={KEYS.form}"),
        ("application/x-www-form-urlencoded", f"CSRF={KEYS.form}"),
        ("application/x-www-form-urlencoded", b"csrf=\xff"),
        ("application/x-www-form-urlencoded", f"csrf={KEYS.form}&" + "a=b&" * 1000),
        ("application/json", json.dumps({"csrf": KEYS.form})),
        ("text/plain", json.dumps({"csrf": KEYS.form})),
        (
            "multipart/form-data; boundary=b",
            f'--b\r\ncontent-disposition: form-data; name="csrf"\r\n\r\n{KEYS.form}\r\n--b--',
        ),
    ],
)
def test_without_the_word_of_the_form_nothing_is_changed(stranger: Client, kind: str, body: Any) -> None:
    answer = stranger.post("/do/follow", headers={**COOKIE, **JSON, "content-type": kind}, content=body)
    assert answer.status_code in (400, 403)
    assert answer.json()["safe"] == "Nothing was read or written."


def test_nothing_is_changed_by_a_look(home: Page) -> None:
    for name in actions.ACTIONS:
        for method in ("GET", "HEAD"):
            answer = home.client.ask(method, f"/do/{name}?{WORDED}&id=m1")
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert home.json("/history")["last"] == 0


# -- what a browser is told


def _answers(home: Page, stranger: Client) -> Iterator[tuple[str, httpx.Response]]:
    """Every kind of answer that there is."""
    for view in VIEWS:
        for path in (view.path, f"/api{view.path}"):
            for method in ("GET", "HEAD", "POST"):
                yield f"{method} {path}", home.client.ask(method, path, params={"id": "m1"})
    for path in (
        "/",
        "/api/openapi.json",
        "/nothing",
        "/api/nothing",
        "/static/page.js",
        "/static/page.css",
        "/static/icon.svg",
        "/static/",
        "/static/nothing",
        "/static/../guard.py",
        "/memories?limit=x",
        "/docs",
        "/redoc",
    ):
        yield path, home.client.get(path)
    yield "a stranger", stranger.get("/")
    yield "another name", stranger.get("/", headers={"host": "evil.example"})
    yield "a ticket", stranger.get(f"/?token={KEYS.ticket()}")
    yield "a ticket, from a file", stranger.get(f"/?token={KEYS.ticket()}", headers={"sec-fetch-site": "cross-site"})
    yield "PUT", home.client.ask("PUT", "/")
    yield "too long", home.client.get("/" + "a" * guard.LARGEST_ADDRESS)
    yield "too large", home.client.post("/do/undo", content=b"x" * (guard.LARGEST_BODY + 1))
    yield "no word", home.client.post("/do/undo")
    yield "done", home.client.post("/do/follow", headers=FORM, content=WORDED)
    yield "failed", home.do("promote", id="nobody")


def test_every_answer_forbids_the_browser_everything_but_the_page(home: Page, stranger: Client) -> None:
    for what, answer in _answers(home, stranger):
        assert answer.status_code < 500, what
        headers = answer.headers
        rules = dict(one.strip().partition(" ")[::2] for one in headers["content-security-policy"].split(";"))
        assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'", what
        assert {rules[f"{one}-src"] for one in ("script", "style", "img", "font", "connect")} == {"'self'"}
        assert rules["form-action"] == "'self'" and "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] in ("no-referrer", "same-origin")
        assert headers["cross-origin-resource-policy"] == headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cache-control"] == ("no-cache" if "/static" in str(answer.url) else "no-store")
        assert "access-control-allow-origin" not in headers and "server" not in headers
        assert (
            headers.get("content-type", "").startswith(("text/", "application/json", "image/svg+xml"))
            or not answer.content
        )
        assert KEYS.token not in answer.text and KEYS.session not in answer.text
        assert all(KEYS.token not in value for value in headers.values())


def test_what_is_not_understood_is_refused_with_what_is(home: Page) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "X" * 300):
        for path in ("/", "/static/page.js", "/do/undo", "/api/overview", "/events"):
            answer = home.client.ask(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert set(home.client.post("/memories").headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert home.client.ask("HEAD", "/events").headers["allow"] == "GET"


def test_every_view_can_be_asked_for_its_head(home: Page) -> None:
    for path in ("/", *(one.path for one in VIEWS), *(f"/api{one.path}" for one in VIEWS)):
        head, whole = (home.client.ask(method, path, params={"id": "m1"}) for method in ("HEAD", "GET"))
        assert (head.status_code, head.headers["content-type"]) == (whole.status_code, whole.headers["content-type"])


# -- what the data says

NASTY = [
    "<script>alert(1)</script>",
    '"\'><xss onpointerenter=alert(1) x-attr="',
    "</textarea></title></pre></select><xss>",
    "{{7*7}}{% raw %}${7*7}",
    "javascript:alert(1)",
    "<!--",
    "]]>",
    "&lt;xss&gt;&#60;xss&#62;",
    "\u202ex\u2066y\u200b",
    "\ue001\ue000<xss>\ue000\ue000hit\ue001",
    "\x00\x01\x08\x0b\x1b[31m\x7f\x85",
    "\ufffe\uffff\U0010ffff",
    "a\r\nb\rc\n",
    "\n\nfirst lines",
    "x" * 20_000,
    "//evil.example",
    "\\..\\../a/../b?c=d#e%2f",
    "' OR 1=1; --",
]
_OURS = "".join(
    one.read_text("utf-8")
    for one in sorted(Path(rendering.__file__).parent.rglob("*"))
    if one.suffix == ".html" or one.name in ("charts.py", "marking.py", "markdown.py", "rendering.py", "word_diff.py")
)
_SCRIPTS = ("vendor/idiomorph", "page", "palette", "import", "reading", "select")
_TAGS = set(re.findall(r"<([a-z][a-z0-9]*)", _OURS)) | markdown.TAGS
_ATTRIBUTES = {
    one.lower()
    for tag in re.findall(r"<[a-z](?:{%.*?%}|{{.*?}}|[^<>])*>", _OURS)
    for one in re.findall(r"[a-z][a-z0-9-]*", tag, re.I)
} - {"style", "srcdoc", "formaction", "ping"}
"""What our templates have in their elements; no handler of an event and no style is among them."""


class Reader(HTMLParser):
    """A page as a browser reads it: all that is in it must be ours."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.fields: dict[str, str] = {}
        self.shown = ""
        self._into: str | None = None
        self.scripts = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert tag in _TAGS, tag
        assert given.keys() <= _ATTRIBUTES, given
        assert len(given) == len(attrs)
        assert not any(name.startswith("on") for name in given), given
        for name in ("href", "src", "action"):
            if name in given:
                assert re.match(r"[/#](?![/\\])", str(given[name])), given
        if tag == "script":
            self.scripts += 1
            assert given in [{"src": f"/static/{one}.js", "defer": None} for one in _SCRIPTS]
        self._into = str(given.get("name")) if tag == "textarea" else None
        if tag == "textarea":
            self.fields[str(self._into)] = ""

    def handle_data(self, data: str) -> None:
        self.shown += data
        if self._into is not None:
            self.fields[self._into] += data

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 -- the base class names it
        self._into = None

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")


def read(page: Page, path: str, **query: Any) -> Reader:
    """A view as a page, read as a browser does."""
    answer = page.client.get(path, params=query)
    assert answer.status_code < 500, (path, query)
    found = Reader(answer.text)
    assert found.scripts in (3, 4), "those of the page, and at most one of the view"
    assert KEYS.token not in answer.text and KEYS.session not in answer.text
    return found


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page over a store in which everything that can be a text is an attack."""
    personas, memories, talks, links = [], [], [], []
    for number, text in enumerate(NASTY):
        key = f"{number} {text[:300]}"
        personas.append(
            world.persona(
                f"p{key}",
                name=text,
                description=text,
                isActive=not number,
                settings={text: [text]},
                personality={"traits": {text: text}},
                metadata={text: text},
            )
        )
        memories.append(
            world.memory(
                f"m{key}",
                f"p{key}",
                content=text + " findme",
                name=text,
                summary=text,
                tags=[text, 1],
                type=text[:50],
                memoryTier=text[:30],
                embedding=[number / 9, 0.5, 0.1],
            )
        )
        memories.append(world.memory(f"j{key}", f"p{key}", content={text: [text, {"items": text}]}, importance=150))
        memories.append(world.memory(f"b{key}", f"p{key}", content=text, importance=text))
        talks.append(
            {
                "id": f"c{key}",
                "personaId": f"p{key}",
                "title": text,
                "summary": text,
                "messages": [
                    {},
                    {"role": text, "content": text, "timestamp": text},
                    text,
                    {"role": "user", "content": {text: text}},
                    None,
                    [1],
                    {"items": text, "get": text, "role": {text: text}, "content": None},
                ],
            }
        )
        links.append(
            {"id": f"r{key}", "fromId": f"m{key}", "toId": f"j{key}", "type": text[:99] or "t", "strength": 0.5}
        )
    folder = served.migrated(
        tmp_path_factory.mktemp("<nasty onload=x>"),
        personas=personas,
        memories=memories,
        conversations=talks,
        relationships=links,
    )
    (folder / "backups" / "<xss>\u202e").mkdir()
    (folder / "<xss>&.json").write_text('{"memories": [}', "utf-8")
    with served.page(folder) as made:
        yield made


def test_whatever_the_records_say_no_page_holds_anything_but_our_own_elements(nasty: Page) -> None:
    keys = {"/persona": "personas", "/conversation": "conversations"}
    for path, listed in keys.items():
        records = nasty.json(f"/{listed}", limit=500)["records"]
        assert len(records) == len(NASTY)
        for one in records:
            assert read(nasty, path, id=one["id"])
    hits = nasty.json("/memories", limit=500)["hits"]
    assert len(hits) == 2 * len(NASTY)
    for hit in hits:
        read(nasty, "/memory", id=hit["memory"]["id"])
    kept = nasty.json("/quarantine")["entries"]
    assert len(kept) >= len(NASTY)
    for entry in kept:
        read(nasty, "/kept", id=entry["id"])
    for view in VIEWS:
        read(nasty, view.path, id="<xss>", limit=500)
    assert len(re.findall("findme", read(nasty, "/memories", q="findme", limit=500).shown)) >= len(NASTY)


def test_whatever_is_asked_comes_back_as_text(nasty: Page) -> None:
    for text in NASTY[:-4]:
        for view in VIEWS:
            read(nasty, view.path, q=text[:1000], tag=text, id=text, persona=text, x=text, **{text: text})
        read(nasty, "/memories", tier=text, type=text, order=text, since=text, limit=text, deleted=text)
        assert Reader(nasty.client.get(f"/{urlencode({'': text})}").text)
    hit = read(nasty, "/memories", q="<script>alert(1)</script> findme")
    assert "<script>alert(1)</script> findme" in hit.shown


def test_what_is_done_to_nasty_records_stays_text_in_their_history_and_in_time(nasty: Page) -> None:
    first = f"m0 {NASTY[0]}"
    for text in NASTY:
        assert nasty.do("edit", kind="memories", id=first, name=text, content=text, tags=text).status_code == 200, text
    read(nasty, "/memory", id=first)
    read(nasty, "/history", at=0)
    history = nasty.json("/memory", id=first)["history"]
    assert len(history) >= len(NASTY) - 2
    assert nasty.do("discard", id=nasty.json("/quarantine")["entries"][0]["id"]).status_code == 200
    read(nasty, "/quarantine", everything="true")
    for action in ("verify", "back-up", "compare", "sync"):
        assert nasty.do(action).status_code == 200
        nasty.rested()
        for path in ("/", "/work", "/backups", "/cutover", "/import"):
            read(nasty, path)


def test_a_text_is_in_its_field_to_the_last_line(nasty: Page) -> None:
    """A browser takes the first line end of a text area away, unless we give one more."""
    for number, text in enumerate(NASTY):
        fields = read(nasty, "/memory", id=f"m{number} {text[:300]}", edit="1").fields
        if number:  # the first one was edited above
            assert fields["content"] == f"\n{text} findme"
            assert fields["summary"] == f"\n{text}"
    entry = nasty.json("/quarantine")["entries"][-1]
    whole = nasty.json("/kept", id=entry["id"])["document"]
    assert json.loads(read(nasty, "/kept", id=entry["id"]).fields["document"]) == whole


def test_marks_of_a_hit_that_a_text_holds_itself_never_stand_open() -> None:
    a, b = "\ue000", "\ue001"
    for text in ("", f"{a}x{b}", f"{b}{a}", f"{a}{a}x{b}", f"{a}x{b}{b}", f"{a}<i>{b}", f"x{a}", f"{b}<b>{a}y{b}"):
        marked = str(rendering.marked(text))
        assert re.fullmatch(r"([^<>]|<mark>[^<>]*</mark>)*", marked), marked
    assert rendering.marked(f"a {a}hit{b} <") == "a <mark>hit</mark> &lt;"


# -- paths and numbers


@pytest.mark.parametrize(
    "path",
    [
        "/static/../guard.py",
        "/static/%2e%2e/guard.py",
        "/static/..%2fguard.py",
        "/static/%2e%2e%2f%2e%2e%2fversion.py",
        "/static/..%5cguard.py",
        "/static/..\\guard.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/%00",
        "/static/page.js%00.css",
        "/static/./../templates/base.html",
        "/static/....//guard.py",
        "/static/" + "a" * 5000,
        "/static/%ff",
        "/static/~root/.profile",
        "/static/C:%5cwindows",
    ],
)
def test_only_the_two_files_are_served_and_no_file_beside_them(stranger: Client, home: Page, path: str) -> None:
    for who in (stranger, home.client):
        answer = who.get(path)
        assert answer.status_code in (403, 404), path
        assert "def " not in answer.text and "root:" not in answer.text


IDS = [
    "..",
    "../..",
    ".",
    "",
    "/",
    "/etc",
    "/etc/passwd",
    "..\\..",
    "a\x00b",
    "\x00",
    "x" * 5000,
    "backups/..",
    "~",
    "*",
    "\u2025/",
]


def test_a_backup_or_a_run_is_a_name_and_never_a_path(home: Page, tmp_path: Path) -> None:
    before = world.hashes(Path(home.json("/overview")["data_dir"]))
    for key in [*IDS, str(tmp_path)]:
        for action in ("check-backup", "restore-backup", "rollback"):
            answer = home.do(action, id=key, run=key, later="keep", destination=str(tmp_path), to=str(tmp_path))
            assert answer.status_code in (400, 409), (action, key)
            assert answer.json().keys() == {"code", "exit_code", "what", "where", "safe", "advice", "next"}
        assert home.client.get("/run", params={"id": key}).status_code in (404, 422)
    assert world.hashes(Path(home.json("/overview")["data_dir"])) == before
    assert not list(tmp_path.iterdir())


def test_where_a_backup_is_restored_to_is_not_for_a_request_to_say(tmp_path: Path) -> None:
    folder = served.migrated(tmp_path / "data", memories=[world.memory()])
    with served.page(folder) as page:
        (one,) = page.json("/backups")["backups"]
        for name in ("destination", "to", "folder", "path", "data_dir", "where", "back"):
            assert page.do("restore-backup", id=one["id"], **{name: str(tmp_path / "elsewhere")}).status_code == 200
            job = page.rested()
            assert job.state == "done" or job.error["code"] == "MIGRATION_002"
    assert [one.name for one in tmp_path.iterdir()] == ["data"]
    assert [one.name for one in (folder / "restored").iterdir()] == [one["id"]]


NUMBERS = [
    "nan",
    "inf",
    "-inf",
    "1e300",
    "1e999",
    "-1",
    "-0",
    "0x1",
    "1.5",
    "\u0661",
    "\u00b2",
    "9" * 19,
    "9" * 5000,
    "",
    " ",
    "1_0",
    "+1",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_names_nothing_is_told_so(home: Page, number: str) -> None:
    asked = [
        ("discard", {"id": number}),
        ("replay", {"id": number}),
        ("restore-record", {"table": "memory_entities", "id": "m1", "at": number}),
        ("restore-record", {"table": "memory_entities", "id": "m1", "at": "7", "where": number or "x"}),
        ("restore-record", {"table": "memory_entities", "id": "m1", "at": "7", "field": number}),
    ]
    for action, form in asked:
        answer = home.do(action, **form)
        assert answer.status_code in (400, 404), (action, form, answer.text)
    for path, name in (
        ("/kept", "id"),
        ("/history", "at"),
        ("/history", "where"),
        ("/memories", "limit"),
        ("/memories", "offset"),
    ):
        for way in ({}, JSON):
            assert home.client.get(path, params={name: number}, headers=way).status_code in (200, 404, 422), (
                path,
                name,
            )


def test_an_importance_that_is_no_number_does_not_get_into_the_store(home: Page) -> None:
    for text in ("nan", "inf", "-inf", "1e999", "9" * 400, "much", "{}"):
        answer = home.do("edit", kind="memories", id="m1", importance=text)
        assert (answer.status_code, answer.json()["code"]) == (400, "PJAIS_USAGE")
    assert home.json("/memory", id="m1")["record"]["importance"] == 50


# -- sizes and patience


def test_json_that_is_nested_too_deep_is_refused_and_the_page_goes_on(home: Page) -> None:
    (entry,) = home.json("/quarantine")["entries"]
    for deep in (
        "[" * 201 + "]" * 201,
        '{"a":' * 900 + "1" + "}" * 900,
        "[" * 100_000,
        "9" * 5000,
        '"\\ud800"',
        "{",
        "nope",
    ):
        for form in (
            {"kind": "memories", "id": "m1", "content": deep, "content_format": "json"},
            {"kind": "personas", "id": "p1", "personality": deep},
        ):
            assert home.do("edit", **form).status_code in (400, 409), deep[:20]
        assert home.do("replay", id=entry["id"], document=deep, before="{}").status_code in (400, 409)
    assert home.json("/memory", id="m1")["record"]["content"] == "content of m1"


def test_too_much_is_refused_before_it_is_read(home: Page, stranger: Client) -> None:
    big = b"x" * (guard.LARGEST_BODY + 1)

    async def parts() -> Any:
        for _ in range(5):
            yield b"x" * (1 << 20)

    assert home.client.post("/do/undo", content=big).status_code == 413
    assert home.client.post("/do/undo", content=parts()).status_code == 413
    for length in ("-1", "x", "1e9", "\u00b2", str(10**30), ""):
        headers = [(b"content-length", length.encode("latin-1"))]
        assert home.client.post("/do/undo", content=b"", headers=headers).status_code == 413
    assert stranger.post("/do/undo", content=big).status_code == 403
    assert home.client.get("/?" + "a" * guard.LARGEST_ADDRESS).status_code == 414
    assert home.client.get("/api/memories?" + "a&" * (guard.LARGEST_ADDRESS // 2)).json()["code"] == "PJAIS_USAGE"
    assert home.client.get("/memories?" + "q=a&" * 5000).status_code == 200


def test_bytes_that_are_no_request_are_answered_and_forgotten(process: Served) -> None:
    own = f"Host: 127.0.0.1:{process.port}\r\nAuthorization: Bearer {process.token}\r\nConnection: close\r\n"
    for request in (
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        f"GET / HTTP/1.1\r\n{own}Host: evil.example\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        f"GET /\xff HTTP/1.1\r\n{own}\r\n",
        f"GET / HTTP/1.1\r\n{own}a: b\x00c\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        f"POST /do/undo HTTP/1.1\r\n{own}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        f"POST /do/undo HTTP/1.1\r\n{own}Content-Length: -5\r\n\r\nhello",
        f"GET {'/' * 70_000} HTTP/1.1\r\n{own}\r\n",
        f"POST /do/undo HTTP/1.1\r\n{own}Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        f"GET /%00%ff%fe HTTP/1.1\r\n{own}\r\n",
    ):
        answer = process.said(request)
        assert served.status(answer) in (0, 400, 403, 404, 414, 421), (request[:60], answer[:200])
        assert b"Traceback" not in answer
    for target in ("http://evil.example/", f"http://127.0.0.1:{process.port}/", "*", "evil.example:443"):
        assert served.status(process.get(target)) == 400
    assert served.status(process.get("/")) == 200


def test_the_port_of_the_name_is_the_port_that_is_served(process: Served) -> None:
    for host in ("evil.example", f"evil.example:{process.port}", "127.0.0.1", f"127.0.0.1:{process.port + 1}", ""):
        assert served.status(process.get("/", host=host or " ")) in (400, 421)
    for host in (f"localhost:{process.port}", f"[::1]:{process.port}"):
        assert served.status(process.get("/", host=host)) == 200


def test_a_web_socket_is_not_opened(process: Served) -> None:
    asked = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    for path in ("/", "/events"):
        with process.connected() as one:
            head = "".join(f"{line}\r\n" for line in (f"Host: 127.0.0.1:{process.port}", *asked))
            one.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
            assert served.status(one.recv(4096)) == 403


def test_a_body_that_does_not_come_is_waited_for_only_so_long(process: Served) -> None:
    own = f"Host: 127.0.0.1:{process.port}\r\nAuthorization: Bearer {process.token}\r\n"
    for framing in ("Content-Length: 1000", "Transfer-Encoding: chunked"):
        answer = process.said(f"POST /do/undo HTTP/1.1\r\n{own}{framing}\r\nConnection: close\r\n\r\n")
        assert served.status(answer) == 408
    with process.connected() as one:
        one.sendall(f"POST /do/undo HTTP/1.1\r\n{own}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(70):
            try:
                one.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            except OSError:
                break
        assert served.status(served.read_all(one)) in (0, 413)
    assert served.status(process.get("/")) == 200


def test_connections_that_say_nothing_or_say_it_slowly_are_closed(process: Served) -> None:
    with process.connected() as silent, process.connected() as slow, process.asked("/") as kept:
        for letter in b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 60:
            try:
                slow.sendall(bytes([letter]))
            except OSError:
                break
            time.sleep(0.02)
        assert served.read_all(silent) == served.read_all(slow) == b""
        assert served.status(served.read_all(kept)) == 200


def test_many_idle_connections_do_not_keep_the_owner_out(process: Served) -> None:
    with ExitStack() as held:
        for _ in range(200):
            one = held.enter_context(process.connected())
            one.sendall(b"GET / HTTP/1.1\r\n")
        assert served.status(process.get("/")) == 200
        assert served.status(process.get("/memories")) == 200


def test_streams_whose_readers_went_away_leave_nothing_and_open_ones_hold_nothing_up(tmp_path: Path) -> None:
    served.migrated(tmp_path, memories=[world.memory()])
    with served.served(tmp_path) as process:
        for _ in range(2):
            with ExitStack() as held:
                streams = [held.enter_context(_stream(process)) for _ in range(100)]
                assert served.status(process.get("/")) == 200
                word = _word(process)
                body = f"csrf={word}&content=tea"
                answer = process.get(
                    "/do/remember",
                    f"Content-Length: {len(body)}",
                    "Content-Type: application/x-www-form-urlencoded",
                    method="POST",
                    body=body,
                )
                assert served.status(answer) == 303
                for one in streams:
                    assert b"event: data" in _until(one, b"event: data")
        for _ in range(100):
            if _open_files(process) < 40:
                break
            time.sleep(0.05)
        assert _open_files(process) < 40, "a stream that nobody reads holds its connection"
        with ExitStack() as held:
            for _ in range(50):
                held.enter_context(_stream(process))
            assert process.stopped() == ""
        assert process.process.returncode == 0


def _stream(process: Served) -> socket.socket:
    one = process.asked("/events")
    head = _until(one, b"retry")
    assert served.status(head) == 200
    assert b"default-src 'none'" in head and b"no-store" in head and b"nosniff" in head
    return one


def _until(one: socket.socket, wanted: bytes) -> bytes:
    said = b""
    while wanted not in said:
        part = one.recv(4096)
        assert part, said
        said += part
    return said


def _word(process: Served) -> str:
    found = re.search(rb'name="csrf" value="([^"]+)"', process.get("/memories"))
    assert found is not None
    return found[1].decode()


def _open_files(process: Served) -> int:
    try:
        return len(list(Path(f"/proc/{process.process.pid}/fd").iterdir()))
    except OSError:
        return 0


def test_errors_of_the_door_are_as_the_others_for_programs(stranger: Client) -> None:
    answer = stranger.get("/api/overview")
    assert answer.status_code == 403
    assert answer.json().keys() == PjaisError("x").as_dict().keys()
    assert answer.json()["code"] == "PJAIS_USAGE"
