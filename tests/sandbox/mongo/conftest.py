"""A MongoDB to try: the sandbox's own, or the one that TEMOCTL_TEST_MONGODB_URI leads to."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from temoctl.engine.clock import SystemClock
from temoctl.sandbox.mongo import ADMIN
from temoctl.sandbox.mongo.engine import SWEEP, Engine
from temoctl.sandbox.mongo.listener import ROLES, MongoListener
from tests.systems.mongodb.forgotten import forgotten_sockets

__all__ = ["forgotten_sockets"]

REAL = os.environ.get("TEMOCTL_TEST_MONGODB_URI", "")
PASSWORD = "canary-admin-0123456789"
Client = AsyncMongoClient[dict[str, Any]]


class MovedClock(SystemClock):
    """Real time, moved on by hand."""

    def __init__(self) -> None:
        self.moved = 0.0

    def now(self) -> float:
        return super().now() + self.moved


class Trial:
    """One server and what a test needs of it. Everything it makes has a name of its own and goes at the end."""

    def __init__(self, uri: str, clock: MovedClock, listener: MongoListener | None) -> None:
        self.clock, self.listener = clock, listener
        self._uri = uri
        self._tag = f"temotrial_{secrets.token_hex(4)}"
        self._clients: list[Client] = []
        self._names: list[str] = []
        self.admin = self.client()

    @property
    def real(self) -> bool:
        return self.listener is None

    def client(self, **options: Any) -> Client:
        made: Client = AsyncMongoClient(self._uri, serverSelectionTimeoutMS=5000, **options)
        self._clients.append(made)
        return made

    def as_user(self, user: str, password: str, **options: Any) -> Client:
        return self.client(username=user, password=password, authSource="admin", **options)

    def name(self) -> str:
        """The name of a fresh database or user."""
        self._names.append(f"{self._tag}_{len(self._names)}")
        return self._names[-1]

    async def user(self, *roles: tuple[str, str], **more: Any) -> tuple[str, Client]:
        """A user with roles, and a client that is that user."""
        name = self.name()
        given = [{"role": role, "db": home} for role, home in roles]
        await self.admin.admin.command({"createUser": name, "pwd": "p-" + name, "roles": given, **more})
        return name, self.as_user(name, "p-" + name)

    async def pass_time(self, seconds: float) -> None:
        """Let the server's time pass; a real one takes it, and its monitor another minute."""
        if self.listener is None:
            await self.clock.sleep(seconds + 2 * SWEEP)
        else:
            self.clock.moved += seconds + SWEEP

    async def close(self) -> None:
        for name in self._names:
            await self.admin.drop_database(name)
        users = (await self.admin.admin.command({"usersInfo": 1}))["users"]
        for one in users:
            if one["user"].startswith(self._tag):
                await self.admin.admin.command({"dropUser": one["user"]})
        for client in self._clients:
            await client.close()
        if self.listener is not None:
            await self.listener.stop()


@pytest.fixture
async def mongo() -> AsyncIterator[Trial]:
    clock = MovedClock()
    if REAL:
        trial = Trial(REAL, clock, None)
    else:
        engine = Engine(clock, rounds=4096)
        engine.add_user(ADMIN, PASSWORD, list(ROLES))
        listener = MongoListener(clock, engine)
        listening = socket.create_server(("127.0.0.1", 0))
        await listener.start(listening)
        port = listening.getsockname()[1]
        trial = Trial(f"mongodb://{ADMIN}:{PASSWORD}@127.0.0.1:{port}/?authSource=admin", clock, listener)
    yield trial
    await trial.close()


@pytest.fixture
async def ours(mongo: Trial) -> Trial:
    """The sandbox's own server: for what a real one does and this one refuses."""
    if mongo.real:
        pytest.skip("a real server does this")
    return mongo
