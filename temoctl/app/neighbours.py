"""Other tenants' objects that a probe must be refused at: the proof that nothing leaks. Reads records only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from temoctl.app.world import World
from temoctl.engine.protocol import Probes, Target
from temoctl.model.address import PLATFORM
from temoctl.model.identity import Marker

_ENOUGH = 3


async def neighbours_of(world: World) -> Mapping[str, Sequence[Target]]:
    """By kind key, recorded objects of a few living tenants, for systems that can prove something."""
    probing = {name for name, system in world.systems.items() if isinstance(system, Probes)}
    living = [one.tenant for one in await world.store.tenants() if one.tenant != PLATFORM][:_ENOUGH]
    if not probing or not living:
        return {}
    found: dict[str, list[Target]] = {}
    for recorded in (await world.store.load(living)).values():
        owner = world.owner(recorded.uid)
        for address, one in recorded.resources.items():
            if address.system in probing:
                marker = Marker(owner, address.kind, address.name)
                found.setdefault(address.kind_key, []).append(Target(address, marker, one.ref, one.resolved))
    return found
