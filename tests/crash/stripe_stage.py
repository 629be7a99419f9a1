"""Stripe on its stand-in, in process and through the real SDK, as a stage: catalogue, events, and a tenant that pays.

Apart from the other systems, because what is asked here of each schedule is its own: nobody has two subscriptions,
and the vault has the secret that events are signed with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Context, Scope, System, Target
from temoctl.engine.throttle import Throttle
from temoctl.model.address import Address
from temoctl.model.identity import Marker, Owner, object_name
from temoctl.model.kind import Kind
from temoctl.model.resource import Desired, Observed, Presence, Recorded
from temoctl.model.secret import Secret
from temoctl.model.value import Props, ref
from temoctl.systems.stripe import plugin
from temoctl.systems.stripe.fake import FakeStripe
from temoctl.systems.stripe.fake_store import CUSTOMERS, ENDPOINTS, GRANTS, SUBSCRIPTIONS
from temoctl.systems.stripe.fake_subscriptions import ENDED
from temoctl.systems.stripe.kinds import WEBHOOK_SECRET
from temoctl.systems.stripe.seen import marker_of
from temoctl.systems.stripe.settings import StripeSettings
from tests.crash.faults import Faults, Life
from tests.crash.real_stage import LifeTransport
from tests.crash.scenario import TENANT, Spec
from tests.crash.variants import UID

URL, KEY = "http://stripe.test", "sk_test_canaryCanary0123456789"
_REMOVED = ("payment", "subscription", "endpoint", "grant")


def at(kind: str, name: str) -> Address:
    return Address(TENANT, "stripe", kind, name)


PLANS = ("start", "business")
FEATURE, ENDPOINT, PORTAL = at("feature", "comments"), at("endpoint", "events"), at("portal", "default")
CUSTOMER, SUBSCRIPTION = at("customer", "billing"), at("subscription", "plan")


class StripeStage:
    """Implements stage.Stage. Whoever is a customer gives a card before the next life begins."""

    secrets: Mapping[str, Secret] = {}
    unmarked: frozenset[str] = frozenset()
    root = ""

    def __init__(self, clock: VirtualClock, change: Callable[[Mapping[str, Kind]], Mapping[str, Kind]]) -> None:
        self._clock = clock
        self.faults = Faults((), clock)
        self.kinds = change({kind.key: kind for kind in plugin.kinds.values()})
        self.fake = FakeStripe(clock, key=KEY)
        self._owner: Owner | None = None

    def wanted(self, spec: Spec, owner: Owner) -> Sequence[Desired]:
        self._owner = owner
        match spec:
            case Spec.NOTHING:
                return []
            case Spec.SMALL:
                return _world(owner, "one", 2900, "start", ["invoice.paid"])
            case Spec.CHANGED:
                return _world(owner, "two", 3100, "business", ["invoice.paid", "invoice.payment_failed"])
            case Spec.FEWER:
                kept = _world(owner, "one", 2900, "start", ["invoice.paid"])
                return [one for one in kept if one.address.kind not in _REMOVED]

    async def systems(self, life: Life) -> Mapping[str, System]:
        for customer in self.fake.customers():
            if customer["invoice_settings"]["default_payment_method"] is None:
                await self.fake.give_card(customer["id"])
        transport = LifeTransport({URL: self.fake}, lambda: self.faults, life)
        slots = Throttle(plugin.limits, self._clock)
        context = Context(clock=self._clock, slots=slots, secrets={"api_key": Secret(KEY)}, transport=transport)
        settings = StripeSettings.model_validate({"url": URL, "api_key": {"env": "STRIPE_KEY"}})
        return {"stripe": await plugin.connect(settings, context)}

    async def land(self) -> None:
        self.faults.land()
        await self.fake.land_late_effects()

    async def things(self) -> Sequence[tuple[Address, str]]:
        """What the system itself finds of ours by name and marker; and grants, which have neither."""
        if self._owner is None:
            return []
        owner = self._owner
        await self.land()
        quiet, faults = Faults((), self._clock), self.faults
        self.faults = quiet
        targets = tuple(
            Target(one.address, Marker(owner, one.address.kind, one.address.name), None, _blind(one.props))
            for one in self.wanted(Spec.CHANGED, owner)
            if one.address.kind not in ("grant", "payment")
        )
        (system,) = (await self.systems(Life())).values()
        snapshot = await system.observe(Scope(targets, {TENANT: owner}))
        await system.close()
        self.faults = faults
        seen = [*snapshot.observed.values(), *snapshot.strays]
        found = {pair for one in seen for pair in _present(one)}
        found |= {(at("grant", "business-comments"), str(row["id"])) for row in self._table(GRANTS)}
        return sorted(found)

    def _table(self, name: str) -> list[dict[str, object]]:
        return list(self.fake.ledger.table(name).values())

    def broken(self, records: Mapping[Address, Recorded], secrets: Mapping[str, Secret]) -> Sequence[str]:
        """A secret that isn't the endpoint's; a customer who pays twice; a plan that isn't the one on record."""
        kept = secrets.get(WEBHOOK_SECRET)
        found = [
            f"{ENDPOINT}: the vault doesn't have its secret"
            for one in self.fake.ledger.table(ENDPOINTS)
            if kept != Secret(self.fake.events.secret(one))
        ]
        for row in self.fake.ledger.table(CUSTOMERS).values():
            paid = [one for one in self._living() if one["customer"] == row["id"]]
            if len(paid) > 1 or any(len(one["items"]["data"]) != 1 for one in paid):
                found.append(f"{CUSTOMER}: {row['id']} pays more than once")
        for row in self._living():
            record, marker = records.get(SUBSCRIPTION), marker_of(row)
            if record is None or marker is None or row["id"] != record.ref:
                continue
            if row["items"]["data"][0]["price"]["product"] != record.resolved["product"]:
                found.append(f"{SUBSCRIPTION}: it is of another plan than the record says")
        return found

    def _living(self) -> list[dict[str, object]]:
        return [row for row in self.fake.ledger.table(SUBSCRIPTIONS).values() if row["status"] not in ENDED]


