"""Apply or destroy many tenants: the platform first (last when destroying), then tenants side by side.

One failing tenant stops only itself; if the platform fails, tenants are not tried. Must not ask anybody anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from temoctl.app import guard
from temoctl.app.certificate import Certificate, certify
from temoctl.app.claims import Claim
from temoctl.app.desired import Wanted
from temoctl.app.planning import Planned, broken
from temoctl.app.reconcile import Crew, reconcile
from temoctl.app.requests import Place, ReconcileRequest
from temoctl.app.world import World
from temoctl.engine.result import NotTriedStep, RunResult
from temoctl.model.address import PLATFORM
from temoctl.model.errors import TemoError
from temoctl.model.plan import Mode, Plan, TenantPlan
from temoctl.planner import planfile

TENANTS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Applied:
    """The end of an apply: results in the plan's order, and a certificate for each tenant that was destroyed."""

    plan: Plan
    results: tuple[RunResult, ...]
    certificates: tuple[Certificate, ...] = ()


async def apply_plan(
    world: World,
    planned: Planned,
    *,
    crew: Crew,
    allow: Sequence[str] = (),
    parallelism: int = TENANTS_AT_ONCE,
    compare: bool = False,
) -> Applied:
    """Carry a plan out. `compare`: the plan is an older one, so what it depends on is compared with now."""
    plan = planned.plan
    guard.check_whole(plan)
    work = _Work(world, planned, crew, tuple(allow), await world.store.plan_key(), world.place, compare)
    todo = work_of(planned)
    for one in todo:
        guard.check_unprotected(one, plan.mode)
    guard.check_allowed(todo, allow, command=f"temoctl {plan.mode.value} {' '.join(o.tenant for o in todo)}")
    results = await _in_order(work, todo, plan.mode, parallelism)
    await crew.journal.close()
    done = {one.tenant: one for one in results}
    ordered = tuple(done[one.tenant] for one in plan.tenants if one.tenant in done)
    certificates = tuple(_certificate(work, one) for one in ordered) if plan.mode is Mode.DESTROY else ()
    return Applied(plan, ordered, tuple(one for one in certificates if one is not None))


def work_of(planned: Planned) -> list[TenantPlan]:
    """The tenants of a plan for whom there is something to do: steps, or what a run that died has left open."""
    return [
        one
        for one in planned.plan.tenants
        if worth_running(one, planned.plan.mode) or (not broken(one) and left_open(planned, one.tenant))
    ]


def left_open(planned: Planned, tenant: str) -> bool:
    """True when an earlier run died in the middle: what became of its last effects has to be looked up."""
    recorded = planned.recorded.get(tenant)
    return recorded is not None and bool(recorded.uid) and bool(recorded.open_intents)


def worth_running(plan: TenantPlan, mode: Mode) -> bool:
    """Broken plans are only shown; an empty one needs no run, unless there is something to record or to close."""
    if broken(plan) or not plan.uid:
        return False
    return bool(plan.steps) or records_something(plan) or (mode is Mode.DESTROY and not plan.new)


def records_something(plan: TenantPlan) -> bool:
    """True when applying gives the tenant to another manager, or takes down that it is on another plan."""
    return any(one.code in ("TEMO118", "TEMO129") for one in plan.problems)


@dataclass(frozen=True, slots=True)
class _Work:
    world: World
    planned: Planned
    crew: Crew
    allow: tuple[str, ...]
    key: bytes
    place: Place
    compare: bool

    async def one(self, plan: TenantPlan) -> RunResult:
        """One tenant's run; what stops it becomes its result, so that the others go on."""
        wanted: Mapping[str, Wanted] = self.planned.wanted
        claims: Sequence[Claim] = self.planned.claims
        with_platform = any(one.tenant == PLATFORM for one in self.planned.plan.tenants)
        mine = replace(self.planned.plan, tenants=(plan,))
        request = ReconcileRequest(self.place, plan.tenant, planfile.encode(mine, self.key), self.allow)
        inputs = wanted[plan.tenant].inputs if self.compare and plan.tenant in wanted else None
        try:
            return await reconcile(
                request,
                self.world.principal,
                self.world,
                crew=self.crew,
                claims=claims,
                inputs=inputs,
                platform_in_run=with_platform,
            )
        except TemoError as error:
            return refused(plan, error)


async def _in_order(work: _Work, todo: Sequence[TenantPlan], mode: Mode, parallelism: int) -> list[RunResult]:
    shared = [one for one in todo if one.tenant == PLATFORM]
    rest = [one for one in todo if one.tenant != PLATFORM]
    if mode is Mode.DESTROY:
        results = await _side_by_side([_later(work, one) for one in rest], parallelism)
        return results + [await work.one(one) for one in shared]
    results = [await work.one(one) for one in shared]
    if not all(one.ok or _only_waits(one) for one in results):
        return results + [not_tried(one, "the platform, which it stands on, could not be applied") for one in rest]
    return results + await _side_by_side([_later(work, one) for one in rest], parallelism)


def _later(work: _Work, plan: TenantPlan) -> Callable[[], Awaitable[RunResult]]:
    async def run() -> RunResult:
        if work.crew.stop.requested:
            return not_tried(plan, "the run was stopped before it began", stopped="you asked to stop")
        return await work.one(plan)

    return run


async def _side_by_side(jobs: Sequence[Callable[[], Awaitable[RunResult]]], limit: int) -> list[RunResult]:
    places = asyncio.Semaphore(max(1, limit))

    async def one(job: Callable[[], Awaitable[RunResult]]) -> RunResult:
        async with places:
            return await job()

    return list(await asyncio.gather(*map(one, jobs)))


def _only_waits(result: RunResult) -> bool:
    return not (result.failed or result.not_tried or result.problems or result.stopped)


def refused(plan: TenantPlan, error: TemoError) -> RunResult:
    """A tenant that could not even begin (locked, stale, refused)."""
    steps = tuple(NotTriedStep(step, error.summary) for step in plan.steps)
    return RunResult(plan.tenant, plan.uid, "", not_tried=steps, problems=(error.diagnostic(),))


def not_tried(plan: TenantPlan, why: str, *, stopped: str = "") -> RunResult:
    return RunResult(
        plan.tenant, plan.uid, "", not_tried=tuple(NotTriedStep(step, why) for step in plan.steps), stopped=stopped
    )


def _certificate(work: _Work, result: RunResult) -> Certificate | None:
    """What a finished destroy proves; None where it did not finish."""
    if not result.ok:
        return None
    recorded = work.planned.recorded[result.tenant].resources
    remains = {name: plugin.remains for name, plugin in work.world.plugins.items()}
    return certify(
        result,
        recorded,
        remains,
        installation=work.world.installation,
        by=work.world.principal.name,
        at=work.world.clock.now(),
        key_destroyed=True,
    )
