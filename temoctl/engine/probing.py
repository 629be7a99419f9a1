"""After the steps: does everything of the tenant really work? Asks the systems' probes; a fault in one is a red line.

Changes nothing anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from temoctl.engine.protocol import ProbeResult, Probes, Target
from temoctl.engine.tenant_run import TenantRun
from temoctl.model.address import Address
from temoctl.model.errors import TemoError
from temoctl.model.kind import Kind
from temoctl.model.resource import Recorded
from temoctl.model.secret import Secret


async def probe_all(run: TenantRun) -> tuple[ProbeResult, ...]:
    """Probe every recorded resource whose system offers probes."""
    asked = [
        _probe(run, address, record)
        for address, record in sorted(run.known.records.items())
        if isinstance(run.world.systems.get(address.system), Probes) and address.kind_key in run.world.kinds
    ]
    results = await asyncio.gather(*asked)
    return tuple(one for several in results for one in several)


async def probe_target(run: TenantRun, address: Address, record: Recorded) -> Target:
    """A target that carries what observing and probing need."""
    kind = run.world.kind(address)
    target = await run.target(address, kind, record.resolved, record.ref)
    extra = await _probe_secrets(run, kind, record)
    return (
        target
        if not extra
        else Target(target.address, target.marker, target.ref, target.props, {**target.secrets, **extra})
    )


async def _probe_secrets(run: TenantRun, kind: Kind, record: Recorded) -> dict[str, Secret]:
    # What can't be read back may be missing from `resolved` after a recovery; it still stands in `props`.
    return await run.secrets.of_fields(kind.probe_secrets | kind.observe_secrets, record.props)


async def _probe(run: TenantRun, address: Address, record: Recorded) -> Sequence[ProbeResult]:
    system = run.world.systems[address.system]
    assert isinstance(system, Probes)  # chosen by the caller; narrows the type
    neighbours = tuple(
        one for one in run.world.neighbours.get(address.kind_key, ()) if one.marker.owner != run.known.owner
    )
    try:
        return await system.probe(await probe_target(run, address, record), neighbours)
    except TemoError as error:
        return [ProbeResult(address, record.label or address.tail, False, error.summary, error.fix)]