def _present(seen: Observed) -> set[tuple[Address, str]]:
    return {
        (one.address, str(one.ref))
        for one in (replace(seen, twins=()), *seen.twins)
        if one.presence is Presence.PRESENT and one.marker is not None and one.marker.owner.uid == UID
    }


def _blind(props: Props) -> Props:
    """Props for looking only: references stay leaves, which no vendor knows."""
    return {key: value for key, value in props.items() if not isinstance(value, dict) or "$ref" not in value}


def _desired(where: Address, props: Props) -> Desired:
    return Desired(where, props, where.tail)


def _world(owner: Owner, text: str, amount: int, plan: str, events: Sequence[str]) -> list[Desired]:
    return [
        *(_product(owner, name, text) for name in PLANS),
        *(_price(owner, name, amount) for name in PLANS),
        _desired(FEATURE, {"lookup_key": object_name(owner, "comments"), "name": f"Comments {text}", "active": True}),
        _desired(
            at("grant", "business-comments"), {"product": ref(at("product", "business")), "feature": ref(FEATURE)}
        ),
        _desired(ENDPOINT, {"url": "https://temoctl.example/events", "events": list(events), "description": text}),
        _desired(
            PORTAL, {"headline": f"Yours, {text}", "features": {"invoice_history": {"enabled": True}}, "active": True}
        ),
        _desired(CUSTOMER, {"name": "Acme", "email": f"{text}@acme.example", "country": "DE"}),
        _desired(
            SUBSCRIPTION,
            {
                "customer": ref(CUSTOMER),
                "product": ref(at("product", plan)),
                "currency": "eur",
                "interval": "month",
                "price_for_new": ref(at("price", plan)),
                "trial_days": 14,
                "trial_end_behaviour": "pause",
            },
        ),
        _desired(
            at("payment", "subscribe"),
            {"customer": ref(CUSTOMER), "subscription": ref(SUBSCRIPTION), "success_url": "https://acme.example"},
        ),
    ]


def _product(owner: Owner, plan: str, text: str) -> Desired:
    props = {"id": object_name(owner, plan), "name": f"{plan} {text}", "description": "", "active": True}
    return _desired(at("product", plan), props)


def _price(owner: Owner, plan: str, amount: int) -> Desired:
    props = {"product": ref(at("product", plan)), "currency": "eur", "unit_amount": amount, "interval": "month"}
    return _desired(at("price", plan), {**props, "lookup_key": object_name(owner, plan), "active": True})
