"""The server over HTTP: who has no token, another origin or another name gets nowhere; who has it is served."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import stat
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from talking import ERAS, entity, ours

from pjais.errors import UsageError
from pjais.mcp.http import LARGEST_BODY, SESSIONS, address

START = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "http", "version": "1"}},
}


class Served:
    def __init__(self, url: str, file: Path) -> None:
        self.url, self.file, self.token = url, file, file.read_text().strip()

    def status(self, path: str = "", body: Any = START, method: str = "POST", **headers: str | None) -> int:
        """Return the status of a request with the right headers, changed by those given (None: without it)."""
        wanted: dict[str, str | None] = {
            "authorization": f"Bearer {self.token}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data if method == "POST" else None, method=method)
        for name, value in wanted.items():
            if value is not None:
                request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    started = ours(tmp_path_factory.mktemp("http") / "data", "--http", "127.0.0.1:0")
    process = subprocess.Popen(
        [started.command, *started.args], stderr=subprocess.PIPE, text=True, env={**os.environ, **(started.env or {})}
    )
    assert process.stderr is not None
    lines = [process.stderr.readline(), process.stderr.readline()]
    url = re.search(r"http://\S+", lines[0])
    file = re.search(r"is in (\S+):", lines[1])
    assert url and file, lines
    made = Served(url[0], Path(file[1]))
    yield made
    process.terminate()
    process.wait(30)
    process.stderr.close()


def test_the_token_is_in_a_private_file(served: Served) -> None:
    assert len(served.token) > 40
    if sys.platform != "win32":
        assert stat.S_IMODE(served.file.stat().st_mode) == 0o600
        assert stat.S_IMODE(served.file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"authorization": None}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": "Basic dXNlcjpwYXNz"}, 401),
        ({"authorization": "Bearer ü"}, 401),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1:1"}, 421),
        ({"host": "localhost.evil.example:80"}, 421),
        ({"content_type": "text/plain"}, 400),
    ],
)
def test_only_who_may_is_served(served: Served, headers: dict[str, Any], status: int) -> None:
    assert served.status(**headers) == status


def test_its_own_origin_and_every_case_of_the_scheme_pass(served: Served) -> None:
    origin = served.url.removesuffix("/mcp")
    assert served.status(origin=origin, authorization=f"bearer {served.token}") == 200


def test_other_paths_and_large_bodies_are_refused(served: Served) -> None:
    assert served.status(path="/other") == 404
    assert served.status(path="/other", authorization=None) == 401
    assert announced(served, LARGEST_BODY + 1) == 413
    assert served.status(body=b"no json") == 400


def announced(served: Served, size: int) -> int:
    """Return the status of a request that says how large its body is, and sends none of it."""
    place = urllib.parse.urlsplit(served.url)
    with closing(http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)) as connection:
        connection.putrequest("POST", place.path)
        connection.putheader("authorization", f"Bearer {served.token}")
        connection.putheader("content-type", "application/json")
        connection.putheader("content-length", str(size))
        connection.endheaders()
        return connection.getresponse().status


@pytest.mark.parametrize("era", ERAS)
def test_the_official_client_talks_over_http(served: Served, era: str) -> None:
    import httpx2

    async def run() -> Any:
        headers = {"Authorization": f"Bearer {served.token}"}
        async with httpx2.AsyncClient(headers=headers) as http:
            async with Client(streamable_http_client(served.url, http_client=http), mode=era) as client:
                await client.call_tool("create_entities", {"entities": [entity(f"over {era}")]})
                return await client.call_tool("open_nodes", {"names": [f"over {era}"]})

    assert asyncio.run(run()).structured_content["entities"] == [entity(f"over {era}")]


def test_sessions_are_limited(served: Served) -> None:
    found = [served.status() for _ in range(SESSIONS + 3)]
    assert found[-1] == 503 and 200 in found


@pytest.mark.parametrize(
    "text", ["0.0.0.0:80", "example.org:80", "192.168.1.2:80", "127.0.0.1:x", "127.0.0.1:70000", ""]
)
def test_no_other_address_is_served(text: str) -> None:
    with pytest.raises(UsageError):
        address(text)


def test_addresses_of_this_machine() -> None:
    assert [address(one) for one in ("8000", "localhost:1", "[::1]:2", "127.0.0.1:0")] == [
        ("127.0.0.1", 8000),
        ("127.0.0.1", 1),
        ("::1", 2),
        ("127.0.0.1", 0),
    ]
