"""(c) CPU per step of planner and engine, in one process, with a system that costs nothing and books in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from benchmarks.cases import Row
from temoctl.engine.clock import SystemClock
from temoctl.engine.fair import FairPlaces
from temoctl.engine.ids import SeededIds
from temoctl.engine.journal import GroupJournal
from temoctl.engine.ports import Fence
from temoctl.engine.protocol import Call, Outcome, Proof, Scope, Snapshot, Target, Verdict
from temoctl.engine.run import run_tenant
from temoctl.engine.world import Hold, RunWorld
from temoctl.model.address import Address
from temoctl.model.identity import UID_LENGTH, Identity, Marker, Owner
from temoctl.model.kind import Kind
from temoctl.model.plan import Mode, RecordedTenant, TenantPlan, View
from temoctl.model.resource import Desired, Observed, Presence, Recorded
from temoctl.model.value import UNKNOWN, Json, ref
from temoctl.planner import plan_tenant
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.memory_state import MemoryState
from temoctl.systemdata.ports import Principal

THING = Kind("null", "thing", "thing", Identity.LOOKUP)
KINDS: Mapping[str, Kind] = {THING.key: THING}
RESOURCES = 12
TENANTS = 300


class NullSystem:
    """Makes everything at once and remembers nothing."""

    name = "null"
    kinds: Mapping[str, Kind] = {"thing": THING}

    async def instance(self) -> str:
        return "null"

    async def observe(self, scope: Scope) -> Snapshot:
        return Snapshot({one.address: Observed.absent(one.address) for one in scope.targets})

    async def read(self, target: Target) -> Observed:
        return Observed.absent(target.address)

    async def find(self, target: Target, intent: str) -> Sequence[Observed]:
        return ()

    async def execute(self, call: Call) -> Outcome:
        call.permit.check()
        return Outcome(call.intent, {"id": call.intent})

    async def gone(self, target: Target) -> Proof:
        return Proof(Verdict.DELETED, "it never was")

    async def close(self) -> None:
        return None


class AlwaysHeld:
    def check(self) -> None:
        return None


def _wanted(tenant: str) -> dict[Address, Desired]:
    """Twelve resources, each but the first three leaning on an earlier one, with a workflow's worth of fields."""
    found: dict[Address, Desired] = {}
    for number in range(RESOURCES):
        address = Address(tenant, "null", "thing", f"n{number}")
        props: dict[str, Json] = {
            "name": f"Thing {number}",
            "nodes": [{"name": f"node {i}", "on": i} for i in range(8)],
        }
        if number >= 3:
            props["uses"] = ref(Address(tenant, "null", "thing", f"n{number - 3}"))
        found[address] = Desired(address, props, f"Thing {number}")
    return found


def _empty(tenant: str) -> View:
    """A look that found nothing there."""
    return View({address: Observed.absent(address) for address in _wanted(tenant)})


def _nothing(_: Address, __: str) -> Json:
    return UNKNOWN


def _plan(tenant: str, uid: str, recorded: RecordedTenant, view: View) -> TenantPlan:
    return plan_tenant(
        tenant,
        uid=uid,
        new=not recorded.uid,
        desired=_wanted(tenant),
        recorded=recorded,
        view=view,
        kinds=KINDS,
        mode=Mode.APPLY,
        known=_nothing,
    )


def _settled(tenant: str, owner: Owner) -> tuple[RecordedTenant, View]:
    """The tenant as it stands after a perfect apply."""
    records, seen = {}, {}
    for address, one in _wanted(tenant).items():
        number = int(address.name[1:])
        resolved = {**one.props, **({"uses": f"id{number - 3}"} if number >= 3 else {})}
        outputs = {"id": f"id{number}"}
        records[address] = Recorded(
            address, f"id{number}", one.props, resolved, outputs, tuple(sorted(one.depends_on)), label=one.label
        )
        marker = Marker(owner, address.kind, address.name)
        seen[address] = Observed(
            address, Presence.PRESENT, f"id{number}", resolved, outputs, fingerprint="f", marker=marker
        )
    return RecordedTenant(tenant, owner.uid, 1, resources=records), View(seen)


def per_step() -> list[Row]:
    return [*_planner(), *_engine()]


def _planner() -> list[Row]:
    settled = [_settled(f"t{number}", Owner("0" * 10, f"{number:016d}")) for number in range(TENANTS)]
    started = time.process_time()
    empty = [_plan(record.tenant, record.uid, record, view) for record, view in settled]
    emptied = time.process_time() - started
    assert not any(plan.steps for plan in empty), "the settled tenants were not settled"
    started = time.process_time()
    first = [
        _plan(f"t{number}", "0" * UID_LENGTH, RecordedTenant(f"t{number}"), _empty(f"t{number}"))
        for number in range(TENANTS)
    ]
    full = time.process_time() - started
    steps = sum(len(plan.steps) for plan in first)
    return [
        ("planner, unchanged resource", f"{1e6 * emptied / (TENANTS * RESOURCES):.0f} µs CPU", ""),
        ("planner, step to create", f"{1e6 * full / steps:.0f} µs CPU", ""),
    ]


def _engine() -> list[Row]:
    steps, cpu = asyncio.run(_run_all())
    return [("engine, step created and journaled in memory", f"{1e6 * cpu / steps:.0f} µs CPU", "")]


async def _run_all() -> tuple[int, float]:
    clock, ids = SystemClock(), SeededIds(1)
    store = MemoryStore(MemoryState(), Principal("bench"), clock=clock, ids=ids)
    world = RunWorld(
        systems={"null": NullSystem()},
        kinds=KINDS,
        journal=GroupJournal(store.journal, clock),
        vault=store.vault,
        clock=clock,
        ids=ids,
        sink=lambda event: None,
        installation=await store.installation(),
        places=FairPlaces(16),
    )
    runs = [await _ready(store, ids, f"t{number}") for number in range(TENANTS)]
    started = time.process_time()
    results = await asyncio.gather(
        *(run_tenant(plan, world, recorded=record, hold=hold) for plan, record, hold in runs)
    )
    cpu = time.process_time() - started
    broken = [problem for result in results for problem in (*result.problems, *result.failed)]
    assert not broken, broken[0]
    return sum(len(result.done) for result in results), cpu


async def _ready(store: MemoryStore, ids: SeededIds, tenant: str) -> tuple[TenantPlan, RecordedTenant, Hold]:
    uid = await store.register(tenant, ids.token(UID_LENGTH), manager="", by="bench")
    lease = await store.take_lease(uid, holder="bench", operation="apply", ttl=600)
    record = RecordedTenant(tenant, uid)
    plan = _plan(tenant, uid, RecordedTenant(tenant), _empty(tenant))
    return plan, record, Hold(Fence(uid, lease.epoch), AlwaysHeld(), "R-BENCH")
