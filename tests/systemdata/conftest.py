"""Two worlds to hold the store's promises in: PostgreSQL and memory, behind one face."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import psycopg
import pytest
from psycopg import sql

from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import RandomIds, SeededIds
from temoctl.model.secret import Secret
from temoctl.systemdata import migrate, open_store
from temoctl.systemdata.embedded import Server
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.memory_state import MemoryState
from temoctl.systemdata.ports import Principal, Role, Store
from temoctl.systemdata.sealing import MasterKey

ADMIN = Principal("root")
MASTER = MasterKey(bytes(range(32)), "the test")


class World(Protocol):
    """One database, and stores on it for whoever asks."""

    async def store(self, principal: Principal = ADMIN, *, read_only: bool = False) -> Store: ...

    async def pass_time(self, uid: str, seconds: float) -> None:
        """Let a tenant's lease grow older."""
        ...


class ManualClock:
    """Time that only the test moves."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


class MemoryWorld:
    def __init__(self) -> None:
        self.state = MemoryState()
        self.clock = ManualClock()
        self.ids = SeededIds(7)

    async def store(self, principal: Principal = ADMIN, *, read_only: bool = False) -> MemoryStore:
        return MemoryStore(self.state, principal, clock=self.clock, ids=self.ids, read_only=read_only)

    async def pass_time(self, uid: str, seconds: float) -> None:
        self.clock.time += seconds


class PostgresWorld:
    """`dsn` logs in as the owner of the server."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.open: list[Store] = []

    @property
    def dsn(self) -> Secret:
        return self.server.dsn(self.name)

    async def store(self, principal: Principal = ADMIN, *, read_only: bool = False) -> Store:
        store = await open_store(
            self.dsn, principal, clock=SystemClock(), ids=RandomIds(), master_key=MASTER, read_only=read_only
        )
        self.open.append(store)
        return store

    async def pass_time(self, uid: str, seconds: float) -> None:
        self.sql(
            "UPDATE temoctl.leases SET expires_at = expires_at - make_interval(secs => %s), "
            "heartbeat_at = heartbeat_at - make_interval(secs => %s) WHERE tenant_uid = %s",
            [seconds, seconds, uid],
        )

    def sql(self, query: str, values: list[object] | None = None) -> list[tuple[object, ...]]:
        """Hand-written SQL as the owner: row-level security doesn't hold it back."""
        with psycopg.connect(self.dsn.reveal(), autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []


EMPTY = """
TRUNCATE temoctl.managers, temoctl.tenants, temoctl.audit, temoctl.master_keys, temoctl.system_instances,
  temoctl.rate_tokens CASCADE;
INSERT INTO temoctl.managers (name) VALUES ('');
UPDATE temoctl.installation SET hash_key = NULL, hash_key_kek = NULL;
"""


@pytest.fixture(scope="session")
def migrated(postgres_server: Server) -> Iterator[PostgresWorld]:
    """One migrated database for all tests of this folder: emptying it is quicker than making another."""
    world = PostgresWorld(postgres_server, f"systemdata_{secrets.token_hex(6)}")
    asyncio.run(postgres_server.ensure_database(world.name))
    asyncio.run(migrate(world.dsn))
    yield world
    with psycopg.connect(postgres_server.dsn("postgres").reveal(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(world.name)))


@pytest.fixture
async def postgres_world(migrated: PostgresWorld, anyio_backend: str) -> AsyncIterator[PostgresWorld]:
    migrated.sql(EMPTY)
    yield migrated
    for store in migrated.open:
        await store.close()
    migrated.open.clear()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return MemoryWorld()
    found: PostgresWorld = request.getfixturevalue("postgres_world")
    return found


def manager(name: str) -> Principal:
    return Principal(name, Role.MANAGER)
