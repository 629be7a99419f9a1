"""`state check` and `state repair` of the store in memory. What counts as broken is `integrity`'s to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from temoctl.model.address import PLATFORM
from temoctl.systemdata.integrity import (
    DANGLING,
    DEAD_RUN,
    NO_INSTANCE,
    SILENT_LEASE,
    Census,
    ResourceFact,
    TenantFact,
    parsed,
)
from temoctl.systemdata.memory_rights import Desk
from temoctl.systemdata.memory_state import MemoryState
from temoctl.systemdata.ports import Finding


def census(state: MemoryState, now: float, mine: Callable[[str], bool]) -> Census:
    """The census of a store in memory, of the tenants that `mine` allows."""
    held = [one for one in state.leases.values() if one.holder and mine(one.uid)]
    return Census(
        tenants=[TenantFact(one.uid, one.tenant, one.living, one.serial) for one in state.tenants.values()],
        resources=[
            ResourceFact(uid, str(address), tuple(map(str, one.depends_on)), one.instance)
            for (uid, address), one in state.resources.items()
            if mine(uid) or uid not in state.tenants
        ],
        intents=[
            (one.uid, one.intent.id, str(one.intent.address), one.intent.run)
            for one in state.intents.values()
            if one.ending is None and mine(one.uid)
        ],
        runs=[(uid, row.run) for uid, row in state.runs.values() if row.finished_at is None and mine(uid)],
        living_leases=frozenset(one.uid for one in held if one.expires_at > now),
        silent_leases={one.uid: one.holder for one in held if one.expires_at <= now},
        pins=state.pins,
    )


def repair(desk: Desk, findings: Sequence[Finding], by: str) -> int:
    """Mend what is safe to mend; returns how many findings were mended."""
    return sum(_mend(desk, finding, by) for finding in findings if finding.repair and desk.owns(finding.uid))


def _mend(desk: Desk, finding: Finding, by: str) -> bool:
    state, uid = desk.state, finding.uid
    if finding.code == SILENT_LEASE and uid in state.leases and state.leases[uid].expires_at <= desk.clock.now():
        state.leases[uid] = replace(state.leases[uid], holder="", epoch=state.leases[uid].epoch + 1)
    elif finding.code == DEAD_RUN and finding.subject in state.runs:
        _, row = state.runs[finding.subject]
        state.runs[finding.subject] = (uid, replace(row, finished_at=desk.clock.now(), status="stopped"))
    elif finding.code in (DANGLING, NO_INSTANCE):
        return _mend_record(desk, finding, by)
    else:
        return False
    desk.log(uid, "repaired", finding.subject, by, code=finding.code)
    return True


def _mend_record(desk: Desk, finding: Finding, by: str) -> bool:
    address = parsed(finding.subject)
    record = desk.state.resources.get((finding.uid, address)) if address else None
    if address is None or record is None:
        return False
    if finding.code == DANGLING:
        there = {known for uid, known in desk.state.resources if uid == finding.uid or known.tenant == PLATFORM}
        mended = replace(record, depends_on=tuple(one for one in record.depends_on if one in there))
    else:
        mended = replace(record, instance=desk.state.pins.get(address.system, ""))
    if mended == record:
        return False
    desk.state.resources[finding.uid, address] = mended
    row = desk.state.tenants[finding.uid]
    desk.state.tenants[finding.uid] = replace(row, serial=row.serial + 1)
    desk.log(finding.uid, "repaired", finding.subject, by, code=finding.code)
    return True
