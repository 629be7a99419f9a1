"""Run one tenant's plan: recover, then every step as soon as what it needs is done, then the probes.

Independent branches go on after a failure; the result has three lists. Everything comes in by parameters, so that
a command, a queue worker or a simulation can call it as it is. Must not know vendors, and formats nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from temoctl.engine.events import RunStarted, StepDone, StepFailed, StepNotTried, StepStarted, Stopping
from temoctl.engine.execute import Executor, StepEnd, Unproven
from temoctl.engine.graph import Order, with_recovered_needs
from temoctl.engine.probing import probe_all
from temoctl.engine.protocol import ProbeResult, Proof
from temoctl.engine.recover import Recovered, recover_run
from temoctl.engine.result import DoneStep, FailedStep, NotTriedStep, RunResult
from temoctl.engine.stop import Stopped
from temoctl.engine.tenant_run import TenantRun
from temoctl.engine.world import Hold, RunWorld
from temoctl.model.address import Address
from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.model.errors import Bug, LeaseLost, TemoError, UnknownOutcome
from temoctl.model.identity import Identity
from temoctl.model.plan import Mode, RecordedTenant, TenantPlan
from temoctl.model.step import Action, Step

_RECOVERABLE = "stopped at once; what was in flight is looked up by the next run"


async def run_tenant(
    plan: TenantPlan,
    world: RunWorld,
    *,
    recorded: RecordedTenant,
    hold: Hold,
    recovered: Recovered | None = None,
) -> RunResult:
    """Make one tenant agree with its plan. Never raises for what happens to a step; every outcome is in the result.

    `recorded` must have been loaded under the lease that `hold` stands for. `recovered` is what `recover` found when
    the caller called it under the same lease; without it recovery is part of the run.
    """
    return await _Runner(plan, TenantRun.of(world, recorded, hold, uid=plan.uid), recovered).result()


class _Runner:
    def __init__(self, plan: TenantPlan, run: TenantRun, recovered: Recovered | None) -> None:
        self._plan, self._run, self._world = plan, run, run.world
        self._order = Order(plan.steps)
        self._results: asyncio.Queue[tuple[Step, StepEnd | BaseException, float]] = asyncio.Queue()
        self._tasks: dict[str, tuple[Step, asyncio.Task[None]]] = {}
        self._started: set[str] = set()
        self._given = recovered
        self._recovered = Recovered()
        self._skip: frozenset[str] = frozenset()
        self._executor = Executor(run, expected={})
        self._done: list[DoneStep] = []
        self._failed: list[FailedStep] = []
        self._not_tried: list[NotTriedStep] = []
        self._waiting: list[Step] = []
        self._certificate: list[tuple[Address, Proof]] = []
        self._stopped = ""

    async def result(self) -> RunResult:
        """Run to the end, whatever the end is."""
        begun = self._run.now()
        self._run.tell(RunStarted(self._plan.tenant, len(self._plan.steps)))
        problems = tuple(one for one in self._plan.problems if one.severity is Severity.ERROR)
        probes: tuple[ProbeResult, ...] = ()
        try:
            if problems:
                self._leave_all("the plan has problems")
            else:
                probes = await self._until_stopped(self._all())
        except LeaseLost as error:
            self._stopped = error.summary
        except _Halted:
            self._stopped = self._stopped or _RECOVERABLE
        except TemoError as error:
            problems = (*problems, error.diagnostic())
        finally:
            await self._drop_running()
        self._leave_all(self._stopped or "the run ended before it")
        return RunResult(
            self._plan.tenant,
            self._plan.uid,
            self._run.hold.run,
            tuple(self._done),
            tuple(self._failed),
            tuple(self._not_tried),
            tuple(self._waiting),
            probes,
            problems,
            self._stopped,
            self._run.now() - begun,
            tuple(self._certificate),
        )

    async def _all(self) -> tuple[ProbeResult, ...]:
        self._recovered = self._given or await recover_run(self._run)
        self._run.opened.update(self._recovered.kept)
        self._order = Order(with_recovered_needs(self._plan.steps, self._run.known.records))
        self._executor = Executor(self._run, expected=self._recovered.fingerprints)
        if self._run.hold.plan:
            self._skip = await self._world.journal.done_steps(self._plan.uid, self._run.hold.plan)
        await self._steps()
        if any(key in self._run.opened for key in self._recovered.kept) and not (self._failed or self._stopped):
            await recover_run(self._run)  # old halves of replaces that nothing uses any more
        await self._settle()
        if self._stopped or self._run.hold.mode is not Mode.APPLY:
            return ()
        return await probe_all(self._run)

    # --- the graph

    async def _steps(self) -> None:
        """Start what is ready, take in what ends, until nothing is left to start."""
        self._start_ready()
        while self._tasks:
            step, end, seconds = await self._results.get()
            del self._tasks[step.id]
            self._take_in(step, end, seconds)
            self._start_ready()

    def _start_ready(self) -> None:
        while self._order.open:
            ready = tuple(self._order.ready())
            if not ready:
                return
            for step in ready:
                self._start(step)

    def _start(self, step: Step) -> None:
        why = self._why_not(step)
        if why:
            self._leave(step, why)
            self._order.over(step, ok=False, because=self._order.blocked_by(step) or "")
        elif step.action is Action.ASK:
            self._ask(step)
        else:
            self._tasks[step.id] = step, asyncio.create_task(self._track(step), name=step.id)

    def _why_not(self, step: Step) -> str:
        blocker = self._order.blocked_by(step)
        if blocker is not None:
            return f"needs {blocker}"
        if step.address in self._recovered.blocked:
            return self._recovered.blocked[step.address]
        if self._world.stop.requested:
            self._stop()
            return "the run was stopped before it"
        return ""

    def _stop(self) -> None:
        if not self._stopped:
            self._stopped = "stopped on request"
            self._run.tell(Stopping(self._plan.tenant, len(self._tasks)))

    def _ask(self, step: Step) -> None:
        """Nothing is tried: a gate waits for its person; any other question is a failure that says what to do."""
        kind = self._world.kinds.get(step.address.kind_key)
        if kind is not None and kind.identity is Identity.GATE:
            self._waiting.append(step)
        else:
            problem = Diagnostic(
                step.code or "TEMO507", step.because, where=step.where, fix=step.fix, tenant=self._plan.tenant
            )
            self._fail(step, problem, unknown=False)
        self._order.over(step, ok=False)

    async def _track(self, step: Step) -> None:
        begun = self._run.now()
        end: StepEnd | BaseException
        try:
            end = await self._do(step)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # The boundary of one step: whatever it is, the other branches go on.
            end = error
        self._results.put_nowait((step, end, self._run.now() - begun))

    async def _do(self, step: Step) -> StepEnd:
        if step.action is Action.WAIT:
            self._begin(step)
            return await self._executor.wait(step)
        if step.id in self._skip:
            self._begin(step)
            end = StepEnd("done by an earlier run of this plan")
        else:
            async with self._world.places.take(self._plan.tenant):
                if self._world.stop.requested:
                    raise Stopped
                self._begin(step)
                end = await self._executor.act(step)
        await self._executor.until_ready(step)
        return end

    def _begin(self, step: Step) -> None:
        self._started.add(step.id)
        self._run.tell(StepStarted(self._plan.tenant, step))

    # --- the three lists

    def _take_in(self, step: Step, end: StepEnd | BaseException, seconds: float) -> None:
        match end:
            case StepEnd():
                self._done.append(DoneStep(step, seconds, end.note, end.proof))
                if end.proof is not None:
                    self._certificate.append((step.address, end.proof))
                self._run.tell(StepDone(self._plan.tenant, step, seconds, end.note))
            case LeaseLost():
                self._unfinished(step, end)
                raise end
            case Stopped():
                self._stop()
                self._leave(step, "the run was stopped before it was done")
            case TemoError():
                if isinstance(end, Unproven):
                    self._certificate.append((step.address, end.proof))
                problem = end.diagnostic()
                self._fail(step, problem, unknown=isinstance(end, UnknownOutcome))
            case _:
                bug = Bug("TEMO952", f"unexpected {type(end).__name__} in the step {step.label}")
                self._fail(step, bug.diagnostic(), unknown=True)
        self._order.over(step, ok=isinstance(end, StepEnd))

    def _fail(self, step: Step, problem: Diagnostic, *, unknown: bool) -> None:
        self._failed.append(FailedStep(step, problem, unknown))
        self._run.tell(StepFailed(self._plan.tenant, step, problem))

    def _unfinished(self, step: Step, error: TemoError) -> None:
        """A step that was in flight when the run had to end: its outcome is not known."""
        self._fail(step, error.diagnostic(), unknown=True)

    def _leave(self, step: Step, why: str) -> None:
        self._not_tried.append(NotTriedStep(step, why))
        self._run.tell(StepNotTried(self._plan.tenant, step, why))

    def _leave_all(self, why: str) -> None:
        """Everything that no list has yet was not tried."""
        listed = {step.id for step in self._waiting}
        listed.update(one.step.id for one in self._done)
        listed.update(one.step.id for one in self._failed)
        listed.update(one.step.id for one in self._not_tried)
        for step in self._plan.steps:
            if step.id not in listed:
                self._leave(step, why)

    # --- the end

    async def _until_stopped(self, work: Coroutine[Any, Any, tuple[ProbeResult, ...]]) -> tuple[ProbeResult, ...]:
        """The work's result, or _Halted as soon as the second stop signal comes."""
        task = asyncio.create_task(work, name=f"run {self._plan.tenant}")
        now = asyncio.create_task(self._world.stop.wait_now())
        try:
            await asyncio.wait((task, now), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise _Halted
            return task.result()
        finally:
            for one in (task, now):
                one.cancel()
            await asyncio.gather(task, now, return_exceptions=True)

    async def _drop_running(self) -> None:
        """Cancel what still runs. Its intents stay open: the next run looks them up."""
        running, self._tasks = list(self._tasks.values()), {}
        for _, task in running:
            task.cancel()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)
        for step, _ in running:
            if step.id in self._started:
                self._unfinished(step, UnknownOutcome("TEMO502", f"{step.label}: {self._stopped or _RECOVERABLE}"))

    async def _settle(self) -> None:
        """Let doubtful requests run out before the lease is given back: nobody may delete what they could remake."""
        left = self._executor.unsettled - self._run.now()
        if left > 0:
            await self._world.clock.sleep(left)


class _Halted(Exception):
    """The second stop signal came."""
