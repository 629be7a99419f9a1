"""Archive what is about to be forgotten, for one, many or all tenants. Must not know how anything is shown.

Safe to run at any time and as often as one likes: what is kept already is not kept again. One tenant's trouble stops
only itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from temoctl.app.archiving import Carried, Carrier, before, ends_of, keeper_of
from temoctl.app.reconcile import RUN_LENGTH, hold
from temoctl.app.requests import ArchiveRequest, PlanRequest
from temoctl.app.selection import select_tenants
from temoctl.app.world import World, check_instances
from temoctl.engine.ports import Permit
from temoctl.model.address import PLATFORM
from temoctl.model.diagnostic import Diagnostic
from temoctl.model.errors import LeaseLost, TemoError, UserError
from temoctl.model.plan import Mode

AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Archived:
    """What one tenant's archive took in. `before` is the date up to which everything is kept now."""

    tenant: str
    lines: int = 0
    parts: int = 0
    before: float = 0.0
    problem: Diagnostic | None = None


async def archive(world: World, request: ArchiveRequest) -> list[Archived]:
    """Archive what expires within the next days, for each tenant meant that has an archive."""
    living = {one.tenant: one.uid for one in await world.store.tenants()}
    asked = PlanRequest(request.place, Mode.DRIFT, request.tenants, request.everyone)
    names = [one for one in select_tenants(asked, world.project, living, world.principal).tenants if one != PLATFORM]
    await check_instances(world)
    recorded = await world.store.load(names)
    chosen = [name for name in names if keeper_of(name) in recorded[name].resources]
    without = sorted(set(names) - set(chosen))
    if without and not request.everyone:
        raise _without(without)
    places = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> Archived:
        async with places:
            try:
                return await _of(world, name, living[name], request.days)
            except TemoError as error:
                return Archived(name, problem=error.diagnostic())

    return list(await asyncio.gather(*map(one, chosen)))


async def _of(world: World, tenant: str, uid: str, days: float) -> Archived:
    """One tenant, under its lease: nobody changes its retention or takes its archive away meanwhile."""
    by = world.principal.name
    async with hold(world, tenant, uid, world.principal, "archive") as (lease, permit):
        run, fence = f"R-{world.ids.token(RUN_LENGTH).upper()}", lease.fence()
        await world.store.start_run(fence, run, tenant=tenant, mode="archive", plan="", by=by)
        carried = Carried()
        try:
            end = await _carry(world, tenant, permit, days, carried)
        except LeaseLost:
            raise
        except TemoError as error:
            done = Archived(tenant, carried.lines, carried.parts, problem=error.diagnostic())
        else:
            done = Archived(tenant, carried.lines, carried.parts, end)
        summary = {"done": done.parts, "messages": done.lines}
        await world.store.end_run(fence, run, status="failed" if done.problem else "done", summary=summary)
    return done


async def _carry(world: World, tenant: str, permit: Permit, days: float, carried: Carried) -> float:
    """Carry what is due, counting in `carried`; returns the date up to which everything is kept then."""
    ends = ends_of(world, (await world.store.load([tenant]))[tenant])
    if ends is None:
        raise _without([tenant])
    end = before(world, ends.source.props.get("retention_days"), days)
    await Carrier(world, permit).carry(ends, end, carried)
    return end


def _without(tenants: list[str]) -> UserError:
    return UserError(
        "TEMO120",
        f"nothing is archived for {', '.join(tenants)}",
        detail="The spec doesn't ask for an archive, or was not applied since it does.",
        fix="say `archive: true` under `retention` in the spec and apply it",
    )
