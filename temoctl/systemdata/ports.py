"""What SystemData offers to the use cases, beside the engine's Journal and Vault.

Two implementations pass one conformance suite: `postgres` (real) and `memory` (simulations, crash table).
Every method runs as the principal the store was opened for: row-level security decides what it sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from temoctl.engine.ports import Fence, Journal, Vault
from temoctl.model.address import Address
from temoctl.model.plan import RecordedTenant
from temoctl.model.value import Json


class Role(StrEnum):
    ADMIN = "admin"
    CI = "ci"
    MANAGER = "manager"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. Serialisable: a queue worker gets it beside the request."""

    name: str
    role: Role = Role.ADMIN


@dataclass(frozen=True, slots=True)
class LeaseState:
    """`expires_at` and `heartbeat_at` are seconds since the epoch by the database's clock."""

    uid: str
    tenant: str
    epoch: int
    holder: str
    operation: str
    taken_at: float
    heartbeat_at: float
    expires_at: float

    def fence(self) -> Fence:
        return Fence(self.uid, self.epoch)

    @property
    def who(self) -> str:
        """The holder for people: what stands in brackets is for programs."""
        return self.holder.partition(" [")[0]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One finished or unfinished run, for `history`. `status` is running, done, failed, partly, stopped or waiting."""

    run: str
    tenant: str
    mode: str
    plan: str
    by: str
    started_at: float
    finished_at: float | None
    status: str
    summary: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRow:
    at: float
    by: str
    tenant: str
    action: str
    subject: str
    detail: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Connection:
    """The state of one channel of one tenant, with the service fields n8n and support need.

    `status` is connected, waiting, broken, suspended, not-applied or removed; `why` says more; `fields` are
    e.g. bot id, workflow id.
    """

    tenant: str
    channel: str
    kind: str
    status: str
    why: str = ""
    since: float = 0.0
    fields: Mapping[str, Json] = field(default_factory=dict)


class PlanUse(StrEnum):
    """What became of a saved plan for one tenant: unused, started (resumable after a crash), or finished."""

    UNUSED = "unused"
    STARTED = "started"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken invariant found by `state check`, and what `state repair` would do about it ("" = by hand).

    `uid` and `subject` (an address, an intent, a run) say which row is meant.
    """

    code: str
    tenant: str
    what: str
    repair: str = ""
    uid: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class SecretRow:
    """One secret of a tenant, without its value. `by` is who stored the newest version."""

    path: str
    version: int
    at: float
    by: str


@dataclass(frozen=True, slots=True)
class ManagerRow:
    """A manager and the database login that is theirs alone ("" = none: they come through the service)."""

    name: str
    db_role: str = ""


@dataclass(frozen=True, slots=True)
class DriftRow:
    """What a look at a tenant found: `changes` counts the differences, `detail` names them."""

    at: float
    by: str
    tenant: str
    changes: int
    detail: Mapping[str, Json] = field(default_factory=dict)


class Taken(StrEnum):
    """Who handles an event from outside: this caller, or nobody any more because it was handled already.

    BUSY: somebody handles it, or another event of the same tenant, just now.
    """

    OURS = "ours"
    BUSY = "busy"
    HANDLED = "handled"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One taking of an event. `taking` tells it from others: who held on to an event for too long can't end it."""

    source: str
    event: str
    uid: str
    taken: Taken
    taking: str


INBOX_DAYS = 90
"""How long a handled event is remembered: three times as long as any sender repeats one."""


class Inbox(Protocol):
    """Events that outside systems send: each is handled once, in however many processes it arrives.

    Those of one tenant are handled one after the other: what a later one reads is never written over by an earlier.
    """

    async def take(self, source: str, event: str, *, uid: str, seconds: float) -> Receipt:
        """Take an event about a tenant. After `seconds` without an end it may be taken by somebody else."""
        ...

    async def finish(
        self, receipt: Receipt, *, outcome: str, subject: str, detail: Mapping[str, Json], by: str
    ) -> bool:
        """It had its effect: remember that, and write it into the audit log, in one transaction.

        False where somebody else has taken the event over in the meantime; then nothing is written.
        """
        ...

    async def let_go(self, receipt: Receipt) -> None:
        """It could not be handled now: whoever gets it next may take it at once."""
        ...


