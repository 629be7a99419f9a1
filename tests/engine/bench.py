"""A tenant of toys to run plans on: world, store, plan, run, with a system whose moods tests choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from temoctl.engine.clock import VirtualClock
from temoctl.engine.events import Event
from temoctl.engine.fair import FairPlaces
from temoctl.engine.ids import SeededIds
from temoctl.engine.journal import GroupJournal
from temoctl.engine.ports import Permit
from temoctl.engine.protocol import Call, Outcome, Scope, System, Target
from temoctl.engine.result import RunResult
from temoctl.engine.retry import Patience
from temoctl.engine.run import run_tenant
from temoctl.engine.stop import StopSignal
from temoctl.engine.world import Hold, RunWorld
from temoctl.model.address import Address
from temoctl.model.errors import Unavailable
from temoctl.model.identity import Marker, Owner
from temoctl.model.kind import Kind
from temoctl.model.plan import Mode, RecordedTenant, TenantPlan, View
from temoctl.model.resource import Desired, Observed
from temoctl.model.secret import Secret
from temoctl.model.value import UNKNOWN, Json, substitute
from temoctl.planner import plan_tenant
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.memory_state import MemoryState
from temoctl.systemdata.ports import Principal
from tests.crash.faults import Fault, Faults, Life
from tests.crash.scenario import TENANT
from tests.crash.toy import KINDS, Toy, Vendor
from tests.crash.toy_stage import TOKEN_PATH

UID = "t" * 16


class Freely:
    """A lease that is always held."""

    def check(self) -> None:
        return None


class Moody(Toy):
    """A toy that fails as told. `before` and `after` are called around executing; an outage makes reading fail."""

    before: Callable[[Call], None] | None = None
    after: Callable[[Call], None] | None = None
    outage = False
    calls: list[tuple[str, Address]]
    running = 0
    most_running = 0
    takes = 0.0

    async def execute(self, call: Call) -> Outcome:
        self.calls = [*getattr(self, "calls", []), (call.verb.value, call.target.address)]
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.takes:
                await self._vendor.clock.sleep(self.takes)
            if self.before is not None:
                self.before(call)
            outcome = await super().execute(call)
            if self.after is not None:
                self.after(call)
            return outcome
        finally:
            self.running -= 1

    async def _look(self, target: Target, *, by_list: bool) -> Observed:
        if self.outage:
            raise Unavailable("TEMO790", "the toy vendor does not answer")
        return await super()._look(target, by_list=by_list)

    async def find(self, target: Target, intent: str) -> Sequence[Observed]:
        if self.outage:
            raise Unavailable("TEMO790", "the toy vendor does not answer")
        return await super().find(target, intent)


@dataclass
class Bench:
    """One tenant with its world. `faults` are by effect number, as in the crash table."""

    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    faults: tuple[Fault, ...] = ()
    parallelism: int = 4
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.ids = SeededIds(3)
        self.state = MemoryState()
        self.fault_source = Faults(self.faults, self.clock)
        self.vendor = Vendor(self.clock, self.fault_source)
        self.toy = Moody(self.vendor, Life(), self.kinds)
        self.store = MemoryStore(self.state, Principal("test"), clock=self.clock, ids=self.ids)
        self.events: list[Event] = []
        self.stop = StopSignal()
        self.permit: Permit = Freely()
        self.runs = 0

    async def begin(self) -> Bench:
        await self.store.register(TENANT, UID, manager="", by="test")
        await self.store.vault.put(UID, TOKEN_PATH, Secret("the-token-of-acme"), by="test")
        return self

    @property
    def owner(self) -> Owner:
        return Owner(self.state.installation, UID)

    async def recorded(self) -> RecordedTenant:
        return (await self.store.load([TENANT]))[TENANT]

    def world(self, **extra: Any) -> RunWorld:
        system: System = self.toy
        given: dict[str, Any] = {
            "systems": {"toy": system},
            "kinds": {kind.key: kind for kind in self.kinds.values()},
            "journal": GroupJournal(self.store.journal, self.clock),
            "vault": self.store.vault,
            "clock": self.clock,
            "ids": self.ids,
            "sink": self.events.append,
            "installation": self.state.installation,
            "places": FairPlaces(self.parallelism),
            "stop": self.stop,
            "patience": self.patience,
        }
        return RunWorld(**(given | extra))

    async def hold(self, plan: str = "", mode: Mode = Mode.APPLY) -> Hold:
        await self.store.break_lease(TENANT, by="test", steal=True)
        lease = await self.store.take_lease(UID, holder="test", operation="apply", ttl=1e6)
        self.runs += 1
        return Hold(lease.fence(), self.permit, f"R-{self.runs}", plan, mode)

    async def plan(self, wanted: Sequence[Desired], mode: Mode = Mode.APPLY) -> TenantPlan:
        recorded = await self.recorded()
        desired = {one.address: one for one in wanted}

        def known(address: Address, output: str) -> Json:
            record = recorded.resources.get(address)
            return record.outputs.get(output, UNKNOWN) if record is not None else UNKNOWN

        targets = []
        for address in sorted(desired.keys() | recorded.resources.keys()):
            record = recorded.resources.get(address)
            props = desired[address].props if address in desired else recorded.resources[address].props
            resolved = substitute(dict(props), of_ref=known)
            marker = Marker(self.owner, address.kind, address.name)
            targets.append(Target(address, marker, record.ref if record is not None else None, resolved))
        snapshot = await self.toy.observe(Scope(tuple(targets), {TENANT: self.owner}))
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

    async def run(self, plan: TenantPlan, *, name: str = "", mode: Mode = Mode.APPLY) -> RunResult:
        hold = await self.hold(name, mode)
        return await run_tenant(plan, self.world(), recorded=await self.recorded(), hold=hold)

    async def apply(self, wanted: Sequence[Desired]) -> RunResult:
        return await self.run(await self.plan(wanted))

    async def destroy(self) -> RunResult:
        return await self.run(await self.plan([], Mode.DESTROY), mode=Mode.DESTROY)

    def open_intents(self) -> list[str]:
        return [f"{row.intent.verb} {row.intent.address}" for row in self.state.intents.values() if not row.ending]

    def endings(self) -> list[str]:
        return [row.ending.value for row in self.state.intents.values() if row.ending]

    def there(self) -> list[str]:
        return sorted(f"{kind}.{thing.marker.name}" for (kind, _), thing in self.vendor.things.items())


def failures(result: RunResult) -> dict[str, str]:
    return {one.step.address.tail: one.problem.code for one in result.failed}


def not_tried(result: RunResult) -> dict[str, str]:
    return {one.step.address.tail: one.why for one in result.not_tried}


def done(result: RunResult) -> set[str]:
    return {one.step.address.tail for one in result.done}
