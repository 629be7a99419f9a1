"""One look at the world for all tenants of a run: targets built, secrets fetched in one go, systems read in parallel.

A system that fails makes its objects unknown, never absent. Must not decide what a difference means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from temoctl.app.world import World
from temoctl.engine.protocol import Scope, Snapshot, Target
from temoctl.model.address import Address
from temoctl.model.errors import Refused, TemoError
from temoctl.model.identity import Marker, Owner
from temoctl.model.kind import Kind
from temoctl.model.plan import RecordedTenant, View
from temoctl.model.resource import Desired, Doubt, Observed, Recorded
from temoctl.model.secret import Secret, SecretRef
from temoctl.model.value import Json, Props, is_secret, secret_ref
from temoctl.planner.resolve import resolve

Progress = Callable[[str], None]
Outputs = Mapping[Address, Mapping[str, Json]]


@dataclass(slots=True)
class Look:
    """Who is looked at: per tenant its owner, what it wants and what is on record."""

    tenant: str
    owner: Owner
    desired: Mapping[Address, Desired]
    recorded: RecordedTenant


@dataclass(slots=True)
class Seen:
    """What came back: a view per tenant, and the secrets that were needed to look."""

    views: dict[str, View]
    secrets: Mapping[tuple[str, SecretRef], Secret] = field(default_factory=dict)


async def look(
    world: World, looks: list[Look], platform: Outputs, progress: Progress, *, only: Collection[Address] | None = None
) -> Seen:
    """One snapshot of everything in scope; of some addresses `only`, where a part is asked for."""
    pairs = [one for one in _pairs(looks, platform) if only is None or one[1] in only]
    secrets = await _secrets(world, pairs)
    kinds = world.kinds
    by_system: dict[str, list[Target]] = {} if only is not None else {name: [] for name in world.systems}
    for one, address, props in pairs:
        by_system.setdefault(address.system, []).append(_target(kinds, one, address, props, secrets))
    owners = {one.tenant: one.owner for one in looks}
    names = sorted(by_system)
    progress(f"reading {', '.join(names)}")
    snapshots = await asyncio.gather(*(_observe(world, name, Scope(tuple(by_system[name]), owners)) for name in names))
    return Seen(_views(looks, snapshots), secrets)


async def secrets_for(world: World, looks: list[Look], platform: Outputs) -> Seen:
    """Only the secrets that a look would need, without looking: for claims of a plan that was made earlier."""
    return Seen({}, await _secrets(world, _pairs(looks, platform)))


def _pairs(looks: list[Look], platform: Outputs) -> list[tuple[Look, Address, Props]]:
    return [(one, address, _props(one, address, platform)) for one in looks for address in _addresses(one)]


def outputs_of(recorded: RecordedTenant) -> dict[Address, Mapping[str, Json]]:
    return {address: one.outputs for address, one in recorded.resources.items()}


def _addresses(one: Look) -> Iterable[Address]:
    return sorted({*one.desired, *one.recorded.resources})


def _props(one: Look, address: Address, platform: Outputs) -> Props:
    recorded = one.recorded.resources.get(address)
    wanted = one.desired.get(address)
    if wanted is None:
        return _as_recorded(recorded) if recorded is not None else {}

    def output(of: Address, name: str) -> Json:
        own = one.recorded.resources.get(of)
        outputs = own.outputs if own is not None else platform.get(of, {})
        return outputs[name] if name in outputs else {"$ref": str(of), "output": name}

    resolved: Props = resolve(dict(wanted.props), output)
    return resolved


def _as_recorded(record: Recorded) -> Props:
    """What is on record, with secrets also where only the sent form still has them (after a recovery)."""
    return {name: leaf for name, leaf in record.props.items() if is_secret(leaf)} | dict(record.resolved)


async def _secrets(world: World, pairs: list[tuple[Look, Address, Props]]) -> Mapping[tuple[str, SecretRef], Secret]:
    """The secrets without which objects can't be looked at, all in one question to the vault."""
    kinds = world.kinds
    wanted = [
        (one.recorded.uid, secret_ref(props[name]))
        for one, address, props in pairs
        if one.recorded.uid and address.kind_key in kinds
        for name in sorted(kinds[address.kind_key].observe_secrets)
        if is_secret(props.get(name))
    ]
    return await world.store.vault.many(list(dict.fromkeys(wanted))) if wanted else {}


def _target(
    kinds: Mapping[str, Kind],
    one: Look,
    address: Address,
    props: Props,
    secrets: Mapping[tuple[str, SecretRef], Secret],
) -> Target:
    kind = kinds.get(address.kind_key)
    found: dict[str, Secret] = {}
    for name in kind.observe_secrets if kind else ():
        if is_secret(props.get(name)):
            value = secrets.get((one.recorded.uid, secret_ref(props[name])))
            if value is not None:
                found[name] = value
    recorded = one.recorded.resources.get(address)
    marker = Marker(one.owner, address.kind, address.name)
    return Target(address, marker, recorded.ref if recorded else None, props, found)


async def _observe(world: World, name: str, scope: Scope) -> Snapshot:
    system = world.systems.get(name)
    if system is None:
        why, fix = f"platform.yaml has no section for {name}", f"add `systems.{name}` to the platform file"
        return _unknown(scope, Doubt.DENIED, why, fix, "TEMO511")
    silent = world.silent.get(name)
    if silent is not None:
        doubt = Doubt.DENIED if isinstance(silent, Refused) else Doubt.OUTAGE
        return _unknown(scope, doubt, silent.summary, silent.fix, silent.code)
    try:
        return await system.observe(scope)
    except TemoError as error:
        doubt = Doubt.DENIED if isinstance(error, Refused) else Doubt.OUTAGE
        return _unknown(scope, doubt, error.summary, error.fix, error.code)


def _unknown(scope: Scope, doubt: Doubt, why: str, fix: str, code: str) -> Snapshot:
    return Snapshot(
        {one.address: Observed.unknown(one.address, doubt, why, fix=fix, code=code) for one in scope.targets}
    )


def _views(looks: list[Look], snapshots: list[Snapshot]) -> dict[str, View]:
    observed: dict[str, dict[Address, Observed]] = {one.tenant: {} for one in looks}
    strays: dict[str, list[Observed]] = {one.tenant: [] for one in looks}
    for snapshot in snapshots:
        for address, seen in snapshot.observed.items():
            observed[address.tenant][address] = seen
        for stray in snapshot.strays:
            strays[stray.address.tenant].append(stray)
    return {tenant: View(found, tuple(strays[tenant])) for tenant, found in observed.items()}
