"""The server on a socket: messages in and out, one connection each, and the ways it can misbehave on request.

Faults are those of `systems.fake_http`, as far as they have a meaning here: latency, lost, late, refuse, denied,
500-before and 500-after. A request is called "COMMAND /database" when a fault's `match` is tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import socket
from collections.abc import Mapping
from typing import Any

from temoctl.engine.ports import Clock
from temoctl.sandbox.mongo.codec import HEADER, LARGEST_MESSAGE, Malformed, Message, read, write
from temoctl.sandbox.mongo.engine import Engine, Session, commands
from temoctl.sandbox.mongo.replies import CommandFailed
from temoctl.systems.fake_http import Fault

OURS = frozenset({"hello", "isMaster", "ismaster", "ping", "saslStart", "saslContinue", "endSessions"})
"""What drivers say on their own account: only `refuse` and `latency` touch it, so that a fault hits what it is for."""


class Cut(Exception):
    """The connection is closed without an answer."""


class MongoListener:
    """One engine on one listening socket. `requests` are (command, database), as the other stand-ins count."""

    name = "mongodb"

    def __init__(self, clock: Clock, engine: Engine) -> None:
        self.clock, self.engine = clock, engine
        self.latency = 0.0
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self._late: list[tuple[float, Session, Mapping[str, Any]]] = []
        self._numbers = itertools.count(1)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._all_over = asyncio.Event()
        self._all_over.set()

    async def start(self, listener: socket.socket) -> None:
        self._server = await asyncio.start_server(self._talk, sock=listener, limit=LARGEST_MESSAGE)

    async def stop(self) -> None:
        """Close the listening socket and every connection."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.close()
            await self._server.wait_closed()
            await self._all_over.wait()

    @staticmethod
    def is_write(command: str) -> bool:
        known = commands().get(command)
        return known is not None and known.write

    async def land_late_effects(self) -> None:
        """Let happen what was delayed, where its time has come."""
        now = self.clock.now()
        due = [one for one in self._late if one[0] <= now]
        self._late = [one for one in self._late if one[0] > now]
        for _, session, command in due:
            self.engine.run(session, command)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = self.engine.session()
        self._open.add(writer)
        self._all_over.clear()
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, Malformed, Cut):
                while True:
                    message = await _receive(reader)
                    answer = await self._answer(session, message.command)
                    if not message.silent:
                        writer.write(write(message, answer, next(self._numbers)))
                        await writer.drain()
        finally:
            writer.close()
            self._open.discard(writer)
            if not self._open:
                self._all_over.set()

    async def _answer(self, session: Session, command: Mapping[str, Any]) -> Mapping[str, Any]:
        name, database = next(iter(command), ""), str(command.get("$db", ""))
        if name not in OURS:
            self.requests.append((name, database))
        await self.land_late_effects()
        fault = self._fault(name, database)
        seconds = self.latency + (fault.seconds if fault and fault.kind == "latency" else 0.0)
        if seconds:
            await self.clock.sleep(seconds)
        if fault is None or fault.kind == "latency":
            return self.engine.run(session, command)
        return self._misbehave(fault, session, command)

    def _misbehave(self, fault: Fault, session: Session, command: Mapping[str, Any]) -> Mapping[str, Any]:
        match fault.kind:
            case "refuse":
                raise Cut
            case "late":
                self._late.append((self.clock.now() + fault.seconds, session, command))
                raise Cut
            case "lost":
                self.engine.run(session, command)
                raise Cut
            case "500-after":
                self.engine.run(session, command)
            case "denied":
                return CommandFailed("Unauthorized", "not authorized to execute this command").reply()
        return CommandFailed("InternalError", "the sandbox was asked to fail").reply()

    def _fault(self, name: str, database: str) -> Fault | None:
        for fault in self.faults:
            if fault.count == 0 or (fault.writes and not self.is_write(name)):
                continue
            if name in OURS and fault.kind not in ("refuse", "latency"):
                continue
            if not re.search(fault.match, f"{name} /{database}"):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.count > 0:
                fault.count -= 1
            return fault
        return None


async def _receive(reader: asyncio.StreamReader) -> Message:
    length, request_id, _, opcode = HEADER.unpack(await reader.readexactly(HEADER.size))
    if not HEADER.size < length <= LARGEST_MESSAGE:
        raise Malformed("not a message")
    return read(request_id, opcode, await reader.readexactly(length - HEADER.size))
