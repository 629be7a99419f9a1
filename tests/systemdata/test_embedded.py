"""The embedded server: private, shared by all processes, and back after every kind of death."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from temoctl.model.errors import Refused
from temoctl.systemdata.embedded import SOCKET_PATH_LIMIT, EmbeddedPostgres, Server
from tests.conftest import FreshDatabase

pytestmark = pytest.mark.postgres

START = """
import asyncio, sys
from pathlib import Path
from temoctl.systemdata.embedded import EmbeddedPostgres
print(asyncio.run(EmbeddedPostgres(Path(sys.argv[1]), durable=False).start()).port)
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that belongs to the test, so that it may be killed."""
    postgres = EmbeddedPostgres(tmp_path / "pg", durable=False)
    yield postgres
    asyncio.run(postgres.stop())


def login(server: Server, **other: object) -> str:
    with psycopg.connect(server.dsn("postgres").reveal(), **other) as connection:  # type: ignore[arg-type]
        row = connection.execute("SELECT current_user").fetchone()
    assert row is not None
    return str(row[0])


def pid_of(postgres: EmbeddedPostgres) -> int:
    return int((postgres.folder / "data" / "postmaster.pid").read_text().split()[0])


def test_starts_privately(own: EmbeddedPostgres) -> None:
    before = {folder: folder.stat().st_mode for folder in own.folder.parents}
    server = asyncio.run(own.start())

    assert login(server) == "temoctl"
    assert {folder: folder.stat().st_mode for folder in own.folder.parents} == before
    assert stat.S_IMODE(own.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((own.folder / "data").stat().st_mode) == 0o700
    for name in ("password", "server.json"):
        assert stat.S_IMODE((own.folder / name).stat().st_mode) == 0o600
    assert not (own.folder / "password.init").exists()
    assert server.password.reveal() not in repr(server)
    assert os.stat(f"/proc/{pid_of(own)}").st_uid != 0


def test_nobody_enters_without_the_password(own: EmbeddedPostgres) -> None:
    server = asyncio.run(own.start())
    for host in (server.host, server.socket_dir):
        for password in ("", "wrong"):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(host=host, port=server.port, user="temoctl", dbname="postgres", password=password)
    rules = (own.folder / "data" / "pg_hba.conf").read_text()
    methods = {line.split()[-1] for line in rules.splitlines() if line.strip() and not line.startswith("#")}
    assert methods == {"scram-sha-256"}


def test_the_socket_works_too(own: EmbeddedPostgres) -> None:
    server = asyncio.run(own.start())
    assert login(server, host=server.socket_dir) == "temoctl"


def test_a_long_path_gets_a_short_private_socket(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path / ("long" * 25) / "pg", durable=False)
    try:
        server = asyncio.run(postgres.start())
        assert len(server.socket_dir) < SOCKET_PATH_LIMIT
        assert stat.S_IMODE(os.stat(server.socket_dir).st_mode) == 0o700
        assert login(server, host=server.socket_dir) == "temoctl"
    finally:
        asyncio.run(postgres.stop())
    assert not Path(server.socket_dir).exists()


def test_many_processes_get_one_server(own: EmbeddedPostgres) -> None:
    racing = [
        subprocess.Popen([sys.executable, "-c", START, str(own.folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ports = {process.communicate(timeout=60)[0].strip() for process in racing}
    assert len(ports) == 1
    assert all(process.returncode == 0 for process in racing)


def test_comes_back_after_kill_9_at_the_same_port(own: EmbeddedPostgres) -> None:
    first = asyncio.run(own.start())
    killed = pid_of(own)
    os.kill(killed, signal.SIGKILL)
    second = asyncio.run(own.start())
    assert pid_of(own) != killed
    assert second == first
    assert login(second) == "temoctl"


def test_a_stale_pid_file_of_another_process_is_no_server(own: EmbeddedPostgres) -> None:
    asyncio.run(own.start())
    asyncio.run(own.stop())
    assert asyncio.run(own.running()) is None
    (own.folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert login(asyncio.run(own.start())) == "temoctl"


def test_takes_another_port_when_the_kept_one_is_taken(own: EmbeddedPostgres) -> None:
    import socket

    first = asyncio.run(own.start())
    asyncio.run(own.stop())
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", first.port))
        squatter.listen()
        second = asyncio.run(own.start())
    assert second.port != first.port
    assert login(second) == "temoctl"


def test_a_killed_initdb_leaves_nothing_behind(own: EmbeddedPostgres) -> None:
    (own.folder / "data.new").mkdir(parents=True)
    (own.folder / "data.new" / "PG_VERSION").write_text("half")
    assert login(asyncio.run(own.start())) == "temoctl"


def test_another_major_version_is_refused(own: EmbeddedPostgres) -> None:
    asyncio.run(own.start())
    asyncio.run(own.stop())
    version = own.folder / "data" / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(Refused, match="TEMO641"):
        asyncio.run(own.start())


def test_a_lost_password_file_is_told(own: EmbeddedPostgres) -> None:
    asyncio.run(own.start())
    asyncio.run(own.stop())
    (own.folder / "password").unlink()
    with pytest.raises(Refused, match="TEMO642"):
        asyncio.run(own.start())


def test_durable_unless_told_otherwise(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path / "pg")
    try:
        server = asyncio.run(postgres.start())
        with psycopg.connect(server.dsn("postgres").reveal()) as connection:
            shown = {
                name: connection.execute(f"SHOW {name}").fetchone()  # type: ignore[arg-type]
                for name in ("fsync", "synchronous_commit", "full_page_writes", "max_connections")
            }
        assert shown == {
            "fsync": ("on",),
            "synchronous_commit": ("on",),
            "full_page_writes": ("on",),
            "max_connections": ("200",),
        }
    finally:
        asyncio.run(postgres.stop())


def test_attaching_is_quick(own: EmbeddedPostgres) -> None:
    asyncio.run(own.start())
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        asyncio.run(own.start())
        taken.append(time.perf_counter() - began)
    assert min(taken) < 0.1


def test_a_failing_statement_is_not_written_to_the_log(own: EmbeddedPostgres) -> None:
    server = asyncio.run(own.start())
    with psycopg.connect(server.dsn("postgres").reveal()) as connection, pytest.raises(psycopg.Error):
        connection.execute("SELECT 'canary-4711' FROM nowhere")
    log = (own.folder / "data" / "server.log").read_text()
    assert "nowhere" in log
    assert "canary-4711" not in log


@pytest.mark.anyio
async def test_databases_are_closed_to_strangers(postgres_server: Server) -> None:
    await asyncio.gather(*(postgres_server.ensure_database("closed_test") for _ in range(4)))
    async with await psycopg.AsyncConnection.connect(
        postgres_server.dsn("postgres").reveal(), autocommit=True
    ) as connection:
        found = await connection.execute("SELECT datacl::text FROM pg_database WHERE datname = 'closed_test'")
        row = await found.fetchone()
        await connection.execute("DROP DATABASE closed_test WITH (FORCE)")
    assert row is not None
    assert "=c/" not in row[0].replace("temoctl=", "")
    assert "=Tc/" not in row[0].replace("temoctl=CTc/", "")


def test_state_file_holds_no_secret(own: EmbeddedPostgres) -> None:
    server = asyncio.run(own.start())
    assert set(json.loads((own.folder / "server.json").read_text())) == {"port", "socket_dir"}
    assert server.password.reveal() not in (own.folder / "server.json").read_text()


def test_each_test_gets_its_own_database(fresh_database: FreshDatabase) -> None:
    with psycopg.connect(fresh_database.dsn.reveal()) as connection:
        connection.execute("CREATE TABLE mine (id int)")
        row = connection.execute("SELECT current_database()").fetchone()
    assert row == (fresh_database.name,)
