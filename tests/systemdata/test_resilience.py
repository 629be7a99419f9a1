"""The store when the ground shakes: server restarts, lost commits, processes racing for one tenant."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import RandomIds
from temoctl.engine.ports import Begin, Finish
from temoctl.model.errors import Bug, LeaseLost, Locked, Unavailable
from temoctl.model.secret import Secret
from temoctl.systemdata import migrate, open_store, session
from temoctl.systemdata.embedded import EmbeddedPostgres
from temoctl.systemdata.ports import LeaseState, Store
from tests.systemdata.conftest import ADMIN, MASTER, PostgresWorld
from tests.systemdata.samples import ACME, CREDENTIAL, begin, done, intent, record, tenant

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]


@pytest.fixture
async def own_server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[EmbeddedPostgres]:
    """A durable server that the test may kill."""
    postgres = EmbeddedPostgres(tmp_path / "pg")
    yield postgres
    await postgres.stop()


async def opened(postgres: EmbeddedPostgres) -> Store:
    server = await postgres.start()
    await server.ensure_database("systemdata")
    await migrate(server.dsn("systemdata"))
    return await open_store(server.dsn("systemdata"), ADMIN, clock=SystemClock(), ids=RandomIds(), master_key=MASTER)


async def test_a_restart_in_the_middle_is_waited_for(own_server: EmbeddedPostgres) -> None:
    store = await opened(own_server)
    try:
        lease = await tenant(store)
        await asyncio.gather(*(store.load(["acme"]) for _ in range(10)))  # connections that will die
        writing = asyncio.gather(*(store.journal.write([begin(lease, intent(f"1ntent0000{n:02}"))]) for n in range(20)))
        pid = int((own_server.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        await own_server.start()
        assert await writing == [[True]] * 20
        assert len(await store.journal.open_intents(ACME)) == 20
        assert (await store.renew_lease(lease, 60)).epoch == lease.epoch
    finally:
        await store.close()


async def test_a_database_that_stays_away_is_told(
    own_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PAUSES", (0.01, 0.01))
    monkeypatch.setattr(session, "PATIENCE", 0.3)
    store = await opened(own_server)
    try:
        await own_server.stop()
        with pytest.raises(Unavailable, match="TEMO633"):
            await store.tenants()
    finally:
        await store.close()


async def test_a_commit_whose_answer_was_lost_is_written_once(
    postgres_world: PostgresWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await postgres_world.store()
    lease = await tenant(store)
    lost = 0
    execute = psycopg.AsyncConnection.execute

    async def cut_after_commit(connection: psycopg.AsyncConnection[object], query: object, *rest: object) -> object:
        nonlocal lost
        answer = await execute(connection, query, *rest)  # type: ignore[arg-type]
        if query == "COMMIT" and lost < 2:
            lost += 1
            await connection.close()
            raise psycopg.OperationalError("the connection is lost")
        return answer

    monkeypatch.setattr(psycopg.AsyncConnection, "execute", cut_after_commit)
    entries: list[Begin | Finish] = [
        begin(lease, intent("1ntent000001")),
        done(lease.fence(), CREDENTIAL, "1ntent000001", record=record(), step="s", plan="P"),
    ]
    assert await store.journal.write(entries) == [True, True]
    assert lost == 2
    loaded = (await store.load(["acme"]))["acme"]
    assert (loaded.serial, loaded.open_intents) == (1, ())
    assert [row.action for row in await store.audit("acme")].count("record") == 1


async def test_many_batches_at_once_lose_nothing(postgres_world: PostgresWorld) -> None:
    store = await postgres_world.store()
    uids = [f"{n:016}" for n in range(6)]
    leases = {uid: await tenant(store, uid, f"t{n}") for n, uid in enumerate(uids)}

    async def write(n: int) -> None:
        # every batch touches several tenants, each in another order
        order = uids[n % 6 :] + uids[: n % 6]
        entries = [done(leases[uid].fence(), CREDENTIAL, record=record(ref=f"{n}-{uid}")) for uid in order]
        assert all(await store.journal.write(entries))

    await asyncio.gather(*(write(n) for n in range(24)))
    for one in await store.tenants():
        assert one.serial == 24


TAKER = """
import asyncio, sys
from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import RandomIds
from temoctl.model.errors import Locked
from temoctl.systemdata import open_store
from temoctl.systemdata.ports import Principal
from temoctl.systemdata.sealing import MasterKey

