"""How fast SystemData is: `python -m tests.systemdata.bench_store`. Not a test; prints a table.

The server is durable (fsync on), in a folder of its own under the temporary folder.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import RandomIds
from temoctl.engine.journal import GroupJournal
from temoctl.engine.ports import Journal
from temoctl.model.address import Address
from temoctl.model.secret import Secret
from temoctl.systemdata import migrate, open_store
from temoctl.systemdata.embedded import EmbeddedPostgres
from temoctl.systemdata.ports import LeaseState, Store
from tests.systemdata.conftest import ADMIN, MASTER, manager
from tests.systemdata.samples import begin, done, intent, record

TENANTS, RESOURCES = 128, 25


def show(what: str, figure: str) -> None:
    print(f"{what:<58} {figure}")


async def timed(what: str, count: int, work: Callable[[], Awaitable[object]]) -> None:
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - began) * 1000)
    show(what, f"{statistics.median(taken):7.2f} ms (median of {count})")


async def fill(journal: Journal, lease: LeaseState) -> None:
    """One tenant's apply as the journal sees it: begin and end of every effect, one after the other."""
    ids = RandomIds()
    for n in range(RESOURCES):
        address = Address(lease.tenant, "n8n", "workflow", f"w{n}")
        one = intent(ids.token(12), address, lease.uid)
        await journal.write([begin(lease, one)])
        await journal.write([done(lease.fence(), address, one.id, record=record(address), action="create")])


async def throughput(store: Store) -> None:
    leases = []
    for n in range(TENANTS):
        uid = f"{n:016}"
        await store.register(f"t{n}", uid, manager=f"m{n % 8}", by="bench")
        leases.append(await store.take_lease(uid, holder="bench", operation="apply", ttl=600))
    journal = GroupJournal(store.journal, SystemClock(), window=0.010)
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(fill(journal, lease) for lease in leases))
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    show(
        f"group commit, {TENANTS} tenants x {RESOURCES} resources x 2 entries",
        f"{TENANTS / wall:7.0f} tenants/s, {used / TENANTS * 1000:.1f} ms CPU a tenant, {journal.flushes} commits",
    )
    began = time.perf_counter()
    await asyncio.gather(*(fill(store.journal, lease) for lease in leases[:32]))
    show("the same with a commit for every entry (32 tenants)", f"{32 / (time.perf_counter() - began):7.0f} tenants/s")


async def single(store: Store, mia: Store) -> None:
    lease = next(iter(await store.leases()))
    numbers = itertools.count()

    async def upsert() -> None:
        address = Address(lease.tenant, "n8n", "workflow", "single")
        await store.journal.write([done(lease.fence(), address, record=record(address, ref=str(next(numbers))))])

    await timed("fenced upsert with audit row, own commit", 200, upsert)
    await timed("lease renewed", 200, lambda: store.renew_lease(lease, 600))
    await timed("secret put", 200, lambda: store.vault.put(lease.uid, "a", Secret("x"), by="bench"))
    await timed("secret read", 200, lambda: store.vault.get(lease.uid, "a"))
    await timed("tokens taken", 200, lambda: store.take_tokens("n8n", 1, rate=1e6, burst=10))
    await timed("load one tenant (25 resources)", 50, lambda: store.load([lease.tenant]))
    everyone = [f"t{n}" for n in range(TENANTS)]
    await timed(f"load {TENANTS} tenants ({TENANTS * RESOURCES} resources), as admin", 5, lambda: store.load(everyone))
    await timed("the same as a manager of an eighth of them", 5, lambda: mia.load(everyone))
    await timed("state check", 3, store.check)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "pg")
        try:
            began = time.perf_counter()
            server = await postgres.start()
            show("embedded server, first start", f"{time.perf_counter() - began:7.2f} s")
            await timed("attach", 20, postgres.start)
            await server.ensure_database("bench")
            dsn = server.dsn("bench")
            began = time.perf_counter()
            await migrate(dsn)
            show("migrate a new database", f"{(time.perf_counter() - began) * 1000:7.0f} ms")
            began = time.perf_counter()
            clock, ids = SystemClock(), RandomIds()
            store = await open_store(dsn, ADMIN, clock=clock, ids=ids, master_key=MASTER)
            show("open a store", f"{(time.perf_counter() - began) * 1000:7.0f} ms")
            mia = await open_store(dsn, manager("m1"), clock=clock, ids=ids, master_key=MASTER)
            try:
                await throughput(store)
                await single(store, mia)
            finally:
                await store.close()
                await mia.close()
            await postgres.stop()
            began = time.perf_counter()
            await postgres.start()
            show("start again", f"{time.perf_counter() - began:7.2f} s")
        finally:
            await postgres.stop()


if __name__ == "__main__":
    asyncio.run(main())
