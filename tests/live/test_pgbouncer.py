"""SystemData behind a real pgbouncer in transaction mode: every transaction may run on another server connection.

pgbouncer is unpacked from its Debian package, without root and without installing it, into the cache. Where it can't
be had the test is skipped and says why.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import RandomIds
from temoctl.engine.ports import Fence
from temoctl.model.address import Address
from temoctl.model.errors import LeaseLost, Locked
from temoctl.model.secret import Secret, SecretRef
from temoctl.systemdata import migrate, open_store
from temoctl.systemdata.embedded_binaries import cache_folder, server_account
from temoctl.systemdata.ports import PlanUse, Store
from tests.conftest import FreshDatabase
from tests.systemdata.conftest import ADMIN, MASTER
from tests.systemdata.samples import CREDENTIAL, begin, done, intent, record, tenant

pytestmark = [pytest.mark.live, pytest.mark.postgres, pytest.mark.anyio]

PACKAGES = ("pgbouncer", "libevent-2.1-7", "libc-ares2")
POOL = 3
"""Server connections that all clients share: far fewer than transactions in flight."""


@pytest.fixture(scope="session")
def pgbouncer() -> Path:
    """The unpacked program's folder."""
    place = cache_folder() / "pgbouncer"
    if (place / "usr" / "sbin" / "pgbouncer").exists():
        return place
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        pytest.skip("live: not run: pgbouncer comes from a Debian package, and apt-get or dpkg-deb isn't here")
    with tempfile.TemporaryDirectory() as folder:
        got = subprocess.run(
            ["apt-get", "download", *PACKAGES], cwd=folder, capture_output=True, text=True, check=False
        )
        packages = list(Path(folder).glob("*.deb"))
        if got.returncode or not any(one.name.startswith("pgbouncer_") for one in packages):
            pytest.skip(f"live: not run: pgbouncer can't be downloaded: {got.stderr.strip().splitlines()[-1:]}")
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".pgbouncer-", dir=place.parent))
        for one in packages:
            subprocess.run(["dpkg-deb", "-x", one, fresh], check=True)
        fresh.rename(place)
    return place


@pytest.fixture
def pooled(pgbouncer: Path, fresh_database: FreshDatabase) -> Iterator[str]:
    """A DSN that leads through pgbouncer. It refuses to run as root, so it gets a folder it can reach."""
    server = fresh_database.server
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = Path(tempfile.mkdtemp(prefix="temoctl-pgbouncer-", dir="/tmp"))
    program = shutil.copytree(pgbouncer, home / "program", symlinks=True)
    users, settings = home / "users.txt", home / "pgbouncer.ini"
    users.write_text(f'"{server.user}" "{server.password.reveal()}"\n')
    settings.write_text(
        f"[databases]\n{fresh_database.name} = host=127.0.0.1 port={server.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {users}\n"
        f"pool_mode = transaction\ndefault_pool_size = {POOL}\nmax_client_conn = 200\nserver_reset_query =\n"
        f"ignore_startup_parameters = extra_float_digits\nlogfile = {home / 'log'}\n"
    )
    account = server_account()
    if account.drops:
        for path in (home, users, settings):
            os.chown(path, account.uid, account.gid)
    libraries = ":".join(str(path) for path in (program / "usr" / "lib").glob("*-linux-gnu"))
    process = subprocess.Popen(
        [program / "usr" / "sbin" / "pgbouncer", "-q", settings],
        env={"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": libraries},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=account.uid if account.drops else None,
        group=account.gid if account.drops else None,
        extra_groups=[] if account.drops else None,
    )
    dsn = f"postgresql://{server.user}:{server.password.reveal()}@127.0.0.1:{port}/{fresh_database.name}"
    try:
        _wait_until_up(process, dsn, home / "log")
        yield dsn
    finally:
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(home)


def _wait_until_up(process: subprocess.Popen[bytes], dsn: str, log: Path) -> None:
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(dsn, connect_timeout=2, prepare_threshold=None).close()
        except psycopg.OperationalError:
            continue
        else:
            return
    pytest.fail(f"pgbouncer didn't start: {log.read_text() if log.exists() else 'no log'}")


async def opened(dsn: str) -> Store:
    return await open_store(dsn, ADMIN, clock=SystemClock(), ids=RandomIds(), master_key=MASTER)


async def test_default_prepared_statements_would_break_here(pooled: str) -> None:
    """Proof that the pooler really moves transactions between connections: without it the rest proves nothing."""

    async def backend() -> int:
        async with await psycopg.AsyncConnection.connect(pooled, autocommit=True, prepare_threshold=None) as one:
            pids = set()
            for _ in range(20):
                row = await (await one.execute("SELECT pg_backend_pid(), pg_sleep(0.001)")).fetchone()
                assert row is not None
                pids.add(row[0])
            return len(pids)

    assert max(await asyncio.gather(*(backend() for _ in range(8)))) > 1


async def test_the_whole_store_through_a_transaction_pooler(pooled: str) -> None:
    assert sorted(await asyncio.gather(migrate(pooled), migrate(pooled)))[0] == 0
    store, other = await opened(pooled), await opened(pooled)
    try:
        leases = {}
        for n in range(12):
            uid = f"{n:016}"
            leases[uid] = await tenant(store, uid, f"t{n}")

        async def work(uid: str) -> None:
            lease = leases[uid]
            fence = lease.fence()
            await store.start_run(fence, f"r{uid}", tenant=lease.tenant, mode="apply", plan="P", by="x")
            await store.use_plan(fence, "P", lease.tenant, PlanUse.STARTED)
            assert await store.vault.put(uid, "token", Secret(f"of {uid}"), by="x") == 1
            role = SecretRef("role", 1, generate=True)
            drawn = await store.vault.ensure(fence, role, Secret(f"role of {uid}"))
            assert (await other.vault.many([(uid, role)]))[uid, role] == drawn
            for n in range(8):
                address = Address(lease.tenant, "n8n", "workflow", f"w{n}")
                one = intent(f"{uid[-4:]}{n:08}", address, uid)
                assert await store.journal.write([begin(lease, one)]) == [True]
                entry = done(fence, address, one.id, record=record(address), step=str(address), plan="P")
                stale = done(Fence(uid, fence.epoch + 1), CREDENTIAL, record=record())
                assert await store.journal.write([entry, stale]) == [True, False]
                await store.renew_lease(lease, 60)
            with pytest.raises(Locked):
                await other.take_lease(uid, holder="other", operation="apply", ttl=60)
            assert (await other.vault.get(uid, "token")).reveal() == f"of {uid}"
            assert len(await other.journal.done_steps(uid, "P")) == 8
            await store.end_run(fence, f"r{uid}", status="done", summary={})
            await other.break_lease(lease.tenant, by="x", steal=True)
            with pytest.raises(LeaseLost):
                await store.renew_lease(lease, 60)
            assert await store.journal.write([entry]) == [False]

        await asyncio.gather(*(work(uid) for uid in leases))
        for one in (await store.load([lease.tenant for lease in leases.values()])).values():
            assert (len(one.resources), one.serial, one.open_intents) == (8, 8, ())
        assert await store.check() == []
    finally:
        await store.close()
        await other.close()
