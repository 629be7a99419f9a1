"""Toy systems built on the engine's protocol: one kind of each identity class, with the quirks that make them hard.

toy.room      chosen       one request; a generated password that can't be read back
toy.paper     chosen       its name holds its content: new content means another object (create first)
toy.flow      lookup       made by two requests (post, activate); the list lags; the witness looks at it
toy.key       lookup       the list lags; its type can't change (a replace, create first); flows refer to it
toy.account   lookup       the vendor takes an idempotency key
toy.hook      issued once  its secret is shown only in the answer to the create, and belongs into the vault
toy.signal    witness      says what the flow does, some seconds later
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import (
    Call,
    Outcome,
    ProbeResult,
    Proof,
    Readiness,
    Ready,
    Scope,
    Snapshot,
    Target,
    Verb,
    Verdict,
)
from temoctl.model.address import Address
from temoctl.model.errors import Conflict, Refused
from temoctl.model.identity import Identity, Marker
from temoctl.model.kind import Kind, ReplaceOrder
from temoctl.model.resource import Observed, Presence
from temoctl.model.secret import Secret
from temoctl.model.value import digest
from tests.crash.faults import Faults, Life

LIST_LAG = 4.0
SIGNAL_LAG = 2.0
HOOK_SECRET = "toy/hook"


def _kind(name: str, identity: Identity, **extra: Any) -> Kind:
    return Kind("toy", name, name, identity, settle=30.0, ready=20.0, **extra)


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind("room", Identity.CHOSEN, write_only=frozenset({"password"}), immutable=frozenset({"name"})),
        _kind("paper", Identity.CHOSEN, immutable=frozenset({"name"})),
        _kind("flow", Identity.LOOKUP),
        _kind("key", Identity.LOOKUP, immutable=frozenset({"type"}), write_only=frozenset({"data"})),
        _kind("account", Identity.LOOKUP),
        _kind("hook", Identity.ISSUED_ONCE, replace=ReplaceOrder.DELETE_FIRST, immutable=frozenset({"url"})),
        _kind("signal", Identity.WITNESS),
    )
}


@dataclass(slots=True)
class Thing:
    """One object at the toy vendor."""

    ref: str
    marker: Marker
    props: dict[str, Any]
    at: float
    active: bool = True
    active_at: float = 0.0
    key: str = ""
    issued: str = ""
    hidden: dict[str, Any] = field(default_factory=dict)


class Vendor:
    """What is really there: outlives every process."""

    def __init__(self, clock: VirtualClock, faults: Faults) -> None:
        self.clock, self.faults = clock, faults
        self.things: dict[tuple[str, str], Thing] = {}
        self.keys: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self.ever: set[str] = set()

    def number(self) -> str:
        return f"id-{next(self._numbers)}"

    def add(self, kind: str, thing: Thing) -> Thing:
        self.things[kind, thing.ref] = thing
        self.ever.add(thing.ref)
        return thing

    def of(self, kind: str) -> list[Thing]:
        self.faults.land()
        return [thing for (of, _), thing in self.things.items() if of == kind]


def _plain(props: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if not _secretive(value)}


def _secretive(value: Any) -> bool:
    return isinstance(value, Secret) or (isinstance(value, dict) and "$secret" in value)


def _secrets(props: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if _secretive(value)}


class Toy:
    """The system as one process sees it. Every mutating request goes through the faults."""

    name = "toy"
    kinds: Mapping[str, Kind] = KINDS

    def __init__(self, vendor: Vendor, life: Life, kinds: Mapping[str, Kind] = KINDS) -> None:
        self._vendor, self._life = vendor, life
        self.kinds = kinds

    async def instance(self) -> str:
        return "toy-1"

    async def close(self) -> None:
        return None

    # --- reading

    async def observe(self, scope: Scope) -> Snapshot:
        observed: dict[Address, Observed] = {}
        seen: set[tuple[str, str | None]] = set()
        for target in scope.targets:
            observed[target.address] = one = await self._look(target, by_list=target.ref is None)
            seen.update((target.address.kind, each.ref) for each in (one, *one.twins))
        strays = [
            self._observed(target_of(thing.marker, tenant), kind, thing)
            for tenant, owner in scope.owners.items()
            for kind in self.kinds
            for thing in self._listed(kind)
            if thing.marker.owner == owner and (kind, thing.ref) not in seen
        ]
        return Snapshot(observed, tuple(strays))

    async def read(self, target: Target) -> Observed:
        return await self._look(target, by_list=False)

    async def find(self, target: Target, intent: str) -> Sequence[Observed]:
        await asyncio.sleep(0)
        kind = target.address.kind
        found = [thing for thing in self._listed(kind) if thing.marker.same_object(target.marker)]
        return [self._observed(target, kind, thing) for thing in found]

    async def gone(self, target: Target) -> Proof:
        seen = await self._look(target, by_list=False)
        if seen.presence is Presence.ABSENT:
            return Proof(Verdict.DELETED, "looked for it by id: not there")
        return Proof(Verdict.UNVERIFIED, "it is still there")

    async def ready(self, target: Target) -> Ready:
        if target.address.kind == "flow":
            thing = self._vendor.things.get(("flow", target.ref or ""))
            if thing is None or not thing.active:
                return Ready(Readiness.BROKEN, "it is not active")
        return Ready(Readiness.READY)

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> Sequence[ProbeResult]:
        """The flow's key must be there: deleting it too early leaves a dead flow."""
        if target.address.kind != "flow":
            return []
        ok = ("key", str(target.props.get("key"))) in self._vendor.things
        return [ProbeResult(target.address, "its key is there", ok)]

    async def _look(self, target: Target, *, by_list: bool) -> Observed:
        await asyncio.sleep(0)
        kind = target.address.kind
        if kind == "signal":
            return self._signal(target)
        found = self._candidates(kind, target, by_list)
        if not found:
            return Observed.absent(target.address)
        seen = [self._observed(target, kind, thing) for thing in found]
        return replace(seen[0], twins=tuple(seen[1:]))

    def _candidates(self, kind: str, target: Target, by_list: bool) -> list[Thing]:
        things = self._listed(kind) if by_list else self._vendor.of(kind)
        if target.ref is not None:
            return [thing for thing in things if thing.ref == target.ref]
        if self.kinds[kind].identity is Identity.CHOSEN:
            return [thing for thing in self._vendor.of(kind) if thing.ref == target.props.get("name")]
        return [thing for thing in self._listed(kind) if thing.marker.same_object(target.marker)]

    def _listed(self, kind: str) -> list[Thing]:
        """Lists lag, except of what is found by its own name."""
        lag = 0.0 if self.kinds[kind].identity is Identity.CHOSEN else LIST_LAG
        now = self._vendor.clock.now()
        return sorted((one for one in self._vendor.of(kind) if one.at + lag <= now), key=lambda one: one.at)

    def _signal(self, target: Target) -> Observed:
        now = self._vendor.clock.now()
        live = [one for one in self._vendor.of("flow") if one.active and one.active_at + SIGNAL_LAG <= now]
        mine = [one for one in live if one.marker.owner == target.marker.owner]
        if not mine:
            return Observed.absent(target.address)
        return Observed(target.address, Presence.PRESENT, "signal", {"of": mine[0].ref}, {"id": "signal"}, mine[0].ref)

    def _observed(self, target: Target, kind: str, thing: Thing) -> Observed:
        props = dict(thing.props)
        if kind == "flow":
            props["active"] = thing.active
        if kind == "hook":
            outputs = {"id": thing.ref}
        else:
            outputs = {"id": thing.ref, **{key: value for key, value in props.items() if isinstance(value, str)}}
        return Observed(
            target.address,
            Presence.PRESENT,
            thing.ref,
            props,
            outputs,
            digest([props, thing.ref]),
            thing.marker,
            active=thing.active if kind == "flow" else None,
        )

    # --- changing

    async def execute(self, call: Call) -> Outcome:
        if call.target.address.kind == "signal":
            raise Refused("TEMO790", "a signal is only watched")
        match call.verb:
            case Verb.CREATE:
                return await self._create(call)
            case Verb.UPDATE:
                return await self._update(call)
            case Verb.DELETE:
                return await self._delete(call)

    async def _send(self, call: Call, label: str, perform: Callable[[], Any]) -> Any:
        return await self._vendor.faults.request(
            self._life, f"{label} {call.target.address.tail}", call.permit.check, perform
        )

    async def _create(self, call: Call) -> Outcome:
        kind = call.target.address.kind
        thing: Thing = await self._send(call, "post", lambda: self._post(kind, call))
        if kind == "flow":
            await self._send(call, "activate", lambda: self._activate(thing.ref))
        issued = {HOOK_SECRET: Secret(thing.issued)} if kind == "hook" else {}
        return Outcome(thing.ref, dict(self._observed(call.target, kind, thing).outputs), issued)

    def _post(self, kind: str, call: Call) -> Thing:
        vendor, now = self._vendor, self._vendor.faults.now()
        props = {key: value for key, value in _plain(call.props).items() if key != "active"}
        if kind == "account" and call.intent in vendor.keys:
            return vendor.things[kind, vendor.keys[call.intent]]
        if self.kinds[kind].identity is Identity.CHOSEN:
            ref = str(call.props["name"])
            there = vendor.things.get((kind, ref))
            if there is not None and not there.marker.same_object(call.marker):
                raise Conflict("TEMO790", "the name is taken")
            if there is not None:
                there.props, there.hidden = props, _secrets(call.props)
                return there
        else:
            ref = vendor.number()
        thing = Thing(ref, call.marker, props, now, active=kind != "flow", hidden=_secrets(call.props))
        thing.issued = f"issued-with-{ref}"
        if kind == "account":
            vendor.keys[call.intent] = ref
        return vendor.add(kind, thing)

    def _activate(self, ref: str) -> None:
        thing = self._vendor.things["flow", ref]
        thing.active, thing.active_at = True, self._vendor.faults.now()

    async def _update(self, call: Call) -> Outcome:
        kind, ref = call.target.address.kind, str(call.target.ref)
        if (kind, ref) not in self._vendor.things:
            raise Conflict("TEMO790", "it is gone")
        await self._send(call, "put", lambda: self._put(kind, ref, call))
        if kind == "flow":
            await self._send(call, "activate", lambda: self._activate(ref))
        outputs = dict(self._observed(call.target, kind, self._vendor.things[kind, ref]).outputs)
        return Outcome(ref, outputs)

    def _put(self, kind: str, ref: str, call: Call) -> None:
        thing = self._vendor.things[kind, ref]
        thing.props = {key: value for key, value in _plain(call.props).items() if key != "active"}
        thing.hidden = _secrets(call.props)

    async def _delete(self, call: Call) -> Outcome:
        kind, ref = call.target.address.kind, str(call.target.ref)
        if kind == "flow" and (thing := self._vendor.things.get((kind, ref))) is not None and thing.active:
            await self._send(call, "deactivate", lambda: self._deactivate(ref))
        await self._send(call, "delete", lambda: self._vendor.things.pop((kind, ref), None))
        return Outcome(ref)

    def _deactivate(self, ref: str) -> None:
        self._vendor.things["flow", ref].active = False


def target_of(marker: Marker, tenant: str) -> Target:
    """The target that a stray's own marker names."""
    return Target(Address(tenant, "toy", marker.kind, marker.name), replace(marker, intent=None))
