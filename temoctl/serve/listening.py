"""The application on a port, until it is asked to end. Knows uvicorn and nothing of what is served."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from temoctl.model.errors import UserError

_PATIENCE = 10  # seconds that running requests get when the service ends
_AT_ONCE = 128  # connections: more are refused with 503, and repeated by their sender
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Listener:
    """A place to listen at, taken."""

    socket: socket.socket
    host: str
    port: int

    @classmethod
    def at(cls, host: str, port: int) -> Listener:
        """Take a place; port 0 is any free one. Raises UserError TEMO138 where that can't be."""
        try:
            taken = _taken(host, port)
        except (OSError, OverflowError) as error:
            raise UserError(
                "TEMO138",
                f"the service can't listen at {host}, port {port}",
                detail=str(getattr(error, "strerror", None) or error),
                fix="choose another port with `--port`, or stop the program that listens there",
            ) from None
        return cls(taken, host, int(taken.getsockname()[1]))

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def _taken(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    place = socket.socket(family, kind, protocol)
    try:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(address)
    except OSError:
        place.close()
        raise
    return place


class _Server(uvicorn.Server):
    """uvicorn would raise the signal again after a calm end, which would then look like a crash."""

    def __init__(self, config: uvicorn.Config, *, until_input_ends: bool) -> None:
        super().__init__(config)
        self._until_input_ends = until_input_ends

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stop)
        if self._until_input_ends:
            loop.add_reader(sys.stdin.fileno(), self._listen)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
            if self._until_input_ends:
                loop.remove_reader(sys.stdin.fileno())

    def _listen(self) -> None:
        """Whoever started us holds our input open for as long as it lives."""
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._stop()

    def _stop(self) -> None:
        """The second time nobody waits for running requests any more."""
        self.force_exit = self.should_exit
        self.should_exit = True


async def run(application: Any, listener: Listener, *, until_input_ends: bool = False) -> None:
    """Serve until Ctrl-C or a polite end. Running requests are finished."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # it would print what a message made us say
    config = uvicorn.Config(
        application,
        lifespan="off",
        log_config=None,
        access_log=False,  # addresses may carry what nobody should keep
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=_AT_ONCE,
        timeout_graceful_shutdown=_PATIENCE,
    )
    await _Server(config, until_input_ends=until_input_ends).serve(sockets=[listener.socket])