async def main():
    dsn = sys.stdin.readline().strip()
    store = await open_store(dsn, Principal("root"), clock=SystemClock(), ids=RandomIds(),
                             master_key=MasterKey(bytes(range(32))))
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        lease = await store.take_lease(sys.argv[1], holder=sys.argv[2], operation="apply", ttl=60)
        print("took", lease.epoch, flush=True)
    except Locked:
        print("locked", flush=True)
    await store.close()

asyncio.run(main())
"""


async def test_one_of_many_processes_takes_the_lease(postgres_world: PostgresWorld) -> None:
    store = await postgres_world.store()
    await store.register("acme", ACME, manager="mia", by="root")
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, ACME, f"holder-{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(3)
    ]
    for process in racing:
        assert process.stdin is not None
        process.stdin.write(postgres_world.dsn.reveal() + "\n")
        process.stdin.flush()
    for process in racing:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = [process.communicate("go\n", timeout=60)[0].strip() for process in racing]
    assert sorted(answers) == ["locked", "locked", "took 1"]


async def test_whoever_lost_the_lease_never_writes(postgres_world: PostgresWorld) -> None:
    """Many takeovers and many late writers: what is recorded always carries the epoch that held when it was written."""
    store = await postgres_world.store()
    await store.register("acme", ACME, manager="mia", by="root")
    held: list[LeaseState] = []

    async def late(lease: LeaseState, n: int) -> None:
        await store.journal.write([done(lease.fence(), CREDENTIAL, record=record(ref=str(lease.epoch)))])
        with pytest.raises((LeaseLost, Locked)):
            await store.renew_lease(held[0], 60)

    held.append(await store.take_lease(ACME, holder="first", operation="apply", ttl=60))
    for n in range(20):
        await store.break_lease("acme", by="root", steal=True)
        held.append(await store.take_lease(ACME, holder=f"h{n}", operation="apply", ttl=60))
        await asyncio.gather(*(late(lease, n) for lease in held[-4:]))
        loaded = (await store.load(["acme"]))["acme"]
        assert loaded.resources[CREDENTIAL].ref == str(held[-1].epoch)
    assert [one.epoch for one in held] == sorted({one.epoch for one in held})


async def test_a_cancelled_call_leaves_no_half_transaction(postgres_world: PostgresWorld) -> None:
    store = await postgres_world.store()
    lease = await tenant(store)
    for _ in range(15):
        writing = asyncio.ensure_future(store.journal.write([done(lease.fence(), CREDENTIAL, record=record(ref="x"))]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    assert all(await store.journal.write([done(lease.fence(), CREDENTIAL, record=record(ref="y"))]))
    stuck = postgres_world.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    )
    assert stuck == [(0,)]


async def test_secrets_stay_out_of_errors(postgres_world: PostgresWorld, caplog: pytest.LogCaptureFixture) -> None:
    store = await postgres_world.store()
    await tenant(store)
    postgres_world.sql("ALTER TABLE temoctl.secrets ADD CONSTRAINT never CHECK (false) NOT VALID")
    try:
        canary = "-".join(["canary", "4711"])
        with pytest.raises(Bug, match="TEMO902") as caught:
            await store.vault.put(ACME, "a", Secret(canary), by="root")
    finally:
        postgres_world.sql("ALTER TABLE temoctl.secrets DROP CONSTRAINT never")
    import traceback

    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert canary not in told
    assert MASTER.raw.hex() not in told
