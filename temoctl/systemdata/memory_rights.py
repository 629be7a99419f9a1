"""Who may see and change what in the store in memory: the same rules as the database's row-level security.

Also the one door for durable writes. Must not know what is written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from temoctl.engine.ports import Clock, Fence
from temoctl.model.address import PLATFORM
from temoctl.systemdata import refusals
from temoctl.systemdata.memory_state import MemoryState, TenantRow
from temoctl.systemdata.ports import AuditRow, Principal, Role

Result = TypeVar("Result")


class Effect(Protocol):
    """Wraps one durable write: a simulation may die before `perform`, after it, or not at all."""

    def __call__(self, label: str, perform: Callable[[], Awaitable[Any]]) -> Awaitable[Any]: ...


class Desk:
    """One principal in front of one state: rights, time and the door for writes."""

    def __init__(
        self, state: MemoryState, principal: Principal, clock: Clock, effect: Effect | None, *, read_only: bool
    ) -> None:
        self.state = state
        self.principal = principal
        self.clock = clock
        self._effect = effect
        self._read_only = read_only

    async def commit(self, label: str, write: Callable[[], Result], *, operational: bool = False) -> Result:
        """Do one write, all of it or (when `write` raises) nothing. `operational` ones are allowed when reading."""
        if self._read_only and not operational:
            raise refusals.read_only()
        if self._effect is None:
            return write()

        async def perform() -> Result:
            return write()

        answer: Result = await self._effect(label, perform)
        return answer

    @property
    def operator(self) -> bool:
        return self.principal.role in (Role.ADMIN, Role.CI)

    def sees(self, uid: str) -> bool:
        row = self.state.tenants.get(uid)
        return row is not None and (self.owns(uid) or row.tenant == PLATFORM)

    def owns(self, uid: str) -> bool:
        """Whether this principal may change the tenant. The platform has no manager (DECISIONS 3)."""
        row = self.state.tenants.get(uid)
        if row is None:
            return False
        return self.operator or (bool(row.manager) and row.manager == self.principal.name)

    def tenant(self, uid: str) -> TenantRow:
        row = self.state.tenants.get(uid)
        if row is None or not row.living or not self.sees(uid):
            raise refusals.unknown_tenant(uid)
        if not self.owns(uid):
            raise refusals.operators_only(f"change {row.tenant}", row.tenant)
        return row

    def holds(self, fence: Fence) -> bool:
        lease = self.state.leases.get(fence.uid)
        alive = lease is not None and bool(lease.holder) and lease.expires_at > self.clock.now()
        return lease is not None and alive and lease.epoch == fence.epoch and self.owns(fence.uid)

    def require(self, fence: Fence) -> TenantRow:
        """The tenant's row, when the fence still stands."""
        if not self.holds(fence):
            row = self.state.tenants.get(fence.uid)
            raise refusals.lease_lost(row.tenant if row else "")
        return self.state.tenants[fence.uid]

    def log(self, uid: str, action: str, subject: str, by: str = "", **detail: Any) -> None:
        row = self.state.tenants.get(uid)
        entry = AuditRow(
            self.clock.now(), by or self.principal.name, row.tenant if row else "", action, subject, detail
        )
        self.state.audit.append((uid, entry))
