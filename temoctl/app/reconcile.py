"""Make one tenant agree with its plan: lease, freshness, run (which first recovers what died), records. One callable.

`reconcile` takes a serialisable request and a principal, so that a queue worker or a server can run it as it is.
Must not know how anything is shown, and asks nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from temoctl.app import guard
from temoctl.app.archiving import ArchiveFirst
from temoctl.app.claims import Claim, claim
from temoctl.app.connections import connections_of
from temoctl.app.gates import look_at_gates
from temoctl.app.holder import Holder
from temoctl.app.neighbours import neighbours_of
from temoctl.app.requests import ReconcileRequest
from temoctl.app.snapshot import outputs_of
from temoctl.app.world import World, check_instances, pin_instances
from temoctl.engine.events import Event, Sink
from temoctl.engine.fair import FairPlaces
from temoctl.engine.journal import GroupJournal
from temoctl.engine.lease import HeldLease
from temoctl.engine.protocol import Target
from temoctl.engine.result import RunResult
from temoctl.engine.run import run_tenant
from temoctl.engine.stop import StopSignal
from temoctl.engine.world import Hold, RunWorld
from temoctl.model.address import PLATFORM
from temoctl.model.errors import Conflict, LeaseLost, Locked
from temoctl.model.plan import Inputs, Mode, Plan, RecordedTenant, TenantPlan
from temoctl.model.value import Json
from temoctl.planner import planfile
from temoctl.systemdata.ports import LeaseState, PlanUse, Principal, Role

HOLD_LENGTH = 6
RUN_LENGTH = 8


def _unheard(_: Event) -> None:
    return None


@dataclass(slots=True)
class Crew:
    """What the tenants of one command share: journal, places, stop signal, listener."""

    journal: GroupJournal
    places: FairPlaces
    stop: StopSignal = field(default_factory=StopSignal)
    sink: Sink = _unheard
    neighbours: Mapping[str, Sequence[Target]] = field(default_factory=dict)

    @classmethod
    async def of(
        cls, world: World, *, parallelism: int = 16, sink: Sink = _unheard, stop: StopSignal | None = None
    ) -> Crew:
        journal = GroupJournal(world.store.journal, world.clock)
        return cls(journal, FairPlaces(parallelism), stop or StopSignal(), sink, await neighbours_of(world))


async def reconcile(
    request: ReconcileRequest,
    principal: Principal,
    world: World,
    *,
    crew: Crew | None = None,
    claims: Sequence[Claim] = (),
    inputs: Inputs | None = None,
    platform_in_run: bool = False,
) -> RunResult:
    """Run one tenant's part of an authenticated plan.

    `inputs` is what the plan would depend on now; None for a plan made a moment ago by the same command.
    `platform_in_run` accepts that the platform was changed since, by this very plan.
    """
    crew = crew or await Crew.of(world)
    plan = planfile.decode(request.plan, await world.store.plan_key())
    mine = part_of(plan, request.tenant)
    check_request(plan, mine, request, world)
    if not world.instances:
        await check_instances(world)
    used = await world.store.plan_use(plan.id, request.tenant)
    if used is PlanUse.FINISHED:
        raise Conflict("TEMO611", f"{plan.id} was already applied to {request.tenant}", fix="make a new plan")
    if used is PlanUse.UNUSED:
        guard.check_age(plan, world.clock.now())
    uid = await _register(world, mine, principal)
    async with hold(world, request.tenant, uid, principal, plan.mode.value) as (lease, permit):
        held = Hold(lease.fence(), permit, f"R-{world.ids.token(RUN_LENGTH).upper()}", plan.id, plan.mode)
        run = _Run(world, crew, plan, mine, held, principal, claims, platform_in_run)
        return await run.through(inputs or mine.inputs, resuming=used is PlanUse.STARTED)


def check_request(plan: Plan, mine: TenantPlan, request: ReconcileRequest, world: World) -> None:
    """Everything that can be refused before anything is opened or written."""
    guard.check_whole(plan)
    guard.check_installation(plan, world.installation)
    guard.check_sound(mine)
    guard.check_unprotected(mine, plan.mode)
    guard.check_allowed([mine], request.allow, command=f"temoctl {plan.mode.value} {request.tenant}")


def part_of(plan: Plan, tenant: str) -> TenantPlan:
    """The tenant's part of a plan."""
    for one in plan.tenants:
        if one.tenant == tenant:
            return one
    raise Conflict("TEMO128", f"{plan.id} says nothing about {tenant}", fix=f"plan {tenant} again")


