"""What every test shares: asyncio as the only event loop, and one real PostgreSQL for the whole run.

`postgres_server` is one embedded server for all tests, all pytest-xdist workers and all runs at the same time; the
last one out stops it and removes it. `fresh_database` is an empty database of one test.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from temoctl.model.secret import Secret
from temoctl.systemdata.embedded import EmbeddedPostgres, Server


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """The suite's server. It isn't durable: a power cut loses it, which is all right for tests."""
    home = Path(tempfile.gettempdir()) / f"temoctl-tests-{os.geteuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.geteuid():
        pytest.fail(f"{home} belongs to another account; set TMPDIR to a folder of your own")
    postgres = EmbeddedPostgres(home / "postgres", durable=False)
    with (home / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield asyncio.run(postgres.start())
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # others still use it
        asyncio.run(postgres.stop())
        shutil.rmtree(home / "postgres")


@dataclass(frozen=True, slots=True)
class FreshDatabase:
    """An empty database and the login of the server's owner. `dsn.reveal()` is the URL."""

    server: Server
    name: str

    @property
    def dsn(self) -> Secret:
        return self.server.dsn(self.name)


@pytest.fixture
def fresh_database(postgres_server: Server) -> Iterator[FreshDatabase]:
    """A new database, dropped after the test whoever is still connected."""
    name = f"test_{secrets.token_hex(6)}"
    owner = postgres_server.dsn("postgres").reveal()
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield FreshDatabase(postgres_server, name)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
