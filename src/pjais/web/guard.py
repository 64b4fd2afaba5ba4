"""Access control for every request: only the owner is let in.

The page is served to this machine alone, but any web site that its owner visits can send requests to it, and any
other user of the machine can connect.  So: the Host header must name the loopback address (a foreign name that was
made to point here, DNS rebinding, is refused); the client must hold a key of this server: a ticket, in the opened
address and valid once, which is exchanged for a cookie that other sites' requests do not carry, or a program's token;
a change must come from the page itself (Origin, Sec-Fetch-Site and a word in the form that only the page knows); a
request must be small and arrive in time; and an answer tells the browser to load nothing from anywhere else, whatever
its content says.
"""

from __future__ import annotations

import asyncio
import hmac
import html
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pjais.errors import UsageError

LARGEST_BODY = 4 << 20
"""Maximum size of a request in bytes: enough for an edited document."""
LARGEST_ADDRESS = 56 << 10
"""Bytes of a path and its query: room for the longest id, however it is written."""
BODY_SECONDS = 20.0
FILES = "/files"
"""The address to which the page hands files: they are written as they come in, and limited by the inbox."""
_NAMES = ("127.0.0.1", "localhost", "[::1]")
_METHODS = "GET, HEAD, POST"
_OPEN_PATHS = ("/static/",)
"""Public paths: the page's own style and script, which reveal nothing."""
ATTACHMENT = "/attachment"
"""The address of attachments, which are files of anybody: a browser is to run nothing in them."""

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with none at all, the page's own forms would come with the Origin `null`
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


@dataclass(slots=True)
class Keys:
    """The secrets of one start.

    `token` is a program's (`Authorization: Bearer`), `session` a browser's cookie, `form` the word in the forms; a
    ticket opens the door once.
    """

    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    form: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    on_entered: Callable[[str], None] = field(default=lambda _: None, repr=False)
    """Called with each ticket that was used."""
    _tickets: set[str] = field(default_factory=set, repr=False)

    def ticket(self) -> str:
        """Return a new ticket."""
        made = secrets.token_urlsafe(32)
        self._tickets.add(made)
        return made

    def take(self, given: str) -> bool:
        """Return whether a ticket is good; it is not any more then."""
        found = [one for one in self._tickets if same(given, one)]
        self._tickets.difference_update(found)
        for one in found:
            self.on_entered(one)
        return bool(found)


def same(given: str, secret: str) -> bool:
    """Return whether two secrets are one, in a time that tells nothing of them."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


class _Refused(Exception):
    def __init__(self, status: int, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status = status
        self.headers = headers

    def answer(self, *, as_json: bool) -> Response:
        if not as_json:
            return PlainTextResponse(f"{self}\n", self.status, self.headers)
        told = UsageError(str(self), advice="open the address that pjais ui printed", next_command="pjais ui")
        return JSONResponse(told.as_dict(), self.status, self.headers)


class Guard:
    """The app behind access control."""

    def __init__(self, app: ASGIApp, keys: Keys, port: int | None) -> None:
        """`port`: the one that is served; None: any (tests that speak to the app without a socket)."""
        self.app = app
        self.keys = keys
        self.port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def armed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if scope["path"].startswith(_OPEN_PATHS):
                    headers["cache-control"] = "no-cache"
                if scope["path"] == ATTACHMENT:
                    headers["content-security-policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
            await send(message)

        try:
            answer = self._answered(scope)
            if answer is None:
                await self.app(scope, await _measured(scope, receive), armed)
                return
        except _Refused as refusal:
            answer = refusal.answer(as_json=scope["path"].startswith("/api"))
        await answer(scope, receive, armed)

    def _answered(self, scope: Scope) -> Response | None:
        """Return the guard's own response, or None if the request may pass.  Raises _Refused."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            raise _Refused(421, "this page answers to its own address on this machine, and to no other name")
        if scope["method"] not in _METHODS.split(", "):
            raise _Refused(405, f"only {_METHODS}", allow=_METHODS)
        if not scope["path"].startswith("/"):
            raise _Refused(400, "this is no proxy: ask for a path")
        if len(scope["raw_path"]) + len(scope["query_string"]) > LARGEST_ADDRESS:
            raise _Refused(414, "the address is too long")
        if scope["path"].startswith(_OPEN_PATHS):
            if "\0" in scope["path"]:
                raise _Refused(404, "page not found")  # nor may the file system be asked for it
            return None
        entered = self._entered(scope)
        if entered is not None:
            return entered
        if not self._is_known(headers):
            raise _Refused(
                403,
                "open the address that `pjais ui` printed: it carries the key to this page, for one use; "
                "after each use a new one is printed there",
            )
        if scope["method"] == "POST" and not _from_itself(headers, hosts[0]):
            raise _Refused(403, "only the page itself may change something")
        return None

    def _is_ours(self, host: str) -> bool:
        name, mark, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        name, port = (name, port) if mark else (host, "80")
        return name.lower() in _NAMES and (self.port is None or port == str(self.port))

    def _entered(self, scope: Scope) -> Response | None:
        """Who comes with a ticket gets the cookie, and the address without the ticket."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if scope["method"] != "GET" or not any(name == "token" and self.keys.take(value) for name, value in query):
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        path = "/" + scope["path"].lstrip("/\\")  # never `//elsewhere`
        target = path + (f"?{rest}" if rest else "")
        answer: Response = RedirectResponse(target, 303)
        if Headers(scope=scope).get("sec-fetch-site") == "cross-site":
            where = answer.headers["location"]
            # It comes from the private file, and a browser sends the cookie on no redirect that began elsewhere.
            answer = HTMLResponse(f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(where)}">')
        answer.set_cookie(self.cookie, self.keys.session, httponly=True, samesite="strict", path="/")
        return answer

    @property
    def cookie(self) -> str:
        """The cookie's name: cookies are shared by all ports of a host, so each page has one of its own."""
        return f"pjais-{self.port or 0}"

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same(given.strip(), self.keys.token):
            return True
        # Other programs on this host set cookies too, on any port and of any form: ours is looked for among them.
        pairs = (one.strip().partition("=") for one in headers.get("cookie", "").split(";"))
        return any(name == self.cookie and same(value, self.keys.session) for name, _, value in pairs)


def _from_itself(headers: Headers, host: str) -> bool:
    """Return whether a request was sent by the page, by the browser's headers on its origin."""
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = headers.get("origin")
    return origin is None or origin == f"http://{host}"


async def _measured(scope: Scope, receive: Receive) -> Receive:
    """The request's body, whole, small enough and in time, to be received once.  Raises _Refused."""
    if scope["method"] != "POST" or scope["path"] == FILES:
        return receive
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdecimal() or int(length) > LARGEST_BODY:
        raise _Refused(413, "the request is too large")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Refused(400, "the request ended too early")
                body += message.get("body", b"")
                if len(body) > LARGEST_BODY:
                    raise _Refused(413, "the request is too large")
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise _Refused(408, "the request took too long") from None
    given = [False]

    async def whole() -> Message:
        if given[0]:
            return await receive()
        given[0] = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return whole
