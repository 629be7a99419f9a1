"""What people still have to do after a run: a plan can't know it, because the run itself opens the gates.

Must not decide what waits: systems say so.
"""

from __future__ import annotations

from dataclasses import replace

from temoctl.app.snapshot import outputs_of
from temoctl.app.world import World
from temoctl.engine.protocol import Target
from temoctl.engine.result import RunResult
from temoctl.model.address import Address
from temoctl.model.errors import TemoError
from temoctl.model.identity import Marker, Owner
from temoctl.model.plan import RecordedTenant
from temoctl.model.resource import Presence
from temoctl.model.step import Step
from temoctl.model.value import UNKNOWN, Json
from temoctl.planner.resolve import resolve


async def look_at_gates(world: World, result: RunResult, after: RecordedTenant, platform: RecordedTenant) -> RunResult:
    """The same result, with what its gates wait for now. One that doesn't answer stays as it was planned."""
    outputs = {**outputs_of(platform), **outputs_of(after)}

    def known(address: Address, name: str) -> Json:
        return outputs.get(address, {}).get(name, UNKNOWN)

    fresh = []
    for step in result.waiting:
        system = world.systems.get(step.address.system)
        if step.desired is None or system is None:
            fresh.append(step)
            continue
        marker = Marker(Owner(world.installation, after.uid), step.address.kind, step.address.name)
        record = after.resources.get(step.address)
        ref = record.ref if record is not None else None
        target = Target(step.address, marker, ref, resolve(dict(step.desired.props), known))
        try:
            seen = await system.read(target)
        except TemoError:
            fresh.append(step)
            continue
        if seen.presence is not Presence.PRESENT:
            fresh.append(_as_seen(step, seen.why, seen.fix) if seen.presence is Presence.ABSENT else step)
    return replace(result, waiting=tuple(fresh))


def _as_seen(step: Step, why: str, fix: str) -> Step:
    return replace(step, because=why or step.because, fix=fix or step.fix)
