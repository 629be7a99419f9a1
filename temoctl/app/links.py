"""An address for a person: where a tenant's client enters a card, or looks after what is paid. Never kept anywhere."""

from __future__ import annotations

from typing import Any

from temoctl.app.billing import STRIPE, gate_target, no_billing
from temoctl.app.requests import Place
from temoctl.app.selection import known_tenant
from temoctl.app.world import World, check_instances, open_world
from temoctl.engine.protocol import Link, Links
from temoctl.model.errors import Refused
from temoctl.systemdata.ports import Principal


class _Freely:
    """Making an address changes nothing that a lease guards."""

    def check(self) -> None:
        return None


async def payment_link(place: Place, principal: Principal, tenant: str) -> Link:
    """A fresh address for the tenant's client. That somebody made one is noted, the address is not."""
    async with open_world(place, principal, only=(STRIPE,), read_only=True) as world:
        return await link_in(world, tenant)


async def link_in(world: World, tenant: str) -> Link:
    """The same in an opened world."""
    billing = await _connected(world)
    recorded = (await world.store.load([tenant]))[tenant]
    known_tenant(world.project, tenant, {tenant: recorded} if recorded.uid else {})
    if not recorded.uid:
        raise Refused(
            "TEMO126", f"{tenant} was never applied, so it has nothing to pay", fix=f"run `temoctl apply {tenant}`"
        )
    found = await billing.link(gate_target(world.owner(recorded.uid), recorded), _Freely())
    await world.store.note_read(recorded.uid, by=world.principal.name, what="payment link")
    return found


async def _connected(world: World) -> Links:
    billing: Any = world.systems.get(STRIPE)
    if not isinstance(billing, Links):
        raise no_billing()
    await check_instances(world)
    for error in world.silent.values():
        raise error
    return billing
