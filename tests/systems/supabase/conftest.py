"""Two databases on the suite's real PostgreSQL, shared by the tests of this folder."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from temoctl.systemdata.embedded import Server
from tests.systems.supabase.rigs import Databases, PostgresRig, postgres_rig


@pytest.fixture(scope="session")
def databases(postgres_server: Server) -> Iterator[Databases]:
    tag = secrets.token_hex(6)
    made = Databases(postgres_server, f"knowledge_{tag}", f"sessions_{tag}")
    owner = postgres_server.dsn("postgres").reveal()
    with psycopg.connect(owner, autocommit=True) as connection:
        for name in (made.knowledge, made.sessions):
            connection.execute(f'create database "{name}"'.encode())
    yield made
    made.wipe()
    with psycopg.connect(owner, autocommit=True) as connection:
        for name in (made.knowledge, made.sessions):
            connection.execute(f'drop database "{name}" with (force)'.encode())


@pytest.fixture
async def rig(databases: Databases) -> AsyncIterator[PostgresRig]:
    """The system on the real databases, wiped; test files with another world have a fixture of their own."""
    made = await postgres_rig(databases)
    yield made
    await made.close()
