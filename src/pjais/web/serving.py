"""The server of the page: on the loopback address alone, until it is stopped."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing

import uvicorn

from pjais.errors import UsageError
from pjais.web import app
from pjais.web.guard import Keys
from pjais.web.home import Home

HOST = "127.0.0.1"
_CONNECTIONS = 200


def serve(home: Home, port: int, ready: Callable[[str], None], *, keys: Keys | None = None) -> None:
    """Serve a data folder until interrupted; `ready` is told the address with its key once it answers.

    `port` 0 takes a free one.  Raises UsageError where the port is taken.
    """
    keys = keys or Keys()
    with closing(home), closing(_listening(port)) as listening:
        bound = int(listening.getsockname()[1])
        config = uvicorn.Config(
            app.make(home, keys, bound), log_level="warning", access_log=False, server_header=False, lifespan="off",
            limit_concurrency=_CONNECTIONS, timeout_keep_alive=15, timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=64 << 10, ws="none",
        )  # fmt: skip
        ready(f"http://{HOST}:{bound}/?token={keys.token}")
        uvicorn.Server(config).run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        made.listen(100)
    except OSError as error:
        made.close()
        raise UsageError(
            f"the page cannot be served on port {port}: {error.strerror}", next_command="pjais ui --port 0"
        ) from error
    return made