@asynccontextmanager
async def hold(
    world: World, tenant: str, uid: str, principal: Principal, operation: str
) -> AsyncIterator[tuple[LeaseState, HeldLease]]:
    """The tenant's lease with its heartbeat, given back at the end. Raises Locked while somebody else has it."""
    holder = str(Holder.here(principal.name, world.ids.token(HOLD_LENGTH)))
    ttl = world.platform.systemdata.lease_seconds
    asked = world.clock.monotonic()
    try:
        lease = await world.store.take_lease(uid, holder=holder, operation=operation, ttl=ttl)
    except Locked:
        if not await _bury(world, tenant, principal):
            raise
        asked = world.clock.monotonic()
        lease = await world.store.take_lease(uid, holder=holder, operation=operation, ttl=ttl)

    async def renew() -> LeaseState:
        return await world.store.renew_lease(lease, ttl)

    permit = HeldLease(world.clock, ttl=ttl, renew=renew, since=asked)
    try:
        async with permit:
            yield lease, permit
    finally:
        if not permit.lost:
            await world.store.release_lease(lease)


async def _bury(world: World, tenant: str, principal: Principal) -> bool:
    """End the lease of a process of this computer that is no more; True when there was one.

    Nobody has to wait for the dead. Should it be a mistake, the fence keeps the old holder from writing anything.
    """
    held = [one for one in await world.store.leases() if one.tenant == tenant]
    dead = [one for one in held if (holder := Holder.read(one.holder)) is not None and holder.certainly_dead]
    broken = [await world.store.break_lease(tenant, by=principal.name, steal=True, holder=one.holder) for one in dead]
    return any(broken)


async def _register(world: World, plan: TenantPlan, principal: Principal) -> str:
    """The tenant's row, made at its first apply. Somebody else's earlier one makes the plan stale."""
    if not plan.new:
        return plan.uid
    uid = await world.store.register(
        plan.tenant, plan.uid, manager=manager_of(world, plan, principal), by=principal.name
    )
    if uid != plan.uid:
        raise Conflict(
            "TEMO414",
            f"{plan.tenant} was set up by somebody else since this plan was made",
            fix="plan again and read the new plan",
            tenant=plan.tenant,
        )
    return uid


def manager_of(world: World, plan: TenantPlan, principal: Principal) -> str:
    """Who the tenant is to belong to: as the spec says, else as recorded, else the manager who makes it."""
    spec = world.project.tenants.get(plan.tenant)
    written = "" if spec is None or spec.manager is None else spec.manager
    return written or plan.manager or (principal.name if principal.role is Role.MANAGER else "")


