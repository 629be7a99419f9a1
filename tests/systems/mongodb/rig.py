"""MongoDB for the conformance kit: the system on the sandbox's server, without sockets and over a real socket."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from temoctl.engine.clock import SystemClock, VirtualClock
from temoctl.engine.ports import Clock
from temoctl.engine.protocol import System
from temoctl.engine.throttle import Throttle
from temoctl.model.address import Address
from temoctl.model.errors import Unavailable, UnknownOutcome
from temoctl.model.identity import Owner, object_name
from temoctl.model.resource import Observed
from temoctl.model.secret import Secret
from temoctl.model.value import Json, Props, ref
from temoctl.sandbox.mongo import ADMIN
from temoctl.sandbox.mongo.engine import Engine
from temoctl.sandbox.mongo.in_process import InProcessMongo
from temoctl.sandbox.mongo.listener import ROLES, MongoListener
from temoctl.systems.fake_http import FakeRequest, Fault
from temoctl.systems.mongodb import plugin
from temoctl.systems.mongodb.client import MongoServer
from temoctl.systems.mongodb.resources import MongodbSystem
from temoctl.systems.mongodb.server import Declined
from tests.conformance.rig import Sample

PYMONGO_FORGETS = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
"""pymongo's monitor doesn't close the socket of a connection that it was about to open when it was told to end."""

OWNER = Owner("0123456789", "abcdefghjkmnpqrs")
NEIGHBOUR = Owner("0123456789", "bcdefghjkmnpqrst")
NAME = object_name(OWNER, "h")
PASSWORD = "canary-admin-0123456789"
USER_PASSWORD = "canary0123456789canary0123456789"
ROUNDS = 4096
_SECRET = "mongodb/history-user"


def at(kind: str, name: str) -> Address:
    return Address("acme", "mongodb", kind, name)


_DATABASE: Json = ref(at("database", "history"), "name")
_COLLECTION: Props = {"database": _DATABASE, "name": "messages", "retention_days": 30, "validator": "message-1"}

DATABASE = Sample(at("database", "history"), {"name": NAME})
COLLECTION = Sample(at("collection", "messages"), _COLLECTION, {**_COLLECTION, "retention_days": 7})
USER = Sample(
    at("user", "n8n"),
    {"database": _DATABASE, "user": NAME, "password": {"$secret": _SECRET, "version": 1, "generate": True}},
    {"database": _DATABASE, "user": NAME, "password": {"$secret": _SECRET, "version": 2, "generate": True}},
    {_SECRET: Secret(USER_PASSWORD)},
)
SAMPLES = (DATABASE, COLLECTION, USER)


def new_engine(clock: Clock) -> Engine:
    engine = Engine(clock, rounds=ROUNDS)
    engine.add_user(ADMIN, PASSWORD, list(ROLES))
    return engine


class Hands:
    """What a stranger with all rights does behind our back, straight at the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._engine.add_user("stranger", PASSWORD, ["root"])
        self._session = engine.session()
        self._session.user = engine.users.find("admin", "stranger")

    def do(self, database: str, **command: Any) -> dict[str, Any]:
        answer = self._engine.run(self._session, {**command, "$db": database})
        assert answer["ok"], answer
        return answer

    def tamper(self, sample: Sample) -> None:
        match sample.address.kind:
            case "database":
                self.do(
                    NAME, update="temoctl", updates=[{"q": {"_id": "database.history"}, "u": {"$set": {"marker": "x"}}}]
                )
            case "collection":
                index = {"name": "temo_expiry", "expireAfterSeconds": 60}
                self.do(NAME, collMod="messages", index=index)
            case "user":
                roles = [{"role": "readWrite", "db": NAME}, {"role": "read", "db": "elsewhere"}]
                self.do("admin", updateUser=NAME, roles=roles)

    def foreign(self, sample: Sample) -> None:
        match sample.address.kind:
            case "database":
                self.do(NAME, insert="theirs", documents=[{"_id": 1}])
            case "collection":
                self.do(NAME, insert="messages", documents=[{"_id": 1}])
            case "user":
                self.do("admin", createUser=NAME, pwd="theirs", roles=[])


