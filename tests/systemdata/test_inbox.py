"""Events from outside: each is handled once, whoever gets it and however often."""

from __future__ import annotations

import asyncio

import pytest

from temoctl.model.errors import Refused
from temoctl.systemdata.ports import Receipt, Store, Taken
from tests.systemdata.conftest import PostgresWorld, World, manager
from tests.systemdata.samples import ACME, BOLT, tenant

pytestmark = pytest.mark.anyio


async def take(store: Store, event: str = "evt_1", *, seconds: float = 60, uid: str = ACME) -> Receipt:
    return await store.inbox.take("stripe", event, uid=uid, seconds=seconds)


async def finish(store: Store, receipt: Receipt) -> bool:
    detail = {"event": receipt.event}
    return await store.inbox.finish(receipt, outcome="written", subject="invoice.paid", detail=detail, by="stripe")


async def audited(store: Store) -> int:
    return sum(row.action == "stripe-event" for row in await store.audit("acme"))


async def test_an_event_is_handled_once(world: World) -> None:
    store = await world.store()
    await tenant(store)
    mine = await take(store)
    assert mine.taken is Taken.OURS
    assert (await take(store)).taken is Taken.BUSY
    assert await finish(store, mine)
    assert (await take(store)).taken is Taken.HANDLED
    row = (await store.audit("acme"))[0]
    assert (row.action, row.subject, row.by, row.detail) == (
        "stripe-event",
        "invoice.paid",
        "stripe",
        {"event": "evt_1"},
    )
    assert not await finish(store, await take(store))
    assert await audited(store) == 1


async def test_of_many_at_once_one_gets_it(world: World) -> None:
    stores = [await world.store(), await world.store()]
    await tenant(stores[0])
    taken = await asyncio.gather(*(take(store) for store in stores * 5))
    assert sorted(one.taken for one in taken) == [Taken.BUSY] * 9 + [Taken.OURS]


async def test_a_tenants_events_go_one_by_one(world: World) -> None:
    store = await world.store()
    await tenant(store)
    await tenant(store, BOLT, "bolt")
    first = await take(store)
    assert (await take(store, "evt_2")).taken is Taken.BUSY
    assert (await take(store, "evt_3", uid=BOLT)).taken is Taken.OURS, "another tenant waits for nobody"
    assert await finish(store, first)
    assert (await take(store, "evt_2")).taken is Taken.OURS


async def test_what_failed_may_be_taken_again_at_once(world: World) -> None:
    store = await world.store()
    await tenant(store)
    await store.inbox.let_go(await take(store))
    again = await take(store)
    assert again.taken is Taken.OURS
    assert await finish(store, again)


async def test_who_was_silent_for_too_long_cant_end_it(world: World) -> None:
    store = await world.store()
    await tenant(store)
    slow = await take(store, seconds=0)
    quick = await take(store)
    assert (slow.taken, quick.taken) == (Taken.OURS, Taken.OURS)
    assert not await finish(store, slow)
    await store.inbox.let_go(slow)
    assert (await take(store)).taken is Taken.BUSY, "letting go of what another has taken changes nothing"
    assert await finish(store, quick)
    assert await audited(store) == 1


async def test_a_manager_takes_no_event_of_others(world: World) -> None:
    store = await world.store()
    await tenant(store)
    await tenant(store, BOLT, "bolt", "zoe")
    mia = await world.store(manager("mia"))
    assert (await take(mia)).taken is Taken.OURS
    with pytest.raises(Refused):
        await take(mia, "evt_2", uid=BOLT)


@pytest.mark.postgres
async def test_old_events_are_forgotten(postgres_world: PostgresWorld) -> None:
    store = await postgres_world.store()
    await tenant(store)
    assert await finish(store, await take(store, "evt_old"))
    postgres_world.sql("UPDATE temoctl.inbox SET handled_at = now() - interval '91 days'")
    assert await finish(store, await take(store, "evt_new"))
    assert postgres_world.sql("SELECT event FROM temoctl.inbox") == [("evt_new",)]
