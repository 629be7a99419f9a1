"""ASGI applications on ports of 127.0.0.1, several in one event loop. Knows uvicorn and nothing of what is served."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import uvicorn

HOST = "127.0.0.1"
_PATIENCE = 1  # seconds that running requests get when the process ends


class _Server(uvicorn.Server):
    """uvicorn would take the process' signals for itself, once for each server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Serving:
    """Applications by name, each on the listener of that name."""

    def __init__(self, applications: Mapping[str, Any], listeners: Mapping[str, socket.socket]) -> None:
        self._servers: list[tuple[_Server, socket.socket]] = []
        for name, application in applications.items():
            config = uvicorn.Config(
                application,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                ws="none",
                # A client reuses idle connections; were we to close them first, its next write would have no
                # known outcome, and that must only happen when a fault asks for it.
                timeout_keep_alive=600,
                timeout_graceful_shutdown=_PATIENCE,
                backlog=2048,
            )
            self._servers.append((_Server(config), listeners[name]))
        # A lost answer is served on purpose: the complaint about it would fill the log.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)

    async def run(self) -> None:
        """Serve until `stop`."""
        await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in self._servers))

    def stop(self) -> None:
        for server, _ in self._servers:
            server.should_exit = True


def bind(port: int) -> socket.socket:
    """A listening place on the loopback, on that port or, where it is taken, on a free one."""
    # The protocol must be named: asyncio switches off Nagle's delay only for sockets that say they are TCP, and an
    # answer's head and body are two writes, 40 ms apart with it.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.bind((HOST, 0))
    return listener


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def free_port(port: int) -> int:
    """A port for a process that will take it itself: that one, or where it is taken, a free one."""
    with bind(port) as listener:
        return port_of(listener)
