"""The server over HTTP: on the loopback address only, behind a token that is in a private file.

Any program and any page of a browser on this machine can reach a port.  So each request needs the token
(`Authorization: Bearer`), must be made to this address by name (a page that has its own name point here does not pass),
and from no other origin; a body, the number of sessions and the time of silent ones are limited.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import uvicorn
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pjais import files
from pjais.errors import UsageError
from pjais.mcp.offer import Offer
from pjais.mcp.server import Protocol

PATH = "/mcp"
LARGEST_BODY = 1 << 20
"""Bytes of a request: more than anybody writes at once."""
SESSIONS = 50
IDLE_SECONDS = 600.0
_CONNECTIONS = 100
_NAMES = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "[::1]": "::1", "::1": "::1"}


def address(text: str) -> tuple[str, int]:
    """Return the host and port of `127.0.0.1:8000` or `8000`.  Raises UsageError for anything but the loopback."""
    host, _, port = text.rpartition(":")
    named = _NAMES.get(host or "127.0.0.1")
    if named is None:
        raise UsageError(
            "the server is for this machine only", where=[text], advice="name 127.0.0.1, localhost or [::1] and a port"
        )
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise UsageError("a port is a number up to 65535", where=[text])
    return named, int(port)


class Guard:
    """The app behind access control."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self._origins = {f"http://{one}" for one in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it before its body is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refused(scope)
        await (self._app if refused is None else refused)(scope, receive, send)

    def _refused(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return PlainTextResponse("this server answers to its own address on this machine only\n", 421)
        if any(origin not in self._origins for origin in headers.getlist("origin")):
            return PlainTextResponse("no page of another origin may speak to this server\n", 403)
        given = headers.getlist("authorization")
        scheme, _, word = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not hmac.compare_digest(word.strip().encode("utf-8", "replace"), self._token):
            told = {"www-authenticate": 'Bearer realm="pjais"'}
            return PlainTextResponse("the token is missing or wrong; pjais mcp printed the file it is in\n", 401, told)
        if scope["path"] != PATH:
            return PlainTextResponse(f"the server is at {PATH}\n", 404)
        return None


@contextmanager
def token_file() -> Iterator[tuple[Path, str]]:
    """Yield a new token and the private file that it is in, which is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="pjais-mcp-"))  # 0700
    token = secrets.token_urlsafe(32)
    try:
        files.write_atomically(folder / "token", f"{token}\n".encode())  # 0600
        yield folder / "token", token
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def app(offer: Offer, token: str, port: int) -> tuple[Guard, StreamableHTTPSessionManager]:
    """Return the app, and its sessions, which run while `run()` of them does."""
    manager = StreamableHTTPSessionManager(
        app=Protocol(offer).server,
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # the guard does it
        max_request_body_size=LARGEST_BODY,
        max_sessions=SESSIONS,
        session_idle_timeout=IDLE_SECONDS,
    )
    return Guard(manager.handle_request, token, port), manager


def serve(offer: Offer, host: str, port: int, ready: Callable[[str, Path], None]) -> None:
    """Serve until interrupted; `ready` is given the address and the token's file.

    Raises UsageError for a port that is taken.
    """
    with closing(_listening(host, port)) as listening, token_file() as (file, token):
        bound = int(listening.getsockname()[1])
        guard, manager = app(offer, token, bound)
        config = uvicorn.Config(
            guard,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=64 << 10,
        )
        shown = f"[{host}]" if ":" in host else host

        async def run() -> None:
            async with manager.run():
                ready(f"http://{shown}:{bound}{PATH}", file)
                await uvicorn.Server(config).serve(sockets=[listening])

        with suppress(KeyboardInterrupt):  # how its owner ends it
            asyncio.run(run())


def _listening(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(100)
    except OSError as error:
        made.close()
        raise UsageError(
            f"port {port} cannot be served: {error.strerror}", next_command="pjais mcp --http 127.0.0.1:0"
        ) from error
    return made
