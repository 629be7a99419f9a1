"""One schedule from start to rest: lives of a process that plan and run, die, freeze and start again, then a verdict.

The loop is app's without its files: snapshot, plan, lease, and a run that first recovers. All of it is deterministic.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from temoctl.engine.clock import VirtualClock
from temoctl.engine.fair import FairPlaces
from temoctl.engine.ids import SeededIds
from temoctl.engine.journal import GroupJournal
from temoctl.engine.lease import HeldLease
from temoctl.engine.protocol import Scope, System, Target
from temoctl.engine.result import RunResult
from temoctl.engine.run import run_tenant
from temoctl.engine.world import Hold, RunWorld
from temoctl.model.address import Address
from temoctl.model.errors import TemoError
from temoctl.model.identity import Marker, Owner
from temoctl.model.kind import Kind
from temoctl.model.plan import Mode, RecordedTenant, TenantPlan, View
from temoctl.model.resource import Desired, Observed
from temoctl.model.value import UNKNOWN, Json, secret_ref, substitute
from temoctl.planner import plan_tenant
from temoctl.systemdata.ports import LeaseState, Store
from tests.crash.books import Books, LifeStore, MemoryBooks, PatientClock
from tests.crash.faults import Fault, Faults, Life
from tests.crash.scenario import SCENARIOS, TENANT, Name, Scenario, Spec
from tests.crash.stage import Stage
from tests.crash.toy_stage import ToyStage, toy_kinds
from tests.crash.variants import RIGHT, UID, Variant

ChangeKinds = Callable[[Mapping[str, Kind]], Mapping[str, Kind]]
MakeStage = Callable[[VirtualClock, ChangeKinds], Stage]

TTL = 60.0
MOST_RUNS = 10


@dataclass
class Verdict:
    """What the world looked like at rest. `wrong` are objects that are there once, recorded, and don't work."""

    schedule: tuple[Fault, ...] = ()
    leaks: list[str] = field(default_factory=list)
    twins: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    effects: int = 0
    runs: int = 0
    labels: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.leaks or self.twins or self.stuck or self.wrong)

    def counts(self) -> Counter[str]:
        return Counter(leaks=bool(self.leaks), twins=bool(self.twins), stuck=bool(self.stuck), wrong=bool(self.wrong))


