"""A plan for one, many or all tenants, from one snapshot. Changes nothing anywhere (DECISIONS 12).

Must not know how a plan is shown, and decides nothing itself: the planner does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from temoctl.app.claims import Claim, claims_of, clashes
from temoctl.app.desired import Blueprints, Wanted
from temoctl.app.requests import PlanRequest
from temoctl.app.selection import Selection, select_tenants
from temoctl.app.snapshot import Look, Outputs, Progress, Seen, look, outputs_of
from temoctl.app.standing import plan_with_standing
from temoctl.app.world import World, check_instances
from temoctl.model.address import PLATFORM, Address
from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.model.identity import UID_LENGTH
from temoctl.model.plan import Inputs, Mode, Plan, RecordedTenant, TenantPlan, View
from temoctl.model.resource import Desired
from temoctl.model.value import UNKNOWN, Json
from temoctl.planner import plan_tenant, select

LIFETIME = 4 * 3600.0
"""How long a plan may lie around; what it touches is read again before it is touched in any case."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and what else is known after making it: for those who go on to apply it."""

    plan: Plan
    selection: Selection
    wanted: Mapping[str, Wanted]
    recorded: Mapping[str, RecordedTenant]
    claims: tuple[Claim, ...] = ()


def _silent(_: str) -> None:
    return None


async def make_plan(world: World, request: PlanRequest, *, progress: Progress = _silent) -> Planned:
    """Plan what a request asks for."""
    progress("reading what is on record")
    living = {one.tenant: one.uid for one in await world.store.tenants()}
    selection = select_tenants(request, world.project, living, world.principal)
    recorded = await world.store.load(tuple(dict.fromkeys((PLATFORM, *selection.tenants))))
    await check_instances(world)
    wanted = await wishes(world, request.mode, selection.tenants, recorded)
    looks = [
        Look(one.tenant, one.owner, one.desired, recorded[one.tenant]) for one in wanted.values() if not one.broken
    ]
    platform = outputs_of(recorded[PLATFORM])
    seen = await look(world, looks, platform, progress)
    claims = claims_of(world, looks, seen) if request.mode is Mode.APPLY else []
    clashing = await clashes(world, claims, looks) if claims else {}
    in_run = PLATFORM in wanted and request.mode is Mode.APPLY
    plans = [
        _tenant(world, one, recorded, platform, seen, mode=request.mode, clashing=clashing, platform_in_run=in_run)
        for one in wanted.values()
    ]
    plan = _whole(world, request, _with_notes(plans, selection.notes))
    return Planned(plan, selection, wanted, recorded, tuple(claims))


async def wishes(
    world: World, mode: Mode, tenants: Iterable[str], recorded: Mapping[str, RecordedTenant]
) -> dict[str, Wanted]:
    """What each tenant is to be. Destroy and drift of a tenant don't depend on whether its spec is in order."""
    owners = {name: world.owner(one.uid or world.ids.token(UID_LENGTH)) for name, one in recorded.items()}
    tenants = tuple(tenants)
    blueprints = Blueprints(world, owners[PLATFORM], None if PLATFORM in tenants else recorded[PLATFORM])
    versions = await world.store.vault.versions_of([recorded[name].uid for name in tenants if recorded[name].uid])
    found: dict[str, Wanted] = {}
    for name in tenants:
        if mode is Mode.DESTROY:
            found[name] = Wanted(name, owners[name], not recorded[name].uid, {}, Inputs(), recorded[name].manager)
            continue
        one = blueprints.of(name, owners[name], recorded[name], versions.get(recorded[name].uid, {}))
        found[name] = one if mode is Mode.APPLY else _for_drift(one, recorded[name])
    return found


def _for_drift(one: Wanted, recorded: RecordedTenant) -> Wanted:
    """Drift is measured against the record; of the spec only the witnesses of recorded things are of interest."""
    kept = {address: wish for address, wish in one.desired.items() if wish.witness_of in recorded.resources}
    return replace(one, desired=kept, problems=())


def _tenant(
    world: World,
    one: Wanted,
    recorded: Mapping[str, RecordedTenant],
    platform: Outputs,
    seen: Seen,
    *,
    mode: Mode,
    clashing: Mapping[str, list[Diagnostic]],
    platform_in_run: bool,
) -> TenantPlan:
    record = recorded[one.tenant]
    if one.broken:
        return TenantPlan(
            one.tenant, one.owner.uid, one.new, record.serial, (), problems=one.problems, inputs=one.inputs
        )

    def known(address: Address, output: str) -> Json:
        return platform.get(address, {}).get(output, UNKNOWN)

    view = seen.views.pop(one.tenant, View({}))  # not needed again: of a fleet they would fill the memory

    def plan(desired: Mapping[Address, Desired], record: RecordedTenant, inputs: Inputs) -> TenantPlan:
        return plan_tenant(
            one.tenant,
            uid=one.owner.uid,
            new=one.new,
            desired=desired,
            recorded=record,
            view=view,
            kinds=world.kinds,
            mode=mode,
            known=known,
            inputs=inputs,
            platform_serial=recorded[PLATFORM].serial,
            not_applied=one.not_applied,
            problems=(*one.problems, *clashing.get(one.tenant, ())),
            platform_in_run=platform_in_run,
        )

    return plan_with_standing(world, one, record, view, mode=mode, plan=plan)


def _with_notes(plans: list[TenantPlan], notes: Iterable[Diagnostic]) -> list[TenantPlan]:
    """What is to be said about tenants that were left out stands in the plan as an empty entry of theirs."""
    left_out = [TenantPlan(note.tenant, "", False, 0, (), problems=(note,)) for note in notes]
    return plans + left_out


def _whole(world: World, request: PlanRequest, tenants: list[TenantPlan]) -> Plan:
    now = world.clock.now()
    plan = Plan(
        id=f"P-{world.ids.token(6).upper()}",
        mode=request.mode,
        created_at=now,
        expires_at=now + LIFETIME,
        installation=world.installation,
        tenants=tuple(tenants),
        calls=world.calls(),
    )
    return select(plan, request.only, request.skip) if request.only or request.skip else plan


def broken(plan: TenantPlan) -> bool:
    """True when a tenant's plan may be read but not applied."""
    return any(one.severity is Severity.ERROR for one in plan.problems)