class SecretVault(Vault, Protocol):
    """What `temoctl secrets` needs beyond what the engine needs."""

    async def listing(self, uid: str) -> Sequence[SecretRow]:
        """The tenant's secrets by path, newest version each. Reads no value."""
        ...

    async def versions_of(self, uids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Newest version by path, of many tenants at once. Reads no value."""
        ...

    async def remove(self, uid: str, path: str, *, by: str) -> int:
        """Remove every version of a secret; returns how many there were. Audited."""
        ...


class Store(Protocol):
    """`journal`, `vault` and `inbox` share the store's connection pool and principal."""

    @property
    def journal(self) -> Journal: ...

    @property
    def vault(self) -> SecretVault: ...

    @property
    def inbox(self) -> Inbox: ...

    def keyed_hash(self, purpose: str, text: str) -> str:
        """A hash that only this installation's key holders can make: for claims and for comparing secrets."""
        ...

    async def installation(self) -> str:
        """The installation's tag (10 characters of base 32), drawn once when the store was first migrated."""
        ...

    async def plan_key(self) -> bytes:
        """32 bytes, drawn once: the HMAC key of saved plans."""
        ...

    async def pin(self, system: str, instance: str) -> str:
        """Record which instance of a system this installation speaks to; returns the one on record.

        The first caller's value stays. A different value is the caller's to refuse (TEMO610). Needs apply.
        """
        ...

    async def pinned(self) -> Mapping[str, str]: ...

    async def tenants(self) -> Sequence[RecordedTenant]:
        """All living tenants this principal may see, without resources, platform first."""
        ...

    async def load(self, tenants: Sequence[str]) -> Mapping[str, RecordedTenant]:
        """Recorded state with resources and intents; a tenant never seen comes back with uid ""."""
        ...

    async def register(self, tenant: str, uid: str, *, manager: str, by: str) -> str:
        """Make the tenant's row if it has none; returns the living uid (the first one stays)."""
        ...

    async def assign(self, tenant: str, manager: str, *, by: str) -> None:
        """Give a tenant to another manager (admin and CI only; audited). Also known uids keep their rows' manager."""
        ...

    async def note_plan(self, fence: Fence, plan: str, *, by: str) -> None:
        """Record the plan (START …) that the tenant was applied with. Audited when it is another one."""
        ...

    async def take_lease(self, uid: str, *, holder: str, operation: str, ttl: float) -> LeaseState:
        """Take the tenant's lease with a new epoch. Raises Locked (TEMO600) while another holder's is alive."""
        ...

    async def renew_lease(self, lease: LeaseState, ttl: float) -> LeaseState:
        """Heartbeat. Raises LeaseLost (TEMO601) when the epoch is no longer ours."""
        ...

    async def release_lease(self, lease: LeaseState) -> None: ...

    async def leases(self) -> Sequence[LeaseState]: ...

    async def break_lease(self, tenant: str, *, by: str, steal: bool, holder: str = "") -> LeaseState | None:
        """`state unlock`: ends a lease whose heartbeat is stale, any lease with `steal`. Returns what was broken.

        With `holder`, only a lease that this holder still has is broken; None where it is another's by now.

        Raises Locked (TEMO602) when the heartbeat is fresh and `steal` is False. Raises the epoch, so that the old
        holder is fenced off. Audited.
        """
        ...

    async def start_run(self, fence: Fence, run: str, *, tenant: str, mode: str, plan: str, by: str) -> None:
        """Begin a run. Unended ones of this tenant end as stopped: who holds the lease knows that they are dead."""
        ...

    async def end_run(self, fence: Fence, run: str, *, status: str, summary: Mapping[str, Json]) -> None: ...

    async def runs(self, tenant: str | None = None, *, limit: int = 50) -> Sequence[RunRow]: ...

    async def plan_use(self, plan: str, tenant: str) -> PlanUse: ...

    async def use_plan(self, fence: Fence, plan: str, tenant: str, use: PlanUse) -> None:
        """Record that a plan was started or finished for this tenant. Raises Conflict (TEMO611) when finished."""
        ...

    async def put_connections(self, fence: Fence, rows: Sequence[Connection]) -> None: ...

    async def connections(self, tenants: Sequence[str] | None = None) -> Sequence[Connection]: ...

    async def forget(self, fence: Fence, address: Address, *, by: str) -> None:
        """Drop one record by hand (`state forget`); audited."""
        ...

    async def close_tenant(self, fence: Fence, *, by: str) -> None:
        """The last act of a destroy: no resources may be recorded; destroys the tenant's data key."""
        ...

    async def claim(self, uid: str, name: str, value_hash: str) -> str | None:
        """Claim a value that only one tenant may use (a bot id, keyed hash). Returns the other owner's tenant id."""
        ...

    async def claims(self, name: str) -> Mapping[str, str]:
        """All claimed hashes of that name -> tenant id (those this principal can see; others as "")."""
        ...

    async def managers(self) -> Sequence[ManagerRow]: ...

    async def put_manager(self, name: str, *, db_role: str = "", by: str) -> None:
        """Make a manager known, and which database login is theirs (admin and CI only)."""
        ...

    async def take_tokens(self, key: str, count: int, *, rate: float, burst: int) -> float:
        """Reserve calls to a vendor across processes; returns the seconds to wait before making them."""
        ...

    async def note_drift(self, uid: str, *, by: str, changes: int, detail: Mapping[str, Json]) -> None:
        """Append to the drift history. One of the few things that `drift` may write (DECISIONS 12)."""
        ...

    async def drift_history(self, tenant: str, *, limit: int = 50) -> Sequence[DriftRow]: ...

    async def note_read(self, uid: str, *, by: str, what: str) -> None:
        """Append to the record of who looked at what. Allowed when only reading (DECISIONS 12)."""
        ...

    async def audit(self, tenant: str | None = None, *, limit: int = 50) -> Sequence[AuditRow]: ...

    async def check(self) -> Sequence[Finding]: ...

    async def repair(self, findings: Sequence[Finding], *, by: str) -> int: ...

    async def close(self) -> None: ...
