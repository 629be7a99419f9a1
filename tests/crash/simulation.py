"""One schedule from start to rest: lives of a process that plan and run, die, freeze and start again, then a verdict.

The loop is app.reconcile without its files: lease, recovery, snapshot, plan, run. Everything is deterministic.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from temoctl.engine.clock import VirtualClock
from temoctl.engine.fair import FairPlaces
from temoctl.engine.ids import SeededIds
from temoctl.engine.journal import GroupJournal
from temoctl.engine.lease import HeldLease
from temoctl.engine.ports import Fence, Permit
from temoctl.engine.protocol import Scope, System, Target
from temoctl.engine.recover import recover
from temoctl.engine.result import RunResult
from temoctl.engine.run import run_tenant
from temoctl.engine.world import Hold, RunWorld
from temoctl.model.address import Address
from temoctl.model.errors import TemoError
from temoctl.model.identity import Marker, Owner
from temoctl.model.plan import Mode, RecordedTenant, TenantPlan, View
from temoctl.model.resource import Desired
from temoctl.model.secret import Secret
from temoctl.model.value import UNKNOWN, Json, substitute
from temoctl.planner import plan_tenant
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.memory_state import MemoryState
from temoctl.systemdata.ports import LeaseState, Principal
from tests.crash.faults import Fault, Faults, Life
from tests.crash.scenario import SCENARIOS, TENANT, TOKEN_PATH, Name, Scenario
from tests.crash.toy import KINDS, Thing, Toy, Vendor
from tests.crash.variants import RIGHT, UID, Variant

TTL = 60.0
MOST_RUNS = 10
WHO = Principal("table")


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


class Simulation:
    """One schedule's durable world and the lives that act on it."""

    def __init__(self, scenario: Scenario, schedule: tuple[Fault, ...], variant: Variant) -> None:
        self.scenario, self.variant = scenario, variant
        self.clock = VirtualClock()
        self.ids = SeededIds(7)
        self.state = MemoryState()
        self.faults = Faults((), self.clock)
        self.vendor = Vendor(self.clock, self.faults)
        self.kinds = variant.kinds(KINDS)
        self.schedule = schedule
        self.verdict = Verdict(schedule)
        self._lives: list[Life] = []  # held, so that what waits in a dead one isn't swept away
        self._frozen: list[tuple[Life, asyncio.Task[bool]]] = []
        self._plan: TenantPlan | None = None
        self._plans = 0

    async def run(self) -> Verdict:
        quiet = self._store(Life())
        await quiet.installation()
        await quiet.register(TENANT, UID, manager="", by="table")
        await quiet.vault.put(UID, TOKEN_PATH, Secret("the-token-of-acme"), by="table")
        if self.scenario.before is not None:
            await self._to_rest(self.scenario.before(), Mode.APPLY, resumed=False)
            self.clock.advance(1000)
        self.faults = self.vendor.faults = Faults(self.schedule, self.clock)
        wanted = self.scenario.then()
        await self._to_rest(wanted, self.scenario.mode, resumed=self.scenario.resumed)
        self.verdict.effects, self.verdict.labels = self.faults.count, self.faults.labels
        for life, task in self._frozen:
            life.thaw.set()
            await self._outlive(life, task)
        self.clock.advance(1000)
        self.faults.land()
        self._judge("at rest")
        await self._to_rest(wanted, self.scenario.mode, resumed=False)
        self._judge("looked at again")
        self._works(wanted)
        return self.verdict

    async def _to_rest(self, wanted: Sequence[Desired], mode: Mode, *, resumed: bool) -> None:
        self._plan = None
        for _ in range(MOST_RUNS):
            self.verdict.runs += 1
            life = Life()
            self._lives.append(life)
            task = asyncio.create_task(self._live(life, wanted, mode, resumed=resumed))
            rested = await self._outlive(life, task)
            self._judge("between runs")
            if rested:
                return
        self.verdict.stuck.append(f"no rest after {MOST_RUNS} runs: {self._last_words}")

    _last_words = ""

    async def _outlive(self, life: Life, task: asyncio.Task[bool]) -> bool:
        """Wait for a life to end by itself, die, or freeze; True when it found nothing to do."""
        ends = [task, asyncio.create_task(life.died.wait())]
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

    def _store(self, life: Life) -> MemoryStore:
        async def effect(label: str, perform: Callable[[], Awaitable[Any]]) -> Any:
            if label in ("journal.write", "vault.ensure"):
                return await self.faults.commit(life, label, perform)
            await life.pass_if_alive()
            return await perform()

        return MemoryStore(self.state, WHO, clock=self.clock, ids=self.ids, effect=effect)

    async def _live(self, life: Life, wanted: Sequence[Desired], mode: Mode, *, resumed: bool) -> bool:
        """One run of the program; True when there was nothing left to do."""
        store = self._store(life)
        lease = await store.take_lease(UID, holder="table", operation=mode.value, ttl=TTL)

        async def renew() -> LeaseState:
            return await store.renew_lease(lease, TTL)

        async with HeldLease(self.clock, ttl=TTL, renew=renew) as permit:
            try:
                return await self._hold(life, store, lease.fence(), permit, wanted, mode, resumed)
            except TemoError as error:
                self._last_words = f"{error.code} {error.summary}"
                return False

    async def _hold(
        self,
        life: Life,
        store: MemoryStore,
        fence: Fence,
        permit: Permit,
        wanted: Sequence[Desired],
        mode: Mode,
        resumed: bool,
    ) -> bool:
        toy = self.variant.system(Toy(self.vendor, life, self.kinds))
        world = self._world(store, toy)
        plan_id = "P-RESUMED" if resumed else f"P-{self._plans}"
        hold = Hold(fence, self.variant.permit(permit), f"R-{self.verdict.runs}", plan_id, mode)
        recorded = (await store.load([TENANT]))[TENANT]
        recovered = await recover(world, recorded, hold)
        recorded = (await store.load([TENANT]))[TENANT]
        plan = self._plan if resumed and self._plan is not None else await self._planned(toy, recorded, wanted, mode)
        if not plan.steps and not plan.problems:
            return not recorded.open_intents
        self._plan = plan
        result = await run_tenant(plan, world, recorded=recorded, hold=hold, recovered=recovered)
        self._plans += 1
        self._plan = None  # a plan that ran to its end is used up
        self._note(plan, result)
        return False

    def _note(self, plan: TenantPlan, result: RunResult) -> None:
        failed = [f"{one.step.id}: {one.problem.code} {one.problem.summary}" for one in result.failed]
        problems = [f"{one.code} {one.summary}" for one in plan.problems]
        self._last_words = "; ".join([*failed, *problems, result.stopped]) or f"did {[s.id for s in plan.steps]}"
        listed = len(result.done) + len(result.failed) + len(result.not_tried) + len(result.waiting)
        if listed != len(plan.steps):
            self.verdict.wrong.append(f"{len(plan.steps)} steps, but {listed} in the lists")

    def _world(self, store: MemoryStore, toy: System) -> RunWorld:
        journal = GroupJournal(self.variant.journal(store.journal, self.state), self.clock)
        return RunWorld(
            systems={"toy": toy},
            kinds={kind.key: kind for kind in self.kinds.values()},
            journal=journal,
            vault=store.vault,
            clock=self.clock,
            ids=self.ids,
            sink=lambda _: None,
            installation=self.state.installation,
            places=FairPlaces(1),
            patience=self.variant.patience,
        )

    async def _planned(
        self, toy: System, recorded: RecordedTenant, wanted: Sequence[Desired], mode: Mode
    ) -> TenantPlan:
        desired = {one.address: one for one in wanted}
        owner = Owner(self.state.installation, UID)

        def known(address: Address, output: str) -> Json:
            record = recorded.resources.get(address)
            return record.outputs.get(output, UNKNOWN) if record is not None else UNKNOWN

        targets = []
        for address in sorted(desired.keys() | recorded.resources.keys()):
            record = recorded.resources.get(address)
            props = desired[address].props if address in desired else recorded.resources[address].props
            marker = Marker(owner, address.kind, address.name)
            resolved = substitute(dict(props), of_ref=known)
            targets.append(Target(address, marker, record.ref if record is not None else None, resolved))
        snapshot = await toy.observe(Scope(tuple(targets), {TENANT: owner}))
        return plan_tenant(
            TENANT,
            uid=UID,
            new=False,
            desired=desired,
            recorded=recorded,
            view=View(snapshot.observed, snapshot.strays),
            kinds={kind.key: kind for kind in self.kinds.values()},
            mode=mode,
            known=lambda _address, _output: UNKNOWN,
        )

    # --- verdicts

    def _things(self) -> Iterator[tuple[Address, Thing]]:
        for (kind, _), thing in self.vendor.things.items():
            yield Address(TENANT, "toy", kind, thing.marker.name), thing

    def _judge(self, when: str) -> None:
        """Nothing with our marker that isn't on record or covered by an open intent; at rest one of each."""
        records = {address: record for (_, address), record in self.state.resources.items()}
        covered = {row.intent.address for row in self.state.intents.values() if row.ending is None}
        for address, thing in self._things():
            record = records.get(address)
            if (record is None or record.ref != thing.ref) and address not in covered:
                self.verdict.leaks.append(f"{when}: {address} {thing.ref}")
        if when == "between runs":
            return
        for address, number in Counter(address for address, _ in self._things()).items():
            if number > 1:
                self.verdict.twins.append(f"{when}: {number} of {address}")

    def _works(self, wanted: Sequence[Desired]) -> None:
        """Every object there is as asked, and its secrets are the ones we know."""
        there = dict(self._things())
        made = {one.address for one in wanted if not KINDS[one.address.kind].watched_only}
        for address in sorted(made ^ there.keys()):
            self.verdict.wrong.append(f"{address} is {'missing' if address in made else 'left over'}")
        for address, thing in there.items():
            record = self.state.resources.get((UID, address))
            if record is None:
                continue
            for name, secret in thing.hidden.items():
                path = record.props[name]["$secret"]
                stored = self.state.secrets[UID, path][-1].value
                if secret != stored:
                    self.verdict.wrong.append(f"{address}: its {name} is not what the vault has")
            if address.kind == "hook" and record.outputs.get("issued") != thing.issued:
                self.verdict.wrong.append(f"{address}: its secret was never seen")
            if address.kind == "flow" and ("key", thing.props["key"]) not in self.vendor.things:
                self.verdict.wrong.append(f"{address}: its key was deleted under it")
            if record.ref not in self.vendor.ever:
                self.verdict.wrong.append(f"{address}: the record names an object that never was")


def simulate(scenario: Name, schedule: tuple[Fault, ...], variant: Variant | None = None) -> Verdict:
    """Play one schedule in a loop of its own."""
    simulation = Simulation(SCENARIOS[scenario], schedule, variant or RIGHT)
    return asyncio.run(simulation.run())
