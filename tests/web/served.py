"""The page for its tests without a browser: as an app in this process, and as a process with a socket."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from starlette.types import ASGIApp

import pjais
import world
from pjais.web import app
from pjais.web.guard import Keys
from pjais.web.session import Session

KEYS = Keys("the-token", "the-session", "the-word")
PORT = 8123
"""The port that the app believes to be served on."""
OWN = f"http://127.0.0.1:{PORT}"
JSON = {"accept": "application/json"}


class Client:
    """Somebody who asks an app in this process; what the app does not expect is an answer 500."""

    def __init__(self, asked: ASGIApp, **headers: str) -> None:
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(asked, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url=OWN, headers=headers, trust_env=False)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, and its answer; no redirect is followed, and no cookie kept."""
        self.http.cookies.clear()
        return self._runner.run(self.http.request(method, path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("POST", path, **more)

    def together(self, *asked: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
        """Requests at once: method, path and what belongs to it."""

        async def all_of_them() -> list[httpx.Response]:
            return await asyncio.gather(*(self.http.request(how, path, **more) for how, path, more in asked))

        return self._runner.run(all_of_them())

    def close(self) -> None:
        self._runner.run(self.http.aclose())
        self._runner.close()


class Page(NamedTuple):
    """An app, its owner who asks it, and its home."""

    client: Client
    home: Session
    app: ASGIApp

    def json(self, path: str, **query: Any) -> Any:
        """A view as JSON, which must be there."""
        answer = self.client.get(path, params=query, headers=JSON)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def do(self, action: str, **form: Any) -> httpx.Response:
        """An action, by the page's own form."""
        return self.client.post(f"/do/{action}", data={"csrf": KEYS.form, **form}, headers=JSON)

    def rested(self) -> Any:
        """The work once it has ended."""
        for _ in range(6000):
            job = self.home.job
            if job is None or job.state != "running":
                return job
            time.sleep(0.02)
        raise AssertionError(f"the work does not end: {self.home.job}")


@contextmanager
def page(folder: Path | None, *, sources: tuple[Path, ...] = (), password: str | None = None) -> Iterator[Page]:
    """The app for a data folder, asked by its owner."""
    with closing(Session(folder, None, sources, password=password)) as home:
        made = app.make(home, KEYS, PORT)
        with closing(Client(made, authorization=f"Bearer {KEYS.token}")) as owner:
            yield Page(owner, home, made)


def migrated(folder: Path, **lists: Any) -> Path:
    """A folder with a JSON source, migrated."""
    folder.mkdir(parents=True, exist_ok=True)
    world.write_json(folder, **lists)
    pjais.migrate(folder, on_invalid="quarantine")
    return folder


class Served(NamedTuple):
    """A process that serves the page."""

    process: subprocess.Popen[str]
    port: int
    token: str
    url: str
    """Opens the page once."""

    def connected(self) -> socket.socket:
        """A connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=120)

    def said(self, request: str | bytes) -> bytes:
        """All that comes back for these bytes until the other side closes."""
        with self.connected() as one:
            one.sendall(request.encode("latin-1") if isinstance(request, str) else request)
            return read_all(one)

    def get(self, target: str, *headers: str, method: str = "GET", host: str | None = None, body: str = "") -> bytes:
        """The answer to a request written by hand, by who holds the token."""
        given = [f"Host: {host or f'127.0.0.1:{self.port}'}", f"Authorization: Bearer {self.token}", *headers]
        head = "".join(f"{one}\r\n" for one in (*given, "Connection: close"))
        return self.said(f"{method} {target} HTTP/1.1\r\n{head}\r\n{body}")

    def asked(self, path: str) -> socket.socket:
        """A connection on which its owner asks for something; it stays open."""
        one = self.connected()
        name = f"Host: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.token}"
        one.sendall(f"GET {path} HTTP/1.1\r\n{name}\r\n\r\n".encode())
        return one

    def stopped(self) -> str:
        """Ctrl-C: it ends by itself; what it said on its standard error."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=120)
        return said


def read_all(one: socket.socket) -> bytes:
    """What comes until the other side closes."""
    parts = []
    try:
        while part := one.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def status(answer: bytes) -> int:
    """The status of an answer; 0 where there was none."""
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(found[1]) if found else 0


@contextmanager
def served(folder: Path, changed: Mapping[str, float] = MappingProxyType({})) -> Iterator[Served]:
    """A process that serves a folder; `changed` are numbers of modules of `pjais.web`, set otherwise."""
    lines = "".join(f"from pjais.web import {one.split('.')[0]}; {one} = {value}\n" for one, value in changed.items())
    code = f"{lines}import sys; from pjais.__main__ import main; sys.exit(main())"
    arguments = ["ui", "--port", "0", "--no-open", "--json", "--data-dir", str(folder)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        told = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        address = urlsplit(told["url"])
        assert address.port is not None
        yield Served(process, address.port, told["token"], told["url"])
    finally:
        process.kill()
        process.communicate()
