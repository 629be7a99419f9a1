"""The server on a socket: messages in and out, one connection each, and the ways it can misbehave on request.

Faults are those of `systems.fake_http`, as far as they have a meaning here: latency, lost, late, refuse, denied,
500-before and 500-after. MongoDB has no "too many requests", and its lists are never behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import uuid
from collections.abc import Mapping
from typing import Any

from temoctl.engine.ports import Clock
from temoctl.sandbox.mongo import ADMIN
from temoctl.sandbox.mongo.codec import HEADER, LARGEST_MESSAGE, Malformed, Message, read, write
from temoctl.sandbox.mongo.engine import Engine, Session, commands
from temoctl.sandbox.mongo.replies import CommandFailed
from temoctl.systems.fake_http import FakeHttp, FakeRequest, Fault

OURS = frozenset({"hello", "isMaster", "ismaster", "ping", "saslStart", "saslContinue", "endSessions"})
"""What drivers say on their own account: only `refuse` and `latency` touch it, so that a fault hits what it is for."""


class Cut(Exception):
    """The connection is closed without an answer."""


class MongoListener(FakeHttp):
    """One engine on one listening socket, with the same handles as the stand-ins that speak HTTP.

    A request is a command: its method is the command's name, its path "/" and the database.
    """

    name = "mongodb"
    unable = frozenset({"429", "stale"})

    def __init__(self, clock: Clock, engine: Engine) -> None:
        super().__init__(clock)
        self.engine = engine
        self._waiting: list[tuple[float, Session, Mapping[str, Any]]] = []
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

    def is_write(self, request: FakeRequest) -> bool:
        known = commands().get(request.method)
        return known is not None and known.write

    async def land_late_effects(self) -> None:
        """Let happen what was delayed, where its time has come."""
        now = self.clock.now()
        due = [one for one in self._waiting if one[0] <= now]
        self._waiting = [one for one in self._waiting if one[0] > now]
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
        request = FakeRequest(next(iter(command), ""), f"/{command.get('$db', '')}", {}, {}, b"")
        if request.method not in OURS:
            self.requests.append((request.method, request.path))
        await self.land_late_effects()
        fault = self._fault_for(request)
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
                self._waiting.append((self.clock.now() + fault.seconds, session, command))
                raise Cut
            case "lost":
                self.engine.run(session, command)
                raise Cut
            case "500-after":
                self.engine.run(session, command)
            case "denied":
                return CommandFailed("Unauthorized", "not authorized to execute this command").reply()
        return CommandFailed("InternalError", "the sandbox was asked to fail").reply()

    def _fault_for(self, request: FakeRequest) -> Fault | None:
        if request.method not in OURS:
            return super()._fault_for(request)
        able, self.faults = self.faults, [one for one in self.faults if one.kind in ("refuse", "latency")]
        try:
            return super()._fault_for(request)
        finally:
            self.faults = able


async def _receive(reader: asyncio.StreamReader) -> Message:
    length, request_id, _, opcode = HEADER.unpack(await reader.readexactly(HEADER.size))
    if not HEADER.size < length <= LARGEST_MESSAGE:
        raise Malformed("not a message")
    return read(request_id, opcode, await reader.readexactly(length - HEADER.size))


ROLES = ("readWriteAnyDatabase", "dbAdminAnyDatabase", "userAdminAnyDatabase")
"""All that temoctl's own login needs, anywhere."""


def stand_in(clock: Clock, password: str) -> MongoListener:
    """A fresh server as a sandbox has one: with temoctl's login and nothing else."""
    engine = Engine(clock)
    # a server that lost everything in a crash is still the one that this installation was told to use
    engine.holdings.id = uuid.uuid5(uuid.NAMESPACE_OID, password)
    engine.add_user(ADMIN, password, list(ROLES))
    return MongoListener(clock, engine)
