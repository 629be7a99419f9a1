"""The commands of a simulation: plan, drift, apply, destroy, as the command line carries them out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temoctl.app import guard
from temoctl.app.apply import Applied, apply_plan, work_of
from temoctl.app.drift import find_drift
from temoctl.app.planning import make_plan
from temoctl.app.reconcile import Crew
from temoctl.app.requests import PlanRequest
from temoctl.app.world import World
from temoctl.model.errors import TemoError
from temoctl.model.plan import Mode, Plan
from temoctl.planner import planfile


@dataclass(frozen=True)
class Report:
    """What a command had to say. `refused` is the code and words of what stopped it as a whole."""

    plan: Plan | None = None
    applied: Applied | None = None
    refused: str = ""
    encoded: str = ""

    @property
    def steps(self) -> list[str]:
        return (
            []
            if self.plan is None
            else [f"{step.action.value} {step.id}" for one in self.plan.tenants for step in one.steps]
        )

    @property
    def changes(self) -> list[str]:
        return (
            [] if self.plan is None else [f"{s.action.value} {s.id}" for one in self.plan.tenants for s in one.changes]
        )

    @property
    def troubles(self) -> list[str]:
        """Everything that did not go well, in words."""
        found = [self.refused] if self.refused else []
        for one in self.plan.tenants if self.plan else ():
            found += [f"{one.tenant}: {p.code} {p.summary}" for p in one.problems if p.severity.value == "error"]
        for result in self.applied.results if self.applied else ():
            found += [f"{f.step.id}: {f.problem.code} {f.problem.summary} {f.problem.detail}" for f in result.failed]
            found += [f"{n.step.id} not tried: {n.why}" for n in result.not_tried]
            found += [f"{p.code} {p.summary} {p.detail}" for p in result.problems]
            found += [f"{p.address} not {p.name}: {p.why}" for p in result.probes if not p.ok]
            found += [result.stopped] if result.stopped else []
        return found


Work = Callable[[World], Awaitable[Report]]


def plan(*tenants: str, mode: Mode = Mode.APPLY) -> Work:
    async def work(world: World) -> Report:
        try:
            planned = await make_plan(world, _request(world, tenants, mode))
            return Report(planned.plan, encoded=planfile.encode(planned.plan, await world.store.plan_key()))
        except TemoError as error:
            return Report(refused=f"{error.code} {error.summary} {error.detail}")

    return work


def drift(*tenants: str) -> Work:
    async def work(world: World) -> Report:
        try:
            return Report(await find_drift(world, _request(world, tenants, Mode.DRIFT), progress=lambda _: None))
        except TemoError as error:
            return Report(refused=f"{error.code} {error.summary} {error.detail}")

    return work


def apply(*tenants: str, parallelism: int = 16) -> Work:
    return _carry_out(tenants, Mode.APPLY, parallelism)


def destroy(*tenants: str) -> Work:
    return _carry_out(tenants, Mode.DESTROY, 16)


def _carry_out(tenants: tuple[str, ...], mode: Mode, parallelism: int) -> Work:
    async def work(world: World) -> Report:
        try:
            planned = await make_plan(world, _request(world, tenants, mode))
            todo = work_of(planned)
            allow = tuple(sorted({name for one in todo for name in one.allowances}))
            guard.check_allowed(todo, allow, command="sim")
            crew = await Crew.of(world, parallelism=parallelism)
            applied = await apply_plan(world, planned, crew=crew, allow=allow, parallelism=parallelism)
            return Report(planned.plan, applied)
        except TemoError as error:
            return Report(refused=f"{error.code} {error.summary} {error.detail}")

    return work


def _request(world: World, tenants: tuple[str, ...], mode: Mode) -> PlanRequest:
    return PlanRequest(world.place, mode, tenants, not tenants)