class InProcessRig:
    """Implements tests.conformance.rig.Rig."""

    can = frozenset({"count", "tamper", "foreign", "faults", "virtual"})
    faults = frozenset({"500-before", "500-after", "lost", "late", "refuse", "denied"})
    owner = OWNER
    root = ""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.engine = clock, new_engine(clock)
        self.hands = Hands(self.engine)
        slots = Throttle(plugin.limits, clock)
        self.server = InProcessMongo(
            self.engine, ("admin", ADMIN), slots=slots, effect=self._effect, before_read=self._before_read
        )
        self.system: System = MongodbSystem(self.server, clock=clock)
        self._faults: list[Fault] = []

    @property
    def reads(self) -> int:
        return self.server.reads

    @property
    def writes(self) -> int:
        return self.server.writes

    async def tamper(self, sample: Sample, observed: Observed) -> None:
        self.hands.tamper(sample)

    async def foreign(self, sample: Sample) -> None:
        self.hands.foreign(sample)

    def fault(self, kind: str, *, count: int = 1, seconds: float = 0.0, writes: bool = False, skip: int = 0) -> None:
        self._faults.append(Fault(kind, count=count, seconds=seconds, writes=writes, skip=skip))

    def clear(self) -> None:
        self._faults.clear()

    async def arrange(self, sample: Sample) -> None:
        raise NotImplementedError("nothing here is only watched")

    async def close(self) -> None:
        await self.system.close()

    async def _effect(self, name: str, apply: Any) -> Any:
        fault = self._next(write=True)
        if fault is None:
            return apply()
        if fault.kind == "denied":
            raise Declined(13, "not authorized")
        if fault.kind in ("lost", "500-after"):
            apply()
        raise UnknownOutcome("TEMO741", "MongoDB gave no answer to a change")

    async def _before_read(self) -> None:
        fault = self._next(write=False)
        if fault is not None:
            if fault.kind == "denied":
                raise Declined(13, "not authorized")
            raise Unavailable("TEMO740", "MongoDB does not answer", fix="try again later")

    def _next(self, *, write: bool) -> Fault | None:
        for fault in self._faults:
            if fault.count == 0 or (fault.writes and not write):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.count -= fault.count > 0
            return fault
        return None


class SocketRig:
    """The same over a socket, by pymongo, in real time. Implements tests.conformance.rig.Rig."""

    can = frozenset({"count", "tamper", "foreign", "faults"})
    faults = frozenset({"500-before", "500-after", "lost", "late", "refuse", "denied"})
    owner = OWNER
    root = ""

    def __init__(self, listener: MongoListener, listening: socket.socket, *, timeout: float = 2.0) -> None:
        self.clock, self.listener = SystemClock(), listener
        self.port = int(listening.getsockname()[1])
        self.hands = Hands(listener.engine)
        uri = Secret(f"mongodb://{ADMIN}:{PASSWORD}@127.0.0.1:{self.port}/?authSource=admin")
        self.server = MongoServer(uri, slots=Throttle(plugin.limits, self.clock), timeout=timeout)
        self.system: System = MongodbSystem(self.server, clock=self.clock, settle=0.2)

    @property
    def reads(self) -> int:
        return len(self.listener.requests) - self.writes

    @property
    def writes(self) -> int:
        return sum(self.listener.is_write(FakeRequest(*line, {}, {}, b"")) for line in self.listener.requests)

    async def tamper(self, sample: Sample, observed: Observed) -> None:
        self.hands.tamper(sample)

    async def foreign(self, sample: Sample) -> None:
        self.hands.foreign(sample)

    def fault(self, kind: str, *, count: int = 1, seconds: float = 0.0, writes: bool = False, skip: int = 0) -> None:
        self.listener.faults.append(Fault(kind, count=count, seconds=seconds, writes=writes, skip=skip))

    def clear(self) -> None:
        self.listener.faults.clear()

    async def arrange(self, sample: Sample) -> None:
        raise NotImplementedError("nothing here is only watched")

    async def close(self) -> None:
        await self.system.close()
        await self.listener.stop()


async def socket_rig() -> SocketRig:
    clock = SystemClock()
    listener = MongoListener(clock, new_engine(clock))
    listening = socket.create_server(("127.0.0.1", 0))
    await listener.start(listening)
    return SocketRig(listener, listening)