class _AtOnce(ThreadPoolExecutor):
    """Threads would run beside virtual time: what systems hand to one is done on the spot."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class Simulation:
    """One schedule's durable world and the lives that act on it."""

    store: Store
    owner: Owner

    def __init__(
        self, stage: MakeStage, books: Books, scenario: Scenario, schedule: tuple[Fault, ...], variant: Variant
    ) -> None:
        self.scenario, self.variant, self.schedule = scenario, variant, schedule
        self.clock, self.ids = PatientClock(), SeededIds(7)
        self._books = books
        self.stage = stage(self.clock, variant.kinds)
        self.verdict = Verdict(schedule)
        self._lives: list[Life] = []  # held, so that what waits in a dead one isn't swept away
        self._frozen: list[tuple[Life, asyncio.Task[bool]]] = []
        self._plan: TenantPlan | None = None
        self._last_words = ""

    async def run(self) -> Verdict:
        asyncio.get_running_loop().set_default_executor(_AtOnce())
        await self._prepare()
        if self.scenario.before is not Spec.NOTHING:
            await self._to_rest(self.scenario.before, Mode.APPLY, resumed=False)
            self.clock.advance(1000)
        self.stage.faults = Faults(self.schedule, self.clock)
        await self._to_rest(self.scenario.then, self.scenario.mode, resumed=self.scenario.resumed)
        self.verdict.effects, self.verdict.labels = self.stage.faults.count, self.stage.faults.labels
        for life, task in self._frozen:
            life.thaw.set()
            await self._outlive(life, task)
        self.clock.advance(1000)
        await self.stage.land()
        await self._judge("at rest")
        await self._to_rest(self.scenario.then, self.scenario.mode, resumed=False)
        await self._judge("looked at again")
        await self._works()
        await self.store.close()
        return self.verdict

    async def _prepare(self) -> None:
        self.store = await self._books.open(self.clock, self.ids)
        self.owner = Owner(await self.store.installation(), UID)
        await self.store.register(TENANT, UID, manager="", by="table")
        for path, secret in self.stage.secrets.items():
            await self.store.vault.put(UID, path, secret, by="table")

    async def _to_rest(self, spec: Spec, mode: Mode, *, resumed: bool) -> None:
        self._plan = None
        for _ in range(MOST_RUNS):
            self.verdict.runs += 1
            life = Life()
            self._lives.append(life)
            task = asyncio.create_task(self._live(life, self.stage.wanted(spec, self.owner), mode, resumed=resumed))
            rested = await self._outlive(life, task)
            await self._judge("between runs")
            if rested:
                return
        self.verdict.stuck.append(f"no rest after {MOST_RUNS} runs: {self._last_words}")

    async def _outlive(self, life: Life, task: asyncio.Task[bool]) -> bool:
        """Wait for a life to end by itself, die, or freeze; True when it found nothing to do."""
        ends: list[asyncio.Task[Any]] = [task, asyncio.create_task(life.died.wait())]
        if not life.thaw.is_set():
            ends.append(asyncio.create_task(life.froze.wait()))
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        frozen = life.frozen and not task.done()
        if frozen:
            self._frozen.append((life, task))
            self.clock.advance(TTL + 1)
        for one in ends if not frozen else ends[1:]:
            if not one.done():
                one.cancel()
        if task.done() and not task.cancelled():
            return task.result()
        if not frozen:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return False

    # --- one life

    async def _live(self, life: Life, wanted: Sequence[Desired], mode: Mode, *, resumed: bool) -> bool:
        """One run of the program; True when there was nothing left to do."""
        store: Store = LifeStore(self.store, self.clock, lambda: self.stage.faults, life)
        # No waiting for a dead holder's lease to run out: time would hide what the settle window is for.
        await store.break_lease(TENANT, by="table", steal=True)
        lease = await store.take_lease(UID, holder="table", operation=mode.value, ttl=TTL)

        async def renew() -> LeaseState:
            return await store.renew_lease(lease, TTL)

        async with HeldLease(self.clock, ttl=TTL, renew=renew) as permit:
            plan_id = "P-RESUMED" if resumed else f"P-{self.verdict.runs}"
            hold = Hold(lease.fence(), self.variant.permit(permit), f"R-{self.verdict.runs}", plan_id, mode)
            try:
                return await self._hold(life, store, hold, wanted, resumed)
            except TemoError as error:
                self._last_words = f"{error.code} {error.summary}"
                return False

    async def _hold(self, life: Life, store: Store, hold: Hold, wanted: Sequence[Desired], resumed: bool) -> bool:
        systems = {name: self.variant.system(one) for name, one in (await self.stage.systems(life)).items()}
        try:
            world = self._world(store, systems)
            recorded = (await store.load([TENANT]))[TENANT]
            plan = self._plan if resumed else None
            plan = plan or await self._planned(systems, store, recorded, wanted, hold)
            self._plan = plan
            result = await run_tenant(plan, world, recorded=recorded, hold=hold)
            self._plan = None  # a plan that ran to its end is used up
            self._note(plan, result)
            return not plan.steps and result.ok and not recorded.open_intents
        finally:
            for system in systems.values():
                await system.close()

    def _note(self, plan: TenantPlan, result: RunResult) -> None:
        failed = [f"{one.step.id}: {one.problem.code} {one.problem.summary}" for one in result.failed]
        problems = [f"{one.code} {one.summary}" for one in plan.problems]
        red = [f"{probe.address}: not {probe.name}: {probe.why}" for probe in result.probes if not probe.ok]
        words = [word for word in (*failed, *problems, *red, result.stopped) if word]
        self._last_words = "; ".join(words) or f"did {[step.id for step in plan.steps]}"
        listed = len(result.done) + len(result.failed) + len(result.not_tried) + len(result.waiting)
        if listed != len(plan.steps):
            self.verdict.wrong.append(f"{len(plan.steps)} steps, but {listed} in the lists")

    def _world(self, store: Store, systems: Mapping[str, System]) -> RunWorld:
        journal = GroupJournal(self.variant.journal(store), self.clock)
        return RunWorld(
            systems=systems,
            kinds=self.stage.kinds,
            journal=journal,
            vault=store.vault,
            clock=self.clock,
            ids=self.ids,
            sink=lambda _: None,
            installation=self.owner.installation,
            places=FairPlaces(1),
            patience=self.variant.patience,
            root=self.stage.root,
        )

    async def _planned(
        self,
        systems: Mapping[str, System],
        store: Store,
        recorded: RecordedTenant,
        wanted: Sequence[Desired],
        hold: Hold,
    ) -> TenantPlan:
        desired = {one.address: one for one in wanted}
        targets = await targets_of(desired, recorded, self.owner, self.stage.kinds, store)
        observed: dict[Address, Observed] = {}
        strays: list[Observed] = []
        for name, system in systems.items():
            mine = tuple(target for target in targets if target.address.system == name)
            snapshot = await system.observe(Scope(mine, {TENANT: self.owner}))
            observed.update(snapshot.observed)
            strays += snapshot.strays
        return plan_tenant(
            TENANT,
            uid=UID,
            new=False,
            desired=desired,
            recorded=recorded,
            view=View(observed, tuple(strays)),
            kinds=self.stage.kinds,
            mode=hold.mode,
            known=lambda _address, _output: UNKNOWN,
        )

    # --- verdicts

    async def _judge(self, when: str) -> None:
        """Nothing with our marker that isn't on record or covered by an open intent; at rest one of each."""
        recorded = await self.clock.during(self.store.load([TENANT]))
        records = {address: record.ref for address, record in recorded[TENANT].resources.items()}
        covered = {intent.address for intent in await self.clock.during(self.store.journal.open_intents(UID))}
        there = await self.stage.things()
        for address, ref in there:
            if records.get(address) != ref and address not in covered:
                self.verdict.leaks.append(f"{when}: {address} {ref}")
        if when == "between runs":
            return
        for address, number in Counter(address for address, _ in there).items():
            if number > 1:
                self.verdict.twins.append(f"{when}: {number} of {address}")

    async def _works(self) -> None:
        """Every object is there that was asked for, and none besides; each does its work."""
        there = {address for address, _ in await self.stage.things()}
        wanted = self.stage.wanted(self.scenario.then, self.owner)
        made = {
            one.address
            for one in wanted
            if not (self.stage.kinds[one.address.kind_key].watched_only or one.address.kind_key in self.stage.unmarked)
        }
        for address in sorted(made ^ there):
            self.verdict.wrong.append(f"{address} is {'missing' if address in made else 'left over'}")
        records = (await self.clock.during(self.store.load([TENANT])))[TENANT].resources
        secrets = {path: await self.store.vault.get(UID, path) for path in await self.store.vault.versions(UID)}
        self.verdict.wrong += self.stage.broken(records, secrets)


