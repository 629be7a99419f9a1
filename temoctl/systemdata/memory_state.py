"""The durable rows of the store in memory. A copy of it is what survives a crash.

Values are frozen, so copying the tables is enough. Must not know who may see what, or when something is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from temoctl.engine.ports import Ending, Intent
from temoctl.model.address import Address
from temoctl.model.resource import Recorded
from temoctl.model.secret import Secret
from temoctl.systemdata.ports import (
    AuditRow,
    Connection,
    DriftRow,
    LeaseState,
    ManagerRow,
    PlanUse,
    RunRow,
    SecretRow,
)


@dataclass(frozen=True, slots=True)
class TenantRow:
    uid: str
    tenant: str
    manager: str
    serial: int = 0
    living: bool = True
    plan: str = ""


@dataclass(frozen=True, slots=True)
class IntentRow:
    uid: str
    intent: Intent
    ending: Ending | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class SecretValue:
    row: SecretRow
    value: Secret


@dataclass(frozen=True, slots=True)
class InboxRow:
    uid: str
    taking: str
    taken_until: float
    handled_at: float | None = None
    outcome: str = ""


@dataclass(slots=True)
class MemoryState:
    """Every table. Several `MemoryStore`s (principals, processes) may share one."""

    installation: str = ""
    plan_key: bytes = b""
    pins: dict[str, str] = field(default_factory=dict)
    managers: dict[str, ManagerRow] = field(default_factory=dict)
    tenants: dict[str, TenantRow] = field(default_factory=dict)  # by uid
    resources: dict[tuple[str, Address], Recorded] = field(default_factory=dict)
    intents: dict[str, IntentRow] = field(default_factory=dict)
    done: dict[tuple[str, str, str], bool] = field(default_factory=dict)  # uid, plan, step
    leases: dict[str, LeaseState] = field(default_factory=dict)  # by uid; holder "" = free
    runs: dict[str, tuple[str, RunRow]] = field(default_factory=dict)
    plan_uses: dict[tuple[str, str], PlanUse] = field(default_factory=dict)
    connections: dict[tuple[str, str], Connection] = field(default_factory=dict)
    secrets: dict[tuple[str, str], tuple[SecretValue, ...]] = field(default_factory=dict)
    claims: dict[tuple[str, str], str] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    inbox: dict[tuple[str, str], InboxRow] = field(default_factory=dict)  # source, event
    audit: list[tuple[str, AuditRow]] = field(default_factory=list)
    drift: list[tuple[str, DriftRow]] = field(default_factory=list)
    reads: list[tuple[str, float, str, str]] = field(default_factory=list)

    def copy(self) -> MemoryState:
        """What a process that dies now leaves behind."""
        return MemoryState(**{one.name: _copied(getattr(self, one.name)) for one in fields(self)})

    def living(self, tenant: str) -> TenantRow | None:
        return next((row for row in self.tenants.values() if row.living and row.tenant == tenant), None)


def _copied(table: Any) -> Any:
    return table.copy() if isinstance(table, dict | list) else table
