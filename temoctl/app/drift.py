"""What somebody changed behind our back: a plan that is only looked at. Keeps a line of history, nothing else."""

from __future__ import annotations

from dataclasses import replace

from temoctl.app.planning import make_plan
from temoctl.app.requests import PlanRequest
from temoctl.app.snapshot import Progress
from temoctl.app.world import World
from temoctl.model.plan import Mode, Plan


async def find_drift(world: World, request: PlanRequest, *, progress: Progress) -> Plan:
    """Compare what is there with what was last applied."""
    planned = await make_plan(world, replace(request, mode=Mode.DRIFT), progress=progress)
    if not planned.plan.partial:
        for one in planned.plan.tenants:
            if one.drift and not one.new:
                detail = {str(drift.address): drift.summary for drift in one.drift}
                await world.store.note_drift(one.uid, by=world.principal.name, changes=len(one.drift), detail=detail)
    return planned.plan
