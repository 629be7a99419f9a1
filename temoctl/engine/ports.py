"""What the engine needs from outside, as protocols: time, ids, journal, secrets, permits, call slots.

systemdata implements Journal and Vault on PostgreSQL (and in memory for the crash table); app wires them.
Must not know how any of them works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from temoctl.model.address import Address
from temoctl.model.identity import Marker
from temoctl.model.resource import Recorded
from temoctl.model.secret import Secret, SecretRef
from temoctl.model.value import Json, Props


class Clock(Protocol):
    """Wall time for records, monotonic time for deadlines, and sleeping. Tests give a virtual one."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Ids(Protocol):
    """Where randomness comes from."""

    def token(self, length: int) -> str:
        """A random base-32 text (`identity.ALPHABET`) of that length: uids, intents, plan ids."""
        ...

    def password(self) -> Secret:
        """A fresh generated secret (at least 128 bits)."""
        ...

    def jitter(self) -> float:
        """A number in [0, 1) for backoff."""
        ...


class Permit(Protocol):
    """The right to act on one tenant, as held by this process now."""

    def check(self) -> None:
        """Raise LeaseLost when the lease may have passed to somebody else."""
        ...


class Slots(Protocol):
    """Concurrency, rate limits and call counts of one system, shared by all tenants of the run."""

    def take(self, *, key: str = "", write: bool = False, lane: str = "") -> AbstractAsyncContextManager[None]:
        """One call's place. `key` limits a part of the system on its own (one bot).

        Calls of one `lane` go one by one, in a place of their own: they neither disturb each other nor stand in the
        queue of all the others.
        """
        ...

    def pause(self, seconds: float, *, key: str = "") -> None:
        """The vendor said Retry-After: nobody starts a call before it is over."""
        ...


@dataclass(frozen=True, slots=True)
class Fence:
    """The tenant a write is for and the lease epoch it was made under. Stale epochs are rejected by the store."""

    uid: str
    epoch: int


class Ending(StrEnum):
    """How an intent ended. An intent without an ending is open: its effect may or may not have happened."""

    DONE = "done"
    FAILED = "failed"  # known to have had no effect
    ABSENT = "absent"  # looked up after the settle window: it had no effect
    SUPERSEDED = "superseded"  # its resource is known by another intent or was removed


@dataclass(frozen=True, slots=True)
class Intent:
    """A journal row written before an effect. `props` keep references and secrets as such; never a secret text.

    `verb` is create, update or delete; `ref` the object meant (updates, deletes). `at` is seconds since the epoch.
    """

    id: str
    address: Address
    verb: str
    marker: Marker
    props: Props
    at: float
    ref: str | None = None
    run: str = ""
    plan: str = ""
    step: str = ""
    depends_on: tuple[Address, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True)
class Begin:
    fence: Fence
    intent: Intent


@dataclass(frozen=True, slots=True)
class Finish:
    """Ends an intent and changes the record in the same transaction.

    `record` is the new recorded state, `remove` the address whose record goes; neither for failures. `note` is for
    people. `intent` is "" where there was no effect (adopt, forget): the change of record stands alone. A step whose
    object is on record but which isn't over with it ends its intent SUPERSEDED: `done_steps` counts DONE only.
    """

    fence: Fence
    address: Address
    ending: Ending
    intent: str = ""
    record: Recorded | None = None
    remove: bool = False
    note: str = ""
    step: str = ""
    plan: str = ""
    action: str = ""  # for the audit row: create, update, delete, adopt, forget
    evidence: Mapping[str, Json] = field(default_factory=dict)


class Journal(Protocol):
    """The committed memory of effects. `write` returns when the entries are durable."""

    async def write(self, entries: Sequence[Begin | Finish]) -> Sequence[bool]:
        """Commit all entries in one transaction; per entry, False where its fence is stale (nothing written).

        Raises Unavailable when the store can't be reached. An entry that is there already (the answer to an earlier
        commit was lost) counts as written: callers write again what they got no answer for.
        """
        ...

    async def open_intents(self, uid: str) -> Sequence[Intent]:
        """Intents of a tenant that have no ending, oldest first."""
        ...

    async def done_steps(self, uid: str, plan: str) -> frozenset[str]:
        """Ids of steps of a plan that ended DONE: what a resumed plan skips."""
        ...


class Vault(Protocol):
    """Secrets of tenants, sealed. All values are decrypted only in memory."""

    async def get(self, uid: str, path: str, version: int | None = None) -> Secret:
        """The value; None means the newest. Raises Refused (TEMO620) when there is none."""
        ...

    async def many(self, wanted: Sequence[tuple[str, SecretRef]]) -> Mapping[tuple[str, SecretRef], Secret]:
        """Several at once, as (uid, ref); missing ones are left out."""
        ...

    async def versions(self, uid: str) -> Mapping[str, int]:
        """Newest version by path. Reads no value."""
        ...

    async def ensure(self, fence: Fence, ref: SecretRef, fresh: Secret) -> Secret:
        """The stored value of a generated secret; `fresh` is committed first when there is none yet."""
        ...

    async def put(self, uid: str, path: str, value: Secret, *, by: str) -> int:
        """Store a new version and return its number."""
        ...
