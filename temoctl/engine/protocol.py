"""What a system package must offer, and what it gets. This is the whole contract between engine and vendors.

A system is one folder under `temoctl/systems/` with `client.py` (HTTP or SQL, typed, no logic), `resources.py`
(observe, read, find, execute, gone, and what it can of ready and probe), `fake.py` (a stateful stand-in), and
README.md. Its entry point (`temoctl.systems` in pyproject.toml) names a `Plugin`.

Errors a system raises (`model.errors`): `Retryable` only when the request is known to have had no effect;
`UnknownOutcome` when a mutating request got no answer or an answer that proves nothing (timeout, dropped
connection, 5xx); `Refused` and `Conflict` for a definite no; `Unavailable` for reads. Reading never raises for one
bad object: it returns `Observed.unknown(...)` for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from temoctl.engine.ports import Clock, Permit, Slots
from temoctl.model.address import Address
from temoctl.model.identity import Marker, Owner
from temoctl.model.kind import Kind
from temoctl.model.money import Money
from temoctl.model.resource import Observed
from temoctl.model.secret import Secret
from temoctl.model.step import FieldChange
from temoctl.model.value import Json, Props


@dataclass(frozen=True, slots=True)
class Target:
    """One object to look at. `marker` has no intent.

    `props` are the desired ones (or the recorded ones where nothing is desired), references resolved where they are
    known and secrets left as `$secret` leaves; `secrets` maps the top-level fields of `Kind.observe_secrets` to
    their values. `ref` is the recorded vendor id, None where none is recorded.
    """

    address: Address
    marker: Marker
    ref: str | None = None
    props: Props = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """One snapshot's worth of looking: all targets of all tenants of a run.

    `owners` are the incarnations meant; objects that carry one of their markers but stand at no target are strays.
    Read with list pages where the system has lists; never one GET per object where a list would do.
    """

    targets: tuple[Target, ...]
    owners: Mapping[str, Owner] = field(default_factory=dict)  # tenant id -> owner


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`observed` holds every target's address. A list that failed makes its targets unknown, not absent."""

    observed: Mapping[Address, Observed]
    strays: tuple[Observed, ...] = ()


