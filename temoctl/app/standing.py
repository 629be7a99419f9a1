"""The tenant's standing as an input of its plan: read from its subscription, put where the plan asks for a service.

A blueprint can't know what was paid, so it asks for a tenant in good order; here the true standing takes its place
(DECISIONS 22). Must not write anything, and knows Stripe only through outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from temoctl.app.billing import service, standing_now, subscription
from temoctl.app.desired import Wanted
from temoctl.app.snapshot import Look, look, outputs_of
from temoctl.app.world import World
from temoctl.model.address import PLATFORM, Address
from temoctl.model.plan import Inputs, Mode, RecordedTenant, TenantPlan, View
from temoctl.model.resource import Desired, Observed, Presence
from temoctl.model.standing import GOOD, Standing
from temoctl.model.step import Action
from temoctl.model.value import Json, digest

Plan = Callable[[Mapping[Address, Desired], RecordedTenant, Inputs], TenantPlan]
"""The planner, with everything filled in but these."""

_UNTOLD = "unknown"
_FIELDS = tuple(GOOD.tree())
_MAKES_ANEW = (Action.CREATE, Action.REPLACE)


def plan_with_standing(
    world: World, one: Wanted, recorded: RecordedTenant, view: View, *, mode: Mode, plan: Plan
) -> TenantPlan:
    """The tenant's plan, with its standing in it. Tenants that nobody bills are planned as they are.

    A subscription that this very plan makes, or sets going again, leaves the tenant in good order: else the next plan
    would have to say so.
    """
    place = service(one.tenant)
    if mode is Mode.DESTROY or (place not in one.desired and place not in recorded.resources):
        return plan(one.desired, recorded, one.inputs)
    now = standing_of_view(world, one.tenant, view)
    if mode is Mode.DRIFT:
        return plan(one.desired, _recorded_as(recorded, place, {} if now is None else now.tree()), one.inputs)
    if place not in one.desired:
        return plan(one.desired, recorded, one.inputs)
    written = _as_it_is(view, place, recorded)
    known, inputs = _recorded_as(recorded, place, written), with_standing(one.inputs, now)
    first = plan(_asking_for(one.desired, place, written if now is None else now.tree()), known, inputs)
    if now is not None and now != GOOD and _goes_on(first, subscription(one.tenant)):
        now = GOOD
        first = plan(_asking_for(one.desired, place, now.tree()), known, inputs)
    return _explained(first, place, now)


def standing_of_view(world: World, tenant: str, view: View) -> Standing | None:
    """What the subscription says now; None where it can't be told, and so nothing follows."""
    subscribed = view.observed.get(subscription(tenant))
    written = view.observed.get(service(tenant))
    if subscribed is None or subscribed.presence is Presence.UNKNOWN:
        return None
    return standing_now(world, subscribed, written or Observed.absent(service(tenant)))


def with_standing(inputs: Inputs, standing: Standing | None) -> Inputs:
    """A plan depends on the standing that was read, like on a file: another one makes it stale."""
    return replace(inputs, standing=_UNTOLD if standing is None else digest(standing.tree()))


async def with_standings(
    world: World, wanted: Mapping[str, Wanted], recorded: Mapping[str, RecordedTenant]
) -> dict[str, Wanted]:
    """The same wishes, with the standing that is read now among what a plan made from them would depend on."""
    billed = [one for one in wanted.values() if service(one.tenant) in one.desired]
    if not billed:
        return dict(wanted)
    looks = [Look(one.tenant, one.owner, one.desired, recorded[one.tenant]) for one in billed]
    places = {place(one.tenant) for one in billed for place in (subscription, service)}
    seen = await look(world, looks, outputs_of(recorded[PLATFORM]), lambda _: None, only=places)
    now = {one.tenant: standing_of_view(world, one.tenant, seen.views[one.tenant]) for one in billed}
    fresh = {one.tenant: replace(one, inputs=with_standing(one.inputs, now[one.tenant])) for one in billed}
    return {**wanted, **fresh}


def _asking_for(
    desired: Mapping[Address, Desired], place: Address, values: Mapping[str, Json]
) -> Mapping[Address, Desired]:
    wish = desired[place]
    detail = str(values.get("why") or "")
    return {**desired, place: replace(wish, props={**wish.props, **values}, detail=detail)}


def _as_it_is(view: View, place: Address, recorded: RecordedTenant) -> Mapping[str, Json]:
    """What is written down now, else what was last applied: on a doubt nothing changes."""
    seen = view.observed.get(place)
    if seen is not None and seen.presence is Presence.PRESENT:
        return {name: seen.props.get(name, "") for name in _FIELDS}
    record = recorded.resources.get(place)
    return {name: record.resolved.get(name, "") for name in _FIELDS} if record is not None else GOOD.tree()


def _recorded_as(recorded: RecordedTenant, place: Address, values: Mapping[str, Json]) -> RecordedTenant:
    """The record with these values. Events write the row between two applies, so it is behind without being wrong."""
    record = recorded.resources.get(place)
    if record is None or not values:
        return recorded
    fresh = replace(record, props={**record.props, **values}, resolved={**record.resolved, **values})
    return replace(recorded, resources={**recorded.resources, place: fresh})


def _explained(plan: TenantPlan, place: Address, standing: Standing | None) -> TenantPlan:
    """No spec changed: the plan says what did."""
    why = "its subscription says so" if standing is None or standing == GOOD else standing.why
    return replace(
        plan,
        steps=tuple(
            replace(step, because=why) if step.address == place and step.action is Action.UPDATE else step
            for step in plan.steps
        ),
    )


def _goes_on(plan: TenantPlan, place: Address) -> bool:
    """True when the plan makes the subscription, or does what its payment waits for."""
    return any(
        step.address == place
        and (
            step.action in _MAKES_ANEW
            or (step.action is Action.UPDATE and any(change.path == "payment" for change in step.changes))
        )
        for step in plan.steps
    )
