"""The server of the web UI: on the loopback address only, until it is stopped."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import closing, suppress

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pjais.errors import UsageError
from pjais.web import app
from pjais.web.entrance import Entrance
from pjais.web.guard import Keys
from pjais.web.session import Session

HOST = "127.0.0.1"
HEAD_SECONDS = 15.0
"""How long a connection may stay open without a complete request head, at its beginning and between requests."""
_CONNECTIONS = 200


class _Patient(H11Protocol):
    """One connection.  Anybody on this machine can open many that say nothing, or say it byte by byte.

    So each has its time, and where there are too many, the one that says nothing for longest makes room.  Limits of
    uvicorn's own do not do it: `timeout_keep_alive` begins after the first answer, so a head that never ends stays for
    ever, and `limit_concurrency` then refuses the owner.
    """

    _due: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        silent = [one for one in self.connections if isinstance(one, _Patient) and one is not self and not one.at_work]
        if len(self.connections) >= _CONNECTIONS and silent:
            first = min(silent, key=lambda one: one._due.when())
            self.connections.discard(first)
            first.transport.abort()

    @property
    def at_work(self) -> bool:
        """True while a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.at_work:
            self._due.cancel()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.at_work:
            self._due.cancel()
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._due.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._due = self.loop.call_later(HEAD_SECONDS, self.transport.abort)


class _Server(uvicorn.Server):
    """The server; it notifies open pages when it stops, so that none of them delays it."""

    def __init__(
        self, config: uvicorn.Config, session: Session, entrance: Entrance, ready: Callable[[Entrance], None]
    ) -> None:
        super().__init__(config)
        self.session = session
        self.entrance = entrance
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.ready(self.entrance)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.session.broadcast.close()
        self.entrance.close()  # here: a signal that ends the process is raised again right after this
        await super().shutdown(sockets)


def serve(session: Session, port: int, ready: Callable[[Entrance], None], *, keys: Keys | None = None) -> None:
    """Serve a data folder until interrupted; `ready` receives the addresses once it answers.

    `port` 0 takes a free one.  Raises UsageError where the port is taken.
    """
    keys = keys or Keys()
    with closing(session), closing(_listening(port)) as listening:
        bound = int(listening.getsockname()[1])
        config = uvicorn.Config(
            app.make(session, keys, bound),
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            http=_Patient,
            ws="none",
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=64 << 10,
        )
        with closing(Entrance(f"http://{HOST}:{bound}", keys)) as entrance:
            with suppress(KeyboardInterrupt):  # how its owner ends it
                _Server(config, session, entrance, ready).run(sockets=[listening])


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
