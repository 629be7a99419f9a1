"""What is on record now: tenants, their channels, who works on them, what was last done; and what they pay.

Asks no system but the one that bills.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from temoctl.app.bills import TenantBill, bills
from temoctl.app.requests import Place
from temoctl.app.selection import known_tenant
from temoctl.app.world import World, open_world
from temoctl.model.plan import RecordedTenant
from temoctl.systemdata.ports import Connection, LeaseState, Principal, RunRow


@dataclass(frozen=True, slots=True)
class TenantStatus:
    """`state` is `not applied`, `empty`, `set up`, or the spec's `broken spec`; `last` is the newest run."""

    tenant: str
    manager: str
    state: str
    objects: int
    channels: tuple[Connection, ...] = ()
    last: RunRow | None = None
    lease: LeaseState | None = None
    unfinished: int = 0
    bill: TenantBill | None = None


async def status(place: Place, principal: Principal, tenants: Sequence[str] = ()) -> tuple[list[TenantStatus], float]:
    """The tenants named, or all, the platform first; and the moment it was so. Billing is asked where there is any."""
    async with open_world(place, principal, connect=False, read_only=True) as world:
        found, loaded = await _on_record(world, tenants)
        now = world.clock.now()
    billed = await bills(place, principal, loaded)
    return [replace(one, bill=billed.get(one.tenant)) for one in found], now


async def _on_record(world: World, tenants: Sequence[str]) -> tuple[list[TenantStatus], Mapping[str, RecordedTenant]]:
    recorded = {one.tenant: one for one in await world.store.tenants()}
    broken = {one.tenant for one in world.project.errors if one.tenant}
    for name in tenants:
        known_tenant(world.project, name, recorded)
    names = list(tenants) or sorted({*world.project.tenants, *recorded, *broken}, key=lambda n: (n != "platform", n))
    loaded = await world.store.load(names)
    connections = await world.store.connections(names)
    leases = {one.tenant: one for one in await world.store.leases()}
    newest = await _newest(world, names)
    found = []
    for name in names:
        one = loaded[name]
        state = "broken spec" if name in broken else "not applied" if not one.uid else "set up" if one.resources else ""
        spec = world.project.tenants.get(name)
        found.append(
            TenantStatus(
                name,
                one.manager or (spec.manager if spec is not None and spec.manager else ""),
                state or "empty",
                len(one.resources),
                tuple(row for row in connections if row.tenant == name and row.status != "removed"),
                newest.get(name),
                leases.get(name),
                len(one.open_intents),
            )
        )
    return found, loaded


async def _newest(world: World, names: Sequence[str]) -> dict[str, RunRow]:
    rows = await world.store.runs(names[0] if len(names) == 1 else None, limit=max(50, 4 * len(names)))
    newest: dict[str, RunRow] = {}
    for row in rows:
        known = newest.get(row.tenant)
        if known is None or row.started_at > known.started_at:
            newest[row.tenant] = row
    return newest
