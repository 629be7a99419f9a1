"""Looking at and mending the record by hand: list, show, check, repair, forget, unlock. Never touches a system."""

from __future__ import annotations

from collections.abc import Sequence

from temoctl.app.reconcile import hold
from temoctl.app.secrets import uid_of
from temoctl.app.world import World
from temoctl.model.address import Address
from temoctl.model.errors import UserError
from temoctl.model.resource import Recorded
from temoctl.spec.suggest import closest
from temoctl.systemdata.ports import Finding, LeaseState


async def list_records(world: World, tenants: Sequence[str]) -> list[Recorded]:
    """What is on record, in order of address; no names mean everybody."""
    names = list(tenants) or [one.tenant for one in await world.store.tenants()]
    for name in tenants:
        await uid_of(world, name)
    loaded = await world.store.load(names)
    return [one.resources[address] for name in names for one in (loaded[name],) for address in sorted(one.resources)]


async def show_record(world: World, text: str) -> Recorded:
    address = parse(text)
    records = (await world.store.load([address.tenant]))[address.tenant].resources
    if address not in records:
        near = closest(text, [str(one) for one in records])
        raise UserError(
            "TEMO133",
            f"{address} is not on record",
            detail=f"did you mean {near}?" if near else "",
            fix=f"`temoctl state list {address.tenant}` shows what is",
        )
    return records[address]


async def check(world: World) -> Sequence[Finding]:
    return await world.store.check()


async def repair(world: World, findings: Sequence[Finding]) -> int:
    return await world.store.repair([one for one in findings if one.repair], by=world.principal.name)


async def forget(world: World, text: str) -> Recorded:
    """Drop one record; the object itself stays where it is."""
    record = await show_record(world, text)
    uid = await uid_of(world, record.address.tenant)
    async with hold(world, record.address.tenant, uid, world.principal, "forget") as (lease, _):
        await world.store.forget(lease.fence(), record.address, by=world.principal.name)
    return record


async def unlock(world: World, tenant: str, *, steal: bool) -> LeaseState | None:
    """End a dead run's lease; a living one's only with `steal`."""
    await uid_of(world, tenant)
    return await world.store.break_lease(tenant, by=world.principal.name, steal=steal)


def parse(text: str) -> Address:
    """An address from words; raises UserError with its form."""
    try:
        return Address.parse(text)
    except ValueError:
        raise UserError(
            "TEMO134",
            f"'{text}' is not an address",
            fix="write it as TENANT/SYSTEM.KIND.NAME, e.g. acme/n8n.workflow.telegram-ingress",
        ) from None