@dataclass(slots=True)
class _Run:
    """One tenant's run, once its lease is held."""

    world: World
    crew: Crew
    plan: Plan
    mine: TenantPlan
    hold: Hold
    principal: Principal
    claims: Sequence[Claim]
    platform_in_run: bool

    async def through(self, inputs: Inputs, *, resuming: bool) -> RunResult:
        """From the journal's start row to its end row, whatever happens in between."""
        store, fence = self.world.store, self.hold.fence
        await store.start_run(
            fence,
            self.hold.run,
            tenant=self.mine.tenant,
            mode=self.plan.mode.value,
            plan=self.plan.id,
            by=self.principal.name,
        )
        result: RunResult | None = None
        try:
            result = await self._work(inputs, resuming=resuming)
            return result
        finally:
            if not self._lost():
                status, summary = ("failed", {}) if result is None else (status_of(result), summary_of(result))
                await store.end_run(fence, self.hold.run, status=status, summary=summary)

    async def _work(self, inputs: Inputs, *, resuming: bool) -> RunResult:
        recorded, platform = await self._records()
        run_world = await self._run_world(recorded, platform)
        guard.check_fresh(
            self.mine,
            inputs,
            recorded,
            platform_serial=None if self.platform_in_run or self.mine.tenant == PLATFORM else platform.serial,
            resuming=resuming,
        )
        await self.world.store.use_plan(self.hold.fence, self.plan.id, self.mine.tenant, PlanUse.STARTED)
        await pin_instances(self.world, {step.address.system for step in self.mine.steps})
        await claim(self.world, [one for one in self.claims if one.tenant == self.mine.tenant])
        result = await run_tenant(self.mine, run_world, recorded=recorded, hold=self.hold)
        return await self._after(result, recorded)

    async def _after(self, result: RunResult, before: RecordedTenant) -> RunResult:
        """What follows from the run: who it belongs to, what waits for people, the state of its channels."""
        store, fence = self.world.store, self.hold.fence
        manager = manager_of(self.world, self.mine, self.principal)
        if self.plan.mode is Mode.APPLY and self.mine.tenant != PLATFORM and manager != before.manager:
            await store.assign(self.mine.tenant, manager, by=self.principal.name)
        spec = self.world.project.tenants.get(self.mine.tenant)
        if self.plan.mode is Mode.APPLY and spec is not None and spec.plan != before.plan and not unfinished(result):
            await store.note_plan(fence, spec.plan, by=self.principal.name)
        after, platform = await self._records()
        result = await look_at_gates(self.world, result, after, platform) if result.waiting else result
        rows = connections_of(self.world, self.plan.mode, self.mine, result, after)
        if rows:
            await store.put_connections(fence, rows)
        if not result.stopped:
            await store.use_plan(fence, self.plan.id, self.mine.tenant, PlanUse.FINISHED)
        if self.plan.mode is Mode.DESTROY and result.ok:
            await store.close_tenant(fence, by=self.principal.name)
        return result

    async def _records(self) -> tuple[RecordedTenant, RecordedTenant]:
        found = await self.world.store.load(list(dict.fromkeys((self.mine.tenant, PLATFORM))))
        return found[self.mine.tenant], found[PLATFORM]

    async def _run_world(self, recorded: RecordedTenant, platform: RecordedTenant) -> RunWorld:
        world, crew = self.world, self.crew
        return RunWorld(
            systems=world.systems,
            kinds=world.kinds,
            journal=crew.journal,
            vault=world.store.vault,
            clock=world.clock,
            ids=world.ids,
            sink=crew.sink,
            installation=world.installation,
            places=crew.places,
            stop=crew.stop,
            platform=outputs_of(platform),
            instances=world.instances,
            neighbours=crew.neighbours,
            root=str(world.root),
            beforehand=ArchiveFirst(world, self.hold.permit, self.mine, recorded, platform),
        )

    def _lost(self) -> bool:
        try:
            self.hold.permit.check()
        except LeaseLost:
            return True
        return False


def unfinished(result: RunResult) -> bool:
    """True when something of the plan is still to be done by us. What waits for a person isn't."""
    return bool(result.stopped or result.failed or result.not_tried or result.problems)


def status_of(result: RunResult) -> str:
    """The run's row in `history`: done, partly, failed, stopped or waiting."""
    if result.stopped:
        return "stopped"
    if result.failed or result.not_tried or result.problems:
        return "partly" if result.done else "failed"
    if any(not probe.ok for probe in result.probes):
        return "partly"
    return "waiting" if result.waiting else "done"


def summary_of(result: RunResult) -> dict[str, Json]:
    return {
        "done": len(result.done),
        "failed": len(result.failed),
        "not_tried": len(result.not_tried),
        "waiting": len(result.waiting),
        "probes_red": sum(not probe.ok for probe in result.probes),
        "seconds": round(result.seconds, 3),
    }
