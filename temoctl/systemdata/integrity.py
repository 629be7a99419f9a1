"""`state check`: what is broken in the recorded state, found on plain rows. Total: no row makes it raise.

Both stores hand over a `Census`, raw rows as they stand; what is found carries the words of what `repair` would do.
Must not know how rows are read or mended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from temoctl.model.address import PLATFORM, Address
from temoctl.systemdata.ports import Finding

UNKNOWN_TENANT = "TEMO650"
UNREADABLE = "TEMO651"
DANGLING = "TEMO652"
CYCLE = "TEMO653"
OPEN_INTENT = "TEMO654"
SILENT_LEASE = "TEMO655"
SERIAL = "TEMO656"
NO_INSTANCE = "TEMO657"
UNOPENED = "TEMO658"
DEAD_RUN = "TEMO659"


@dataclass(frozen=True, slots=True)
class TenantFact:
    """`logged` is the highest serial that the audit names, 0 where it names none."""

    uid: str
    tenant: str
    living: bool
    serial: int
    logged: int = 0


@dataclass(frozen=True, slots=True)
class ResourceFact:
    """A record as it stands: `address` and `depends_on` are texts, because they may be anything."""

    uid: str
    address: str
    depends_on: tuple[str, ...]
    instance: str
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Census:
    """`intents` are the open ones as (uid, id, address, run); `runs` the unended as (uid, id)."""

    tenants: Sequence[TenantFact] = ()
    resources: Sequence[ResourceFact] = ()
    intents: Sequence[tuple[str, str, str, str]] = ()
    runs: Sequence[tuple[str, str]] = ()
    living_leases: frozenset[str] = frozenset()
    silent_leases: Mapping[str, str] = field(default_factory=dict)  # uid -> holder
    pins: Mapping[str, str] = field(default_factory=dict)
    unreadable_secrets: Sequence[tuple[str, str]] = ()  # uid, path


def examine(census: Census) -> list[Finding]:
    """Every broken invariant, by tenant and code."""
    names = {one.uid: one for one in census.tenants}
    found = [
        *_resources(census, names),
        *_cycles(census, names),
        *_runs(census, names),
        *_tenants(census),
        *_secrets(census, names),
    ]
    return sorted(found, key=lambda one: (one.tenant, one.code, one.subject))


def _name(names: Mapping[str, TenantFact], uid: str) -> str:
    return names[uid].tenant if uid in names else uid


def parsed(text: str) -> Address | None:
    try:
        return Address.parse(text)
    except ValueError:
        return None


def _resources(census: Census, names: Mapping[str, TenantFact]) -> Iterator[Finding]:
    platform = {one.uid for one in census.tenants if one.tenant == PLATFORM}
    shared = {one.address for one in census.resources if one.uid in platform}
    own: dict[str, set[str]] = {}
    for one in census.resources:
        own.setdefault(one.uid, set()).add(one.address)
    sees_platform = bool(platform)
    for one in census.resources:
        tenant, address = _name(names, one.uid), parsed(one.address)

        def finding(code: str, what: str, repair: str = "", uid: str = one.uid, subject: str = one.address) -> Finding:
            return Finding(code, _name(names, uid), what, repair, uid, subject)

        if one.uid not in names or not names[one.uid].living:
            yield finding(UNKNOWN_TENANT, f"{one.address} is recorded for a tenant that doesn't exist")
        if address is None or not one.readable:
            mend = "take the row out, keeping it in the audit" if address is None else ""
            yield finding(UNREADABLE, f"the record of {one.address!r} can't be read", mend)
        if address is None:
            continue
        if one.uid in names and address.tenant != tenant:
            yield finding(UNREADABLE, f"{one.address} stands among the records of {tenant}")
        for needed in one.depends_on:
            of_platform = needed.startswith(f"{PLATFORM}/")
            there = needed in own[one.uid] or needed in shared or (of_platform and not sees_platform)
            if not there:
                yield finding(DANGLING, f"{one.address} needs {needed}, which isn't recorded", "drop that need")
        if not one.instance:
            pin = census.pins.get(address.system, "")
            mend = f"write down {address.system}'s pinned instance" if pin else ""
            yield finding(NO_INSTANCE, f"{one.address} doesn't say which {address.system} it is in", mend)


def _cycles(census: Census, names: Mapping[str, TenantFact]) -> Iterator[Finding]:
    graphs: dict[str, dict[str, tuple[str, ...]]] = {}
    for one in census.resources:
        graphs.setdefault(one.uid, {})[one.address] = one.depends_on
    for uid, graph in graphs.items():
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as problem:
            circle = " -> ".join(str(node) for node in problem.args[1])
            yield Finding(CYCLE, _name(names, uid), f"records need each other in a circle: {circle}", "", uid, circle)


def _runs(census: Census, names: Mapping[str, TenantFact]) -> Iterator[Finding]:
    for uid, intent, address, run in census.intents:
        if uid not in census.living_leases:
            what = f"run {run or '?'} ended without saying what became of {address}"
            yield Finding(OPEN_INTENT, _name(names, uid), f"{what}; the next apply looks it up", "", uid, intent)
    for uid, run in census.runs:
        if uid not in census.living_leases:
            yield Finding(DEAD_RUN, _name(names, uid), f"run {run} never ended", "mark it as stopped", uid, run)
    for uid, holder in census.silent_leases.items():
        what = f"{holder.partition(' [')[0]} holds the tenant but shows no sign of life"
        yield Finding(SILENT_LEASE, _name(names, uid), what, "release it", uid, holder)


def _tenants(census: Census) -> Iterator[Finding]:
    for one in census.tenants:
        if one.logged > one.serial:
            what = f"the audit counts {one.logged} changes, the state only {one.serial}: was a backup put back?"
            yield Finding(SERIAL, one.tenant, what, "count on from the audit", one.uid, str(one.logged))


def _secrets(census: Census, names: Mapping[str, TenantFact]) -> Iterator[Finding]:
    for uid, path in census.unreadable_secrets:
        what = f"secret {path} can't be opened with this master key"
        yield Finding(UNOPENED, _name(names, uid), what, "", uid, path)