class Verb(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Call:
    """One effect to have. `props` are fully resolved: references replaced, secrets as `Secret` values.

    `intent` is the journal's id and the idempotency key; `marker` carries it and must be written on what is made.
    `changes` name the fields that differ (updates). `permit.check()` must be called right before EVERY mutating
    request: it raises LeaseLost when this process may no longer act. `root` is the folder that relative file paths
    in props start from. `repair` asks to set the object up again although it looks right.
    """

    verb: Verb
    target: Target
    props: Mapping[str, Any]
    intent: str
    marker: Marker
    permit: Permit
    changes: tuple[FieldChange, ...] = ()
    repair: bool = False
    root: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished create or update: the vendor's id and what others may refer to. Deletes return `Proof` by `gone`.

    `issued` are secrets that the vendor told this one time, by path in the tenant's vault: the engine commits them
    there before the intent ends. Only kinds of identity ISSUED_ONCE have any: what nobody kept is made anew.
    """

    ref: str
    outputs: Mapping[str, Json] = field(default_factory=dict)
    issued: Mapping[str, Secret] = field(default_factory=dict)


class Verdict(StrEnum):
    DELETED = "deleted"
    ARCHIVED = "archived"
    RETAINED = "retained"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a later look showed of a deleted object; `evidence` says what was seen ("GET answered 404")."""

    verdict: Verdict
    evidence: str


class Readiness(StrEnum):
    READY = "ready"
    PENDING = "pending"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Ready:
    state: Readiness
    why: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One thing that was proven, or not. `name` is business words ("reads its own knowledge base")."""

    address: Address
    name: str
    ok: bool
    why: str = ""
    fix: str = ""


class System(Protocol):
    """A connected system. All methods are safe to call concurrently for different tenants."""

    name: str
    kinds: Mapping[str, Kind]  # by kind name ("workflow")

    async def instance(self) -> str:
        """Which instance this is (account id, database identity): pinned in SystemData (DECISIONS 2)."""
        ...

    async def observe(self, scope: Scope) -> Snapshot:
        """Read everything in scope with batched calls."""
        ...

    async def read(self, target: Target) -> Observed:
        """Read one object again: by `target.ref` where there is one, else by its name or marker."""
        ...

    async def find(self, target: Target, intent: str) -> Sequence[Observed]:
        """After an unknown outcome: objects with the target's marker; made by `intent` where the system can tell."""
        ...

    async def execute(self, call: Call) -> Outcome:
        """Create, update or delete. Creating must be harmless to repeat for identity CHOSEN; deleting always is."""
        ...

    async def gone(self, target: Target) -> Proof:
        """Look whether a deleted object is really gone, and say what was seen."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Waits(Protocol):
    """A system whose objects become ready some time after the call returned."""

    async def ready(self, target: Target) -> Ready:
        """Whether the object does its work now. Kinds that are ready at once answer READY without a call."""
        ...


@runtime_checkable
class Probes(Protocol):
    """A system that can prove end to end, without changing anything, that an object works."""

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> Sequence[ProbeResult]:
        """`neighbours` are targets of the same kind that belong to other tenants (to prove what must be refused)."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that expires, as a line of JSON. `key` is its place in the order of expiry: `[0-9a-z-]`, sortable."""

    key: str
    text: str


@runtime_checkable
class Expires(Protocol):
    """A system that holds what is forgotten after a time, and hands it over page by page before."""

    async def expiring(self, target: Target, *, after: str, before: float, limit: int) -> Sequence[Line]:
        """What lies behind the key `after` ("" for the first) and is dated before `before`, in order of its keys."""
        ...


@runtime_checkable
class Keeps(Protocol):
    """A system that keeps such lines in parts, each called by the key of its last line."""

    async def kept(self, target: Target) -> str:
        """The key of the last line that is kept; "" when there is none."""
        ...

    async def keep(self, target: Target, key: str, content: bytes, permit: Permit) -> None:
        """Keep a part, or keep it again: the same key is the same part."""
        ...


@dataclass(frozen=True, slots=True)
class Link:
    """An address that opens something for whoever has it. Shown once, never recorded. `expires` in seconds (epoch)."""

    url: str
    instructions: str
    expires: float | None = None


@runtime_checkable
class Links(Protocol):
    """A system in which a person does a gate's work at an address that is made for it."""

    async def link(self, target: Target, permit: Permit) -> Link:
        """A fresh address for a gate, or for looking after what it opened. Raises Refused where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Bill:
    """What a tenant pays, as the vendor sees it now. Times in seconds (epoch); `Money.per` says how often."""

    status: str
    next: Money | None = None
    next_at: float | None = None
    trial_ends: float | None = None
    due: Money | None = None
    due_since: float | None = None
    ends_at: float | None = None


@runtime_checkable
class Bills(Protocol):
    """A system that charges for a tenant."""

    async def bill(self, target: Target) -> Bill | None:
        """How a subscription stands; None where there is none. Changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard a system may be driven by this process: concurrent calls, calls per second, and the burst allowed.

    `per_key` are calls per second for one key within the system (one bot, one endpoint), 0 for no such limit.
    """

    concurrency: int = 8
    rate: float = 0.0
    burst: int = 1
    per_key: float = 0.0


@dataclass(frozen=True, slots=True)
class Context:
    """What a plugin gets when it is connected.

    `secrets` are the platform credentials its settings name, resolved. `slots` must wrap every call to the vendor:
    it counts, limits and obeys Retry-After. `transport` replaces the network in tests (an httpx transport).
    """

    clock: Clock
    slots: Slots
    secrets: Mapping[str, Secret]
    timeout: float = 20.0
    transport: Any = None


@dataclass(frozen=True, slots=True)
class Plugin:
    """A system package's entry point. `settings` is the pydantic model of its section in platform.yaml.

    `connect` must not talk to the vendor yet. `connect(settings, context)` gets a validated `settings` instance.
    Fields of the settings that hold references to credentials are `SecretSource` (see spec.secret_source); app
    resolves them into `Context.secrets` under the field's name. `remains` names, as (what, why), what a hard delete
    can't reach at this vendor: it is printed on every certificate.
    """

    name: str
    kinds: Mapping[str, Kind]
    settings: type[Any]
    connect: Callable[[Any, Context], Awaitable[System]]
    limits: Limits = Limits()
    describe: str = ""
    remains: tuple[tuple[str, str], ...] = ()
