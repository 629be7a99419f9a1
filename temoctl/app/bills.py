"""What each tenant pays and whether it is served, for `status`: read now, or as the last apply left it.

One look for all tenants. Must not change anything, and must not fail where a system doesn't answer: what is on record
is still worth showing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from temoctl.app.billing import STRIPE, SUPABASE, gate, gate_target, service, service_target, subscription, target
from temoctl.app.requests import Place
from temoctl.app.world import World, check_instances, open_world
from temoctl.engine.protocol import Scope, Snapshot, Target
from temoctl.model.address import PLATFORM, Address
from temoctl.model.errors import TemoError
from temoctl.model.identity import Owner
from temoctl.model.money import Money
from temoctl.model.plan import RecordedTenant
from temoctl.model.resource import Observed, Presence
from temoctl.model.standing import Standing, State, seconds_of
from temoctl.model.value import Json
from temoctl.systemdata.ports import Principal

_BEGINS_NO_PERIOD = ("paused", "unpaid", "incomplete")


@dataclass(frozen=True, slots=True)
class TenantBill:
    """One tenant's billing. `waits` says what a person has to do before it can be paid, `undone` what apply has.

    `doubt` is empty for what was read just now, else why only the record could be asked. Times are seconds since the
    epoch. `status` is Stripe's own word, "" where there is no subscription.
    """

    tenant: str
    plan: str
    status: str
    trial_end: float | None = None
    next_at: float | None = None
    next_amount: Money | None = None
    due: Money | None = None
    due_since: float | None = None
    ends_at: float | None = None
    standing: Standing | None = None
    waits: str = ""
    undone: str = ""
    doubt: str = ""


async def bills(place: Place, principal: Principal, tenants: Mapping[str, RecordedTenant]) -> dict[str, TenantBill]:
    """The bills of those tenants that have a subscription on record. Never raises for what Stripe does."""
    billed = [one for one in tenants.values() if subscription(one.tenant) in one.resources]
    if not billed:
        return {}
    try:
        async with open_world(place, principal, only=(STRIPE, SUPABASE), read_only=True) as world:
            await check_instances(world)
            return await _look(world, billed)
    except TemoError as error:
        return {one.tenant: _as_recorded(one, error.summary) for one in billed}


async def _look(world: World, billed: Sequence[RecordedTenant]) -> dict[str, TenantBill]:
    platform = (await world.store.load([PLATFORM]))[PLATFORM]
    owners = {one.tenant: world.owner(one.uid) for one in billed}
    wanted = [found for one in billed for found in _targets(owners[one.tenant], one, platform)]
    parts = await asyncio.gather(*(_observe(world, name, wanted, owners) for name in (STRIPE, SUPABASE)))
    seen = {address: one for part in parts for address, one in part.observed.items()}
    return {one.tenant: _bill(one, seen) for one in billed}


def _targets(owner: Owner, recorded: RecordedTenant, platform: RecordedTenant) -> Iterable[Target]:
    yield target(subscription(recorded.tenant), owner, recorded)
    yield gate_target(owner, recorded)
    yield service_target(owner, recorded, platform)


async def _observe(world: World, name: str, wanted: Sequence[Target], owners: Mapping[str, Owner]) -> Snapshot:
    scope = Scope(tuple(one for one in wanted if one.address.system == name), owners)
    system = world.systems.get(name)
    if system is None:
        return Snapshot({})
    if name in world.silent:
        raise world.silent[name]
    return await system.observe(scope)


def _bill(recorded: RecordedTenant, seen: Mapping[Address, Observed]) -> TenantBill:
    subscribed = seen.get(subscription(recorded.tenant))
    if subscribed is None or subscribed.presence is Presence.UNKNOWN:
        return _as_recorded(recorded, subscribed.why if subscribed is not None else "the platform has no billing now")
    standing = _standing(seen.get(service(recorded.tenant)))
    if subscribed.presence is Presence.ABSENT:
        return TenantBill(recorded.tenant, _plan(recorded), "", standing=standing, waits=subscribed.note)
    made = _from(recorded, subscribed.outputs)
    way, fix = seen.get(gate(recorded.tenant)), f"run `temoctl apply {recorded.tenant}`"
    payment = str(subscribed.props.get("payment") or "in order")
    return replace(
        made,
        standing=standing,
        waits=way.why if way is not None and way.presence is Presence.ABSENT else "",
        undone="" if payment == "in order" else f"{payment}: {fix}",
    )


def _as_recorded(recorded: RecordedTenant, doubt: str) -> TenantBill:
    return replace(_from(recorded, recorded.resources[subscription(recorded.tenant)].outputs), doubt=doubt)


def _from(recorded: RecordedTenant, outputs: Mapping[str, Json]) -> TenantBill:
    status, trial = str(outputs.get("status") or ""), _seconds(outputs.get("trial_end"))
    ends, period = _seconds(outputs.get("ends_at")), _seconds(outputs.get("current_period_end"))
    goes_on = ends is None and status not in _BEGINS_NO_PERIOD
    return TenantBill(
        recorded.tenant,
        _plan(recorded),
        status,
        trial_end=trial if status == "trialing" else None,
        next_at=period if goes_on else None,
        next_amount=_money(outputs, "next_amount", str(outputs.get("interval") or "") or None) if goes_on else None,
        due=_money(outputs, "due"),
        due_since=_seconds(outputs.get("due_since")),
        ends_at=ends,
    )


def _plan(recorded: RecordedTenant) -> str:
    return recorded.resources[subscription(recorded.tenant)].detail


def _standing(seen: Observed | None) -> Standing | None:
    if seen is None or seen.presence is not Presence.PRESENT:
        return None
    until, since = (seconds_of(str(seen.props.get(name) or "")) for name in ("until", "since"))
    return Standing(State(str(seen.props["state"])), str(seen.props.get("why") or ""), until, since)


def _money(outputs: Mapping[str, Json], name: str, per: str | None = None) -> Money | None:
    minor = outputs.get(name)
    return Money(minor, str(outputs.get("currency")).upper(), per) if isinstance(minor, int) and minor else None


def _seconds(value: Json) -> float | None:
    return float(value) if isinstance(value, int | float) else None
