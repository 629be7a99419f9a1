"""A small model of what applying a plan does to the world and to the records: the oracle of the property tests.

It knows no planner rule: it carries out steps, one after the other, as an ideal engine on ideal systems would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from temoctl.model.address import Address
from temoctl.model.identity import Identity, Marker, Owner
from temoctl.model.kind import Impact, Kind, ReplaceOrder
from temoctl.model.plan import Mode, RecordedTenant, TenantPlan, View
from temoctl.model.resource import Desired, Doubt, Observed, Presence, Recorded
from temoctl.model.step import Action, Step
from temoctl.model.value import UNKNOWN, Json, substitute
from temoctl.planner import plan_tenant

OWNER = Owner("0123456789", "acme000000000000")
OTHER = Owner("0123456789", "other00000000000")


def _tidy(props: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value.strip() if isinstance(value, str) else value for key, value in props.items() if key != "file"}


KINDS: Mapping[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind("db", "schema", "schema", Identity.CHOSEN, immutable=frozenset({"fixed"}), data=True, reversible=False),
        Kind(
            "db",
            "file",
            "file",
            Identity.CHOSEN,
            immutable=frozenset({"fixed"}),
            replace=ReplaceOrder.DELETE_FIRST,
            normalise=_tidy,
        ),
        Kind(
            "n8n",
            "credential",
            "login",
            Identity.LOOKUP,
            immutable=frozenset({"fixed"}),
            write_only=frozenset({"data"}),
        ),
        Kind(
            "n8n",
            "workflow",
            "workflow",
            Identity.LOOKUP,
            partial=frozenset({"settings"}),
            foreseen=frozenset({"asked"}),
            impact={"nodes": Impact.PAUSE, "delete": Impact.CUSTOMERS},
        ),
        Kind("pay", "hook", "hook", Identity.ISSUED_ONCE),
        Kind(
            "bot", "bot", "bot", Identity.CHOSEN, write_only=frozenset({"token"}), observe_secrets=frozenset({"token"})
        ),
        Kind(
            "bot",
            "webhook",
            "webhook",
            Identity.WITNESS,
            write_only=frozenset({"token"}),
            observe_secrets=frozenset({"token"}),
        ),
        Kind("bot", "gate", "consent", Identity.GATE),
    )
}


@dataclass(slots=True)
class Thing:
    """One object at a vendor."""

    ref: str
    props: dict[str, Json]
    marker: Marker | None
    active: bool | None = None


@dataclass(slots=True)
class Simulation:
    """One tenant's records and its objects, by address; `extra` are further objects with the same marker."""

    desired: dict[Address, Desired]
    records: dict[Address, Recorded] = field(default_factory=dict)
    things: dict[Address, Thing] = field(default_factory=dict)
    extra: dict[Address, list[Thing]] = field(default_factory=dict)
    doubts: dict[Address, Doubt] = field(default_factory=dict)
    intents: set[str] = field(default_factory=set)
    open_intents: tuple[str, ...] = ()
    touched: set[Address] = field(default_factory=set)  # what a witness can see the doings of
    numbers: Any = field(default_factory=lambda: count(1))
    log: list[str] = field(default_factory=list)

    def recorded(self) -> RecordedTenant:
        return RecordedTenant(
            "acme",
            OWNER.uid,
            len(self.log),
            "",
            dict(self.records),
            self.open_intents,
            known_intents=frozenset(self.intents),
        )

    def view(self, shuffle: Callable[[list[Address]], list[Address]] = sorted) -> View:
        asked = {*self.desired, *self.records}
        observed = {address: self._observe(address) for address in shuffle(list(asked))}
        strays = [
            self._seen(address, thing)
            for address in {*self.things, *self.extra} - asked
            for thing in [*([self.things[address]] if address in self.things else []), *self.extra.get(address, [])]
        ]
        return View(observed, tuple(sorted(strays, key=lambda one: str((one.address, one.ref)))))

    def plan(self, mode: Mode = Mode.APPLY, **changes: Any) -> TenantPlan:
        given: dict[str, Any] = {
            "uid": OWNER.uid,
            "new": not self.records,
            "desired": self.desired,
            "recorded": self.recorded(),
            "view": self.view(),
            "kinds": KINDS,
            "mode": mode,
            "known": lambda address, output: UNKNOWN,
            "platform_in_run": True,
        }
        return plan_tenant("acme", **{**given, **changes})

    def _observe(self, address: Address) -> Observed:
        if address in self.doubts:
            return Observed.unknown(address, self.doubts[address], "in doubt")
        kind = KINDS.get(address.kind_key)
        if kind is not None and kind.watched_only:
            return self._watched(address)
        thing = self.things.get(address)
        twins = tuple(self._seen(address, one) for one in self.extra.get(address, []))
        if thing is None:
            return Observed.absent(address) if not twins else replace(twins[0], twins=twins[1:])
        return replace(self._seen(address, thing), twins=twins)

    def _seen(self, address: Address, thing: Thing) -> Observed:
        kind = KINDS[address.kind_key]
        shown = {key: value for key, value in thing.props.items() if key not in kind.write_only}
        return Observed(
            address,
            Presence.PRESENT,
            thing.ref,
            shown,
            {"id": thing.ref},
            fingerprint=f"{thing.ref}:{sorted(shown.items(), key=str)}",
            marker=thing.marker,
            active=thing.active,
        )

    def _watched(self, address: Address) -> Observed:
        wish = self.desired.get(address) or (self.records.get(address) and self.records[address])
        proven = wish.witness_of if wish else None
        fine = proven is None or (proven in self.things and proven in self.touched)
        if wish is None or not fine:
            return Observed.absent(address)
        hidden = KINDS[address.kind_key].write_only
        props = {key: value for key, value in wish.props.items() if key not in hidden}
        return Observed(address, Presence.PRESENT, "watched", props, {"id": "watched"}, fingerprint="w")

    # --- applying ---------------------------------------------------------------------------------------------

    def apply(self, plan: TenantPlan) -> set[str]:
        """Carry out a plan; returns the ids of steps that were done. Asserts that its order is a right one."""
        done: set[str] = set()
        known = {step.id for step in plan.steps}
        passed: set[str] = set()
        for step in plan.steps:
            assert set(step.needs) <= known, "a need outside the plan"
            assert set(step.needs) <= passed, "a step stands before what it needs"
            passed.add(step.id)
            if set(step.needs) <= done and self._do(step):
                done.add(step.id)
                self.log.append(step.id)
        return done

    def _do(self, step: Step) -> bool:
        match step.action:
            case Action.CREATE | Action.REPLACE:
                self._make(step)
            case Action.UPDATE:
                assert step.desired is not None
                thing = self.things[step.address]
                assert thing.ref == step.ref
                thing.props = self._merged(step.desired, thing.props)
                thing.marker = self._marker(step.address)
                self._record(step.desired, thing.ref)
                self.touched.add(step.address)
            case Action.ADOPT:
                self._adopt(step)
            case Action.DELETE:
                self._delete(step)
            case Action.FORGET:
                self.records.pop(step.address, None)
            case Action.WAIT:
                return self._wait(step)
            case Action.ASK:
                return False
        return True

    def _wait(self, step: Step) -> bool:
        seen = self._observe(step.address)
        if seen.presence is not Presence.PRESENT:
            return False
        if step.desired is not None and KINDS[step.address.kind_key].watched_only:
            self._record(step.desired, seen.ref or "")
        return True

    def _make(self, step: Step) -> None:
        assert step.desired is not None
        old = self.things.get(step.address)
        if old is not None:
            self.extra.setdefault(step.address, []).append(old)
        number = next(self.numbers)
        self.things[step.address] = Thing(f"r{number}", self._resolved(step.desired), self._marker(step.address))
        self._record(step.desired, f"r{number}")
        self.touched.add(step.address)

    def _adopt(self, step: Step) -> None:
        assert step.desired is not None
        everyone = [self.things.get(step.address), *self.extra.get(step.address, [])]
        thing = next(one for one in everyone if one is not None and one.ref == step.ref)
        if step.changes or step.repair:
            thing.props = self._merged(step.desired, thing.props)
            self.touched.add(step.address)
        if thing is not self.things.get(step.address):
            others = [one for one in everyone if one is not None and one is not thing]
            self.things[step.address], self.extra[step.address] = thing, others
        self._record(step.desired, thing.ref)

    def _delete(self, step: Step) -> None:
        thing = self.things.get(step.address)
        assert KINDS[step.address.kind_key].watched_only is False
        if thing is not None and thing.ref == step.ref:
            assert thing.marker is None or thing.marker.owner == OWNER
            del self.things[step.address]
        else:
            left = [one for one in self.extra.get(step.address, []) if one.ref != step.ref]
            self.extra[step.address] = left
        if step.id == str(step.address):
            self.records.pop(step.address, None)

    def _marker(self, address: Address) -> Marker:
        intent = f"{next(self.numbers):012d}"
        self.intents.add(intent)
        return Marker(OWNER, address.kind, address.name, intent)

    def _output(self, address: Address, output: str) -> Json:
        return self.records[address].outputs[output]

    def _resolved(self, desired: Desired) -> dict[str, Json]:
        tree: dict[str, Json] = substitute(dict(desired.props), of_ref=self._output)
        return tree

    def _merged(self, desired: Desired, before: Mapping[str, Json]) -> dict[str, Json]:
        return {**before, **self._resolved(desired)}

    def _record(self, desired: Desired, ref: str) -> None:
        self.records[desired.address] = Recorded(
            desired.address,
            ref,
            desired.props,
            self._resolved(desired),
            {"id": ref},
            tuple(sorted(desired.depends_on)),
            protect=desired.protect,
            label=desired.label,
            witness_of=desired.witness_of,
        )
