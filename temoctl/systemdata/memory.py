"""SystemData in memory, for simulations and the crash table: deterministic, and a crash keeps what was committed.

Passes the same conformance suite as the PostgreSQL store. `MemoryState` holds what is durable; every write goes
through `effect`, so that a simulation can die before or after it. Must not be used for anything that should last.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace

from temoctl.engine.ports import Clock, Fence, Ids
from temoctl.model.address import PLATFORM, Address
from temoctl.model.identity import INSTALLATION_LENGTH
from temoctl.model.plan import RecordedTenant
from temoctl.model.value import Json
from temoctl.systemdata import integrity, memory_integrity, refusals
from temoctl.systemdata.memory_inbox import MemoryInbox
from temoctl.systemdata.memory_journal import MemoryJournal
from temoctl.systemdata.memory_leases import MemoryLeases
from temoctl.systemdata.memory_rights import Desk, Effect
from temoctl.systemdata.memory_state import MemoryState, TenantRow
from temoctl.systemdata.memory_vault import MemoryVault
from temoctl.systemdata.ports import (
    AuditRow,
    Connection,
    DriftRow,
    Finding,
    LeaseState,
    ManagerRow,
    PlanUse,
    Principal,
    RunRow,
)


class MemoryStore:
    """One principal's store. `effect(label, perform)` wraps every durable write; None performs it directly."""

    def __init__(
        self,
        state: MemoryState,
        principal: Principal,
        *,
        clock: Clock,
        ids: Ids,
        effect: Effect | None = None,
        read_only: bool = False,
    ) -> None:
        if not state.installation:
            state.installation = ids.token(INSTALLATION_LENGTH)
            state.plan_key = hashlib.sha256(ids.token(52).encode()).digest()
        self.state = state
        self._desk = Desk(state, principal, clock, effect, read_only=read_only)
        self._leases = MemoryLeases(self._desk)
        self.journal = MemoryJournal(self._desk)
        self.vault = MemoryVault(self._desk)
        self.inbox = MemoryInbox(self._desk, ids)

    def keyed_hash(self, purpose: str, text: str) -> str:
        return hmac.new(self.state.plan_key, f"{len(purpose)}:{purpose}{text}".encode(), hashlib.sha256).hexdigest()

    async def installation(self) -> str:
        return self.state.installation

    async def plan_key(self) -> bytes:
        return self.state.plan_key

    async def pin(self, system: str, instance: str) -> str:
        if system in self.state.pins:
            return self.state.pins[system]
        if not self._desk.operator:
            raise refusals.operators_only(f"say which {system} this installation uses")
        return await self._desk.commit("pin", lambda: self.state.pins.setdefault(system, instance))

    async def pinned(self) -> Mapping[str, str]:
        return dict(self.state.pins)

    async def tenants(self) -> Sequence[RecordedTenant]:
        rows = [row for row in self.state.tenants.values() if row.living and self._desk.sees(row.uid)]
        rows.sort(key=lambda row: (row.tenant != PLATFORM, row.tenant))
        return [RecordedTenant(row.tenant, row.uid, row.serial, row.manager, plan=row.plan) for row in rows]

    async def load(self, tenants: Sequence[str]) -> Mapping[str, RecordedTenant]:
        return {tenant: self._loaded(tenant) for tenant in tenants}

    def _loaded(self, tenant: str) -> RecordedTenant:
        row = self.state.living(tenant)
        if row is None or not self._desk.sees(row.uid):
            return RecordedTenant(tenant)
        records = {address: one for (uid, address), one in self.state.resources.items() if uid == row.uid}
        intents = [one for one in self.state.intents.values() if one.uid == row.uid]
        still_open = sorted((one.intent for one in intents if one.ending is None), key=lambda one: (one.at, one.id))
        return RecordedTenant(
            tenant,
            row.uid,
            row.serial,
            row.manager,
            {address: records[address] for address in sorted(records)},
            tuple(intent.id for intent in still_open),
            frozenset(one.intent.id for one in intents),
            row.plan,
        )

    async def register(self, tenant: str, uid: str, *, manager: str, by: str) -> str:
        def write() -> str:
            row = self.state.living(tenant)
            if row is not None:
                if not self._desk.sees(row.uid):
                    raise refusals.other_managers(tenant)
                return row.uid
            if not self._desk.operator and (tenant == PLATFORM or manager != self._desk.principal.name):
                raise refusals.operators_only(f"register {tenant} for {manager or 'nobody'}", tenant)
            if uid in self.state.tenants:
                raise refusals.uid_taken(tenant)
            owner = "" if tenant == PLATFORM else manager
            if owner:
                self.state.managers.setdefault(owner, ManagerRow(owner))
            self.state.tenants[uid] = TenantRow(uid, tenant, owner)
            self._desk.log(uid, "registered", tenant, by, manager=owner)
            return uid

        return await self._desk.commit("register", write)

    async def assign(self, tenant: str, manager: str, *, by: str) -> None:
        def write() -> None:
            row = self.state.living(tenant)
            if not self._desk.operator:
                raise refusals.operators_only(f"give {tenant} to another manager", tenant)
            if row is None:
                raise refusals.unknown_tenant(tenant)
            if row.manager == manager or tenant == PLATFORM:
                return
            self.state.managers.setdefault(manager, ManagerRow(manager))
            self.state.tenants[row.uid] = replace(row, manager=manager)
            self._desk.log(row.uid, "assigned", tenant, by, before=row.manager, after=manager)

        await self._desk.commit("assign", write)

    async def note_plan(self, fence: Fence, plan: str, *, by: str) -> None:
        def write() -> None:
            row = self._desk.require(fence)
            if row.plan != plan:
                self.state.tenants[fence.uid] = replace(row, plan=plan)
                self._desk.log(fence.uid, "plan-changed", plan, by, before=row.plan)

        await self._desk.commit("plan.note", write)

    async def take_lease(self, uid: str, *, holder: str, operation: str, ttl: float) -> LeaseState:
        return await self._leases.take(uid, holder=holder, operation=operation, ttl=ttl)

    async def renew_lease(self, lease: LeaseState, ttl: float) -> LeaseState:
        return await self._leases.renew(lease, ttl)

    async def release_lease(self, lease: LeaseState) -> None:
        await self._leases.release(lease)

    async def leases(self) -> Sequence[LeaseState]:
        return self._leases.held()

    async def break_lease(self, tenant: str, *, by: str, steal: bool, holder: str = "") -> LeaseState | None:
        return await self._leases.end(tenant, by=by, steal=steal, holder=holder)

    async def start_run(self, fence: Fence, run: str, *, tenant: str, mode: str, plan: str, by: str) -> None:
        def write() -> None:
            self._desk.require(fence)
            now = self._desk.clock.now()
            for name, (uid, older) in self.state.runs.items():
                if uid == fence.uid and name != run and older.finished_at is None:
                    self.state.runs[name] = (uid, replace(older, finished_at=now, status="stopped"))
            row = RunRow(run, tenant, mode, plan, by, now, None, "running")
            self.state.runs.setdefault(run, (fence.uid, row))

        await self._desk.commit("run.start", write)

    async def end_run(self, fence: Fence, run: str, *, status: str, summary: Mapping[str, Json]) -> None:
        def write() -> None:
            self._desk.require(fence)
            uid, row = self.state.runs[run]
            ended = replace(row, finished_at=self._desk.clock.now(), status=status, summary=dict(summary))
            self.state.runs[run] = (uid, ended)

        await self._desk.commit("run.end", write)

    async def runs(self, tenant: str | None = None, *, limit: int = 50) -> Sequence[RunRow]:
        seen = [row for uid, row in self.state.runs.values() if self._desk.owns(uid) and tenant in (None, row.tenant)]
        return seen[::-1][:limit]

    async def plan_use(self, plan: str, tenant: str) -> PlanUse:
        return self.state.plan_uses.get((plan, tenant), PlanUse.UNUSED)

    async def use_plan(self, fence: Fence, plan: str, tenant: str, use: PlanUse) -> None:
        def write() -> None:
            self._desk.require(fence)
            if self.state.plan_uses.get((plan, tenant)) is PlanUse.FINISHED:
                raise refusals.plan_finished(plan, tenant)
            self.state.plan_uses[plan, tenant] = use

        await self._desk.commit("plan.use", write)

    async def put_connections(self, fence: Fence, rows: Sequence[Connection]) -> None:
        def write() -> None:
            self._desk.require(fence)
            for row in rows:
                key = (fence.uid, row.channel)
                before = self.state.connections.get(key)
                since = before.since if before and before.status == row.status else self._desk.clock.now()
                self.state.connections[key] = replace(row, since=since)

        await self._desk.commit("connections", write)

    async def connections(self, tenants: Sequence[str] | None = None) -> Sequence[Connection]:
        found = [
            row
            for (uid, _), row in self.state.connections.items()
            if self._desk.owns(uid) and (tenants is None or row.tenant in tenants)
        ]
        return sorted(found, key=lambda row: (row.tenant, row.channel))

    async def forget(self, fence: Fence, address: Address, *, by: str) -> None:
        def write() -> None:
            row = self._desk.require(fence)
            if self.state.resources.pop((fence.uid, address), None) is not None:
                self.state.tenants[fence.uid] = replace(row, serial=row.serial + 1)
                self._desk.log(fence.uid, "forget", str(address), by)

        await self._desk.commit("forget", write)

    async def close_tenant(self, fence: Fence, *, by: str) -> None:
        def write() -> None:
            row = self._desk.require(fence)
            left = sum(uid == fence.uid for uid, _ in self.state.resources)
            if left:
                raise refusals.still_recorded(row.tenant, left)
            if not row.living:
                return
            self.state.tenants[fence.uid] = replace(row, living=False, serial=row.serial + 1)
            for table in (self.state.secrets, self.state.connections):
                for key in [key for key in table if key[0] == fence.uid]:
                    del table[key]
            for name in [name for name, uid in self.state.claims.items() if uid == fence.uid]:
                del self.state.claims[name]
            self._desk.log(fence.uid, "closed", row.tenant, by)

        await self._desk.commit("close", write)

    async def claim(self, uid: str, name: str, value_hash: str) -> str | None:
        def write() -> str | None:
            self._desk.tenant(uid)
            owner = self.state.claims.setdefault((name, value_hash), uid)
            return None if owner == uid else self._named(owner)

        return await self._desk.commit("claim", write)

    async def claims(self, name: str) -> Mapping[str, str]:
        return {key: self._named(uid) for (of, key), uid in self.state.claims.items() if of == name}

    def _named(self, uid: str) -> str:
        return self.state.tenants[uid].tenant if self._desk.sees(uid) else ""

    async def managers(self) -> Sequence[ManagerRow]:
        mine = self._desk.principal.name
        return [row for name, row in sorted(self.state.managers.items()) if self._desk.operator or name == mine]

    async def put_manager(self, name: str, *, db_role: str = "", by: str) -> None:
        def write() -> None:
            if not self._desk.operator:
                raise refusals.operators_only("change managers")
            self.state.managers[name] = ManagerRow(name, db_role)
            self._desk.log("", "manager-set", name, by, db_role=db_role)

        await self._desk.commit("manager", write)

    async def take_tokens(self, key: str, count: int, *, rate: float, burst: int) -> float:
        def write() -> float:
            now = self._desk.clock.now()
            due = max(self.state.tokens.get(key, 0.0), now - burst / rate)
            self.state.tokens[key] = due + count / rate
            return max(0.0, self.state.tokens[key] - now)

        return await self._desk.commit("tokens", write, operational=True)

    async def note_drift(self, uid: str, *, by: str, changes: int, detail: Mapping[str, Json]) -> None:
        def write() -> None:
            tenant = self._desk.tenant(uid).tenant
            self.state.drift.append((uid, DriftRow(self._desk.clock.now(), by, tenant, changes, dict(detail))))

        await self._desk.commit("drift", write, operational=True)

    async def drift_history(self, tenant: str, *, limit: int = 50) -> Sequence[DriftRow]:
        seen = [row for uid, row in self.state.drift if self._desk.owns(uid) and row.tenant == tenant]
        return seen[::-1][:limit]

    async def note_read(self, uid: str, *, by: str, what: str) -> None:
        def write() -> None:
            self._desk.tenant(uid)
            self.state.reads.append((uid, self._desk.clock.now(), by, what))

        await self._desk.commit("read", write, operational=True)

    async def audit(self, tenant: str | None = None, *, limit: int = 50) -> Sequence[AuditRow]:
        seen = [
            row
            for uid, row in self.state.audit
            if (self._desk.owns(uid) or (not uid and self._desk.operator)) and tenant in (None, row.tenant)
        ]
        return seen[::-1][:limit]

    async def check(self) -> Sequence[Finding]:
        return integrity.examine(memory_integrity.census(self.state, self._desk.clock.now(), self._desk.owns))

    async def repair(self, findings: Sequence[Finding], *, by: str) -> int:
        return await self._desk.commit("repair", lambda: memory_integrity.repair(self._desk, findings, by))

    async def close(self) -> None:
        """Nothing to let go of."""