async def targets_of(
    desired: Mapping[Address, Desired],
    recorded: RecordedTenant,
    owner: Owner,
    kinds: Mapping[str, Kind],
    store: Store,
) -> list[Target]:
    """What a snapshot looks at: everything desired or recorded, as app.snapshot builds it."""

    def known(address: Address, output: str) -> Json:
        record = recorded.resources.get(address)
        return record.outputs.get(output, UNKNOWN) if record is not None else UNKNOWN

    targets = []
    for address in sorted(desired.keys() | recorded.resources.keys()):
        record = recorded.resources.get(address)
        props = desired[address].props if address in desired else recorded.resources[address].props
        resolved = substitute(dict(props), of_ref=known)
        needed = {name: secret_ref(resolved[name]) for name in kinds[address.kind_key].observe_secrets}
        found = await store.vault.many([(owner.uid, one) for one in needed.values()])
        secrets = {name: found[owner.uid, one] for name, one in needed.items() if (owner.uid, one) in found}
        marker = Marker(owner, address.kind, address.name)
        targets.append(Target(address, marker, record.ref if record is not None else None, resolved, secrets))
    return targets


def toys(clock: VirtualClock, change: ChangeKinds) -> Stage:
    return ToyStage(clock, change(toy_kinds()))


def simulate(
    scenario: Name,
    schedule: tuple[Fault, ...],
    variant: Variant | None = None,
    stage: MakeStage = toys,
    books: Books | None = None,
) -> Verdict:
    """Play one schedule in a loop of its own."""
    simulation = Simulation(stage, books or MemoryBooks(), SCENARIOS[scenario], schedule, variant or RIGHT)
    return asyncio.run(simulation.run())
